"""Infidelity and max-sensitivity.

Source: Yeh et al., "On the (In)fidelity and Sensitivity of Explanations" (arXiv 1901.09392).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from effv2viz.attribution.faithfulness.maps import checked_maps, class_of
from effv2viz.attribution.picture_baselines import PictureBaseline, picture_baseline
from effv2viz.attribution.pixels import PixelAttribution
from effv2viz.probing.ablation import checked_target
from effv2viz.probing.guards import checked_images, eager, undisturbed


def draw_squares(height: int, width: int, samples: int, seed: int = 0) -> Tensor:
    """Random squares of a picture, (S, H, W) bool: sides from an eighth to a half of the shorter side, anywhere."""
    generator = torch.Generator().manual_seed(seed)
    shorter = min(height, width)
    sides = torch.randint(max(1, shorter // 8), shorter // 2 + 1, (samples,), generator=generator)
    corners = torch.rand(2, samples, generator=generator)
    top, left = ((corner * (size - sides + 1)).long() for corner, size in zip(corners, (height, width), strict=True))
    y, x = torch.arange(height)[:, None], torch.arange(width)
    return torch.stack(
        [
            (y >= t) & (y < t + side) & (x >= c) & (x < c + side)
            for t, c, side in zip(top.tolist(), left.tolist(), sides.tolist(), strict=True)
        ]
    )


@torch.no_grad()
def infidelity(
    model: nn.Module,
    images: Tensor,
    attribution: PixelAttribution,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    baseline: PictureBaseline = "black",
    samples: int = 100,
    batch_size: int = 64,
    seed: int = 0,
) -> Tensor:
    """How badly the map foretells what the logit loses when a square takes the baseline; 0 is best.

    The foretold loss is the map's sum over the square; for maps of slopes it is the sum of slope times change. It is
    scaled by the factor that fits best, and the mean squared error is divided by the mean squared loss, so neither the
    scale of the map nor that of the logits counts. 1 is what a map of zeros would get.

    Args:
        model: the network; it is left as it was.
        images: (N, C, H, W).
        attribution: of the same pictures.
        target: the class; where left out, what the attribution is for, or the predicted class.
        baseline: see ``picture_baseline``.
        samples: squares, the same for every picture.
        batch_size: pictures per forward.
        seed: of the squares.

    Returns:
        (N,) from 0 to 1; NaN where no square changes the logit.

    Raises:
        ValueError: for maps of another shape or with NaN.
    """
    model = eager(model)
    images = checked_images(model, images)
    n, _, height, width = images.shape
    maps = checked_maps(attribution, (n, height, width))
    target = class_of(attribution, target)
    if samples < 1 or batch_size < 1:
        raise ValueError(f"samples={samples}, batch_size={batch_size}: use at least 1")
    start = picture_baseline(model, images, baseline)
    if attribution.unit == "slope":
        maps = (attribution.map * (images - start)).sum(1)
    squares = draw_squares(height, width, samples, seed).to(images.device)
    foretold = torch.einsum("nhw,shw->ns", maps.double(), squares.double())
    with undisturbed(model):
        logits = torch.cat([model(some) for some in images.split(batch_size)])
        classes = checked_target(target, logits)
        lost = torch.empty(n, samples, dtype=torch.float64, device=images.device)
        for image in range(n):
            changed = torch.where(squares[:, None], start[image], images[image])  # (S, C, H, W)
            answers = torch.cat([model(some) for some in changed.split(batch_size)])
            lost[image] = (logits[image] - answers)[:, classes[image]].double()
    together, own = (foretold * lost).sum(1), foretold.square().sum(1)
    explained = torch.where(own > 0, together.square() / own, 0.0)
    return 1 - explained / lost.square().sum(1)


def max_sensitivity(
    explain: Callable[[Tensor], PixelAttribution | Tensor],
    images: Tensor,
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
) -> Tensor:
    """How far the map moves, at most, when the picture moves a little: the largest relative distance found.

    Args:
        explain: from pictures (N, C, H, W) to their attribution or map. It must hold the target fixed, or maps of two
            classes may be compared.
        images: (N, C, H, W).
        radius: the most that a number of the input moves.
        samples: moved copies of every picture.
        seed: of the moves, which are the same for every picture.

    Returns:
        (N,) the Euclidean distance from the map to the moved picture's map, as a share of the map's length.

    Raises:
        ValueError: for maps that are zero everywhere, or hold NaN.
    """
    if not radius > 0 or samples < 1:
        raise ValueError(f"radius={radius}, samples={samples}: use a radius above 0, and at least 1 sample")
    generator = torch.Generator().manual_seed(seed)
    own = _flat_maps(explain(images))
    length = own.norm(dim=1)
    if bool((length == 0).any()):
        zero = (length == 0).nonzero().flatten().tolist()
        raise ValueError(f"the maps of pictures {zero[:5]} are zero everywhere: they cannot move")
    farthest = torch.zeros_like(length)
    for _ in range(samples):
        move = radius * (2 * torch.rand(images.shape[1:], generator=generator) - 1)
        moved = _flat_maps(explain(images + move.to(images)))
        farthest = torch.maximum(farthest, (moved - own).norm(dim=1) / length)
    return farthest


def _flat_maps(attribution: PixelAttribution | Tensor) -> Tensor:
    """The map (N, P)."""
    maps = attribution.map if isinstance(attribution, PixelAttribution) else attribution
    if not bool(torch.isfinite(maps).all()):
        raise ValueError("the maps hold NaN or infinite numbers")
    return maps.detach().flatten(1)
