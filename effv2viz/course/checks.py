"""Checks of a learner's function: stage after stage, and a wrong answer is told which mistake it looks like."""

from __future__ import annotations

import html
import inspect
import linecache
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from effv2viz.course.progress import record_check

Arguments = Callable[[], tuple[Any, ...]]

_TOLERANCE = {torch.float16: 4e-3, torch.bfloat16: 3e-2, torch.float32: 1e-5, torch.float64: 1e-10}


@dataclass(frozen=True)
class Misconception:
    """A mistake that people make: an implementation that makes it, and what to say to those who do.

    Attributes:
        wrong: takes the same arguments as the exercise. A learner's result is recognised where it equals this one's.
        sentence: names the mistake.
    """

    wrong: Callable[..., Tensor]
    sentence: str


class ByHandError(Exception):
    """Raised by an argument that the learner may look into, but not call."""


class NotPassedError(AssertionError):
    """An answer that a grader must count as wrong."""


class _FailedError(Exception):
    """A stage was not passed; the message is for the learner."""


class _NotWrittenError(_FailedError):
    """The function is still the stub."""


@dataclass(frozen=True)
class Stage(ABC):
    """One step of a check.

    Attributes:
        name: as the learner reads it, such as ``"value"``.
        arguments: makes the arguments anew for each call, always with the same numbers.
        why: of a stage for a special case: what to think of where it fails. The earlier stages have then ruled the
            misconceptions out; on a special case some of them would give the same numbers as another mistake.
    """

    name: str
    arguments: Arguments
    why: str = ""

    @abstractmethod
    def examine(self, fn: Callable[..., Any], exercise: Exercise) -> None:
        """Runs the stage; raises ``_FailedError`` where it is not passed."""

    def failure(self, message: str) -> _FailedError:
        """What to raise: the message, and why."""
        return _FailedError(f"{message} {self.why}".rstrip())

    def mismatch(self, message: str, result: Tensor, exercise: Exercise) -> _FailedError:
        """What to raise for a wrong result: the sentence of the misconception that gives it too, else the message."""
        for misconception in () if self.why else exercise.misconceptions:
            try:
                wrong = misconception.wrong(*self.arguments())
            except (RuntimeError, IndexError):
                continue  # this mistake does not even run on these arguments
            if wrong.shape == result.shape and _close(result, wrong):
                return _FailedError(misconception.sentence)
        return self.failure(message)


class Shape(Stage):
    """The result has the shape of the solution's result."""

    def examine(self, fn: Callable[..., Any], exercise: Exercise) -> None:
        """Compares the shapes, and tells a result of another shape apart by its numbers."""
        result = _call(self, fn, exercise, self.arguments())
        expected = exercise.solution(*self.arguments())
        if result.shape != expected.shape:
            raise self.mismatch(_wrong_shape(result, expected), result, exercise)


class Value(Stage):
    """The result has the shape, the dtype and the numbers of the solution's result."""

    def examine(self, fn: Callable[..., Any], exercise: Exercise) -> None:
        """Compares the numbers."""
        result = _call(self, fn, exercise, self.arguments())
        expected = exercise.solution(*self.arguments())
        if result.shape != expected.shape:
            raise self.mismatch(_wrong_shape(result, expected), result, exercise)
        if not _close(result, expected):
            raise self.mismatch(_difference(result, expected), result, exercise)
        if result.dtype != expected.dtype:
            raise self.failure(f"The result is {_dtype(result)}; it should stay {_dtype(expected)}, like the input.")


class Gradient(Stage):
    """The gradient of the result by every argument is the solution's."""

    def examine(self, fn: Callable[..., Any], exercise: Exercise) -> None:
        """Compares the gradients of a fixed weighted sum of the result."""
        with torch.enable_grad():
            arguments, reference = self._tracked(), self._tracked()
            result = _call(self, fn, exercise, arguments)
            if not result.requires_grad:
                raise self.failure(
                    "The numbers are right, but no gradient flows back: look for torch.no_grad, .detach(), .data, "
                    ".item() or a new torch.tensor(...)."
                )
            _weighted(result).backward()
            _weighted(exercise.solution(*reference)).backward()
        pairs = zip(_tensors(exercise, arguments), _tensors(exercise, reference), strict=True)
        for (name, own), (_, right) in pairs:
            if right.grad is None:
                continue
            if own.grad is None:
                raise self.failure(f"The numbers are right, but no gradient reaches {name}.")
            if not _close(own.grad, right.grad):
                raise self.failure(f"The numbers are right, but the gradient by {name} is not.")

    def _tracked(self) -> tuple[Any, ...]:
        arguments = self.arguments()
        for argument in arguments:
            if isinstance(argument, Tensor):
                argument.requires_grad_()
        return arguments


def first_stages(arguments: Arguments, *, gradient: bool = False) -> tuple[Stage, ...]:
    """How a check begins: the shape, the value and, where asked, the gradient, on the same arguments."""
    stages: tuple[Stage, ...] = (Shape("shape", arguments), Value("value", arguments))
    return (*stages, Gradient("gradient", arguments)) if gradient else stages


@dataclass(frozen=True)
class Holds(Stage):
    """The result has a property; for tasks that many results solve.

    Attributes:
        says: takes the result and the arguments; returns what is wrong, or None.
    """

    says: Callable[..., str | None] = field(kw_only=True)

    def examine(self, fn: Callable[..., Any], exercise: Exercise) -> None:
        """Asks for the property."""
        result = _call(self, fn, exercise, self.arguments())
        complaint = self.says(result, *self.arguments())
        if complaint is not None:
            raise self.mismatch(complaint, result, exercise)


@dataclass(frozen=True)
class Exercise:
    """A function to write, and how it is checked.

    Attributes:
        name: of the function.
        solution: a right function; its parameters are those of the learner's.
        stages: in the order in which they run; the first that fails ends the check.
        misconceptions: the typical wrong answers.
        hints: three, each telling more than the one before.
    """

    name: str
    solution: Callable[..., Tensor]
    stages: tuple[Stage, ...]
    misconceptions: tuple[Misconception, ...]
    hints: tuple[str, str, str]

    def hint(self, number: int) -> str:
        """The hints 1 to 3; number 4 is where the solution stands.

        Raises:
            ValueError: for another number.
        """
        if number == len(self.hints) + 1:
            path = self.solution.__module__.replace(".", "/")
            return f"The solution is the function {self.solution.__name__} in {path}.py."
        if not 1 <= number <= len(self.hints):
            raise ValueError(f"there is no hint {number}: they go from 1 to 3, and 4 says where the solution is")
        return self.hints[number - 1]

    def __repr__(self) -> str:
        return f"Exercise({self.name!r}, {len(self.stages)} stages)"


@dataclass(frozen=True, repr=False)
class Result:
    """What a check found.

    Attributes:
        ok: whether every stage was passed.
        exercise: what was checked.
        message: what is wrong, or that all is right.
        stage: the name of the stage that failed; None if none did.
        passed: the names of the stages before it.
        written: whether there is an answer at all; False for the stub.
    """

    ok: bool
    exercise: Exercise
    message: str
    stage: str | None = None
    passed: tuple[str, ...] = ()
    written: bool = True

    def hint(self, number: int) -> str:
        """The hints 1 to 3 of the exercise; number 4 is where the solution stands."""
        return self.exercise.hint(number)

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        colour = "#0072B2" if self.ok else "#D55E00"
        first, *rest = (html.escape(line) for line in self._lines())
        body = "<br>".join([f"<b>{first}</b>", *rest])
        return f'<div role="status" style="border-left:4px solid {colour};padding-left:0.6em">{body}</div>'

    def _lines(self) -> list[str]:
        if self.ok:
            return [f"{self.exercise.name}: right. Passed: {', '.join(self.passed)}."]
        if not self.written:
            return [
                f"{self.exercise.name}: not solved yet.",
                self.message,
                f"Hint 1: {self.hint(1)}",
                f"For the next hint, run course.{self.exercise.name.upper()}.hint(2); there are three.",
            ]
        before = f" Passed before it: {', '.join(self.passed)}." if self.passed else ""
        return [
            f"{self.exercise.name}: not yet, at the stage {self.stage!r}.{before}",
            self.message,
            f"For a hint, run course.{self.exercise.name.upper()}.hint(1); there are three.",
        ]


def check(fn: Callable[..., Any], exercise: Exercise) -> Result:
    """Checks a learner's function, stage after stage, until one fails.

    Args:
        fn: the function. Whatever it raises is reported, not raised.
        exercise: what it should do.

    Raises:
        NotPassedError: while nbgrader grades or validates, which counts a cell as wrong only if it raises.
    """
    result = _checked(fn, exercise)
    record_check(exercise.name, ok=result.ok)
    if not result.ok and os.environ.get("NBGRADER_EXECUTION") in ("autograde", "validate"):
        raise NotPassedError(result.message)
    return result


def yours_or_ours(fn: Callable[..., Any], exercise: Exercise) -> Callable[..., Any]:
    """The learner's function where it is right, else the course's own, with a sentence that says so.

    A cell that goes on with an exercise's function so runs to its end, whether the exercise is solved or not.

    Args:
        fn: the learner's function.
        exercise: what it should do.
    """
    if _checked(fn, exercise).ok:
        return fn
    print(f"{exercise.name} is not solved yet, so this cell runs the course's own.")
    print("Solve it, then run this cell again.")
    return exercise.solution


def _checked(fn: Callable[..., Any], exercise: Exercise) -> Result:
    passed: list[str] = []
    for stage in exercise.stages:
        try:
            stage.examine(fn, exercise)
        except _FailedError as failure:
            written = not isinstance(failure, _NotWrittenError)
            return Result(False, exercise, str(failure), stage.name, tuple(passed), written)
        passed.append(stage.name)
    return Result(True, exercise, "Every stage is passed.", None, tuple(passed))


def _call(stage: Stage, fn: Callable[..., Any], exercise: Exercise, arguments: tuple[Any, ...]) -> Tensor:
    """The learner's result, if it is a tensor, nothing was raised, and the arguments are as they were."""
    if not callable(fn):
        raise _FailedError(
            f"check needs the function itself, not its result: write check({exercise.name}, ...) without calling it."
        )
    names = ", ".join(_names(exercise))
    try:
        inspect.signature(fn).bind(*arguments)
    except TypeError:
        own = ", ".join(inspect.signature(fn).parameters)
        raise _FailedError(f"Your function takes ({own}); it should take ({names}).") from None
    except ValueError:
        pass  # a built-in without a signature
    before = [(name, tensor.detach().clone()) for name, tensor in _tensors(exercise, arguments)]
    try:
        result = fn(*arguments)
    except ByHandError as error:
        raise _FailedError(str(error)) from None
    except Exception as error:
        if isinstance(error, NotImplementedError) and not error.args:  # the stub's; torch's have a message
            raise _unwritten(error.__traceback__, fn) from None
        problem = f"Your function raised {type(error).__name__}{_place(error.__traceback__, fn)}: {_first_line(error)}"
        raise stage.failure(problem) from None
    for (name, old), (_, new) in zip(before, _tensors(exercise, arguments), strict=True):
        if old.shape != new.shape or not torch.equal(old, new):
            raise _FailedError(
                f"Your function changed its input {name} in place: whoever called it still needs {name}. Make a new "
                "tensor: write y = x * 2, not x *= 2."
            )
    return _tensor(result)


def _tensor(result: Any) -> Tensor:
    if result is None:
        raise _FailedError("Your function returns None: did you forget return?")
    if isinstance(result, (np.ndarray, np.generic)):
        raise _FailedError("Your function returns a NumPy array: stay in torch, or no gradient can flow back.")
    if not isinstance(result, Tensor):
        raise _FailedError(f"Your function returns a {type(result).__name__}; it should return one torch.Tensor.")
    return result


def _names(exercise: Exercise) -> list[str]:
    return list(inspect.signature(exercise.solution).parameters)


def _tensors(exercise: Exercise, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Tensor]]:
    """The tensors among the arguments, and the parameters of the modules among them, with their names."""
    for name, argument in zip(_names(exercise), arguments, strict=True):
        if isinstance(argument, Tensor):
            yield name, argument
        elif isinstance(argument, nn.Module):
            for path, parameter in argument.named_parameters():
                yield f"{name}.{path}", parameter


def _close(one: Tensor, other: Tensor) -> bool:
    if one.device != other.device:
        return False
    tolerance = max(_TOLERANCE.get(one.dtype, 0.0), _TOLERANCE.get(other.dtype, 0.0))
    return torch.allclose(one.detach().double(), other.detach().double(), rtol=tolerance, atol=tolerance)


def _difference(result: Tensor, expected: Tensor) -> str:
    far = ((result.double() - expected.double()).abs() > 0.01 * expected.double().abs() + 1e-4) | result.isnan()
    if not bool(far.any()):
        return "The numbers are almost right, but not to the last digits."
    place = tuple(far.nonzero()[0].tolist())
    index = ", ".join(str(i) for i in place)
    return f"The numbers differ, first at [{index}]: yours is {result[place]:.3f}, it should be {expected[place]:.3f}."


def _weighted(result: Tensor) -> Tensor:
    """A number that depends on every element of the result in a way of its own."""
    weights = torch.linspace(0.5, 1.5, result.numel(), dtype=result.dtype)
    return (result.reshape(-1) * weights).sum()


def _unwritten(trace: TracebackType | None, fn: Callable[..., Any]) -> _FailedError:
    """What to raise for a stub: the learner's function itself, or another one that it calls."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = getattr(inspect.unwrap(fn), "__code__", None)
    if trace is not None and code is not None and trace.tb_frame.f_code is not code:
        return _FailedError(f"Your function calls {trace.tb_frame.f_code.co_name}, which is not written yet.")
    return _NotWrittenError(
        "The function is not written yet: in the cell above, replace the line raise NotImplementedError()."
    )


def _place(trace: TracebackType | None, fn: Callable[..., Any]) -> str:
    """Where in the learner's own code the error came up: the line's number and text."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    found = ""
    while trace is not None:
        if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
            text = linecache.getline(code.co_filename, trace.tb_lineno).strip()
            found = f" in line {trace.tb_lineno}" + (f" ({text})" if text else "")
        trace = trace.tb_next
    return found


def _first_line(error: Exception) -> str:
    """The first line of an error's message, as a sentence."""
    text = str(error).strip().split("\n")[0]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _wrong_shape(result: Tensor, expected: Tensor) -> str:
    return f"The result has the shape {tuple(result.shape)}; it should be {tuple(expected.shape)}."


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
