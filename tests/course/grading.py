"""Assigns lessons with nbgrader, hands in for two students, and grades: ``python tests/course/grading.py`` for all.

Ada's answers are right, Bob's make the first typical mistake of each exercise.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
ASSIGNMENT = "se"
STUB = "raise NotImplementedError()"


def solution(cell):
    """What stands between the marks, without its indent."""
    lines = re.search(r"### BEGIN SOLUTION\n(.*)\n +### END SOLUTION", cell.source, re.DOTALL)[1]
    return lines.strip()


def mistake(cell):
    name, parameters = re.search(r"def (\w+)\((.*)\):", cell.source).groups()
    return f"return course.{name.upper()}.misconceptions[0].wrong({parameters})"


ANSWERS = {"ada": solution, "bob": mistake}


def grade(course, lessons):
    """The points of every check by student, and the folder with the graded notebooks."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path}

    def nbgrader(*command):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *command], cwd=course, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]

    (course / "source" / ASSIGNMENT).mkdir(parents=True)
    for lesson in lessons:
        shutil.copy(NOTEBOOKS / f"{lesson}.ipynb", course / "source" / ASSIGNMENT)
    (course / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "se"\n')
    nbgrader("generate_assignment", ASSIGNMENT, "--create")
    for student, answer in ANSWERS.items():
        folder = course / "submitted" / student / ASSIGNMENT
        folder.mkdir(parents=True)
        for lesson in lessons:
            released = nbformat.read(course / "release" / ASSIGNMENT / f"{lesson}.ipynb", as_version=4)
            solved = nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", as_version=4)
            for cell, original in zip(released.cells, solved.cells, strict=True):
                assert "SOLUTION" not in cell.source
                if "BEGIN SOLUTION" in original.source:
                    assert STUB in cell.source
                    cell.source = cell.source.replace(STUB, answer(original))
            nbformat.write(released, folder / f"{lesson}.ipynb")
    nbgrader("autograde", ASSIGNMENT)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        points = {
            student: {
                grade.name: grade.auto_score
                for notebook in book.find_submission(ASSIGNMENT, student).notebooks
                for grade in notebook.grades
            }
            for student in ANSWERS
        }
    return points, course / "autograded"


if __name__ == "__main__":
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb") if "course.check(" in path.read_text())
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        by_student, _ = grade(Path(folder), names)
    for student, points in by_student.items():
        print(f"{student}: {sum(points.values()):g} of {2 * len(points)} points in {len(names)} lessons")
    print(f"{time.monotonic() - started:.0f} s")
    assert set(by_student["ada"].values()) == {2}
    assert set(by_student["bob"].values()) == {0}
