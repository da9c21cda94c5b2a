"""What a method that explains pixels has to tell and to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from effv2viz.attribution.methods import Unit, find_method
from effv2viz.attribution.running import CountedForward
from effv2viz.suggestions import unknown_name


@dataclass(frozen=True)
class Batch:
    """Pictures that a method explains together.

    Attributes:
        forward: the network.
        images: (n, C, H, W).
        target: (n,) the class of each.
        baseline: (n, C, H, W), for methods that measure against one.
        regions: (n, H, W), for methods that take regions out.
        fitting: how many pictures one forward may hold; at least n.
    """

    forward: CountedForward
    images: Tensor
    target: Tensor
    baseline: Tensor | None
    regions: Tensor | None
    fitting: int

    @property
    def copies(self) -> int:
        """How many changed copies of every picture fit into one forward."""
        return max(1, self.fitting // len(self.images))


class PixelMethod(ABC):
    """A method with its options.

    Attributes:
        name: in the registry.
        gradients: whether it runs backwards.
        one_by_one: whether pictures run alone, since each has regions of its own number.
    """

    name: ClassVar[str]
    gradients: ClassVar[bool]
    one_by_one: ClassVar[bool] = False

    @property
    def baseline(self) -> bool:
        """Whether it measures against a baseline."""
        return find_method(self.name, "pixels").baseline

    @property
    def complete(self) -> bool:
        """Whether its map adds up to F(x) - F(x')."""
        return find_method(self.name, "pixels").complete

    @property
    def signed(self) -> bool:
        """Whether numbers below zero speak against the target."""
        return find_method(self.name, "pixels").signed

    @property
    def unit(self) -> Unit:
        """Of the map."""
        return find_method(self.name, "pixels").unit

    def label(self, images: Tensor) -> Tensor | None:
        """The regions (N, H, W) that it takes out, if it does."""
        return None

    def fitted(self, model: nn.Module, images: Tensor) -> PixelMethod:
        """The method with what was left out filled in for a network in eval mode and pictures (N, C, H, W).

        Raises:
            ValueError: for options that do not fit them.
        """
        return self

    @abstractmethod
    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        """Forwards and backwards for a picture of a size, with so many regions."""

    @abstractmethod
    def run(self, batch: Batch) -> Tensor:
        """The map (n, C or 1, H, W)."""


Chosen = TypeVar("Chosen", bound=PixelMethod)


def with_options(method: type[Chosen], **options: Any) -> Chosen:
    """The method with options.

    Raises:
        ValueError: for an option that it does not have or cannot take.
    """
    known = [option.name for option in fields(method)]  # type: ignore[arg-type]
    for option in options:
        if option not in known:
            raise unknown_name(f"option of {method.name}", option, known)
    return method(**options)


def at_least(least: int, **options: int) -> None:
    """Refuses options that are no whole numbers, or too small.

    Raises:
        ValueError: which option, and its value.
    """
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}={value!r}: use a whole number of at least {least}")
