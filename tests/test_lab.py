"""The lab command: a taken port is said plainly, and lessons are copied without overwriting any."""

import socket

import pytest
from typer.testing import CliRunner

from effv2viz.cli import app
from effv2viz.lab import PortTakenError, choose_port, lesson_folder


def test_a_taken_port_is_said_plainly():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} is taken by another program"):
            choose_port(port)


def test_lessons_are_copied_once(tmp_path):
    root, lessons = lesson_folder(tmp_path / "mine")
    first = lessons / "00-start-here.ipynb"
    assert root == lessons
    assert first.exists()
    first.write_text("my work")
    lesson_folder(tmp_path / "mine")
    assert first.read_text() == "my work"


def test_fetch_names_the_nearest_model():
    done = CliRunner().invoke(app, ["fetch", "efficientnetv2"])
    assert done.exit_code == 1
    assert "unknown model 'efficientnetv2'" in done.output
