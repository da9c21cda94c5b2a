"""The network: EfficientNetV2 from tables of stages, its SE modules, its weights."""

from effv2viz.models.any_network import any_network
from effv2viz.models.convert import convert_state_dict, export_state_dict
from effv2viz.models.create import create_model
from effv2viz.models.downloads import WeightsUnavailableError
from effv2viz.models.efficientnetv2 import VARIANTS, EfficientNetV2, StageSpec, Variant
from effv2viz.models.pretrained import Weights, find_weights, list_models, list_weights
from effv2viz.models.squeeze_excite import SENetSqueezeExcite, SqueezeExcite
from effv2viz.models.summary import ModelSummary

__all__ = [
    "VARIANTS",
    "EfficientNetV2",
    "ModelSummary",
    "SENetSqueezeExcite",
    "SqueezeExcite",
    "StageSpec",
    "Variant",
    "Weights",
    "WeightsUnavailableError",
    "any_network",
    "convert_state_dict",
    "create_model",
    "export_state_dict",
    "find_weights",
    "list_models",
    "list_weights",
]
