"""Lesson 05: the mean gates of each class, and how well a gate separates classes."""

from __future__ import annotations

import torch
from torch import Tensor

from effv2viz.course.checks import Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded


def class_means(gates: Tensor, labels: Tensor) -> Tensor:
    """The mean gates (K, C) of each class, for gates (N, C) and labels (N,) from 0 to K - 1."""
    classes = int(labels.max()) + 1
    return torch.stack([gates[labels == k].mean(0) for k in range(classes)])


def separability(gates: Tensor, labels: Tensor) -> Tensor:
    """The share (C,) of each gate's variance that lies between classes."""
    means = class_means(gates, labels)
    between = ((means[labels] - gates.mean(0)) ** 2).mean(0)
    return between / gates.var(0, unbiased=False)


def _gates_and_labels(per_class: tuple[int, ...], channels: int, seed: int) -> tuple[Tensor, Tensor]:
    """Gates whose means differ from class to class, and shuffled labels."""
    labels = torch.cat([torch.full((n,), k) for k, n in enumerate(per_class)])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    centres = seeded(len(per_class), channels, seed=seed + 1)
    return (centres[labels] + seeded(len(labels), channels, seed=seed + 2)).sigmoid(), labels


def _stacked(gates: Tensor, labels: Tensor, one_class: object) -> Tensor:
    return torch.stack([one_class(gates, labels == k) for k in range(int(labels.max()) + 1)])  # type: ignore[operator]


_UNEVEN = "Here the classes have different numbers of pictures."
_SINGLE = "Here a class has a single picture: its mean is that picture's gates."

CLASS_MEANS = Exercise(
    name="class_means",
    solution=class_means,
    stages=(
        *first_stages(lambda: _gates_and_labels((4, 6, 2), 5, seed=200)),
        Value("a class of one picture", lambda: _gates_and_labels((3, 1), 4, seed=210), _SINGLE),
        Value("many classes", lambda: _gates_and_labels((2,) * 10, 3, seed=220), "Here there are ten classes."),
    ),
    misconceptions=(
        Misconception(
            lambda gates, labels: gates.mean(0).expand(int(labels.max()) + 1, -1),
            "You averaged over all pictures. Take the pictures of each class by themselves.",
        ),
        Misconception(
            lambda gates, labels: _stacked(gates, labels, lambda g, own: g[own].sum(0)),
            "You added the gates of a class. Divide by the number of its pictures.",
        ),
        Misconception(
            lambda gates, labels: _stacked(gates, labels, lambda g, own: g[own].sum(0) / len(g)),
            "You divided by the number of all pictures. Divide by the number of pictures of the class.",
        ),
        Misconception(
            lambda gates, labels: _stacked(gates, labels, lambda g, own: g[own].mean(1).mean().expand(g.shape[1])),
            "You averaged over the channels, too. Every gate keeps a mean of its own.",
        ),
        Misconception(
            lambda gates, labels: _stacked(gates, labels, lambda g, own: g[own].median(0).values),
            "You took the median. The task is the mean.",
        ),
    ),
    hints=(
        "labels == k is True for the pictures of class k.",
        "gates[labels == k] holds the gates of class k: (its pictures, C). Over which dimension is the mean?",
        "Make a list of gates[labels == k].mean(0) for every k, and torch.stack it.",
    ),
)

SEPARABILITY = Exercise(
    name="separability",
    solution=separability,
    stages=(
        *first_stages(lambda: _gates_and_labels((4, 6, 2), 5, seed=230)),
        Value("two classes", lambda: _gates_and_labels((3, 9), 4, seed=240), _UNEVEN),
    ),
    misconceptions=(
        Misconception(
            lambda gates, labels: 1 - separability(gates, labels),
            "You took the share within classes. The share between classes is what remains of 1.",
        ),
        Misconception(
            lambda gates, labels: class_means(gates, labels).var(0, unbiased=False) / gates.var(0, unbiased=False),
            "You gave each class the same weight. A larger class counts more: use its mean once for each picture.",
        ),
        Misconception(
            lambda gates, labels: separability(gates, labels).sqrt(),
            "You took the ratio of standard deviations. The share is a ratio of variances.",
        ),
        Misconception(
            lambda gates, labels: separability(gates, labels) * gates.var(0, unbiased=False),
            "You returned the variance between classes. Divide it by the variance of all.",
        ),
        Misconception(
            lambda gates, labels: separability(gates, labels).mean().expand(gates.shape[1]),
            "You averaged over the gates. Every gate has a share of its own.",
        ),
    ),
    hints=(
        "Put the mean of its class in place of every picture's gate. How much do these numbers vary?",
        "class_means(gates, labels)[labels] gives each picture the mean gates of its class: (N, C).",
        "Divide the variance of those numbers (unbiased=False) by the variance of the gates, gate by gate.",
    ),
)
