"""The lab command: a taken port is said plainly, and lessons are copied without overwriting any."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effv2viz.cli import app
from effv2viz.lab import PortTakenError, choose_port, has_display, lab_command, lab_environment, lesson_folder


def test_a_taken_port_is_said_plainly():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} is taken by another program"):
            choose_port(port)


def test_the_lessons_that_open_are_copies(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert lesson_folder(None) == Path("effv2viz-lessons")
    first = tmp_path / "effv2viz-lessons" / "00-start-here.ipynb"
    first.write_text("my work")
    lesson_folder(None)
    assert first.read_text() == "my work"
    assert "00-start-here.fresh.ipynb is a fresh copy" in capsys.readouterr().out


def test_the_command_copies_lessons_and_keeps_what_is_there(tmp_path):
    run = CliRunner()
    assert ": copied" in run.invoke(app, ["lessons", "copy", str(tmp_path / "mine")]).output
    again = run.invoke(app, ["lessons", "copy", str(tmp_path / "mine")])
    assert again.output.count("kept as it is") == len(list((tmp_path / "mine").glob("*.ipynb")))
    refused = run.invoke(app, ["lessons", "copy", str(Path(__file__).parents[1] / "notebooks")])
    assert refused.exit_code == 1
    assert "choose another folder" in refused.output


def test_fetch_names_the_nearest_model():
    done = CliRunner().invoke(app, ["fetch", "efficientnetv2"])
    assert done.exit_code == 1
    assert "unknown model 'efficientnetv2'" in done.output


def test_the_command_says_so_when_the_port_is_taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = CliRunner().invoke(app, ["lab", "--port", str(other.getsockname()[1])])
    assert done.exit_code == 1
    assert "is taken by another program: stop that, or choose another" in done.output


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system has no root")
def test_root_and_machines_without_a_desktop_are_served_too(tmp_path, monkeypatch):
    lessons = lesson_folder(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    command = lab_command(lessons, 8899, browser=False)
    assert {"--allow-root", "--no-browser", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=8899"} <= set(command)
    assert "--LabApp.default_url=/lab/tree/00-start-here.ipynb" in command
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "--allow-root" not in lab_command(lessons, 8899, browser=True)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_display()


@pytest.mark.skipif(os.name != "posix", reason="this system has no SIGTERM")
def test_ending_the_command_ends_jupyterlab(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("effv2viz"))
    command = [program, "lab", str(tmp_path), "--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers():
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    deadline = time.monotonic() + 90
    while not answers() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answers()
    process.terminate()
    process.wait(60)
    assert not answers()


def test_lab_asks_no_network_for_news(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/mine")
    paths = lab_environment(tmp_path)["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert paths[1] == "/mine"
    assert "announcements" in Path(paths[0], "labconfig", "page_config.json").read_text()
