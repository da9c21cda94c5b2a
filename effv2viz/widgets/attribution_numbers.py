"""The numbers of an answer, as the attribution explorer's chart, table and pictures take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from effv2viz.attribution import GateAttribution, PixelAttribution
from effv2viz.figures.attribution import signed_colours, symmetric_limit
from effv2viz.widgets.experiment import as_array
from effv2viz.widgets.packing import REFERENCE, Column, Picture
from effv2viz.widgets.site_view import Row

ATTRIBUTION, EXACT = "attribution", "exact ablation"
STRONGEST = 99.5  # the percentile of a pixel map that its colours reach
SHOWN = 100  # pixels in the table


def gate_rows(rows: Mapping[str, Row], answer: GateAttribution) -> dict[str, Row]:
    """The numbers of every site, with the answer's baseline, attribution and exact ablation."""
    found: dict[str, Row] = {}
    for name, row in rows.items():
        numbers = {**row, REFERENCE: as_array(answer.baseline[name][0])}
        if len(answer):
            numbers[ATTRIBUTION] = as_array(answer[name][0])
        if answer.exact is not None:
            numbers[EXACT] = as_array(answer.exact[name][0])
        found[name] = numbers
    return found


def gate_columns(columns: list[Column], rows: Mapping[str, Row], baseline: str) -> list[Column]:
    """What the numbers of ``gate_rows`` are. ``baseline`` is its name."""
    found = {column.key: column for column in columns}
    found[REFERENCE] = Column(REFERENCE, f"baseline ({baseline})")
    for key in (ATTRIBUTION, EXACT):
        values = [row[key] for row in rows.values() if key in row]
        if values:
            found[key] = Column.spanning(key, key, values)
    return list(found.values())


def strongest_pixels(answer: PixelAttribution) -> list[dict[str, Any]]:
    """The pixels with the largest numbers, as rows of y, x and attribution."""
    values = as_array(answer.per_pixel()[0])
    strongest = np.argsort(-np.abs(values), axis=None, kind="stable")[:SHOWN]
    places = np.unravel_index(strongest, values.shape)
    return [{"y": int(y), "x": int(x), ATTRIBUTION: float(values[y, x])} for y, x in zip(*places, strict=True)]


def pixel_picture(answer: PixelAttribution, title: str, pixels: np.ndarray) -> Picture:
    """The map over the picture that it explains, (H, W, 3) in [0, 1]."""
    values = as_array(answer.per_pixel()[0])
    limit = symmetric_limit([values], STRONGEST)
    caption = f"orange for, blue against; full colour at {limit:.2g}"
    return Picture(title, caption, signed_colours(values, limit, pixels))
