"""Touching: interactive views for notebooks, each of which Python can drive and read too."""

from effv2viz.widgets.attribution_explorer import AttributionExplorer, attribution_explorer
from effv2viz.widgets.class_gates import ClassGates, class_gates
from effv2viz.widgets.compare_gates import CompareGates, compare_gates
from effv2viz.widgets.explorer import GateExplorer, explore
from effv2viz.widgets.network_strip import NetworkStrip, network_strip
from effv2viz.widgets.se_stepper import SEStepper, se_stepper
from effv2viz.widgets.training_playback import TrainingPlayback, training_playback
from effv2viz.widgets.what_if import WhatIf, what_if

__all__ = [
    "AttributionExplorer",
    "ClassGates",
    "CompareGates",
    "GateExplorer",
    "NetworkStrip",
    "SEStepper",
    "TrainingPlayback",
    "WhatIf",
    "attribution_explorer",
    "class_gates",
    "compare_gates",
    "explore",
    "network_strip",
    "se_stepper",
    "training_playback",
    "what_if",
]
