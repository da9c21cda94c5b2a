"""A student goes through lessons cell by cell, answers in the views, and finds the progress saved."""

import json

import pytest

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


@pytest.mark.parametrize("lesson", ["00-start-here", "03-scale", "06-intervening", "08-attribution-of-gates"])
def test_from_the_first_cell_to_the_last(visit, lab, lesson):
    seen = visit(f"{lesson}.ipynb")
    page = seen.page
    answered = 0
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
        else:
            continue
        page.locator(
            f"[data-windowed-list-index='{number + 1}'] .jp-InputPrompt"
        ).click()  # or this cell would run again
    done = json.loads((lab.folder / "progress.json").read_text())
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
