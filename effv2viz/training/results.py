"""The results of the study: tidy tables, written row by row and read back.

``runs`` has a row per training run, ``steps`` one per record of a run, ``gates`` one per test with changed gates.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from effv2viz.bundled import bundled
from effv2viz.training.loop import write_whole

TABLES = ("runs", "steps", "gates")
Row = dict[str, str]


class Results:
    """The tables of a study in a folder.

    Args:
        folder: with ``runs.csv``, ``steps.csv`` and ``gates.csv``; those of the package where left out. What is not
            there is an empty table.

    Attributes:
        runs: a row per training run. ``test_accuracy`` is that of the averaged weights, a share of ``test_pictures``;
            ``test_accuracy_last`` that of the last step's own. ``cpu_seconds`` are of the training process, tests
            along the way included; ``recipe`` is a hash of all settings.
        steps: a row per record of a run.
        gates: a row per test of a trained network with changed gates.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = bundled("data", "study") if folder is None else Path(folder)
        self.runs, self.steps, self.gates = (self._read(name) for name in TABLES)

    def _read(self, table: str) -> list[Row]:
        path = self.folder / f"{table}.csv"
        if not path.exists():
            return []
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def accuracies(self, **columns: str) -> dict[str, float]:
        """{seed: test accuracy in percent} of the runs whose columns have these values."""
        return {row["seed"]: 100 * float(row["test_accuracy"]) for row in self._chosen(columns)}

    def gate_tests(self, gates: str, site: str = "all", measure: str = "accuracy", **columns: str) -> dict[str, float]:
        """{seed: percent} of a test with changed gates, of the runs whose columns have these values."""
        seeds = {row["run"]: row["seed"] for row in self._chosen(columns)}
        wanted = {"gates": gates, "site": site, "measure": measure}
        return {
            seeds[row["run"]]: 100 * float(row["value"])
            for row in self.gates
            if row["run"] in seeds and all(row[key] == value for key, value in wanted.items())
        }

    def curves(self, **columns: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps (T,) of the records, and test accuracies (S, T) in percent of S runs along the way."""
        names = {row["run"] for row in self._chosen(columns)}
        found: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
        for row in self.steps:
            if row["run"] in names:
                found[row["run"]].append((int(row["step"]), 100 * float(row["test_accuracy"])))
        points = np.array([sorted(found[name]) for name in sorted(found)])
        return points[0, :, 0], points[:, :, 1]

    def _chosen(self, columns: dict[str, str]) -> list[Row]:
        return [row for row in self.runs if all(row[key] == value for key, value in columns.items())]

    def add(self, runs: Sequence[Row], steps: Sequence[Row], gates: Sequence[Row]) -> None:
        """Takes in rows, and writes the tables, each whole or not at all, ``runs`` last."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for table, rows in (("steps", steps), ("gates", gates), ("runs", runs)):
            known: list[Row] = getattr(self, table)
            names = {row["run"] for row in rows}
            known[:] = [row for row in known if row["run"] not in names] + list(rows)  # of a run that was killed here
            if not known:
                continue
            text = io.StringIO()
            writer = csv.DictWriter(text, known[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(known)
            write_whole(self.folder / f"{table}.csv", text.getvalue().encode())
