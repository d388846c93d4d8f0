"""Answers to exercise holm as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
from answers import Answers

from srgan_lessons.exercises.lesson09.holm import holm

answers = Answers(
    "holm",
    sentences="""
`holm(p_values)` -- its signature
the corrected p-values :: sum so far; squared factor
in the original order :: sorted results
`[0.04, 0.01, 0.03]` gives `[0.06, 0.03, 0.06]` :: last only max
""",
)


@answers.right
def vectorised(p_values):
    order = np.argsort(p_values)
    factors = len(p_values) - np.arange(len(p_values))
    stepped = np.maximum.accumulate(p_values[order] * factors)
    return np.minimum(stepped, 1)[np.argsort(order)]


@answers.right
def in_plain_python(p_values):
    ranked = sorted(range(len(p_values)), key=lambda k: p_values[k])
    out, last = [None] * len(ranked), 0
    for left, k in zip(range(len(ranked), 0, -1), ranked, strict=True):
        last = out[k] = max(last, min(1, left * float(p_values[k])))
    return out


@answers.wrong(says="The p-values are unchanged")
def untouched(p_values):
    return p_values


@answers.wrong(says="This is Bonferroni")
def bonferroni(p_values):
    return np.minimum(1, len(p_values) * p_values)


@answers.wrong(says="goes above 1")
def bonferroni_uncut(p_values):
    return len(p_values) * p_values


@answers.wrong(says="Put each one where its p-value was")
def sorted_values(p_values):
    p = np.sort(p_values)
    return np.minimum(1, np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


@answers.wrong(says="Keep the largest so far")
def not_monotone(p_values):
    out = np.empty(len(p_values))
    for place, k in enumerate(np.argsort(p_values)):
        out[k] = min(1, (len(p_values) - place) * p_values[k])
    return out


@answers.wrong(says="No probability is")
def above_one(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, k in enumerate(np.argsort(p_values)):
        largest = out[k] = max(largest, (len(p_values) - place) * p_values[k])
    return out


@answers.wrong(says="one too small")
def counted_from_one(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, k in enumerate(np.argsort(p_values), start=1):
        largest = out[k] = max(largest, min(1, (len(p_values) - place) * p_values[k]))
    return out


@answers.wrong(says="go the wrong way")
def rising_factors(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, k in enumerate(np.argsort(p_values), start=1):
        largest = out[k] = max(largest, min(1, place * p_values[k]))
    return out


@answers.wrong(says="Sort first")
def unsorted(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, p in enumerate(p_values):
        largest = out[place] = max(largest, min(1, (len(p_values) - place) * p))
    return out


@answers.wrong(says="Benjamini-Hochberg")
def false_discovery_rate(p_values):
    order = np.argsort(p_values)[::-1]
    count = len(p_values)
    out, smallest = np.empty(count), 1.0
    for place, k in zip(range(count, 0, -1), order, strict=True):
        smallest = out[k] = min(smallest, p_values[k] * count / place)
    return out


@answers.wrong(says="Hochberg's method")
def hochberg(p_values):
    order = np.argsort(p_values)[::-1]
    out, smallest = np.empty(len(p_values)), 1.0
    for factor, k in enumerate(order, start=1):
        smallest = out[k] = min(smallest, factor * p_values[k])
    return out


@answers.wrong(says="Šidák")
def sidak(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, k in enumerate(np.argsort(p_values)):
        largest = out[k] = max(largest, 1 - (1 - p_values[k]) ** (len(p_values) - place))
    return out


@answers.wrong(says="contains True and False")
def decisions(p_values):
    return holm(p_values) < 0.05


@answers.wrong(says="Every number is 0.5 times what is expected")
def halved(p_values):
    return holm(p_values) / 2


@answers.wrong(says="has the shape ()")
def only_the_first(p_values):
    return min(p_values) * len(p_values)


TestAnswers = answers.tests()


def test_holm_is_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 36):
        p = np.round(rng.uniform(0, 0.2, count), 3)
        assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1], abs=1e-12)
