"""Lesson 09: the mean difference of paired seeds, and how often answers follow swapped gates."""

from __future__ import annotations

import torch
from torch import Tensor

from effv2viz.course.checks import Exercise, Misconception, Value, first_stages
from effv2viz.course.exercises.numbers import seeded


def paired_interval(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The mean difference a - b of paired seeds (S,), and the bounds of its interval: a tensor (3,) mean, low, high.

    The half width is t times the standard error of the mean difference.
    """
    d = a - b
    half = t * d.std() / len(d) ** 0.5
    return torch.stack([d.mean(), d.mean() - half, d.mean() + half])


def follow_rate(answers: Tensor, labels: Tensor, twin_labels: Tensor) -> Tensor:
    """How often the answers (N,) are the twins' labels (N,), among the pictures whose own label is another."""
    differ = labels != twin_labels
    return (answers == twin_labels)[differ].float().mean()


def _seeds(count: int, seed: int) -> tuple[Tensor, Tensor, float]:
    shared = seeded(count, seed=seed)  # what a seed does to both, so that pairing matters
    return 90 + 3 * shared + seeded(count, seed=seed + 1), 88 + 3 * shared + seeded(count, seed=seed + 2), 2.776


def _answers(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    answers, labels, twins = (torch.randint(4, (count,), generator=generator) for _ in range(3))
    return torch.where(torch.rand(count, generator=generator) < 0.6, twins, answers), labels, twins


PAIRED_INTERVAL = Exercise(
    name="paired_interval",
    solution=paired_interval,
    stages=(
        *first_stages(lambda: _seeds(5, seed=600)),
        Value("two seeds", lambda: _seeds(2, seed=610), "With two seeds the standard deviation divides by 1."),
        Value(
            "the other sign",
            lambda: (_seeds(4, seed=620)[1], _seeds(4, seed=620)[0], 3.182),
            "Where a is below b, the mean difference is negative.",
        ),
    ),
    misconceptions=(
        Misconception(
            lambda a, b, t: paired_interval(b, a, t),
            "You took b - a. The difference is a - b: positive where a is better.",
        ),
        Misconception(
            lambda a, b, t: _around((a - b).mean(), t * (a.var() / len(a) + b.var() / len(b)).sqrt()),
            "You added the variances of a and b, as if their seeds had nothing to do with each other. They are pairs: "
            "take the differences first, then their standard deviation.",
        ),
        Misconception(
            lambda a, b, t: _around((a - b).mean(), t * (a - b).std()),
            "You forgot to divide by the root of the number of seeds: that is where single differences lie, not their "
            "mean.",
        ),
        Misconception(
            lambda a, b, t: _around((a - b).mean(), t * (a - b).std() / len(a)),
            "You divided by the number of seeds. The standard error has its square root.",
        ),
        Misconception(
            lambda a, b, t: _around((a - b).mean(), t * (a - b).std(correction=0) / len(a) ** 0.5),
            "You divided by S inside the standard deviation. A sample's divides by S - 1, as .std() does.",
        ),
        Misconception(
            lambda a, b, t: _around((a - b).mean(), (a - b).std() / len(a) ** 0.5),
            "You left out t. One standard error to each side holds far less than 95 %.",
        ),
        Misconception(
            lambda a, b, t: paired_interval(a, b, t)[[1, 0, 2]],
            "The order is mean, low, high.",
        ),
    ),
    hints=(
        "Each seed gives one difference. What is their mean, and how exactly is that mean known?",
        "The standard error of a mean of S numbers is their standard deviation divided by the root of S.",
        "d = a - b; the half width is t * d.std() / len(d) ** 0.5. Then torch.stack the three numbers.",
    ),
)


def _around(mean: Tensor, half: Tensor) -> Tensor:
    return torch.stack([mean, mean - half, mean + half])


FOLLOW_RATE = Exercise(
    name="follow_rate",
    solution=follow_rate,
    stages=(
        *first_stages(lambda: _answers(40, seed=630)),
        Value(
            "one pair that differs",
            lambda: (torch.tensor([1, 2, 0]), torch.tensor([1, 2, 3]), torch.tensor([1, 2, 0])),
            "Where the labels are equal, the answer follows and stays at once: such pairs do not count.",
        ),
    ),
    misconceptions=(
        Misconception(
            lambda answers, labels, twins: (answers == twins).float().mean(),
            "You counted all pairs. Where both labels are equal, an answer cannot show which of them it follows: leave "
            "these pairs out.",
        ),
        Misconception(
            lambda answers, labels, twins: ((answers == twins) & (labels != twins)).float().mean(),
            "You divided by all pairs. Divide by the number of pairs whose labels differ.",
        ),
        Misconception(
            lambda answers, labels, twins: (answers == labels)[labels != twins].float().mean(),
            "You counted the answers that stay with the picture's own label. Count those that are the twin's.",
        ),
        Misconception(
            lambda answers, labels, twins: (answers != labels)[labels != twins].float().mean(),
            "You counted every answer that left its own label. Some go to a third class: only the twin's counts.",
        ),
    ),
    hints=(
        "Which pairs can show something? Those whose two labels are different.",
        "Make a mask with labels != twin_labels, and look only at its pictures.",
        "(answers == twin_labels)[labels != twin_labels] is True where an answer follows. Take its mean as float.",
    ),
)
