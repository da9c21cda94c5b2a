"""The explorer's front end in a real notebook: each gesture, on state and on pixels."""

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.browser.reading import INK, ask

CELLS = [
    "import effv2viz as ev\none = ev.explore()\none",
    "other = ev.explore()\nother.site = 'stage4.0'\nother",
]


def test_every_gesture(page_of):
    seen = page_of(CELLS, "gestures.ipynb")
    page = seen.page
    one, other = page.locator(".effv2viz-gates").nth(0), page.locator(".effv2viz-gates").nth(1)
    chart = one.locator(".ev-chart")
    one.scroll_into_view_if_needed()
    expect(one).to_have_attribute("data-row", "stage6.1")
    untouched = other.evaluate("(root) => ({...root.dataset, milliseconds: ''})")

    def redrawn(act):
        before = chart.evaluate(INK)
        act()
        page.wait_for_timeout(150)
        assert chart.evaluate(INK) != before

    box = chart.bounding_box()
    page.mouse.move(box["x"] + 250, box["y"] + 100)
    expect(one.locator(".ev-tip")).to_contain_text("mean over the training set")
    hovered = one.get_attribute("data-hover").split()[1]
    page.mouse.click(box["x"] + 250, box["y"] + 100)
    expect(one).to_have_attribute("data-channel", hovered)
    expect(one.locator(".ev-pictures")).to_contain_text(f"channel {hovered} before", timeout=15_000)
    assert ask(page, "one.channel") == int(hovered)

    page.mouse.move(box["x"] + 150, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 80, steps=4)
    page.mouse.up()
    expect(one.locator(".ev-status")).to_contain_text("channels are selected")
    selection = ask(page, "one.selection")
    assert len(selection) > 10
    gates = ask(page, "{r['channel']: r['gate'] for r in one.table()}")
    assert [gates[str(c)] for c in selection] == sorted((gates[str(c)] for c in selection), reverse=True)
    redrawn(lambda: one.get_by_role("button", name="zoom in").click())
    low, high = map(int, one.get_attribute("data-span").split())
    assert high - low == len(selection)
    redrawn(lambda: page.keyboard.press("Tab") or chart.press("Escape"))
    assert ask(page, "one.selection") == []

    chart.press("Home")
    first = ask(page, "one.table()[0]['channel']")
    expect(one).to_have_attribute("data-channel", str(first))
    chart.press("ArrowRight")
    expect(one).to_have_attribute("data-channel", str(ask(page, "one.table()[1]['channel']")))
    assert "place 2 of 432" in chart.get_attribute("aria-valuetext")

    redrawn(lambda: one.locator("[data-control=order]").select_option("difference"))
    assert ask(page, "one.order") == "difference"
    one.locator("[data-control=search]").fill("17")
    expect(one).to_have_attribute("data-channel", "17")
    assert ask(page, "one.channel") == 17
    one.locator("[data-control=search]").fill("999")
    expect(one.locator("[role=alert]")).to_contain_text("432 channels")

    redrawn(lambda: one.locator("[data-control=mode]").select_option("strip"))
    box = chart.bounding_box()
    page.mouse.click(box["x"] + 120, box["y"] + 20)
    expect(one).to_have_attribute("data-row", "stage4.0")
    expect(one.locator("[data-control=search]")).to_have_value("")
    assert one.locator("[role=alert]:visible").count() == 0
    assert ask(page, "(one.site, one.mode)") == ["stage4.0", "strip"]
    chart.press("ArrowDown")
    expect(one).to_have_attribute("data-row", "stage4.1")
    chart.press("Enter")
    expect(one).to_have_attribute("data-mode", "bars")

    page.wait_for_timeout(500)  # messages of the page and of a cell come on different threads, in no fixed order
    assert ask(page, "(one.site, one.mode)") == ["stage4.1", "bars"]
    ask(page, "[setattr(one, 'image', 5), setattr(one, 'site', 'stage5.1')][0]")
    expect(one).to_have_attribute("data-row", "stage5.1")
    assert other.evaluate("(root) => ({...root.dataset, milliseconds: ''})") == untouched
    assert (seen.outside, seen.errors) == ([], [])


def test_an_own_picture_and_one_that_is_none(page_of, tmp_path):
    seen = page_of(CELLS[:1], "upload.ipynb")
    page = seen.page
    view = page.locator(".effv2viz-gate-explorer")
    view.scroll_into_view_if_needed()
    (tmp_path / "none.png").write_text("no picture")
    (tmp_path / "huge.png").write_text("no picture " * 3_000_000)
    noise = np.random.default_rng(0).integers(0, 256, (2200, 2500, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "camera.png")  # larger than one message to a notebook server may be
    Image.new("RGB", (60, 40), "orange").save(tmp_path / "orange.png")

    def choose(name):
        with page.expect_file_chooser() as chooser:
            view.get_by_role("button", name="own picture").click()
        chooser.value.set_files(tmp_path / name)

    choose("none.png")
    expect(view.locator("[role=alert]")).to_contain_text("none.png is no picture", timeout=15_000)
    choose("huge.png")
    expect(view.locator("[role=alert]")).to_contain_text("huge.png has 33 MB", timeout=15_000)
    choose("camera.png")
    expect(view.locator(".ev-pictures")).to_contain_text("camera.png", timeout=30_000)
    choose("orange.png")
    expect(view.locator(".ev-pictures")).to_contain_text("orange.png", timeout=15_000)
    expect(view.locator(".ev-warning")).to_contain_text("Out of domain")
    assert view.locator("[role=alert]:visible").count() == 0
    colour = view.locator(".ev-pictures canvas").first.evaluate(
        "(c) => [...c.getContext('2d').getImageData(16, 16, 1, 1).data].slice(0, 3)"
    )
    assert colour[0] == colour[1] == colour[2] > 100  # the network sees grey
    assert (seen.outside, seen.errors) == ([], [])


def test_a_view_says_that_its_kernel_has_gone(page_of):
    views = "import effv2viz as ev, ipywidgets\nviews = [ev.explore(), ev.se_stepper(), ev.network_strip()]"
    seen = page_of([views, "ipywidgets.VBox([view.widget for view in views])"], "restart.ipynb")
    page = seen.page
    alerts = page.locator(".effv2viz [role=alert]")
    expect(alerts).to_have_count(3)
    assert page.locator("[role=alert]:visible").count() == 0
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    for k in range(3):
        expect(alerts.nth(k)).to_contain_text("has gone: run the cell again", timeout=30_000)
    assert page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    expect(page.locator(".effv2viz-gates .ev-status")).to_contain_text("place 1 of 432", timeout=30_000)
    assert page.locator("[role=alert]:visible").count() == 0
    assert (seen.outside, seen.errors) == ([], [])


def test_it_comes_back_after_scrolling_away_and_in_the_dark(page_of):
    seen = page_of([CELLS[0], *["print('line\\n' * 60)"] * 3], "scroll.ipynb")
    page = seen.page
    root = page.locator(".effv2viz-gates")
    chart = root.locator(".ev-chart")
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    before = chart.evaluate(INK)
    page.locator(".jp-CodeCell").last.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    assert chart.evaluate(INK) == before
    light = root.evaluate("(r) => getComputedStyle(r).backgroundColor")
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    page.wait_for_timeout(500)
    assert root.evaluate("(r) => getComputedStyle(r).backgroundColor") != light
    assert chart.evaluate(INK) != before
    page.set_viewport_size({"width": 900, "height": 900})
    page.wait_for_timeout(400)
    assert chart.evaluate("(c) => c.querySelector('canvas').clientWidth === c.clientWidth")
    assert seen.errors == []
