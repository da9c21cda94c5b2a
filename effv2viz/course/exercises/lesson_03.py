"""Lesson 03: the scale, and the whole module."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from effv2viz.course.checks import ByHandError, Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded
from effv2viz.models import SqueezeExcite


def scale(x: Tensor, s: Tensor) -> Tensor:
    """Each channel of the map x (N, C, H, W) times its gate in s (N, C)."""
    return x * s[:, :, None, None]


def se_block(x: Tensor, module: SqueezeExcite) -> Tensor:
    """What an SE module makes of a map (N, C, H, W), step by step."""
    z = x.mean((2, 3), keepdim=True)
    h = F.silu(module.reduce(z))
    s = torch.sigmoid(module.expand(h))
    return x * s


def _map_and_gates(*shape: int, seed: int) -> tuple[Tensor, Tensor]:
    return seeded(*shape, seed=seed), seeded(*shape[:2], seed=seed + 1).sigmoid()


SCALE = Exercise(
    name="scale",
    solution=scale,
    stages=(
        # N = C = H = W, so that a gate on the wrong dimension runs and can be told by its numbers.
        *first_stages(lambda: _map_and_gates(4, 4, 4, 4, seed=90), gradient=True),
        Value(
            "sizes that differ",
            lambda: _map_and_gates(2, 5, 3, 4, seed=92),
            "Give s two more dimensions of size 1 at its end, so that it reads (N, C, 1, 1).",
        ),
        Value(
            "1x1 map",
            lambda: _map_and_gates(1, 5, 1, 1, seed=94),
            "The result keeps all four dimensions.",
        ),
        Value(
            "non-contiguous map",
            lambda: (seeded(2, 5, 4, 3, seed=96).transpose(2, 3), seeded(2, 5, seed=97).sigmoid()),
            "This map was transposed in memory: use indexing or .reshape instead of .view.",
        ),
        Value(
            "half precision",
            lambda: tuple(part.half() for part in _map_and_gates(2, 5, 3, 4, seed=98)),
            "Do not convert the numbers.",
        ),
    ),
    misconceptions=(
        Misconception(
            lambda x, s: x * s,
            "Your gates went along height and width: broadcasting lines up the last dimensions. They belong to picture "
            "and channel.",
        ),
        Misconception(
            lambda x, s: x * s[:, None, :, None],
            "Your gates went along the height. Each gate belongs to a channel, dimension 1.",
        ),
        Misconception(
            lambda x, s: x * s[:, None, None, :],
            "Your gates went along the width. Each gate belongs to a channel, dimension 1.",
        ),
        Misconception(
            lambda x, s: x * s.T[:, :, None, None],
            "You exchanged pictures and channels: s is (N, C) already, do not transpose it.",
        ),
        Misconception(
            lambda x, s: x + s[:, :, None, None], "You added the gates to the map. A gate multiplies its channel."
        ),
        Misconception(
            lambda x, s: x * s.mean(1)[:, None, None, None],
            "You used one gate for the whole picture. Each channel has its own.",
        ),
        Misconception(
            lambda x, s: x * s.mean(0)[None, :, None, None],
            "You averaged the gates over the pictures. Each picture has gates of its own.",
        ),
        Misconception(
            lambda x, s: x + x * s[:, :, None, None],
            "You added the map to the scaled map. The skip of a block comes later, after the projection.",
        ),
        Misconception(
            lambda x, s: x * s.sigmoid()[:, :, None, None],
            "You applied the sigmoid again. s holds gates already.",
        ),
        Misconception(
            lambda x, s: x * x.sigmoid(),
            "You scaled each position by itself and left s out. A gate is one number for a whole channel.",
        ),
    ),
    hints=(
        "x has four dimensions and s has two. Which dimensions of x do those of s belong to?",
        "Broadcasting repeats a dimension of size 1. Which shape must s have, to be repeated over height and width?",
        "s[:, :, None, None] has the shape (N, C, 1, 1).",
    ),
)


class _StepByStep(SqueezeExcite):
    """An SE module whose parts may be used, but which cannot be called as a whole."""

    def forward(self, x: Tensor) -> Tensor:
        raise ByHandError(
            "You called the whole module. Do its three steps yourself; its parts reduce and expand may be called."
        )


def _map_and_module(*shape: int, squeeze_channels: int, seed: int) -> tuple[Tensor, nn.Module]:
    with torch.random.fork_rng(devices=[]):  # the weights that a new module draws are replaced anyway
        module = _StepByStep(shape[1], squeeze_channels)
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(seeded(*parameter.shape, seed=seed + 1 + i))
    return seeded(*shape, seed=seed), module


SE_BLOCK = Exercise(
    name="se_block",
    solution=se_block,
    stages=(
        *first_stages(lambda: _map_and_module(2, 6, 3, 4, squeeze_channels=3, seed=105), gradient=True),
        Value(
            "1x1 map of one picture",
            lambda: _map_and_module(1, 6, 1, 1, squeeze_channels=1, seed=110),
            "Sizes of 1 must stay: .squeeze() without numbers removes them.",
        ),
        Value(
            "non-contiguous map",
            lambda: (
                seeded(2, 6, 4, 3, seed=120).transpose(2, 3),
                _map_and_module(1, 6, 1, 1, squeeze_channels=2, seed=121)[1],
            ),
            "This map was transposed in memory: use .flatten or .reshape instead of .view.",
        ),
    ),
    misconceptions=(
        Misconception(
            lambda x, m: x * m.gate(m.expand(m.act(m.reduce(x)))),
            "You left out the squeeze: you made a gate for every position. Average over height and width first.",
        ),
        Misconception(
            lambda x, m: m.gate(m.expand(m.act(m.reduce(x.mean((2, 3), keepdim=True))))),
            "You returned the gates. The last step is missing: scale the map by them.",
        ),
        Misconception(
            lambda x, m: x * m.expand(m.act(m.reduce(x.mean((2, 3), keepdim=True)))),
            "The sigmoid is missing: you scaled the map by logits.",
        ),
        Misconception(
            lambda x, m: x * m.gate(m.expand(m.reduce(x.mean((2, 3), keepdim=True)))),
            "The SiLU between the two layers is missing.",
        ),
        Misconception(
            lambda x, m: x * m.gate(m.expand(F.relu(m.reduce(x.mean((2, 3), keepdim=True))))),
            "You used ReLU between the two layers. This module uses SiLU.",
        ),
        Misconception(
            lambda x, m: x * m.gate(m.expand(m.act(m.reduce(x.amax((2, 3), keepdim=True))))),
            "You squeezed with the largest value. The squeeze is the mean.",
        ),
        Misconception(
            lambda x, m: x * m.expand(m.act(m.reduce(x.mean((2, 3), keepdim=True)))).softmax(1),
            "Your gates compete: softmax makes them add up to 1. Use a sigmoid.",
        ),
        Misconception(
            lambda x, m: x + x * m.gate(m.expand(m.act(m.reduce(x.mean((2, 3), keepdim=True))))),
            "You added the map to the scaled map. The skip of a block is no part of SE.",
        ),
    ),
    hints=(
        "Three steps: squeeze the map, make gates of the squeeze, scale the map by the gates.",
        "x.mean((2, 3), keepdim=True) is (N, C, 1, 1), the form that module.reduce and module.expand take.",
        "SiLU follows module.reduce, the sigmoid follows module.expand. Then multiply x by the result.",
    ),
)
