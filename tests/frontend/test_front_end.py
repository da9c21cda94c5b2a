"""The pure parts of the front ends, run by node where there is one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from effv2viz.widgets.front_end import STATIC

HERE = Path(__file__).parent


def test_pure_parts():
    if shutil.which("node") is None:
        pytest.skip("there is no node on this machine: install Node 20 or later")
    done = subprocess.run(
        ["node", "--test", *map(str, sorted(HERE.glob("*.test.mjs")))], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^# pass (\d+)", done.stdout, re.M)[1]) >= 7


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda p: p.name)
def test_a_module_stands_alone(path):
    """It is loaded from a blob, where nothing can be imported by name, and must ask no other machine for anything."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s*import\s", text, re.M)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
