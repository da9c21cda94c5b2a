"""Lesson 01: the squeeze."""

from __future__ import annotations

import torch
from torch import Tensor

from effv2viz.course.checks import Exercise, Holds, Misconception, Shape, Value, first_stages
from effv2viz.course.exercises.numbers import seeded


def squeeze(x: Tensor) -> Tensor:
    """The mean of each channel over height and width: (N, C, H, W) to (N, C)."""
    return x.mean((2, 3))


def same_squeeze(x: Tensor) -> Tensor:
    """Another map (N, C, H, W) with the squeeze of x: each channel mirrored at its mean."""
    return 2 * x.mean((2, 3), keepdim=True) - x


def _map() -> tuple[Tensor]:
    return (seeded(2, 5, 3, 4, seed=1),)


SQUEEZE = Exercise(
    name="squeeze",
    solution=squeeze,
    stages=(
        *first_stages(_map, gradient=True),
        Value(
            "1x1 map",
            lambda: (seeded(2, 5, 1, 1, seed=2),),
            "On a map of one pixel the mean is that pixel, and the result is still (N, C).",
        ),
        Value(
            "one picture",
            lambda: (seeded(1, 5, 3, 4, seed=3),),
            "A batch of one picture is still a batch: .squeeze() without numbers removes its dimension.",
        ),
        Value(
            "non-contiguous map",
            lambda: (seeded(2, 5, 4, 3, seed=4).transpose(2, 3),),
            "This map was transposed, so its numbers do not lie in memory row by row: use .flatten or .reshape instead "
            "of .view.",
        ),
        Value(
            "half precision",
            lambda: (torch.full((1, 2, 64, 64), 100.0, dtype=torch.float16),),
            "A float16 number cannot exceed 65,504, and this sum of 4,096 numbers does: let .mean divide.",
        ),
    ),
    misconceptions=(
        Misconception(lambda x: x.mean(1), "You averaged over the channels, not over height and width."),
        Misconception(
            lambda x: x.mean((0, 2, 3)),
            "You averaged over the pictures of the batch, too. Each picture has a squeeze of its own.",
        ),
        Misconception(
            lambda x: x.mean((1, 2, 3)), "You averaged over the channels, too. Each channel has a mean of its own."
        ),
        Misconception(lambda x: x.mean(), "You averaged over everything. Each channel of a picture has its own mean."),
        Misconception(lambda x: x.mean(2), "You averaged over the height only. The width is still there."),
        Misconception(lambda x: x.mean(3), "You averaged over the width only. The height is still there."),
        Misconception(lambda x: x.amax((2, 3)), "You took the largest value of each channel. The squeeze is the mean."),
        Misconception(lambda x: x.sum((2, 3)), "You added up the pixels, but did not divide by their number, H * W."),
        Misconception(
            lambda x: x.mean((2, 3), keepdim=True),
            "The numbers are right. Two dimensions of size 1 are left over: leave out keepdim=True.",
        ),
    ),
    hints=(
        "The dimensions of x are N, C, H, W. Which two should disappear?",
        "torch.Tensor.mean takes the numbers of the dimensions that should disappear, counted from 0.",
        "Height is dimension 2 and width is dimension 3: x.mean((..., ...)).",
    ),
)


def _keeps_the_squeeze(result: Tensor, x: Tensor) -> str | None:
    if result.shape != x.shape:
        return f"Your map has the shape {tuple(result.shape)}; it should be {tuple(x.shape)}, like x."
    if torch.allclose(result.mean((2, 3)), x.mean((2, 3)), rtol=1e-4, atol=1e-5):
        return None
    if torch.allclose(result.mean((0, 2, 3)), x.mean((0, 2, 3)), rtol=1e-4, atol=1e-5):
        return "The squeeze of each picture differs: pixels went from one picture to another."
    if torch.allclose(result.mean((1, 2, 3)), x.mean((1, 2, 3)), rtol=1e-4, atol=1e-5):
        return "The mean of the whole map is kept, the mean of each channel is not: keep every channel's own mean."
    return "The squeeze differs: some channel of your map has another mean than in x."


def _is_another_picture(result: Tensor, x: Tensor) -> str | None:
    same = [int(c) for c in range(x.shape[1]) if torch.allclose(result[:, c], x[:, c])]
    if len(same) == x.shape[1]:
        return "Your map is x itself. It should look different."
    if same:
        return f"Channel {same[0]} is still the same picture. Change every channel."
    return None


SAME_SQUEEZE = Exercise(
    name="same_squeeze",
    solution=same_squeeze,
    stages=(
        Shape("shape", _map),
        Holds("same squeeze", _map, says=_keeps_the_squeeze),
        Holds("another picture", _map, says=_is_another_picture),
        Holds(
            "non-contiguous map",
            lambda: (seeded(2, 5, 4, 3, seed=4).transpose(2, 3),),
            "This map was transposed in memory: use .flatten or .reshape instead of .view.",
            says=_keeps_the_squeeze,
        ),
        Holds(
            "1x1 map",
            lambda: (seeded(2, 5, 1, 1, seed=2),),
            "A map of one pixel has only one map with its squeeze, itself.",
            says=_keeps_the_squeeze,
        ),
    ),
    misconceptions=(
        Misconception(lambda x: x.clone(), "Your map is x itself. It should look different."),
        Misconception(
            lambda x: x.flip(1),
            "You exchanged whole channels. Each channel needs its own mean in its place: move pixels, not channels.",
        ),
        Misconception(lambda x: x.flip(0), "You exchanged the pictures of the batch. Change each picture by itself."),
        Misconception(lambda x: 2 * x, "You multiplied the map, and its means with it."),
        Misconception(lambda x: -x, "You changed the sign of the map, and of its means with it."),
        Misconception(
            lambda x: torch.full_like(x, float(x.mean())),
            "You filled the map with the mean of everything. Each channel has a mean of its own.",
        ),
        Misconception(
            lambda x: x.mean((2, 3)), "You returned the squeeze. The task is a map (N, C, H, W) that has this squeeze."
        ),
    ),
    hints=(
        "What did the shuffled map have in common with the first one? Any order of the pixels will do.",
        "Mirroring each channel, x.flip, moves pixels inside a channel. Which dimensions are height and width?",
        "Another way: what happens to the mean of x when you compute z - (x - z), where z is the mean?",
    ),
)
