"""Exercise 8.4: who is not dominated?"""

import itertools
from collections.abc import Callable, Iterator

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
        raise NotYet(
            "Every method is on the front. Some are beaten in both numbers: leave them out. Is PSNR compared with "
            "PSNR, and ST-LPIPS with ST-LPIPS? The pairs are (PSNR, ST-LPIPS)."
        )
    for methods in _smallest_first():
        _judge_plane(_names(call(candidate, dict(methods)), methods), methods)


def _smallest_first() -> Iterator[dict[str, tuple[float, float]]]:
    """All pairs of methods of the planes, then all triples, then the planes."""
    for size in (2, 3):
        for methods in PLANES:
            yield from map(dict, itertools.combinations(methods.items(), size))
    yield from PLANES


def _judge_plane(names: set[str], methods: dict[str, tuple[float, float]]) -> None:
    wanted = pareto_front(methods)
    if extra := sorted(names - wanted):
        p, d = methods[extra[0]]
        by = next(other for other, (q, e) in methods.items() if q >= p and e <= d and (q, e) != (p, d))
        raise NotYet(
            f"Of {methods}, {extra[0]!r} is on your front. It is dominated: {by!r} is at least as good in both "
            "numbers, and better in one, if only by a little. Is each method compared with all others?"
        )
    if missing := sorted(wanted - names):
        if list(methods.values()).count(methods[missing[0]]) > 1:
            raise NotYet(
                f"Of {methods}, {missing[0]!r} is missing. Two methods with the same pair do not dominate each other."
            )
        raise NotYet(
            f"Of {methods}, {missing[0]!r} is missing. No other method is at least as good in both numbers, and "
            "nothing else counts: not their sum, not their rounded values, and not the place in the dict."
        )


def _names(result, methods: dict) -> set[str]:
    if result is ...:
        raise NotDone("The result is `...`, the placeholder.")
    if result is None:
        raise NotYet(f"The result is None. {why_none()}")
    if isinstance(result, str) or not isinstance(result, set | frozenset | list | tuple | dict):
        raise NotYet(f"The result is of type {type(result).__name__}; a set of names is expected.")
    if isinstance(result, list | tuple | dict) and not any(name is ... for name in result):
        raise NotYet(
            f"It returns a {type(result).__name__}; a set is expected, because the lesson goes on with set operations: "
            "& and <=."
        )
    if any(name is ... for name in result):
        raise NotDone("The result contains `...`, the placeholder.")
    if strange := [name for name in result if name not in methods]:
        raise NotYet(f"{strange[0]!r} is not the name of a method. Return names, not numbers or pairs.")
    return set(result)


PLANES: tuple[dict[str, tuple[float, float]], ...] = (  # (PSNR in dB, ST-LPIPS)
    {"a": (25.0, 0.30), "b": (27.0, 0.20), "c": (28.0, 0.25), "d": (26.0, 0.10), "e": (24.0, 0.40), "f": (28.5, 0.45)},
    {"a": (30.0, 0.20), "b": (30.0, 0.30), "c": (29.0, 0.20), "d": (31.0, 0.35)},
    {"a": (28.0, 0.20), "twin of a": (28.0, 0.20), "b": (27.0, 0.15), "c": (26.0, 0.15)},
    {"a": (26.0, 0.20), "b": (27.0, 0.19), "c": (27.5, 0.30), "d": (26.5, 0.29), "e": (28.0, 0.33)},
    {"a": (27.04, 0.200), "b": (27.01, 0.204), "c": (27.02, 0.203)},
    {"a": (27.04, 0.200), "b": (27.03, 0.200), "c": (27.04, 0.201), "d": (27.00, 0.199)},
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


def _first_only(methods: dict[str, tuple[float, float]]) -> set[str]:
    """The first method on the front."""
    good = front(methods, dominates)
    return {next(name for name in methods if name in good)}


def _against_the_front_so_far(methods: dict[str, tuple[float, float]]) -> set[str]:
    found: set[str] = set()
    for name, pair in methods.items():
        if not any(dominates(*methods[other], *pair) for other in found):
            found.add(name)
    return found


def _neighbours(methods: dict[str, tuple[float, float]]) -> set[str]:
    """The front if each method is compared only with the next one in the order of PSNR."""
    names = sorted(methods, key=lambda n: methods[n][0])
    pairs = zip(names, [*names[1:], None], strict=True)
    return {name for name, after in pairs if after is None or not dominates(*methods[after], *methods[name])}


FRONT_SLIPS: dict[str, Callable[[dict[str, tuple[float, float]]], set[str]]] = {
    "These are the methods that *are* dominated. Keep those for which no better one is found.": lambda m: (
        set(m) - front(m, dominates)
    ),
    "ST-LPIPS is treated as if higher were better. It is a distance: lower is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p >= psnr and d >= distance and (p, d) != (psnr, distance)
    ),
    "PSNR is treated as if lower were better. Higher is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p <= psnr and d <= distance and (p, d) != (psnr, distance)
    ),
    "Both directions are reversed: a higher PSNR is better, and so is a lower ST-LPIPS.": lambda m: front(
        m, lambda p, d, psnr, distance: p <= psnr and d >= distance and (p, d) != (psnr, distance)
    ),
    "A method that is equal in one number and worse in the other is on your front. It is dominated, too: compare with "
    ">= and <=, and require that one number is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p > psnr and d < distance
    ),
    "Numbers are rounded before they are compared: 27.04 is more than 27.01.": lambda m: front(
        {n: (round(p, 1), round(d, 2)) for n, (p, d) in m.items()}, dominates
    ),
    "PSNR is rounded to whole decibels before it is compared: 28.5 is more than 28.": lambda m: front(
        {n: (round(p), d) for n, (p, d) in m.items()}, dominates
    ),
    "PSNR is reduced to whole decibels before it is compared: 28.5 is more than 28.": lambda m: front(
        {n: (int(p), d) for n, (p, d) in m.items()}, dominates
    ),
    "Each method is compared only with those already on your front. One that comes later may beat it: compare with "
    "all methods.": _against_the_front_so_far,
    "The loop ends with the first method on the front. Is the return inside the loop, or inside the `if`?": _first_only,
    "A method that is equal in PSNR and worse in ST-LPIPS is on your front. It is dominated, too: compare PSNR "
    "with >=, and require that one number is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p > psnr and d <= distance
    ),
    "A method that is equal in ST-LPIPS and worse in PSNR is on your front. It is dominated, too: compare the distance "
    "with <=, and require that one number is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p >= psnr and d < distance
    ),
    "The return is indented too far: it is inside the loop, which ends after the first method.": lambda m: (
        {next(iter(m))} & front(m, dominates)
    ),
    "Two methods with the same two numbers remove each other. Keep both, because neither is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p >= psnr and d <= distance
    ),
    "A method is removed as soon as another is better in *one* number. To dominate, that one must be at least as good "
    "in both: and, not or.": lambda m: front(m, lambda p, d, psnr, distance: p > psnr or d < distance),
    "Your front has only the best in PSNR and the best in ST-LPIPS. A method between them that no other dominates is "
    "on the front, too.": (_best_two),
    "Each method is compared with its neighbour only. A better one may be farther away: compare with all.": (
        _neighbours
    ),
    "The pairs are compared as tuples. Python then looks at PSNR alone, and at ST-LPIPS only where PSNR is equal. "
    "Compare both numbers: p >= decibels and d <= distance.": lambda m: front(
        m, lambda p, d, psnr, distance: (p, d) > (psnr, distance)
    ),
    "Your front has only the method with the highest PSNR. Both numbers count.": lambda m: {
        max(m, key=lambda n: m[n][0])
    },
    "Your front has only the method with the lowest ST-LPIPS. Both numbers count.": lambda m: {
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
        "Higher is better in one number, and lower in the other. And what about a method that is equally good in both?",
        "Loop over methods.items() once more: p >= decibels and d <= distance, and not both equal.",
        "better = [other for other, (p, d) in methods.items() if p >= decibels and d <= distance and "
        "(p, d) != (decibels, distance)].",
    ),
    mistakes=(
        Mistake(
            "better in both numbers",
            says="equal in one number",
            ask="Is a method dominated if it is equal in one and worse in the other?",
        ),
        Mistake("each compared with itself, too", says="compared with itself", ask="Can a method beat itself?"),
    ),
)
