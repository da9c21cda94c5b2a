"""Regions: the parts of a picture that are taken out together, as a grid or as superpixels."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from effv2viz.suggestions import unknown_name

Regions = Literal["grid", "superpixels"] | Tensor
REGIONS = ("grid", "superpixels")


def label_regions(images: Tensor, regions: Regions, count: int) -> Tensor:
    """The region of every pixel.

    Args:
        images: (N, C, H, W).
        regions: ``"grid"``: equal rectangles; ``"superpixels"``: patches of one colour; or labels of your own, whole
            numbers (H, W) or (N, H, W).
        count: about how many regions a grid or superpixels have.

    Returns:
        (N, H, W) int64, from 0 without a gap in each picture.

    Raises:
        ValueError: for an unknown name, a count that does not fit into the picture, or labels of the wrong shape.
    """
    n, _, height, width = images.shape
    if isinstance(regions, Tensor):
        if regions.shape[-2:] != (height, width) or regions.ndim > 3 or (regions.ndim == 3 and len(regions) != n):
            raise ValueError(
                f"regions have shape {tuple(regions.shape)}: use ({height}, {width}) for all pictures, "
                f"or ({n}, {height}, {width})"
            )
        if regions.is_floating_point() or regions.dtype == torch.bool:
            raise ValueError(f"regions are of type {regions.dtype}: use whole numbers, one for each region")
        return torch.stack([_without_gaps(labels) for labels in regions.to(images.device).expand(n, height, width)])
    if not 1 <= count <= height * width:
        raise ValueError(f"count={count}: a picture of {height} x {width} has 1 to {height * width} regions")
    if regions == "grid":
        return grid(height, width, count).to(images.device).expand(n, height, width)
    if regions == "superpixels":
        return torch.stack([superpixels(image, count) for image in images])
    raise unknown_name("regions", regions, REGIONS)


def grid(height: int, width: int, count: int) -> Tensor:
    """Labels (H, W) of about ``count`` equal cells, row by row."""
    rows = min(height, max(1, round(math.sqrt(count * height / width))))
    columns = min(width, max(1, round(count / rows)))
    down = torch.arange(height) * rows // height
    across = torch.arange(width) * columns // width
    return down[:, None] * columns + across


def superpixels(image: Tensor, count: int, *, compactness: float = 0.5, rounds: int = 10) -> Tensor:
    """Labels (H, W) of about ``count`` patches of similar colour, as SLIC makes them.

    K-means on colour and place, begun on a grid. Unlike the published method every pixel looks at every centre, in the
    network's own normalised colours, and far pieces of one patch stay one.

    Args:
        image: (C, H, W).
        count: of patches.
        compactness: how much place weighs against colour.
        rounds: of k-means.

    Source: Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", TPAMI 2012.
    """
    _, height, width = image.shape
    labels = grid(height, width, count).flatten().to(image.device)
    cell = math.sqrt(height * width / count)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = compactness * torch.stack([y, x]).to(image.device) / cell
    points = torch.cat([image.detach().float(), place]).flatten(1).T  # (H*W, C + 2)
    for _ in range(rounds):
        k = int(labels.max()) + 1
        sums = torch.zeros(k, points.shape[1], device=image.device).index_add_(0, labels, points)
        centres = sums / labels.bincount(minlength=k)[:, None]
        nearest = torch.cdist(points, centres).argmin(1)
        settled = torch.equal(nearest, labels)
        labels = _without_gaps(nearest)
        if settled:
            break
    return labels.view(height, width)


def share_out(effects: Tensor, labels: Tensor) -> Tensor:
    """A map in which each region's effect, given at all of its pixels, is shared out evenly among them.

    The map's sum over a region is then the region's effect, whatever the sizes of regions.

    Args:
        effects: (N, 1, H, W).
        labels: (N, H, W).

    Returns:
        (N, 1, H, W).
    """
    sizes = torch.stack([one.flatten().bincount()[one] for one in labels])
    return effects / sizes[:, None]


def _without_gaps(labels: Tensor) -> Tensor:
    return torch.unique(labels, return_inverse=True)[1]
