"""Drawing: plain data in, a matplotlib figure out."""

from effv2viz.figures.attribution import attribution_figure
from effv2viz.figures.gates import explorer_figure
from effv2viz.figures.rendering import save_figure, to_png
from effv2viz.figures.study import learning_figure, seeds_figure

__all__ = ["attribution_figure", "explorer_figure", "learning_figure", "save_figure", "seeds_figure", "to_png"]
