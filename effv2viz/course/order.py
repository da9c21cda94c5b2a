"""A question whose answer is an order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import ipywidgets

from effv2viz.course.predictions import Answer, Prediction, RefusedError, distinct, rounded
from effv2viz.suggestions import unknown_name


class Order(Prediction[tuple[str, ...], Mapping[str, float]]):
    """Some items, sorted from the largest to the smallest.

    Args:
        question: what is asked.
        items: at least two, in the order in which the learner finds them.
        answer: computes a number for each item.
        tolerance: two items whose numbers differ by no more may stand either way round.
        unit: of the numbers.
        digits: after the decimal point, where numbers are said.

    Raises:
        ValueError: for fewer than two items, one that stands twice, or a tolerance that is negative or no number.
    """

    def __init__(
        self,
        question: str,
        items: Sequence[str],
        answer: Answer[Mapping[str, float]],
        *,
        tolerance: float = 0.0,
        unit: str = "",
        digits: int = 2,
    ) -> None:
        if not 0 <= tolerance < math.inf:
            raise ValueError(f"tolerance={tolerance}: use a number from 0 up")
        self.items, self.tolerance, self.unit, self._digits = distinct("items", items), tolerance, unit, digits
        super().__init__(question, answer)

    def _checked_guess(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise RefusedError(f"{value!r} is no order: {self._how_to_guess()}")
        guess = tuple(value)
        for item in guess:
            if item not in self.items:
                raise RefusedError(str(unknown_name("item", item, self.items)))
            if guess.count(item) > 1:
                raise RefusedError(f"{item!r} stands in the order more than once: give each item one place")
        if missing := [item for item in self.items if item not in guess]:
            raise RefusedError(f"the order is not complete: {', '.join(map(repr, missing))} is missing")
        return guess

    def _checked_answer(self, value: Any) -> dict[str, float]:
        if not isinstance(value, Mapping) or set(value) != set(self.items):
            raise ValueError(f"the answer function must return a number for each of {', '.join(self.items)}")
        for item, number in value.items():
            if not math.isfinite(number):
                raise ValueError(f"the answer function returned {number} for {item!r}, which is no finite number")
        return {item: float(number) for item, number in value.items()}

    def _verdict(self, guess: tuple[str, ...], truth: Mapping[str, float]) -> tuple[bool, str]:
        ranked = sorted(self.items, key=lambda item: -truth[item])
        unit = f" {self.unit}" if self.unit else ""
        order = ", ".join(f"{item} ({rounded(truth[item], self._digits)}{unit})" for item in ranked)
        wrong = [(a, b) for a, b in combinations(guess, 2) if truth[b] - truth[a] > self.tolerance]
        if not wrong:
            inverted = any(truth[b] > truth[a] for a, b in combinations(guess, 2))
            return True, f"Right: the run says {order}." + (" What is this close counts as a tie." if inverted else "")
        pairs = ", ".join(f"{b} comes before {a}" for a, b in wrong[:3])
        count = f" ({len(wrong)} pairs in all)" if len(wrong) > 3 else ""
        return False, f"You said: {', '.join(guess)}. The run says: {order}. In the run {pairs}{count}."

    def _show(self, guess: tuple[str, ...]) -> str:
        return ", ".join(guess)

    def _how_to_guess(self) -> str:
        return f"give all of {', '.join(self.items)}, the largest first"

    def _make_controls(self) -> list[ipywidgets.Widget]:
        self._list = ipywidgets.Select(options=self.items, value=self.items[0], rows=len(self.items))
        self._up = ipywidgets.Button(description="Up", layout={"width": "5em"})
        self._down = ipywidgets.Button(description="Down", layout={"width": "5em"})
        self._up.on_click(lambda _: self._answered(lambda: self._move(-1)))
        self._down.on_click(lambda _: self._answered(lambda: self._move(+1)))
        return [self._list, self._up, self._down]

    def _move(self, step: int) -> None:
        """Moves the marked item by one place."""
        items, marked = list(self._list.options), self._list.index
        if 0 <= marked + step < len(items):
            items[marked], items[marked + step] = items[marked + step], items[marked]
            self.guess = items
            self._list.index = marked + step

    def _read(self) -> tuple[str, ...]:
        return tuple(self._list.options)

    def _fill(self, guess: tuple[str, ...]) -> None:
        self._list.options = guess
