"""The picture of one SE site in five panels."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from effv2viz.figures.gates import CHOSEN, GATE, draw_map


def stepper_figure(
    *,
    site: str,
    channel: int,
    step: int,
    before: np.ndarray,
    squeeze: np.ndarray,
    contributions: np.ndarray,
    gate: np.ndarray,
    after: np.ndarray,
) -> Figure:
    """Feature map, squeeze, what each hidden value adds to the logit, gate, scaled map.

    Args:
        site: its name.
        channel: the channel that is followed.
        step: the last panel that is drawn, from 0.
        before: (H, W), the channel's map.
        squeeze: (C,).
        contributions: (R,).
        gate: (C,).
        after: (H, W), the map after scaling. Both maps share one colour scale.
    """
    figure = Figure(figsize=(12, 2.7), layout="constrained")
    figure.suptitle(f"SE at {site}, channel {channel}", fontsize=10, x=0.01, ha="left")
    panels = figure.subplots(1, 5)
    both = np.concatenate([before.ravel(), after.ravel()])
    low, high = float(both.min()), float(both.max())
    limits = (low, high if high > low else low + 1)
    draw_map(panels[0], before, limits=limits, title=f"feature map, {low:.2f} to {high:.2f}")
    for number, values, title in (
        (1, squeeze, f"squeeze {squeeze[channel]:.3f}"),
        (3, gate, f"gate {gate[channel]:.3f}"),
    ):
        panels[number].stairs(values, np.arange(len(values) + 1) - 0.5, fill=True, color=GATE)
        panels[number].bar([channel], [values[channel]], width=max(1, len(values) / 60), color=CHOSEN)
        panels[number].set_title(title, fontsize=9)
        panels[number].set_xlabel(f"{len(values)} channels", fontsize=8)
    panels[2].bar(range(len(contributions)), contributions, color=[GATE if c < 0 else CHOSEN for c in contributions])
    panels[2].set_title("what each adds to the logit", fontsize=9)
    panels[2].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[2].set_xlabel(f"{len(contributions)} hidden values", fontsize=8)
    draw_map(panels[4], after, limits=limits, title=f"scaled by {gate[channel]:.3f}")
    for panel in panels[step + 1 :]:
        panel.set_visible(False)
    return figure
