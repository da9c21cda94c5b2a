"""Measures what SE and its relatives cost, and writes data/study/cost.csv row by row.

    OMP_NUM_THREADS=1 python docs/scripts/se_cost.py

Time is CPU time of this process, one thread, the median of some repetitions; networks that are compared take turns, so
that a busy machine slows both. Weights are random: they do not change the time.
"""

import csv
import io
import statistics
import time
from pathlib import Path

import torch
from torch.nn import functional as F

import effv2viz as ev
from effv2viz.models.attention import ATTENTION

OUT = Path(__file__).parents[2] / "data" / "study" / "cost.csv"
NETWORKS = {"efficientnetv2_nano": 60, "efficientnetv2_b0": 20, "efficientnetv2_s": 7, "efficientnetv2_m": 5}
BATCH, STEPS = 64, 5


def timed(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def medians(functions, repeats):
    """Seconds of each function, after a first call that is not counted."""
    for function in functions.values():
        function()
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(timed(function))
    return {name: statistics.median(values) for name, values in times.items()}


def forward(model, x):
    def run():
        with torch.inference_mode():
            model(x)

    return run


def step(model, x):
    y = torch.zeros(len(x), dtype=torch.long)
    optimizer = torch.optim.AdamW(model.parameters())

    def run():
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        model.eval()

    return run


def row(model, size, mode, what, batch, repeats, seconds):
    summary = model.summary(size)
    return {
        "model": model.name,
        "attention": model.attention,
        "size": size,
        "mode": mode,
        "what": what,
        "batch": batch,
        "parameters": summary.params,
        "se_parameters": summary.se_params,
        "macs": summary.macs,
        "se_macs": summary.se_macs,
        "ms_per_image": f"{1000 * seconds / batch:.4g}",
        "repeats": repeats,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def write(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    OUT.write_text(text.getvalue())
    print(rows[-1], flush=True)


def main():
    torch.set_num_threads(1)
    rows = []
    size = ev.create_model("efficientnetv2_nano").variant.eval_size
    models = {name: ev.create_model("efficientnetv2_nano", attention=name) for name in ATTENTION}
    x = torch.randn(BATCH, 3, size, size)
    for what, make in (("forward", forward), ("step", step)):
        found = medians({name: make(model, x) for name, model in models.items()}, STEPS)
        rows += [row(models[name], size, "eager", what, BATCH, STEPS, seconds) for name, seconds in found.items()]
        write(rows)
    for mode in ("eager", "compiled"):
        for name, repeats in NETWORKS.items():
            pair = {attention: ev.create_model(name, attention=attention) for attention in ("se", "none")}
            size = pair["se"].variant.eval_size
            x = torch.randn(1, 3, size, size)
            runners = {key: torch.compile(model) if mode == "compiled" else model for key, model in pair.items()}
            found = medians({key: forward(model, x) for key, model in runners.items()}, repeats)
            rows += [row(pair[key], size, mode, "forward", 1, repeats, seconds) for key, seconds in found.items()]
            write(rows)
            torch.compiler.reset()


main()
