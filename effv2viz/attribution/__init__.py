"""Explaining: which pixels speak for a class or open a gate, and how far an explanation can be believed."""

from effv2viz.attribution.gate_model import GateModel
from effv2viz.attribution.gates import GateAttribution, attribute_gates
from effv2viz.attribution.gradient_methods import GradCam, InputXGradient, IntegratedGradients, Saliency
from effv2viz.attribution.methods import METHODS, REFUSED, Method, find_method, list_methods
from effv2viz.attribution.perturbation_methods import FeatureAblation, Occlusion, ShapleySampling
from effv2viz.attribution.picture_baselines import BASELINES, PictureBaseline, picture_baseline
from effv2viz.attribution.pixel_method import PixelMethod
from effv2viz.attribution.pixels import (
    PixelAttribution,
    attribute_gate_pixels,
    attribute_pixels,
    estimate_cost,
    random_attribution,
)
from effv2viz.attribution.regions import label_regions
from effv2viz.attribution.running import AttributionCancelledError, Cost
from effv2viz.attribution.smoothgrad import SmoothGrad

__all__ = [
    "BASELINES",
    "METHODS",
    "REFUSED",
    "AttributionCancelledError",
    "Cost",
    "FeatureAblation",
    "GateAttribution",
    "GateModel",
    "GradCam",
    "InputXGradient",
    "IntegratedGradients",
    "Method",
    "Occlusion",
    "PictureBaseline",
    "PixelAttribution",
    "PixelMethod",
    "Saliency",
    "ShapleySampling",
    "SmoothGrad",
    "attribute_gate_pixels",
    "attribute_gates",
    "attribute_pixels",
    "estimate_cost",
    "find_method",
    "label_regions",
    "list_methods",
    "picture_baseline",
    "random_attribution",
]
