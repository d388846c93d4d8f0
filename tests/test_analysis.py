"""The analysis of votes: intervals that cover, tests that agree with tables, statements that say what is shown."""

import re
import warnings
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from srgan_lessons import UserError
from srgan_lessons.rating import analyse, intervals
from srgan_lessons.rating.analysis import (
    bootstrap,
    compare,
    compare_methods,
    difference_scores,
    dmos_table,
    holm,
    icc_table,
    image_table,
    mos_table,
    wilcoxon_p,
)
from srgan_lessons.rating.synthetic import paper_mos, synthetic_scores, synthetic_votes
from srgan_lessons.rating.tables import Scores, check_votes, rated, score_cube, score_matrix

# Shrout and Fleiss 1979, Intraclass correlations, Table 2: six targets, four judges
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7.0]])


def long_table(cube: np.ndarray, methods) -> pd.DataFrame:
    """The table of votes (raters, images, methods); NaN is no vote."""
    r, i, m = np.nonzero(~np.isnan(cube))
    names = {"rater": [f"r{k:02d}" for k in r], "image": [f"i{k:02d}" for k in i], "method": [methods[k] for k in m]}
    return pd.DataFrame({**names, "score": cube[r, i, m].astype(int)})


@pytest.fixture(scope="module")
def votes() -> pd.DataFrame:
    return synthetic_votes(paper_mos(), raters=16, images=20, seed=4, repeats=0.1, gold=6, anchors=4)


@pytest.fixture(scope="module")
def analysis(votes):
    return analyse(votes, resamples=500)


# --- agreement -------------------------------------------------------------------------------------------------------


def test_icc_of_the_published_example():
    """Shrout and Fleiss 1979, Table 4: ICC(2,1) = .29, ICC(2,4) = .62."""
    one, mean = intervals.icc(SHROUT_FLEISS)
    assert (round(one, 2), round(mean, 2)) == (0.29, 0.62)


def test_variance_components_without_gaps_are_those_of_the_analysis_of_variance():
    """From the mean squares in their Table 3: 11.24 between targets, 32.49 between judges, 1.02 the rest."""
    stimuli, raters, rest = intervals.variance_components(SHROUT_FLEISS)
    assert rest == pytest.approx(1.02, abs=0.005)
    assert stimuli == pytest.approx((11.24 - 1.02) / 4, abs=0.01)
    assert raters == pytest.approx((32.49 - 1.02) / 6, abs=0.01)


def test_stimuli_and_raters_without_votes_change_no_variance_component():
    wider = np.full((8, 6), np.nan)
    wider[np.ix_([0, 1, 3, 4, 5, 7], [0, 2, 3, 5])] = SHROUT_FLEISS
    expected = intervals.variance_components(SHROUT_FLEISS)
    assert intervals.variance_components(wider) == pytest.approx(expected)
    assert intervals.icc(wider) == pytest.approx(intervals.icc(SHROUT_FLEISS))


def test_no_agreement_is_computed_from_negative_variances():
    """A Latin square: all means are 2, so that stimuli and raters get -0.5 each. The mean of three would get -1/6."""
    square = np.array([[1.0, 2, 3], [2, 3, 1], [3, 1, 2]])
    assert intervals.variance_components(square) == pytest.approx((-0.5, -0.5, 1.5))
    assert np.isnan(intervals.icc(square)).all()


def test_variance_components_survive_gaps():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(40):
        matrix = rng.normal(0, 1.0, (150, 1)) + rng.normal(0, 0.5, 20) + rng.normal(0, 0.7, (150, 20))
        matrix[rng.random(matrix.shape) < 0.4] = np.nan
        found.append(intervals.variance_components(matrix))
    assert np.mean(found, axis=0) == pytest.approx([1.0, 0.25, 0.49], rel=0.08)


# --- the two-way bootstrap -------------------------------------------------------------------------------------------


def test_the_bootstrap_has_its_known_variance():
    """Where only raters differ, the variance of a resampled mean is theirs / raters; where only images do, theirs."""
    habits, pictures = np.array([1.0, 2, 2, 4, 5]), np.array([1.0, 1, 3, 4, 4, 5, 2])
    only_raters = np.broadcast_to(habits[:, None, None], (5, 7, 1)).copy()
    only_images = np.broadcast_to(pictures[None, :, None], (5, 7, 1)).copy()
    for cube, expected in ((only_raters, habits.var() / 5), (only_images, pictures.var() / 7)):
        samples = intervals.two_way_bootstrap(cube, resamples=20_000, seed=1)[:, 0]
        assert len(samples) == 20_000
        assert samples.mean() == pytest.approx(cube.mean(), abs=0.02)
        assert samples.var() == pytest.approx(expected, rel=0.04)


def test_weights_and_drawing_votes_give_the_same_means():
    """A weight is how often somebody was drawn: the same as a study in which that person's votes stand so often."""
    cube = synthetic_scores({"a": 2.0, "b": 4.0}, raters=6, images=5, seed=0)
    cube[0, 1, 0] = cube[2, 3, 1] = np.nan
    cube[:, 4, 0] = np.nan  # nobody has rated this version
    by_rater, by_image = intervals.bootstrap_weights(6, 5, resamples=20, seed=3)
    fast = intervals.method_means(intervals.image_means(cube, by_rater), by_image)
    for k in range(20):
        drawn = np.repeat(np.repeat(cube, by_rater[k].astype(int), axis=0), by_image[k].astype(int), axis=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's, of the mean of nothing
            slow = np.nanmean(np.nanmean(drawn, axis=0), axis=0)
        assert fast[k] == pytest.approx(slow)
    assert np.array_equal(intervals.two_way_bootstrap(cube, resamples=20, seed=3, block=7), fast)
    rated_by_some = (cube[:, :4, 0], cube[:, :, 1])
    assert intervals.mos_of(cube) == pytest.approx([np.nanmean(votes, axis=0).mean() for votes in rated_by_some])


def test_intervals_of_a_single_mean_by_hand():
    """The middle 95 of 0 to 100; and Student's t of 1 to 5, with t(4) = 2.776445 and s = sqrt(2.5)."""
    assert intervals.percentile_interval(np.arange(101.0)) == pytest.approx((2.5, 97.5))
    assert intervals.percentile_interval(np.arange(101.0), level=0.8) == pytest.approx((10, 90))
    half = 2.776445 * (2.5 / 5) ** 0.5
    assert intervals.pooled_interval([1, 2, np.nan, 3, 4, 5]) == pytest.approx((3 - half, 3 + half), abs=1e-6)
    votes = np.array([[1, 3, 2, 5, 5], [1, 1, np.nan, 3, 5], [1, np.nan, 4, 4, 5]])  # images have means of 1 to 5
    assert intervals.image_interval(votes) == pytest.approx((3 - half, 3 + half), abs=1e-6)


def test_intervals_stay_on_the_scale():
    cube = synthetic_scores({"low": 1.03, "high": 4.97}, raters=5, images=6, seed=1)
    low, high = intervals.percentile_interval(intervals.two_way_bootstrap(cube, resamples=500))
    assert (low >= 1).all()
    assert (high <= 5).all()
    assert intervals.pooled_interval([5, 5, 5, 5, 4.0])[1] > 5  # Student's t does not


def test_the_true_mean_lies_in_the_interval_as_often_as_promised():
    """300 studies, 26 raters and 100 images drawn again each time, true MOS as in the paper's BSD100 row.

    Pooled votes, and image means without the raters, promise 95 % and keep far less.
    """
    truth = paper_mos("BSD100")
    true = np.array(list(truth.values()))
    hits, pooled, by_image = [], [], []
    for seed in range(300):
        cube = synthetic_scores(truth, seed=seed)
        low, high = intervals.percentile_interval(intervals.two_way_bootstrap(cube, resamples=1000, seed=seed))
        hits.append((low <= true) & (true <= high))
        for found, interval in ((pooled, intervals.pooled_interval), (by_image, intervals.image_interval)):
            low, high = interval(cube[:, :, 2] if interval is intervals.image_interval else cube[:, :, 2].ravel())
            found.append(low <= true[2] <= high)
    assert 0.93 <= np.mean(hits) <= 0.97
    assert (np.mean(hits, axis=0) > 0.90).all()  # each of the nine methods
    assert np.mean(pooled) < 0.75
    assert np.mean(by_image) < 0.75


# --- the tests -------------------------------------------------------------------------------------------------------


def test_wilcoxon_by_hand():
    """Six images, all the same way: 2 of the 64 signs are as extreme. With ranks 1 and 2 against, 10 of 64."""
    assert wilcoxon_p(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])) == pytest.approx(2 / 64)
    assert wilcoxon_p(np.array([-0.1, -0.2, 0.3, 0.4, 0.5, 0.6])) == pytest.approx(10 / 64)
    assert wilcoxon_p(np.zeros(6)) == 1.0


def test_wilcoxon_is_scipy_s():
    """Exact without ties; with ties and zeros against all permutations of signs; beyond 50 the approximation."""
    rng = np.random.default_rng(0)
    for n in (8, 20, 49, 50, 51, 100):
        x = rng.normal(0.2, 1, n)
        kind = {} if n > 50 else {"method": "exact"}
        assert wilcoxon_p(x) == pytest.approx(stats.wilcoxon(np.round(x, 9), **kind).pvalue, rel=1e-9)
    for _ in range(3):
        x = rng.integers(-2, 5, 9) / 3
        every = stats.wilcoxon(np.round(x[x != 0], 9), method=stats.PermutationMethod(n_resamples=np.inf))
        assert wilcoxon_p(x) == pytest.approx(every.pvalue)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


def test_holm_is_statsmodels_s():
    rng = np.random.default_rng(0)
    for count in (1, 2, 6, 36, 200):
        p = np.round(rng.random(count) ** 4, 3)  # small ones, some of them equal
        assert np.array_equal(holm(p), multipletests(p, method="holm")[1])


def test_the_paper_s_order_and_its_one_open_pair():
    """26 raters with the paper's BSD100 row as their true means, 20 classes.

    All pairs differ, the right way round, but SRCNN (1.87) and SelfExSR (1.89): there a difference may be shown now and
    then, since 0.02 is one.
    """
    truth = paper_mos("BSD100")
    names = sorted(truth, key=lambda name: -truth[name])
    open_pair, wrong, missed = 0, [], 0
    for seed in range(20):
        cube = synthetic_scores({name: truth[name] for name in names}, seed=100 + seed)
        pairs = compare(cube, names).set_index(["better", "worse"])
        open_pair += not pairs.loc[("SelfExSR", "SRCNN"), "shown"]
        others = pairs.drop(index=[("SelfExSR", "SRCNN")])
        wrong += list(others.index[others["difference"] <= 0])
        missed += int((~others["shown"]).sum())
    assert wrong == []
    assert missed <= 0.01 * 20 * 35
    assert open_pair >= 17


def test_the_analysis_of_such_a_class():
    found = analyse(synthetic_votes(paper_mos("BSD100"), seed=2), seed=0, resamples=500)
    truth = paper_mos("BSD100")
    assert found.methods["method"].tolist() == sorted(truth, key=lambda name: -truth[name])
    assert [text for text in found.statements if text.startswith("no difference")] == [
        text for text in found.statements if "SelfExSR and SRCNN" in text
    ]
    assert sum(text.startswith("no difference") for text in found.statements) == 1
    assert not found.raters["excluded"].any()
    assert found.warnings == ()


def test_equal_methods_are_seldom_told_apart():
    """Four methods with one true mean: any of the six pairs shown is a false alarm; Holm keeps them under 5 % or so."""
    alarms = 0
    for seed in range(50):
        cube = synthetic_scores(dict.fromkeys("abcd", 3.0), raters=15, images=20, seed=seed)
        alarms += bool(compare(cube, list("abcd"))["shown"].any())
    assert alarms <= 6


def test_what_two_of_four_raters_see_is_not_shown():
    """All images agree, so the test on image means is sure; but half of the raters see nothing, and others may too."""
    rng = np.random.default_rng(0)
    base = rng.integers(2, 4, size=(4, 24, 1))
    cube = np.concatenate([base, base], axis=2).astype(float)
    cube[:2, :, 1] += 1
    row = compare_methods(Scores.of(long_table(cube, ["a", "b"]))).iloc[0]
    assert row["p_holm"] < 0.001
    assert row["low"] <= 0
    assert not row["shown"]
    assert "raters do not agree" in row["statement"]


def test_statements_read_as_promised(analysis):
    shown = analysis.pairs[analysis.pairs["shown"]].iloc[0]
    pattern = r"hr above SRGAN, difference \d\.\d\d \[\d\.\d\d, \d\.\d\d\], p_Holm (< 0\.0001|= 0\.\d+)"
    assert re.fullmatch(pattern, shown["statement"])
    assert f"{shown['difference']:.2f} [{shown['low']:.2f}" in shown["statement"]
    assert len(analysis.statements) == 36
    assert analysis.statements[0] in str(analysis)
    best = analysis.methods.iloc[0]
    heading, first, *rest = str(analysis).splitlines()
    assert heading.split() == ["method", "MOS", "95", "%", "interval", "votes"]
    assert first.split() == ["hr", f"{best['mos']:.2f}", f"[{best['low']:.2f},", f"{best['high']:.2f}]", "320"]
    assert rest.index("") == 8  # nine methods


# --- tables ----------------------------------------------------------------------------------------------------------


def test_mos_is_the_mean_of_the_votes_that_count(votes, analysis):
    """Training, gold and repeats do not enter: computed again with pandas alone."""
    main = votes[(votes["phase"] == "main") & (votes["repeat"] == 0) & votes["gold_expected"].isna()]
    assert len(main) == 16 * 20 * 9
    expected = main.groupby("method")["score"].mean()
    assert analysis.methods.set_index("method")["mos"].to_dict() == pytest.approx(expected.to_dict())
    by_image = main.groupby(["image", "method"])["score"]
    found = analysis.images.set_index(["image", "method"])
    assert found["mos"].to_dict() == pytest.approx(by_image.mean().to_dict())
    assert found["sd"].to_dict() == pytest.approx(by_image.std().to_dict())
    # Nothing is missing, so a method's mean quality after P.910 is near its MOS
    assert analysis.methods["quality"].to_numpy() == pytest.approx(analysis.methods["mos"].to_numpy(), abs=0.1)
    assert (found["low"] <= found["mos"]).all()
    assert (found["mos"] <= found["high"]).all()
    assert analysis.counts["votes"].tolist() == [16 * 8, 16 * 6, 16 * 18, 0, 16 * 180]


def test_dmos_by_hand():
    """The reference of image i1 got 4 from ann: a 5 for version a is 5 - 4 + 5 = 6, kept. bob did not rate i2's."""
    rows = [("ann", "i1", "hr", 4), ("ann", "i1", "a", 5), ("ann", "i2", "hr", 5), ("ann", "i2", "a", 2)]
    rows += [("bob", "i1", "hr", 5), ("bob", "i1", "a", 1), ("bob", "i2", "a", 3)]
    table = pd.DataFrame(rows, columns=["rater", "image", "method", "score"])
    scores = Scores.of(table)
    assert (scores.raters, scores.images, scores.methods) == (["ann", "bob"], ["i1", "i2"], ["a", "hr"])
    assert np.array_equal(difference_scores(scores)[:, :, 0], [[6, 2], [1, np.nan]], equal_nan=True)
    row = dmos_table(scores).iloc[0]
    assert row["dmos"] == pytest.approx(((6 + 1) / 2 + 2) / 2)
    assert row["votes"] == 3
    # Five raters who agree on three images: 1, 2 and 3 worse than the reference, so 3 -+ 4.3027 / sqrt(3)
    cube = np.stack([np.tile([4.0, 3, 2], (5, 1)), np.full((5, 3), 5.0)], axis=2)
    row = dmos_table(Scores.of(long_table(cube, ["a", "hr"]))).iloc[0]
    assert (row["dmos"], row["low"], row["high"]) == pytest.approx((3, 1, 3 + 4.302653 / 3**0.5))  # 1: -4 + 5, cut


def test_no_dmos_without_the_reference(votes):
    assert analyse(votes[votes["method"] != "hr"], resamples=100).dmos.empty


def test_an_image_with_fewer_votes_counts_as_much():
    """i0 was rated by one of four raters: the MOS is the mean of image means, not of votes."""
    cube = np.full((4, 2, 1), 4.0)
    cube[:, 0] = np.nan
    cube[0, 0] = 2
    scores = Scores.of(long_table(cube, ["a"]))
    row = mos_table(scores, bootstrap(scores, resamples=50)).iloc[0]
    assert row["mos"] == pytest.approx(3.0)
    assert row["votes"] == 5


def test_a_stimulus_has_its_own_interval():
    """Image by image only raters are drawn: with all raters alike the interval is a point."""
    cube = np.stack([np.array([[3.0], [4.0]])] * 5)  # (5, 2, 1)
    cube[:, 1, 0] = [1, 2, 3, 4, 5]
    scores = Scores.of(long_table(cube, ["a"]))
    found = image_table(scores, bootstrap(scores, resamples=500)).set_index("image")
    assert found.loc["i00", ["low", "high"]].tolist() == [3, 3]
    assert found.loc["i01", "low"] < 2.4 < 3.6 < found.loc["i01", "high"]


def test_the_same_votes_in_another_order_say_the_same(votes, analysis):
    again = analyse(votes.sample(frac=1, random_state=0), resamples=500)
    for name in ("methods", "images", "raters", "pairs", "dmos", "icc"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(analysis, name))
    assert analyse(votes, seed=1, resamples=500).methods["low"].tolist() != analysis.methods["low"].tolist()


def test_four_columns_are_enough(votes, analysis):
    plain = rated(votes)[["rater", "image", "method", "score"]]
    found = analyse(plain, resamples=500)
    pd.testing.assert_frame_equal(found.methods, analysis.methods)
    assert found.raters["gold"].sum() == 0


def test_tables_with_missing_value_types_are_understood(votes, analysis):
    """As Votes.table() gives them."""
    typed = votes.astype({"score": "Int64", "repeat": "Int64", "gold_expected": "Int64"})
    pd.testing.assert_frame_equal(analyse(typed, resamples=500).methods, analysis.methods)


def test_excluded_raters_do_not_enter_and_can_be_kept():
    table = synthetic_votes(paper_mos(), raters=16, images=12, seed=1, swapped=1, gold=6)
    found = analyse(table, resamples=200)
    honest = rated(table[table["rater"] != "rater_16"])
    expected = honest.groupby("method")["score"].mean().to_dict()
    assert found.methods.set_index("method")["mos"].to_dict() == pytest.approx(expected)
    everybody = rated(table).groupby("method")["score"].mean().to_dict()
    assert found.methods.set_index("method")["mos_all"].to_dict() == pytest.approx(everybody)
    kept = analyse(table, resamples=200, screening=False)
    assert kept.methods.set_index("method")["mos"].to_dict() == pytest.approx(everybody)
    assert "swapped" in kept.raters.set_index("rater").loc["rater_16", "reasons"]


# --- warnings --------------------------------------------------------------------------------------------------------


def test_few_raters_are_called_informal():
    small = analyse(synthetic_votes(paper_mos(), raters=14, images=12, seed=0), resamples=100)
    large = analyse(synthetic_votes(paper_mos(), raters=15, images=12, seed=0), resamples=100)
    (said,) = (text for text in small.warnings if text.startswith("informal: 14 raters"))
    assert "BT.500 asks for at least 15, ITU-T P.910 for 24 in a laboratory and 35 if" in said
    assert not any(text.startswith("informal") for text in large.warnings)


def test_too_few_images_for_the_test_are_said():
    """With five images the smallest two-sided p of Wilcoxon's test is 2/32 = 0.06."""
    table = synthetic_votes({"a": 1.5, "hr": 4.8}, raters=16, images=5, seed=0)
    found = analyse(table, resamples=100)
    assert any("0.06" in text for text in found.warnings)
    assert not found.pairs["shown"].any()
    assert found.pairs["p"].iloc[0] == pytest.approx(2 / 32)


def test_the_fewest_images_that_can_show_a_difference():
    """The smallest p is 2^(1 - images) times the pairs: of six images, 1/32 for one pair, and 3/32 for three."""
    for methods, words in (({"a": 1.5, "hr": 4.8}, None), ({"a": 1.5, "b": 3.0, "hr": 4.8}, "6 images and 3 pairs")):
        found = analyse(synthetic_votes(methods, raters=16, images=6, seed=0), resamples=50)
        said = [text for text in found.warnings if "too few images" in text]
        assert len(said) == (words is not None)
        assert all(words in text and "below 0.09" in text for text in said)
        assert found.pairs["shown"].any() == (words is None)


def test_a_cause_is_looked_for_where_more_than_a_quarter_is_excluded():
    for raters, asked in ((12, False), (11, True)):  # three of them
        table = synthetic_votes(paper_mos(), raters=raters, images=12, seed=1, straight_liners=3)
        found = analyse(table, resamples=50)
        assert found.raters["excluded"].sum() == 3
        assert any(f"3 of {raters} raters were excluded: look for a cause" in text for text in found.warnings) == asked


def test_a_note_on_one_rater_is_not_one_on_all():
    table = synthetic_votes(paper_mos(), raters=12, images=20, seed=1, clickers=1)
    said = [text for text in analyse(table, resamples=50, screening=False).warnings if "guessing" in text]
    assert said == ["rater_12: very inconsistent: guessing?."]


def test_missing_votes_are_counted(votes):
    fewer = rated(votes).iloc[7:]
    assert any("7 of 2880 votes are missing" in text for text in analyse(fewer, resamples=100).warnings)


def test_a_model_that_follows_one_rater_says_so():
    """Five raters, one of them very steady: the likelihood has no bound, and the model settles on that rater."""
    rng = np.random.default_rng(3)
    quality = rng.integers(2, 5, size=(40, 1)).astype(float)
    matrix = np.clip(np.rint(quality + np.array([0.05, 0.9, 0.9]) * rng.standard_normal((40, 3))), 1, 5)
    found = analyse(long_table(matrix.T.reshape(3, 20, 2), ["a", "b"]), resamples=100, screening=False)
    assert any("alone" in text for text in found.warnings)


# --- bad input -------------------------------------------------------------------------------------------------------


def good() -> pd.DataFrame:
    return long_table(synthetic_scores({"a": 2.0, "b": 3.0}, raters=3, images=4, seed=0), ["a", "b"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.iloc[:0], "empty"),
        (lambda t: t.drop(columns="score"), "no column score"),
        (lambda t: t.assign(Punkte=1), "unknown columns: Punkte"),
        (lambda t: t.assign(score=[6, *t["score"][1:]]), "row 0 of the votes has 6"),
        (lambda t: t.assign(score=[*t["score"][:-1], 2.5]), "row 23 of the votes has 2.5"),
        (lambda t: t.assign(score=[None, *t["score"][1:]]), "row 0 of"),
        (lambda t: t.assign(score="good"), "row 0, 1, 2, 3, 4 and 19 more"),
        (lambda t: t.assign(rater=["", *t["rater"][1:]]), "no rater in row 0"),
        (lambda t: t[t["rater"] == "r00"], "1 rater"),
        (lambda t: t[t["image"] == "i00"], "1 image"),
        (lambda t: pd.concat([t, t.iloc[[5]]]), "2 times (rows 5, 24)"),
        (lambda t: t.assign(phase="practice"), "unknown phase 'practice'"),
        (lambda t: t.assign(phase="dummy"), "no vote to analyse"),
        (lambda t: t.assign(study=["x", *["y"] * 23]), "several studies"),
        (lambda t: t.to_dict(), "pandas table"),
    ],
)
def test_bad_tables_are_refused_with_the_reason(change, says):
    with pytest.raises(UserError, match=re.escape(says)):
        analyse(change(good()))


def test_too_few_raters_after_the_screening():
    votes = synthetic_votes(paper_mos(), raters=3, images=12, seed=0, straight_liners=2)
    with pytest.raises(UserError, match=r"too few votes after screening: 1 rater.*analyse\(votes, screening=False\)"):
        analyse(votes, resamples=10)


def test_checking_changes_nothing():
    table = good()
    before = table.copy()
    check_votes(table)
    pd.testing.assert_frame_equal(table, before)


def test_cube_and_matrix_hold_the_same_votes():
    table = good().iloc[3:]
    cube, raters, images, methods = score_cube(table)
    assert (raters, images, methods) == (["r00", "r01", "r02"], ["i00", "i01", "i02", "i03"], ["a", "b"])
    matrix = score_matrix(table)
    same = matrix.reindex(pd.MultiIndex.from_product([images, methods])).to_numpy()
    assert np.array_equal(cube.reshape(3, 8).T, same, equal_nan=True)
    assert np.isnan(cube).sum() == 3
    scores = Scores.of(table)
    pd.testing.assert_frame_equal(scores.matrix, matrix)
    pd.testing.assert_frame_equal(scores.without(["r00"]).matrix, score_matrix(table[table["rater"] != "r00"]))


def test_scores_without_a_rater_are_those_of_the_others_votes(votes):
    """An image that only the rater who is left out has rated goes with the rater."""
    alone = votes.iloc[[0]].assign(image="alone", phase="main", repeat=0, gold_expected=np.nan, rater="rater_03")
    table = pd.concat([votes, alone], ignore_index=True)
    found = Scores.of(table).without(["rater_03"])
    expected = Scores.of(votes[votes["rater"] != "rater_03"])
    assert (found.raters, found.images, found.methods) == (expected.raters, expected.images, expected.methods)
    assert np.array_equal(found.cube, expected.cube, equal_nan=True)
    for name in ("votes", "rated", "gold", "repeats"):
        assert getattr(found, name)["score"].tolist() == getattr(expected, name)["score"].tolist()


# --- intervals of differences ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raters", "images", "middle"), [(26, 8, 3.0), (26, 8, 4.5), (12, 20, 3.0), (15, 8, 2.5), (26, 100, 2.0)]
)
def test_the_true_difference_lies_in_its_interval_as_often_as_promised(raters, images, middle):
    """400 studies with a true difference of 0.4; the two-way bootstrap covers 98 to 99 % of the first two."""
    hits = 0
    for seed in range(400):
        truth = {"worse": middle - 0.2, "better": middle + 0.2}
        cube = synthetic_scores(truth, raters=raters, images=images, seed=seed)
        low, high = intervals.difference_interval(cube[:, :, 1], cube[:, :, 0])
        hits += low <= 0.4 <= high
    assert 0.93 <= hits / 400 <= 0.975  # 97 %, and half a standard error of 400 draws


@pytest.mark.parametrize("taste", [0.3, 0.8])
def test_raters_who_differ_in_what_they_like_widen_the_interval(taste):
    """Drawn from a normal model: a rater's liking of one method, an image's suiting it, and scatter."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(600):
        rater, image = rng.normal(0, taste, (20, 1)), rng.normal(0, 0.3, (1, 12))
        votes = 0.5 + rater + image + rng.normal(0, 0.9, (20, 12))
        low, high = intervals.difference_interval(votes, np.zeros_like(votes))
        hits += low <= 0.5 <= high
    assert 0.93 <= hits / 600 <= 0.97


def test_a_difference_interval_by_hand():
    """Where all raters say the same, it is Student's t of the image means: 1, 2, 3 -> 2 -+ 4.3027 / sqrt(3)."""
    votes = np.tile([1.0, 2.0, 3.0], (5, 1))
    low, high = intervals.difference_interval(votes, np.zeros_like(votes))
    assert (low, high) == pytest.approx((2 - 4.302653 / 3**0.5, 4.0))  # cut at the widest difference
    assert intervals.difference_interval(np.zeros_like(votes), votes) == pytest.approx((-high, -low))
    assert intervals.difference_interval(votes + 0.0, votes) == (0.0, 0.0)
    assert np.isnan(intervals.difference_interval(votes[:, :1], votes[:, :1])).all()


def test_a_difference_interval_with_raters_who_differ_by_hand():
    """Where all images say the same, it is Student's t of the raters: s^2 = 2.5, t(4) = 2.776445.

    Where a vote is a rater's liking (-1, 0, 1) plus an image's (0, 1), the variances are 1 / 3 and 0.5 / 2. After Welch
    and Satterthwaite, there are (1/3 + 1/4)^2 / ((1/3)^2 / 2 + (1/4)^2 / 1) = 2.882 degrees of freedom.
    """
    liking = np.array([[-2.0], [-1], [0], [1], [2]]) + np.zeros((5, 3))
    half = 2.776445 * (2.5 / 5) ** 0.5
    assert intervals.difference_interval(liking, np.zeros_like(liking)) == pytest.approx((-half, half), abs=1e-6)
    both = np.array([[-1.0], [0], [1]]) + np.array([0.0, 1])
    half = stats.t.ppf(0.975, (7 / 12) ** 2 / (1 / 18 + 1 / 16)) * (7 / 12) ** 0.5
    low, high = intervals.difference_interval(both, np.zeros_like(both))
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-9)
    one = np.linspace(-1, 1, 5)[None]  # of one rater there are only the images: s^2 = 0.625
    half = 2.776445 * (0.625 / 5) ** 0.5
    assert intervals.difference_interval(one, np.zeros_like(one)) == pytest.approx((-half, half), abs=1e-6)


def test_a_gap_in_each_image_does_not_hide_that_raters_differ():
    """Five raters like a method by -2 to 2, and each misses another image. Without gaps, the interval is -+1.96."""
    liking = np.array([[-2.0], [-1], [0], [1], [2]]) + np.zeros((5, 5))
    liking[np.arange(5), np.arange(5)] = np.nan
    low, high = intervals.difference_interval(liking, np.zeros_like(liking))
    assert (-low, high) == pytest.approx((1.96, 1.96), abs=0.3)


def test_gaps_change_no_difference_interval_much():
    cube = synthetic_scores({"a": 2.5, "b": 3.2}, raters=20, images=16, seed=2)
    whole = intervals.difference_interval(cube[:, :, 1], cube[:, :, 0])
    cube[np.random.default_rng(0).random(cube.shape) < 0.1] = np.nan
    gaps = intervals.difference_interval(cube[:, :, 1], cube[:, :, 0])
    assert gaps == pytest.approx(whole, abs=0.08)


def test_a_verdict_and_its_numbers_agree():
    """Six pairs, eight images that all agree: the smallest p there is, 6 x 2 / 256 = 0.0469, is not called 0.05."""
    found = analyse(
        synthetic_votes({"a": 1.2, "b": 2.3, "c": 3.4, "hr": 4.7}, raters=15, images=8, seed=1), resamples=50
    )
    assert found.pairs["shown"].all()
    assert all("p_Holm = 0.0469" in statement for statement in found.statements)


def test_half_a_rater_is_named(votes):
    table = rated(votes)
    half = table[(table["rater"] != "rater_02") | (table["image"] < "img_005")]
    found = [text for text in analyse(half, resamples=50, screening=False).warnings if "not all pictures" in text]
    assert len(found) == 1
    assert "rater_02 (" in found[0]
    assert "of 180)" in found[0]
    rest = table[(table["rater"] != "rater_02") | (table["image"] < "img_019")]  # 18 of 20 images: nine tenths
    assert not [text for text in analyse(rest, resamples=50, screening=False).warnings if "not all pictures" in text]
    many = table[(table["rater"] > "rater_12") | (table["image"] < "img_005")]
    (said,) = (text for text in analyse(many, resamples=50, screening=False).warnings if "not all pictures" in text)
    assert said.count(" of 180)") == 10
    assert "rater_10 (36 of 180) and 2 more; --exclude" in said


def test_votes_that_are_all_equal_are_one_warning():
    table = long_table(np.full((16, 8, 3), 3.0), ["a", "b", "hr"])
    found = analyse(table, resamples=50)
    assert sum("kept, because all would be excluded" in text for text in found.warnings) == 1
    assert found.methods["method"].tolist() == ["a", "b", "hr"]  # of equal MOS, by name
    assert not found.pairs["shown"].any()


# --- methods on different images, and sparse votes -------------------------------------------------------------------


def test_methods_on_different_images_are_compared_on_those_that_both_have():
    """By hand, with raters who all agree. On the four images of both, a is 1, 0, 0 and 1 better: 0.5, and Student's t
    with s = 0.57735 and t(3) = 3.18245 gives 0.91869. The MOS, of ten images and of four, are the other way round."""
    cube = np.full((3, 10, 2), np.nan)
    cube[:, :, 0] = [4, 4, 3, 3, 1, 1, 1, 1, 1, 1]
    cube[:, :4, 1] = [3, 4, 3, 2]
    row = compare_methods(Scores.of(long_table(cube, ["a", "b"]))).iloc[0]
    assert (row["better"], row["worse"], row["difference"]) == ("a", "b", 0.5)
    assert (row["low"], row["high"]) == pytest.approx((0.5 - 0.91869, 0.5 + 0.91869), abs=1e-4)
    assert row["p"] == 0.5  # two images that differ, the same way: 2 of the 4 signs


def test_methods_without_an_image_in_common_are_not_compared():
    cube = np.full((3, 6, 2), np.nan)
    cube[:, :3, 0], cube[:, 3:, 1] = [1, 1, 2], [5, 5, 4]
    row = compare_methods(Scores.of(long_table(cube, ["a", "b"]))).iloc[0]
    assert np.isnan([row["difference"], row["low"], row["high"]]).all()
    assert row["p"] == 1
    assert not row["shown"]
    assert "difference – [–, –]" in row["statement"]


def test_a_design_with_some_versions_of_some_images_only_is_complete(votes):
    """As the paper's: 12 methods on 19 images, 9 on the other 100. Nobody missed a vote, so nobody is said to have."""
    table = rated(votes)
    fewer = table[(table["method"] != "SRGAN") | (table["image"] < "img_005")]
    (warning,) = analyse(fewer, resamples=50, screening=False).warnings
    assert warning.startswith("not all methods were rated on the same images")
    texts = analyse(fewer.iloc[1:], resamples=50, screening=False).warnings
    assert any(f"1 of {16 * (20 * 8 + 4)} votes is missing" in text for text in texts)


def test_votes_that_hardly_overlap_are_analysed():
    """Two raters who rated halves of the images, and one vote on each stimulus in all."""
    rng = np.random.default_rng(0)
    for raters in (2, 3, 10):
        cube = np.full((raters, 10, 2), np.nan)
        cube[np.arange(10) % raters, np.arange(10)] = rng.integers(1, 6, (10, 2))
        found = analyse(long_table(cube, ["a", "b"]), resamples=50, screening=False)
        assert np.isfinite(found.pairs[["difference", "low", "high"]].to_numpy(float)).all()
        assert found.icc["value"].isna().all(), "one vote on each stimulus says nothing about agreement"


def test_what_the_votes_cannot_tell_apart_is_not_estimated():
    """One vote on each stimulus: the raters' variance can be estimated, as in a one-way analysis of variance.

    By hand, for two raters with 1, 3 and 4, 6: means 2 and 5, within them 4 / 2 = 2, between them 2 x 4.5 = 9; so
    (9 - 2) / 2 = 3.5.
    """
    matrix = np.array([[1, np.nan], [3, np.nan], [np.nan, 4], [np.nan, 6]])
    stimuli, raters, rest = intervals.variance_components(matrix)
    assert np.isnan([stimuli, rest]).all()
    assert raters == pytest.approx(3.5)
    stimuli, raters, rest = intervals.variance_components(matrix.T)
    assert np.isnan([raters, rest]).all()
    assert stimuli == pytest.approx(3.5)


def test_any_pattern_of_votes_is_analysed_or_refused():
    rng = np.random.default_rng(1)
    for _ in range(40):
        cube = rng.integers(1, 6, rng.integers(2, 6, 3)).astype(float)
        cube[rng.random(cube.shape) < rng.random()] = np.nan
        with suppress(UserError):  # too few votes
            analyse(long_table(cube, [f"m{k}" for k in range(5)]), resamples=20)


def test_the_mean_of_k_raters_has_the_k_that_was_used():
    """Two stimuli with 2 votes and one with 4: the harmonic mean is 3 / (1/2 + 1/2 + 1/4) = 2.4."""
    matrix = np.array([[1, 2, np.nan, np.nan], [np.nan, 3, 5, np.nan], [2, 4, 4, 5], [np.nan] * 4])  # one without
    assert icc_table(matrix)["of"].iloc[1] == "the mean of the raters (k = 2.4)"
    assert icc_table(SHROUT_FLEISS)["of"].iloc[1] == "the mean of the raters (k = 4)"


def test_more_images_than_a_float_has_powers_of_two():
    cube = synthetic_scores({"a": 2.0, "b": 4.0}, raters=2, images=1100, seed=0)
    images = [f"i{k}" for k in range(1100)]
    keys = pd.MultiIndex.from_product([["r0", "r1"], images, ["a", "b"]], names=["rater", "image", "method"])
    table = keys.to_frame(index=False).assign(score=cube.ravel().astype(int))
    assert not any("too few images" in text for text in analyse(table, resamples=5, screening=False).warnings)
