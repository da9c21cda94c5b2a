"""A student's first minutes: the lesson opens, runs, and the explorer follows the mouse and the keyboard."""

from playwright.sync_api import expect


def test_the_first_lesson(visit, screenshots):
    seen = visit("00-start-here.ipynb")
    page = seen.page
    assert seen.run_all(), "a cell failed"
    explorer = page.locator(".effv2viz-gate-explorer").first
    chart = explorer.locator(".ev-chart")
    chart.wait_for(timeout=60_000)
    explorer.scroll_into_view_if_needed()
    map_before = explorer.locator(".ev-pictures canvas").nth(1)

    def shown():
        return map_before.evaluate("(c) => c.toDataURL()"), explorer.locator("[role=status]").inner_text()

    def changes(act):
        before = shown()
        act()
        expect(explorer.locator("[role=status]")).not_to_have_text(before[1], timeout=15_000)
        page.wait_for_function(
            "([canvas, old]) => canvas.isConnected ? canvas.toDataURL() !== old : true",
            arg=[map_before.element_handle(), before[0]],
            timeout=15_000,
        )
        assert shown()[0] != before[0]

    def click():
        box = chart.bounding_box()
        page.mouse.click(box["x"] + 300, box["y"] + 120)

    changes(lambda: chart.press("ArrowRight"))
    changes(click)
    explorer.locator("[data-control=row]").select_option("stage4.0")
    expect(explorer.locator("[role=status]")).to_contain_text("of stage4.0", timeout=15_000)
    expect(explorer.locator(".ev-tip")).to_be_hidden()  # it told of a gate of the site before
    changes(lambda: explorer.locator(".widget-dropdown select").select_option(index=3))
    if screenshots:
        page.wait_for_timeout(500)
        explorer.screenshot(path=screenshots / "explorer.png")
    views = page.locator(".effv2viz-gate-explorer").all()
    warned = [view.locator(".ev-warning:visible").count() for view in views]
    assert warned[0] == 0
    assert sum(warned) >= 1  # the photographs
    assert seen.outside == []
    assert seen.errors == []
