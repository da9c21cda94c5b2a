"""A training run: its curves, and the gates of one picture at one of its steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from effv2viz.figures.gates import CHOSEN
from effv2viz.figures.site_views import draw_two_gates


def training_figure(
    *,
    steps: np.ndarray,
    curves: Mapping[str, Mapping[str, np.ndarray]],
    at: int,
    site: str,
    gates: np.ndarray,
    first: np.ndarray,
    order: np.ndarray,
    channel: int,
) -> Figure:
    """Curves above, a panel for each kind; the gates of a site below.

    Args:
        steps: (T,) of the records.
        curves: {kind, such as "accuracy": {run: (T,)}}.
        at: the index of the record whose gates are drawn.
        site: its name.
        gates: (C,) at that record.
        first: (C,) at the first record.
        order: (C,) the channels from left to right.
        channel: the channel that is marked.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    grid = figure.add_gridspec(2, len(curves))
    for column, (kind, runs) in enumerate(curves.items()):
        axes = figure.add_subplot(grid[0, column])
        for number, (run, values) in enumerate(runs.items()):
            axes.plot(steps, values, "--" if number else "-", color="black", linewidth=1.2, label=run)
        axes.axvline(steps[at], color=CHOSEN, linewidth=1.5)
        axes.set(xlabel="step", ylabel=kind, ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        if len(runs) > 1:
            axes.legend(fontsize=8, frameon=False)
    below = figure.add_subplot(grid[1, :])
    names = (f"gate at step {steps[at]:.0f}", f"at step {steps[0]:.0f}")
    draw_two_gates(below, gates, first, order=order, channel=channel, names=names)
    below.set_xlabel(f"channels of {site}")
    return figure
