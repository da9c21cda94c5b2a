"""How fast the front end answers, in Chromium, against pictures that are drawn anew: ``python -m benchmarks.widgets``.

What is measured in the page is the work from an event to the end of the drawing that it causes. Peers are a redraw by
matplotlib, and plotly.js's ``react``, which ``FigureWidget`` calls when a message has come (``pip install plotly``).
"""

import importlib.util
import secrets
import statistics
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
from matplotlib.figure import Figure
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.timing import verdict
from effv2viz.figures import to_png
from effv2viz.widgets.front_end import GatesFrontEnd
from effv2viz.widgets.html_host import write_page
from effv2viz.widgets.packing import Column, pack_matrix
from tests.browser.conftest import CHROMIUM, READY, SWITCHES, running_lab

FRAME, FIRST_PAINT, BEYOND_ECHO = 16.0, 150.0, 30.0
GATES, SITES, WIDTH = 1536, 40, 3072

FIRST_DRAWN = """() => new MutationObserver((_, observer) => {
    const root = document.querySelector('.effv2viz-gates');
    if (root && !window.begun) window.begun = performance.now();
    if (root?.dataset.milliseconds) { window.drawn = performance.now(); observer.disconnect(); }
}).observe(document, {childList: true, subtree: true, attributes: true})"""
RESPONSE = """async (what) => {
    const root = document.querySelector('.effv2viz-gates'), chart = root.querySelector('.ev-chart');
    const box = chart.getBoundingClientRect();
    chart.setPointerCapture = () => {};
    const send = (name, x, y) => chart.dispatchEvent(new PointerEvent(name, {
        clientX: box.x + x, clientY: box.y + y, button: 0, pointerId: 1, bubbles: true}));
    if (what === 'drag') send('pointerdown', 80, 60);
    const times = [];
    for (let i = 0; i < 60; i += 1) {
        const started = performance.now();
        if (what === 'drag') send('pointermove', 80, 60 + 2 * i); else send('pointermove', 60 + 9 * i, 90);
        const handled = performance.now() - started;
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        times.push(handled + Number(root.dataset.milliseconds));
    }
    return times;
}"""
DRAG_AND_ECHO = """async () => {
    const root = document.querySelector('.effv2viz-what-if .effv2viz-gates');
    const chart = root.querySelector('.ev-chart');
    const shown = root.querySelector('.ev-prediction');
    const box = chart.getBoundingClientRect();
    const send = (name, y) => chart.dispatchEvent(new PointerEvent(name, {
        clientX: box.x + 80, clientY: y, button: 0, pointerId: 1, bubbles: true}));
    chart.setPointerCapture = () => {};
    const times = [];
    send('pointerdown', box.y + 60);
    for (let i = 0; i < 30; i += 1) {
        await new Promise((done) => setTimeout(done, 30));
        const changed = new Promise((done) => {
            const observer = new MutationObserver(() => { observer.disconnect(); done(); });
            observer.observe(shown, {childList: true, subtree: true});
        });
        const started = performance.now();
        send('pointermove', box.y + 60 + 4 * i);
        await changed;
        times.push(performance.now() - started);
    }
    send('pointerup', box.y + 180);
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const echoes = [];
    for (let i = 0; i < 30; i += 1) {
        const started = performance.now();
        await kernel.requestKernelInfo();
        echoes.push(performance.now() - started);
    }
    const median = (all) => all.sort((a, b) => a - b)[15];
    return {drag: median(times), echo: median(echoes), draw: Number(root.dataset.milliseconds)};
}"""
PLOTLY = """async ([first, second, type]) => {
    const place = document.createElement('div');
    document.body.append(place);
    const trace = (values) => type === 'bar' ? [{type, y: values}] : [{type, z: values, zmin: 0, zmax: 1}];
    const layout = {width: 1100, height: 300};
    let started = performance.now();
    await Plotly.newPlot(place, trace(first), layout);
    const made = performance.now() - started, times = [];
    for (let i = 0; i < 9; i += 1) {
        started = performance.now();
        await Plotly.react(place, trace(i % 2 ? first : second), layout);
        times.push(performance.now() - started);
    }
    return [made, times];
}"""


def front_end(rows: dict[str, np.ndarray], mode: str, folder: Path) -> Path:
    front = GatesFrontEnd(title="gates", editable=mode == "bars")
    columns = [Column("gate", "gate")]
    first = next(iter(rows))
    front.tell(**pack_matrix({name: {"gate": row} for name, row in rows.items()}, columns), row=first, mode=mode)
    front.orders = [{"key": "channel", "label": "by channel"}, {"key": "value", "label": "by gate"}]
    path = folder / f"{mode}.html"
    write_page(path, "gates", [("gates", [front])])
    return path


def opened(browser: Browser, path: Path) -> Page:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.add_init_script(f"({FIRST_DRAWN})()")
    page.goto(path.as_uri())
    page.wait_for_function("window.drawn !== undefined")
    return page


def by_matplotlib(values: np.ndarray) -> float:
    """Milliseconds, the median of five drawings to a PNG."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        axes = (figure := Figure(figsize=(11, 3))).add_subplot()
        if values.ndim == 1:
            axes.stairs(values, fill=True)
        else:
            axes.imshow(values, aspect="auto", interpolation="nearest", vmin=0, vmax=1)
        to_png(figure)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def by_plotly(browser: Browser, values: np.ndarray) -> tuple[float, float] | None:
    """Milliseconds for a first picture and for a change, or None where plotly is not installed."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        return None
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.add_script_tag(path=Path(found.origin).parent / "package_data" / "plotly.min.js")
    changed = values.copy()
    changed[..., 7] = 0
    kind = "bar" if values.ndim == 1 else "heatmap"
    made, times = page.evaluate(PLOTLY, [values.tolist(), changed.tolist(), kind])
    page.close()
    return made, statistics.median(times)


def drag_in_jupyterlab(browser: Browser, folder: Path) -> dict[str, float]:
    """Medians of a drag on nano to new probabilities, of an echo from the kernel, and of the drawing."""
    with running_lab(folder) as lab:
        code = "import effv2viz as ev\nw = ev.what_if()\nw.site = 'stage5.0'\nw"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, lab.folder / "drag.ipynb")
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{lab.address}/lab/workspaces/{secrets.token_hex(4)}/tree/drag.ipynb?token={lab.token}")
        page.wait_for_function(READY, timeout=60_000)
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        chart = page.locator(".effv2viz-what-if .ev-chart")
        chart.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        took: dict[str, float] = page.evaluate(DRAG_AND_ECHO)
        page.close()
        return took


def main() -> None:
    if CHROMIUM is None:
        raise SystemExit("there is no Chromium on this machine: install one, or set CHROMIUM to its path")
    numbers = np.random.default_rng(0).random((SITES, WIDTH), dtype=np.float32)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        bars = opened(browser, front_end({"site": numbers[0, :GATES]}, "bars", Path(place)))
        print(f"{GATES:,} gates as bars, milliseconds from an event to the end of the drawing, median of 60")
        for what in ("hover", "drag"):
            took = statistics.median(bars.evaluate(RESPONSE, what))
            print(f"  {what:34} {took:8.1f} ms")
            print(verdict(what, took, FRAME, at_most=True))
        peers(browser, numbers[0, :GATES])
        rows = {f"site {k}": numbers[k] for k in range(SITES)}
        path = front_end(rows, "strip", Path(place))
        paints = []
        for _ in range(5):
            page = opened(browser, path)
            paints.append(page.evaluate("window.drawn - window.begun"))
            page.close()
        print(f"{SITES} sites x {WIDTH:,} channels as a heat strip, first picture, median of 5")
        print(f"  {'ours':34} {statistics.median(paints):8.1f} ms")
        print(verdict("first paint", statistics.median(paints), FIRST_PAINT, at_most=True))
        peers(browser, numbers)
        took = drag_in_jupyterlab(browser, Path(place))
        print("a drag on nano in JupyterLab, median of 30")
        print(f"  {'new probabilities on the screen':34} {took['drag']:8.1f} ms")
        print(f"  {'an echo from the kernel':34} {took['echo']:8.1f} ms")
        print(verdict("beyond the echo", took["drag"] - took["echo"], BEYOND_ECHO, at_most=True))
        browser.close()


def peers(browser: Browser, values: np.ndarray) -> None:
    print(f"  {'matplotlib, drawn anew':34} {by_matplotlib(values):8.1f} ms")
    plotly = by_plotly(browser, values)
    if plotly is None:
        print("  plotly: not installed")
    else:
        print(f"  {'plotly.js, first picture':34} {plotly[0]:8.1f} ms")
        print(f"  {'plotly.js, a change':34} {plotly[1]:8.1f} ms")


if __name__ == "__main__":
    main()
