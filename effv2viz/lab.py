"""Opens JupyterLab on the first lesson."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from effv2viz.bundled import bundled

FIRST_LESSON = "00-start-here.ipynb"
DEFAULT_PORT = 8888


class PortTakenError(OSError):
    """Another program listens on the port."""


def choose_port(wanted: int | None) -> tuple[int, str]:
    """A free port on this machine, and a sentence to print if it is not the usual one.

    Args:
        wanted: this port and no other; where left out, the first free one from 8888 on.

    Raises:
        PortTakenError: if the wanted port is taken, or none is free.
    """
    if wanted is not None:
        if not _is_free(wanted):
            raise PortTakenError(
                f"port {wanted} is taken by another program: stop that, or choose another with --port "
                f"(with make: make lab PORT={wanted + 1})"
            )
        return wanted, ""
    for port in range(DEFAULT_PORT, DEFAULT_PORT + 100):
        if _is_free(port):
            note = "" if port == DEFAULT_PORT else f"Port {DEFAULT_PORT} is taken by another program; using {port}."
            return port, note
    raise PortTakenError(f"the ports {DEFAULT_PORT} to {DEFAULT_PORT + 99} are all taken: choose one with --port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def lesson_folder(folder: Path | None) -> tuple[Path, Path]:
    """The folder that JupyterLab shows, and the folder in it where the lessons are.

    In a checkout these are the checkout and its ``notebooks``. Elsewhere the lessons are copied out of the package,
    into ``effv2viz-lessons`` or the given folder; a lesson that is there already is left as it is.
    """
    source = bundled("notebooks")
    checkout = source.parent
    if folder is None and (checkout / "pyproject.toml").exists():
        return checkout, source
    target = folder or Path("effv2viz-lessons")
    target.mkdir(parents=True, exist_ok=True)
    for lesson in sorted(source.glob("*.ipynb")):
        if not (target / lesson.name).exists():
            shutil.copyfile(lesson, target / lesson.name)
    return target, target


def lab_command(root: Path, lessons: Path, port: int, *, browser: bool) -> list[str]:
    """The command line that starts JupyterLab on the first lesson, reachable from this machine alone."""
    first = (lessons / FIRST_LESSON).resolve().relative_to(root.resolve()).as_posix()
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root.resolve()}"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
    command += [f"--LabApp.default_url=/lab/tree/{first}"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def lab_environment(config: Path) -> dict[str, str]:
    """The environment for JupyterLab: as it is, plus a setting that keeps Lab from asking the network for news."""
    page = config / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    paths = [str(config), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(paths)}


def has_display() -> bool:
    """Whether a browser can be expected to open: always, but on Linux without a desktop."""
    return not sys.platform.startswith("linux") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    )


def run_lab(folder: Path | None, port: int | None, *, browser: bool, config: Path) -> int:
    """Starts JupyterLab and waits until it ends; returns its exit code."""
    chosen, note = choose_port(port)
    root, lessons = lesson_folder(folder)
    print(f"{note + ' ' if note else ''}Lessons in {lessons}. JupyterLab prints the address to open below;", flush=True)
    print("stop it with Ctrl-C.", flush=True)
    process = subprocess.Popen(lab_command(root, lessons, chosen, browser=browser), env=lab_environment(config))
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # Lab ends its kernels, and then itself
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # Lab gets it too, and asks whether to stop
                continue
    finally:
        signal.signal(signal.SIGTERM, before)
