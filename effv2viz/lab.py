"""Opens JupyterLab on the first of the learner's own copies of the lessons."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from effv2viz.course.lesson_copies import copy_lessons

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


def lesson_folder(folder: Path | None) -> Path:
    """The folder with the learner's copies of the lessons, which is made or completed.

    It is ``effv2viz-lessons`` in the current folder, or the given one. Nothing in it is overwritten.
    """
    target = folder or Path("effv2viz-lessons")
    for copied in copy_lessons(target):
        if copied.what == "damaged":
            print(f"A lesson in {target} cannot be read. It is left as it is; {copied.path.name} is a fresh copy.")
    return target


def lab_command(lessons: Path, port: int, *, browser: bool) -> list[str]:
    """The command line that starts JupyterLab on the first lesson, reachable from this machine alone."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={lessons.resolve()}"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
    command += [f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}"]
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
    lessons = lesson_folder(folder)
    print(f"{note + ' ' if note else ''}Lessons in {lessons}. JupyterLab prints the address to open below;", flush=True)
    print("stop it with Ctrl-C.", flush=True)
    process = subprocess.Popen(lab_command(lessons, chosen, browser=browser), env=lab_environment(config))
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # Lab ends its kernels, and then itself
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # Lab gets it too, and asks whether to stop
                continue
    finally:
        signal.signal(signal.SIGTERM, before)
