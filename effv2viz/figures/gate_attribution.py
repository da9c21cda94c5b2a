"""A site's gates, what each contributes to an answer, and what its exact ablation says."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from effv2viz.figures.gates import CHOSEN
from effv2viz.figures.site_views import draw_two_gates

FOR, AGAINST, EXACT = "#d55e00", "#0072b2", "#000000"  # Okabe and Ito's vermillion and blue


def gate_attribution_figure(
    *,
    site: str,
    gates: np.ndarray,
    baseline: np.ndarray,
    attribution: np.ndarray,
    exact: np.ndarray,
    order: np.ndarray,
    channel: int,
    title: str,
) -> Figure:
    """Gates above, contributions below, channels in the same order: a large gate is not an important gate.

    Args:
        site: its name.
        gates: (C,).
        baseline: (C,), what the contributions are measured against.
        attribution: (C,), what each gate contributes to the logit.
        exact: (C,), the exact ablation, NaN where it was not computed.
        order: (C,) the channels from left to right.
        channel: the channel that is marked.
        title: what was asked, in a line.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    draw_two_gates(above, gates, baseline, order=order, channel=channel, names=("gate", "baseline"))
    values, edges = attribution[order], np.arange(len(order) + 1) - 0.5
    below.stairs(np.maximum(values, 0), edges, fill=True, color=FOR, label="attribution: for the class")
    below.stairs(np.minimum(values, 0), edges, fill=True, color=AGAINST, label="against it")
    known = np.flatnonzero(np.isfinite(exact[order]))
    below.plot(known, exact[order][known], "D", color=EXACT, fillstyle="none", markersize=4, label="exact ablation")
    below.axvline(int(np.flatnonzero(order == channel)[0]), color=CHOSEN, linewidth=0.8, zorder=0)
    below.axhline(0, color="grey", linewidth=0.8)
    below.set(xlabel=f"channels of {site}", ylabel="contribution to the logit")
    below.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, frameon=False, handlelength=1)
    below.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure
