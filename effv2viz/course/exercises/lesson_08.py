"""Lesson 08: the first-order effect of a gate, and a rank correlation."""

from __future__ import annotations

import torch
from torch import Tensor

from effv2viz.course.checks import Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded


def first_order(slope: Tensor, gate: Tensor, baseline: Tensor) -> Tensor:
    """The estimated effects (N, C) of gates (N, C) against a baseline (C,), from the slopes (N, C) of the logit."""
    return slope * (gate - baseline)


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Spearman's rank correlation of two vectors (C,) without equal numbers: a number from -1 to 1."""
    return torch.corrcoef(torch.stack([_ranks(a), _ranks(b)]))[0, 1]


def _ranks(values: Tensor) -> Tensor:
    return values.argsort().argsort().to(values.dtype)


def _slopes(n: int, channels: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    return (
        seeded(n, channels, seed=seed),
        seeded(n, channels, seed=seed + 1).sigmoid(),
        seeded(channels, seed=seed + 2).sigmoid(),
    )


FIRST_ORDER = Exercise(
    name="first_order",
    solution=first_order,
    stages=(
        *first_stages(lambda: _slopes(3, 4, seed=500)),
        Value("one picture", lambda: _slopes(1, 5, seed=510), "The result keeps its first dimension."),
        Value(
            "a gate at its baseline",
            lambda: (seeded(1, 3, seed=520), torch.full((1, 3), 0.5), torch.full((3,), 0.5)),
            "A gate that is at its baseline has no effect.",
        ),
    ),
    misconceptions=(
        Misconception(
            lambda slope, gate, baseline: slope * gate,
            "You measured against zero. The effect is against the baseline: the gate less the baseline.",
        ),
        Misconception(
            lambda slope, gate, baseline: slope * (baseline - gate),
            "The sign is turned round. The effect is F(gate) - F(baseline), so it is gate - baseline.",
        ),
        Misconception(
            lambda slope, gate, baseline: slope * (gate - baseline).abs(),
            "You took the size of the difference. A gate below its baseline turns the sign.",
        ),
        Misconception(
            lambda slope, gate, baseline: slope.expand_as(gate),
            "You returned the slopes. Multiply them by how far the gate is from its baseline.",
        ),
        Misconception(
            lambda slope, gate, baseline: slope * gate - baseline,
            "You took the baseline away from the product. It belongs to the gate: slope * (gate - baseline).",
        ),
        Misconception(
            lambda slope, gate, baseline: slope * (gate - gate.mean(0)),
            "You measured against the mean of these pictures. The baseline is given.",
        ),
    ),
    hints=(
        "If F were a straight line in the gate, how much would it fall on the way to the baseline?",
        "A line falls by its slope times the way. How long is the way, and which sign has it?",
        "slope * (gate - baseline); the baseline (C,) is the same for every picture.",
    ),
)


def _vectors(channels: int, seed: int) -> tuple[Tensor, Tensor]:
    a = seeded(channels, seed=seed)
    return a, (a + seeded(channels, seed=seed + 1)).exp()


RANK_CORRELATION = Exercise(
    name="rank_correlation",
    solution=rank_correlation,
    stages=(
        *first_stages(lambda: _vectors(9, seed=530)),
        Value(
            "a bent line",
            lambda: (torch.linspace(-2, 2, 8), torch.linspace(-2, 2, 8) ** 3),
            "Both rise together, so their ranks are the same and the result is 1.",
        ),
        Value("turned round", lambda: (torch.arange(5.0), -torch.arange(5.0)), "Here the order is reversed: it is -1."),
    ),
    misconceptions=(
        Misconception(
            lambda a, b: torch.corrcoef(torch.stack([a, b]))[0, 1],
            "You correlated the numbers themselves (Pearson). Replace them by their ranks first.",
        ),
        Misconception(
            lambda a, b: torch.corrcoef(torch.stack([a.argsort(), b.argsort()]).to(a.dtype))[0, 1],
            "argsort once gives the places in order, not the ranks. The ranks are argsort of argsort.",
        ),
        Misconception(
            lambda a, b: -rank_correlation(a, b), "One of your orders runs from large to small, the other does not."
        ),
        Misconception(
            lambda a, b: rank_correlation(a, b) ** 2,
            "You returned the square. It hides whether the orders agree or are reversed.",
        ),
        Misconception(
            lambda a, b: (_ranks(a) == _ranks(b)).to(a.dtype).mean(),
            "You counted equal ranks. Nearly equal ranks agree, too: take the correlation of the ranks.",
        ),
    ),
    hints=(
        "Only the order counts. What number tells the place of an item in the order?",
        "values.argsort().argsort() gives each item's rank. Make them floating point numbers.",
        "torch.corrcoef(torch.stack([ranks of a, ranks of b]))[0, 1]",
    ),
)
