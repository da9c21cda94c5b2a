"""Keeps nbval honest: a lesson that was never run, or hides its outputs, would pass it while comparing nothing."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
UNCOMPARED = {"nbval-skip", "nbval-ignore-output", "skip-execution"}
REASONS: dict[tuple[str, str], str] = {}  # (lesson, cell id) of a cell that nbval does not compare: why
CAP = 0.03  # of all code cells
ABSOLUTE = re.compile(r"(/(?:home|root|tmp|Users)/|[A-Z]:\\\\|/site-packages/|ipykernel_\d+)")
MEMORY_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")
LONGEST_LINE = 88  # characters that fit a cell at 1280 pixels
LONGEST_PRINTED = 95  # characters that fit it at a zoom of 125 %
LARGEST_OUTPUT = 250_000  # bytes

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_all_lessons_are_there():
    numbers = [path.name[:2] for path in LESSONS]
    assert numbers == [f"{n:02d}" for n in range(12)]


@each_lesson
def test_lesson_is_saved_as_it_ran(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    code = code_cells(path)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert "execution" not in cell.metadata
        assert "NBVAL_" not in cell.source
        assert not cell.source.rstrip().endswith(";")
        assert not any(word in cell.source for word in ("interact(", "Output("))
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
            said = str({kind: value for kind, value in output.get("data", output).items() if kind != "image/png"})
            assert not ABSOLUTE.search(said), said
            assert not MEMORY_ADDRESS.search(said), said
            assert len(str(output)) < LARGEST_OUTPUT
            assert all(len(line) <= LONGEST_PRINTED for line in output.get("text", "").splitlines())
    assert path.stat().st_size < 1_000_000


def test_cells_that_are_not_compared_are_few_and_have_a_reason():
    cells = [(path.stem, cell) for path in LESSONS for cell in code_cells(path)]
    uncompared = {(name, cell.id) for name, cell in cells if UNCOMPARED & set(cell.metadata.get("tags", []))}
    print(f"{len(uncompared)} of {len(cells)} code cells are run and not compared, or not run")
    assert uncompared == set(REASONS)
    assert len(uncompared) <= CAP * len(cells)


@each_lesson
def test_code_fits_the_page(path):
    long = [line for cell in code_cells(path) for line in cell.source.splitlines() if len(line) > LONGEST_LINE]
    assert long == []


@each_lesson
def test_a_lesson_says_what_it_is_for_and_where_to_go_on(path):
    cells = nbformat.read(path, as_version=4).cells
    assert [cell.id for cell in cells] == [f"cell-{i:02d}" for i in range(len(cells))]
    for words in ("**Time:**", "**You need:**", "**You will be able to:**"):
        assert words in cells[0].source
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert f'course.begin("{path.stem}")' in code[1]
    assert code[-1] == "course.show_progress()"
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert "## What you can now say" in prose
    assert "**What this does not show.**" in prose
    if path.name[:2] not in ("00", "11"):
        assert "## An open question" in prose
        checks = [source for source in code if re.fullmatch(r"course\.check\(\w+, course\.[A-Z_]+\)", source)]
        assert len(checks) >= 2


@each_lesson
def test_links_lead_somewhere(path):
    prose = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    glossary = (NOTEBOOKS / "glossary.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        assert not target.startswith("http"), target
        name, _, anchor = target.partition("#")
        assert (NOTEBOOKS / name).exists(), target
        assert not anchor or f'<a id="{anchor}"></a>' in glossary, target
    assert "glossary.md#" in prose or path.name[:2] in ("10", "11")


@each_lesson
def test_an_exported_lesson_shows_its_pictures(path, tmp_path):
    nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed")
    page, _ = nbconvert.HTMLExporter().from_filename(str(path))
    pictures = sum("image/png" in output.get("data", {}) for cell in code_cells(path) for output in cell.outputs)
    assert len(re.findall(r'<img[^>]*src="data:image/png', page)) == pictures
    assert "model not found" not in page
