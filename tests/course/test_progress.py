"""Progress: recorded in a folder of copies only, and never lost."""

import json
import os
import subprocess
import sys

import pytest

from effv2viz import course
from effv2viz.course import progress as module


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(module._now, "lesson", "")
    monkeypatch.setitem(module._now, "problem", "")
    return tmp_path


@pytest.fixture
def copies(folder):
    module.start_progress(folder / "progress.json")
    course.begin("03-scale")
    return folder


def reveal(question="Which?", guess="a"):
    asked = course.Choice(question, ["a", "b"], lambda: "b")
    asked.guess = guess
    asked.commit()
    asked.reveal()


def lesson(name="03-scale"):
    return next(row for row in course.show_progress().lessons if row.lesson == name)


def test_nothing_is_written_outside_of_copies(folder):
    shown = course.begin("03-scale")
    reveal()
    course.check(course.SCALE.solution, course.SCALE)
    assert list(folder.iterdir()) == []
    assert (
        repr(shown)
        == repr(course.show_progress())
        == "Progress is kept in a copy of the lessons: effv2viz lab makes one."
    )


def test_predictions_and_checks_are_recorded(copies):
    assert lesson().of_exercises == 2
    assert lesson().of_predictions == 4
    reveal("one", "a")
    reveal("one", "b")
    reveal("two", "b")
    course.check(lambda x, s: x, course.SCALE)
    assert (lesson().predictions, lesson().exercises) == (2, 0)
    course.check(course.SCALE.solution, course.SCALE)
    course.check(lambda x, s: x, course.SCALE)
    assert (lesson().predictions, lesson().exercises) == (2, 1)
    assert lesson().share == 0.5
    kept = json.loads((copies / "progress.json").read_text())
    assert kept["lessons"]["03-scale"]["predictions"] == {"one": False, "two": True}
    page = course.show_progress()._repr_html_()
    assert "2 of 4 predictions, 1 of 2 exercises" in page
    assert 'aria-valuenow="50"' in page


def test_it_survives_a_kernel_that_is_killed(copies):
    program = """
import os
from effv2viz import course
course.begin("01-squeeze")
course.check(course.SQUEEZE.solution, course.SQUEEZE)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program], cwd=copies, check=False)
    assert lesson("01-squeeze").exercises == 1
    (copies / ".progress.json.lock").touch()  # as one that was killed while it wrote would leave it
    module._LOCK_SECONDS = 0.1
    reveal()
    assert lesson().predictions == 1


def test_two_kernels_at_once_lose_nothing(copies):
    program = """
import sys
from effv2viz.course import progress
progress.begin("02-excitation")
for i in range(40):
    progress.record_prediction(sys.argv[1] + str(i), right=True)
"""
    running = [subprocess.Popen([sys.executable, "-c", program, name], cwd=copies) for name in "ab"]
    assert [process.wait() for process in running] == [0, 0]
    kept = json.loads((copies / "progress.json").read_text())
    assert len(kept["lessons"]["02-excitation"]["predictions"]) == 80


@pytest.mark.parametrize("text", ["", "{", "[]", '{"lessons": 3}'])
def test_a_damaged_file_is_put_aside(copies, text):
    (copies / "progress.json").write_text(text)
    reveal()
    assert lesson().predictions == 1
    assert (copies / "progress.damaged.json").read_text() == text


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs the errors of a POSIX file system")
def test_a_folder_that_cannot_be_written_to_stops_no_lesson(copies, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    reveal()
    assert "no space left" in course.show_progress()._repr_html_()


def test_an_unknown_lesson_is_refused(folder):
    with pytest.raises(ValueError, match="did you mean '03-scale'"):
        course.begin("03-scales")
