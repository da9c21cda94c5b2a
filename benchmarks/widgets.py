"""How fast the front end answers, in Chromium, against the same pictures by others: ``python -m benchmarks.widgets``.

What is measured in the page is the work from an event to the end of the drawing that it causes. ``benchmarks/peers.py``
says how others are measured.
"""

import secrets
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.peers import VIEWS, by_kernel, by_matplotlib, by_plotly_js
from benchmarks.timing import verdict
from effv2viz.widgets.front_end import GatesFrontEnd
from effv2viz.widgets.html_host import write_page
from effv2viz.widgets.packing import Column, pack_matrix
from tests.browser.conftest import CHROMIUM, READY, SWITCHES, Lab, running_lab

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
WHAT_IF = "import effv2viz as ev\nw = ev.what_if()\nw.site = 'stage5.0'\nw"


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


@contextmanager
def notebook(browser: Browser, lab: Lab, name: str, code: str) -> Iterator[Page]:
    """A page of JupyterLab with a notebook of one cell that has run."""
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    written.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(written, lab.folder / f"{name}.ipynb")
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.goto(f"{lab.address}/lab/workspaces/{secrets.token_hex(4)}/tree/{name}.ipynb?token={lab.token}")
    page.wait_for_function(READY, timeout=60_000)
    if not page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')"):
        raise SystemExit(f"the cell of {name}.ipynb failed")
    yield page
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    page.close()


def in_jupyterlab(browser: Browser, folder: Path) -> tuple[dict[str, float], dict[str, dict[str, float | None]]]:
    """Medians of a drag on nano to new probabilities, of an echo and of the drawing; and of changes by the kernel."""
    with running_lab(folder) as lab:
        with notebook(browser, lab, "drag", WHAT_IF) as page:
            page.locator(".effv2viz-what-if .ev-chart").scroll_into_view_if_needed()
            page.wait_for_timeout(500)
            drag: dict[str, float] = page.evaluate(DRAG_AND_ECHO)
        with notebook(browser, lab, "peers", VIEWS.format(gates=GATES, sites=SITES, width=WIDTH)) as page:
            return drag, {picture: by_kernel(page, picture) for picture in ("bars", "strip")}


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
        drag, changes = in_jupyterlab(browser, Path(place))
        print("a drag on nano in JupyterLab, median of 30")
        print(f"  {'new probabilities on the screen':34} {drag['drag']:8.1f} ms")
        print(f"  {'an echo from the kernel':34} {drag['echo']:8.1f} ms")
        print(verdict("beyond the echo", drag["drag"] - drag["echo"], BEYOND_ECHO, at_most=True))
        for picture, took in changes.items():
            print(
                f"the kernel changes every gate of the {picture} in JupyterLab, until the page has changed, median of 9"
            )
            for name, milliseconds in took.items():
                said = "not installed" if milliseconds is None else f"{milliseconds:8.1f} ms"
                print(f"  {name:34} {said}")
        browser.close()


def peers(browser: Browser, values: np.ndarray) -> None:
    print(f"  {'matplotlib, drawn anew':34} {by_matplotlib(values):8.1f} ms")
    plotly = by_plotly_js(browser, values)
    if plotly is None:
        print("  plotly: not installed")
    else:
        print(f"  {'plotly.js, first picture':34} {plotly[0]:8.1f} ms")
        print(f"  {'plotly.js, a change':34} {plotly[1]:8.1f} ms")


if __name__ == "__main__":
    main()
