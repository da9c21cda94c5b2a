"""Keys pressed in a view stay in it: a notebook would cut the cell, or leave it."""

from playwright.sync_api import expect

VIEWS = """import effv2viz as ev, ipywidgets
views = [ev.network_strip(), ev.explore(), ev.se_stepper(), ev.training_playback("cue")]
ipywidgets.VBox([view.widget for view in views])"""
CELLS = """() => {
    const { content } = window.jupyterapp.shell.currentWidget;
    return [content.widgets.length, content.activeCellIndex, content.mode];
}"""


def test_no_key_reaches_the_notebook(page_of):
    seen = page_of([VIEWS, "1", "2"], "keys.ipynb")
    page = seen.page
    page.locator(".effv2viz-training-playback .ev-chart").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    page.locator(".jp-CodeCell").first.click()
    page.keyboard.press("Escape")
    before = page.evaluate(CELLS)
    controls = page.locator(".effv2viz-network-strip, .effv2viz-gate-explorer, .effv2viz-se-stepper").locator(
        "select:visible, button:visible, [tabindex='0']:visible"
    )
    assert controls.count() > 12
    for k in range(controls.count()):
        controls.nth(k).focus()
        for key in ("x", "b", "m", "ArrowDown", "Shift+ArrowDown"):
            page.keyboard.press(key)
            assert page.evaluate(CELLS) == before, (k, key)
    menu = page.locator(".effv2viz-gate-explorer .widget-dropdown select")
    menu.select_option(index=0)
    menu.press("ArrowDown")
    expect(menu).to_have_value("1: pullover")
    chart = page.locator(".effv2viz-gate-explorer .ev-chart")
    root = page.locator(".effv2viz-gate-explorer .effv2viz-gates")
    expect(root).to_have_attribute("data-mode", "strip")  # by the arrow down in its menu
    span = root.get_attribute("data-span")
    chart.press("Control+=")  # the browser's own zoom
    page.wait_for_timeout(200)
    assert root.get_attribute("data-span") == span
    chart.press("Shift+Enter")
    page.wait_for_function(f"({CELLS})()[1] === {before[1] + 1}")  # shortcuts pass
    assert (seen.outside, seen.errors) == ([], [])
