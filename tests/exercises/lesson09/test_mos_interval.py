"""Answers to exercise mos_interval as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
from answers import Answers

from srgan_lessons.classroom import grade
from srgan_lessons.exercises.lesson09.mos_interval import mos_interval

answers = Answers(
    "mos_interval",
    sentences="""
`mos_interval(scores, rng)` -- its signature
`scores`, (raters, images), has the votes for one method :: rows drawn twice; half the raters
`rng` is a numpy random generator :: own generator
the MOS :: MOS rounded
the lower and upper end :: half widths
of the middle 95 % :: 99; 95 from below
of 1000 such means :: 10 samples; sum
""",
)


PERCENT = [2.5, 97.5]


def _samples(scores, rng, draw):
    return [draw(scores, rng) for _ in range(1000)]


def _both(scores, rng):
    raters, images = scores.shape
    return scores[rng.integers(0, raters, raters)][:, rng.integers(0, images, images)].mean()


@answers.right
def with_choice_and_ix(scores, rng):
    samples = np.empty(2000)
    for k in range(2000):
        who = rng.choice(len(scores), len(scores))
        what = rng.choice(scores.shape[1], scores.shape[1])
        samples[k] = scores[np.ix_(who, what)].mean()
    return np.mean(scores), np.quantile(samples, 0.025), np.quantile(samples, 0.975)


@answers.right
def by_weights(scores, rng):
    r, i = scores.shape
    samples = rng.multinomial(r, np.full(r, 1 / r), 1000) / r @ scores
    samples = (samples * rng.multinomial(i, np.full(i, 1 / i), 1000) / i).sum(axis=1)
    return np.array([scores.mean(), *np.percentile(samples, PERCENT)])


@answers.wrong(says="is never used")
def its_own_generator(scores, rng):
    rng = np.random.default_rng()
    return scores.mean(), *np.percentile(_samples(scores, rng, _both), PERCENT)


@answers.wrong(says="different each time")
def images_from_numpys_own_generator(scores, rng):
    raters, images = scores.shape
    samples = [
        scores[rng.integers(0, raters, raters)][:, np.random.randint(0, images, images)].mean()  # noqa: NPY002
        for _ in range(1000)
    ]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="Only images are drawn again")
def images_alone(scores, rng):
    images = scores.shape[1]
    samples = [scores[:, rng.integers(0, images, images)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="Only raters are drawn again")
def raters_alone(scores, rng):
    raters = len(scores)
    samples = [scores[rng.integers(0, raters, raters)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="as if they were independent of each other")
def votes_pooled(scores, rng):
    samples = [rng.choice(scores.ravel(), scores.size).mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="takes one vote for each pair")
def pairs(scores, rng):
    raters, images = scores.shape
    samples = [scores[rng.integers(0, raters, raters), rng.integers(0, images, images)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="all votes of a round")
def samples_are_matrices(scores, rng):
    raters, images = scores.shape
    samples = [scores[rng.integers(0, raters, raters)][:, rng.integers(0, images, images)] for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="Take them of the samples")
def percentiles_of_the_votes(scores, rng):
    _samples(scores, rng, _both)
    return scores.mean(), *np.percentile(scores, PERCENT)


@answers.wrong(says="mean for each image")
def mean_over_raters_alone(scores, rng):
    raters, images = scores.shape
    samples = [
        scores[rng.integers(0, raters, raters)][:, rng.integers(0, images, images)].mean(axis=0) for _ in range(1000)
    ]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="mean for each rater")
def mean_over_images_alone(scores, rng):
    raters, images = scores.shape
    samples = [
        scores[rng.integers(0, raters, raters)][:, rng.integers(0, images, images)].mean(axis=1) for _ in range(1000)
    ]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="with replacement")
def without_replacement(scores, rng):
    raters, images = scores.shape
    samples = [scores[rng.permutation(raters)][:, rng.permutation(images)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="inside the loop")
def drawn_once(scores, rng):
    raters, images = scores.shape
    who, what = rng.integers(0, raters, raters), rng.integers(0, images, images)
    samples = [scores[who][:, what].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="counts in per cent")
def fractions(scores, rng):
    return scores.mean(), *np.percentile(_samples(scores, rng, _both), [0.025, 0.975])


@answers.wrong(says="Put both numbers into one list")
def percentiles_without_a_list(scores, rng):
    low, high = np.percentile(_samples(scores, rng, _both), 2.5, 97.5)
    return scores.mean(), low, high


@answers.wrong(says="Put both numbers into one list")
def quantiles_without_a_list(scores, rng):
    return scores.mean(), *np.quantile(_samples(scores, rng, _both), 0.025, 0.975)


@answers.wrong(says="Loop over range(n)")
def rounds_without_range(scores, rng):
    samples = [_both(scores, rng) for _ in 1000]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="contains 90 %")
def ninety(scores, rng):
    return scores.mean(), *np.percentile(_samples(scores, rng, _both), [5, 95])


@answers.wrong(says="no vote is above 5")
def normal(scores, rng):
    half = 1.96 * np.std(_samples(scores, rng, _both))
    return scores.mean(), scores.mean() - half, scores.mean() + half


@answers.wrong(says="one standard deviation")
def one_standard_deviation(scores, rng):
    half = min(np.std(_samples(scores, rng, _both)), 5 - scores.mean())
    return scores.mean(), scores.mean() - half, scores.mean() + half


@answers.wrong(says="ends at n - 1 by itself")
def last_one_never_drawn(scores, rng):
    raters, images = scores.shape
    samples = [
        scores[rng.integers(0, raters - 1, raters)][:, rng.integers(0, images - 1, images)].mean() for _ in range(1000)
    ]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="An index is too large")
def axes_swapped(scores, rng):
    images, raters = scores.shape
    samples = [scores[rng.integers(0, raters, raters)][:, rng.integers(0, images, images)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong(says="not of the samples")
def mean_of_samples(scores, rng):
    samples = _samples(scores, rng, _both)
    return np.mean(samples), *np.percentile(samples, PERCENT)


@answers.wrong(says="Three are expected")
def without_mos(scores, rng):
    return tuple(np.percentile(_samples(scores, rng, _both), PERCENT))


@answers.wrong(says="lower end is above")
def upside_down_interval(scores, rng):
    low, high = np.percentile(_samples(scores, rng, _both), PERCENT)
    return scores.mean(), high, low


@answers.right
def in_float32(scores, rng):
    scores = scores.astype(np.float32)
    r, i = scores.shape
    samples = [scores[rng.integers(r, size=r)][:, rng.integers(i, size=i)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


TestAnswers = answers.tests()


def test_mos_interval_is_the_packages():
    intervals = pytest.importorskip("srgan_lessons.rating.intervals")
    scores = np.clip(np.rint(np.random.default_rng(3).normal(3, 1, (12, 20))), 1, 5)
    low, high = intervals.percentile_interval(intervals.two_way_bootstrap(scores[:, :, None], resamples=4000))
    assert mos_interval(scores, np.random.default_rng(0)) == pytest.approx([scores.mean(), low[0], high[0]], abs=0.03)


def test_right_intervals_pass_whatever_their_seed():
    for seed in range(20):

        def seeded(scores, rng, seed=seed):
            return mos_interval(scores, np.random.default_rng([seed, rng.integers(1000)]))

        verdict = grade("mos_interval", seeded)
        assert verdict.passed, (seed, verdict.message)
