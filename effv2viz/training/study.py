"""Runs the study: one process per worker, each run once, what was stopped goes on."""

from __future__ import annotations

import csv
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch

from effv2viz.datasets.cue import flip_cue, generate
from effv2viz.datasets.fashion import fashion_sample
from effv2viz.models.efficientnetv2 import EfficientNetV2, pick_device
from effv2viz.probing import GateStatistics
from effv2viz.training import cue, fashion
from effv2viz.training.ablation import STUDY, StudyRun
from effv2viz.training.cue import TEST_SEED, CueRecipe, train_cue
from effv2viz.training.fashion import train_fashion
from effv2viz.training.gate_tests import gate_tests
from effv2viz.training.results import Results, Row

FASHION_TEST_PICTURES = 10_000


def run_study(
    out: Path,
    *,
    runs: Sequence[StudyRun] = STUDY,
    root: str | Path | None = None,
    device: str = "auto",
    workers: int = 1,
    threads: int = 1,
    report: Callable[[str], None] = print,
) -> Results:
    """Trains what the results lack, and returns them.

    Args:
        out: gets the tables of ``Results``, and in ``runs/NAME`` what each run leaves. A run that the tables have is
            not repeated, one that was stopped goes on from its checkpoint.
        runs: what to train, in this order.
        root: where Fashion-MNIST lies or is downloaded to.
        device: as in ``create_model``.
        workers: processes that train at the same time.
        threads: of each of them.
        report: takes a line of text after each run.

    Raises:
        ValueError: if the tables have a run of another recipe under the same name.
        FileNotFoundError: if there is no Fashion-MNIST.
        FloatingPointError: if a run's loss or weights are no numbers any more; the others are finished first.
    """
    results = Results(out)
    done = {row["run"]: row["recipe"] for row in results.runs}
    for run in runs:
        if done.get(run.name, run.recipe_hash) != run.recipe_hash:
            raise ValueError(f"{out} has {run.name} of another recipe: use another folder")
    waiting = [run for run in runs if run.name not in done]
    report(f"{len(runs) - len(waiting)} of {len(runs)} runs are in {out}")
    failed: list[BaseException] = []
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,))
    try:
        jobs = {pool.submit(finish, run, out / "runs" / run.name, root, device): run for run in waiting}
        for job in as_completed(jobs):
            run, error = jobs[job], job.exception()
            if error is not None:
                failed.append(error)
                report(f"{run.name} failed: {error}")
                continue
            row, steps, gates = job.result()
            results.add([row], steps, gates)
            report(f"{run.name}  test_accuracy {row['test_accuracy']}  cpu_seconds {row['cpu_seconds']}")
    finally:
        pool.shutdown(cancel_futures=True)
    if failed:
        raise failed[0]
    return results


def finish(run: StudyRun, out: Path, root: str | Path | None, device: str) -> tuple[Row, list[Row], list[Row]]:
    """Trains one run, or what is left of it, and returns its rows of the three tables."""
    recipe = run.recipe
    if isinstance(recipe, CueRecipe):
        model = train_cue(out, recipe=recipe, device=device, report=_quiet, progress=False)
        pictures, test_pictures = recipe.pictures, recipe.test_pictures
    else:
        model = train_fashion(out, root=root, recipe=recipe, device=device, report=_quiet, progress=False)
        pictures, test_pictures = 10 * (recipe.per_class or 6_000), FASHION_TEST_PICTURES
    with open(out / "log.csv", newline="") as file:
        log = list(csv.DictReader(file))
    gates = [{"run": run.name, **row} for row in _gates(run, model, out)]
    stages = recipe.attention_stages or model.variant.mbconv_stages
    row = {
        "run": run.name,
        "part": run.part,
        "task": run.task,
        "model": recipe.model,
        "attention": recipe.attention,
        "attention_stages": " ".join(map(str, stages)),
        "se_ratio": f"{recipe.se_ratio or 0.25:g}",
        "depth": f"{recipe.depth:g}",
        "difficulty": f"{recipe.difficulty:g}" if isinstance(recipe, CueRecipe) else "",
        "seed": str(recipe.seed),
        "pictures": str(pictures),
        "test_pictures": str(test_pictures),
        "epochs": str(recipe.epochs),
        "batch_size": str(recipe.batch_size),
        "steps": log[-1]["step"],
        "parameters": str(sum(p.numel() for p in model.parameters())),
        "train_loss": log[-1]["train_loss"],
        "test_accuracy": log[-1]["test_accuracy_averaged"],
        "test_accuracy_last": log[-1]["test_accuracy"],
        "cpu_seconds": f"{sum(float(r['cpu_seconds']) for r in log):.1f}",
        "seconds": f"{sum(float(r['seconds']) for r in log):.1f}",
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
        "device": str(pick_device(device) or "cpu"),
        "recipe": run.recipe_hash,
    }
    columns = ("step", "train_loss", "test_accuracy", "test_accuracy_averaged")
    return row, [{"run": run.name, **{key: r[key] for key in columns}} for r in log], gates


def _gates(run: StudyRun, model: EfficientNetV2, out: Path) -> list[Row]:
    """The tests with changed gates, for SE as published."""
    if run.recipe.attention != "se":
        return []
    statistics = GateStatistics.load(out / f"{run.recipe.model}.{run.recipe.weights}.gates.safetensors")
    if isinstance(run.recipe, CueRecipe):
        test = generate(run.recipe.test_pictures, TEST_SEED, difficulty=run.recipe.difficulty)
        twin = flip_cue(test)
        inputs, twin_inputs = (cue.prepare(torch.from_numpy(p.images)) for p in (test, twin))
        twins = (twin_inputs, torch.from_numpy(twin.labels))
        return list(gate_tests(model, inputs, torch.from_numpy(test.labels), statistics, twins))
    sample = fashion_sample("test")
    inputs = fashion.prepare(torch.from_numpy(sample.images))
    return list(gate_tests(model, inputs, torch.from_numpy(sample.labels), statistics))


def _quiet(_: str) -> None:
    pass
