"""Baselines for pictures: what a pixel is when it shows nothing.

There is no right one. Black says nothing about a black shoe, and a blurred picture still shows colours; so attributions
are compared over several.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.transforms.v2.functional import gaussian_blur

from effv2viz.datasets.preprocessing import Preprocessing
from effv2viz.suggestions import unknown_name

PictureBaseline = Literal["black", "mean", "blur", "random"] | Tensor
BASELINES = ("black", "mean", "blur", "random")
BLUR = 1 / 8  # of the shorter side: the standard deviation of the blur


def picture_baseline(model: nn.Module, images: Tensor, baseline: PictureBaseline, *, seed: int = 0) -> Tensor:
    """The baseline of each picture, as the network takes it.

    Args:
        model: its ``preprocessing`` tells what black is in the network's input.
        images: (N, C, H, W), as ``load_images`` makes them.
        baseline: ``"black"``: a black picture; ``"mean"``: each picture's own mean colour; ``"blur"``: the picture
            through a Gaussian of an eighth of its side; ``"random"``: pixels drawn evenly from all colours, the same
            for every picture; or another picture (C, H, W), (1, C, H, W), or one for each, (N, C, H, W).
        seed: of the random one.

    Returns:
        (N, C, H, W), of the images' dtype and device.

    Raises:
        ValueError: for an unknown name, a picture of the wrong shape or with NaN, or a network that does not say what
            black is.
        TypeError: for something that is neither name nor tensor.
    """
    if isinstance(baseline, Tensor):
        return _given(images, baseline)
    if not isinstance(baseline, str):
        raise TypeError(f"baseline is of type {type(baseline).__name__}: use {', '.join(BASELINES)}, or a tensor")
    if baseline == "black":
        return _normalised(model, torch.zeros(1, *images.shape[1:]), images)
    if baseline == "mean":
        return images.mean((2, 3), keepdim=True).expand_as(images).contiguous()
    if baseline == "blur":
        return _blurred(images)
    if baseline == "random":
        pixels = torch.rand(1, *images.shape[1:], generator=torch.Generator().manual_seed(seed))
        return _normalised(model, pixels, images)
    raise unknown_name("baseline", baseline, BASELINES)


def baseline_name(baseline: PictureBaseline) -> str:
    """The name of a baseline, for captions."""
    return baseline if isinstance(baseline, str) else "given picture"


def _given(images: Tensor, baseline: Tensor) -> Tensor:
    one = baseline[None] if baseline.ndim == 3 else baseline
    if one.ndim != 4 or one.shape[1:] != images.shape[1:] or len(one) not in (1, len(images)):
        raise ValueError(
            f"the baseline has shape {tuple(baseline.shape)}, and the pictures {tuple(images.shape)}: use "
            f"{tuple(images.shape[1:])} for all of them, or one for each"
        )
    if not bool(torch.isfinite(one).all()):
        raise ValueError("the baseline holds NaN or infinite numbers")
    return one.to(images).detach().expand_as(images).contiguous()


def _normalised(model: nn.Module, pixels: Tensor, images: Tensor) -> Tensor:
    preprocessing = getattr(model, "preprocessing", None)
    if not isinstance(preprocessing, Preprocessing):
        raise ValueError(
            f"{type(model).__name__} does not say how its pictures are normalised, so nobody knows what black is: set "
            "its attribute `preprocessing`, or use the baseline 'mean', 'blur' or a tensor"
        )
    return preprocessing.normalize(pixels).to(images).expand_as(images).contiguous()


def _blurred(images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    sigma = BLUR * min(height, width)
    reach = min(round(3 * sigma), height - 1, width - 1)  # a mirrored border cannot be wider than the picture
    if reach < 1:
        raise ValueError(f"a picture of {height} x {width} is too small to blur: use another baseline")
    return gaussian_blur(images.double(), [2 * reach + 1] * 2, [sigma] * 2).to(images.dtype)
