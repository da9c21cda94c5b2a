"""Teaching: predictions that a learner commits to, and checks that name the mistake."""

from effv2viz.course.checks import Exercise, Misconception, Result, check
from effv2viz.course.exercises import CONV_AS_LINEAR, EXCITE, SAME_SQUEEZE, SCALE, SE_BLOCK, SQUEEZE
from effv2viz.course.predictions import Choice, Number, Order, Prediction, RefusedError

__all__ = [
    "CONV_AS_LINEAR",
    "EXCITE",
    "SAME_SQUEEZE",
    "SCALE",
    "SE_BLOCK",
    "SQUEEZE",
    "Choice",
    "Exercise",
    "Misconception",
    "Number",
    "Order",
    "Prediction",
    "RefusedError",
    "Result",
    "check",
]
