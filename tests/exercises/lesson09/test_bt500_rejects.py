"""Answers to exercise bt500_rejects as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
from answers import Answers

from srgan_lessons.exercises.lesson09.bt500_rejects import BT500_RIGHT, bt500, bt500_cases, bt500_rejects

answers = Answers(
    "bt500_rejects",
    sentences="""
`scores` (stimuli, raters) :: sum over raters; mean over the rest
True for each rater who is rejected :: names; any
there, no vote counts as far -- the trap: wrong answers of lessonNN.txt and of its own test have it
Take the 5 % of all stimuli, or only of those on which not everybody agrees -- both are right: see the last test
""",
)


def _as_written(scores, *, trap=False, excess=0.0, inner=2.0, outer=20**0.5, power=1, root=4, rule="both"):
    """The rule with one mistake."""
    distance = scores - scores.mean(axis=1, keepdims=True)
    s = scores.std(axis=1, keepdims=True)
    kurtosis = (distance**4).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** root - excess
    reach = np.where((kurtosis >= 2) & (kurtosis <= 4), inner, outer) * s**power - 1e-9
    counts = (s > 0) | trap
    above, below = (counts & (distance >= reach)).sum(axis=0), (counts & (-distance >= reach)).sum(axis=0)
    often, balanced = above + below > 0.05 * len(scores), np.abs(above - below) < 0.3 * (above + below)
    each = (above > 0.05 * len(scores)) & (below > 0.05 * len(scores))
    return {"both": often & balanced, "each": each, "often": often, "balanced": balanced, "bias": often & ~balanced}[
        rule
    ]


@answers.right
def with_loops(scores):
    raters = scores.shape[1]
    above, below, used = np.zeros(raters), np.zeros(raters), 0
    for row in scores:
        s = np.std(row, ddof=1)  # as the recommendation writes it
        if s == 0:
            continue
        used += 1
        moment = np.mean((row - row.mean()) ** 4) / np.mean((row - row.mean()) ** 2) ** 2
        reach = 2 * s if 2 <= moment <= 4 else 20**0.5 * s
        above += row > row.mean() + reach
        below += row < row.mean() - reach
    out = []
    for p, q in zip(above, below, strict=True):
        out.append(bool(p + q and (p + q) / used > 0.05 and abs(p - q) / (p + q) < 0.3))
    return out


@answers.wrong(says="the trap")
def with_zero_variance(scores):
    return _as_written(scores, trap=True)


@answers.wrong(says="excess kurtosis")
def excess_kurtosis(scores):
    return _as_written(scores, excess=3.0)


@answers.wrong(says="The reach is 2 s for every stimulus")
def always_two(scores):
    return _as_written(scores, outer=2.0)


@answers.wrong(says="sqrt(20) s for every stimulus")
def always_root_twenty(scores):
    return _as_written(scores, inner=20**0.5)


@answers.wrong(says="two reaches are swapped")
def swapped_reaches(scores):
    return _as_written(scores, inner=20**0.5, outer=2.0)


@answers.wrong(says="20 s where it should be sqrt(20) s")
def no_root(scores):
    return _as_written(scores, outer=20.0)


@answers.wrong(says="not multiplied by s")
def reach_in_steps(scores):
    return _as_written(scores, power=0)


@answers.wrong(says="multiplied by the variance")
def reach_of_variance(scores):
    return _as_written(scores, power=2)


@answers.wrong(says="also asks for both directions")
def whoever_is_far(scores):
    return _as_written(scores, rule="often")


@answers.wrong(says="far on only a few stimuli is rejected")
def whoever_is_balanced(scores):
    return _as_written(scores, rule="balanced")


@answers.wrong(says="compared with 5 % one by one")
def often_in_each_direction(scores):
    return _as_written(scores, rule="each")


@answers.wrong(says="not divided by s ** 4")
def fourth_moment(scores):
    return _as_written(scores, root=0)


@answers.wrong(says="far in one direction")
def whoever_is_biased(scores):
    return _as_written(scores, rule="bias")


@answers.wrong(says="The answer is inverted")
def who_stays(scores):
    return ~bt500_rejects(scores)


@answers.wrong(says="Nobody is ever rejected")
def five_as_a_count(scores):
    return np.zeros(scores.shape[1], dtype=bool)


@answers.wrong(says="one value for each stimulus")
def wrong_axis(scores):
    return bt500_rejects(scores.T)


@answers.wrong(says="one True or False for each rater is expected")
def names_of_the_rejected(scores):
    return np.flatnonzero(bt500_rejects(scores))


@answers.wrong(says="numbers other than 0 and 1")
def counts(scores):
    return bt500_rejects(scores) * 7


@answers.wrong(says="The smallest example that differs")
def at_random(scores):
    return np.arange(scores.shape[1]) % 2


TestAnswers = answers.tests()


def test_bt500_rejects_as_the_package_does():
    screening = pytest.importorskip("srgan_lessons.rating.screening")
    cases = bt500_cases()
    for scores in cases:
        assert np.array_equal(bt500_rejects(scores), screening.bt500(scores)["rejected"])
        naive = screening.bt500(scores, naive=True)["rejected"]
        assert np.array_equal(bt500(scores, used=lambda s: s >= 0), naive)
    assert sum((scores.std(axis=1) == 0).any() for scores in cases) >= 5
    assert any(bt500_rejects(scores).any() for scores in cases)


def test_bt500_verdicts_hang_on_no_choice_that_the_recommendation_leaves():
    for scores in bt500_cases():
        for how in BT500_RIGHT:
            assert np.array_equal(bt500(scores, **how), bt500_rejects(scores)), how
        varied = scores[scores.std(axis=1) > 0]  # the share may be of all stimuli, or of those that count
        assert np.array_equal(bt500_rejects(varied), bt500_rejects(scores))
