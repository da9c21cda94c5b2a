"""Writes docs/gates-by-depth.md and its picture: do gates vary more, and separate classes better, with depth?

    python docs/scripts/gates_by_depth.py

On the bundled sample of test pictures, for the bundled network and, as a control, the same network with random weights.
"""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import effv2viz as ev

CONTROLS, RESAMPLES = 5, 200
DOCS = Path(__file__).parents[1]


def gates_of(model, images):
    return {name: site.gate.double().numpy() for name, site in ev.trace(model, images, batch_size=250).items()}


def spread(gates):
    """The standard deviation of a gate over pictures, mean of a site's gates."""
    return gates.std(0).mean()


def separability(gates, labels):
    """The share of a site's gate variance that lies between classes."""
    means = np.stack([gates[labels == k].mean(0) for k in range(10)])
    share = np.bincount(labels, minlength=10) / len(labels)
    return float((share[:, None] * (means - gates.mean(0)) ** 2).sum() / gates.var(0).sum())


def interval(gates, labels, measure, generator):
    values = []
    for _ in range(RESAMPLES):
        pick = generator.integers(0, len(labels), len(labels))
        values.append(measure(gates[pick], labels[pick]))
    return np.percentile(values, [2.5, 97.5])


def rank_correlation(values):
    order = np.argsort(np.argsort(values))
    return float(np.corrcoef(order, np.arange(len(values)))[0, 1])


def main():
    sample = ev.fashion_sample("test")
    labels = sample.labels
    trained = ev.create_model("efficientnetv2_nano", weights="fashion")
    images = ev.load_images(list(sample.images), trained)
    generator = np.random.default_rng(0)
    measures = {"spread": lambda g, y: spread(g), "separability": separability}
    own = gates_of(trained, images)
    controls = []
    for seed in range(CONTROLS):
        torch.manual_seed(seed)
        controls.append(gates_of(ev.create_model("efficientnetv2_nano"), images))

    table = []
    for name, gates in own.items():
        row = {"site": name, "saturated": float(((gates < 0.05) | (gates >= 0.95)).mean())}
        for key, measure in measures.items():
            row[key] = measure(gates, labels)
            row[f"{key} interval"] = interval(gates, labels, measure, generator)
            row[f"{key} random"] = [measure(control[name], labels) for control in controls]
        table.append(row)

    lines = [
        "# Gates by depth",
        "",
        "The SE paper (arXiv 1709.01507, section 7.2) reports of SE-ResNet-50 on ImageNet that early gates are much the same",
        "for all classes, and later ones more and more class-specific, until the last ones saturate. Here the same is asked",
        f"of the bundled network (`efficientnetv2_nano`, Fashion-MNIST), on the {len(labels):,} bundled test pictures. Printed by",
        "`python docs/scripts/gates_by_depth.py`.",
        "",
        "- **spread**: standard deviation of a gate over pictures, mean over the gates of a site.",
        "- **separability**: share of the gates' variance that lies between classes (0: classes look alike; 1: pictures of",
        "  one class look alike).",
        "- **saturated**: gates below 0.05 or above 0.95.",
        "- Brackets: 95 % bootstrap interval over pictures. Random: the same network with random weights, smallest and",
        f"  largest of {CONTROLS} seeds.",
        "",
        "| site | spread | random | separability | random | saturated |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        cells = [row["site"]]
        for key, digits in (("spread", 3), ("separability", 2)):
            low, high = row[f"{key} interval"]
            control = row[f"{key} random"]
            cells.append(f"{row[key]:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]")
            cells.append(f"{min(control):.{digits + 1}f} to {max(control):.{digits + 1}f}")
        cells.append(f"{100 * row['saturated']:.1f} %")
        lines.append("| " + " | ".join(cells) + " |")
    rho = {key: rank_correlation([row[key] for row in table]) for key in measures}
    random_rho = {
        key: [rank_correlation([row[f"{key} random"][seed] for row in table]) for seed in range(CONTROLS)]
        for key in measures
    }
    lines += [
        "",
        "| rank correlation with depth (8 sites) | trained | random, each seed |",
        "|---|---|---|",
        *(f"| {key} | {rho[key]:.2f} | {', '.join(f'{value:.2f}' for value in random_rho[key])} |" for key in measures),
        "",
        "![Spread and separability of the gates of each site, trained and with random weights](images/gates-by-depth.png)",
        "",
    ]
    lines += verdict(rho, table)
    DOCS.joinpath("gates-by-depth.md").write_text("\n".join(lines) + "\n")
    draw(table).savefig(DOCS / "images" / "gates-by-depth.png", dpi=120, metadata={"Software": None})


def verdict(rho, table):
    """The sentences under the table, from its numbers."""

    def word(value):
        return (
            "yes" if value > 0.71 else "no" if value < -0.71 else "not clearly"
        )  # 5 % level, two-sided, of 8 ranks is 0.74

    first, last = table[0], table[-1]
    return [
        f"Do gates vary more with depth? **{word(rho['spread'])}**: {first['spread']:.3f} at the first site,"
        f" {last['spread']:.3f} at the last.",
        f"Do they separate classes better with depth? **{word(rho['separability'])}**:"
        f" {first['separability']:.2f} at the first site, {last['separability']:.2f} at the last.",
        "",
        "Limits: one network, one seed of training, one data set, eight sites. With random weights the gates hardly move at",
        "all, so their separability says how the pictures differ, not what was learned: pictures of one class look alike",
        "before any training. Only the difference between trained and random is learned.",
    ]


def draw(table):
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, key, label in zip(
        figure.subplots(1, 2),
        ("spread", "separability"),
        ("spread over pictures (gate, 0 to 1)", "share of variance between classes"),
        strict=True,
    ):
        x = np.arange(len(table))
        values = np.array([row[key] for row in table])
        low, high = np.array([row[f"{key} interval"] for row in table]).T
        axes.errorbar(x, values, [values - low, high - values], fmt="o-", color="#0072B2", capsize=3, label="trained")
        control = np.array([row[f"{key} random"] for row in table])
        axes.fill_between(x, control.min(1), control.max(1), color="#D55E00", alpha=0.35, label="random weights")
        axes.plot(x, control.mean(1), "s--", color="#D55E00", markersize=4)
        axes.set_xticks(x, [row["site"].replace("stage", "") for row in table])
        axes.set_xlabel("site (stage.block), in order of depth")
        axes.set_ylabel(label)
        axes.set_ylim(0, None if key == "spread" else 1)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


main()
