"""The network strip leads an explorer: by the mouse, by the keyboard, and in the other direction."""

from playwright.sync_api import expect

from tests.browser.reading import ask

CELLS = [
    "import effv2viz as ev, traitlets\nstrip, view = ev.network_strip(), ev.explore()\n"
    "link = traitlets.link((strip, 'site'), (view, 'site'))\nstrip",
    "view",
]


def test_it_leads_an_explorer(page_of):
    seen = page_of(CELLS, "strip.ipynb", height=1300)
    page = seen.page
    strip, gates = page.locator(".effv2viz-network"), page.locator(".effv2viz-gates")
    blocks = strip.get_by_role("listbox")
    strip.locator("[data-name='stage4.1'] rect").first.click()
    expect(gates).to_have_attribute("data-row", "stage4.1", timeout=15_000)
    strip.locator("[data-name='stage2.0'] rect").first.click()  # fused: nothing to choose
    assert ask(page, "strip.site") == "stage4.1"
    blocks.press("ArrowRight")
    expect(gates).to_have_attribute("data-row", "stage4.2", timeout=15_000)
    expect(strip.locator("[aria-selected=true]")).to_have_attribute("data-name", "stage4.2")
    gates.locator("[data-control=row]").select_option("stage6.0")
    expect(strip).to_have_attribute("data-site", "stage6.0", timeout=15_000)
    assert ask(page, "(strip.site, view.site)") == ["stage6.0", "stage6.0"]

    height = "(text) => text.getBoundingClientRect().height"
    usual = strip.locator("text").first.evaluate(height)
    page.set_viewport_size({"width": 760, "height": 1300})
    page.wait_for_timeout(500)
    assert abs(strip.locator("text").first.evaluate(height) - usual) < 1, "text keeps its size in a narrow window"
    assert (seen.outside, seen.errors) == ([], [])
