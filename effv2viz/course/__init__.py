"""Teaching: predictions that a learner commits to, and checks that name the mistake."""

from effv2viz.course.checks import Exercise, Misconception, Result, check, yours_or_ours
from effv2viz.course.choice import Choice
from effv2viz.course.claims import CLAIMS, Claim, find_claim
from effv2viz.course.evidence import Evidence, Verdict
from effv2viz.course.exercises import (
    BATCH_NORM,
    CLASS_MEANS,
    CONV_AS_LINEAR,
    ECA_GATE,
    EXCITE,
    FIRST_ORDER,
    FOLD,
    FOLLOW_RATE,
    INTEGRATED_GRADIENTS,
    MEAN_AND_DEVIATION,
    MEAN_GATE,
    PAIRED_INTERVAL,
    RANK_CORRELATION,
    RESIDUAL,
    SAME_SQUEEZE,
    SCALE,
    SE_BLOCK,
    SE_PARAMETERS,
    SEPARABILITY,
    SQUEEZE,
)
from effv2viz.course.lesson_copies import copy_lessons
from effv2viz.course.number import Number
from effv2viz.course.order import Order
from effv2viz.course.predictions import Prediction, RefusedError
from effv2viz.course.progress import Progress, begin, show_progress
from effv2viz.course.quiz import Quiz, ten_questions

__all__ = [
    "BATCH_NORM",
    "CLAIMS",
    "CLASS_MEANS",
    "CONV_AS_LINEAR",
    "ECA_GATE",
    "EXCITE",
    "FIRST_ORDER",
    "FOLD",
    "FOLLOW_RATE",
    "INTEGRATED_GRADIENTS",
    "MEAN_AND_DEVIATION",
    "MEAN_GATE",
    "PAIRED_INTERVAL",
    "RANK_CORRELATION",
    "RESIDUAL",
    "SAME_SQUEEZE",
    "SCALE",
    "SEPARABILITY",
    "SE_BLOCK",
    "SE_PARAMETERS",
    "SQUEEZE",
    "Choice",
    "Claim",
    "Evidence",
    "Exercise",
    "Misconception",
    "Number",
    "Order",
    "Prediction",
    "Progress",
    "Quiz",
    "RefusedError",
    "Result",
    "Verdict",
    "begin",
    "check",
    "copy_lessons",
    "find_claim",
    "show_progress",
    "ten_questions",
    "yours_or_ours",
]
