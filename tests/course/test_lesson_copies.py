"""Copies of the lessons: without solutions, whole or not at all, and never over a learner's work."""

import json
import os
from pathlib import Path

import nbformat
import pytest

from effv2viz.course import lesson_copies
from effv2viz.course.lesson_copies import copy_lessons, stub

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)
def test_a_copy_has_no_answers(lesson, tmp_path):
    copied = stub(json.loads(lesson.read_text()))
    nbformat.validate(nbformat.from_dict(copied))
    solved = nbformat.read(lesson, as_version=4)
    assert len(copied["cells"]) == len(solved.cells)
    for old, new in zip(solved.cells, copied["cells"], strict=True):
        source = "".join(new["source"])
        assert "SOLUTION" not in source
        if old.cell_type == "markdown":
            assert source == old.source
        elif "BEGIN SOLUTION" in old.source:
            compile(source, "cell", "exec")
            assert source.count("raise NotImplementedError()") == old.source.count("BEGIN SOLUTION")
        if old.cell_type == "code":
            assert old.execution_count is not None
            assert new["outputs"] == []
            assert new["execution_count"] is None


def test_work_survives_a_second_copy_and_new_lessons_come(tmp_path):
    first = copy_lessons(tmp_path)
    assert {lesson.what for lesson in first} == {"new"}
    work = nbformat.read(tmp_path / LESSONS[3].name, as_version=4)
    work.cells[0].source = "my work"
    nbformat.write(work, tmp_path / LESSONS[3].name)
    before = (tmp_path / LESSONS[3].name).read_bytes()
    (tmp_path / LESSONS[-1].name).unlink()  # as if it were new
    (tmp_path / "progress.json").write_text('{"lessons": {"x": {}}}')
    second = copy_lessons(tmp_path)
    assert [lesson.what for lesson in second] == ["kept"] * (len(LESSONS) - 1) + ["new"]
    assert (tmp_path / LESSONS[3].name).read_bytes() == before
    assert (tmp_path / "progress.json").read_text() == '{"lessons": {"x": {}}}'


@pytest.mark.parametrize("half", [b"", b'{"cells": [{"cell_type": "mark', b"[]", b"\xff\xfe"])
def test_a_damaged_notebook_is_kept_and_a_fresh_one_lies_beside_it(tmp_path, half):
    copy_lessons(tmp_path)
    damaged = tmp_path / LESSONS[3].name
    damaged.write_bytes(half)
    copied = copy_lessons(tmp_path)[3]
    assert copied.what == "damaged"
    assert damaged.read_bytes() == half
    assert nbformat.read(copied.path, as_version=4).cells
    copied.path.write_text("work in the fresh one")
    copy_lessons(tmp_path)
    assert copied.path.read_text() == "work in the fresh one"


def test_a_copy_that_is_cut_short_leaves_nothing_half_written(tmp_path, monkeypatch):
    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", dies)
    with pytest.raises(KeyboardInterrupt):
        copy_lessons(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_markers_that_do_not_match_are_an_error():
    for lines, said in (
        ("### BEGIN SOLUTION\nx = 1", "does not end"),
        ("### END SOLUTION", "did not begin"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "inside another"),
    ):
        cell = {"cell_type": "code", "source": [lines], "outputs": [], "execution_count": 1}
        with pytest.raises(ValueError, match=said):
            stub({"cells": [cell]})


def test_the_lessons_themselves_are_no_place_for_copies():
    with pytest.raises(ValueError, match="choose another folder"):
        copy_lessons(lesson_copies.bundled("notebooks"))
