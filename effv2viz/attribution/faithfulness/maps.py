"""Maps as the measures take them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from effv2viz.attribution.pixels import PixelAttribution


def checked_maps(attribution: PixelAttribution | Tensor, shape: tuple[int, int, int]) -> Tensor:
    """A number for every pixel, (N, H, W).

    Args:
        attribution: an attribution, or its map (N, H, W) or (N, C, H, W), whose colours are added up.
        shape: the N, H and W that it must have.

    Raises:
        ValueError: if it has another shape, or NaN in it.
    """
    maps = attribution.per_pixel() if isinstance(attribution, PixelAttribution) else attribution
    maps = maps.sum(1) if maps.ndim == 4 else maps
    if tuple(maps.shape) != shape:
        raise ValueError(f"the attribution has shape {tuple(maps.shape)}, and the pictures {shape} (N, H, W)")
    if not bool(torch.isfinite(maps).all()):
        bad = (~torch.isfinite(maps)).flatten(1).any(1).nonzero().flatten().tolist()
        raise ValueError(f"the maps of pictures {bad[:5]} hold NaN or infinite numbers")
    return maps.detach()


def class_of(
    attribution: PixelAttribution | Tensor, target: int | Sequence[int] | Tensor | None
) -> int | Sequence[int] | Tensor | None:
    """The class that is measured: the one given, or the attribution's own, or None where neither says.

    Raises:
        ValueError: for an attribution of a gate, which says nothing of any class.
    """
    if not isinstance(attribution, PixelAttribution):
        return target
    if attribution.target is None and attribution.method != "random":
        raise ValueError(f"the attribution explains {attribution.explains}, and this measures the logit of a class")
    return attribution.target if target is None else target


def must_vary(maps: Tensor, what: str) -> None:
    """Refuses maps (N, H, W) that say the same of every pixel.

    Raises:
        ValueError: naming the pictures.
    """
    flat = maps.flatten(1)
    constant = (flat == flat[:, :1]).all(1).nonzero().flatten().tolist()
    if constant:
        raise ValueError(f"the maps of pictures {constant[:5]} are the same everywhere: there is no {what} in them")
