"""What a learner has done: a small JSON file beside the copies of the lessons, and a bar across them.

Only a folder of copies has such a file, so nothing is written where the solved lessons run.
"""

from __future__ import annotations

import html
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from effv2viz.bundled import bundled
from effv2viz.suggestions import unknown_name

FILE_NAME = "progress.json"
_LOCK_SECONDS = 5.0  # a lock older than this was left by a kernel that was killed

_now = {"lesson": "", "problem": ""}


@dataclass(frozen=True)
class LessonProgress:
    """One lesson: how many of its predictions are revealed, and of its exercises solved."""

    lesson: str
    predictions: int
    of_predictions: int
    exercises: int
    of_exercises: int

    @property
    def share(self) -> float:
        """Done of all, 0 to 1."""
        return (self.predictions + self.exercises) / max(1, self.of_predictions + self.of_exercises)


class Progress:
    """All lessons, as a notebook shows them.

    Attributes:
        lessons: in order.
        recorded: whether this folder has a progress file.
        problem: why something could not be read or saved; empty if all went well.
        quiz: the score of the test ``"before"`` and ``"after"`` the course, of ten, where it was taken.
    """

    def __init__(self, lessons: list[LessonProgress], quiz: dict[str, int], *, recorded: bool, problem: str) -> None:
        self.lessons, self.quiz, self.recorded, self.problem = lessons, quiz, recorded, problem

    def table(self) -> list[dict[str, str | int]]:
        """A row for each lesson."""
        return [vars(lesson) for lesson in self.lessons]

    def __repr__(self) -> str:
        if not self.recorded:
            return "Progress is kept in a copy of the lessons: effv2viz lab makes one."
        done = sum(lesson.share == 1 for lesson in self.lessons)
        return f"Progress: {done} of {len(self.lessons)} lessons complete."

    def _repr_html_(self) -> str:
        said = f"<p>{html.escape(' '.join(filter(None, [repr(self), self.problem])))}</p>"
        if not self.recorded:
            return said
        bars = "".join(_bar(lesson) for lesson in self.lessons)
        scores = ", ".join(f"{when} the course {score} of 10" for when, score in self.quiz.items())
        return f"{said}<table>{bars}</table>" + (f"<p>Test: {scores}.</p>" if scores else "")


def begin(lesson: str) -> Progress:
    """Says which lesson runs here; from now on its predictions and checks are recorded.

    Args:
        lesson: its name, such as ``"03-scale"``.

    Raises:
        ValueError: for an unknown one.
    """
    if lesson not in _totals():
        raise unknown_name("lesson", lesson, _totals())
    _now["lesson"] = lesson
    return show_progress()


def show_progress() -> Progress:
    """What is done so far in this folder."""
    done = _read() if _file().exists() else {}
    lessons = []
    for name, (predictions, exercises) in _totals().items():
        own = done.get("lessons", {}).get(name, {})
        revealed, checked = len(own.get("predictions", {})), sum(own.get("exercises", {}).values())
        lessons.append(
            LessonProgress(name, min(revealed, predictions), predictions, min(checked, exercises), exercises)
        )
    return Progress(lessons, done.get("quiz", {}), recorded=_file().exists(), problem=_now["problem"])


def record_prediction(question: str, *, right: bool) -> None:
    """Notes that a prediction is revealed, and whether it was right. The first answer stays."""
    _change(lambda lesson: lesson.setdefault("predictions", {}).setdefault(question, right))


def record_check(exercise: str, *, ok: bool) -> None:
    """Notes what a check found. Once an exercise is solved, it stays so."""

    def note(lesson: dict[str, Any]) -> None:
        exercises = lesson.setdefault("exercises", {})
        exercises[exercise] = exercises.get(exercise, False) or ok

    _change(note)


def record_quiz(when: str, score: int) -> None:
    """Notes the score of a test; of one that is repeated the first counts."""
    _update(lambda done: done.setdefault("quiz", {}).setdefault(when, score))


def start_progress(path: Path) -> None:
    """An empty progress file, where there is none."""
    if not path.exists():
        _write(path, {"lessons": {}})


def _change(note: Callable[[dict[str, Any]], Any]) -> None:
    if _now["lesson"]:
        _update(lambda done: note(done.setdefault("lessons", {}).setdefault(_now["lesson"], {})))


def _update(note: Callable[[dict[str, Any]], Any]) -> None:
    """Reads, changes and writes the file. What goes wrong is kept for the view: it must not stop a lesson."""
    if not _file().exists():
        return
    try:
        with _locked():
            done = _read()
            note(done)
            _write(_file(), done)
        _now["problem"] = ""
    except OSError as error:
        _now["problem"] = f"The progress could not be saved: {error}."


def _file() -> Path:
    return Path.cwd() / FILE_NAME


def _read() -> dict[str, Any]:
    """The file; what cannot be read is put aside and not lost."""
    try:
        done = json.loads(_file().read_text(encoding="utf-8"))
        if isinstance(done, dict) and isinstance(done.get("lessons"), dict):
            return done
    except ValueError:
        pass
    aside = _file().with_suffix(".damaged.json")
    with suppress(OSError):
        if not aside.exists():
            os.replace(_file(), aside)
            _write(_file(), {"lessons": {}})
    return {"lessons": {}}


def _write(path: Path, done: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(done, indent=1, ensure_ascii=False), encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _locked() -> Iterator[None]:
    """Keeps the kernels of two open lessons from writing at the same moment."""
    lock = _file().with_name(f".{FILE_NAME}.lock")
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                break  # whoever made it is gone
            time.sleep(0.02)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


@cache
def _totals() -> dict[str, tuple[int, int]]:
    """How many predictions and exercises each lesson has."""
    totals = {}
    for path in sorted(bundled("notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        exercises = {name for source in code for name in re.findall(r"course\.check\(\w+, course\.([A-Z_]+)\)", source)}
        totals[path.stem] = (sum(".reveal()" in source for source in code), len(exercises))
    return totals


def _bar(lesson: LessonProgress) -> str:
    width = round(100 * lesson.share)
    bar = (
        f'<div style="width:12em;border:1px solid currentColor" role="progressbar" aria-valuenow="{width}" '
        f'aria-label="{lesson.lesson}"><div style="width:{width}%;height:0.7em;background:#0072B2"></div></div>'
    )
    said = f"{lesson.predictions} of {lesson.of_predictions} predictions"
    if lesson.of_exercises:
        said += f", {lesson.exercises} of {lesson.of_exercises} exercises"
    return f'<tr><td style="text-align:left">{lesson.lesson}</td><td>{bar}</td><td>{said}</td></tr>'
