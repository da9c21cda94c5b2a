# `make lab` opens the first lesson, `make test` runs all tests. Both set up their own .venv; the second time is fast.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: lab test lessons screenshots lint

$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

lab: $(VENV)/installed
	$(BIN)/effv2viz lab $(if $(PORT),--port $(PORT))

test: $(VENV)/installed
	$(BIN)/python -m pytest tests
	PYTHONPATH=tests/lessons/offline $(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=120 notebooks

lessons: $(VENV)/installed
	PYTHONPATH=tests/lessons/offline $(BIN)/python tests/lessons/refresh.py

screenshots: $(VENV)/installed
	$(BIN)/python -m pytest tests/browser --screenshots docs

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
