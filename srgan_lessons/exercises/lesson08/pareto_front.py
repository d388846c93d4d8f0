"""Exercise 8.4: who is not dominated?."""

from collections.abc import Callable

from srgan_lessons.exercises.calling import call, why_none
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet


def pareto_front(methods):
    front = set()
    for name, (decibels, distance) in methods.items():
        # SOLUTION
        better = [
            other
            for other, (p, d) in methods.items()
            if p >= decibels and d <= distance and (p, d) != (decibels, distance)
        ]
        # STUB
        # better = ...  # 1. the names of all methods that dominate this one
        # END
        if not better:
            front.add(name)
    return front


def judge(candidate) -> None:
    found = [_names(call(candidate, dict(methods)), methods) for methods in PLANES]
    right = [pareto_front(methods) for methods in PLANES]
    if found == right:
        return
    for message, slip in FRONT_SLIPS.items():
        if found == [slip(methods) for methods in PLANES]:
            raise NotYet(message)
    if not any(found):
        raise NotYet("No method is ever on the front. Is each one compared with itself? No method dominates itself.")
    if found == [set(methods) for methods in PLANES]:
        raise NotYet("Every method is on the front. Some are beaten in both numbers: leave them out.")
    for methods, names, wanted in zip(PLANES, found, right, strict=True):
        if extra := sorted(names - wanted):
            p, d = methods[extra[0]]
            by = next(
                other for other, (q, e) in methods.items() if q >= p and e <= d and (q, e) != (p, d)
            )  # there is one; otherwise, it would be on the front
            raise NotYet(
                f"Of {methods}, {extra[0]!r} is on your front. It is dominated: {by!r} is at least as good in both."
            )
        if missing := sorted(wanted - names):
            raise NotYet(f"Of {methods}, {missing[0]!r} is missing: no other one is at least as good in both numbers.")


def _names(result, methods: dict) -> set[str]:
    if result is ...:
        raise NotDone("The result is `...`, the placeholder.")
    if result is None:
        raise NotYet(f"The result is None. {why_none()}")
    if isinstance(result, str) or not isinstance(result, set | frozenset | list | tuple | dict):
        raise NotYet(f"The result is of type {type(result).__name__}; a set of names is expected.")
    if isinstance(result, list | tuple | dict) and not any(name is ... for name in result):
        raise NotYet(
            f"A {type(result).__name__} came back; a set is asked for, and the lesson goes on with set operations: "
            f"& and <=."
        )
    if any(name is ... for name in result):
        raise NotDone("The result holds `...`, the placeholder.")
    if strange := [name for name in result if name not in methods]:
        raise NotYet(f"{strange[0]!r} is not the name of a method. Return names, not numbers or pairs.")
    return set(result)


PLANES: tuple[dict[str, tuple[float, float]], ...] = (  # (PSNR in dB, ST-LPIPS)
    {"a": (25.0, 0.30), "b": (27.0, 0.20), "c": (28.0, 0.25), "d": (26.0, 0.10), "e": (24.0, 0.40), "f": (28.5, 0.45)},
    {"a": (30.0, 0.20), "b": (30.0, 0.30), "c": (29.0, 0.20), "d": (31.0, 0.35)},
    {"a": (28.0, 0.20), "twin of a": (28.0, 0.20), "b": (27.0, 0.15), "c": (26.0, 0.15)},
    {"a": (26.0, 0.20), "b": (27.0, 0.19), "c": (27.5, 0.30), "d": (26.5, 0.29), "e": (28.0, 0.33)},
    {"a": (27.04, 0.200), "b": (27.01, 0.204), "c": (27.02, 0.203)},
    {"alone": (20.0, 0.90)},
)


def front(methods: dict[str, tuple[float, float]], beats: Callable[..., bool]) -> set[str]:
    """The names of the methods that no other beats. beats(p, d, psnr, distance): does (p, d) beat (psnr, distance)?"""
    return {
        name
        for name, (psnr, distance) in methods.items()
        if not any(beats(p, d, psnr, distance) for other, (p, d) in methods.items() if other != name)
    }


def dominates(p: float, d: float, psnr: float, distance: float) -> bool:
    return p >= psnr and d <= distance and (p, d) != (psnr, distance)


def _best_two(methods: dict[str, tuple[float, float]]) -> set[str]:
    return {max(methods, key=lambda n: methods[n][0]), min(methods, key=lambda n: methods[n][1])}


def _neighbours(methods: dict[str, tuple[float, float]]) -> set[str]:
    """The front if each method is compared only with the next one in the order of PSNR."""
    names = sorted(methods, key=lambda n: methods[n][0])
    pairs = zip(names, [*names[1:], None], strict=True)
    return {name for name, after in pairs if after is None or not dominates(*methods[after], *methods[name])}


FRONT_SLIPS: dict[str, Callable[[dict[str, tuple[float, float]]], set[str]]] = {
    "These are the methods that *are* dominated. Keep those for which no better one is found.": lambda m: (
        set(m) - front(m, dominates)
    ),
    "ST-LPIPS is taken as if higher were better. It is a distance: 0 is equal, lower is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p >= psnr and d >= distance and (p, d) != (psnr, distance)
    ),
    "PSNR is taken as if lower were better. Higher is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p <= psnr and d <= distance and (p, d) != (psnr, distance)
    ),
    "Both directions are reversed: PSNR is better where it is higher, ST-LPIPS where it is lower.": lambda m: front(
        m, lambda p, d, psnr, distance: p <= psnr and d >= distance and (p, d) != (psnr, distance)
    ),
    "A method that is equal in one number and worse in the other is on your front. It is dominated, too: at least as "
    "good in both (>= and <=), and better in one.": lambda m: front(
        m, lambda p, d, psnr, distance: p > psnr and d < distance
    ),
    "Numbers are rounded before they are compared: 27.04 is more than 27.01.": lambda m: front(
        {n: (round(p, 1), round(d, 2)) for n, (p, d) in m.items()}, dominates
    ),
    "A method that is equal in PSNR and worse in ST-LPIPS is on your front. It is dominated, too: PSNR at least as "
    "good "
    "(>=), and one of the two better.": lambda m: front(m, lambda p, d, psnr, distance: p > psnr and d <= distance),
    "A method that is equal in ST-LPIPS and worse in PSNR is on your front. It is dominated, too: the distance at most "
    "as large (<=), and one of the two better.": lambda m: front(
        m, lambda p, d, psnr, distance: p >= psnr and d < distance
    ),
    "The return stands in the loop, too far to the right: after the first method it is over.": lambda m: (
        {next(iter(m))} & front(m, dominates)
    ),
    "Two methods with the same two numbers throw each other out. Neither is better: both stay.": lambda m: front(
        m, lambda p, d, psnr, distance: p >= psnr and d <= distance
    ),
    "A method is thrown out as soon as another is better in *one* number. To dominate, it must be at least as good in "
    "both: and, not or.": lambda m: front(m, lambda p, d, psnr, distance: p > psnr or d < distance),
    "Only the best in each number is here. A method between them that no other beats in both is on the front, too.": (
        _best_two
    ),
    "Each method is compared with its neighbour only. A better one may stand farther away: compare with all.": (
        _neighbours
    ),
    "Only the method with the highest PSNR is here. The front weighs both numbers.": lambda m: {
        max(m, key=lambda n: m[n][0])
    },
    "Only the method with the lowest ST-LPIPS is here. The front weighs both numbers.": lambda m: {
        min(m, key=lambda n: m[n][1])
    },
}


EXERCISE = Exercise(
    name="pareto_front",
    lesson=8,
    place=4,
    title="who is not dominated?",
    difficulty="medium",
    minutes=6,
    reference=pareto_front,
    judge=judge,
    hints=(
        "Higher is better in one number, lower in the other. And what about a method that is just as good in both?",
        "Loop over methods.items() once more: p >= decibels and d <= distance, and not both equal.",
        "better = [other for other, (p, d) in methods.items() if p >= decibels and d <= distance and "
        "(p, d) != (decibels, distance)].",
    ),
    mistakes=(
        Mistake(
            "better in both numbers", says="equal in one number", ask="Equal in one, worse in the other: dominated?"
        ),
        Mistake("each compared with itself", says="compared with itself", ask="Can a method beat itself?"),
    ),
)
