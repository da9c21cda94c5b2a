"""nbgrader assigns lessons and grades right and wrong answers."""

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = ("02-excitation", "03-scale")  # tests/course/grading.py by itself grades all

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install nbgrader")


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


def test_right_answers_get_all_points_and_mistakes_none(tmp_path):
    from tests.course.grading import grade

    points, graded = grade(tmp_path, LESSONS)
    checks = {"excite-check", "conv_as_linear-check", "scale-check", "se_block-check"}
    assert points["ada"] == dict.fromkeys(checks, 2)
    assert points["bob"] == dict.fromkeys(checks, 0)
    for lesson in LESSONS:
        cells = nbformat.read(graded / "bob" / "se" / f"{lesson}.ipynb", as_version=4).cells
        for cell in (cell for cell in cells if cell.cell_type == "code"):
            errors = [output for output in cell.outputs if output.output_type == "error"]
            assert bool(errors) is ("course.check(" in cell.source)  # the cells after it run all the same
            if "course.check(scale," in cell.source:
                assert "broadcasting lines up the last dimensions" in errors[0].evalue
