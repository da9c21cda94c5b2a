"""Methods that share an effect out among gates by derivatives: {site: (N, C)}, what every gate contributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from effv2viz.attribution.gate_model import GateModel
from effv2viz.attribution.gate_problem import GateProblem
from effv2viz.attribution.running import how_many_fit, kept_for_backward
from effv2viz.probing.replay import Effect


@dataclass(frozen=True)
class Slopes:
    """What one forward and one backward tell of N images.

    Attributes:
        logits: (N, K).
        gates: {site: (N, C)}, the network's own.
        slopes: {site: (N, C)}, how fast the target's logit grows with each gate.
    """

    logits: Tensor
    gates: dict[str, Tensor]
    slopes: dict[str, Tensor]


def gate_slopes(
    gates: GateModel, images: Tensor, target: Callable[[Tensor, slice], Tensor], effect: Effect, memory: int | None
) -> Slopes:
    """The slopes of all gates in one forward and one backward.

    Direct: gates are constants, so the derivative by one does not pass through later ones. Total: later gates respond.

    Args:
        gates: the network with gates as inputs.
        images: (N, C, H, W).
        target: takes logits (M, K) of some of the images and which they are; gives their target classes (M,).
        effect: "direct" or "total".
        memory: see ``first_answer``. The first image runs alone and tells what an image takes, if there are more of
            them or a budget was given.
    """
    if len(images) == 1 and memory is None:
        return _slopes(gates, images, slice(0, 1), target, effect)
    with kept_for_backward(gates.model) as needed:
        parts = [_slopes(gates, images, slice(0, 1), target, effect)]
    together = how_many_fit(needed(), images.device, memory)
    for start in range(1, len(images), together):
        parts.append(_slopes(gates, images, slice(start, start + together), target, effect))
    names = [site.name for site in gates.sites]
    return Slopes(
        torch.cat([part.logits for part in parts]),
        {name: torch.cat([part.gates[name] for part in parts]) for name in names},
        {name: torch.cat([part.slopes[name] for part in parts]) for name in names},
    )


def _slopes(
    gates: GateModel, images: Tensor, some: slice, target: Callable[[Tensor, slice], Tensor], effect: Effect
) -> Slopes:
    inputs: dict[str, Tensor] = {}

    def watch(name: str) -> Callable[[Tensor], Tensor]:
        def rule(gate: Tensor) -> Tensor:
            inputs[name] = gate.detach().clone().requires_grad_() if effect == "direct" else gate + 0
            if not inputs[name].requires_grad:  # nothing before the first gate asks for a gradient
                inputs[name].requires_grad_()
            return inputs[name]

        return rule

    logits = gates(*[watch(site.name) for site in gates.sites], images[some])
    chosen = logits.gather(1, target(logits.detach(), some)[:, None]).sum()
    slopes = torch.autograd.grad(chosen, list(inputs.values()))
    return Slopes(
        logits.detach(),
        {name: gate.detach() for name, gate in inputs.items()},
        dict(zip(inputs, slopes, strict=True)),
    )


def integrated_gradients(problem: GateProblem, steps: int) -> dict[str, Tensor]:
    """Integrated gradients in the space of gates, by Captum, with Gauss-Legendre quadrature.

    Direct: one path, on which all gates go from the baseline to their values together. Total: a path for each site, on
    which its gates go and later ones respond.
    """
    result: dict[str, Tensor] = {}
    for group in groups(problem):
        parts = [_path(problem, group, some, steps) for some in problem.batches()]
        for name, values in zip(group, zip(*parts, strict=True), strict=True):
            result[name] = torch.cat(values)
    return result


def groups(problem: GateProblem) -> list[list[str]]:
    """The sites whose contributions add up to one difference: all of them, or each by itself."""
    return [problem.names] if problem.effect == "direct" else [[name] for name in problem.names]


def _path(problem: GateProblem, group: list[str], some: slice, steps: int) -> list[Tensor]:
    held = {name: gate for name, gate in problem.others(some).items() if name not in group}

    def function(*arguments: Tensor) -> Tensor:
        *gates, images, target = arguments
        return problem.logit(dict(zip([*group, *held], gates, strict=True)), images, target)

    found = IntegratedGradients(function).attribute(
        tuple(problem.own[name][some] for name in group),
        baselines=tuple(problem.baseline[name][some] for name in group),
        additional_forward_args=(*held.values(), problem.images[some], problem.target[some]),
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=problem.together,
    )
    return [values.detach() for values in found]
