"""SmoothGrad: a method that averages what gradient methods say about noisy copies of a picture."""

# ruff: noqa: D102 (what the methods of a method do is said once, in PixelMethod)

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from captum import attr
from torch import Tensor, nn

from effv2viz.attribution.gradient_methods import GRADIENT_METHODS, GradientMethod
from effv2viz.attribution.methods import Unit, find_method
from effv2viz.attribution.pixel_method import Batch, PixelMethod, at_least


@dataclass(frozen=True)
class SmoothGrad(PixelMethod):
    """A gradient method, averaged over noisy copies of the picture (Captum's NoiseTunnel).

    Every picture gets the same noise fields, so it gets the same map alone as in a batch.

    Attributes:
        of: the method underneath, by name or with options.
        samples: noisy copies of every picture.
        noise: the standard deviation of the noise, as a share of the picture's range from its lowest to its highest
            number.
        seed: of the noise.
    """

    name = "smoothgrad"
    gradients = True
    of: str | GradientMethod = "saliency"
    samples: int = 25
    noise: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(1, samples=self.samples)
        if not self.noise > 0:
            raise ValueError(f"noise={self.noise}: use a share of the picture's range above 0, such as 0.15")
        if isinstance(self.of, str):
            find_method(self.of, "pixels")
        if not (isinstance(self.of, GradientMethod) or self.of in GRADIENT_METHODS):
            raise ValueError(f"of={self.of!r} has no gradients to smooth: use {', '.join(GRADIENT_METHODS)}")

    @property
    def inner(self) -> GradientMethod:
        """The method underneath."""
        return GRADIENT_METHODS[self.of]() if isinstance(self.of, str) else self.of

    @property
    def baseline(self) -> bool:
        return self.inner.baseline

    @property
    def signed(self) -> bool:
        return self.inner.signed

    @property
    def unit(self) -> Unit:
        return self.inner.unit

    def fitted(self, model: nn.Module, images: Tensor) -> SmoothGrad:
        return replace(self, of=self.inner.fitted(model, images))  # type: ignore[arg-type]

    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        forwards, backwards = self.inner.passes(height, width, regions)
        return self.samples * forwards, self.samples * backwards

    def run(self, batch: Batch) -> Tensor:
        explainer, options = self.inner.explainer(batch)
        copies = 1 if "n_steps" in options else batch.copies  # the steps of a path fill a forward already
        values = _SeededNoiseTunnel(explainer, self.seed).attribute(
            batch.images,
            nt_samples=self.samples,
            nt_samples_batch_size=copies,
            stdevs=float(self.noise),
            target=batch.target,
            **options,
        )
        return self.inner.to_picture(values.detach(), batch)


class _SeededNoiseTunnel(attr.NoiseTunnel):
    """Captum's, with noise of its own generator, in the input's dtype, and scaled by each picture's range."""

    def __init__(self, attribution_method: attr.Attribution, seed: int) -> None:
        super().__init__(attribution_method)
        self.generator = torch.Generator().manual_seed(seed)

    def _add_noise_to_input(self, input: Tensor, stdev: float, nt_samples_partition: int) -> Tensor:
        scale = stdev * (input.amax((1, 2, 3)) - input.amin((1, 2, 3)))  # (n,)
        noise = torch.randn(nt_samples_partition, *input.shape[1:], generator=self.generator).to(input)
        return (input[:, None] + scale[:, None, None, None, None] * noise).flatten(0, 1)
