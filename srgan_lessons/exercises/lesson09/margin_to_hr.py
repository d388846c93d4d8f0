"""Exercise 9.4: reading the paper's table."""

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import apart, recognise
from srgan_lessons.exercises.reading import as_number


def margin_to_hr(mos, method):
    # SOLUTION
    to_hr = abs(mos["hr"] - mos[method])
    to_others = [abs(mos[method] - value) for name, value in mos.items() if name not in ("hr", method)]
    return min(to_others) - to_hr
    # STUB
    # to_hr = ...  # 1. how far it is from HR
    # to_others = ...  # 2. how far from each other method
    # return ...  # 3. positive: it is nearer to HR than to any of them
    # END


TABLES = (  # the first two are columns of the paper's Tables 1 and 2, the others are made up
    ({"nearest": 1.28, "bicubic": 1.97, "DRCN": 3.26, "SRResNet": 3.37, "ESPCN": 2.89, "hr": 4.32}, "SRResNet"),
    ({"SRResNet-MSE": 3.37, "SRGAN-MSE": 3.77, "SRGAN-VGG22": 3.78, "SRGAN-VGG54": 3.58, "hr": 4.32}, "SRGAN-VGG54"),
    ({"a": 2.0, "b": 4.4, "hr": 4.1, "c": 1.1}, "b"),
    ({"hr": 4.6, "a": 3.3, "b": 1.6, "c": 4.0, "d": 2.1}, "b"),
)


def judge(candidate) -> None:
    results = [call(candidate, dict(mos), method) for mos, method in TABLES]
    if all(isinstance(result, bool | np.bool_) for result in results):
        raise NotYet("True or False came back. Return the margin, in steps of the scale: its sign is the answer.")
    found = np.array([as_number(result, "the margin") for result in results])
    if np.allclose(found, [margin_to_hr(*case) for case in TABLES], rtol=0, atol=1e-9):
        return
    recognise(found, {message: [slip(*case) for case in TABLES] for message, slip in MARGIN_SLIPS.items()}, within=1e-9)
    advice = "The distance to the closest other method, less the distance to hr, both without a sign."
    show_smallest(candidate, margin_to_hr, SMALL, advice=advice)
    wrong = [k for k, case in enumerate(TABLES) if abs(found[k] - margin_to_hr(*case)) > 1e-9]
    mos, method = TABLES[wrong[0]]
    one, other = apart(found[wrong[0]], margin_to_hr(mos, method))
    raise NotYet(
        f"With the MOS {mos} the margin of {method} is {one}; {other} is expected: the distance to the closest other "
        "method, less the distance to hr, both without a sign."
    )


SMALL = (
    ({"a": 1.0, "b": 3.0, "c": 2.75, "hr": 4.5}, "b"),
    ({"hr": 4.5, "b": 4.9, "a": 1.25, "c": 3.0}, "b"),
    ({"a": 1.0, "b": 3.25, "c": 4.0, "hr": 4.5}, "b"),
    ({"c": 4.0, "a": 1.0, "hr": 4.5, "b": 3.0}, "c"),
)


def _margin(mos, method, *, without=("hr",), itself=False, signed=False, pick=min) -> float:
    """The margin, computed with one slip."""
    size = float if signed else abs
    others = [
        size(mos[method] - value) for name, value in mos.items() if name not in without and (itself or name != method)
    ]
    return pick(others) - size(mos["hr"] - mos[method])


def _neighbour(mos: dict[str, float], method: str, step: int) -> float:
    names = [name for name in mos if name != "hr"]
    return mos[names[(names.index(method) + step) % len(names)]]


MARGIN_SLIPS = {
    "The sign is reversed: positive means nearer to hr. Take the distance to the closest other method, less the "
    "distance to hr.": lambda mos, method: -_margin(mos, method),
    "This is the margin to the second closest of the others. Take the closest.": lambda mos, method: _margin(
        mos, method, pick=lambda values: sorted(values)[1]
    ),
    "It is divided. The margin is a difference: the distance to the closest other, less the distance to hr.": (
        lambda mos, method: (
            min(abs(mos[method] - v) for n, v in mos.items() if n not in ("hr", method)) / abs(mos["hr"] - mos[method])
        )
    ),
    "The distance to hr is squared. A distance is abs().": lambda mos, method: (
        _margin(mos, method) + abs(mos["hr"] - mos[method]) - (mos["hr"] - mos[method]) ** 2
    ),
    'The last entry of the dict is taken for hr, or the best of all: take it by its key, mos["hr"].': (
        lambda mos, method: _margin(mos | {"hr": list(mos.values())[-1]}, method)
    ),
    'The best of all is taken for hr. Take it by its key, mos["hr"].': lambda mos, method: (
        _margin(mos, method) + abs(mos["hr"] - mos[method]) - abs(max(mos.values()) - mos[method])
    ),
    "The others' distances are measured from hr. Measure them from the method.": lambda mos, method: (
        min(abs(mos["hr"] - v) for n, v in mos.items() if n not in ("hr", method)) - abs(mos["hr"] - mos[method])
    ),
    "The sign of the whole is lost: a method that is nearer to another has a margin below 0.": lambda mos, method: abs(
        _margin(mos, method)
    ),
    "The two distances are added. Take the distance to hr away.": lambda mos, method: (
        _margin(mos, method) + 2 * abs(mos["hr"] - mos[method])
    ),
    "The distances to the others are added up. Take the closest alone.": lambda mos, method: _margin(
        mos, method, pick=sum
    ),
    "The method is compared with itself, and that distance is always 0. Leave it out.": lambda mos, method: _margin(
        mos, method, itself=True
    ),
    "hr is among the others, so the closest other is never farther away than hr. Leave it out.": lambda mos, method: (
        _margin(mos, method, without=())
    ),
    "A distance has no sign: a method can be above this one, and hr can be below. Take abs().": lambda mos, method: (
        _margin(mos, method, signed=True)
    ),
    "The distances to the others have a sign here: one that is lower counts as near. Take abs() of each.": (
        lambda mos, method: (
            min(mos[method] - v for n, v in mos.items() if n not in ("hr", method)) - abs(mos["hr"] - mos[method])
        )
    ),
    "The distance to hr has a sign here. Take abs().": lambda mos, method: (
        min(abs(mos[method] - v) for n, v in mos.items() if n not in ("hr", method)) - (mos[method] - mos["hr"])
    ),
    "This is the margin to the farthest method. It must be nearer to hr than to *any* other: take the closest.": (
        lambda mos, method: _margin(mos, method, pick=max)
    ),
    "This is the margin to the mean of the others' distances. It must be nearer to hr than to *any* other: take the "
    "closest.": lambda mos, method: _margin(mos, method, pick=lambda values: sum(values) / len(values)),
    "It is compared with the best of the others, which is not always the closest: look at all distances.": (
        lambda mos, method: (
            abs(mos[method] - max(value for name, value in mos.items() if name not in ("hr", method)))
            - abs(mos["hr"] - mos[method])
        )
    ),
    "It is compared with its neighbour in the table only. The closest may stand elsewhere: look at all.": (
        lambda mos, method: abs(mos[method] - _neighbour(mos, method, -1)) - abs(mos["hr"] - mos[method])
    ),
    "Only methods below it are looked at. A better one may be closer.": lambda mos, method: (
        mos[method]
        - max((value for value in mos.values() if value < mos[method]), default=-np.inf)
        - abs(mos["hr"] - mos[method])
    ),
    "This is the distance to hr alone. Take it from the distance to the closest other method.": lambda mos, method: abs(
        mos["hr"] - mos[method]
    ),
    "This is the distance to the closest other method alone. Take the distance to hr from it.": lambda mos, method: min(
        abs(mos[method] - value) for name, value in mos.items() if name not in ("hr", method)
    ),
}


EXERCISE = Exercise(
    name="margin_to_hr",
    lesson=9,
    place=4,
    title="reading the paper's table",
    difficulty="easy",
    minutes=5,
    reference=margin_to_hr,
    judge=judge,
    hints=(
        "Nearer than to any other method: which of the others decides?",
        "Loop over mos.items(), leave out the method itself and hr, and take the smallest abs(difference).",
        "min(abs(mos[method] - value) for name, value in mos.items() if name not in ('hr', method)) - to_hr.",
    ),
    mistakes=(
        Mistake("hr among the others", says="hr is among the others", ask="How far is HR from itself?"),
        Mistake(
            "no absolute value",
            says="A distance has no sign",
            ask="Two methods, one above and one below: which is nearer?",
        ),
    ),
)
