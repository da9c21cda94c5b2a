"""Keeps nbval honest: a lesson that was never run, or hides its outputs, would pass it while comparing nothing."""

from pathlib import Path

import nbformat
import pytest

LESSONS = sorted(Path(__file__).parents[2].joinpath("notebooks").glob("*.ipynb"))


def test_there_are_lessons():
    assert LESSONS[0].name == "00-start-here.ipynb"


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_lesson_is_saved_as_it_ran(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert "execution" not in cell.metadata
        assert not {"nbval-skip", "nbval-ignore-output"} & set(cell.metadata.get("tags", []))
        assert "NBVAL_" not in cell.source
        assert not cell.source.rstrip().endswith(";")
        assert not any(word in cell.source for word in ("interact(", "Output("))
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
            assert "/home/" not in str(output)
    assert path.stat().st_size < 500_000
