"""Lesson 10: two relatives of SE."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from effv2viz.course.checks import Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded, seeded_each


def eca_gate(z: Tensor, weight: Tensor) -> Tensor:
    """The gates (N, C) of ECA for a squeeze z (N, C): k weights (k,) slide over the channels, zeros at both ends."""
    padded = F.pad(z, (len(weight) // 2, len(weight) // 2))
    return torch.sigmoid(padded.unfold(1, len(weight), 1) @ weight)


def mean_and_deviation(x: Tensor) -> Tensor:
    """The squeeze (N, C, 2) of SRM for a map (N, C, H, W): mean and standard deviation of each channel."""
    return torch.stack([x.mean((2, 3)), x.var((2, 3), correction=0).sqrt()], dim=2)


def _slide(z: Tensor, weight: Tensor) -> Tensor:
    return F.conv1d(z[:, None], weight[None, None], padding=len(weight) // 2)[:, 0]


def _squeeze_and_weight(n: int, c: int, k: int, seed: int) -> tuple[Tensor, ...]:
    return seeded_each((n, c), (k,), seed=seed)


ECA_GATE = Exercise(
    name="eca_gate",
    solution=eca_gate,
    stages=(
        *first_stages(lambda: _squeeze_and_weight(2, 7, 3, 700), gradient=True),
        Value(
            "five weights", lambda: _squeeze_and_weight(3, 9, 5, 710), "There are len(weight) // 2 zeros at each end."
        ),
        Value(
            "one weight", lambda: _squeeze_and_weight(1, 4, 1, 720), "With one weight there is no neighbour, and no 0."
        ),
    ),
    misconceptions=(
        Misconception(_slide, "You returned the logits. A sigmoid makes gates of them."),
        Misconception(
            lambda z, w: _slide(z, w).softmax(1), "Your gates compete. In ECA, too, each gate has a sigmoid."
        ),
        Misconception(
            lambda z, w: eca_gate(z, w.flip(0)),
            "You turned the weights round. The first weight belongs to the neighbour on the left.",
        ),
        Misconception(
            lambda z, w: torch.sigmoid(z.unfold(1, len(w), 1) @ w),
            "You left out the zeros at the ends, so the first and the last gates are missing.",
        ),
        Misconception(
            lambda z, w: torch.sigmoid(
                torch.cat([z[:, -(len(w) // 2) :], z, z[:, : len(w) // 2]], 1).unfold(1, len(w), 1) @ w
            ),
            "Your channels form a ring. At the ends the missing neighbours count as 0.",
        ),
        Misconception(
            lambda z, w: torch.sigmoid(z * w.sum()),
            "You multiplied each channel by all weights. They belong to neighbours.",
        ),
    ),
    hints=(
        "Gate c is made from the squeeze of a few neighbours of c. How many zeros do the ends need?",
        "torch.nn.functional.conv1d slides weights over the last dimension. It wants z as (N, 1, C).",
        "torch.sigmoid(F.conv1d(z[:, None], weight[None, None], padding=len(weight) // 2)[:, 0])",
    ),
)


def _map(*shape: int, seed: int) -> tuple[Tensor]:
    return (seeded(*shape, seed=seed),)


MEAN_AND_DEVIATION = Exercise(
    name="mean_and_deviation",
    solution=mean_and_deviation,
    stages=(
        *first_stages(lambda: _map(2, 3, 4, 5, seed=730), gradient=True),
        Value("one picture", lambda: _map(1, 6, 2, 2, seed=740), "A batch of one picture is still a batch."),
        Value("one channel", lambda: _map(2, 1, 3, 3, seed=750), "Sizes of 1 must stay."),
    ),
    misconceptions=(
        Misconception(
            lambda x: torch.stack([x.mean((2, 3)), x.var((2, 3), correction=0)], 2),
            "You took the variance. The deviation is its square root.",
        ),
        Misconception(
            lambda x: torch.stack([x.mean((2, 3)), x.std((2, 3))], 2),
            "You divided by H * W - 1. Here all positions are known, so divide by H * W: correction=0.",
        ),
        Misconception(
            lambda x: mean_and_deviation(x).flip(2), "The two numbers stand the wrong way round: the mean comes first."
        ),
        Misconception(
            lambda x: torch.stack([x.mean((2, 3)), x.amax((2, 3))], 2),
            "Your second number is the largest value, as in CBAM. SRM takes the standard deviation.",
        ),
        Misconception(
            lambda x: torch.cat([x.mean((2, 3)), x.var((2, 3), correction=0).sqrt()], 1),
            "The numbers are right. Stack them, (N, C, 2), so that each channel keeps its own two.",
        ),
        Misconception(
            lambda x: torch.stack([x.mean((2, 3)), x.var((0, 2, 3), correction=0).sqrt().expand(x.shape[:2])], 2),
            "Your deviation is that of the whole batch. Each picture has one of its own.",
        ),
    ),
    hints=(
        "Two numbers for each channel of each picture. Which dimensions disappear?",
        "x.std((2, 3), correction=0) is the deviation over all positions.",
        "torch.stack([the means, the deviations], dim=2)",
    ),
)
