"""The curves of training runs as a small picture that costs nothing to move a mark in."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 520, 130, 44, 22, 10


def curves_svg(steps: np.ndarray, curves: Mapping[str, np.ndarray], *, at: int, unit: str) -> str:
    """Curves over the steps of a run, the first one full and the others dashed, with a mark at a step.

    Args:
        steps: (T,) ascending.
        curves: {name: (T,)}.
        at: the index of the record that is marked.
        unit: of the numbers, written at the axis.
    """
    top = max(float(np.nanmax(values)) for values in curves.values()) * 1.05 or 1.0

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - 8) * step / float(steps[-1])

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)

    ends = [float(values[-1]) for values in curves.values()]
    lines = []
    for number, (name, values) in enumerate(curves.items()):
        points = " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in zip(steps, values, strict=True) if np.isfinite(v))
        dash = " stroke-dasharray='5 4'" if number else ""
        lines.append(f"<polyline points='{points}' fill='none' stroke='currentColor' stroke-width='1.6'{dash}/>")
        lower = ends[number] < max(ends) or (number > 0 and ends[number] == ends[0])
        height = min(y(ends[number]) + 14, y(0) - 3) if lower else y(ends[number]) - 5
        beside = f"x='{WIDTH - 10}' y='{height:.1f}' text-anchor='end'"
        lines.append(f"<text {beside}>{html.escape(name)}</text>")
    marked = ", ".join(f"{name} {values[at]:.3g}" for name, values in curves.items())
    label = html.escape(f"{unit} at step {steps[at]:.0f}: {marked}", quote=True)
    axes = (
        f"<line x1='{LEFT}' y1='{y(0):.1f}' x2='{WIDTH - 8}' y2='{y(0):.1f}' stroke='currentColor' opacity='.4'/>"
        f"<text x='{LEFT - 5}' y='{y(0):.1f}' text-anchor='end'>0</text>"
        f"<text x='{LEFT - 5}' y='{y(top / 1.05) + 4:.1f}' text-anchor='end'>{top / 1.05:.2g}</text>"
        f"<text x='{WIDTH - 8}' y='{HEIGHT - 6}' text-anchor='end'>step {steps[-1]:.0f}</text>"
        f"<text x='{LEFT}' y='{HEIGHT - 6}'>{html.escape(unit)}</text>"
        f"<line x1='{x(steps[at]):.1f}' y1='{TOP}' x2='{x(steps[at]):.1f}' y2='{y(0):.1f}' "
        "stroke='#d55e00' stroke-width='2'/>"
    )
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' role='img' aria-label='{label}' "
        "style='max-width:100%;color:var(--jp-ui-font-color1,currentColor);font-size:11px' fill='currentColor'>"
        f"{axes}{''.join(lines)}</svg>"
    )
