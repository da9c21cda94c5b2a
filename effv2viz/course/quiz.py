"""Ten questions before and after the course, from the claims and from the misconceptions that the lessons answer."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

import ipywidgets
import torch

from effv2viz.course.choice import Choice
from effv2viz.course.claims import find_claim
from effv2viz.course.evidence import Verdict
from effv2viz.course.predictions import RefusedError, Sentence
from effv2viz.course.progress import record_quiz
from effv2viz.datasets import fashion_sample, load_images
from effv2viz.models import EfficientNetV2, create_model
from effv2viz.probing import find_se, fold_constant_gates, trace

When = Literal["before", "after"]


class _Question(Choice):
    """A question of a test, which is no prediction of a lesson."""

    def _note(self, *, right: bool) -> None:
        pass


class Quiz:
    """Ten questions of one choice each. ``answer`` and ``finish`` drive it from Python, the view by its button.

    Before the course only the score is told. Afterwards each wrong answer is told, too.

    Attributes:
        questions: the ten.
        score: how many are right; None before ``finish``.
        widget: the ipywidget inside.
    """

    def __init__(self, when: When, questions: Sequence[Choice]) -> None:
        self.when, self.questions = when, list(questions)
        self.score: int | None = None
        self._radios = [
            ipywidgets.RadioButtons(options=q.options, value=None, layout={"width": "max-content"}) for q in questions
        ]
        self._button = ipywidgets.Button(description="Finish")
        self._button.on_click(lambda _: self._press())
        self._text = ipywidgets.HTML()
        rows: list[ipywidgets.Widget] = []
        for number, (question, radio) in enumerate(zip(questions, self._radios, strict=True), start=1):
            rows += [ipywidgets.HTML(f"<b>{number}.</b> {html.escape(question.question)}"), radio]
        self.widget = ipywidgets.VBox([*rows, self._button, self._text])
        self.widget.add_class("effv2viz-quiz")

    def answer(self, answers: Mapping[int, str]) -> None:
        """Chooses options.

        Args:
            answers: for the numbers of questions, 1 to 10, the option.

        Raises:
            RefusedError: for a number or an option that there is not, or after ``finish``.
        """
        if self.score is not None:
            raise RefusedError("The test is finished. To take it again, run the cell that shows it.")
        for number, option in answers.items():
            if not 1 <= number <= len(self.questions):
                raise RefusedError(f"there is no question {number}: they go from 1 to {len(self.questions)}")
            self.questions[number - 1].guess = option
            self._radios[number - 1].value = option

    def finish(self) -> Sentence:
        """Ends the test and says the score; where answers are missing it says which, and the test stays open."""
        if self.score is None:
            for question, radio in zip(self.questions, self._radios, strict=True):
                if radio.value is not None:
                    question.guess = radio.value
            missing = [str(n) for n, question in enumerate(self.questions, start=1) if question.guess is None]
            if missing:
                return Sentence(f"Not answered yet: {', '.join(missing)}.")
            self._mark()
        return Sentence(self._said())

    def __repr__(self) -> str:
        state = "not finished" if self.score is None else f"{self.score} right"
        return f"Quiz({self.when} the course, {len(self.questions)} questions, {state})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**(self.widget._repr_mimebundle_(**kwargs) or {}), "text/plain": repr(self)}

    def _mark(self) -> None:
        for question in self.questions:
            question.commit()
            question.reveal()
        self.score = sum(bool(question.right) for question in self.questions)
        for control in (*self._radios, self._button):
            control.disabled = True
        record_quiz(self.when, self.score)

    def _said(self) -> str:
        score = f"{self.score} of {len(self.questions)} right."
        if self.when == "before":
            return score
        return " ".join([score, *(f"{n}. {q.reveal()}" for n, q in enumerate(self.questions, start=1) if not q.right)])

    def _press(self) -> None:
        self._text.value = self.finish()._repr_html_()


def ten_questions(when: When) -> Quiz:
    """The test of ten questions.

    Args:
        when: ``"before"`` or ``"after"`` the course.

    Raises:
        ValueError: for another time.
    """
    if when not in ("before", "after"):
        raise ValueError(f"when={when!r}: use 'before' or 'after'")
    return Quiz(when, [*(_of_claim(id) for id in ("1b", "1c", "2b", "2c", "3b", "3c")), *_of_misconceptions()])


@cache
def _network() -> EfficientNetV2:
    return create_model("efficientnetv2_nano", weights="fashion")


@cache
def _images() -> torch.Tensor:
    return load_images(list(fashion_sample("test").balanced(1).images), _network())


def _of_claim(id: str) -> Choice:
    claim = find_claim(id)

    def answer() -> tuple[str, str]:
        evidence = claim.probe(_network())
        return str(evidence.verdict), evidence.sentence

    return _Question(f"Said of EfficientNetV2: {claim.claim}", [str(verdict) for verdict in Verdict], answer)


def _of_misconceptions() -> list[Choice]:
    def moved(changed: Callable[[torch.Tensor], torch.Tensor]) -> bool:
        module = _network().get_submodule(find_se(_network())[0].path)
        x = trace(_network(), _images(), features=True)["stage4.0"].features
        assert x is not None
        with torch.no_grad():
            before, after = (m(module, y) for m, y in ((_gates, x), (_gates, changed(x))))
        return bool((before - after).abs().max() > 1e-3)

    def sums() -> str:
        total = trace(_network(), _images())["stage6.0"].gate.sum(1)
        return "1" if bool((total - 1).abs().max() < 0.01) else "different for each picture"

    def constant() -> str:
        gates = trace(_network(), _images()[:1])
        folded = fold_constant_gates(_network(), {name: site.gate[0] for name, site in gates.items()})
        return "its SE modules can be left out" if not find_se(folded) else "it needs its SE modules"

    def places() -> str:
        return "the gates change" if moved(lambda x: x.flip(2).flip(3)) else "the gates stay"

    def sizes() -> str:
        return "the gates change" if moved(lambda x: 2 * x) else "the gates stay"

    return [
        _Question(
            "The gates of one site add up to ...", ["1", "the number of channels", "different for each picture"], sums
        ),
        _Question(
            "If a map is turned upside down and mirrored just before SE ...",
            ["the gates change", "the gates stay"],
            places,
        ),
        _Question("If a map is multiplied by 2 just before SE ...", ["the gates change", "the gates stay"], sizes),
        _Question(
            "If the gates of a network never changed, then for the same answers ...",
            ["it needs its SE modules", "its SE modules can be left out"],
            constant,
        ),
    ]


def _gates(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    module(x)  # checks that it takes such a map
    return module.gate(module.expand(module.act(module.reduce(module.squeeze(x)))))  # type: ignore[operator]
