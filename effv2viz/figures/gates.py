"""Pictures of gates: the bars of a site, and one channel's feature map before and after scaling."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

# Okabe and Ito's colours, told apart by readers with any kind of colour vision.
GATE, CHOSEN, MEAN = "#0072B2", "#D55E00", "#000000"


def draw_gate_bars(
    axes: Axes, gates: np.ndarray, *, order: np.ndarray, channel: int, means: np.ndarray | None, sorted_by: str
) -> None:
    """A bar for each gate from 0 to 1, in the given order, one of them marked.

    Args:
        axes: where to draw.
        gates: (C,) in (0, 1).
        order: (C,) the channels from left to right.
        channel: the channel that is marked.
        means: (C,) each gate's mean over a data set, drawn as dots, if known.
        sorted_by: what the order is, for the axis.
    """
    position = int(np.flatnonzero(order == channel)[0])
    edges = np.arange(len(order) + 1) - 0.5
    axes.stairs(gates[order], edges, fill=True, color=GATE, alpha=0.85, label="gate of this picture")
    if means is not None:
        axes.plot(means[order], ".", color=MEAN, markersize=2.5, label="mean over the training set")
    axes.bar([position], [gates[channel]], width=max(1.0, len(order) / 160), color=CHOSEN, label=f"channel {channel}")
    axes.plot([position], [gates[channel]], "v", color=CHOSEN, markersize=7)
    axes.set(xlim=(-0.5 - len(order) / 100, len(order) - 0.5 + len(order) / 100), ylim=(0, 1.08))
    axes.set_xlabel(f"{len(order)} channels, {sorted_by}")
    axes.set_ylabel("gate (0 closed, 1 open)")
    axes.legend(loc="lower right", bbox_to_anchor=(1.01, 0.98), ncols=3, fontsize=8, frameon=False, handlelength=1)
    axes.spines[["top", "right"]].set_visible(False)


def draw_map(axes: Axes, values: np.ndarray, *, limits: tuple[float, float], title: str) -> AxesImage:
    """One channel's feature map (H, W) on a given scale; returns what a colour bar is made from."""
    image = axes.imshow(values, cmap="cividis", vmin=limits[0], vmax=limits[1], interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    return image


def explorer_figure(
    *,
    picture: np.ndarray,
    caption: str,
    site: str,
    gates: np.ndarray,
    order: np.ndarray,
    sorted_by: str,
    channel: int,
    means: np.ndarray | None,
    before: np.ndarray,
    after: np.ndarray,
) -> Figure:
    """What the gate explorer shows: the picture, the gates of a site, and one channel before and after scaling.

    Args:
        picture: (H, W, 3) in [0, 1], what the network sees.
        caption: under the picture.
        site: its name.
        gates: (C,) in (0, 1).
        order: (C,) the channels from left to right.
        sorted_by: what the order is.
        channel: the channel that is marked and whose maps are shown.
        means: (C,) each gate's mean over a data set, if known.
        before: (H, W) the channel's feature map before scaling.
        after: (H, W) the same after scaling. Both maps share one colour scale.
    """
    figure = Figure(figsize=(11, 3.3))  # fixed places: a layout engine would take longer than the drawing itself
    left = figure.add_axes((0.005, 0.28, 0.17, 0.567))
    left.imshow(picture, interpolation="nearest")
    left.set_title("what the network sees", fontsize=9)
    left.set_xlabel(caption, fontsize=9)
    left.set_xticks([])
    left.set_yticks([])
    middle = figure.add_axes((0.235, 0.15, 0.405, 0.7))
    draw_gate_bars(middle, gates, order=order, channel=channel, means=means, sorted_by=sorted_by)
    figure.text(0.235, 0.95, f"{site}: the gate of every channel", fontsize=10)
    both = np.concatenate([before.ravel(), after.ravel()])
    low, high = float(both.min()), float(both.max())
    limits = (low, high if high > low else low + 1)
    one, two = figure.add_axes((0.665, 0.28, 0.16, 0.567)), figure.add_axes((0.835, 0.28, 0.16, 0.567))
    draw_map(one, before, limits=limits, title=f"channel {channel} before")
    image = draw_map(two, after, limits=limits, title=f"after: times {gates[channel]:.3f}")
    bar = figure.colorbar(image, cax=figure.add_axes((0.68, 0.19, 0.3, 0.04)), orientation="horizontal")
    bar.set_label("activation (one scale for both)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return figure
