"""Exercise 9.4: reading the paper's table."""

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import apart, recognise
from srgan_lessons.exercises.reading import as_array, as_number


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
    ({"a": 2.5, "b": 3.25, "c": 3.25, "hr": 4.0, "d": 1.0}, "b"),
    ({"nearest": 1.5, "a": 2.75, "bicubic": 2.25, "b": 4.0, "hr": 4.75}, "bicubic"),
    ({"a": 2.75, "bicubic": 2.0, "nearest": 1.25, "hr": 4.25, "b": 3.75}, "a"),
)


def judge(candidate) -> None:
    results = [_called(candidate, mos, method) for mos, method in TABLES]
    if all(isinstance(result, bool | np.bool_) for result in results):
        raise NotYet("The result is True or False. Return the margin, in steps of the scale: its sign is the answer.")
    if counts := {as_array(result, what="the margin").size for result in results} - {1}:
        raise NotYet(
            f"The margin is an array of {max(counts)} numbers; one number is expected. Only the closest of the other "
            "methods decides: take the minimum of the distances to them."
        )
    found = np.array([as_number(result, "the margin") for result in results])
    if np.allclose(found, [margin_to_hr(*case) for case in TABLES], rtol=0, atol=1e-6):
        return
    recognise(found, {message: [slip(*case) for case in TABLES] for message, slip in MARGIN_SLIPS.items()}, within=1e-6)
    advice = "It is the distance to the closest other method, minus the distance to HR, both without a sign."
    show_smallest(candidate, margin_to_hr, SMALL, advice=advice)
    wrong = [k for k, case in enumerate(TABLES) if abs(found[k] - margin_to_hr(*case)) > 1e-6]
    mos, method = TABLES[wrong[0]]
    one, other = apart(found[wrong[0]], margin_to_hr(mos, method))
    raise NotYet(
        f"With the MOS {mos}, the margin of {method} is {one}; {other} is expected: the distance to the closest other "
        "method, minus the distance to HR, both without a sign."
    )


def _called(candidate, mos: dict[str, float], method: str):
    try:
        return call(candidate, dict(mos), method)
    except KeyError as error:
        key = error.args[0] if error.args else None
        if str(key).lower() == "hr":
            raise NotYet(f'There is no key {key!r}: the HR images have the key "hr", in small letters.') from error
        if isinstance(key, str) and key not in mos:
            raise NotYet(
                f"It looks up the method {key!r}, which this table does not have. Take the name from `method`, and "
                f"the names of the others from `mos`. Here they are {', '.join(map(repr, mos))}."
            ) from error
        raise


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
    "The sign is reversed: positive means closer to HR. Take the distance to the closest other method, minus the "
    "distance to HR.": lambda mos, method: -_margin(mos, method),
    "This is the margin to the second closest of the others. Take the closest.": lambda mos, method: _margin(
        mos, method, pick=lambda values: sorted(values)[1]
    ),
    "One distance is divided by the other. The margin is a difference: the distance to the closest other method, minus "
    "the distance to HR.": (
        lambda mos, method: (
            min(abs(mos[method] - v) for n, v in mos.items() if n not in ("hr", method)) / abs(mos["hr"] - mos[method])
        )
    ),
    "Both distances are squared. Take abs() of the differences.": lambda mos, method: (
        min((mos[method] - v) ** 2 for n, v in mos.items() if n not in ("hr", method)) - (mos["hr"] - mos[method]) ** 2
    ),
    "The distance to HR is squared. Take abs() of the difference.": lambda mos, method: (
        _margin(mos, method) + abs(mos["hr"] - mos[method]) - (mos["hr"] - mos[method]) ** 2
    ),
    'The last entry of the dict, or the best of all, is taken for HR. Look HR up by its key, mos["hr"].': (
        lambda mos, method: _margin(mos | {"hr": list(mos.values())[-1]}, method)
    ),
    'The last entry of the dict is taken for HR. HR can be anywhere: look it up by its key, mos["hr"].': (
        lambda mos, method: (
            min(abs(v - mos[method]) for n, v in list(mos.items())[:-1] if n != method)
            - abs(list(mos.values())[-1] - mos[method])
        )
    ),
    'The MOS of HR is taken to be 5. Even HR does not get a 5 from everybody: take mos["hr"].': lambda mos, method: (
        _margin(mos | {"hr": 5.0}, method)
    ),
    "A method with the same MOS is left out. It is another method, at the distance 0: leave out `method` and HR by "
    "their names, not by their numbers.": lambda mos, method: (
        min(abs(v - mos[method]) for v in mos.values() if v not in (mos["hr"], mos[method]))
        - abs(mos["hr"] - mos[method])
    ),
    "nearest and bicubic are left out. They are methods like the others: leave out only `method` and HR.": (
        lambda mos, method: _margin(mos, method, without=("hr", "nearest", "bicubic"))
    ),
    "The other method is chosen by its name, such as the first in the alphabet. Choose the one at the smallest "
    "distance.": lambda mos, method: (
        abs(mos[method] - mos[min(n for n in mos if n not in ("hr", method))]) - abs(mos["hr"] - mos[method])
    ),
    'The best of all is taken for HR. Look HR up by its key, mos["hr"].': lambda mos, method: (
        _margin(mos, method) + abs(mos["hr"] - mos[method]) - abs(max(mos.values()) - mos[method])
    ),
    "The distances of the others are measured from HR. Measure them from the method.": lambda mos, method: (
        min(abs(mos["hr"] - v) for n, v in mos.items() if n not in ("hr", method)) - abs(mos["hr"] - mos[method])
    ),
    "The sign of the margin is lost: it is negative for a method that is closer to another method.": (
        lambda mos, method: abs(_margin(mos, method))
    ),
    "The two distances are added. Subtract the distance to HR.": lambda mos, method: (
        _margin(mos, method) + 2 * abs(mos["hr"] - mos[method])
    ),
    "The distances to the others are added up. Take only the closest.": lambda mos, method: _margin(
        mos, method, pick=sum
    ),
    "The method is compared with itself, and that distance is always 0. Leave it out.": lambda mos, method: _margin(
        mos, method, itself=True
    ),
    "HR is among the others, so the closest other is never farther away than HR. Leave HR out.": lambda mos, method: (
        _margin(mos, method, without=())
    ),
    "A distance has no sign: another method can be above this one, and HR can be below it. Take abs().": (
        lambda mos, method: _margin(mos, method, signed=True)
    ),
    "The distances to the others have a sign here, so the most negative counts as the closest. Take abs() of each.": (
        lambda mos, method: (
            min(mos[method] - v for n, v in mos.items() if n not in ("hr", method)) - abs(mos["hr"] - mos[method])
        )
    ),
    **{
        f"The distances have a sign here, {text}: a method below this one then counts as the closest. Take abs() of "
        "each distance.": lambda mos, method, side=side, to_hr=to_hr: (
            min(side * (v - mos[method]) for n, v in mos.items() if n not in ("hr", method))
            - to_hr(mos["hr"] - mos[method])
        )
        for text, side, to_hr in (
            ("mos[other] - mos[method]", 1, abs),
            ('mos[other] - mos[method] and mos["hr"] - mos[method]', 1, lambda d: d),
            ('mos[other] - mos[method] and mos[method] - mos["hr"]', 1, lambda d: -d),
        )
    },
    'The distances have a sign here, mos[method] - mos[other] and mos[method] - mos["hr"]: a method above this one '
    "then counts as the closest. Take abs() of both.": lambda mos, method: (
        min(mos[method] - v for n, v in mos.items() if n not in ("hr", method)) - (mos[method] - mos["hr"])
    ),
    'The distance to HR has a sign here, mos["hr"] - mos[method]. HR can be lower: take abs().': lambda mos, method: (
        min(abs(mos[method] - v) for n, v in mos.items() if n not in ("hr", method)) - (mos["hr"] - mos[method])
    ),
    "The distance to HR has a sign here. Take abs().": lambda mos, method: (
        min(abs(mos[method] - v) for n, v in mos.items() if n not in ("hr", method)) - (mos[method] - mos["hr"])
    ),
    "This is the margin to the farthest method. It must be closer to HR than to *any* other: take the closest.": (
        lambda mos, method: _margin(mos, method, pick=max)
    ),
    "This is the margin to the mean of the others' distances. It must be closer to HR than to *any* other: take the "
    "closest.": lambda mos, method: _margin(mos, method, pick=lambda values: sum(values) / len(values)),
    "This is the margin to the median of the others' distances. Take the closest.": lambda mos, method: _margin(
        mos, method, pick=np.median
    ),
    "The method is compared with the best of the others, which is not always the closest: look at all distances.": (
        lambda mos, method: (
            abs(mos[method] - max(value for name, value in mos.items() if name not in ("hr", method)))
            - abs(mos["hr"] - mos[method])
        )
    ),
    "The method is compared only with its neighbour in the table. The closest can be anywhere: look at all of them.": (
        lambda mos, method: abs(mos[method] - _neighbour(mos, method, -1)) - abs(mos["hr"] - mos[method])
    ),
    "Only methods with a lower MOS are considered. A better one may be closer.": lambda mos, method: (
        mos[method]
        - max((v for n, v in mos.items() if n != "hr" and v < mos[method]), default=0)
        - abs(mos["hr"] - mos[method])
    ),
    "This is only the distance to HR. Subtract it from the distance to the closest other method.": lambda mos, method: (
        abs(mos["hr"] - mos[method])
    ),
    "This is only the distance to the closest other method. Subtract the distance to HR.": lambda mos, method: min(
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
        "It should be closer to HR than to any other method. Which of the others decides?",
        "Loop over mos.items(), leave out the method itself and HR, and take the smallest abs(difference).",
        "min(abs(mos[method] - value) for name, value in mos.items() if name not in ('hr', method)) - to_hr.",
    ),
    mistakes=(
        Mistake("HR among the others", says="HR is among the others", ask="Is HR a method?"),
        Mistake(
            "no absolute value",
            says="A distance has no sign",
            ask="One method is above, and one below. Which of them is closer?",
        ),
    ),
)
