"""Methods that share an effect out among gates by derivatives: {site: (N, C)}, what every gate contributes."""

from __future__ import annotations

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from effv2viz.attribution.gate_problem import GateProblem, Setting


def first_order(problem: GateProblem) -> dict[str, Tensor]:
    """Gradient times difference, for all sites in one forward and one backward.

    Direct: gates are constants, so the derivative by one does not pass through later ones. Total: later gates respond.
    """
    parts: dict[str, list[Tensor]] = {name: [] for name in problem.names}
    for some in problem.batches():
        own = {name: gate[some] for name, gate in problem.own.items()}
        settings: dict[str, Setting] = {}
        if problem.effect == "direct":
            inputs = {name: gate.clone().requires_grad_() for name, gate in own.items()}
            settings |= inputs
        else:
            inputs = {name: torch.zeros_like(gate).requires_grad_() for name, gate in own.items()}
            settings |= {name: shift.add for name, shift in inputs.items()}
        logits = problem.logit(settings, problem.images[some], problem.target[some])
        slopes = torch.autograd.grad(logits.sum(), list(inputs.values()))
        for name, slope in zip(inputs, slopes, strict=True):
            parts[name].append(slope * (own[name] - problem.baseline[name][some]))
    return {name: torch.cat(values) for name, values in parts.items()}


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
    def function(*gates_images_and_target: Tensor) -> Tensor:
        *gates, images, target = gates_images_and_target
        return problem.logit(dict(zip(group, gates, strict=True)), images, target)

    found = IntegratedGradients(function).attribute(
        tuple(problem.own[name][some] for name in group),
        baselines=tuple(problem.baseline[name][some] for name in group),
        additional_forward_args=(problem.images[some], problem.target[some]),
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=problem.together,
    )
    return [values.detach() for values in found]
