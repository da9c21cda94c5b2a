"""Gates dragged in a real notebook: the network answers while the hand moves."""

import pytest
from playwright.sync_api import expect

from tests.browser.reading import INK, ask

CELLS = ["import effv2viz as ev\nw = ev.what_if()\nw.site = 'stage5.0'\nw"]


def test_drag_keys_and_undo(page_of):
    seen = page_of(CELLS, "what-if.ipynb")
    page = seen.page
    view = page.locator(".effv2viz-what-if")
    root, chart = view.locator(".effv2viz-gates"), view.locator(".ev-chart")
    view.scroll_into_view_if_needed()
    expect(root).to_have_attribute("data-row", "stage5.0")
    page.wait_for_timeout(300)
    before, answer = chart.evaluate(INK), view.locator(".ev-prediction").inner_text()
    own = ask(page, "w.own_logits.tolist()")

    box = chart.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 190, steps=8)
    expect(view.locator(".ev-prediction")).not_to_have_text(answer, timeout=15_000)  # while the button is down
    assert ask(page, "w.steps") == ""
    page.mouse.up()
    channel = root.get_attribute("data-channel")
    expect(view.get_by_role("button", name="undo")).to_be_enabled(timeout=15_000)
    step = ask(page, "w.steps")
    assert step.startswith(f"set:stage5.0:{channel}:0.1")
    assert chart.evaluate(INK) != before
    assert ask(page, "w.logits.tolist()") != own
    assert float(root.get_attribute("data-gate")) == pytest.approx(float(step.split(":")[-1]), abs=1e-3)

    gate = float(root.get_attribute("data-gate"))
    chart.press("ArrowUp")
    expect(root).to_have_attribute("data-gate", f"{gate + 0.01:.3f}")
    expect(view.locator("details")).to_contain_text("ev.intervene(model, plan)", timeout=15_000)
    page.wait_for_timeout(300)
    assert len(ask(page, "w.steps").split(";")) == 2

    view.get_by_role("button", name="reset").click()
    expect(view.get_by_role("button", name="undo")).to_be_disabled(timeout=15_000)
    page.wait_for_timeout(300)
    assert ask(page, "(w.steps, w.logits.tolist())") == ["", own]
    assert view.locator(".ev-prediction").inner_text() == answer

    chart.press("Home")
    chart.press("Shift+ArrowRight")
    chart.press("Shift+ArrowRight")
    view.locator("select").nth(1).select_option(label="the selection")
    view.get_by_role("button", name="zero").click()
    expect(view.get_by_role("button", name="undo")).to_be_enabled(timeout=15_000)
    chosen = ask(page, "w.steps").split(":")[2].split("+")
    assert len(chosen) == 3
    assert (seen.outside, seen.errors) == ([], [])


DRAG = """() => {
    const chart = document.querySelector('.effv2viz-what-if .ev-chart');
    const box = chart.getBoundingClientRect();
    chart.setPointerCapture = () => {};
    for (const [name, y] of [['pointerdown', 60], ['pointermove', 120], ['pointerup', 120]]) {
        chart.dispatchEvent(new PointerEvent(name, {
            clientX: box.x + 80, clientY: box.y + y, button: 0, pointerId: 1, bubbles: true}));
    }
}"""


def test_it_answers_while_a_cell_runs_and_says_so_when_the_kernel_is_lost(page_of):
    seen = page_of(CELLS, "busy.ipynb")
    page = seen.page
    view = page.locator(".effv2viz-what-if")
    view.locator(".ev-prediction table").wait_for()
    page.evaluate(
        """() => { window.busy = true;
            window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
                .requestExecute({code: 'import time; time.sleep(25)'}).done.then(() => { window.busy = false; }); }"""
    )
    answer = view.locator(".ev-prediction").inner_text()
    page.evaluate(DRAG)
    expect(view.locator(".ev-prediction")).not_to_have_text(answer, timeout=20_000)
    expect(view.get_by_role("button", name="undo")).to_be_enabled(timeout=20_000)
    assert page.evaluate("window.busy"), "it was answered only after the cell"
    assert view.locator("[role=alert]:visible").count() == 0

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.shutdown()")
    page.wait_for_timeout(500)
    page.evaluate(DRAG)
    expect(view.locator("[role=alert]")).to_contain_text("The kernel has not answered yet", timeout=15_000)
    chart = view.locator(".ev-chart")
    before = chart.evaluate(INK)
    view.locator("[data-control=order]").select_option("channel")
    page.wait_for_timeout(300)
    assert chart.evaluate(INK) != before  # sorting needs no kernel
