"""axe-core finds nothing serious in any widget or in the report."""

from importlib.util import find_spec
from pathlib import Path

import pytest

import effv2viz as ev
from effv2viz.widgets.report import write_report
from tests.browser.test_pictures import WIDGETS

VIOLATIONS = """(where) => axe.run(where).then((result) => result.violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(' ')}`))"""

SAME = ("explorer-strip", "attribution-explorer-pixels")  # another state of a widget that is there already


@pytest.fixture(scope="module")
def axe():
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe-core is not installed: pip install axe-playwright-python")
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def test_widgets_in_a_notebook(page_of, axe):
    cells = [f"import effv2viz as ev\n{code}\nw" for name, code in WIDGETS.items() if name not in SAME]
    page = page_of(cells, "accessible.ipynb", height=6000).page
    page.wait_for_timeout(1000)
    page.evaluate(axe)
    assert page.locator(".effv2viz:not(.ev-slider, .ev-upload)").count() == len(cells)
    where = [[".jp-OutputArea-output .jupyter-widgets"], [".jp-OutputArea-output .effv2viz"]]
    assert page.evaluate(VIOLATIONS, {"include": where}) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report(tmp_path, chromium, axe, scheme):
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    write_report(tmp_path / "report.html", model, ev.load_images(list(ev.photo_paths().values())[:2], model))
    context = chromium.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_function("document.body.dataset.ready === 'true'")
    page.evaluate(axe)
    violations = page.evaluate(VIOLATIONS, "body")
    context.close()
    assert violations == []
