"""JupyterLab as ``effv2viz lab`` starts it, and a Chromium to use it with, both on this machine alone."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
READY = """() => {
    const widget = window.jupyterapp?.shell?.currentWidget;
    return widget?.context?.isReady && widget.sessionContext?.session?.kernel?.status === 'idle';
}"""


def pytest_addoption(parser):
    parser.addoption("--screenshots", type=Path, help="save the pictures for the documentation into this folder")


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@dataclass
class Lab:
    address: str
    token: str
    folder: Path


def end_group(server: subprocess.Popen) -> None:
    """Ends the program and the JupyterLab that it started, which ends its kernels."""
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(20)
    for _ in range(80):
        try:
            os.killpg(server.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.25)
    os.killpg(server.pid, signal.SIGKILL)


@contextmanager
def running_lab(root: Path) -> Iterator[Lab]:
    """JupyterLab with all its folders under ``root``, until the block ends."""
    token = secrets.token_hex(16)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (root / "config").mkdir()
    settings = {"IdentityProvider": {"token": token}, "LabApp": {"expose_app_in_browser": True}}
    (root / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = {**os.environ, **{name: str(root / folder) for name, folder in folders.items()}}
    environment.pop("MPLBACKEND", None)
    lessons = root / "lessons"
    program = str(Path(sys.executable).with_name("effv2viz"))
    command = [program, "lab", str(lessons), "--port", str(port), "--no-browser"]
    with open(root / "log", "w") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(240):
                assert server.poll() is None, (root / "log").read_text()[-2000:]
                try:
                    urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.25)
            else:
                raise AssertionError("JupyterLab did not start within a minute: " + (root / "log").read_text()[-2000:])
            yield Lab(address, token, lessons)
        finally:
            end_group(server)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine: install one, or set CHROMIUM to its path")
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page, and what went wrong on it."""

    page: object
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def run_all(self) -> bool:
        """Runs every cell; whether all succeeded."""
        return self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


@pytest.fixture
def visit(lab, chromium):
    """Opens a notebook in a fresh browser profile. Requests to other machines are refused and noted."""
    contexts = []

    def open_notebook(name: str, width: int = 1400, height: int = 1000) -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        seen = Visit(context.new_page())

        def guard(route):
            if route.request.url.startswith((lab.address, "data:", "blob:")):
                route.continue_()
            else:
                seen.outside.append(route.request.url)
                route.abort()

        context.route("**/*", guard)
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.goto(f"{lab.address}/lab/workspaces/{secrets.token_hex(4)}/tree/{name}?token={lab.token}")
        seen.page.wait_for_function(READY, timeout=60_000)
        return seen

    yield open_notebook
    for context in contexts:
        for page in context.pages:
            page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
        context.close()


@pytest.fixture
def page_of(lab, visit):
    """Opens a notebook of these cells and runs it."""

    def run(cells, name, **options):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, lab.folder / name)
        seen = visit(name, **options)
        assert seen.run_all(), "a cell failed"
        return seen

    return run


@pytest.fixture(scope="session")
def screenshots(request) -> Path | None:
    return request.config.getoption("--screenshots", default=None)
