"""The methods that explain pixels, by name."""

from __future__ import annotations

from typing import Any

from effv2viz.attribution.gradient_methods import GRADIENT_METHODS
from effv2viz.attribution.methods import find_method
from effv2viz.attribution.perturbation_methods import FeatureAblation, Occlusion, ShapleySampling
from effv2viz.attribution.pixel_method import PixelMethod, with_options
from effv2viz.attribution.smoothgrad import SmoothGrad

_METHODS: dict[str, type[PixelMethod]] = {
    **GRADIENT_METHODS,
    **{method.name: method for method in (SmoothGrad, Occlusion, FeatureAblation, ShapleySampling)},
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
    return with_options(_METHODS[name], **options)
