"""nbgrader assigns a lesson and grades a right and a wrong answer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSON = "03-scale"

api = pytest.importorskip("nbgrader.api", reason="nbgrader is not installed: pip install nbgrader")


def grade_ids(path):
    cells = nbformat.read(path, as_version=4).cells
    return {c.metadata.nbgrader.grade_id: c for c in cells if "nbgrader" in c.metadata}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_exercises_and_checks_are_marked(path):
    cells = nbformat.read(path, as_version=4).cells
    solutions = [c for c in cells if "### BEGIN SOLUTION" in c.source]
    assert [c.metadata.nbgrader.solution for c in solutions] == [True] * len(solutions)
    marked = grade_ids(path)
    for cell in solutions:
        name = cell.metadata.nbgrader.grade_id
        assert f"def {name}(" in cell.source
        check = marked[f"{name}-check"]
        assert check.metadata.nbgrader.grade
        assert check.metadata.nbgrader.locked
        assert check.source.startswith(f"course.check({name}, course.")
    assert len(marked) == 2 * len(solutions)


def test_generate_submit_grade(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # nbgrader calls alembic
    (tmp_path / "source" / "se").mkdir(parents=True)
    shutil.copy(NOTEBOOKS / f"{LESSON}.ipynb", tmp_path / "source" / "se")
    (tmp_path / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "se"\n')
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def nbgrader(*command):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]

    nbgrader("generate_assignment", "se", "--create")
    released = tmp_path / "release" / "se" / f"{LESSON}.ipynb"
    assert "BEGIN SOLUTION" not in released.read_text()
    for student, answer in (("ada", "return x * s[:, :, None, None]"), ("bob", "return x * s")):
        folder = tmp_path / "submitted" / student / "se"
        folder.mkdir(parents=True)
        notebook = nbformat.read(released, as_version=4)
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "scale":
                assert "raise NotImplementedError()" in cell.source
                cell.source = cell.source.replace("raise NotImplementedError()", answer)
        nbformat.write(notebook, folder / released.name)
    nbgrader("autograde", "se")
    with api.Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        scores = {
            student: {grade.name: grade.auto_score for grade in book.find_submission("se", student).notebooks[0].grades}
            for student in ("ada", "bob")
        }
    assert scores["ada"] == {"scale-check": 2, "se_block-check": 0}
    assert scores["bob"] == {"scale-check": 0, "se_block-check": 0}
    graded = nbformat.read(tmp_path / "autograded" / "bob" / "se" / released.name, as_version=4)
    said = [str(c.outputs) for c in graded.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "scale-check"]
    assert "broadcasting lines up the last dimensions" in said[0]
