"""Methods that explain pixels by gradients, as Captum computes them."""

# ruff: noqa: D102 (what the methods of a method do is said once, in PixelMethod and GradientMethod)

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from captum import attr
from captum.attr import LayerAttribution
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from effv2viz.attribution.pixel_method import Batch, PixelMethod, at_least
from effv2viz.suggestions import unknown_name


class GradientMethod(PixelMethod):
    """A method that Captum computes from gradients, and that SmoothGrad can be put on top of."""

    gradients = True

    @abstractmethod
    def explainer(self, batch: Batch) -> tuple[attr.Attribution, dict[str, Any]]:
        """Captum's object, and what its ``attribute`` is called with beside pictures and target."""

    def to_picture(self, values: Tensor, batch: Batch) -> Tensor:
        """What Captum gave, at the size of the picture."""
        return values

    def run(self, batch: Batch) -> Tensor:
        explainer, options = self.explainer(batch)
        images = batch.images.clone()
        if not isinstance(explainer, attr.IntegratedGradients | attr.LayerGradCam):
            images.requires_grad_()  # the others would warn that they have to
        return self.to_picture(explainer.attribute(images, target=batch.target, **options).detach(), batch)


@dataclass(frozen=True)
class Saliency(GradientMethod):
    """The gradient, with its sign."""

    name = "saliency"

    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        return 1, 1

    def explainer(self, batch: Batch) -> tuple[attr.Attribution, dict[str, Any]]:
        return attr.Saliency(batch.forward), {"abs": False}


@dataclass(frozen=True)
class InputXGradient(GradientMethod):
    """The gradient times the input."""

    name = "input_x_gradient"

    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        return 1, 1

    def explainer(self, batch: Batch) -> tuple[attr.Attribution, dict[str, Any]]:
        return attr.InputXGradient(batch.forward), {}


@dataclass(frozen=True)
class IntegratedGradients(GradientMethod):
    """Integrated gradients by Gauss-Legendre quadrature.

    Attributes:
        steps: points on the path from the baseline to the picture.
    """

    name = "integrated_gradients"
    steps: int = 50

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)

    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        return self.steps, self.steps

    def explainer(self, batch: Batch) -> tuple[attr.Attribution, dict[str, Any]]:
        options = {"baselines": batch.baseline, "n_steps": self.steps, "internal_batch_size": batch.fitting}
        return attr.IntegratedGradients(batch.forward), options


@dataclass(frozen=True)
class GradCam(GradientMethod):
    """Grad-CAM: a layer's channels, each times its mean gradient, added up and enlarged to the picture bilinearly.

    A forward of the first picture, which is not counted, tells what the layers give.

    Attributes:
        layer: path of the module whose maps are used, such as ``"stage5"`` in our networks and ``"features.6"`` in
            torchvision's; the last one that gives maps where left out.
        relu: drop what speaks against the target before enlarging, as the paper does.
    """

    name = "grad_cam"
    layer: str | None = None
    relu: bool = False

    @property
    def signed(self) -> bool:
        return not self.relu

    def passes(self, height: int, width: int, regions: int) -> tuple[int, int]:
        return 1, 1

    def fitted(self, model: nn.Module, images: Tensor) -> GradCam:
        shapes = _output_shapes(model, images[:1])
        maps = [path for path, shape in shapes.items() if path and len(shape) == 4 and shape[2] * shape[3] > 1]
        if not maps:
            raise ValueError(f"{type(model).__name__} has no layer with maps (N, C, H, W) of more than one pixel")
        if self.layer is None:
            return replace(self, layer=maps[-1])
        if self.layer not in dict(model.named_modules()):
            raise unknown_name("layer", self.layer, maps)
        if self.layer not in shapes:
            raise ValueError(f"the layer {self.layer!r} does not run in a forward, or gives more than one tensor")
        if self.layer not in maps:
            raise ValueError(
                f"the layer {self.layer!r} gives {shapes[self.layer]}: Grad-CAM needs maps (N, C, H, W) of more than "
                "one pixel"
            )
        return self

    def explainer(self, batch: Batch) -> tuple[attr.Attribution, dict[str, Any]]:
        assert self.layer is not None
        layer = batch.forward.model.get_submodule(self.layer)
        return attr.LayerGradCam(batch.forward, layer), {"relu_attributions": self.relu}

    def to_picture(self, values: Tensor, batch: Batch) -> Tensor:
        size = tuple(batch.images.shape[2:])
        return LayerAttribution.interpolate(values, size, interpolate_mode="bilinear")


GRADIENT_METHODS: dict[str, type[GradientMethod]] = {
    method.name: method for method in (Saliency, InputXGradient, IntegratedGradients, GradCam)
}


def _output_shapes(model: nn.Module, image: Tensor) -> dict[str, tuple[int, ...]]:
    """Path and output shape of every module that gives one tensor, in the order in which they are done."""
    found: dict[str, tuple[int, ...]] = {}

    def watch(path: str, module: nn.Module) -> RemovableHandle:
        def note(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                found[path] = tuple(output.shape)

        return module.register_forward_hook(note)

    hooks = [watch(path, module) for path, module in model.named_modules()]
    try:
        with torch.no_grad():
            model(image)
    finally:
        for hook in hooks:
            hook.remove()
    return found
