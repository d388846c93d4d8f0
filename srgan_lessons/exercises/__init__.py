"""The exercises, one file each: `lesson07/perceptual_loss.py` holds everything about exercise perceptual_loss.

Each file sets EXERCISE. `shared/` holds code that the judges of several exercises share; the modules next to it are the
tools that all exercises use.
"""

import functools
import importlib
import pkgutil
import re

from srgan_lessons.exercises.exercise import Exercise


@functools.cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise by its name, in the order of the lessons.

    Raises ValueError if two exercises have the same name or place, or if a file is not where it belongs by the name and
    lesson of its exercise.
    """
    found: list[Exercise] = []
    for folder in pkgutil.iter_modules(__path__):
        if not re.fullmatch(r"lesson\d\d", folder.name):
            continue
        package = importlib.import_module(f"{__name__}.{folder.name}")
        for module in pkgutil.iter_modules(package.__path__):
            exercise = importlib.import_module(f"{package.__name__}.{module.name}").EXERCISE
            wanted = f"lesson{exercise.lesson:02d}/{file_name(exercise.name)}"
            if f"{folder.name}/{module.name}" != wanted:
                raise ValueError(f"{folder.name}/{module.name}.py: by its name and lesson it belongs in {wanted}.py")
            found.append(exercise)
    found.sort(key=lambda exercise: (exercise.lesson, exercise.place))
    exercises = {exercise.name: exercise for exercise in found}
    if len(exercises) < len(found):
        raise ValueError("two exercises have the same name")
    for lesson in {exercise.lesson for exercise in found}:
        places = [exercise.place for exercise in found if exercise.lesson == lesson]
        if places != list(range(1, len(places) + 1)):
            raise ValueError(
                f"the exercises of lesson {lesson:02d} have the places {places}; places must count up from 1"
            )
    return exercises


def file_name(name: str) -> str:
    """The name of the file of an exercise, without .py: "residual_block" for ResidualBlock, "espcn" for ESPCN."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
