"""Pictures of gates side by side: changed by hand, by class, of two pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from effv2viz.figures.gates import CHOSEN, GATE, MEAN


def draw_two_gates(
    axes: Axes, gates: np.ndarray, others: np.ndarray, *, order: np.ndarray, channel: int, names: tuple[str, str]
) -> None:
    """A bar for each gate, and a mark for what it is compared with.

    Args:
        axes: where to draw.
        gates: (C,), the bars.
        others: (C,), the marks.
        order: (C,) the channels from left to right.
        channel: the channel that is marked.
        names: of the bars and of the marks.
    """
    position = int(np.flatnonzero(order == channel)[0])
    axes.stairs(gates[order], np.arange(len(order) + 1) - 0.5, fill=True, color=GATE, alpha=0.85, label=names[0])
    axes.plot(others[order], "_", color=MEAN, markersize=max(2.0, min(8.0, 400 / len(order))), label=names[1])
    axes.plot([position], [gates[channel]], "v", color=CHOSEN, markersize=8, label=f"channel {channel}")
    axes.set(xlim=(-0.5, len(order) - 0.5), ylim=(min(0.0, float(gates.min())), max(1.08, 1.05 * float(gates.max()))))
    axes.set_ylabel("gate (0 closed, 1 open)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, frameon=False, handlelength=1)
    axes.spines[["top", "right"]].set_visible(False)


def what_if_figure(
    *,
    site: str,
    own: np.ndarray,
    now: np.ndarray,
    order: np.ndarray,
    sorted_by: str,
    channel: int,
    classes: Sequence[str],
    before: np.ndarray,
    after: np.ndarray,
) -> Figure:
    """Changed gates of a site, and the probabilities before and after.

    Args:
        site: its name.
        own: (C,) the picture's own gates.
        now: (C,) the changed ones.
        order: (C,) the channels from left to right.
        sorted_by: what the order is.
        channel: the channel that is marked.
        classes: (K,) names.
        before: (K,) probabilities with the picture's own gates.
        after: (K,) with the changed ones.
    """
    figure = Figure(figsize=(11, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2.2, 1])
    draw_two_gates(left, now, own, order=order, channel=channel, names=(f"gate of {site} now", "own gate"))
    left.set_xlabel(f"{len(order)} channels, {sorted_by}")
    places = np.arange(len(classes))
    right.barh(places, after, color=GATE, height=0.55, label="now")
    right.plot(before, places, "|", color=MEAN, markersize=16, markeredgewidth=2, label="before")
    right.set_yticks(places, classes)
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel="probability")
    right.legend(fontsize=8, frameon=False)
    right.spines[["top", "right"]].set_visible(False)
    return figure


def class_gates_figure(
    *, site: str, means: np.ndarray, classes: Sequence[str], sorted_by: str, separability: Mapping[str, float]
) -> Figure:
    """Mean gates by class and channel, and how far each site tells classes apart.

    Args:
        site: its name.
        means: (K, C) in the order of the channels shown, on the scale 0 to 1.
        classes: (K,) names.
        sorted_by: what the order is.
        separability: 0 to 1, by site.
    """
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2.4, 1])
    image = left.imshow(means, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    left.set_yticks(range(len(classes)), classes, fontsize=max(4, min(9, 180 // len(classes))))
    left.set_xlabel(f"{means.shape[1]} channels of {site}, {sorted_by}")
    figure.colorbar(image, ax=left, label="mean gate of the class")
    _draw_by_site(right, separability, site, "separability\n(share of variance between classes)", most=1.0)
    return figure


def compare_figure(
    *,
    site: str,
    gates: np.ndarray,
    others: np.ndarray,
    names: tuple[str, str],
    order: np.ndarray,
    sorted_by: str,
    channel: int,
    distance: Mapping[str, float],
) -> Figure:
    """Two sets of gates of a site, and how far they are apart at every site.

    Args:
        site: its name.
        gates: (C,), drawn as bars.
        others: (C,), drawn as marks.
        names: of both.
        order: (C,) the channels from left to right.
        sorted_by: what the order is.
        channel: the channel that is marked.
        distance: mean distance of the two gates of a channel, by site.
    """
    figure = Figure(figsize=(11, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2.4, 1])
    draw_two_gates(left, gates, others, order=order, channel=channel, names=names)
    left.set_xlabel(f"{len(order)} channels of {site}, {sorted_by}")
    _draw_by_site(right, distance, site, "mean distance of the two gates", most=None)
    return figure


def _draw_by_site(axes: Axes, values: Mapping[str, float], site: str, label: str, *, most: float | None) -> None:
    """A bar for each site, one of them marked."""
    places = np.arange(len(values))
    axes.barh(places, list(values.values()), color=[CHOSEN if name == site else GATE for name in values])
    axes.set_yticks(places, list(values), fontsize=max(4, min(9, 180 // len(values))))
    axes.invert_yaxis()
    axes.set_xlabel(label, fontsize=9)
    axes.set_xlim(0, most)
    axes.spines[["top", "right"]].set_visible(False)
