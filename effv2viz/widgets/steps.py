"""Steps: what a learner did to gates, as text to share, as an intervention to run, and as code to copy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from effv2viz.probing import Constant, GateStatistics, Intervention, Mean, One, Scale, Shuffle, Swap, Trace, Zero
from effv2viz.suggestions import unknown_name


class _Kind(NamedTuple):
    takes: str  # the number that it takes, in words; empty for none
    whole: bool  # whether that is a whole number


KINDS = {
    "set": _Kind("the new gate", whole=False),
    "zero": _Kind("", whole=False),
    "one": _Kind("", whole=False),
    "mean": _Kind("", whole=False),
    "scale": _Kind("the factor", whole=False),
    "swap": _Kind("the number of the other picture", whole=True),
    "shuffle": _Kind("the seed", whole=True),
}


@dataclass(frozen=True)
class Step:
    """One change of some gates of a site.

    Attributes:
        kind: one of ``KINDS``.
        site: its name.
        channels: those that change; None for all of the site.
        number: what the kind takes, such as the new gate.
    """

    kind: str
    site: str
    channels: tuple[int, ...] | None = None
    number: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_name("kind of step", self.kind, KINDS)
        takes = KINDS[self.kind]
        if takes.takes and (self.number is None or not math.isfinite(self.number)):
            raise ValueError(f"{self.kind} takes {takes.takes}, a finite number, not {self.number}")
        if takes.whole and self.number != int(self.number or 0):
            raise ValueError(f"{self.kind} takes {takes.takes}, a whole number, not {self.number}")

    def __str__(self) -> str:
        channels = "all" if self.channels is None else "+".join(map(str, self.channels))
        number = "" if self.number is None else f":{self.number:.6g}"
        return f"{self.kind}:{self.site}:{channels}{number}"

    @classmethod
    def read(cls, text: str) -> Step:
        """The step that ``str`` wrote.

        Raises:
            ValueError: if it is none.
        """
        kind, _, rest = text.partition(":")
        parts = rest.split(":")
        try:
            channels = None if parts[1] == "all" else tuple(int(part) for part in parts[1].split("+"))
            number = float(parts[2]) if len(parts) > 2 else None
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"{text!r} is no step: it looks like set:stage4.0:3+5:0.25 or zero:stage4.0:all"
            ) from error
        return cls(kind, parts[0], channels, number)

    def intervention(self, other: Callable[[int], Trace], statistics: GateStatistics | None) -> Intervention:
        """The step as an intervention.

        Args:
            other: gives the trace of a picture by its number, for ``swap``.
            statistics: of the gates, for ``mean``; None for those that the network's weights ship with.
        """
        channels = self.channels
        if self.kind == "zero":
            return Zero(channels=channels)
        if self.kind == "one":
            return One(channels=channels)
        if self.kind == "mean":
            return Mean(statistics, channels=channels)
        assert self.number is not None
        if self.kind == "set":
            return Constant(self.number, channels=channels)
        if self.kind == "scale":
            return Scale(self.number, channels=channels)
        if self.kind == "swap":
            return Swap(other(int(self.number)), channels=channels)
        return Shuffle(int(self.number), channels=channels)

    def code(self) -> str:
        """The step as Python, with ``model``, ``images`` and perhaps ``statistics`` known."""
        arguments = {
            "zero": "Zero(",
            "one": "One(",
            "mean": "Mean(statistics",
            "set": f"Constant({self.number!r}",
            "scale": f"Scale({self.number!r}",
            "swap": f"Swap(ev.trace(model, images[[{self.number:.0f}]])" if self.kind == "swap" else "",
            "shuffle": f"Shuffle({self.number:.0f}" if self.kind == "shuffle" else "",
        }[self.kind]
        if self.channels is not None:
            arguments += ("" if arguments.endswith("(") else ", ") + f"channels={list(self.channels)}"
        return f"ev.{arguments})"


def read_steps(text: str) -> list[Step]:
    """The steps in a text, in their order; ``write_steps`` wrote it."""
    return [Step.read(part) for part in text.split(";")] if text else []


def write_steps(steps: Sequence[Step]) -> str:
    """The steps as one line of text."""
    return ";".join(map(str, steps))


def steps_code(steps: Sequence[Step], sites: Sequence[str], image: int) -> str:
    """The experiment as Python: it ends with ``logits`` (1, K).

    Args:
        steps: in their order.
        sites: all sites of the network, in their order.
        image: number of the picture.
    """
    lines = ["import effv2viz as ev", ""]
    if any(step.kind == "mean" for step in steps):
        lines += ["statistics = ev.shipped_gates(model)  # or those that the view was given", ""]
    if not steps:
        return "\n".join([*lines, f"logits = ev.trace(model, images[[{image}]]).logits"])
    lines.append("plan = {")
    for site in sites:
        rules = [step.code() for step in steps if step.site == site]
        if rules:
            lines.append(f"    {site!r}: [{', '.join(rules)}],")
    lines += ["}", "with ev.intervene(model, plan):", f"    logits = ev.trace(model, images[[{image}]]).logits"]
    return "\n".join(lines)
