"""Student's intervals for a handful of seeds: of a mean, of a paired difference, and for a seed to come.

They assume that the values scatter about normally, which so few seeds cannot show. Shares near 0 or 1 do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A mean of ``count`` values, and the bounds around it."""

    mean: float
    low: float
    high: float
    count: int

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Where the mean of many seeds lies, by Student's t: mean -+ t s / sqrt(n).

    Raises:
        ValueError: for less than two values.
    """
    return _interval(values, level, lambda n: 1 / math.sqrt(n))


def prediction_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Where the value of one more seed lies, by Student's t: mean -+ t s sqrt(1 + 1 / n).

    Raises:
        ValueError: for less than two values.
    """
    return _interval(values, level, lambda n: math.sqrt(1 + 1 / n))


def paired_interval(one: dict[str, float], other: dict[str, float], level: float = 0.95) -> Interval:
    """Of the mean difference ``one - other``, seed by seed.

    Args:
        one: {seed: value}.
        other: likewise; only seeds that both have are used.
        level: the share of such intervals that hold what they are for.

    Raises:
        ValueError: if they share less than two seeds.
    """
    return mean_interval([one[seed] - other[seed] for seed in one if seed in other], level)


def _interval(values: Sequence[float], level: float, widen: Callable[[int], float]) -> Interval:
    n = len(values)
    if n < 2:
        raise ValueError(f"{n} values have no spread: an interval needs at least two")
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    half = student_quantile((1 + level) / 2, n - 1) * deviation * widen(n)
    return Interval(mean, mean - half, mean + half, n)


def student_quantile(share: float, degrees: int) -> float:
    """The quantile of Student's t distribution for a share above one half, read off its integral.

    With t = sqrt(degrees) tan(a), the density becomes a multiple of cos(a) ** (degrees - 1).
    """
    angles = np.linspace(0, math.pi / 2, 20_001)
    density = np.cos(angles) ** (degrees - 1)
    steps = (density[1:] + density[:-1]) / 2
    cumulated = np.concatenate([[0.0], np.cumsum(steps)])
    cumulated /= 2 * cumulated[-1]
    return math.sqrt(degrees) * math.tan(float(np.interp(share - 0.5, cumulated, angles)))
