"""The same pictures by others: matplotlib, plotly.js, and bqplot and plotly's FigureWidget in JupyterLab.

The last two are measured where they are installed (``pip install bqplot plotly``). In JupyterLab the kernel changes
every gate, and the time is that until the page has changed for the last time; that of ours is measured likewise.
"""

import importlib.util
import statistics
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from playwright.sync_api import Browser, Page

from effv2viz.figures import to_png

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
VIEWS = """import importlib.util
import ipywidgets, numpy as np
from effv2viz.widgets.front_end import GatesFrontEnd
from effv2viz.widgets.packing import Column, pack_matrix
GATES, SITES, WIDTH = {gates}, {sites}, {width}
random = np.random.default_rng(0)
bars = random.random((2, GATES), dtype=np.float32)
strips = random.random((2, SITES, WIDTH), dtype=np.float32)
changes, boxes = {{}}, []
def add(name, view, change):
    changes[name] = change
    boxes.append(ipywidgets.Box([view], layout={{"width": "1150px"}}).add_class("view-" + name))
def ours(mode, pictures):
    packed = [pack_matrix({{f"site {{k}}": {{"gate": row}} for k, row in enumerate(rows)}}, [Column("gate", "gate")])
              for rows in pictures]
    orders = [{{"key": "channel", "label": "by channel"}}]
    front = GatesFrontEnd(title="gates", row="site 0", order="channel", mode=mode, orders=orders)
    front.tell(**packed[0])
    return front, lambda k: front.tell(data=packed[k]["data"])
add("ours-bars", *ours("bars", bars[:, None]))
add("ours-strip", *ours("strip", strips))
if importlib.util.find_spec("bqplot"):
    import bqplot
    x = bqplot.LinearScale()
    mark = bqplot.Bars(x=np.arange(GATES), y=bars[0], scales={{"x": x, "y": bqplot.LinearScale(min=0, max=1)}})
    figure = bqplot.Figure(marks=[mark], animation_duration=0, layout={{"width": "1100px", "height": "300px"}})
    add("bqplot-bars", figure, lambda k, mark=mark: setattr(mark, "y", bars[k]))
    scales = {{"x": bqplot.LinearScale(), "y": bqplot.LinearScale(), "color": bqplot.ColorScale(min=0, max=1)}}
    heat = bqplot.HeatMap(x=np.arange(WIDTH), y=np.arange(SITES), color=strips[0], scales=scales)
    figure = bqplot.Figure(marks=[heat], animation_duration=0, layout={{"width": "1100px", "height": "300px"}})
    add("bqplot-strip", figure, lambda k: setattr(heat, "color", strips[k]))
if importlib.util.find_spec("plotly"):
    import plotly.graph_objects as go
    layout = {{"width": 1100, "height": 300}}
    bar = go.FigureWidget([go.Bar(y=bars[0])], layout=layout)
    add("plotly-bars", bar, lambda k: bar.data[0].update(y=bars[k]))
    warm = go.FigureWidget([go.Heatmap(z=strips[0], zmin=0, zmax=1)], layout=layout)
    add("plotly-strip", warm, lambda k: warm.data[0].update(z=strips[k]))
ipywidgets.VBox(boxes)"""
CHANGE = """async (name) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const pause = (wait) => new Promise((done) => setTimeout(done, wait));
    const times = [];
    for (let i = 1; i <= 9; i += 1) {
        let last = 0;
        const observer = new MutationObserver(() => { last = performance.now(); });
        const everything = {childList: true, subtree: true, attributes: true, characterData: true};
        observer.observe(document.querySelector(`.view-${name}`), everything);
        const started = performance.now();
        await kernel.requestExecute({code: `changes["${name}"](${i % 2})`, silent: true}).done;
        while (last === 0 || performance.now() - last < 400) {
            if (performance.now() - started > 20000) throw new Error(`${name} does not change`);
            await pause(20);
        }
        observer.disconnect();
        times.push(last - started);
    }
    return times;
}"""
NAMES = {"ours": "ours", "bqplot": "bqplot", "plotly": "plotly FigureWidget"}


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


def by_plotly_js(browser: Browser, values: np.ndarray) -> tuple[float, float] | None:
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


def by_kernel(page: Page, picture: str) -> dict[str, float | None]:
    """Milliseconds of a change by the kernel in a notebook that runs ``VIEWS``; None for what is not installed.

    Args:
        page: of the notebook.
        picture: ``"bars"`` or ``"strip"``.
    """
    took: dict[str, float | None] = {}
    for name, said in NAMES.items():
        if name != "ours" and importlib.util.find_spec(name) is None:
            took[said] = None
            continue
        page.locator(f".view-{name}-{picture}").scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        took[said] = statistics.median(page.evaluate(CHANGE, f"{name}-{picture}"))
    return took
