"""Lesson 02: the excitation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from effv2viz.course.checks import Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded, seeded_each


def excite(z: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """The gates (N, C) of a squeeze z (N, C), with the layers w1 (R, C), b1 (R,) and w2 (C, R), b2 (C,)."""
    h = F.silu(z @ w1.T + b1)
    return torch.sigmoid(h @ w2.T + b2)


def conv_as_linear(z: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What a 1x1 convolution of weight (R, C, 1, 1) and bias (R,) makes of a squeeze (N, C): (N, R)."""
    return z @ weight[:, :, 0, 0].T + bias


def _layers(n: int, c: int, r: int, *, seed: int, size: float = 1.0) -> tuple[Tensor, ...]:
    return tuple(size * part for part in seeded_each((n, c), (r, c), (r,), (c, r), (c,), seed=seed))


EXCITE = Exercise(
    name="excite",
    solution=excite,
    stages=(
        *first_stages(lambda: _layers(3, 6, 2, seed=10), gradient=True),
        Value(
            "one picture and one hidden value",
            lambda: _layers(1, 6, 1, seed=20),
            "Sizes of 1 must stay: .squeeze() without numbers removes them.",
        ),
        Value(
            "large numbers",
            lambda: _layers(2, 6, 2, seed=30, size=30.0),
            "Here exp overflows: exp(a) / (1 + exp(a)) becomes NaN. torch.sigmoid does not.",
        ),
        Value(
            "double precision",
            lambda: tuple(part.double() for part in _layers(3, 6, 2, seed=40)),
            "Do not convert the numbers: the result has the dtype of z.",
        ),
    ),
    misconceptions=(
        Misconception(
            lambda z, w1, b1, w2, b2: torch.sigmoid(F.relu(z @ w1.T + b1) @ w2.T + b2),
            "You used ReLU for the hidden values. EfficientNetV2 uses SiLU; ReLU is what SE-ResNets use.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: (F.silu(z @ w1.T + b1) @ w2.T + b2).softmax(1),
            "Your gates compete: softmax makes them add up to 1. Each gate is free, so use a sigmoid.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: torch.sigmoid(F.silu(z @ w1.T) @ w2.T),
            "You left out both biases. EfficientNetV2 has them, and they are not zero.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: torch.sigmoid(F.silu(z @ w1.T) @ w2.T + b2),
            "You left out the first bias, b1.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: torch.sigmoid(F.silu(z @ w1.T + b1) @ w2.T),
            "You left out the second bias, b2.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: F.silu(F.silu(z @ w1.T + b1) @ w2.T + b2),
            "You made the gate with SiLU. SiLU is not a sigmoid: it goes below 0 and above 1, and a gate must not.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: torch.sigmoid(torch.sigmoid(z @ w1.T + b1) @ w2.T + b2),
            "You made the hidden values with a sigmoid. They need SiLU; the sigmoid comes only at the end.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: torch.sigmoid((z @ w1.T + b1) @ w2.T + b2),
            "The activation of the hidden values is missing: without SiLU the two layers are one.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: F.silu(z @ w1.T + b1) @ w2.T + b2,
            "The sigmoid at the end is missing: these numbers are logits, not gates.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: z * torch.sigmoid(F.silu(z @ w1.T + b1) @ w2.T + b2),
            "You multiplied the squeeze by the gates. The gates alone are asked for; scaling comes in lesson 03.",
        ),
        Misconception(
            lambda z, w1, b1, w2, b2: torch.sigmoid(F.silu(z @ w1.T + b1) @ w2.T + b2).T,
            "Your result is (C, N). Pictures come first: (N, C).",
        ),
    ),
    hints=(
        "Two layers, one after the other: each is a matrix product plus a bias, then an activation.",
        "z is (N, C) and w1 is (R, C), so z @ w1.T is (N, R). The second product goes back to (N, C).",
        "F.silu follows the first layer and torch.sigmoid the second, each after its bias.",
    ),
)


def _convolution(n: int, c: int, r: int, *, seed: int) -> tuple[Tensor, ...]:
    return seeded_each((n, c), (r, c, 1, 1), (r,), seed=seed)


CONV_AS_LINEAR = Exercise(
    name="conv_as_linear",
    solution=conv_as_linear,
    stages=(
        *first_stages(lambda: _convolution(3, 6, 2, seed=50), gradient=True),
        Value(
            "one picture",
            lambda: _convolution(1, 6, 2, seed=60),
            "A batch of one picture is still a batch: .squeeze() without numbers removes its dimension.",
        ),
        Value(
            "one hidden value",
            lambda: _convolution(3, 6, 1, seed=70),
            "With R = 1 the result is (N, 1): take the last two dimensions off the weight, and no other.",
        ),
        Value(
            "non-contiguous weight",
            lambda: (
                seeded(3, 6, seed=80),
                seeded(6, 2, 1, 1, seed=81).transpose(0, 1),
                seeded(2, seed=82),
            ),
            "This weight was transposed in memory: use indexing, .flatten or .reshape instead of .view.",
        ),
    ),
    misconceptions=(
        Misconception(
            lambda z, weight, bias: z @ weight[:, :, 0, 0].T,
            "You left out the bias. Each output channel has one.",
        ),
        Misconception(
            lambda z, weight, bias: z @ weight.reshape(weight.shape[1], weight.shape[0]) + bias,
            "You read the weight (R, C) as (C, R). That mixes its numbers: transpose it with .T instead.",
        ),
        Misconception(
            lambda z, weight, bias: (z @ weight[:, :, 0, 0].T + bias)[:, :, None, None],
            "The numbers are right. The result should be (N, R), without the two dimensions of size 1.",
        ),
        Misconception(
            lambda z, weight, bias: (z @ weight[:, :, 0, 0].T + bias).T,
            "Your result is (R, N). Pictures come first: (N, R).",
        ),
        Misconception(
            lambda z, weight, bias: F.silu(z @ weight[:, :, 0, 0].T + bias),
            "You applied SiLU, too. The convolution alone is asked for.",
        ),
    ),
    hints=(
        "On one pixel, each output channel is a weighted sum of the input channels, plus a bias.",
        "The last two dimensions of the weight have size 1: weight[:, :, 0, 0] is a matrix (R, C).",
        "z is (N, C). To get (N, R), multiply it by the transposed matrix, .T, and add the bias.",
    ),
)
