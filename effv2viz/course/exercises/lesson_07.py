"""Lesson 07: integrated gradients, and whether a map adds up."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from effv2viz.course.checks import Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded, seeded_each

Function = Callable[[Tensor], Tensor]


def integrated_gradients(f: Function, x: Tensor, start: Tensor, steps: int) -> Tensor:
    """Integrated gradients (N, D) of f at x (N, D) from ``start`` (N, D), by the midpoint rule.

    f takes (N, D) and gives (N,).
    """
    return (x - start) * _mean_slope(f, x, start, steps)


def residual(attribution: Tensor, output: Tensor, below: Tensor) -> Tensor:
    """What a map (N, C, H, W) leaves unexplained (N,) of F(x) - F(x'), for ``output`` F(x) and ``below`` F(x')."""
    return output - below - attribution.sum((1, 2, 3))


def _slope(f: Function, x: Tensor) -> Tensor:
    with torch.enable_grad():
        point = x.detach().clone().requires_grad_()
        return torch.autograd.grad(f(point).sum(), point)[0]


def _mean_slope(f: Function, x: Tensor, start: Tensor, steps: int) -> Tensor:
    slopes = [_slope(f, start + (k + 0.5) / steps * (x - start)) for k in range(steps)]
    return torch.stack(slopes).mean(0)


def _function(seed: int, width: int) -> Function:
    weight = seeded(width, width, seed=seed)

    def f(x: Tensor) -> Tensor:
        return (torch.nn.functional.silu(x @ weight) ** 2).sum(1)

    return f


def _problem(n: int, width: int, steps: int, seed: int) -> tuple[Function, Tensor, Tensor, int]:
    return _function(seed, width), seeded(n, width, seed=seed + 1), seeded(n, width, seed=seed + 2), steps


INTEGRATED_GRADIENTS = Exercise(
    name="integrated_gradients",
    solution=integrated_gradients,
    stages=(
        *first_stages(lambda: _problem(2, 3, 8, seed=400)),
        Value("one step", lambda: _problem(2, 3, 1, seed=410), "With one step the only point is half way."),
        Value("one input", lambda: _problem(1, 1, 5, seed=420), "Sizes of 1 must stay."),
    ),
    misconceptions=(
        Misconception(
            lambda f, x, start, steps: _mean_slope(f, x, start, steps),
            "You returned the mean slope. Multiply it by the way that the input goes: x - start.",
        ),
        Misconception(
            lambda f, x, start, steps: (x - start) * _slope(f, x),
            "You took the slope at x alone. Average the slopes of all points on the way.",
        ),
        Misconception(
            lambda f, x, start, steps: x * _mean_slope(f, x, torch.zeros_like(x), steps),
            "You started at zero. The path goes from start to x.",
        ),
        Misconception(
            lambda f, x, start, steps: x * _mean_slope(f, x, start, steps),
            "You multiplied by x. Multiply by x - start: what does not change gets nothing.",
        ),
        Misconception(
            lambda f, x, start, steps: steps * integrated_gradients(f, x, start, steps),
            "You added the slopes. Take their mean: each step covers one part of the way.",
        ),
        Misconception(
            lambda f, x, start, steps: -integrated_gradients(f, x, start, steps),
            "The sign is turned round: the way goes from start to x, so it is x - start.",
        ),
        Misconception(
            lambda f, x, start, steps: (
                (x - start) * torch.stack([_slope(f, start + k / steps * (x - start)) for k in range(steps)]).mean(0)
            ),
            "You took the left end of every step. Take its middle: (k + 0.5) / steps.",
        ),
    ),
    hints=(
        "Walk from start to x in equal steps. At which points do you ask for the slope?",
        "The middle of step k is p = start + (k + 0.5) / steps * (x - start). torch.autograd.grad(f(p).sum(), p)[0].",
        "Take the mean of the slopes, then multiply it by x - start.",
    ),
)


def _maps(*shape: int, seed: int) -> tuple[Tensor, ...]:
    return seeded_each(shape, shape[:1], shape[:1], seed=seed)


RESIDUAL = Exercise(
    name="residual",
    solution=residual,
    stages=(
        *first_stages(lambda: _maps(3, 3, 4, 4, seed=430)),
        Value("one picture", lambda: _maps(1, 3, 2, 5, seed=440), "The result keeps one number for each picture."),
        Value("one colour", lambda: _maps(2, 1, 3, 3, seed=450), "This map does not tell colours apart."),
    ),
    misconceptions=(
        Misconception(
            lambda a, output, below: output - below - a.mean((1, 2, 3)),
            "You took the mean of the map. Contributions add up: take the sum.",
        ),
        Misconception(
            lambda a, output, below: output - a.sum((1, 2, 3)),
            "You left the baseline out. The map explains the difference F(x) - F(x'), not F(x).",
        ),
        Misconception(
            lambda a, output, below: output - below - a.sum(),
            "You added the maps of all pictures. Each picture has a residual of its own.",
        ),
        Misconception(
            lambda a, output, below: output - below - a.abs().sum((1, 2, 3)),
            "You added sizes. What speaks against the class counts below zero.",
        ),
        Misconception(
            lambda a, output, below: output - below,
            "You returned the whole difference. Take away what the map explains of it.",
        ),
        Misconception(
            lambda a, output, below: a.sum((1, 2, 3)) - (output - below),
            "The sign is turned round: the residual is the difference less the sum of the map.",
        ),
    ),
    hints=(
        "How large is the difference that the map has to explain?",
        "What does the map explain of it? Add up all its numbers, picture by picture.",
        "output - below - attribution.sum((1, 2, 3))",
    ),
)
