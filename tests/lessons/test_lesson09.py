"""The exercises of lesson 09: right and wrong answers, and the references against the package's own analysis."""

import csv

import numpy as np
import pytest

from srgan_lessons.classroom import grade
from srgan_lessons.classroom.exercises.lesson09 import bt500_rejects, holm, margin_to_hr, mos_interval
from srgan_lessons.classroom.judges.opinion import BT500_RIGHT, bt500, bt500_cases
from srgan_lessons.files import shipped
from tests.lessons.answers import Answers

answers = Answers(lesson=9)
PERCENT = [2.5, 97.5]

# --- mos_interval ----------------------------------------------------------------------------------------------------


def _samples(scores, rng, draw):
    return [draw(scores, rng) for _ in range(1000)]


def _both(scores, rng):
    raters, images = scores.shape
    return scores[rng.integers(0, raters, raters)][:, rng.integers(0, images, images)].mean()


@answers.right("mos_interval")
def with_choice_and_ix(scores, rng):
    samples = np.empty(2000)
    for k in range(2000):
        who = rng.choice(len(scores), len(scores))
        what = rng.choice(scores.shape[1], scores.shape[1])
        samples[k] = scores[np.ix_(who, what)].mean()
    return np.mean(scores), np.quantile(samples, 0.025), np.quantile(samples, 0.975)


@answers.right("mos_interval")
def by_weights(scores, rng):
    r, i = scores.shape
    samples = rng.multinomial(r, np.full(r, 1 / r), 1000) / r @ scores
    samples = (samples * rng.multinomial(i, np.full(i, 1 / i), 1000) / i).sum(axis=1)
    return np.array([scores.mean(), *np.percentile(samples, PERCENT)])


@answers.right("mos_interval")
def its_own_generator(scores, rng):
    rng = np.random.default_rng()
    return scores.mean(), *np.percentile(_samples(scores, rng, _both), PERCENT)


@answers.wrong("mos_interval", says="Only images are drawn anew")
def images_alone(scores, rng):
    images = scores.shape[1]
    samples = [scores[:, rng.integers(0, images, images)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="Only raters are drawn anew")
def raters_alone(scores, rng):
    raters = len(scores)
    samples = [scores[rng.integers(0, raters, raters)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="as if they were independent of each other")
def votes_pooled(scores, rng):
    samples = [rng.choice(scores.ravel(), scores.size).mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="takes one vote for each pair")
def pairs(scores, rng):
    raters, images = scores.shape
    samples = [scores[rng.integers(0, raters, raters), rng.integers(0, images, images)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="with replacement")
def without_replacement(scores, rng):
    raters, images = scores.shape
    samples = [scores[rng.permutation(raters)][:, rng.permutation(images)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="inside the loop")
def drawn_once(scores, rng):
    raters, images = scores.shape
    who, what = rng.integers(0, raters, raters), rng.integers(0, images, images)
    samples = [scores[who][:, what].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="counts in per cent")
def fractions(scores, rng):
    return scores.mean(), *np.percentile(_samples(scores, rng, _both), [0.025, 0.975])


@answers.wrong("mos_interval", says="holds 90 %")
def ninety(scores, rng):
    return scores.mean(), *np.percentile(_samples(scores, rng, _both), [5, 95])


@answers.wrong("mos_interval", says="nobody can vote more than 5")
def normal(scores, rng):
    half = 1.96 * np.std(_samples(scores, rng, _both))
    return scores.mean(), scores.mean() - half, scores.mean() + half


@answers.wrong("mos_interval", says="one standard deviation")
def one_standard_deviation(scores, rng):
    half = min(np.std(_samples(scores, rng, _both)), 5 - scores.mean())
    return scores.mean(), scores.mean() - half, scores.mean() + half


@answers.wrong("mos_interval", says="ends at n - 1 by itself")
def last_one_never_drawn(scores, rng):
    raters, images = scores.shape
    samples = [
        scores[rng.integers(0, raters - 1, raters)][:, rng.integers(0, images - 1, images)].mean() for _ in range(1000)
    ]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="An index is too large")
def axes_swapped(scores, rng):
    images, raters = scores.shape
    samples = [scores[rng.integers(0, raters, raters)][:, rng.integers(0, images, images)].mean() for _ in range(1000)]
    return scores.mean(), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="not of the samples")
def mean_of_samples(scores, rng):
    samples = _samples(scores, rng, _both)
    return np.mean(samples), *np.percentile(samples, PERCENT)


@answers.wrong("mos_interval", says="Three are expected")
def without_mos(scores, rng):
    return tuple(np.percentile(_samples(scores, rng, _both), PERCENT))


@answers.wrong("mos_interval", says="lower end is above")
def upside_down_interval(scores, rng):
    low, high = np.percentile(_samples(scores, rng, _both), PERCENT)
    return scores.mean(), high, low


def test_mos_interval_is_the_packages():
    intervals = pytest.importorskip("srgan_lessons.rating.intervals")
    scores = np.clip(np.rint(np.random.default_rng(3).normal(3, 1, (12, 20))), 1, 5)
    low, high = intervals.percentile_interval(intervals.two_way_bootstrap(scores[:, :, None], resamples=4000))
    assert mos_interval(scores, np.random.default_rng(0)) == pytest.approx([scores.mean(), low[0], high[0]], abs=0.03)


def test_right_intervals_pass_whatever_their_seed():
    for seed in range(20):

        def seeded(scores, rng, seed=seed):
            return mos_interval(scores, np.random.default_rng(seed))

        verdict = grade("mos_interval", seeded)
        assert verdict.passed, (seed, verdict.message)


# --- bt500_rejects ---------------------------------------------------------------------------------------------------


def _as_written(scores, **how):
    return bt500(scores, **how)


@answers.right("bt500_rejects")
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


@answers.wrong("bt500_rejects", says="the trap")
def with_zero_variance(scores):
    return _as_written(scores, trap=True)


@answers.wrong("bt500_rejects", says="excess kurtosis")
def excess_kurtosis(scores):
    return _as_written(scores, excess=3.0)


@answers.wrong("bt500_rejects", says="The reach is 2 s for every stimulus")
def always_two(scores):
    return _as_written(scores, outer=2.0)


@answers.wrong("bt500_rejects", says="sqrt(20) s for every stimulus")
def always_root_twenty(scores):
    return _as_written(scores, inner=20**0.5)


@answers.wrong("bt500_rejects", says="two reaches are swapped")
def swapped_reaches(scores):
    return _as_written(scores, inner=20**0.5, outer=2.0)


@answers.wrong("bt500_rejects", says="20 s where it should be sqrt(20) s")
def no_root(scores):
    return _as_written(scores, outer=20.0)


@answers.wrong("bt500_rejects", says="not multiplied by s")
def reach_in_steps(scores):
    return _as_written(scores, scaled=False)


@answers.wrong("bt500_rejects", says="multiplied by the variance")
def reach_of_variance(scores):
    return _as_written(scores, squared=True)


@answers.wrong("bt500_rejects", says="asks for both directions, too")
def whoever_is_far(scores):
    return _as_written(scores, rule="often")


@answers.wrong("bt500_rejects", says="How often a rater is far does not matter here")
def whoever_is_balanced(scores):
    return _as_written(scores, rule="balanced")


@answers.wrong("bt500_rejects", says="far in one direction")
def whoever_is_biased(scores):
    return _as_written(scores, rule="bias")


@answers.wrong("bt500_rejects", says="upside down")
def who_stays(scores):
    return ~bt500_rejects(scores)


@answers.wrong("bt500_rejects", says="Nobody is rejected, ever")
def five_as_a_count(scores):
    return np.zeros(scores.shape[1], dtype=bool)


@answers.wrong("bt500_rejects", says="one value a stimulus")
def wrong_axis(scores):
    return bt500_rejects(scores.T)


@answers.wrong("bt500_rejects", says="one True or False a rater is expected")
def names_of_the_rejected(scores):
    return np.flatnonzero(bt500_rejects(scores))


@answers.wrong("bt500_rejects", says="numbers other than 0 and 1")
def counts(scores):
    return bt500_rejects(scores) * 7


@answers.wrong("bt500_rejects", says="who should stay")
def at_random(scores):
    return np.arange(scores.shape[1]) % 2


def test_bt500_rejects_as_the_package_does():
    screening = pytest.importorskip("srgan_lessons.rating.screening")
    cases = bt500_cases()
    for scores in cases:
        assert np.array_equal(bt500_rejects(scores), screening.bt500(scores)["rejected"])
        naive = screening.bt500(scores, naive=True)["rejected"]
        assert np.array_equal(bt500(scores, trap=True), naive)
        assert (scores.std(axis=1) == 0).any()
    assert any(bt500_rejects(scores).any() for scores in cases)


def test_bt500_verdicts_hang_on_no_choice_that_the_recommendation_leaves():
    for scores in bt500_cases():
        for how in BT500_RIGHT:
            assert np.array_equal(bt500(scores, **how), bt500_rejects(scores)), how
        varied = scores[scores.std(axis=1) > 0]  # the share may be of all stimuli, or of those that count
        assert np.array_equal(bt500_rejects(varied), bt500_rejects(scores))


# --- holm ------------------------------------------------------------------------------------------------------------


@answers.right("holm")
def vectorised(p_values):
    order = np.argsort(p_values)
    factors = len(p_values) - np.arange(len(p_values))
    stepped = np.maximum.accumulate(p_values[order] * factors)
    return np.minimum(stepped, 1)[np.argsort(order)]


@answers.right("holm")
def in_plain_python(p_values):
    ranked = sorted(range(len(p_values)), key=lambda k: p_values[k])
    out, last = [None] * len(ranked), 0
    for left, k in zip(range(len(ranked), 0, -1), ranked, strict=True):
        last = out[k] = max(last, min(1, left * float(p_values[k])))
    return out


@answers.wrong("holm", says="They are as they were")
def untouched(p_values):
    return p_values


@answers.wrong("holm", says="This is Bonferroni")
def bonferroni(p_values):
    return np.minimum(1, len(p_values) * p_values)


@answers.wrong("holm", says="goes above 1")
def bonferroni_uncut(p_values):
    return len(p_values) * p_values


@answers.wrong("holm", says="must stand where its p-value stood")
def sorted_values(p_values):
    p = np.sort(p_values)
    return np.minimum(1, np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


@answers.wrong("holm", says="Keep the largest so far")
def not_monotone(p_values):
    out = np.empty(len(p_values))
    for place, k in enumerate(np.argsort(p_values)):
        out[k] = min(1, (len(p_values) - place) * p_values[k])
    return out


@answers.wrong("holm", says="No probability is")
def above_one(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, k in enumerate(np.argsort(p_values)):
        largest = out[k] = max(largest, (len(p_values) - place) * p_values[k])
    return out


@answers.wrong("holm", says="one too small")
def counted_from_one(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, k in enumerate(np.argsort(p_values), start=1):
        largest = out[k] = max(largest, min(1, (len(p_values) - place) * p_values[k]))
    return out


@answers.wrong("holm", says="go the wrong way")
def rising_factors(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, k in enumerate(np.argsort(p_values), start=1):
        largest = out[k] = max(largest, min(1, place * p_values[k]))
    return out


@answers.wrong("holm", says="Sort first")
def unsorted(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, p in enumerate(p_values):
        largest = out[place] = max(largest, min(1, (len(p_values) - place) * p))
    return out


@answers.wrong("holm", says="Benjamini-Hochberg")
def false_discovery_rate(p_values):
    order = np.argsort(p_values)[::-1]
    count = len(p_values)
    out, smallest = np.empty(count), 1.0
    for place, k in zip(range(count, 0, -1), order, strict=True):
        smallest = out[k] = min(smallest, p_values[k] * count / place)
    return out


@answers.wrong("holm", says="Hochberg's method")
def hochberg(p_values):
    order = np.argsort(p_values)[::-1]
    out, smallest = np.empty(len(p_values)), 1.0
    for factor, k in enumerate(order, start=1):
        smallest = out[k] = min(smallest, factor * p_values[k])
    return out


@answers.wrong("holm", says="Šidák")
def sidak(p_values):
    out, largest = np.empty(len(p_values)), 0
    for place, k in enumerate(np.argsort(p_values)):
        largest = out[k] = max(largest, 1 - (1 - p_values[k]) ** (len(p_values) - place))
    return out


@answers.wrong("holm", says="True and False came back")
def decisions(p_values):
    return holm(p_values) < 0.05


@answers.wrong("holm", says="0.04 becomes 0.045; it should be 0.09")
def halved(p_values):
    return holm(p_values) / 2


@answers.wrong("holm", says="has the shape ()")
def only_the_first(p_values):
    return min(p_values) * len(p_values)


def test_holm_is_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 36):
        p = np.round(rng.uniform(0, 0.2, count), 3)
        assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1], abs=1e-12)


# --- margin_to_hr ----------------------------------------------------------------------------------------------------


def _table2(dataset):
    with open(shipped("tables/paper_table2.csv"), newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == dataset]
    return {"hr" if row["method"] == "HR" else row["method"]: float(row["mos"]) for row in rows}


@answers.right("margin_to_hr")
def with_a_loop(mos, method):
    closest = 9
    for name in mos:
        if name != "hr" and name != method:
            closest = min(closest, abs(mos[name] - mos[method]))
    return closest - abs(mos[method] - mos["hr"])


@answers.right("margin_to_hr")
def with_arrays(mos, method):
    own = mos.pop(method)
    hr = mos.pop("hr")
    return np.abs(np.array(list(mos.values())) - own).min() - np.abs(hr - own)


@answers.wrong("margin_to_hr", says="sign is turned round")
def turned_round(mos, method):
    return -margin_to_hr(mos, method)


@answers.wrong("margin_to_hr", says="compared with itself")
def with_itself(mos, method):
    return min(abs(mos[method] - v) for name, v in mos.items() if name != "hr") - abs(mos["hr"] - mos[method])


@answers.wrong("margin_to_hr", says="hr is among the others")
def with_hr(mos, method):
    return min(abs(mos[method] - v) for name, v in mos.items() if name != method) - abs(mos["hr"] - mos[method])


@answers.wrong("margin_to_hr", says="A distance has no sign")
def no_abs(mos, method):
    others = [mos[method] - v for name, v in mos.items() if name not in ("hr", method)]
    return min(others) - (mos["hr"] - mos[method])


@answers.wrong("margin_to_hr", says="the farthest method")
def farthest(mos, method):
    others = [abs(mos[method] - v) for name, v in mos.items() if name not in ("hr", method)]
    return max(others) - abs(mos["hr"] - mos[method])


@answers.wrong("margin_to_hr", says="the mean of the others")
def on_average(mos, method):
    others = [abs(mos[method] - v) for name, v in mos.items() if name not in ("hr", method)]
    return sum(others) / len(others) - abs(mos["hr"] - mos[method])


@answers.wrong("margin_to_hr", says="best of the others")
def best_of_the_others(mos, method):
    best = max(v for name, v in mos.items() if name not in ("hr", method))
    return abs(mos[method] - best) - abs(mos["hr"] - mos[method])


@answers.wrong("margin_to_hr", says="True or False came back")
def yes_or_no(mos, method):
    return margin_to_hr(mos, method) > 0


@answers.wrong("margin_to_hr", says="distance to hr alone")
def only_to_hr(mos, method):
    return abs(mos["hr"] - mos[method])


@answers.wrong("margin_to_hr", says="closest other method alone")
def only_to_others(mos, method):
    return min(abs(mos[method] - v) for name, v in mos.items() if name not in ("hr", method))


@answers.wrong("margin_to_hr", says="it should be -0.84")
def a_guess(mos, method):
    return 0.5


TestLesson09 = answers.tests()


def test_margin_to_hr_of_srgan_in_the_papers_table_2():
    margins = [margin_to_hr(_table2(dataset), "SRGAN") for dataset in ("Set5", "Set14", "BSD100")]
    assert margins == pytest.approx([-0.53, 0.14, 0.37], abs=1e-9)  # 0.21 - 0.74, 0.74 - 0.60, 1.27 - 0.90
