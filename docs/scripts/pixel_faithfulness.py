"""Writes docs/pixel-faithfulness.md: how far maps of pixels can be believed, by several measures.

python docs/scripts/pixel_faithfulness.py
"""

import itertools
from pathlib import Path

import numpy as np
import torch

import effv2viz as ev
from effv2viz.attribution import attribute_pixels, random_attribution
from effv2viz.attribution.faithfulness import (
    deletion_curve,
    infidelity,
    insertion_curve,
    max_sensitivity,
    parameter_randomisation,
)

SEEDS, PER_SEED, RESAMPLES = 3, 10, 1000
METHODS = {
    "saliency": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 32, "baseline": "blur"},
    "smoothgrad": {"samples": 16},
    "grad_cam": {"layer": "stage5"},
    "occlusion": {},
    "feature_ablation": {},
}


def explainer(name, model, target):
    if name == "random":
        seeds = itertools.count()
        return lambda images: random_attribution(images, next(seeds))
    return lambda images: attribute_pixels(model, images, target[: len(images)], name, **METHODS[name])


def measure(name, model, images, target, seed):
    explain = explainer(name, model, target)
    found = explain(images)
    columns = {
        "deletion": deletion_curve(model, images, found, target).area,
        "insertion": insertion_curve(model, images, found, target).area,
        "infidelity": infidelity(model, images, found, target, samples=60, seed=seed),
    }
    if name == "random":
        columns["sensitivity"] = torch.full((len(images),), float("nan"))
    else:
        columns["sensitivity"] = torch.cat(
            [
                max_sensitivity(
                    lambda some, k=k: attribute_pixels(model, some, int(target[k]), name, **METHODS[name]),
                    images[k : k + 1],
                    samples=4,
                    seed=seed,
                )
                for k in range(len(images))
            ]
        )
    for how in ("whole", "excitation"):
        stages = parameter_randomisation(model, lambda: explain(images), how, seed=seed)
        columns[how] = stages[-1].signed
    return {key: value.detach().double().numpy() for key, value in columns.items()}


def with_interval(values):
    if np.isnan(values).any():
        return "-"
    picks = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[picks].mean(1), [2.5, 97.5])
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def main():
    collected = {}
    for seed in range(SEEDS):
        model = ev.create_model("efficientnetv2_nano", weights="fashion")
        sample = ev.fashion_sample("test")
        pick = np.random.default_rng(seed).choice(len(sample), PER_SEED, replace=False)
        images = ev.load_images(list(sample.images[pick]), model)
        with torch.no_grad():
            target = model(images).argmax(1)
        for name in [*METHODS, "random"]:
            for key, values in measure(name, model, images, target, seed).items():
                collected.setdefault(name, {}).setdefault(key, []).append(values)
            print(seed, name, flush=True)
    heads = ["deletion", "insertion", "infidelity", "sensitivity", "whole", "excitation"]
    lines = [
        "# How far can maps of pixels be believed?",
        "",
        f"Several measures of {len(METHODS)} methods and of random maps, on the bundled network and {SEEDS * PER_SEED} test"
        f" pictures ({SEEDS} random samples",
        f"of {PER_SEED}), for the predicted class. Printed by `python docs/scripts/pixel_faithfulness.py`. Brackets: 95 %"
        " bootstrap interval",
        "over pictures.",
        "",
        "- **deletion**: mean probability while pixels go black, the strongest first. Low is good.",
        "- **insertion**: mean probability while pixels come back into a blurred picture. High is good.",
        "- **infidelity**: how badly the map foretells what a blackened square does. 0 is best, 1 is what zeros get.",
        "- **sensitivity**: how far the map moves when the picture moves a little. Low is good.",
        "- **all weights** / **excitation** drawn anew: rank correlation of the map with the one before. A map of what the",
        "  network learned should lose its order (near 0) when all weights are random. With only the SE modules' weights",
        "  random it shows how much of the map depends on them.",
        "",
        "| method | deletion | insertion | infidelity | sensitivity | all weights drawn anew | excitation drawn anew |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, columns in collected.items():
        cells = [with_interval(np.concatenate(columns[head])) for head in heads]
        shown = ", ".join(f"{key}={value}" for key, value in METHODS.get(name, {}).items())
        lines.append(f"| {name}{f' ({shown})' if shown else ''} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "The measures disagree: what wins one loses another. Read several, and always beside the random row.",
        "",
        "Limits: one network, one data set, small pictures. Half-deleted pictures are none that the network has seen.",
    ]
    Path(__file__).parents[1].joinpath("pixel-faithfulness.md").write_text("\n".join(lines) + "\n")


main()
