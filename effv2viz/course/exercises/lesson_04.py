"""Lesson 04: what SE costs, and what batch norm does."""

from __future__ import annotations

import torch
from torch import Tensor

from effv2viz.course.checks import Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded

EPS = 1e-3  # of every batch norm in EfficientNetV2


def se_parameters(channels: Tensor, squeeze_channels: Tensor) -> Tensor:
    """The parameters (B,) of SE modules with C gates (B,) and R hidden values (B,): two 1x1 layers with biases."""
    return 2 * channels * squeeze_channels + squeeze_channels + channels


def batch_norm(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What batch norm makes of a map x (N, C, H, W) outside of training; the other arguments are (C,), eps is 0.001."""
    scale = weight / (var + EPS).sqrt()
    return (x - mean[:, None, None]) * scale[:, None, None] + bias[:, None, None]


def _widths(*pairs: tuple[int, int]) -> tuple[Tensor, Tensor]:
    both = torch.tensor(pairs)
    return both[:, 0], both[:, 1]


SE_PARAMETERS = Exercise(
    name="se_parameters",
    solution=se_parameters,
    stages=(
        *first_stages(lambda: _widths((128, 8), (240, 10), (432, 18))),
        Value("one module", lambda: _widths((960, 40)), "This is the widest module of EfficientNetV2-S's stage 5."),
        Value("a bottleneck of one", lambda: _widths((6, 1)), "R = 1 still has its weights and its bias."),
    ),
    misconceptions=(
        Misconception(
            lambda c, r: 2 * c * r,
            "You left the biases out. Both 1x1 layers have one: R numbers and C numbers.",
        ),
        Misconception(lambda c, r: c * r + c + r, "You counted one layer. There are two: C to R, and R back to C."),
        Misconception(
            lambda c, r: 2 * (c * r + r), "Your second bias has R numbers. It stands at the end, so it has C."
        ),
        Misconception(
            lambda c, r: 2 * (c * r + c), "Your first bias has C numbers. It stands in the bottleneck, so it has R."
        ),
        Misconception(
            lambda c, r: c * c + c, "You left the bottleneck out: this is one layer from C to C, as in effective SE."
        ),
        Misconception(
            lambda c, r: 2 * c * r * 9 + r + c, "You counted 3x3 kernels. On a map of one position the layers are 1x1."
        ),
    ),
    hints=(
        "A 1x1 layer from A to B channels has A times B weights and B biases.",
        "There are two of them: C to R, and R to C.",
        "C * R + R for the first, R * C + C for the second.",
    ),
)


def _normed(*shape: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    c = shape[1]
    mean, weight, bias = (seeded(c, seed=seed + i) for i in (1, 2, 3))
    return seeded(*shape, seed=seed), mean, seeded(c, seed=seed + 4).square() + 0.2, weight, bias


def _own(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and variance of each channel of this batch."""
    return x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)


BATCH_NORM = Exercise(
    name="batch_norm",
    solution=batch_norm,
    stages=(
        *first_stages(lambda: _normed(2, 3, 3, 3, seed=600), gradient=True),
        Value("sizes that differ", lambda: _normed(2, 5, 3, 4, seed=610), "Each number belongs to a channel."),
        Value("1x1 map of one picture", lambda: _normed(1, 4, 1, 1, seed=620), "Sizes of 1 must stay."),
    ),
    misconceptions=(
        Misconception(
            lambda x, mean, var, weight, bias: batch_norm(x, *_own(x), weight, bias),
            "You used this batch's own mean and variance. That is for training; here they are given.",
        ),
        Misconception(
            lambda x, mean, var, weight, bias: (
                (x - mean[:, None, None]) / (var + EPS)[:, None, None] * weight[:, None, None] + bias[:, None, None]
            ),
            "You divided by the variance. Divide by its square root, the standard deviation.",
        ),
        Misconception(
            lambda x, mean, var, weight, bias: (x - mean[:, None, None]) / (var + EPS).sqrt()[:, None, None],
            "You stopped after normalising. Weight and bias of the norm come after it.",
        ),
        Misconception(
            lambda x, mean, var, weight, bias: (x - mean) / (var + EPS).sqrt() * weight + bias,
            "Your numbers went along the width. Each belongs to a channel, dimension 1.",
        ),
        Misconception(
            lambda x, mean, var, weight, bias: (
                (x - mean[:, None, None]) * ((var + EPS).sqrt() * weight)[:, None, None] + bias[:, None, None]
            ),
            "You multiplied by the standard deviation. Divide by it.",
        ),
        Misconception(
            lambda x, mean, var, weight, bias: x * (weight / (var + EPS).sqrt())[:, None, None] + bias[:, None, None],
            "You did not take the mean away.",
        ),
    ),
    hints=(
        "Take the mean away, divide by the standard deviation, multiply by the weight, add the bias.",
        "Every one of the four is one number for each channel: give it the shape (C, 1, 1).",
        "(x - mean[:, None, None]) / (var + 0.001).sqrt()[:, None, None], and then weight and bias in the same way.",
    ),
)
