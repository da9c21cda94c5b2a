"""Orders: in which sequence the channels of a row stand. The front end sorts in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from effv2viz.widgets.packing import GATE, REFERENCE, Column


def order_labels(columns: Sequence[Column]) -> dict[str, str]:
    """The orders that some columns allow, and how each is said."""
    labels = {"channel": "by channel number", "value": "by gate, largest first"}
    for column in columns:
        if column.key == REFERENCE:
            labels["difference"] = f"by distance from the {column.label}, largest first"
        elif column.key != GATE:
            labels[column.key] = f"by {column.label}, largest first"
    return labels


def ranking(order: str, row: Mapping[str, np.ndarray]) -> np.ndarray:
    """The channels (C,) from left to right; equal ones stand in the order of their numbers.

    Args:
        order: ``"channel"``, ``"value"``, ``"difference"`` (gate from reference), or the key of a column.
        row: {key of a column: (C,)}.
    """
    gates = row[GATE]
    if order == "channel":
        return np.arange(len(gates))
    if order == "value":
        scores = gates
    elif order == "difference":
        scores = np.abs(gates - row[REFERENCE])
    else:
        scores = np.abs(row[order])
    return np.argsort(-scores, kind="stable")
