"""Writes docs/gate-attribution.md: how well scores of gates rank them, against exact ablation.

    python docs/scripts/gate_attribution.py

On the bundled network and test pictures. Captum's layer methods stand beside ours, as they come out of the box.
"""

from pathlib import Path

import numpy as np
import torch
from captum.attr import LayerConductance, LayerIntegratedGradients

import effv2viz as ev
from effv2viz.attribution.faithfulness import gate_flipping, spearman

SEEDS, PER_SEED, RESAMPLES, STEPS = 3, 10, 1000, 16
DOCS = Path(__file__).parents[1]


def captums(method, model, images, target):
    """A layer method on every gate, from a black picture: {site: (N, C)}."""
    black = torch.full_like(images, float(images.min()))
    found = {}
    for site in ev.find_se(model):
        explainer = method(model, model.get_submodule(site.gate_path))
        values = explainer.attribute(images, black, target=target, n_steps=STEPS, internal_batch_size=2 * len(images))
        found[site.name] = values.detach().flatten(1)
    return found


def scores(model, images, effect, seed):
    first = ev.attribute_gates(model, images, effect=effect)
    target = first.target
    options = {"effect": effect, "target": target}
    return first, {
        "gate value": first.gates,
        "gate less its mean, absolute": {n: (g - first.baseline[n]).abs() for n, g in first.gates.items()},
        "first order": first,
        f"integrated gradients, {STEPS} steps": ev.attribute_gates(
            model, images, method="integrated_gradients", steps=STEPS, **options
        ),
        f"captum LayerIntegratedGradients, {STEPS} steps": captums(LayerIntegratedGradients, model, images, target),
        f"captum LayerConductance, {STEPS} steps": captums(LayerConductance, model, images, target),
        "random": ev.attribute_gates(model, images, method="random", seed=seed, **options),
    }


def measure(effect):
    """{score: (pictures, 2)}: the rank correlation with exact ablation, mean of the sites, and the overlap of the top 10."""
    rows, areas = {}, {}
    for seed in range(SEEDS):
        model = ev.create_model("efficientnetv2_nano", weights="fashion")
        sample = ev.fashion_sample("test")
        pick = np.random.default_rng(seed).choice(len(sample), PER_SEED, replace=False)
        images = ev.load_images(list(sample.images[pick]), model)
        first, columns = scores(model, images, effect, seed)
        replay = ev.Replay(model, images)
        exact = {site: ev.ablate_gates(replay, target=first.target, site=site, effect=effect) for site in replay.sites}
        columns["exact ablation (the oracle)"] = exact
        for name, values in columns.items():
            rho = torch.stack([spearman(values[site].double(), exact[site].double()) for site in exact]).mean(0)
            top = torch.stack([overlap(values[site], exact[site]) for site in exact]).mean(0)
            rows.setdefault(name, []).append(torch.stack([rho, top.double()], 1))
            if effect == "total":
                curve = gate_flipping(model, images, first, site="stage6.1", scores=values["stage6.1"])
                areas.setdefault(name, []).append(curve.area.double())
    return {name: torch.cat(parts).numpy() for name, parts in rows.items()}, {
        name: torch.cat(parts).numpy() for name, parts in areas.items()
    }


def overlap(values, exact):
    """The share of the ten gates with the largest exact effect, either sign, that a score has among its own ten."""
    ours, truth = values.abs().topk(10, 1).indices, exact.abs().topk(10, 1).indices
    return (ours[:, :, None] == truth[:, None, :]).any(1).double().mean(1)


def with_interval(values):
    generator = np.random.default_rng(0)
    picks = generator.integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[picks].mean(1), [2.5, 97.5])
    return f"{values.mean():.2f} [{low:.2f}, {high:.2f}]"


def main():
    direct, _ = measure("direct")
    total, areas = measure("total")
    lines = [
        "# How well do scores rank gates?",
        "",
        "Each score of a gate against its exact ablation: F(gate) - F(mean gate) of the predicted class's logit, one gate at",
        "a time. Printed by `python docs/scripts/gate_attribution.py` on the bundled network and"
        f" {SEEDS * PER_SEED} test pictures ({SEEDS} random",
        f"samples of {PER_SEED}). **rho**: Spearman's correlation over the gates of a site, mean of the 8 sites. **top 10**: how"
        " many of the",
        "ten strongest gates of a site are among the score's own ten. Brackets: 95 % bootstrap interval over pictures.",
        "**Direct**: all other gates held. **Total**: later gates respond. **Flipping**: gates of stage6.1 go to their mean,",
        "those with the highest score first; the mean change of the logit on the way (lower: helpful gates were found sooner).",
        "",
        "| score | rho, direct | top 10, direct | rho, total | top 10, total | flipping |",
        "|---|---|---|---|---|---|",
    ]
    for name in direct:
        cells = [with_interval(part[:, i]) for part in (direct[name], total[name]) for i in range(2)]
        lines.append(f"| {name} | " + " | ".join([*cells, with_interval(areas[name])]) + " |")
    lines += [
        "",
        "Read it so: a score with rho near 0 says nothing about what a gate does. The height of a gate is such a score.",
        "Captum's layer methods answer another question (what if the *picture* were black, or how much flows through a layer",
        "on the way from black), so they are not wrong, but they do not rank what gates do against their mean.",
        "",
        "Limits: one network, one data set, the mean as baseline, the predicted class.",
    ]
    DOCS.joinpath("gate-attribution.md").write_text("\n".join(lines) + "\n")


main()
