"""The stepper in a real notebook: forward, back, and a channel that lights up what made it."""

from playwright.sync_api import expect

from tests.browser.reading import ask

DRAWN = "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(v => v)"


def test_step_by_step(page_of):
    seen = page_of(["import effv2viz as ev\nw = ev.se_stepper()\nw"], "stepper.ipynb")
    page = seen.page
    root = page.locator(".effv2viz-stepper")
    root.scroll_into_view_if_needed()
    canvases = root.locator("canvas")
    expect(root).to_have_attribute("data-step", "0")
    page.wait_for_timeout(300)
    assert [one.evaluate(DRAWN) for one in canvases.all()] == [True, False, False, False, False]
    forward = root.get_by_role("button", name="forward")
    for step in range(1, 5):
        forward.click()
        expect(root).to_have_attribute("data-step", str(step))
    expect(forward).to_be_disabled()
    page.wait_for_timeout(300)
    assert all(one.evaluate(DRAWN) for one in canvases.all())
    assert ask(page, "w.step") == 4

    before = [one.evaluate("(c) => c.toDataURL()") for one in canvases.all()]
    gates = root.get_by_role("slider").nth(1)
    box = gates.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.504, box["y"] + 40)
    expect(root).to_have_attribute("data-channel", "64")
    page.wait_for_timeout(200)
    assert all(one.evaluate("(c) => c.toDataURL()") != old for one, old in zip(canvases.all(), before, strict=True))
    gate = ask(page, "float(w.numbers().gate[64])")
    expect(root.locator("[data-step='3'] p")).to_contain_text(f"= {gate:.3f}")
    gates.press("ArrowRight")
    expect(root).to_have_attribute("data-channel", "65")
    root.locator("[data-control=channel]").fill("3")
    expect(root).to_have_attribute("data-channel", "3")
    root.get_by_role("button", name="back").click()
    page.wait_for_timeout(300)
    assert ask(page, "(w.channel, w.step)") == [3, 3]
    assert (seen.outside, seen.errors) == ([], [])
