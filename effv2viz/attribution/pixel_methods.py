"""The methods that explain pixels: their options, what they cost, and how Captum is called for them."""

# ruff: noqa: D102 (what the methods of a method do is said once, in PixelMethod and GradientMethod)

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import torch
from captum import attr
from captum.attr import LayerAttribution
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from effv2viz.attribution.methods import Unit, find_method
from effv2viz.attribution.regions import Regions, label_regions, share_out
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
        _at_least(1, steps=self.steps)

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
        _at_least(1, samples=self.samples)
        if not self.noise > 0:
            raise ValueError(f"noise={self.noise}: use a share of the picture's range above 0, such as 0.15")
        if not isinstance(self.inner, GradientMethod):
            ways = [name for name, method in _METHODS.items() if issubclass(method, GradientMethod)]
            raise ValueError(f"of={self.of!r} has no gradients to smooth: use {', '.join(ways)}")

    @property
    def inner(self) -> GradientMethod:
        """The method underneath."""
        return pixel_method(self.of) if isinstance(self.of, str) else self.of  # type: ignore[return-value]

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
        _at_least(1, samples=self.samples)

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


_METHODS: dict[str, type[PixelMethod]] = {
    method.name: method
    for method in (
        Saliency,
        InputXGradient,
        IntegratedGradients,
        SmoothGrad,
        GradCam,
        Occlusion,
        FeatureAblation,
        ShapleySampling,
    )
}


def pixel_method(name: str, **options: Any) -> PixelMethod:
    """A method by name, with options.

    Raises:
        ValueError: for a method that is refused or unknown, or an option that it does not have or cannot take.
    """
    find_method(name, "pixels")
    if name not in _METHODS:
        own = {"neuron_integrated_gradients": "attribute_gate_pixels", "random": "random_attribution"}
        raise ValueError(f"{name!r} has a function of its own: {own[name]}")
    chosen = _METHODS[name]
    known = [option.name for option in fields(chosen)]  # type: ignore[arg-type]
    for option in options:
        if option not in known:
            raise unknown_name(f"option of {name}", option, known)
    return chosen(**options)


def _at_least(least: int, **options: int) -> None:
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}={value!r}: use a whole number of at least {least}")


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
