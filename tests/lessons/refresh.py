"""Runs every lesson and saves it with its outputs, without widget state or timings: ``make lessons``.

The beginnings of names choose lessons: ``python tests/lessons/refresh.py 03 04``.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WIDGET = "application/vnd.jupyter.widget-view+json"

for path in sorted(Path(__file__).parents[2].joinpath("notebooks").glob("*.ipynb")):
    if sys.argv[1:] and not path.name.startswith(tuple(sys.argv[1:])):
        continue
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
    nbformat.write(notebook, path)
    print(path.name)
