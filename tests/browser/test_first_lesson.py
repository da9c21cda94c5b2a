"""A student's first minutes: the lesson opens, runs, and the explorer follows the mouse and the keyboard."""

import pytest
from playwright.sync_api import expect


def test_the_first_lesson(visit, screenshots):
    seen = visit("00-start-here.ipynb")
    page = seen.page
    assert seen.run_all(), "a cell failed"
    explorer = page.locator(".effv2viz-gate-explorer").first
    picture = explorer.locator("img")
    picture.wait_for(timeout=60_000)
    explorer.scroll_into_view_if_needed()
    handle = explorer.locator(".noUi-handle")

    def shown():
        return picture.get_attribute("src"), explorer.locator("[role=status]").inner_text()

    def changes(act):
        before = shown()
        act()
        expect(picture).not_to_have_attribute("src", before[0], timeout=15_000)
        after = shown()
        assert after[1] != before[1]
        return after

    def press(key):
        handle.focus()
        page.keyboard.press(key)

    def drag():
        box = handle.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 160, box["y"] + box["height"] / 2, steps=5)
        page.mouse.up()

    changes(lambda: press("ArrowRight"))
    changes(drag)
    explorer.locator("select").nth(1).select_option(label="stage4.0  (128 gates)")
    expect(explorer.locator("[role=status]")).to_contain_text("of stage4.0", timeout=15_000)
    changes(lambda: explorer.locator("select").nth(0).select_option(index=3))
    if screenshots:
        page.wait_for_timeout(500)
        explorer.screenshot(path=screenshots / "explorer.png")
    warned = [view.locator("[role=alert]").count() for view in page.locator(".effv2viz-gate-explorer").all()]
    assert warned[0] == 0
    assert sum(warned) >= 1  # the photographs
    assert seen.outside == []
    assert seen.errors == []


@pytest.mark.parametrize("width", [1280, 1024])
def test_nothing_overflows(visit, width):
    page = visit("00-start-here.ipynb", width=width).page
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.jp-OutputArea-output img')]"
        ".filter(i => i.clientWidth > i.closest('.jp-OutputArea').clientWidth).length"
    )
    assert wide == 0
