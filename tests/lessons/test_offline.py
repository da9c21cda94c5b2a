"""The guard under which lessons run: it stops the network, not this machine, and hides downloaded weights."""

import os
import subprocess
import sys
from pathlib import Path

GUARD = Path(__file__).parent / "offline"
PROGRAM = """
import socket, urllib.request
for attempt in (
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    lambda: socket.socket().connect(("192.0.2.1", 80)),
    lambda: urllib.request.urlopen("http://example.org", timeout=1),
):
    try:
        attempt()
    except OSError as error:
        assert "lessons work offline" in str(error), error
    else:
        raise SystemExit("the network was reached")
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
from effv2viz.models import find_weights
assert not find_weights("efficientnetv2_s", "torchvision.in1k").is_here()
assert not find_weights("efficientnetv2_b0", "google.in1k").is_here()
assert find_weights("efficientnetv2_nano", "fashion").is_here()
"""


def test_the_guard():
    environment = {**os.environ, "PYTHONPATH": str(GUARD)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_make_runs_the_lessons_under_it():
    makefile = Path(__file__).parents[2].joinpath("Makefile").read_text()
    line = next(line for line in makefile.splitlines() if "--nbval" in line)
    assert "PYTHONPATH=tests/lessons/offline" in line
