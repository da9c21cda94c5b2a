"""The exercises of the lessons, one module for each lesson."""

from effv2viz.course.exercises.lesson_01 import SAME_SQUEEZE, SQUEEZE
from effv2viz.course.exercises.lesson_02 import CONV_AS_LINEAR, EXCITE
from effv2viz.course.exercises.lesson_03 import SCALE, SE_BLOCK

__all__ = ["CONV_AS_LINEAR", "EXCITE", "SAME_SQUEEZE", "SCALE", "SE_BLOCK", "SQUEEZE"]
