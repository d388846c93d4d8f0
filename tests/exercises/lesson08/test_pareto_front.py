"""Answers to exercise pareto_front as students write them, and its reference against numbers from outside."""

from itertools import pairwise

import numpy as np
from answers import NOTEBOOK, Answers

from srgan_lessons.exercises.lesson08.pareto_front import FRONT_SLIPS, PLANES, pareto_front
from srgan_lessons.exercises.lesson08.psnr_of_set import SET_SLIPS, set_photos, set_psnr
from srgan_lessons.metrics import psnr

answers = Answers(
    "pareto_front",
    sentences="""
`pareto_front(methods)` -- its signature
maps names to pairs (PSNR in dB, ST-LPIPS) :: pair swapped; PSNR lower
a set with the names of the methods :: list; values; dict
that no other method dominates :: strict in both; or for and; dominated returned
Two methods with the same pair do not dominate each other :: ties dominate
""",
)


NOTEBOOK["psnr"] = psnr  # lesson 08 imports it before its exercises


@answers.wrong(says="a set is expected")
def sorted_by_psnr(methods):
    kept, best = [], np.inf
    for psnr_ in sorted({p for p, _ in methods.values()}, reverse=True):
        least = min(d for p, d in methods.values() if p == psnr_)
        if least < best:
            kept += [name for name, pair in methods.items() if pair == (psnr_, least)]
            best = least
    return kept


@answers.right
def with_arrays(methods):
    p, d = np.array(list(methods.values())).T
    as_good = (p[:, None] >= p) & (d[:, None] <= d)
    better = (p[:, None] > p) | (d[:, None] < d)
    return {name for name, beaten in zip(methods, (as_good & better).any(axis=0), strict=True) if not beaten}


def _wrong_front(called, says, beats):
    def answer(methods):
        return {
            name
            for name, mine in methods.items()
            if not any(beats(*theirs, *mine) for other, theirs in methods.items() if other != name)
        }

    answer.__name__ = called
    answers.wrong(says=says)(answer)


_wrong_front("strictly", "equal in one number", lambda p, d, q, e: p > q and d < e)
_wrong_front("or", "not or", lambda p, d, q, e: p > q or d < e)
_wrong_front("equals_thrown_out", "Keep both", lambda p, d, q, e: p >= q and d <= e)
_wrong_front("distance_upwards", "lower is better", lambda p, d, q, e: p >= q and d >= e and (p, d) != (q, e))
_wrong_front("psnr_downwards", "Higher is better", lambda p, d, q, e: p <= q and d <= e and (p, d) != (q, e))
_wrong_front("both_turned", "Both directions are reversed", lambda p, d, q, e: p <= q and d >= e and (p, d) != (q, e))


@answers.wrong(says="that *are* dominated")
def the_losers(methods):
    return set(methods) - pareto_front(methods)


@answers.wrong(says="Only the best in PSNR and the best in ST-LPIPS")
def best_of_each(methods):
    return {max(methods, key=lambda n: methods[n][0]), min(methods, key=lambda n: methods[n][1])}


@answers.wrong(says="a set is expected")
def one_winner(methods):
    return [max(methods, key=lambda n: methods[n][0])]


@answers.wrong(says="neighbour only")
def along_the_row(methods):
    order = sorted(methods, key=lambda n: methods[n][0])
    kept = {order[-1]}
    for name, after in pairwise(order):
        (p, d), (q, e) = methods[name], methods[after]
        if not (q >= p and e <= d and (p, d) != (q, e)):
            kept.add(name)
    return kept


@answers.wrong(says="compared with itself")
def beaten_by_itself(methods):
    return {n for n, (p, d) in methods.items() if not [q for q, e in methods.values() if q >= p and e <= d]}


@answers.wrong(says="Every method is on the front")
def everybody(methods):
    return set(methods)


@answers.wrong(says="a set is expected")
def pairs(methods):
    return [methods[name] for name in pareto_front(methods)]


@answers.wrong(says="a set of names is expected")
def how_many(methods):
    return len(pareto_front(methods))


@answers.wrong(says="is on your front. It is dominated")
def one_too_many(methods):
    return pareto_front(methods) | {"c", "a"} & set(methods)


@answers.wrong(says="is missing")
def one_too_few(methods):
    return pareto_front(methods) - {"d"}


TestAnswers = answers.tests()


def test_every_slip_of_the_front_shows():
    right = [pareto_front(methods) for methods in PLANES]
    outcomes = [[slip(methods) for methods in PLANES] for slip in FRONT_SLIPS.values()]
    assert right not in outcomes
    assert right[0] == {"d", "b", "c", "f"}


def test_every_slip_of_the_set_shows():
    right = set_psnr(set_photos())
    values = [set_psnr(set_photos(), **slip) for slip in SET_SLIPS.values()]
    assert min(abs(value - right) for value in values) > 0.005
    assert min(np.diff(sorted(values))) > 2e-4
