"""The pointing game: does the map's highest point lie on the object?

Source: Zhang et al., "Top-down Neural Attention by Excitation Backprop" (arXiv 1608.00507).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from effv2viz.attribution.faithfulness.maps import checked_maps, must_vary
from effv2viz.attribution.pixels import PixelAttribution


def pointing_game(attribution: PixelAttribution | Tensor, masks: Tensor, *, margin: int = 0) -> Tensor:
    """Whether the map's highest pixel lies on the object; of several equal ones, the share that does.

    Args:
        attribution: an attribution, or its map (N, H, W) or (N, C, H, W).
        masks: (N, H, W) bool, true on the object.
        margin: pixels beside the object that count too; the paper takes 15 at 224.

    Returns:
        (N,) from 0 to 1.

    Raises:
        ValueError: for masks that do not fit, show nothing or everything, and for maps that are the same everywhere or
            hold NaN.
    """
    if masks.ndim != 3 or masks.dtype != torch.bool:
        raise ValueError(f"masks are {masks.dtype} of shape {tuple(masks.shape)}: use bool (N, H, W)")
    n, height, width = masks.shape
    maps = checked_maps(attribution, (n, height, width))
    must_vary(maps, "highest point")
    if margin < 0:
        raise ValueError(f"margin={margin}: use 0 or more pixels")
    masks = masks.to(maps.device)
    share = masks.flatten(1).float().mean(1)
    if bool(((share == 0) | (share == 1)).any()):
        bad = ((share == 0) | (share == 1)).nonzero().flatten().tolist()
        raise ValueError(f"the masks of pictures {bad[:5]} show nothing, or everything: nobody can miss or hit")
    near = F.max_pool2d(masks[:, None].float(), 2 * margin + 1, stride=1, padding=margin)[:, 0]
    highest = (maps == maps.amax((1, 2), keepdim=True)).to(near.dtype)
    return (highest * near).sum((1, 2)) / highest.sum((1, 2))
