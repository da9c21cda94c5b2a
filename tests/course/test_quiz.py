"""The test before and after the course."""

import pytest

from effv2viz import course
from effv2viz.course import progress as module

RIGHT = [
    "wrong",
    "wrong",
    "right for SENet but not here",
    "right for SENet but not here",
    "wrong",
    "wrong",
    "different for each picture",
    "the gates stay",
    "the gates change",
    "its SE modules can be left out",
]


@pytest.fixture(autouse=True)
def copies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module.start_progress(tmp_path / "progress.json")


def answered(when, answers):
    test = course.ten_questions(when)
    test.answer(dict(enumerate(answers, start=1)))
    return test


def test_all_right():
    test = answered("before", RIGHT)
    assert test.finish() == "10 of 10 right."
    assert course.show_progress().quiz == {"before": 10}
    assert repr(test) == "Quiz(before the course, 10 questions, 10 right)"


def test_only_the_test_after_the_course_tells_what_was_wrong():
    wrong = ["right", *RIGHT[1:9], "it needs its SE modules"]
    assert answered("before", wrong).finish() == "8 of 10 right."
    said = answered("after", wrong).finish()
    assert said.startswith("8 of 10 right. 1. You said: right. The run says: wrong.")
    assert "10. You said: it needs its SE modules." in said
    assert course.show_progress().quiz == {"before": 8, "after": 8}


def test_the_first_score_counts():
    answered("before", ["right", *RIGHT[1:]]).finish()
    answered("before", RIGHT).finish()
    assert course.show_progress().quiz == {"before": 9}


def test_a_test_that_is_not_complete_stays_open():
    test = course.ten_questions("before")
    test.answer({1: "wrong"})
    assert test.finish() == "Not answered yet: 2, 3, 4, 5, 6, 7, 8, 9, 10."
    assert test.score is None
    assert course.show_progress().quiz == {}
    test.answer(dict(enumerate(RIGHT, start=1)))
    assert test.finish() == "10 of 10 right."
    with pytest.raises(course.RefusedError, match="finished"):
        test.answer({2: "wrong"})


def test_the_button():
    test = course.ten_questions("before")
    test._button.click()
    assert "Not answered yet" in test._text.value
    for radio, option in zip(test._radios, RIGHT, strict=True):
        radio.value = option
    test._button.click()
    assert "10 of 10 right." in test._text.value
    assert test._button.disabled


def test_a_test_is_no_prediction_of_a_lesson():
    course.begin("00-start-here")
    answered("before", RIGHT).finish()
    assert all(row.predictions == 0 for row in course.show_progress().lessons)


def test_what_is_refused():
    with pytest.raises(ValueError, match="use 'before' or 'after'"):
        course.ten_questions("now")
    with pytest.raises(course.RefusedError, match="no question 11"):
        course.ten_questions("before").answer({11: "wrong"})
