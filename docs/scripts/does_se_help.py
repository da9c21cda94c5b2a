"""Prints every table of the study from its CSV files, and writes docs/does-se-help.md with its pictures.

    python docs/scripts/does_se_help.py

It trains nothing: ``effv2viz train ablation`` and ``docs/scripts/se_cost.py`` made the files in data/study.
"""

import csv
from pathlib import Path

from study_tables import (
    NAMES,
    RESULTS,
    cost_table,
    cost_verdict,
    difficulty_table,
    gate_table,
    learned_sentence,
    main_table,
    new_seed_table,
    relative_table,
    setting_table,
    site_table,
    table,
    verdict,
)

from effv2viz.figures import learning_figure, save_figure, seeds_figure
from effv2viz.training.ablation import CUE, CUE_ATTENTION, FASHION, FASHION_ATTENTION
from effv2viz.training.intervals import mean_interval

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"


def pictures():
    cue = {NAMES[kind]: {"part": "cue", "attention": kind} for kind in CUE_ATTENTION}
    curves = {name: RESULTS.curves(**columns) for name, columns in cue.items() if RESULTS.accuracies(**columns)}
    save_figure(learning_figure(curves, label="fresh pictures right, %"), IMAGES / "study-cue-steps.png")
    for part, kinds, reference in (
        ("cue", CUE_ATTENTION, ("blind to the marker", 62.5)),
        ("fashion", FASHION_ATTENTION, None),
    ):
        groups = {NAMES[k]: list(RESULTS.accuracies(part=part, attention=k).values()) for k in kinds}
        groups = {name: values for name, values in groups.items() if values}
        spans = {n: mean_interval(v) for n, v in groups.items() if len(v) > 1}
        intervals = {n: (max(0, i.low), min(100, i.high)) for n, i in spans.items()}
        if not groups:
            continue
        figure = seeds_figure(groups, label="test pictures right, %", intervals=intervals, reference=reference)
        save_figure(figure, IMAGES / f"study-{part}.png")
    if RESULTS.gates:
        groups = {
            name: list(RESULTS.gate_tests(gates, part="cue", attention="se").values())
            for name, gates in (
                ("own gates", "own"),
                ("another picture's", "another picture's"),
                ("mean", "mean"),
                ("mean of its class", "class mean"),
                ("one", "one"),
            )
        }
        figure = seeds_figure(groups, label="fresh pictures right, %", reference=("blind to the marker", 62.5))
        save_figure(figure, IMAGES / "study-gates.png")


def page():
    with open(ROOT / "data" / "study" / "cost.csv", newline="") as file:
        cost = list(csv.DictReader(file))
    main_runs = RESULTS.runs
    seconds = sum(float(row["cpu_seconds"]) for row in main_runs) / 3600
    versions = ", ".join(
        sorted({f"torch {row['torch']}, {row['threads']} thread, {row['device']}" for row in main_runs})
    )
    steps = {row["task"]: row["steps"] for row in main_runs}
    base = {"part": "cue"}
    published = ({**base, "attention": "se"}, {**base, "attention": "none"})
    difficult = [
        (f"{d:g}", *({"part": "difficulty", "attention": kind, "difficulty": f"{d:g}"} for kind in ("se", "none")))
        for d in (0.0, 0.5)
    ]
    with_se, without = published
    depths = [("SE, 1", with_se), ("none, 1", without)] + [
        (f"none, {d}", {"part": "depth", "attention": "none", "depth": f"{d}"}) for d in (2, 3)
    ]
    places = [("3 and 4, as published", with_se)] + [
        (name, {"part": "places", "attention_stages": stages})
        for name, stages in (("1 to 4, fused stages too", "1 2 3 4"), ("3 alone", "3"), ("4 alone", "4"))
    ]
    ratios = [("1/4, as published", with_se)] + [
        (name, {"part": "ratio", "se_ratio": ratio}) for name, ratio in (("1/16", "0.0625"), ("1/2", "0.5"), ("1", "1"))
    ]
    lines = [
        "# Does SE help?",
        "",
        "The widely circulated description says that SE raises accuracy clearly (claim 1d) at little cost (claim 1e). The",
        "EfficientNetV2 paper (arXiv 2104.00298) has no comparison with and without SE. So we trained small networks and",
        "measured. Every number below is printed from `data/study/` by `python docs/scripts/does_se_help.py`.",
        "",
        "## In short",
        "",
        "Does SE raise accuracy?",
        "",
        *verdict("cue", "Cue task"),
        *verdict("fashion", "Fashion-MNIST"),
        "",
        "Does it cost little?",
        "",
        *cost_verdict(cost),
        "",
        "## How it was measured",
        "",
        f"- **Cue task** (drawn by code): `{CUE.model}`, {CUE.pictures:,} training pictures of 48x48, {steps.get('cue', '?')}"
        f" steps of {CUE.batch_size}, difficulty {CUE.difficulty:g}, {CUE.test_pictures:,} fresh test pictures.",
        f"- **Fashion-MNIST**: `{FASHION.model}`, the first {FASHION.per_class:,} training pictures of each class,"
        f" {steps.get('fashion', '?')} steps of {FASHION.batch_size}, all 10,000 test pictures. This is a short training on a",
        "  sixth of the data, so all accuracies are below those of the bundled network.",
        "- Within a task all runs have the same recipe. A seed fixes initialisation and order, and for the cue task the",
        "  training pictures; so runs of one seed are pairs. Accuracy is that of the averaged weights at the end: nothing is",
        "  chosen by test accuracy.",
        "- Brackets: 95 % intervals of Student's t over seeds. **A new seed**: where the accuracy of one more seed lies, 95 %",
        "  prediction interval. With so few seeds these are wide; where they would pass 0 or 100 %, they are cut.",
        f"- {len(main_runs)} runs, {seconds:.1f} hours of one CPU core; {versions}. Run them again:",
        "  `effv2viz train ablation --workers 2`.",
        "",
        "## Cue task",
        "",
        "The label is the shape or the texture in the middle; a small marker near the border says which. A network that does",
        "not see the marker gets at most 62.5 %: with one half of the pictures always, with a quarter of the others by luck.",
        "",
        "![Accuracy of every seed on the cue task](images/study-cue.png)",
        "",
        *main_table("cue", CUE_ATTENTION),
        "A **static gate** is a learned factor per channel that is the same for every picture. **SE without squeeze** makes its",
        "gates at each position from that position alone. **ECA** squeezes, and mixes only neighbouring channels.",
        "",
        "![Accuracy along the training steps, mean and range of the seeds](images/study-cue-steps.png)",
        "",
        "Harder or easier pictures:",
        "",
        *difficulty_table([difficult[0], ("0.25", *published), difficult[1]]),
        "A deeper network without SE (times as many blocks in each stage), beside one with SE that is not deeper:",
        "",
        *setting_table("attention, times as many blocks", depths),
        *learned_sentence(depths[1:]),
        "Which stages have SE (stages 1 and 2 are Fused-MBConv, which has none in the published networks):",
        "",
        *setting_table("stages with SE", places),
        "Squeeze ratio, the width of the bottleneck as a share of the block's input channels:",
        "",
        *setting_table("ratio", ratios),
        "## What the gates do there",
        "",
        "Trained networks with SE, tested with gates that are not their own. The mean of its class is told the label, so it is",
        "no fair competitor, only a bound on what a gate per class could do.",
        "",
        "![Accuracy with changed gates](images/study-gates.png)",
        "",
        *gate_table("cue"),
        "Site by site, against own gates. The last two columns are the causal test: each picture gets the gates of its twin, in",
        "which only the marker's colour differs. Among pairs whose labels differ, how many answers become the twin's?",
        "",
        *site_table("cue", twins=True),
        "## Fashion-MNIST",
        "",
        "![Accuracy of every seed on Fashion-MNIST](images/study-fashion.png)",
        "",
        *main_table("fashion", FASHION_ATTENTION),
        "With changed gates (2,000 test pictures):",
        "",
        *gate_table("fashion"),
        *site_table("fashion", twins=False),
        "## The relatives of SE: cost, and accuracy where trained",
        "",
        "On `efficientnetv2_nano` with 32x32 pictures, batches of 64, per image, one CPU thread. With one seed there is no",
        "interval: differences of that size are no evidence.",
        "",
        *relative_table(cost),
        "## What SE costs",
        "",
        "One picture, one CPU thread, median CPU time; with and without SE take turns. Measured on a shared machine by",
        "`python docs/scripts/se_cost.py`.",
        "",
        *cost_table(cost),
        "## Do the intervals hold?",
        "",
        "Two seeds that the study had not used, trained from scratch: `effv2viz train ablation --part new_seeds`.",
        "",
        *new_seed_table(),
        *ELSEWHERE,
    ]
    return lines


ELSEWHERE = [
    "## Beside what others measured",
    "",
    "**SE paper** (Hu et al., arXiv 1709.01507v4), ImageNet, top-1 error in percent. Other networks, longer training, one",
    "run each, no intervals:",
    "",
    *table(
        ["table", "comparison", "without or other", "with SE"],
        [
            ["2", "ResNet-50", "24.80", "23.29"],
            ["2", "ResNet-101", "23.17", "22.38"],
            ["2", "ResNet-152", "22.42", "21.57"],
            ["3", "MobileNet", "28.4", "25.3"],
            ["3", "ShuffleNet", "32.6", "31.0"],
            ["10", "reduction 2, 8, 32, against 16", "22.29, 22.26, 22.72", "22.28"],
            ["11", "squeeze by maximum, against mean", "22.57", "22.28"],
            ["12", "gate by ReLU, tanh, against sigmoid", "23.47, 23.00", "22.28"],
            ["13", "SE in stage 2, 3 or 4 alone, against all", "23.03, 23.04, 22.68", "22.28"],
            ["14", "before, after the block, or beside it", "22.23, 22.78, 22.20", "22.28"],
            ["15", "after the 3x3 convolution, where MBConv has it", "22.48", "22.28"],
            ["16", "without squeeze", "22.93", "22.28"],
        ],
    ),
    "Without SE the network of tables 10 to 16 has 23.30.",
    "",
    "**timm** (`results/results-imagenet.csv`), top-1 accuracy in percent:",
    "",
    *table(
        ["pair", "size", "without", "with SE"],
        [
            ["resnet50.a1, seresnet50.a1", "224", "80.382", "80.012"],
            ["resnet50.a1, seresnet50.a1", "288", "81.240", "81.114"],
            ["resnet50.ra, seresnet50.ra2 (recipes differ)", "224", "78.820", "80.260"],
        ],
    ),
    "With a modern recipe (a1) the ResNet-50 with SE is slightly *worse*. So the gain of the SE paper is no law.",
    "",
    "## The claims",
    "",
    "- **1d, SE raises accuracy clearly.** Right for the networks and recipes of the SE paper. On timm's a1 pair it does",
    "  not. Here it depends on the task: it decides the cue task; for Fashion-MNIST see the interval above. No promise.",
    "- **1e, at little cost.** In multiply-adds yes. In parameters no. In time: see above.",
    "",
    "## Limits",
    "",
    "Networks of 0.05 and 0.3 million parameters, short training, two easy data sets, one recipe that was tuned for neither",
    "side. The cue task was made to show what SE is for, so its large effect says what SE *can* do, not what it does on",
    "photographs. Student's intervals assume that seeds scatter normally; few seeds cannot show whether they do. Nothing here",
    "says what SE does for EfficientNetV2 on ImageNet.",
]


def main():
    lines = page()
    print("\n".join(lines))
    pictures()
    (ROOT / "docs" / "does-se-help.md").write_text("\n".join(lines) + "\n")


main()
