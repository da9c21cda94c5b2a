"""A question whose answer is a number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import ipywidgets

from effv2viz.course.predictions import Answer, Prediction, RefusedError, rounded
from effv2viz.suggestions import unknown_name


class Number(Prediction[float, float]):
    """A number, right within a tolerance.

    Args:
        question: what is asked.
        answer: computes the number.
        tolerance: how far off a guess may be, in the unit of the number.
        unit: of the guess and of the answer, such as ``"percent"``.
        digits: after the decimal point, where numbers are said.
        feedback: what to say to a guess that is ``"too low"`` or ``"too high"``.

    Raises:
        ValueError: for a tolerance that is negative or no number, or feedback for anything else.
    """

    def __init__(
        self,
        question: str,
        answer: Answer[float],
        *,
        tolerance: float,
        unit: str = "",
        digits: int = 2,
        feedback: Mapping[str, str] | None = None,
    ) -> None:
        if not 0 <= tolerance < math.inf:
            raise ValueError(f"tolerance={tolerance}: use a number from 0 up")
        self.tolerance, self.unit, self._digits = tolerance, unit, digits
        self._feedback = dict(feedback or {})
        for key in self._feedback:
            if key not in ("too low", "too high"):
                raise unknown_name("key of the feedback", key, ("too low", "too high"))
        super().__init__(question, answer)

    def _checked_guess(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise RefusedError(f"{value!r} is no number: {self._how_to_guess()}")
        if not math.isfinite(value):
            raise RefusedError(f"{float(value)} cannot be compared: {self._how_to_guess()}")
        return float(value)

    def _checked_answer(self, value: Any) -> float:
        if not math.isfinite(value):
            raise ValueError(f"the answer function returned {value}, which is no finite number")
        return float(value)

    def _verdict(self, guess: float, truth: float) -> tuple[bool, str]:
        off = truth - guess
        if abs(off) <= self.tolerance:
            return True, f"Right: the run says {self._said(truth)}, you said {self._said(guess)}."
        side = "too low" if off > 0 else "too high"
        sentence = (
            f"You said {self._said(guess)}. The run says {self._said(truth)}: your guess is {side} by "
            f"{self._said(abs(off))}. {self._feedback.get(side, '')}"
        )
        return False, sentence.rstrip()

    def _said(self, value: float) -> str:
        return f"{rounded(value, self._digits)} {self.unit}".rstrip()

    def _show(self, guess: float) -> str:
        return f"{guess:g} {self.unit}".rstrip()

    def _how_to_guess(self) -> str:
        return "type a number, such as 0.5" + (f", in {self.unit}" if self.unit else "")

    def _make_controls(self) -> list[ipywidgets.Widget]:
        # A FloatText would start at 0, which looks like a guess, and would swallow what is no number.
        unit = f" ({self.unit})" if self.unit else ""
        self._field = ipywidgets.Text(placeholder=f"a number{unit}", layout={"width": "16em"})
        self._field.observe(self._touched, names=["value"])
        return [self._field]

    def _read(self) -> Any:
        typed = self._field.value.strip()
        if not typed:
            return None
        try:
            return float(typed)
        except ValueError:
            return typed

    def _fill(self, guess: float) -> None:
        if self._read() != guess:
            self._field.value = repr(guess).removesuffix(".0")
