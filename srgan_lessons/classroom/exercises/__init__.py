"""The exercises, one module a lesson: each `lessonNN.py` here holds a tuple EXERCISES, in the order of its lesson."""

import functools
import importlib
import pkgutil

from srgan_lessons.classroom.judging import Exercise


@functools.cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise by its name, in the order of the lessons. Raises ValueError where two have the same name."""
    exercises: dict[str, Exercise] = {}
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        for exercise in importlib.import_module(f"{__name__}.{module}").EXERCISES:
            if exercise.name in exercises:
                raise ValueError(f"{module}: another exercise is called {exercise.name}, too")
            exercises[exercise.name] = exercise
    return exercises
