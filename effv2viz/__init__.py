"""See what the Squeeze-and-Excitation gates of an EfficientNetV2 do.

Every public name is imported when it is first used, so that ``import effv2viz`` is instant and loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from effv2viz.attribution import attribute_gate_pixels, attribute_gates, attribute_pixels
    from effv2viz.datasets import fashion_sample, load_images, photo_paths
    from effv2viz.models import (
        convert_state_dict,
        create_model,
        export_state_dict,
        find_weights,
        list_models,
        list_weights,
    )
    from effv2viz.probing import (
        Clamp,
        Constant,
        GateStatistics,
        Mean,
        One,
        Randomize,
        Replay,
        Scale,
        Shuffle,
        Swap,
        Trace,
        Zero,
        ablate_gates,
        collect_gates,
        find_se,
        fold_constant_gates,
        intervene,
        register_se,
        shipped_gates,
        trace,
    )
    from effv2viz.widgets import (
        attribution_explorer,
        class_gates,
        compare_gates,
        explore,
        network_strip,
        se_stepper,
        training_playback,
        what_if,
    )

__version__ = "0.1.0"

_HOME = {
    "attribute_gate_pixels": "attribution",
    "attribute_gates": "attribution",
    "attribute_pixels": "attribution",
    "fashion_sample": "datasets",
    "load_images": "datasets",
    "photo_paths": "datasets",
    "convert_state_dict": "models",
    "create_model": "models",
    "export_state_dict": "models",
    "find_weights": "models",
    "list_models": "models",
    "list_weights": "models",
    "Clamp": "probing",
    "Constant": "probing",
    "GateStatistics": "probing",
    "Mean": "probing",
    "One": "probing",
    "Randomize": "probing",
    "Replay": "probing",
    "Scale": "probing",
    "Shuffle": "probing",
    "Swap": "probing",
    "Trace": "probing",
    "Zero": "probing",
    "ablate_gates": "probing",
    "collect_gates": "probing",
    "find_se": "probing",
    "fold_constant_gates": "probing",
    "intervene": "probing",
    "register_se": "probing",
    "shipped_gates": "probing",
    "trace": "probing",
    "attribution_explorer": "widgets",
    "class_gates": "widgets",
    "compare_gates": "widgets",
    "explore": "widgets",
    "network_strip": "widgets",
    "se_stepper": "widgets",
    "training_playback": "widgets",
    "what_if": "widgets",
}
_ROOMS = ("datasets", "models", "probing", "attribution", "figures", "widgets", "course", "training")

__all__ = [
    "Clamp",
    "Constant",
    "GateStatistics",
    "Mean",
    "One",
    "Randomize",
    "Replay",
    "Scale",
    "Shuffle",
    "Swap",
    "Trace",
    "Zero",
    "ablate_gates",
    "attribute_gate_pixels",
    "attribute_gates",
    "attribute_pixels",
    "attribution_explorer",
    "class_gates",
    "collect_gates",
    "compare_gates",
    "convert_state_dict",
    "create_model",
    "explore",
    "export_state_dict",
    "fashion_sample",
    "find_se",
    "find_weights",
    "fold_constant_gates",
    "intervene",
    "list_models",
    "list_weights",
    "load_images",
    "network_strip",
    "photo_paths",
    "register_se",
    "se_stepper",
    "shipped_gates",
    "trace",
    "training_playback",
    "what_if",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"effv2viz.{_HOME[name]}"), name)
    elif name in _ROOMS:
        value = import_module(f"effv2viz.{name}")
    else:
        raise AttributeError(f"module 'effv2viz' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, *_ROOMS])
