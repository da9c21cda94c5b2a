"""A student goes through lessons with clicks and drags, answers in the views, and finds the progress saved."""

import json

import pytest
from playwright.sync_api import expect

RUN = "[data-command='notebook:run-cell-and-select-next']"
CELLS = "() => window.jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.type)"
SETTLED = """(i) => {
    const panel = window.jupyterapp.shell.currentWidget;
    const prompt = panel.content.widgets[i].node.querySelector('.jp-InputPrompt');
    return panel.sessionContext.session.kernel.status === 'idle' && !(prompt?.textContent ?? '').includes('*');
}"""

SHOWN = """(i) => {
    const {outputs} = window.jupyterapp.shell.currentWidget.content.widgets[i].model;
    return [...Array(outputs.length).keys()].map((k) => outputs.get(k).data['text/plain'] ?? '').join('');
}"""


def answer(page, view):
    """Chooses something in a prediction, commits and reveals."""
    view.scroll_into_view_if_needed()
    if view.locator("input[type=radio]").count():
        view.locator("input[type=radio]").first.click()
    elif view.locator("input[type=text]").count():
        view.locator("input[type=text]").fill("1")
        view.locator("input[type=text]").press("Tab")
    else:
        view.get_by_role("button", name="Down").click()
    view.get_by_role("button", name="Commit").click()
    view.get_by_role("button", name="Reveal").click()
    view.locator("[role=status]", has_text="un says").or_(view.locator("[role=status]", has_text="Right")).wait_for(
        timeout=120_000
    )


def answer_quiz(page, view):
    """Chooses the first option of each question, and finishes."""
    for group in view.locator(".widget-radio-box").all():
        group.locator("input[type=radio]").first.click()
    view.get_by_role("button", name="Finish").click()
    view.locator("[role=status]", has_text="of 10 right").wait_for(timeout=120_000)


def drag(page, chart, start, end):
    """Moves the mouse over a chart with the button down; both ends from its upper left corner."""
    box = chart.bounding_box()
    page.mouse.move(box["x"] + start[0], box["y"] + start[1])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0], box["y"] + end[1], steps=8)
    page.mouse.up()


def select_gates(page, view):
    """Drags over the bars of the explorer, and clicks one."""
    chart = view.locator(".ev-chart")
    drag(page, chart, (150, 60), (260, 80))
    expect(view.locator(".ev-status")).to_contain_text("channels are selected", timeout=15_000)
    root = view.locator(".effv2viz-gates")
    before, box = root.get_attribute("data-channel"), chart.bounding_box()
    page.mouse.click(box["x"] + 300, box["y"] + 100)
    expect(root).not_to_have_attribute("data-channel", before)
    channel = root.get_attribute("data-channel")
    expect(view.locator(".ev-pictures")).to_contain_text(f"channel {channel} before", timeout=15_000)


def shut_the_tallest_gate(page, view):
    """Drags the first bar of the what-if to the floor: the network answers."""
    answer = view.locator(".ev-prediction").inner_text()
    chart = view.locator(".ev-chart")
    drag(page, chart, (46, 60), (46, chart.bounding_box()["height"] - 4))
    expect(view.locator(".ev-prediction")).not_to_have_text(answer, timeout=15_000)
    expect(view.locator(".effv2viz-gates")).to_have_attribute("data-gate", "0.000", timeout=15_000)


def step_back(page, view):
    view.get_by_role("button", name="back").click()
    expect(view.locator(".effv2viz-stepper")).to_have_attribute("data-step", "3")


def measure_the_total(page, view):
    """Asks the attribution explorer another question, and runs it."""
    before = view.locator(".effv2viz-table").first.inner_text()
    view.get_by_label("baseline", exact=True).select_option(index=1)
    view.get_by_role("button", name="run").click()
    expect(view.locator(".effv2viz-table").first).not_to_have_text(before, timeout=60_000)


TOUCH = {
    "GateExplorer": (".effv2viz-gate-explorer", select_gates),
    "WhatIf": (".effv2viz-what-if", shut_the_tallest_gate),
    "SEStepper": (".effv2viz-se-stepper", step_back),
    "AttributionExplorer": (".effv2viz-attribution-explorer", measure_the_total),
}
TOUCHED = {
    "00-start-here": ["GateExplorer"],
    "03-scale": ["SEStepper"],
    "06-intervening": ["WhatIf"],
    "08-attribution-of-gates": ["AttributionExplorer"],
}


@pytest.mark.parametrize("lesson", TOUCHED)
def test_from_the_first_cell_to_the_last(visit, lab, lesson):
    seen = visit(f"{lesson}.ipynb")
    page = seen.page
    answered, touched = 0, []
    for number, kind in enumerate(page.evaluate(CELLS)):
        page.locator(RUN).first.click()
        if kind != "code":
            continue
        page.wait_for_timeout(80)
        page.wait_for_function(SETTLED, arg=number, timeout=180_000)
        cell = page.locator(f"[data-windowed-list-index='{number}']")
        shown = page.evaluate(SHOWN, number)
        if "no guess yet" in shown:
            answer(page, cell.locator(".effv2viz-prediction"))
            answered += 1
        elif "not finished" in shown:
            answer_quiz(page, cell.locator(".effv2viz-quiz"))
        elif (view := shown.partition("(")[0]) in TOUCH and view not in touched:
            name, touch = TOUCH[view]
            cell.locator(name).scroll_into_view_if_needed()
            touch(page, cell.locator(name))
            touched.append(view)
        else:
            continue
        page.locator(
            f"[data-windowed-list-index='{number + 1}'] .jp-InputPrompt"
        ).click()  # or this cell would run again
    done = json.loads((lab.folder / "progress.json").read_text())
    assert touched == TOUCHED[lesson]
    assert answered == len(done["lessons"][lesson]["predictions"]) > 0
    if lesson == "00-start-here":
        assert 0 <= done["quiz"]["before"] <= 10
    else:
        assert set(done["lessons"][lesson]["exercises"].values()) == {False}  # none is written yet
    bar = page.locator("tr", has_text=lesson).locator("[role=progressbar]").last
    bar.scroll_into_view_if_needed()
    assert int(bar.get_attribute("aria-valuenow")) > 0
    assert seen.outside == []
    assert seen.errors == []
