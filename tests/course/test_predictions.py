"""Predictions, driven by Python and by their buttons."""

import math

import pytest

from effv2viz import course


@pytest.fixture
def choice():
    return course.Choice(
        "Which gates change?",
        ["every gate", "no gate"],
        lambda: ("no gate", "0 of 128 moved."),
        feedback={"every gate": "You expected places to matter."},
    )


@pytest.fixture
def number():
    return course.Number("How far?", lambda: 0.52, tolerance=0.05, unit="points", feedback={"too low": "No bias?"})


@pytest.fixture
def order():
    return course.Order("Which is larger?", ["a", "b", "c"], lambda: {"a": 1.0, "b": 3.0, "c": 2.95}, tolerance=0.1)


def revealed(prediction, guess):
    prediction.guess = guess
    prediction.commit()
    return prediction.reveal()


def test_a_choice(choice):
    assert revealed(choice, "every gate") == (
        "You said: every gate. The run says: no gate. You expected places to matter. 0 of 128 moved."
    )
    assert repr(choice) == "Choice('Which gates change?', guess 'every gate', not right)"


def test_a_right_choice(choice):
    assert revealed(choice, "no gate") == "Right: the run says no gate. 0 of 128 moved."
    assert choice.right


@pytest.mark.parametrize(
    ("guess", "sentence"),
    [
        (0.5, "Right: the run says 0.52 points, you said 0.50 points."),
        (
            0.3,
            "You said 0.30 points. The run says 0.52 points: your guess is too low by 0.22 points. No bias?",
        ),
        (2, "You said 2.00 points. The run says 0.52 points: your guess is too high by 1.48 points."),
    ],
)
def test_a_number(number, guess, sentence):
    assert revealed(number, guess) == sentence


@pytest.mark.parametrize(
    ("guess", "sentence"),
    [
        ("bca", "Right: the run says b (3.00), c (2.95), a (1.00)."),
        ("cba", "Right: the run says b (3.00), c (2.95), a (1.00). What is this close counts as a tie."),
        ("bac", "You said: b, a, c. The run says: b (3.00), c (2.95), a (1.00). In the run c comes before a."),
    ],
)
def test_an_order(order, guess, sentence):
    assert revealed(order, list(guess)) == sentence


def test_nothing_is_computed_before_a_guess_is_committed(choice):
    choice._answer = lambda: pytest.fail("the answer was computed")
    with pytest.raises(course.RefusedError, match="Commit to a guess first"):
        choice.reveal()
    with pytest.raises(course.RefusedError, match="no guess yet: choose one of 'every gate', 'no gate'"):
        choice.commit()
    choice.guess = "no gate"
    choice.commit()
    choice.guess = "every gate"
    with pytest.raises(course.RefusedError, match="Commit to a guess first"):
        choice.reveal()


def test_after_the_reveal_the_guess_stays_and_the_answer_is_not_computed_again(choice):
    sentence = revealed(choice, "every gate")
    choice._answer = lambda: pytest.fail("the answer was computed again")
    with pytest.raises(course.RefusedError, match="the guess stays 'every gate'"):
        choice.guess = "no gate"
    assert revealed(choice, "every gate") == sentence


def test_a_lesson_that_runs_unattended_does_not_overrule_its_learner(choice):
    choice._radio.value = "no gate"
    choice.commit(otherwise="every gate")
    assert choice.guess == "no gate"


def test_bad_guesses_are_refused_with_a_sentence(choice, number, order):
    for prediction, guess, sentence in (
        (choice, None, "None is no guess: choose one of"),
        (choice, "no gates", "did you mean 'no gate'"),
        (number, None, "None is no number: type a number"),
        (number, "half", "'half' is no number"),
        (number, True, "True is no number"),
        (number, math.nan, "nan cannot be compared"),
        (number, -math.inf, "-inf cannot be compared"),
        (order, None, "None is no order"),
        (order, "abc", "'abc' is no order"),
        (order, ["a", "b"], "not complete: 'c' is missing"),
        (order, ["a", "b", "b"], "'b' stands in the order more than once"),
        (order, ["a", "b", "d"], "unknown item 'd'"),
    ):
        with pytest.raises(course.RefusedError, match=sentence) as caught:
            prediction.guess = guess
        assert prediction.guess is None
        assert caught.value._render_traceback_() == [str(caught.value)]


def test_bad_questions_are_refused():
    for make, sentence in (
        (lambda: course.Choice("?", ["yes"], str), "at least two"),
        (lambda: course.Choice("?", ["yes", "yes"], str), "more than once"),
        (lambda: course.Choice("?", ["yes", "no"], str, feedback={"yess": "."}), "did you mean 'yes'"),
        (lambda: course.Number("?", float, tolerance=-1), "tolerance=-1"),
        (lambda: course.Number("?", float, tolerance=0, feedback={"low": "."}), "did you mean 'too low'"),
        (lambda: course.Order("?", ["a", "b"], dict, tolerance=math.nan), "tolerance=nan"),
    ):
        with pytest.raises(ValueError, match=sentence):
            make()


def test_a_failed_answer_can_be_tried_again(number):
    attempts = iter([RuntimeError("out of luck"), 0.5])

    def answer():
        result = next(attempts)
        if isinstance(result, Exception):
            raise result
        return result

    number._answer = answer
    number.guess = 0.5
    number.commit()
    number._reveal_button.click()
    assert "RuntimeError: out of luck" in number._text.value
    assert not number.revealed
    number._reveal_button.click()
    assert number.right


def test_an_answer_that_is_none_is_an_error_of_the_lesson(choice, number, order):
    for prediction, guess, answer in (
        (choice, "no gate", "no gates"),
        (number, 1, math.nan),
        (order, ["a", "b", "c"], {"a": 1.0}),
    ):
        prediction._answer = lambda answer=answer: answer
        prediction.guess = guess
        prediction.commit()
        with pytest.raises(ValueError, match="the answer function"):
            prediction.reveal()
        assert not prediction.revealed


def test_the_buttons_of_a_choice(choice):
    assert choice._reveal_button.disabled
    choice._commit_button.click()
    assert "There is no guess yet" in choice._text.value
    choice._radio.value = "every gate"
    choice._commit_button.click()
    assert not choice._reveal_button.disabled
    choice._radio.value = "no gate"
    assert choice._reveal_button.disabled
    choice._commit_button.click()
    choice._reveal_button.click()
    assert 'role="status"' in choice._text.value
    assert "Right: the run says no gate. 0 of 128 moved." in choice._text.value
    assert choice._radio.disabled
    assert choice._commit_button.disabled
    assert choice._reveal_button.disabled


def test_the_buttons_of_a_number(number):
    number._field.value = "a lot"
    number._commit_button.click()
    assert "&#x27;a lot&#x27; is no number" in number._text.value
    number._field.value = " 0.3 "
    number._commit_button.click()
    number._reveal_button.click()
    assert "too low by 0.22 points" in number._text.value


def test_the_buttons_of_an_order(order):
    order._up.click()
    assert order.guess is None
    order._down.click()
    order._down.click()
    assert order.guess == ("b", "c", "a")
    assert order._list.value == "a"
    order._commit_button.click()
    order._reveal_button.click()
    assert order.right


def test_an_order_left_as_it_stands_can_be_committed(order):
    order._commit_button.click()
    assert order.guess == ("a", "b", "c")


def test_it_is_shown_by_its_view_and_by_a_text_that_is_always_the_same(choice):
    bundle = choice._repr_mimebundle_()
    assert bundle["text/plain"] == "Choice('Which gates change?', no guess yet)"
    assert "application/vnd.jupyter.widget-view+json" in bundle
