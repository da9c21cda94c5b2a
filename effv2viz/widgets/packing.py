"""Packing: numbers and pictures as the buffers that a front end reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

GATE, REFERENCE = "gate", "reference"


@dataclass(frozen=True)
class Column:
    """A number that is known of every gate.

    Attributes:
        key: ``"gate"``, ``"reference"`` (what the gate is compared with), or any other name.
        label: as it is said.
        low: the lower end of its colour scale.
        high: the upper end.
        signed: zero is the middle of the scale, and sorting goes by the distance from it.
    """

    key: str
    label: str
    low: float = 0.0
    high: float = 1.0
    signed: bool = False

    @classmethod
    def spanning(cls, key: str, label: str, values: Sequence[np.ndarray]) -> Column:
        """A column whose scale holds all finite values: symmetric about zero if some are negative."""
        numbers = np.concatenate([np.ravel(one) for one in values]) if values else np.zeros(0)
        numbers = numbers[np.isfinite(numbers)]
        low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)
        if low < 0:
            most = max(-low, high)
            return cls(key, label, -most, most, signed=True)
        return cls(key, label, 0.0, high if high > 0 else 1.0)


@dataclass(frozen=True)
class Picture:
    """A small picture with its text.

    Attributes:
        title: above it.
        caption: under it.
        pixels: (H, W, 3) in [0, 1], or one channel's map (H, W).
        limits: the ends of the colour scale of a map.
    """

    title: str
    caption: str
    pixels: np.ndarray
    limits: tuple[float, float] = (0.0, 1.0)


def pack_matrix(
    rows: Mapping[str, Mapping[str, np.ndarray]], columns: Sequence[Column], labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Numbers of gates as the traits ``rows``, ``columns`` and ``data`` of the front end.

    The buffer is float32, little endian: all rows of the first column one after the other, then those of the second.

    Args:
        rows: {row: {key of a column: (C,)}}; C may differ between rows.
        columns: their keys stand in every row.
        labels: how rows are called in a menu, where it is not their name.

    Raises:
        ValueError: if a row lacks a column, or has columns of different lengths.
    """
    listed = []
    for name, row in rows.items():
        width = len(row[GATE]) if GATE in row else 0
        for column in columns:
            if column.key not in row:
                raise ValueError(f"{name} has no numbers for the column {column.key!r}")
            if np.shape(row[column.key]) != (width,):
                shape = np.shape(row[column.key])
                raise ValueError(
                    f"{name} has {width} gates and a column {column.key!r} of shape {shape}: use ({width},)"
                )
        listed.append({"name": name, "label": (labels or {}).get(name, name), "width": width})
    parts = [np.asarray(row[column.key], "<f4") for column in columns for row in rows.values()]
    return {
        "rows": listed,
        "columns": [asdict(column) for column in columns],
        "data": np.concatenate(parts).tobytes() if parts else b"",
    }


def unpack_matrix(traits: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """The numbers that ``pack_matrix`` packed: {row: {key: (C,) float32}}."""
    numbers = np.frombuffer(traits["data"], "<f4")
    found: dict[str, dict[str, np.ndarray]] = {row["name"]: {} for row in traits["rows"]}
    start = 0
    for column in traits["columns"]:
        for row in traits["rows"]:
            found[row["name"]][column["key"]] = numbers[start : start + row["width"]]
            start += row["width"]
    return found


def pack_edits(gates: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The gates of changed rows as the traits ``edits`` and ``edit_data``: {row: (C,)}, each row whole."""
    parts = [np.asarray(values, "<f4") for values in gates.values()]
    return {
        "edits": [{"name": name, "width": len(values)} for name, values in gates.items()],
        "edit_data": np.concatenate(parts).tobytes() if parts else b"",
    }


def pack_pictures(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Pictures as the traits ``pictures`` and ``pixels``, a byte for each number: enough for the eye."""
    listed, parts = [], []
    for picture in pictures:
        rgb = picture.pixels.ndim == 3
        low, high = (0.0, 1.0) if rgb else picture.limits
        share = (np.asarray(picture.pixels, np.float64) - low) / (high - low if high > low else 1.0)
        parts.append((share.clip(0, 1) * 255).round().astype(np.uint8).tobytes())
        height, width = picture.pixels.shape[:2]
        listed.append(
            {
                "title": picture.title,
                "caption": picture.caption,
                "height": height,
                "width": width,
                "rgb": rgb,
                "low": low,
                "high": high,
            }
        )
    return {"pictures": listed, "pixels": b"".join(parts)}
