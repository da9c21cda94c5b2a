"""A learner's own copies of the lessons: without the solutions, and never overwritten.

The lessons that ship are solved. In a copy, what stands between ``### BEGIN SOLUTION`` and ``### END SOLUTION`` is
replaced as nbgrader replaces it. It has no outputs: they would give answers away before the question is asked.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from effv2viz.bundled import bundled
from effv2viz.course.progress import FILE_NAME, start_progress

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
GLOSSARY = "glossary.md"

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Copied:
    """What became of one lesson.

    Attributes:
        path: of the copy.
        what: ``"new"``; ``"kept"``: it was there, and is left as it is; ``"damaged"``: what was there is no notebook;
            it is left as it is, and ``path`` is a fresh copy beside it.
    """

    path: Path
    what: Literal["new", "kept", "damaged"]


def copy_lessons(folder: Path) -> list[Copied]:
    """Copies of all lessons in a folder, without solutions. A file that is there already is never changed.

    So a second call adds the lessons that are new since the first.

    Args:
        folder: made where it does not exist.

    Raises:
        ValueError: if the folder is the one that the lessons are copied from.
        OSError: if it cannot be written to. What was copied before is whole.
    """
    source = bundled("notebooks")
    if folder.exists() and folder.samefile(source):
        raise ValueError(f"{folder} holds the lessons themselves: choose another folder for your copy")
    folder.mkdir(parents=True, exist_ok=True)
    copied = [_copy(lesson, folder) for lesson in sorted(source.glob("*.ipynb"))]
    if not (folder / GLOSSARY).exists():
        write_whole(folder / GLOSSARY, (source / GLOSSARY).read_text(encoding="utf-8"))
    start_progress(folder / FILE_NAME)
    return copied


def stub(notebook: Notebook) -> Notebook:
    """A solved lesson with stubs in place of its solutions, and without outputs.

    Raises:
        ValueError: if a solution has a begin and no end, or an end and no begin.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = _without_solutions("".join(cell["source"])).splitlines(keepends=True)
            cell["outputs"], cell["execution_count"] = [], None
    return notebook


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that, whatever happens, either all of it is there or what was there before."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _copy(lesson: Path, folder: Path) -> Copied:
    target = folder / lesson.name
    what: Literal["new", "damaged"] = "new"
    if target.exists():
        if _is_notebook(target):
            return Copied(target, "kept")
        target, what = target.with_suffix(".fresh.ipynb"), "damaged"
        if target.exists():
            return Copied(target, what)
    notebook = stub(json.loads(lesson.read_text(encoding="utf-8")))
    write_whole(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return Copied(target, what)


def _is_notebook(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")).get("cells"), list)
    except (ValueError, AttributeError):
        return False


def _without_solutions(source: str) -> str:
    lines: list[str] = []
    inside = False
    for line in source.split("\n"):
        if line.strip() == BEGIN:
            if inside:
                raise ValueError(f"a solution begins inside another:\n{source}")
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + stub_line for stub_line in STUB]
        elif line.strip() == END:
            if not inside:
                raise ValueError(f"a solution ends that did not begin:\n{source}")
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise ValueError(f"a solution begins and does not end:\n{source}")
    return "\n".join(lines)
