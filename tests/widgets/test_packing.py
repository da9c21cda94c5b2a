"""Packing, tested alone: what is packed can be read back, byte for byte where the front end relies on it."""

import numpy as np
import pytest

from effv2viz.widgets.ordering import order_labels, ranking
from effv2viz.widgets.packing import Column, Picture, pack_edits, pack_matrix, pack_pictures, unpack_matrix

COLUMNS = [Column("gate", "gate"), Column("reference", "mean")]


def test_a_matrix_of_rows_of_different_widths():
    rng = np.random.default_rng(0)
    rows = {name: {key: rng.random(width) for key in ("gate", "reference")} for name, width in (("a", 3), ("b", 5))}
    packed = pack_matrix(rows, COLUMNS, {"b": "the second"})
    assert [row["label"] for row in packed["rows"]] == ["a", "the second"]
    assert len(packed["data"]) == 4 * 2 * (3 + 5)
    first = np.frombuffer(packed["data"], "<f4")
    assert np.array_equal(first[3:8], rows["b"]["gate"].astype("f4"))  # column after column, row after row
    for name, row in unpack_matrix(packed).items():
        for key, values in row.items():
            assert np.array_equal(values, rows[name][key].astype("f4"))


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="a has no numbers for the column 'reference'"):
        pack_matrix({"a": {"gate": np.zeros(3)}}, COLUMNS)
    with pytest.raises(ValueError, match=r"a has 3 gates and a column 'reference' of shape \(4,\)"):
        pack_matrix({"a": {"gate": np.zeros(3), "reference": np.zeros(4)}}, COLUMNS)


def test_the_largest_network_in_one_buffer():
    rows = {f"stage{i}": {"gate": np.zeros(3840), "reference": np.zeros(3840)} for i in range(80)}
    assert len(pack_matrix(rows, COLUMNS)["data"]) == 4 * 2 * 80 * 3840


def test_edits_and_pictures():
    edits = pack_edits({"a": np.array([0.5, 0.25])})
    assert edits == {"edits": [{"name": "a", "width": 2}], "edit_data": np.array([0.5, 0.25], "<f4").tobytes()}
    flat = np.full((2, 3), 7.0)
    packed = pack_pictures([Picture("p", "", np.ones((2, 3, 3))), Picture("m", "", flat, (7.0, 7.0))])
    assert packed["pixels"] == b"\xff" * 18 + b"\x00" * 6
    assert [p["rgb"] for p in packed["pictures"]] == [True, False]


def test_orders_and_scales():
    row = {"gate": np.array([0.2, 0.9, 0.2]), "reference": np.array([0.9, 0.8, 0.2]), "ig": np.array([-3.0, 1, np.nan])}
    assert [ranking(o, row).tolist() for o in ("channel", "value", "difference", "ig")] == [
        [0, 1, 2],
        [1, 0, 2],
        [0, 1, 2],
        [0, 1, 2],
    ]
    scale = Column.spanning("ig", "attribution", [row["ig"]])
    assert (scale.low, scale.high, scale.signed) == (-3.0, 3.0, True)
    assert list(order_labels([*COLUMNS, scale])) == ["channel", "value", "difference", "ig"]
