"""A question with some options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from effv2viz.course.predictions import Answer, Prediction, RefusedError, distinct
from effv2viz.suggestions import unknown_name


class Choice(Prediction[str, str]):
    """One option out of some.

    Args:
        question: what is asked.
        options: at least two.
        answer: computes the right option.
        feedback: for an option, what to say to a learner who chose it and was wrong.

    Raises:
        ValueError: for fewer than two options, one that stands twice, or feedback for one that does not exist.
    """

    def __init__(
        self, question: str, options: Sequence[str], answer: Answer[str], *, feedback: Mapping[str, str] | None = None
    ) -> None:
        self.options = distinct("options", options)
        self._feedback = dict(feedback or {})
        for option in self._feedback:
            if option not in self.options:
                raise unknown_name("option in the feedback", option, self.options)
        super().__init__(question, answer)

    def _checked_guess(self, value: Any) -> str:
        if value is None:
            raise RefusedError(f"None is no guess: {self._how_to_guess()}")
        if value not in self.options:
            raise RefusedError(str(unknown_name("option", value, self.options)))
        return str(value)

    def _checked_answer(self, value: Any) -> str:
        if value not in self.options:
            raise unknown_name("option from the answer function", value, self.options)
        return str(value)

    def _verdict(self, guess: str, truth: str) -> tuple[bool, str]:
        if guess == truth:
            return True, f"Right: the run says {truth}."
        return False, f"You said: {guess}. The run says: {truth}. {self._feedback.get(guess, '')}".rstrip()

    def _show(self, guess: str) -> str:
        return repr(guess)

    def _how_to_guess(self) -> str:
        return "choose one of " + ", ".join(repr(option) for option in self.options)

    def _make_controls(self) -> list[ipywidgets.Widget]:
        self._radio = ipywidgets.RadioButtons(options=self.options, value=None, layout={"width": "max-content"})
        self._radio.observe(self._touched, names=["value"])
        return [self._radio]

    def _read(self) -> str | None:
        return self._radio.value

    def _fill(self, guess: str) -> None:
        self._radio.value = guess
