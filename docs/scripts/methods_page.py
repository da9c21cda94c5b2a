"""Writes docs/attribution-methods.md from the registry: ``python docs/scripts/methods_page.py``."""

from pathlib import Path

from effv2viz.attribution import METHODS, REFUSED

UNITS = {"slope": "logit per unit of input", "contribution": "logit", "relative": "order and sign only"}


def table(explains):
    yield "| method | question that it answers | unit | signed | adds up | assumes | cost per picture | source |"
    yield "|---|---|---|---|---|---|---|---|"
    for method in METHODS:
        if method.explains == explains:
            cells = [
                f"`{method.name}`",
                method.answers,
                UNITS[method.unit],
                "yes" if method.signed else "no",
                "yes" if method.complete else "no",
                method.assumes,
                method.cost,
                method.reference,
            ]
            yield "| " + " | ".join(cells) + " |"


lines = [
    "# Attribution methods",
    "",
    "F is the logit of the target, x the picture, x' the baseline; 1F is a forward, 1B a backward (about 1.5F). Printed by",
    "`python docs/scripts/methods_page.py` from `effv2viz/attribution/methods.py`, where menus and errors read, too.",
    "",
    "## Pixels: `attribute_pixels`, `attribute_gate_pixels`",
    "",
    *table("pixels"),
    "",
    "## Gates: `attribute_gates`",
    "",
    'Every number is a share of F(gate) - F(baseline). `effect="direct"` holds all other gates, `effect="total"` lets later',
    "gates respond. The baseline is the data-set mean where nothing else is given.",
    "",
    *table("gates"),
    "",
    "## Refused, and why",
    "",
    "These run on some networks, and would be wrong here without saying so.",
    "",
    "| method | reason |",
    "|---|---|",
    *(f"| `{name}` | {reason} |" for name, reason in REFUSED.items()),
]
Path(__file__).parents[1].joinpath("attribution-methods.md").write_text("\n".join(lines) + "\n")
