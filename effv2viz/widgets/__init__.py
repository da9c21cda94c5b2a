"""Touching: interactive views for notebooks, each of which Python can drive and read too."""

from effv2viz.widgets.explorer import GateExplorer, explore

__all__ = ["GateExplorer", "explore"]
