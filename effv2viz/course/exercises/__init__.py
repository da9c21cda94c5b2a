"""The exercises of the lessons, one module for each lesson."""

from effv2viz.course.exercises.lesson_01 import SAME_SQUEEZE, SQUEEZE
from effv2viz.course.exercises.lesson_02 import CONV_AS_LINEAR, EXCITE
from effv2viz.course.exercises.lesson_03 import SCALE, SE_BLOCK
from effv2viz.course.exercises.lesson_04 import BATCH_NORM, SE_PARAMETERS
from effv2viz.course.exercises.lesson_05 import CLASS_MEANS, SEPARABILITY
from effv2viz.course.exercises.lesson_06 import FOLD, MEAN_GATE
from effv2viz.course.exercises.lesson_07 import INTEGRATED_GRADIENTS, RESIDUAL
from effv2viz.course.exercises.lesson_08 import FIRST_ORDER, RANK_CORRELATION
from effv2viz.course.exercises.lesson_09 import FOLLOW_RATE, PAIRED_INTERVAL
from effv2viz.course.exercises.lesson_10 import ECA_GATE, MEAN_AND_DEVIATION

__all__ = [
    "BATCH_NORM",
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
]
