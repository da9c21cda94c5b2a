"""The picture of a network: its blocks side by side, with and without SE."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from effv2viz.figures.gates import CHOSEN, GATE, MEAN


def network_figure(
    *,
    names: Sequence[str],
    widths: Sequence[int],
    squeezes: Sequence[int],
    gated: Sequence[bool],
    chosen: int,
    title: str,
) -> Figure:
    """A bar for each block.

    Args:
        names: of the blocks, in their order.
        widths: channels inside each block.
        squeezes: squeeze widths, 0 without SE.
        gated: which blocks have SE.
        chosen: number of the block that is marked.
        title: of the picture.
    """
    figure = Figure(figsize=(11, 2.8), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(names))
    colours = [CHOSEN if i == chosen else GATE if se else "white" for i, se in enumerate(gated)]
    bars = axes.bar(places, widths, width=0.84, color=colours, edgecolor=["none" if se else "grey" for se in gated])
    for bar, se in zip(bars, gated, strict=True):
        if not se:
            bar.set_hatch("////")
    axes.bar(places, squeezes, width=0.84, color=MEAN)
    axes.set_xticks(places, names, rotation=90, fontsize=max(4, min(8, 500 / len(names))))
    axes.set(xlim=(-0.6, len(names) - 0.4), ylabel="channels")
    axes.set_title(title, fontsize=10, loc="left")
    shown = [
        Patch(color=GATE, label="block with SE"),
        Patch(facecolor="white", edgecolor="grey", hatch="////", label="no SE"),
        Patch(color=MEAN, label="squeeze width"),
        Patch(color=CHOSEN, label=names[chosen]),
    ]
    axes.legend(handles=shown, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
