"""Predict, commit, reveal: a question whose answer is computed only after the learner has committed to a guess."""

from __future__ import annotations

import html
import textwrap
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, Union

import ipywidgets

from effv2viz.course.progress import record_prediction

Guess = TypeVar("Guess")
Truth = TypeVar("Truth")
Answer = Callable[[], Union[Truth, tuple[Truth, str]]]


class RefusedError(ValueError):
    """Something that a learner did cannot be accepted; the message says why. A notebook shows the message alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Sentence(str):
    """What a reveal says: a string that a notebook shows as text, broken between words."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return f'<div role="status" style="max-width:48em">{_lines(self)}</div>'


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

    def reveal(self) -> Sentence:
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
                self._note(right=right)
            return Sentence(self._sentence)

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

    def _note(self, *, right: bool) -> None:
        """Keeps the outcome in the learner's progress."""
        record_prediction(self.question, right=right)

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
        self._text.value = f'<div role="status" style="line-height:1.4">{_lines(sentence)}</div>'


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def distinct(what: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names, if they are at least two and differ."""
    if isinstance(names, str) or len(names) < 2:
        raise ValueError(f"{what}={names!r}: give a list of at least two")
    for name in names:
        if list(names).count(name) > 1:
            raise ValueError(f"{name!r} stands in the {what} more than once")
    return tuple(names)


def rounded(value: float, digits: int) -> str:
    """A number as it is said."""
    return f"{round(value, digits) + 0.0:,.{digits}f}"  # + 0.0 makes 0.0 of -0.0
