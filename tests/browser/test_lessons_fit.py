"""Every lesson, with its saved outputs, fits the page: at 1280 pixels, and at 1280 pixels with a zoom of 125 %."""

import shutil
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
TOO_WIDE = """async () => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    const wide = [];
    for (let i = 0; i < notebook.widgets.length; i++) {
        await notebook.scrollToItem(i);
        await new Promise((resolve) => setTimeout(resolve, 40));
        const node = notebook.widgets[i].node;
        const area = node.querySelector('.jp-OutputArea')?.clientWidth ?? Infinity;
        const parts = [...node.querySelectorAll('.jp-OutputArea-output img, .jp-RenderedMarkdown img')];
        if (parts.some((part) => part.clientWidth > area)) wide.push(`cell ${i}: picture`);
        const text = [...node.querySelectorAll('.jp-RenderedText pre, .jp-RenderedMarkdown')];
        if (text.some((part) => part.scrollWidth > part.clientWidth + 1)) wide.push(`cell ${i}: text`);
        const code = node.querySelector('.cm-scroller');
        if (code && code.scrollWidth > code.clientWidth + 1) wide.push(`cell ${i}: code`);
    }
    return wide;
}"""


@pytest.fixture(scope="module")
def solved(lab):
    shutil.copytree(NOTEBOOKS, lab.folder / "solved")
    return "solved"


@pytest.mark.parametrize("lesson", LESSONS)
def test_nothing_is_cut_off(visit, solved, lesson):
    page = visit(f"{solved}/{lesson}", width=1280).page
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    assert page.evaluate(TOO_WIDE) == []
    page.set_viewport_size({"width": 1024, "height": 800})
    page.wait_for_timeout(300)
    assert page.evaluate(TOO_WIDE) == []


def test_a_line_that_is_too_long_would_be_seen(page_of):
    page = page_of([f"text = '{'long ' * 50}'", "1"], "wide.ipynb", width=1280).page
    assert page.evaluate(TOO_WIDE) == ["cell 0: code"]
