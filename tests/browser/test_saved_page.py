"""A saved page opened from disk, with every request to a network refused."""

import pytest
from playwright.sync_api import expect

import effv2viz as ev
from effv2viz.widgets.report import write_report


@pytest.fixture
def open_page(chromium):
    contexts = []

    def open_file(path, scheme="light"):
        context = chromium.new_context(viewport={"width": 1200, "height": 1000}, color_scheme=scheme)
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        page.errors, page.outside = [], []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        page.on(
            "request",
            lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else page.outside.append(r.url),
        )
        page.goto(path.as_uri())
        page.wait_for_function("document.body.dataset.ready === 'true'")
        return page

    yield open_file
    for context in contexts:
        context.close()


def test_the_report_is_alive_without_kernel_or_network(tmp_path, open_page, screenshots):
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    sample = ev.fashion_sample().balanced(1)
    images = ev.load_images(list(sample.images[:3]), model)
    write_report(tmp_path / "report.html", model, images, [model.classes[k] for k in sample.labels[:3]])
    page = open_page(tmp_path / "report.html")
    strip, gates = page.locator(".effv2viz-network"), page.locator(".effv2viz-gates")
    assert gates.count() == 4
    strip.locator("[data-name='stage4.0'] rect").first.click()
    for i in range(3):
        expect(gates.nth(i)).to_have_attribute("data-row", "stage4.0")
    expect(gates.nth(3)).to_have_attribute("data-mode", "strip")
    one, chart = gates.first, gates.first.locator(".ev-chart")
    one.locator("[data-control=order]").select_option("exact ablation")
    chart.press("Home")
    expect(one.locator(".ev-status")).to_contain_text("exact ablation")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    expect(one.locator(".ev-tip")).to_contain_text("attribution")
    one.locator("[data-control=row]").select_option("stage6.1")
    expect(strip).to_have_attribute("data-site", "stage6.1")
    expect(gates.nth(1)).to_have_attribute("data-row", "stage6.1")
    assert (page.errors, page.outside) == ([], [])
    if screenshots:
        page.mouse.move(0, 0)
        page.evaluate("window.scrollTo(0, 0)")
        page.wait_for_timeout(300)
        page.screenshot(path=screenshots / "images" / "report-light.png")
        open_page(tmp_path / "report.html", "dark").screenshot(path=screenshots / "images" / "report-dark.png")


def test_the_largest_network_is_drawn_in_time(tmp_path, open_page):
    """76 sites and more, up to 3,840 channels: the strip is drawn within 150 ms and the bars within a frame or two."""
    import torch

    with torch.device("meta"):
        widths = {site.name: site.channels for site in ev.find_se(ev.create_model("efficientnetv2_xl"))}
    generator = torch.Generator().manual_seed(0)
    make = {name: torch.rand(width, generator=generator) for name, width in widths.items()}
    other = {name: torch.rand(width, generator=generator) for name, width in widths.items()}
    view = ev.compare_gates({"one": make, "other": other})
    view.mode = "strip"
    view.save(tmp_path / "xl.html")
    page = open_page(tmp_path / "xl.html")
    root = page.locator(".effv2viz-gates")
    expect(root).to_have_attribute("data-mode", "strip")
    page.wait_for_timeout(500)
    strip = float(root.get_attribute("data-milliseconds"))
    root.locator("[data-control=mode]").select_option("bars")
    page.wait_for_timeout(300)
    box = root.locator(".ev-chart").bounding_box()
    bars = []
    for x in range(20):
        page.mouse.move(box["x"] + 100 + 20 * x, box["y"] + 100)
        page.wait_for_timeout(40)
        bars.append(float(root.get_attribute("data-milliseconds")))
    print(f"{len(widths)} sites: strip {strip:.1f} ms, hover over {widths[view.site]} bars {sorted(bars)[10]:.1f} ms")
    assert strip < 150 * 4  # four times what it takes at most, for machines that are busy
    assert sorted(bars)[10] < 16 * 4
    assert (page.errors, page.outside) == ([], [])
