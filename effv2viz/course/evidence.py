"""What a probe of a claim finds: a verdict, a sentence and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    """What a probe says of a claim."""

    RIGHT = "right"
    RIGHT_FOR_SENET = "right for SENet but not here"
    WRONG = "wrong"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Evidence:
    """What a probe found on one network.

    Attributes:
        verdict: computed from the numbers.
        sentence: what was found, built from the numbers.
        numbers: by name.
    """

    verdict: Verdict
    sentence: str
    numbers: dict[str, float]
