"""A mapping from the names of sites to what is known of each; a name that is not there lists the nearest ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from effv2viz.suggestions import unknown_name

T = TypeVar("T")


class BySite(Mapping[str, T]):
    """An immutable mapping by site, in the order of the network."""

    def __init__(self, sites: Mapping[str, T]) -> None:
        self._sites = dict(sites)

    def __getitem__(self, name: str) -> T:
        if name not in self._sites:
            raise KeyError(str(unknown_name("site", str(name), self._sites)))
        return self._sites[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sites)

    def __len__(self) -> int:
        return len(self._sites)
