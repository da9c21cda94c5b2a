"""Training playback in a real notebook: time moves by hand and by keys, and gates and curves follow."""

from playwright.sync_api import expect

from tests.browser.reading import INK, ask


def test_time_moves(page_of):
    seen = page_of(["import effv2viz as ev\nw = ev.training_playback(beside='cue_none')\nw"], "playback.ipynb")
    page = seen.page
    view = page.locator(".effv2viz-training-playback")
    view.scroll_into_view_if_needed()
    slider, chart = view.get_by_role("slider", name="time"), view.locator(".ev-chart")
    last = ask(page, "w.record")
    page.wait_for_timeout(400)
    before = chart.evaluate(INK)
    curve = view.locator("svg[role=img]").first
    said = curve.get_attribute("aria-label")
    slider.press("Home")
    expect(view.locator("output")).to_have_text("step 50")
    expect(curve).not_to_have_attribute("aria-label", said)
    assert ask(page, "(w.record, w.step)") == [0, 50]
    slider.press("ArrowRight")
    expect(view.locator("output")).to_have_text("step 100")
    slider.fill(str(last))
    expect(view.locator("output")).to_have_text(f"step {ask(page, 'w.step')}")
    slider.press("ArrowLeft")
    expect(view.locator("output")).not_to_have_text(f"step {last}")
    page.wait_for_timeout(400)
    assert chart.evaluate(INK) != before
    assert ask(page, "w.record") == last - 1
    assert (seen.outside, seen.errors) == ([], [])
