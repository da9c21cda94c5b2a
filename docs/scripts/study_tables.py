"""The tables of the study, as lines of Markdown, from its CSV files."""

from pathlib import Path

from effv2viz.training.ablation import NEW_SEEDS, OTHER_ATTENTION
from effv2viz.training.intervals import mean_interval, paired_interval, prediction_interval
from effv2viz.training.results import Results

ROOT = Path(__file__).parents[2]
NAMES = {
    "se": "SE",
    "none": "none",
    "static": "static gate",
    "eca": "ECA",
    "no_squeeze": "SE without squeeze",
    "senet": "SE of the SE paper",
}
RESULTS = Results(ROOT / "data" / "study")


def table(head, rows):
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def bounds(interval):
    """Of an accuracy, which lies between 0 and 100 %."""
    return f"[{max(0, interval.low):.1f}, {min(100, interval.high):.1f}]"


def difference(interval):
    return f"{interval.mean:+.1f} [{interval.low:+.1f}, {interval.high:+.1f}]"


def cells(values):
    """Number of seeds, and the mean with its interval."""
    if not values:
        return ["0", "not run"]
    if len(values) == 1:
        return ["1", f"{next(iter(values.values())):.1f}"]
    interval = mean_interval(list(values.values()))
    return [str(len(values)), f"{interval.mean:.1f} {bounds(interval)}"]


def against(values, other):
    shared = set(values) & set(other)
    return difference(paired_interval(values, other)) if len(shared) > 1 else "too few seeds"


def expected(values):
    return bounds(prediction_interval(list(values.values()))) if len(values) > 1 else ""


def main_table(part, kinds):
    none = RESULTS.accuracies(part=part, attention="none")
    rows = []
    for kind in kinds:
        values = RESULTS.accuracies(part=part, attention=kind)
        less_none = "" if kind == "none" else against(values, none)
        rows.append([NAMES[kind], *cells(values), less_none, expected(values)])
    head = ["attention", "seeds", "accuracy, %", "less none, by seed, points", "a new seed, 95 %"]
    return table(head, rows)


def difficulty_table(settings):
    """Rows (difficulty, SE's columns, none's columns)."""
    rows = []
    for name, one, other in settings:
        se, none = RESULTS.accuracies(**one), RESULTS.accuracies(**other)
        rows.append([name, *cells(se), *cells(none), against(se, none)])
    return table(["difficulty", "seeds", "SE, %", "seeds", "none, %", "SE less none, points"], rows)


def setting_table(head, settings):
    """Rows (name, columns of its runs), the first of them the one that the others are compared with."""
    reference = RESULTS.accuracies(**settings[0][1])
    rows = []
    for i, (name, columns) in enumerate(settings):
        values = RESULTS.accuracies(**columns)
        each = ", ".join(f"{value:.1f}" for value in sorted(values.values()))
        rows.append([name, *cells(values), each, against(values, reference) if i else ""])
    return table([head, "seeds", "accuracy, %", "of each seed, %", "less the first row, points"], rows)


def learned_sentence(settings, least=90):
    """How many seeds of each setting came above a bound, in percent."""
    counts = []
    for name, columns in settings:
        values = RESULTS.accuracies(**columns).values()
        if values:
            counts.append(f"{sum(value > least for value in values)} of {len(values)} seeds ({name})")
    return [f"Above {least} % came {', '.join(counts)}.", ""]


def gate_table(part):
    own = RESULTS.gate_tests("own", part=part, attention="se")
    rows = []
    for name, gates in (
        ("its own", "own"),
        ("another picture's", "another picture's"),
        ("the mean", "mean"),
        ("the mean of its class", "class mean"),
        ("one (SE switched off)", "one"),
    ):
        values = RESULTS.gate_tests(gates, part=part, attention="se")
        rows.append([name, *cells(values), "" if gates == "own" else against(values, own)])
    return table(["gates at test time", "seeds", "accuracy, %", "less own gates, points"], rows)


def site_table(part, twins):
    sites = list(dict.fromkeys(row["site"] for row in RESULTS.gates if row["run"].startswith(f"{part}-")))
    own = RESULTS.gate_tests("own", part=part, attention="se")
    rows = []
    for site in sites:
        row = [site]
        for gates in ("mean", "one"):
            row.append(against(RESULTS.gate_tests(gates, site, part=part, attention="se"), own))
        if twins:
            for measure in ("follows", "stays"):
                row.append(cells(RESULTS.gate_tests("twin's", site, measure, part=part, attention="se"))[1])
        rows.append(row)
    head = ["site", "at its mean, points", "at one, points"]
    return table(head + (["follow the twin, %", "stay, %"] if twins else []), rows)


def new_seed_table():
    rows = []
    for kind, seed in NEW_SEEDS.items():
        values = list(RESULTS.accuracies(part="cue", attention=kind).values())
        new = RESULTS.accuracies(part="new_seeds", attention=kind).get(str(seed))
        if new is None or len(values) < 2:
            rows.append([NAMES[kind], str(seed), "", "", "not run"])
            continue
        interval = prediction_interval(values)
        inside = "yes" if new in interval else "no"
        rows.append([NAMES[kind], str(seed), bounds(interval), f"{new:.1f}", inside])
    return table(["attention", "new seed", "predicted from the seeds before, 95 %", "accuracy, %", "inside"], rows)


def relative_table(cost):
    """Cost of every relative on nano, with its accuracy where it was trained."""
    rows = []
    for kind in dict.fromkeys(row["attention"] for row in cost):
        chosen = [
            r for r in cost if r["attention"] == kind and r["model"] == "efficientnetv2_nano" and r["batch"] != "1"
        ]
        if not chosen:
            continue
        ms = {row["what"]: float(row["ms_per_image"]) for row in chosen}
        part = "relatives" if kind in OTHER_ATTENTION else "fashion"
        row = chosen[0]
        rows.append(
            [
                f"`{kind}`",
                f"{int(row['se_parameters']):,}",
                f"{100 * int(row['se_macs']) / int(row['macs']):.2f} %",
                f"{ms['forward']:.2f}",
                f"{ms['step']:.2f}",
                *cells(RESULTS.accuracies(part=part, attention=kind)),
            ]
        )
    head = [
        "attention",
        "its parameters",
        "of multiply-adds",
        "ms, forward",
        "ms, training step",
        "seeds",
        "accuracy, %",
    ]
    return table(head, rows)


def cost_pairs(cost):
    """{(network, mode): {attention: row}} of the networks that were timed on one picture."""
    pairs = {}
    for row in cost:
        if row["batch"] == "1":
            pairs.setdefault((row["model"], row["mode"]), {})[row["attention"]] = row
    return pairs


def cost_table(cost):
    rows = []
    for (model, mode), pair in cost_pairs(cost).items():
        se, none = pair["se"], pair["none"]
        with_se, without = float(se["ms_per_image"]), float(none["ms_per_image"])
        rows.append(
            [
                model.removeprefix("efficientnetv2_"),
                f"{se['size']}",
                f"{100 * int(se['se_parameters']) / int(se['parameters']):.1f} %",
                f"{100 * int(se['se_macs']) / int(se['macs']):.2f} %",
                mode,
                f"{without:.1f}",
                f"{with_se:.1f}",
                f"{100 * (with_se / without - 1):+.0f} %",
            ]
        )
    head = [
        "network",
        "size",
        "SE of parameters",
        "SE of multiply-adds",
        "mode",
        "ms without",
        "ms with SE",
        "time for SE",
    ]
    return table(head, rows)


def verdict(part, task):
    """A sentence from the interval of the paired difference."""
    se, none, static = (RESULTS.accuracies(part=part, attention=kind) for kind in ("se", "none", "static"))
    sentences = []
    for name, other in (("no SE", none), ("a static gate", static)):
        if len(set(se) & set(other)) < 2:
            sentences.append(f"- {task}, against {name}: too few seeds.")
            continue
        d = paired_interval(se, other)
        word = "**yes**" if d.low > 0 else "**no, it harms**" if d.high < 0 else "**not shown**"
        sentences.append(
            f"- {task}, against {name}: {word}. The difference is {d.mean:+.1f} points, 95 % interval {d.low:+.1f} to"
            f" {d.high:+.1f}, {d.count} seeds."
        )
    return sentences


def cost_verdict(cost):
    pairs = cost_pairs(cost).values()
    shares = {
        key: [100 * int(pair["se"][f"se_{key}"]) / int(pair["se"][key]) for pair in pairs]
        for key in ("macs", "parameters")
    }
    times = {}
    for pair in pairs:
        with_se, without = (float(pair[kind]["ms_per_image"]) for kind in ("se", "none"))
        times.setdefault(pair["se"]["model"], []).append(100 * (with_se / without - 1))
    spans = [
        f"{min(values):+.0f} to {max(values):+.0f} % for {model.removeprefix('efficientnetv2_')}"
        for model, values in times.items()
    ]
    noise = max(0, -min(min(values) for values in times.values()))
    above = [model.removeprefix("efficientnetv2_") for model, values in times.items() if min(values) > noise]
    rest = [
        model.removeprefix("efficientnetv2_") for model in times if model.removeprefix("efficientnetv2_") not in above
    ]
    return [
        f"- Multiply-adds: {cheap(shares['macs'])}",
        f"- Parameters: {cheap(shares['parameters'])}",
        f"- Time of a forward pass: {'; '.join(spans)}. SE cannot save time, so what stands below zero is noise: about"
        f" {noise:.0f} points here. Above it: {', '.join(above) or 'none'}. Not to be told from nothing:"
        f" {', '.join(rest) or 'none'}.",
    ]


def cheap(shares, little=1):
    """Whether shares in percent are little, and the shares."""
    word = "yes" if max(shares) <= little else "no" if min(shares) > little else "in some networks"
    return f"**{word}**, {min(shares):.2f} to {max(shares):.2f} % (little: at most {little} %)."
