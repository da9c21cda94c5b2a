"""Lesson 06: a gate's mean, and a constant gate written into the next layer's weights."""

from __future__ import annotations

import torch
from torch import Tensor

from effv2viz.course.checks import Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded


def mean_gate(gates: Tensor) -> Tensor:
    """The mean (C,) of each gate over pictures, for gates (N, C)."""
    return gates.mean(0)


def fold(weight: Tensor, gate: Tensor) -> Tensor:
    """The weights (out, C, 1, 1) of a 1x1 convolution that does what this one does after constant gates (C,)."""
    return weight * gate[None, :, None, None]


def _gates(*shape: int, seed: int) -> tuple[Tensor]:
    return (seeded(*shape, seed=seed).sigmoid(),)


MEAN_GATE = Exercise(
    name="mean_gate",
    solution=mean_gate,
    stages=(
        *first_stages(lambda: _gates(4, 4, seed=300), gradient=True),
        Value("sizes that differ", lambda: _gates(7, 3, seed=302), "Here there are 7 pictures and 3 gates."),
        Value("one picture", lambda: _gates(1, 5, seed=304), "The mean over one picture is that picture's gates."),
    ),
    misconceptions=(
        Misconception(
            lambda gates: gates.mean(1),
            "You averaged over the channels of a picture. The mean of a gate is over pictures, dimension 0.",
        ),
        Misconception(
            lambda gates: gates.mean().expand(gates.shape[1]),
            "You averaged over pictures and channels. Every gate keeps a mean of its own.",
        ),
        Misconception(lambda gates: gates.sum(0), "You added the gates. Divide by the number of pictures."),
        Misconception(lambda gates: gates.median(0).values, "You took the median. The task is the mean."),
        Misconception(
            lambda gates: gates.mean(0).round(),
            "You rounded the gates to open and shut. A gate is any number between 0 and 1.",
        ),
    ),
    hints=(
        "gates has one row for each picture and one column for each channel.",
        "Which dimension must go, if one number for each channel is to be left?",
        "gates.mean(0)",
    ),
)


def _weight_and_gate(out: int, channels: int, seed: int) -> tuple[Tensor, Tensor]:
    return seeded(out, channels, 1, 1, seed=seed), seeded(channels, seed=seed + 1).sigmoid()


FOLD = Exercise(
    name="fold",
    solution=fold,
    stages=(
        # As many output as input channels, so that a gate on the wrong side runs and can be told by its numbers.
        *first_stages(lambda: _weight_and_gate(4, 4, seed=310), gradient=True),
        Value("sizes that differ", lambda: _weight_and_gate(3, 6, seed=312), "Here 6 channels come in and 3 go out."),
        Value("gates of zero", lambda: (seeded(3, 2, 1, 1, seed=314), torch.zeros(2)), "Here every channel is shut."),
    ),
    misconceptions=(
        Misconception(
            lambda weight, gate: weight * gate[:, None, None, None],
            "You scaled the output channels. The gate scales what comes in: dimension 1 of the weights.",
        ),
        Misconception(
            lambda weight, gate: weight / gate[None, :, None, None],
            "You divided by the gate. That would undo it; the folded weights have to do it.",
        ),
        Misconception(
            lambda weight, gate: weight + gate[None, :, None, None],
            "You added the gate. A gate multiplies its channel.",
        ),
        Misconception(
            lambda weight, gate: weight * gate.mean(),
            "You used one gate for all channels. Each channel that comes in has its own.",
        ),
        Misconception(
            lambda weight, gate: weight * gate[None, :, None, None].sigmoid(),
            "You applied the sigmoid again. These numbers are gates already.",
        ),
    ),
    hints=(
        "For each output channel the convolution adds up weight times channel. Where does the gate stand in it?",
        "weight[o, c] * (gate[c] * x[c]) = (weight[o, c] * gate[c]) * x[c]",
        "gate[None, :, None, None] has the shape (1, C, 1, 1). Multiply the weights by it.",
    ),
)
