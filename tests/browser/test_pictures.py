"""Every widget on one page each, light and dark; with ``--screenshots docs`` the pictures of the documentation."""

import pytest

WIDGETS = {
    "explorer": "w = ev.explore()\nw.site, w.image, w.order = 'stage5.1', 6, 'difference'",
    "explorer-strip": "w = ev.explore()\nw.image, w.mode, w.site = 6, 'strip', 'stage5.1'",
    "what-if": "w = ev.what_if()\nw.site, w.image = 'stage6.0', 6\nw.mean()\nw.set(0.05, channels=[251, 12])",
    "network-strip": "w = ev.network_strip()\nw.site = 'stage5.1'",
    "se-stepper": "w = ev.se_stepper()\nw.image, w.site, w.channel, w.step = 6, 'stage4.0', 17, 4",
    "class-gates": "w = ev.class_gates()\nw.site = 'stage6.1'\nw.group = 'bag'",
    "compare-gates": "w = ev.compare_gates()\nw.second, w.site = '6: sneaker', 'stage6.0'",
    "attribution-explorer": "w = ev.attribution_explorer()\nw.image, w.site = 6, 'stage6.1'\nw = w.run().wait()",
    "attribution-explorer-pixels": "w = ev.attribution_explorer()\nw.explains = 'pixels'\nw = w.run().wait()",
    "training-playback": "w = ev.training_playback(beside='cue_none')\nw.record, w.order = 8, 'change so far'",
}
THEME = "(name) => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"


@pytest.mark.parametrize("name", WIDGETS)
def test_it_shows_in_light_and_dark(page_of, screenshots, name):
    seen = page_of([f"import effv2viz as ev\n{WIDGETS[name]}\nw"], f"{name}.ipynb", width=1360, height=1200)
    page = seen.page
    shown = page.locator(".jp-OutputArea-output .jupyter-widgets, .jp-OutputArea-output .effv2viz").first
    page.locator(".effv2viz").first.wait_for(timeout=30_000)
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.wait_for_timeout(400)
    pictures = {}
    for theme, short in (("JupyterLab Light", "light"), ("JupyterLab Dark", "dark")):
        page.evaluate(THEME, theme)
        page.wait_for_function(f"document.body.dataset.jpThemeLight === '{str(short == 'light').lower()}'")
        page.wait_for_timeout(500)
        target = {"path": screenshots / "images" / f"{name}-{short}.png"} if screenshots else {}
        pictures[short] = shown.screenshot(**target)
    assert pictures["light"] != pictures["dark"]
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.effv2viz')].filter(w => w.scrollWidth > w.clientWidth + 1).length"
    )
    assert wide == 0, "a widget is wider than its place"
    assert (seen.outside, seen.errors) == ([], [])
