"""Pictures of a study with seeds: every seed as a dot, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

# Okabe and Ito's colours, with a marker each, so that no line is told by its colour alone.
STYLES = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"))


def seeds_figure(
    groups: Mapping[str, Sequence[float]],
    *,
    label: str,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    reference: tuple[str, float] | None = None,
) -> Figure:
    """A row per group: a dot for each seed, a bar at the mean, and its interval.

    Args:
        groups: {name: values}, from top to bottom.
        label: of the axis of the values, with their unit.
        intervals: {name: (low, high)} around the mean, for the groups that have one.
        reference: a name and a value that a dotted line marks, such as chance.
    """
    figure = Figure(figsize=(6.5, 0.8 + 0.36 * len(groups)), layout="constrained")
    axes = figure.subplots()
    for place, (name, values) in enumerate(groups.items()):
        if intervals is not None and name in intervals:
            axes.plot(intervals[name], [place, place], color="#0072B2", linewidth=5, alpha=0.3, solid_capstyle="butt")
        axes.plot(values, [place] * len(values), "o", color="#0072B2", markersize=4.5, alpha=0.8)
        axes.plot([np.mean(values)], [place], "|", color="black", markersize=12, markeredgewidth=1.5)
    if reference is not None:
        axes.axvline(reference[1], color="0.4", linestyle=":", linewidth=1.2)
        axes.annotate(
            reference[0], (reference[1], 1.01), xycoords=("data", "axes fraction"), ha="center", fontsize=8, color="0.3"
        )
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def learning_figure(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], *, label: str) -> Figure:
    """A line per group over the steps of training: the mean of its runs, and from the lowest to the highest of them.

    Args:
        curves: {name: (steps (T,), values (S, T))}, at most five.
        label: of the axis of the values, with their unit.

    Raises:
        ValueError: for more groups than there are styles.
    """
    if len(curves) > len(STYLES):
        raise ValueError(f"{len(curves)} curves cannot be told apart: draw at most {len(STYLES)}")
    figure = Figure(figsize=(6.5, 3.4), layout="constrained")
    axes = figure.subplots()
    for (name, (steps, values)), (colour, marker) in zip(curves.items(), STYLES, strict=False):
        axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.15, linewidth=0)
        axes.plot(steps, values.mean(0), color=colour, marker=marker, markersize=4, label=name)
    axes.set_xlabel("training step")
    axes.set_ylabel(label)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
