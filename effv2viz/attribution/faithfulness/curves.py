"""Deletion and insertion: how the target's probability goes when pixels leave or come, the most important first.

Source: Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models" (arXiv 1806.07421). What
is measured depends on the baseline, and half-deleted pictures are none that the network has seen.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from effv2viz.attribution.faithfulness.maps import checked_maps, class_of, must_vary
from effv2viz.attribution.picture_baselines import PictureBaseline, picture_baseline
from effv2viz.attribution.pixels import PixelAttribution
from effv2viz.attribution.running import counted
from effv2viz.probing.ablation import checked_target
from effv2viz.probing.guards import checked_images, eager


@dataclass(frozen=True, eq=False)
class Curve:
    """The target's probability over the share of pixels that were changed.

    Attributes:
        share: (P,) of the pixels, from 0 to 1.
        probability: (N, P) of the target.
    """

    share: Tensor
    probability: Tensor

    @property
    def area(self) -> Tensor:
        """(N,) under the curve: its mean height. Low is good for deletion, high for insertion."""
        return torch.trapezoid(self.probability, self.share, dim=1)


def deletion_curve(
    model: nn.Module,
    images: Tensor,
    attribution: PixelAttribution | Tensor,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    baseline: PictureBaseline = "black",
    points: int = 33,
    batch_size: int = 64,
    seed: int = 0,
    cancel: threading.Event | None = None,
) -> Curve:
    """Pixels take the baseline, those that speak most for the target first.

    Args:
        model: the network; it is left as it was.
        images: (N, C, H, W).
        attribution: of the same pictures, or its map (N, H, W) or (N, C, H, W).
        target: the class: an int, or one for each picture; where left out, what the attribution is for, or the
            predicted class.
        baseline: see ``picture_baseline``.
        points: of the curve, at equal distances, with both ends.
        batch_size: pictures per forward.
        seed: of the order of pixels with equal numbers.
        cancel: once it is set, the call raises ``AttributionCancelledError`` before its next forward.

    Raises:
        ValueError: for maps of another shape, with NaN, or with the same number everywhere.
        AttributionCancelledError: if it was cancelled.
    """
    return _curve(model, images, attribution, target, baseline, points, batch_size, seed, cancel, delete=True)


def insertion_curve(
    model: nn.Module,
    images: Tensor,
    attribution: PixelAttribution | Tensor,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    baseline: PictureBaseline = "blur",
    points: int = 33,
    batch_size: int = 64,
    seed: int = 0,
    cancel: threading.Event | None = None,
) -> Curve:
    """Pixels come back into the baseline, those that speak most for the target first.

    Args and errors are those of ``deletion_curve``.
    """
    return _curve(model, images, attribution, target, baseline, points, batch_size, seed, cancel, delete=False)


@torch.no_grad()
def _curve(
    model: nn.Module,
    images: Tensor,
    attribution: PixelAttribution | Tensor,
    target: int | Sequence[int] | Tensor | None,
    baseline: PictureBaseline,
    points: int,
    batch_size: int,
    seed: int,
    cancel: threading.Event | None,
    *,
    delete: bool,
) -> Curve:
    model = eager(model)
    images = checked_images(model, images)
    n, _, height, width = images.shape
    maps = checked_maps(attribution, (n, height, width))
    must_vary(maps, "order of pixels")
    target = class_of(attribution, target)
    if points < 2 or batch_size < 1:
        raise ValueError(f"points={points}, batch_size={batch_size}: use at least 2 points, and 1 picture")
    start = picture_baseline(model, images, baseline)
    place = _places(maps, seed)  # (N, H, W)
    share = torch.linspace(0, 1, points, device=images.device)
    with counted(model, cancel, False, n * (points + 1), "curve") as forward:
        classes = checked_target(target, forward.without_gradients(images, batch_size))
        probability = torch.empty(n, points, device=images.device)
        for image in range(n):
            changed = place[image] < share[:, None, None] * height * width  # (P, H, W)
            kept = changed[:, None] ^ delete  # True where the picture shows
            mixed = torch.where(kept, images[image], start[image])  # (P, C, H, W)
            answers = forward.without_gradients(mixed, batch_size)
            probability[image] = answers.softmax(1)[:, classes[image]]
    return Curve(share, probability)


def _places(maps: Tensor, seed: int) -> Tensor:
    """The place of every pixel in the order, (N, H, W) from 0; pixels with equal numbers stand in random order.

    In reading order, maps of regions and windows would be measured by how the picture lies on the page.
    """
    flat = maps.flatten(1)
    shuffled = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed)).to(maps.device)
    order = shuffled[flat[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    return order.argsort(dim=1).view_as(maps)
