"""Synthetic raters: their truth is the truth, the shipped class can be drawn again, and power is what was simulated."""

import numpy as np
import pandas as pd
import pytest

from srgan_lessons import UserError
from srgan_lessons.files import shipped
from srgan_lessons.rating.analysis import analyse, compare
from srgan_lessons.rating.power import power_table, power_text, raters_needed
from srgan_lessons.rating.synthetic import (
    EXAMPLE,
    Population,
    compact_csv,
    example_class,
    latent_mean,
    make_example_class,
    paper_mos,
    synthetic_scores,
    synthetic_votes,
    true_mean,
)
from srgan_lessons.rating.tables import check_votes, gold_trials, rated, repeated_trials


@pytest.mark.parametrize("latent", [-0.5, 1.1, 2.3, 3.0, 4.6])
def test_the_true_mean_is_that_of_a_million_votes(latent):
    """Each by another rater on another image: drawn by the definition, rounded, averaged."""
    population, rng = Population(), np.random.default_rng(int(10 * latent) % 97)
    n = 1_000_000
    steady = population.inconsistency * np.exp(population.spread * rng.standard_normal(n))
    votes = latent + rng.normal(0, population.image, n) + rng.normal(0, population.texture, n)
    votes += rng.normal(0, population.bias, n) + steady * rng.standard_normal(n)
    mean = np.clip(np.rint(votes), 1, 5).mean()
    assert true_mean(latent) == pytest.approx(mean, abs=0.004)


def test_rounding_shifts_the_mean_and_calibration_takes_it_back():
    assert true_mean(1.0) > 1.2  # half of those who mean 1 would like to give less, and cannot
    assert true_mean(3.0) == pytest.approx(3.0)
    for mos in (1.01, 1.11, 1.87, 3.0, 4.46, 4.99):
        assert true_mean(latent_mean(mos)) == pytest.approx(mos, abs=1e-8)
    assert latent_mean(1.87) != latent_mean(1.87, Population(bias=0.8))


def test_votes_have_the_wanted_means():
    """Many raters and images: the sample mean is the truth, near the ends of the scale too."""
    truth = {"nearest": 1.11, "b": 1.87, "c": 3.0, "hr": 4.46, "floor": 1.0, "ceiling": 5.0}
    scores = synthetic_scores(truth, raters=1500, images=1500, seed=0)
    assert set(np.unique(scores)) == {1, 2, 3, 4, 5}
    assert scores.mean(axis=(0, 1)) == pytest.approx(list(truth.values()), abs=0.035)
    assert (scores[:, :, 4] == 1).all()
    assert (scores[:, :, 5] == 5).all()


def test_a_plain_rounded_quality_would_miss():
    """Negative control: without calibration the mean of "1.11" is far off."""
    assert abs(true_mean(1.11) - 1.11) > 0.15


def test_seeds():
    a, b, c = (synthetic_votes({"a": 2.0, "b": 3.0}, raters=5, images=4, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(a, b)
    assert (a["score"] != c["score"]).any()
    cube = synthetic_scores({"a": 2.0, "b": 3.0}, raters=5, images=4, seed=1)
    assert a["score"].tolist() == cube.ravel().astype(int).tolist()
    extras = synthetic_votes({"a": 2.0, "b": 3.0}, raters=5, images=4, seed=1, gold=4, repeats=0.5, anchors=2)
    assert rated(extras)["score"].tolist() == a["score"].tolist()


def test_the_table_has_what_was_asked_for():
    votes = check_votes(
        synthetic_votes(
            paper_mos(), raters=8, images=10, clickers=2, straight_liners=1, swapped=1, gold=5, repeats=0.1, anchors=3
        )
    )
    assert len(rated(votes)) == 8 * 90
    assert len(repeated_trials(votes)) == 8 * 9
    assert sorted(gold_trials(votes)["gold_expected"].unique()) == [1, 5]
    assert len(gold_trials(votes)) == 8 * 5
    assert (votes["phase"] == "training").sum() == 8 * 6
    by_rater = rated(votes).groupby("rater")["score"]
    assert by_rater.get_group("rater_07").nunique() == 1
    means = rated(votes).pivot_table(index="rater", columns="method", values="score")
    assert (means.loc["rater_01":"rater_04", "hr"] > means.loc["rater_01":"rater_04", "nearest"] + 2).all()
    assert means.loc["rater_08", "hr"] + 2 < means.loc["rater_08", "nearest"]
    shares = by_rater.get_group("rater_05").value_counts(normalize=True)
    assert shares.max() < 0.4  # any button


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"raters": 0}, "needs methods"),
        ({"raters": 3, "clickers": 4}, "no more spoilers.*got 1 method, 100 images and 3 raters, with 4 spoilers"),
        ({"clickers": -1}, "spoilers"),
        ({"repeats": 1.5}, "share from 0 to 1"),
        ({"truth": {}}, "0 methods"),
        ({"truth": {"a": 5.2}}, "from 1 to 5"),
    ],
)
def test_impossible_classes_are_refused(wrong, says):
    with pytest.raises(UserError, match=says):
        synthetic_votes(**{"truth": {"a": 2.0}, **wrong})


def test_impossible_populations_are_refused():
    with pytest.raises(UserError, match="bias"):
        Population(bias=-0.1)
    with pytest.raises(UserError, match="no set"):
        paper_mos("Set99")


# --- the class that comes with the course ----------------------------------------------------------------------------


def test_the_shipped_class_is_drawn_again_bit_for_bit():
    assert shipped(EXAMPLE).read_bytes().decode() == compact_csv(make_example_class())
    pd.testing.assert_frame_equal(example_class(), make_example_class())
    assert shipped(EXAMPLE).stat().st_size < 300_000


def test_the_shipped_class_says_what_the_lesson_says():
    truth = paper_mos("BSD100")
    found = analyse(example_class(), resamples=500)
    assert found.raters.loc[found.raters["excluded"], "rater"].tolist() == ["rater_24", "rater_25", "rater_26"]
    assert found.methods["method"].tolist() == sorted(truth, key=lambda name: -truth[name])
    hidden = found.pairs[~found.pairs["shown"]]
    assert hidden[["better", "worse"]].to_numpy().tolist() == [["SelfExSR", "SRCNN"]]
    inside = [row.low <= truth[row.method] <= row.high for row in found.methods.itertuples()]
    assert sum(inside) >= 8


# --- power -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def powers():
    return power_table((0.0, 0.15, 0.4), raters=(4, 12, 30), images=20, studies=60, seed=1)


def test_power_grows_with_raters_and_difference(powers):
    wide = powers.pivot(index="difference", columns="raters", values="power")
    assert (wide.loc[0.0] <= 0.1).all()  # no difference: a false alarm now and then
    assert wide.loc[0.4, 30] >= 0.95
    assert wide.loc[0.15, 4] < wide.loc[0.15, 30]
    assert (wide.loc[0.15] < wide.loc[0.4]).all()
    rounding = 1e-12
    assert (powers["low"] <= powers["power"] + rounding).all()
    assert (powers["power"] <= powers["high"] + rounding).all()


def test_wilson_s_interval_by_hand(powers):
    """0 of 60: from 0 to z^2 / (60 + z^2) = 0.0602."""
    none = powers[powers["power"] == 0]
    assert len(none) > 0
    assert none["low"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert none["high"].to_numpy() == pytest.approx(0.0602, abs=1e-4)


def test_more_comparisons_cost_power():
    alone = power_table((0.2,), raters=(12,), studies=60, seed=2)["power"].iloc[0]
    of_nine = power_table((0.2,), raters=(12,), methods=9, studies=60, seed=2)["power"].iloc[0]
    assert of_nine < alone


def test_the_p_value_is_multiplied_by_the_number_of_pairs():
    """The smallest p of eight images is 2 / 256. Times the 6 pairs of 4 methods it is 0.047; times 10, 0.078."""
    for methods, power in ((2, 1), (4, 1), (5, 0)):
        found = power_table((3.0,), raters=(20,), images=8, methods=methods, studies=5)
        assert found["power"].tolist() == [power]


def test_the_power_is_that_of_the_analysis():
    """Of one pair, the share of studies in which the analysis shows that the better method is better."""
    found = power_table((0.3,), raters=(8,), images=12, studies=40, seed=3, mos=2.5)
    shown = 0
    for study in range(40):
        draw = int(np.random.SeedSequence([3, 0, 8, study]).generate_state(1)[0])
        scores = synthetic_scores({"worse": 2.35, "better": 2.65}, raters=8, images=12, seed=draw)
        row = compare(scores[:, :, ::-1], ["better", "worse"]).iloc[0]
        shown += row["shown"] and row["difference"] > 0
    assert found["power"].iloc[0] == shown / 40
    assert 0.1 < shown / 40 < 0.9


def test_the_same_seed_gives_the_same_table():
    first = power_table((0.2,), raters=(6,), studies=20, seed=5)
    pd.testing.assert_frame_equal(first, power_table((0.2,), raters=(6,), studies=20, seed=5))


def test_the_number_of_raters_is_read_off():
    rows = [
        (0.1, 5, 0.2),
        (0.1, 10, 0.4),
        (0.3, 5, 0.85),
        (0.3, 10, 0.7),
        (0.3, 20, 0.9),
        (0.3, 40, 0.95),
        (0.5, 5, 0.8),
    ]
    table = pd.DataFrame(rows, columns=["difference", "raters", "power"]).assign(images=20)
    assert raters_needed(table) == {0.1: None, 0.3: 20, 0.5: 5}
    assert raters_needed(table, power=0.95)[0.3] == 40


def test_power_as_text(powers):
    text = power_text(powers)
    assert "20 images" in text
    assert "raters for 80%" in text
    assert "more than 30" in text
    assert all(len(line) <= 110 for line in text.splitlines())


@pytest.mark.parametrize(
    "wrong",
    [
        *({"raters": (1, 5)}, {"raters": ()}, {"images": 1}, {"methods": 1}, {"studies": 0}, {"seed": -1}),
        *({"differences": (-0.1,)}, {"differences": ()}, {"mos": 1.2}, {"mos": 4.8}),  # 0.4 / 2 from an end
    ],
)
def test_impossible_plans_are_refused(wrong):
    with pytest.raises(UserError, match="power"):
        power_table(**{"differences": (0.4,), "raters": (2,), "studies": 1, **wrong})


def test_the_smallest_plan_is_possible():
    """Also a mean of 1.25 with a difference of 0.4, which stays above 1."""
    assert len(power_table((0.0, 0.4), raters=(2,), images=2, methods=2, studies=1, mos=1.25)) == 2
