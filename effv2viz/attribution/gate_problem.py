"""What is asked of the gates: F(gate) - F(baseline), for some images and a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Union

import torch
from torch import Tensor

from effv2viz.attribution.gate_model import GateModel
from effv2viz.probing.replay import Effect

Setting = Union[Tensor, Callable[[Tensor], Tensor], None]


@dataclass(frozen=True)
class GateProblem:
    """A question about gates, and the network that answers it.

    Attributes:
        gates: the network with gates as inputs.
        images: (N, C, H, W).
        target: (N,) the class whose logit F is.
        own: {site: (N, C)}, the network's own gates, at all sites.
        baseline: {site: (N, C)}, at the sites that are explained.
        effect: whether other gates are held ("direct") or later ones respond ("total").
        together: pictures that fit into memory at once.
    """

    gates: GateModel
    images: Tensor
    target: Tensor
    own: dict[str, Tensor]
    baseline: dict[str, Tensor]
    effect: Effect
    together: int

    @property
    def names(self) -> list[str]:
        """The sites that are explained, in the order of the network."""
        return [name for name in self.own if name in self.baseline]

    def batches(self) -> Iterator[slice]:
        """Slices of the images that fit into memory."""
        for start in range(0, len(self.images), self.together):
            yield slice(start, start + self.together)

    def logit(self, settings: Mapping[str, Setting], images: Tensor, target: Tensor) -> Tensor:
        """F (N,) with the gates of some sites set; those that are not named are the network's own."""
        gates = [settings.get(site.name) for site in self.gates.sites]
        return self.gates(*gates, images).gather(1, target[:, None])[:, 0]

    def others(self, some: slice) -> dict[str, Tensor]:
        """The gates that are held while one site's change: all of them for a direct effect, none for a total one."""
        return {name: gate[some] for name, gate in self.own.items()} if self.effect == "direct" else {}

    def at_baseline(self, names: list[str]) -> Tensor:
        """F (N,) with the gates of these sites at the baseline."""
        with torch.no_grad():
            return torch.cat(
                [
                    self.logit(
                        {**self.others(some), **{name: self.baseline[name][some] for name in names}},
                        self.images[some],
                        self.target[some],
                    )
                    for some in self.batches()
                ]
            )
