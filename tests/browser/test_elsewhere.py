"""The explorer outside JupyterLab: in Notebook 7 and in Voila."""

import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import time

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import end_group
from tests.browser.reading import INK

FONTS = "fortawesome"  # what Voila itself asks of a content delivery network, and does without


@pytest.fixture
def serve(tmp_path):
    """Starts a program of Jupyter's on a free port with all its folders in one place."""
    started = []
    for part in ("config", "data", "runtime", "settings", "workspaces"):
        (tmp_path / part).mkdir()
    token = secrets.token_hex(16)
    settings = {"IdentityProvider": {"token": token}, "JupyterNotebookApp": {"expose_app_in_browser": True}}
    (tmp_path / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }

    def start(program, *options):
        if importlib.util.find_spec(program) is None:
            pytest.skip(f"{program} is not installed")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", program, *options, "--no-browser", f"--port={port}"]
        with open(tmp_path / "log", "w") as log:
            server = subprocess.Popen(
                command, env=environment, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        started.append(server)
        for _ in range(240):
            assert server.poll() is None, (tmp_path / "log").read_text()[-2000:]
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"http://127.0.0.1:{port}", token
            time.sleep(0.25)
        raise AssertionError((tmp_path / "log").read_text()[-2000:])

    code = "import effv2viz as ev\nw = ev.explore()\nw"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "explorer.ipynb")
    yield start
    for server in started:
        end_group(server)


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1300, "height": 1000})
    page = context.new_page()
    page.outside, page.wrong = [], []

    def guard(route):
        if route.request.url.startswith(("http://127.0.0.1", "data:", "blob:")):
            route.continue_()
        else:
            page.outside.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    yield page
    context.close()


def explore(page):
    """Chooses a site and a picture, and hovers: what is drawn follows."""
    root, chart = page.locator(".effv2viz-gates"), page.locator(".effv2viz-gates .ev-chart")
    chart.wait_for(timeout=60_000)
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    before = chart.evaluate(INK)
    root.locator("[data-control=row]").select_option("stage5.0")
    expect(root).to_have_attribute("data-row", "stage5.0")
    for _ in range(50):
        if chart.evaluate(INK) != before:
            break
        page.wait_for_timeout(200)
    assert chart.evaluate(INK) != before
    text = root.locator(".ev-prediction").inner_text()
    page.locator(".effv2viz-gate-explorer select").first.select_option(index=6)
    expect(root.locator(".ev-prediction")).not_to_have_text(text, timeout=20_000)
    assert page.wrong == []


def test_notebook_7(serve, page):
    address, token = serve("notebook", "--allow-root")
    page.goto(f"{address}/notebooks/explorer.ipynb?token={token}")
    ready = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    page.wait_for_function(ready, timeout=60_000)
    page.wrong.clear()  # what Notebook says of its own settings while it starts
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    explore(page)
    assert page.outside == []


def test_voila(serve, page):
    address, token = serve("voila", "explorer.ipynb")
    page.goto(f"{address}/?token={token}", timeout=90_000)
    explore(page)
    assert [url for url in page.outside if FONTS not in url] == []
