"""A learner's copy, in which no exercise is solved, runs to its end without an error."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from effv2viz.course.lesson_copies import stub

LESSONS = sorted(Path(__file__).parents[2].joinpath("notebooks").glob("*.ipynb"))
CHECK = re.compile(r"course\.check\((\w+), ")
WITH_EXERCISES = [path for path in LESSONS if CHECK.search(path.read_text())]


def said(cell):
    return "".join(output.get("text", "") or output["data"].get("text/plain", "") for output in cell.outputs)


@pytest.mark.parametrize("lesson", WITH_EXERCISES, ids=lambda path: path.stem)
def test_an_unsolved_copy_runs_to_its_end(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "offline"))
    notebook = nbformat.reads(json.dumps(stub(json.loads(lesson.read_text()))), as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()  # raises at the first cell that does
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]
    for cell in code:
        if found := CHECK.match(cell.source):
            assert said(cell).startswith(f"{found[1]}: not solved yet.")
        if "course.yours_or_ours(" in cell.source:
            assert "so this cell runs the course's own" in said(cell)


def test_these_are_all_lessons_with_exercises():
    assert [path.name[:2] for path in WITH_EXERCISES] == [f"{n:02d}" for n in range(1, 11)]
