"""Touching: interactive views for notebooks, each of which Python can drive and read too."""

from effv2viz.widgets.explorer import GateExplorer, explore
from effv2viz.widgets.what_if import WhatIf, what_if

__all__ = ["GateExplorer", "WhatIf", "explore", "what_if"]
