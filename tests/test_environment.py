"""The conda environment asks for what ``pyproject.toml`` asks for."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def test_names_and_bounds_are_equal():
    project = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.S | re.M)[1]
    wanted = re.findall(r'"([\w-]+)([^"]*)"', block)
    conda = (ROOT / "environment.yml").read_text()
    listed = {line.strip().removeprefix("- ") for line in conda.splitlines()}
    assert {CONDA_NAMES.get(name, name) + bounds for name, bounds in wanted} <= listed
    assert "python" + re.search(r'requires-python = "(.*)"', project)[1] in listed
