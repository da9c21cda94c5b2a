"""Methods that explain pixels by taking parts of the picture out, as Captum does it."""

# ruff: noqa: D102 (what the methods of a method do is said once, in PixelMethod)

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from captum import attr
from torch import Tensor, nn

from effv2viz.attribution.pixel_method import Batch, PixelMethod, at_least
from effv2viz.attribution.regions import Regions, label_regions, share_out


@dataclass(frozen=True)
class Occlusion(PixelMethod):
    """A window that takes the baseline slides over the picture; a pixel's number is the mean over its windows.

    Attributes:
        window: its side in pixels; a quarter of the picture's shorter side where left out.
        stride: from one window to the next; half a window where left out.
    """

    name = "occlusion"
    gradients = False
    window: int | None = None
    stride: int | None = None

    def fitted(self, model: nn.Module, images: Tensor) -> Occlusion:
        height, width = images.shape[2:]
        side = min(height, width)
        window = max(1, side // 4) if self.window is None else self.window
        stride = max(1, window // 2) if self.stride is None else self.stride
        if not 1 <= window <= side:
            raise ValueError(f"window={window}: use 1 to {side} for pictures of {height} x {width}")
        if not 1 <= stride <= window:
            raise ValueError(f"stride={stride} would leave pixels out: use 1 to the window's {window}")
        return Occlusion(window, stride)

    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        assert self.window is not None
        assert self.stride is not None
        window, stride = self.window, self.stride
        return 1 + math.prod(math.ceil((side - window) / stride) + 1 for side in (height, width)), 0

    def run(self, batch: Batch) -> Tensor:
        channels = batch.images.shape[1]
        values = attr.Occlusion(batch.forward).attribute(
            batch.images,
            sliding_window_shapes=(channels, self.window, self.window),
            strides=(channels, self.stride, self.stride),
            baselines=batch.baseline,
            target=batch.target,
            perturbations_per_eval=batch.copies,
        )
        return values[:, :1]


@dataclass(frozen=True)
class _RegionMethod(PixelMethod):
    """A method that takes regions out.

    Attributes:
        regions: ``"superpixels"``, ``"grid"``, or labels (H, W) or (N, H, W).
        count: about how many regions superpixels or a grid have.
    """

    gradients = False
    one_by_one = True
    regions: Regions = field(default="superpixels", compare=False)
    count: int = 49

    def label(self, images: Tensor) -> Tensor:
        return label_regions(images, self.regions, self.count)


@dataclass(frozen=True)
class FeatureAblation(_RegionMethod):
    """Each region takes the baseline alone. The fall of F is shared out among the region's pixels.

    Attributes:
        regions: ``"superpixels"``, ``"grid"``, or labels (H, W) or (N, H, W).
        count: about how many regions superpixels or a grid have.
    """

    name = "feature_ablation"

    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        return regions + 1, 0

    def run(self, batch: Batch) -> Tensor:
        assert batch.regions is not None
        values = attr.FeatureAblation(batch.forward).attribute(
            batch.images,
            baselines=batch.baseline,
            target=batch.target,
            feature_mask=batch.regions[:, None].contiguous(),
            perturbations_per_eval=batch.copies,
        )
        return share_out(values[:, :1], batch.regions)


@dataclass(frozen=True)
class ShapleySampling(_RegionMethod):
    """Shapley values of regions from random orders. Each value is shared out among the region's pixels.

    Pictures with as many regions are put together in the same orders.

    Attributes:
        regions: ``"superpixels"``, ``"grid"``, or labels (H, W) or (N, H, W).
        count: about how many regions superpixels or a grid have.
        samples: orders.
        seed: of the orders.
    """

    name = "shapley_sampling"
    samples: int = 25
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(1, samples=self.samples)

    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        return self.samples * regions + 1, 0

    def run(self, batch: Batch) -> Tensor:
        assert batch.regions is not None
        generator = torch.Generator().manual_seed(self.seed)

        def orders(features: int, samples: int) -> Iterator[Sequence[int]]:
            for _ in range(samples):
                yield torch.randperm(features, generator=generator).tolist()

        explainer = attr.ShapleyValueSampling(batch.forward)
        explainer.permutation_generator = orders  # Captum's draws from the global random state
        values = explainer.attribute(
            batch.images,
            baselines=batch.baseline,
            target=batch.target,
            feature_mask=batch.regions[:, None].contiguous(),
            n_samples=self.samples,
            perturbations_per_eval=batch.copies,
        )
        return share_out(values[:, :1], batch.regions)
