"""The exercises of the lessons, one module for each lesson."""

from effv2viz.course.exercises.lesson_01 import SAME_SQUEEZE, SQUEEZE
from effv2viz.course.exercises.lesson_02 import CONV_AS_LINEAR, EXCITE
from effv2viz.course.exercises.lesson_03 import SCALE, SE_BLOCK
from effv2viz.course.exercises.lesson_05 import CLASS_MEANS, SEPARABILITY
from effv2viz.course.exercises.lesson_06 import FOLD, MEAN_GATE

__all__ = [
    "CLASS_MEANS",
    "CONV_AS_LINEAR",
    "EXCITE",
    "FOLD",
    "MEAN_GATE",
    "SAME_SQUEEZE",
    "SCALE",
    "SEPARABILITY",
    "SE_BLOCK",
    "SQUEEZE",
]
