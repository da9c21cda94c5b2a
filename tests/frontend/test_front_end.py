"""The front ends: their pure parts, run by node where there is one, and their types."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from effv2viz.widgets.front_end import STATIC

HERE = Path(__file__).parent
TYPESCRIPT = ["npx", "--yes", "--fetch-retries=0", "--package=typescript@5.9.3", "tsc"]  # kept in npm's own cache
STRICT = ["--noEmit", "--allowJs", "--checkJs", "--strict", "--module", "es2022", "--target", "es2022"]


def test_pure_parts():
    if shutil.which("node") is None:
        pytest.skip("there is no node on this machine: install Node 20 or later")
    done = subprocess.run(
        ["node", "--test", *map(str, sorted(HERE.glob("*.test.mjs")))], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^# pass (\d+)", done.stdout, re.M)[1]) >= 7


def test_types(tmp_path):
    """The types in the comments, by TypeScript's strict rules, and that it sees a wrong one."""
    if shutil.which("npx") is None:
        pytest.skip("there is no npx on this machine: install Node 20 or later")
    if subprocess.run([*TYPESCRIPT, "--version"], capture_output=True).returncode:
        pytest.skip("npx cannot get TypeScript: there is no npm registry to ask")

    def check(*paths):
        return subprocess.run([*TYPESCRIPT, *STRICT, *paths], cwd=tmp_path, capture_output=True, text=True)

    done = check(*map(str, sorted(STATIC.glob("*.js"))))
    assert done.returncode == 0, done.stdout
    text = (STATIC / "slider.js").read_text(encoding="utf-8")
    (tmp_path / "gates.js").write_text((STATIC / "gates.js").read_text(encoding="utf-8"), encoding="utf-8")
    wrong = tmp_path / "slider.js"
    wrong.write_text(
        text.replace("moveBy(event.key, Number(input.value)", "moveBy(event.key, input.value"), encoding="utf-8"
    )
    assert "TS2345" in check(str(wrong)).stdout


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda p: p.name)
def test_a_module_stands_alone(path):
    """It is loaded from a blob, where nothing can be imported by name, and must ask no other machine for anything."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s*import\s", text, re.M)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
