"""Prints the oldest versions that pyproject.toml allows, as constraints for pip.

python tests/oldest.py > oldest.txt
python3.11 -m venv .venv-oldest && .venv-oldest/bin/pip install -c oldest.txt -e '.[test]'
.venv-oldest/bin/python -m pytest tests
"""

import re
from pathlib import Path

project = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
required = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
assert required is not None
for name, version in re.findall(r'"([\w-]+)>=([\d.]+)', required[1]):
    print(f"{name}=={version}")
