"""Teaching: predictions that a learner commits to, and checks that name the mistake."""

from effv2viz.course.checks import Exercise, Misconception, Result, check
from effv2viz.course.exercises import (
    CLASS_MEANS,
    CONV_AS_LINEAR,
    EXCITE,
    FIRST_ORDER,
    FOLD,
    INTEGRATED_GRADIENTS,
    MEAN_GATE,
    RANK_CORRELATION,
    RESIDUAL,
    SAME_SQUEEZE,
    SCALE,
    SE_BLOCK,
    SEPARABILITY,
    SQUEEZE,
)
from effv2viz.course.predictions import Choice, Number, Order, Prediction, RefusedError

__all__ = [
    "CLASS_MEANS",
    "CONV_AS_LINEAR",
    "EXCITE",
    "FIRST_ORDER",
    "FOLD",
    "INTEGRATED_GRADIENTS",
    "MEAN_GATE",
    "RANK_CORRELATION",
    "RESIDUAL",
    "SAME_SQUEEZE",
    "SCALE",
    "SEPARABILITY",
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
