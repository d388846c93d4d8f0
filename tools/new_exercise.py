"""Begins an exercise: writes its file and its test for you to edit, and prints the cells for the lesson.

    python tools/new_exercise.py 7 best_weight

makes srgan_lessons/exercises/lesson07/best_weight.py and tests/exercises/lesson07/test_best_weight.py. At first, these
contain an exercise that already works, "twice as large". Existing files are never replaced.
"""

import argparse
import keyword
import sys
from pathlib import Path

from srgan_lessons.exercises import all_exercises, file_name

ROOT = Path(__file__).resolve().parent.parent

EXERCISE = '''\
"""Exercise {lesson}.{place}: twice as large."""

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array


def {name}(x):
    # SOLUTION
    return 2 * x
    # STUB
    # return ...  # 1. twice x
    # END


def judge(candidate) -> None:
    x = np.array([[0.5, -3.0], [7.0, 2.5]])
    result = as_array(call(candidate, x), x.shape)
    recognise(result, {{"This is the square of x.": x**2}}, within=1e-6)
    if np.abs(result - {name}(x)).max() > 1e-6:
        raise NotYet("It is not twice x.")


EXERCISE = Exercise(
    name="{name}",
    lesson={lesson},
    place={place},
    title="twice as large",
    difficulty="easy",
    minutes=5,
    reference={name},
    judge=judge,
    hints=("A nudge.", "A pointer.", "Nearly the answer: return 2 * x."),
    mistakes=(
        Mistake("the square", says="This is the square", ask="What is twice 3?"),
        Mistake("x as it came", says="not twice x", ask="How large is the result?"),
    ),
)
'''

TEST = '''\
"""Answers to exercise {name} as students write them, and its reference, compared with independent numbers."""

import torch
from answers import Answers

from srgan_lessons.exercises.lesson{lesson:02d}.{file} import {name}

answers = Answers(
    "{name}",
    sentences="""
What the function must return :: square; unchanged
what its arguments are :: summed
""",
)


@answers.right
def added(x):
    return x + x


@answers.right
def in_torch(x):
    return torch.from_numpy(x).mul(2)


@answers.right
def in_a_loop(x):
    return [[2 * value for value in row] for row in x]


@answers.right
def as_float32(x):
    return (2 * x).astype("float32")


@answers.wrong(says="This is the square")
def square(x):
    return x**2


@answers.wrong(says="not twice x")
def unchanged(x):
    return x


@answers.wrong(says="`return` missing")
def nothing(x):
    2 * x


@answers.wrong(says="has the shape")
def summed(x):
    return 2 * x.sum(0)


TestAnswers = answers.tests()


def test_it_is_twice_x():
    assert {name}(21) == 42
'''

CELLS = """\
Put these cells into notebooks/source/{lesson:02d}_*.py, then run: make notebooks

# %% [markdown]
# ### {{{{exercise: {name}}}}}
#
# What the function must return, and what its arguments are.

# %% tags=["stub"]
# {{{{stub: {name}}}}}

# %% tags=["solution"]
# {{{{solution: {name}}}}}

# %%
{name} = check("{name}", {name})"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lesson", type=int, help="the number of a lesson that has exercises, as in 7")
    parser.add_argument("name", help="what the student defines, as in best_weight")
    given = parser.parse_args(arguments)
    exercises = all_exercises()
    if not given.name.isidentifier() or keyword.iskeyword(given.name):
        sys.exit(f"{given.name!r} is not a valid Python name. Choose one such as best_weight.")
    if given.name in exercises:
        sys.exit(
            f"lesson {exercises[given.name].lesson:02d} already has an exercise {given.name}. Choose another name."
        )
    lessons = {exercise.lesson for exercise in exercises.values()}
    if given.lesson not in lessons:
        sys.exit(f"lesson {given.lesson:02d} has no exercises; these have: {', '.join(map(str, sorted(lessons)))}")
    place = 1 + sum(exercise.lesson == given.lesson for exercise in exercises.values())
    fields = dict(name=given.name, lesson=given.lesson, place=place, file=file_name(given.name))
    folder = f"lesson{given.lesson:02d}"
    files = {
        ROOT / "srgan_lessons" / "exercises" / folder / f"{fields['file']}.py": EXERCISE,
        ROOT / "tests" / "exercises" / folder / f"test_{fields['file']}.py": TEST,
    }
    if there := [path for path in files if path.exists()]:
        sys.exit(f"{there[0].relative_to(ROOT)} already exists. Choose another name.")
    for path, text in files.items():
        path.write_text(text.format(**fields), encoding="utf-8")
        print(f"written: {path.relative_to(ROOT)}")
    print("\n" + CELLS.format(**fields))


if __name__ == "__main__":
    main()
