"""A question that the attribution explorer can ask, its answer, and the checks that stand beside it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Union

import torch
from torch import Tensor

from effv2viz.attribution import (
    GateAttribution,
    PixelAttribution,
    attribute_gate_pixels,
    attribute_gates,
    attribute_pixels,
    estimate_cost,
    find_method,
    random_attribution,
)
from effv2viz.attribution.faithfulness import deletion_curve, spearman
from effv2viz.attribution.picture_baselines import BASELINES
from effv2viz.attribution.running import AttributionCancelledError, Progress
from effv2viz.probing.baselines import Baseline
from effv2viz.widgets.experiment import Experiment

NEXT = "next picture"
OF_A_GATE = "neuron_integrated_gradients"
Answer = Union[GateAttribution, PixelAttribution]


@dataclass(frozen=True)
class Question:
    """What is asked. It is a key: the same question has the same answer.

    Attributes:
        image: the number of the picture.
        target: the class whose logit is explained.
        explains: ``"gates"`` or ``"pixels"``.
        method: a name of ``list_methods(explains)``.
        baseline: one of ``baselines(experiment, explains)``.
        effect: ``"total"`` or ``"direct"``; of gates only.
        gate: the site and channel, for ``"neuron_integrated_gradients"`` only.
    """

    image: int
    target: int
    explains: str
    method: str
    baseline: str
    effect: str
    gate: tuple[str, int] | None

    def ask(self, experiment: Experiment, exact_top: int, cancel: threading.Event, progress: Progress) -> Answer:
        """The answer.

        Args:
            experiment: network and pictures.
            exact_top: so many of the strongest gates are ablated exactly, too.
            cancel: stops it.
            progress: is told of every forward.

        Raises:
            AttributionCancelledError: if it was stopped.
        """
        picture = experiment.images[self.image][None]
        options: dict[str, Any] = {"cancel": cancel, "progress": progress}
        if self.explains == "gates":
            found: Answer = attribute_gates(
                experiment.model,
                picture,
                self.target,
                self.method,
                baseline=self._gate_baseline(experiment),
                effect=self.effect,  # type: ignore[arg-type]
                exact_top=exact_top,
                **options,
            )
            if cancel.is_set():  # an ablation that is stopped gives what it has
                raise AttributionCancelledError("cancelled")
            return found
        following = experiment.images[(self.image + 1) % experiment.count]
        baseline: Any = following if self.baseline == NEXT else self.baseline
        if self.gate is not None:
            return attribute_gate_pixels(experiment.model, picture, *self.gate, baseline=baseline, **options)
        if self.method == "random":
            return random_attribution(picture)
        if not find_method(self.method, "pixels").baseline:
            return attribute_pixels(experiment.model, picture, self.target, self.method, **options)
        return attribute_pixels(experiment.model, picture, self.target, self.method, baseline=baseline, **options)

    def what(self, experiment: Experiment) -> str:
        """What F is, the number that is explained."""
        if self.gate is not None:
            site, channel = self.gate
            return f"the gate of channel {channel} of {site}"
        return f"the logit of {experiment.class_name(self.target)}"

    def _gate_baseline(self, experiment: Experiment) -> Baseline:
        if self.baseline in ("one", "zero"):
            return float(self.baseline == "one")
        if self.baseline == NEXT:
            return experiment.gates((self.image + 1) % experiment.count)
        assert experiment.statistics is not None
        if self.baseline == "mean":
            return experiment.statistics
        return {name: site.by_class.mean[self.target] for name, site in experiment.statistics.items()}

    def cost(self, experiment: Experiment) -> str:
        """What asking costs, before it is asked: forwards (F) and backwards (B), and how long such a pair takes."""
        known = find_method(self.method, self.explains)  # type: ignore[arg-type]
        picture = experiment.images[self.image][None]
        if self.explains == "pixels" and self.method not in (OF_A_GATE, "random"):
            return f"{known.cost}: {estimate_cost(experiment.model, picture, self.method)}"
        seconds = estimate_cost(experiment.model, picture, "saliency").seconds or 0.0
        return f"{known.cost}; 1F + 1B takes about {seconds:.2g} s here"


def baselines(experiment: Experiment, explains: str) -> list[str]:
    """The baselines that can be chosen, the best first."""
    following = [NEXT] if experiment.count > 1 else []
    if explains == "pixels":
        return [*BASELINES, *following]
    statistics = experiment.statistics
    known: list[str] = [] if statistics is None else ["mean"]
    if statistics is not None and len(next(iter(statistics.values())).by_class.count) > 1:
        known.append("class mean")
    return [*known, "one", "zero", *following]


def checks(experiment: Experiment, question: Question, answer: Answer, cancel: threading.Event) -> list[dict[str, str]]:
    """What tells how far an answer can be believed: rows of check, value and meaning, random numbers among them.

    Raises:
        AttributionCancelledError: before the next forward, once ``cancel`` is set.
    """
    rows: list[dict[str, str]] = []

    def say(check: str, value: float | str, meaning: str) -> None:
        rows.append({"check": check, "value": value if isinstance(value, str) else f"{value:.3g}", "meaning": meaning})

    if answer.output is not None:
        say("F", float(answer.output[0]), question.what(experiment))
    if isinstance(answer, GateAttribution):
        say("sum", float(sum(answer.sums.values())[0]), "of all contributions")  # type: ignore[index]
        residual = None if answer.residual is None else max(float(r[0].abs()) for r in answer.residual.values())
    else:
        if answer.unit == "contribution":
            say("sum", float(answer.map.sum()), "of all contributions")
        residual = None if answer.residual is None else float(answer.residual[0])
    missing = "this method does not promise that contributions add up to the difference"
    say("residual", "none" if residual is None else residual, missing if residual is None else "should be zero")
    if isinstance(answer, GateAttribution) and answer.exact is not None:
        _check_ranks(answer, say)
    if isinstance(answer, PixelAttribution) and question.gate is None:
        picture = experiment.images[question.image][None]
        for name, one in (("this map", answer), ("a random map", random_attribution(picture))):
            options: dict[str, Any] = {"points": 17, "batch_size": 4, "cancel": cancel}
            area = deletion_curve(experiment.model, picture, one, question.target, **options).area
            say(f"deletion, {name}", float(area[0]), "probability left while pixels go, strongest first: low is good")
    say("cost", str(answer.cost), "what it took")
    return rows


def _check_ranks(answer: GateAttribution, say: Any) -> None:
    assert answer.exact is not None
    exact = torch.cat([answer.exact[name][0] for name in answer])
    known = exact.isfinite()
    count = int(known.sum())
    values = torch.cat([answer[name][0] for name in answer])
    noise = torch.randn(count, generator=torch.Generator().manual_seed(0)).to(exact)

    def agreement(scores: Tensor) -> float:
        return float(spearman(scores[None].double(), exact[known][None].double())[0])

    where = f"with the exact ablation of the {count} strongest gates: 1 is the same order"
    say("rank agreement", agreement(values[known]), where)
    say("of random numbers", agreement(noise), "the same for numbers that know nothing")
