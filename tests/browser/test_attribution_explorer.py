"""The attribution explorer in a real notebook: run, read, cancel, and interrupt a cell that waits."""

import pytest
from playwright.sync_api import expect

from tests.browser.reading import ask

COLOURS = """(chart) => {
    const canvas = chart.querySelector('canvas');
    const pen = canvas.getContext('2d');
    const [dots, middle] = [window.devicePixelRatio, chart.clientHeight - 26 - 58];
    const at = (x, y) => [...pen.getImageData(Math.round(x * dots), Math.round(y * dots), 1, 1).data.slice(0, 3)];
    return [at(44.5, middle - 3), at(44.5, middle + 3)];
}"""  # of the first channel, just above and below the zero of the second chart

SLOW = """import effv2viz as ev, time
model = ev.create_model("efficientnetv2_nano", weights="fashion")
own = model.forward
model.forward = lambda x: (time.sleep(0.3), own(x))[1]
w = ev.attribution_explorer(model)
w"""


def test_run_and_read(page_of):
    seen = page_of(["import effv2viz as ev\nw = ev.attribution_explorer()\nw"], "attribution.ipynb")
    page = seen.page
    root = page.locator(".effv2viz-attribution-explorer")
    root.scroll_into_view_if_needed()
    expect(root.get_by_text("cost: 1F + 1B")).to_be_visible()
    root.get_by_role("button", name="run").click()
    expect(root.locator(".effv2viz-table").first).to_contain_text("rank agreement")
    site, channel = ask(page, "(w.site, w.channel)")
    value = ask(page, "w.table()[0]['attribution']")
    assert ask(page, "w.order") == "attribution"
    assert f"{value:+.3f}" in ask(page, "w.message")
    chart = root.locator(".ev-chart")
    expect(chart).to_have_css("height", "396px")
    page.wait_for_timeout(300)
    above, below = chart.evaluate(COLOURS)
    blue_for_against, orange_for = [0, 114, 178], [213, 94, 0]
    assert (below == blue_for_against) if value < 0 else (above == orange_for)
    root.get_by_label("explain", exact=True).select_option("pixels")
    expect(chart).to_have_css("height", "246px")
    expect(root.get_by_label("method", exact=True)).to_have_value("Integrated gradients")
    expect(root.get_by_label("effect", exact=True)).to_be_disabled()
    root.get_by_role("button", name="run").click()
    expect(root.locator(".effv2viz-table").first).to_contain_text("deletion, a random map")
    assert ask(page, "(w.method, w.site, w.channel)") == ["integrated_gradients", site, channel]
    assert (seen.outside, seen.errors) == ([], [])


RUN = """(code) => {
    window.running = true;
    window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}).done
        .then(() => { window.running = false; });
}"""


@pytest.mark.parametrize(
    "cell", ["w.run().wait()", "w.run()\ntime.sleep(12)"], ids=["it waits", "it does something else"]
)
def test_a_click_cancels_while_a_cell_runs(page_of, cell):
    """A view that a cell has made or changed answers beside that cell."""
    seen = page_of([SLOW, "w.explains, w.method = 'pixels', 'shapley_sampling'"], "busy-cancel.ipynb")
    page = seen.page
    root = page.locator(".effv2viz-attribution-explorer")
    root.scroll_into_view_if_needed()
    cancel = root.get_by_role("button", name="cancel")
    page.evaluate(RUN, cell)
    expect(cancel).to_be_enabled(timeout=30_000)
    page.wait_for_timeout(500)
    cancel.click()
    expect(root.get_by_text("nothing has changed")).to_be_visible(timeout=2_000)
    if "sleep" in cell:
        assert page.evaluate("window.running")
    page.wait_for_function("!window.running")
    assert ask(page, "(w.running, w.result)") == [False, None]
    assert (seen.outside, seen.errors) == ([], [])


def test_cancel_by_button_and_by_interrupt(page_of):
    seen = page_of([SLOW], "cancelled.ipynb")
    page = seen.page
    root = page.locator(".effv2viz-attribution-explorer")
    root.scroll_into_view_if_needed()
    root.get_by_label("explain", exact=True).select_option("pixels")
    root.get_by_label("method", exact=True).select_option("Shapley values of regions")
    run, cancel = (root.get_by_role("button", name=name) for name in ("run", "cancel"))
    run.click()
    expect(cancel).to_be_enabled()
    cancel.click()
    expect(root.get_by_text("nothing has changed")).to_be_visible(timeout=30_000)
    expect(run).to_be_enabled()

    page.evaluate("() => window.jupyterapp.commands.execute('notebook:insert-cell-below')")
    page.keyboard.press("Enter")
    page.keyboard.insert_text("w.run().wait()\nprint('over', w.result)")
    page.keyboard.press("Shift+Enter")
    expect(cancel).to_be_enabled(timeout=30_000)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    expect(page.get_by_text("KeyboardInterrupt", exact=False).first).to_be_visible(timeout=30_000)
    assert ask(page, "w.wait(30).result is None and not w.running") is True
    assert (seen.outside, seen.errors) == ([], [])
