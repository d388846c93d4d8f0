"""The classroom: checked exercises with hints and solutions, the progress table, the first cell of each lesson."""

from srgan_lessons.classroom.checking import CheckFailed, Verdict, check, grade, hint, solution
from srgan_lessons.classroom.progress import progress
from srgan_lessons.classroom.setup import lesson_settings, setup

__all__ = ["CheckFailed", "Verdict", "check", "grade", "hint", "lesson_settings", "progress", "setup", "solution"]
