"""Checks: what is right passes, and every mistake is told by name."""

import inspect

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from effv2viz import course
from effv2viz.models import SqueezeExcite

EXERCISES = [thing for thing in vars(course).values() if isinstance(thing, course.Exercise)]


@pytest.fixture(params=EXERCISES, ids=lambda exercise: exercise.name)
def exercise(request):
    return request.param


def test_the_solution_passes_every_stage(exercise):
    result = course.check(exercise.solution, exercise)
    assert result.ok, result
    assert result.stage is None
    assert list(result.passed) == [stage.name for stage in exercise.stages]
    assert repr(result) == f"{exercise.name}: right. Passed: {', '.join(result.passed)}."


def test_every_misconception_gets_its_own_sentence(exercise):
    assert len(exercise.misconceptions) >= 3
    assert len({m.sentence for m in exercise.misconceptions}) == len(exercise.misconceptions)
    for misconception in exercise.misconceptions:
        result = course.check(misconception.wrong, exercise)
        assert not result.ok
        assert result.message == misconception.sentence


def unwritten(*_):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (unwritten, "The function is not written yet"),
        (lambda *_: None, "returns None: did you forget return?"),
        (lambda *_: np.zeros(3), "returns a NumPy array"),
        (lambda *_: 1.0, "returns a float"),
        (lambda *_: 1 / 0, "raised ZeroDivisionError in line "),
        (lambda: torch.zeros(1), "Your function takes (); it should take ("),
        (torch.zeros(1), "needs the function itself"),
    ],
    ids=["unwritten", "no return", "numpy", "float", "raises", "arguments", "called"],
)
def test_what_is_no_answer_fails_at_the_first_stage(exercise, fn, message):
    result = course.check(fn, exercise)
    assert not result.ok
    assert result.stage == exercise.stages[0].name
    assert message in result.message
    assert "Traceback" not in repr(result)
    assert result.written is (fn is not unwritten)
    assert ("not solved yet" in repr(result)) is (fn is unwritten)
    assert f"course.{exercise.name.upper()}.hint({1 if result.written else 2})" in repr(result)
    assert result.written or exercise.hint(1) in repr(result)
    assert getattr(course, exercise.name.upper()) is exercise


def in_place(x):
    x += 1
    return x.mean((2, 3)) - 1


@pytest.mark.parametrize(
    ("fn", "exercise", "stage", "message"),
    [
        (in_place, course.SQUEEZE, "shape", "changed its input x in place"),
        (lambda x: x.detach().mean((2, 3)), course.SQUEEZE, "gradient", "no gradient flows back"),
        (lambda x: torch.from_numpy(x.numpy()).mean((2, 3)), course.SQUEEZE, "gradient", "raised RuntimeError in line"),
        (lambda x: x.mean((2, 3)).squeeze(), course.SQUEEZE, "one picture", "is still a batch"),
        (lambda x: x.view(*x.shape[:2], -1).mean(2), course.SQUEEZE, "non-contiguous map", ".flatten or .reshape"),
        (lambda x: x.sum((2, 3)) / x[0, 0].numel(), course.SQUEEZE, "half precision", "yours is inf"),
        (lambda x, s: x.float() * s[:, :, None, None].float(), course.SCALE, "half precision", "stay float16"),
        (lambda x, s: x * s.reshape(4, 4, 1, 1), course.SCALE, "sizes that differ", "(N, C, 1, 1)"),
        (lambda x, s: x * s.detach()[:, :, None, None], course.SCALE, "gradient", "no gradient reaches s"),
        (
            lambda z, w1, b1, w2, b2: (lambda e: e / (1 + e))(torch.exp(F.silu(z @ w1.T + b1) @ w2.T + b2)),
            course.EXCITE,
            "large numbers",
            "exp overflows",
        ),
        (lambda x, module: module(x), course.SE_BLOCK, "shape", "You called the whole module"),
    ],
)
def test_special_cases_say_what_is_special(fn, exercise, stage, message):
    result = course.check(fn, exercise)
    assert result.stage == stage
    assert message in result.message


def test_a_stub_that_an_answer_calls_is_named():
    def class_means(gates, labels):
        raise NotImplementedError()

    def separability(gates, labels):
        return class_means(gates, labels)[labels]

    result = course.check(separability, course.SEPARABILITY)
    assert result.written
    assert result.message == "Your function calls class_means, which is not written yet."


def test_what_torch_does_not_implement_is_no_stub():
    result = course.check(lambda x: x.to("meta").mean((2, 3)).cpu(), course.SQUEEZE)
    assert result.written
    assert "raised NotImplementedError in line" in result.message


def test_a_lesson_goes_on_with_the_courses_function_until_the_learners_is_right(exercise, capsys):
    def right(*arguments):
        return exercise.solution(*arguments)

    right.__signature__ = inspect.signature(exercise.solution)
    assert course.yours_or_ours(right, exercise) is right
    assert capsys.readouterr().out == ""
    for not_yet in (unwritten, exercise.misconceptions[0].wrong):
        assert course.yours_or_ours(not_yet, exercise) is exercise.solution
        assert capsys.readouterr().out.startswith(f"{exercise.name} is not solved yet, so this cell runs the course's")


def test_the_line_that_raised_is_named():
    def shouts(x):
        y = x + 1
        return y.mean((2, 9))

    result = course.check(shouts, course.SQUEEZE)
    line = shouts.__code__.co_firstlineno + 2
    assert f"raised IndexError in line {line} (return y.mean((2, 9)))" in result.message


def test_a_result_for_a_page_is_escaped():
    result = course.check(lambda x: x.mean(1) + undefined, course.SQUEEZE)  # noqa: F821
    page = result._repr_html_()
    assert "NameError" in page
    assert "name &#x27;undefined&#x27;" in page


def test_hints_come_one_after_the_other_and_then_the_solution(exercise):
    result = course.check(unwritten, exercise)
    assert [result.hint(i) for i in (1, 2, 3)] == list(exercise.hints)
    assert result.hint(4).startswith(f"The solution is the function {exercise.name} in effv2viz/course/exercises/")
    with pytest.raises(ValueError, match="no hint 5"):
        exercise.hint(5)


def test_the_solutions_are_what_the_network_does():
    torch.manual_seed(0)
    module, x = SqueezeExcite(6, 2), torch.randn(2, 6, 3, 4)
    z = course.SQUEEZE.solution(x)
    w1, w2 = module.reduce.weight[:, :, 0, 0], module.expand.weight[:, :, 0, 0]
    s = course.EXCITE.solution(z, w1, module.reduce.bias, w2, module.expand.bias)
    torch.testing.assert_close(course.SCALE.solution(x, s), module(x))
    torch.testing.assert_close(course.SE_BLOCK.solution(x, module), module(x))
    hidden = course.CONV_AS_LINEAR.solution(z, module.reduce.weight, module.reduce.bias)
    torch.testing.assert_close(hidden, module.reduce(z[:, :, None, None]).flatten(1))


def test_a_check_leaves_the_random_state_alone(exercise):
    before = torch.get_rng_state()
    course.check(exercise.solution, exercise)
    assert torch.equal(torch.get_rng_state(), before)
