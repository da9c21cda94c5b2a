"""Predict, commit, reveal: a question whose answer is computed only after the learner has committed to a guess."""

from __future__ import annotations

import html
import math
import textwrap
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from numbers import Real
from typing import Any, Generic, TypeVar, Union

import ipywidgets

from effv2viz.suggestions import unknown_name

Guess = TypeVar("Guess")
Truth = TypeVar("Truth")
Answer = Callable[[], Union[Truth, tuple[Truth, str]]]


class RefusedError(ValueError):
    """Something that a learner did cannot be accepted; the message says why. A notebook shows the message alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Prediction(ABC, Generic[Guess, Truth]):
    """A question, the learner's guess and, after ``commit`` and ``reveal``, what the run says to it.

    A notebook shows it as a view with the buttons Commit and Reveal; Python drives it by ``guess``, ``commit()`` and
    ``reveal()``. The guess can be changed until the reveal; a changed guess must be committed again. ``widget`` is the
    ipywidget inside, to put into a box with others.

    Args:
        question: what is asked, in plain text.
        answer: called once, by the reveal. It returns the answer, or the answer and a sentence on what was measured.
    """

    def __init__(self, question: str, answer: Answer[Truth]) -> None:
        self.question = question
        self._answer = answer
        self._guess: Guess | None = None
        self._committed = False
        self._right: bool | None = None
        self._sentence = ""
        self._lock = threading.RLock()
        self._build()
        self._sync()

    @property
    def guess(self) -> Guess | None:
        """What the learner guesses; None before the first guess."""
        return self._guess

    @guess.setter
    def guess(self, value: Any) -> None:
        with self._lock:
            guess = self._checked_guess(value)
            if guess == self._guess:
                return
            if self.revealed:
                assert self._guess is not None
                raise RefusedError(
                    f"The answer is out, so the guess stays {self._show(self._guess)}. To try again, run the cell that "
                    "asks the question."
                )
            self._guess, self._committed, self._sentence = guess, False, ""
            self._fill(guess)
            self._sync()

    @property
    def committed(self) -> bool:
        """Whether the learner has committed to the guess."""
        return self._committed

    @property
    def revealed(self) -> bool:
        """Whether the answer has been computed."""
        return self._right is not None

    @property
    def right(self) -> bool | None:
        """Whether the guess was right; None before the reveal."""
        return self._right

    def commit(self, otherwise: Any = None) -> None:
        """Commits to the guess, which allows the reveal.

        Args:
            otherwise: the guess of a learner who has made none, so that a lesson also runs unattended.

        Raises:
            RefusedError: without any guess, or for an ``otherwise`` that is none.
        """
        with self._lock:
            if self._guess is None and otherwise is not None:
                self.guess = otherwise
            if self._guess is None:
                raise RefusedError(f"There is no guess yet: {self._how_to_guess()}")
            self._committed = True
            self._sync()

    def reveal(self) -> str:
        """Computes the answer and returns what it means for the guess. A second call returns the same sentence.

        Raises:
            RefusedError: before a guess is committed.
            Exception: whatever the answer function raises; the reveal can then be tried again.
        """
        with self._lock:
            if not self._committed or self._guess is None:
                raise RefusedError("Commit to a guess first: the answer is computed afterwards.")
            if not self.revealed:
                found = self._answer()
                value, measured = found if isinstance(found, tuple) else (found, "")
                right, sentence = self._verdict(self._guess, self._checked_answer(value))
                self._right, self._sentence = right, f"{sentence} {measured}".strip()
                self._sync()
            return self._sentence

    def __repr__(self) -> str:
        if self._guess is None:
            state = "no guess yet"
        elif self.revealed:
            state = f"guess {self._show(self._guess)}, {'right' if self._right else 'not right'}"
        else:
            state = f"guess {self._show(self._guess)}, {'committed' if self._committed else 'not committed'}"
        return f"{type(self).__name__}({textwrap.shorten(self.question, 60, placeholder=' ...')!r}, {state})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = dict(self.widget._repr_mimebundle_(**kwargs) or {})
        return {**bundle, "text/plain": repr(self)}

    # What the kinds of question differ in.

    @abstractmethod
    def _checked_guess(self, value: Any) -> Guess:
        """The guess, or a RefusedError that says what is wrong with it."""

    @abstractmethod
    def _checked_answer(self, value: Any) -> Truth:
        """What the answer function returned, or a ValueError for its author."""

    @abstractmethod
    def _verdict(self, guess: Guess, truth: Truth) -> tuple[bool, str]:
        """Whether the guess is right, and the sentence about it."""

    @abstractmethod
    def _show(self, guess: Guess) -> str:
        """The guess as it stands in a sentence."""

    @abstractmethod
    def _how_to_guess(self) -> str:
        """What to do to guess, as the end of a sentence."""

    @abstractmethod
    def _make_controls(self) -> list[ipywidgets.Widget]:
        """The controls of the view, from left to right."""

    @abstractmethod
    def _read(self) -> Any:
        """What stands in the controls, unchecked; None where the learner has not touched them."""

    @abstractmethod
    def _fill(self, guess: Guess) -> None:
        """Shows a guess in the controls."""

    # The view.

    def _build(self) -> None:
        self._controls = self._make_controls()
        self._commit_button = ipywidgets.Button(description="Commit")
        self._reveal_button = ipywidgets.Button(description="Reveal")
        self._text = ipywidgets.HTML()
        self._commit_button.on_click(lambda _: self._answered(self._press_commit))
        self._reveal_button.on_click(lambda _: self._answered(self._press_reveal))
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.widget = ipywidgets.VBox(
            [
                ipywidgets.HTML(f"<b>Predict.</b> {html.escape(self.question)}"),
                ipywidgets.HBox(self._controls, layout=row),
                ipywidgets.HBox([self._commit_button, self._reveal_button], layout=row),
                self._text,
            ]
        )
        self.widget.add_class("effv2viz-prediction")

    def _press_commit(self) -> None:
        value = self._read()
        if value is not None:
            self.guess = value
        self.commit()

    def _press_reveal(self) -> None:
        self._say("Computing the answer ...")
        self.reveal()

    def _touched(self, change: Any) -> None:
        """Takes the guess from the controls; what is no guess yet, such as a half-typed number, counts as none."""
        with self._lock:
            try:
                guess = self._checked_guess(self._read())
            except RefusedError:
                guess = None
            if guess != self._guess and not self.revealed:
                self._guess, self._committed, self._sentence = guess, False, ""
                self._sync()

    def _answered(self, action: Callable[[], None]) -> None:
        """Runs what a button asks for. Whatever goes wrong is said in the view."""
        with self._lock:
            try:
                action()
            except RefusedError as refusal:
                self._say(str(refusal))
            except Exception as error:
                self._say(f"{type(error).__name__}: {error}")

    def _sync(self) -> None:
        for control in self._controls:
            control.disabled = self.revealed
        self._commit_button.disabled = self._committed
        self._reveal_button.disabled = self.revealed or not self._committed
        if self.revealed or not self._committed:
            self._say(self._sentence)
        else:
            assert self._guess is not None
            self._say(f"Committed: {self._show(self._guess)}. Now reveal.")

    def _say(self, sentence: str) -> None:
        self._text.value = f'<div role="status" style="line-height:1.4">{html.escape(sentence)}</div>'


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
        self.options = _distinct("options", options)
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
            return True, f"Right: {truth}."
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
        return f"{_rounded(value, self._digits)} {self.unit}".rstrip()

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
        self.items, self.tolerance, self.unit, self._digits = _distinct("items", items), tolerance, unit, digits
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
        order = ", ".join(f"{item} ({_rounded(truth[item], self._digits)}{unit})" for item in ranked)
        wrong = [(a, b) for a, b in combinations(guess, 2) if truth[b] - truth[a] > self.tolerance]
        if not wrong:
            inverted = any(truth[b] > truth[a] for a, b in combinations(guess, 2))
            return True, f"Right: {order}." + (" What is this close counts as a tie." if inverted else "")
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


def _distinct(what: str, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or len(names) < 2:
        raise ValueError(f"{what}={names!r}: give a list of at least two")
    for name in names:
        if list(names).count(name) > 1:
            raise ValueError(f"{name!r} stands in the {what} more than once")
    return tuple(names)


def _rounded(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0 makes 0.0 of -0.0
