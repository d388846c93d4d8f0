"""Screening of raters and the P.910 model, held against the `sureal` package, its published results, and by hand."""

import contextlib
import io
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from srgan_lessons.rating.screening import (
    agreement,
    bias_and_inconsistency,
    bt500,
    gold,
    repeats,
    screen,
    straight_liners,
)
from srgan_lessons.rating.synthetic import paper_mos, synthetic_scores, synthetic_votes
from srgan_lessons.rating.tables import score_matrix


def demonstration() -> np.ndarray:
    """The 79 x 26 votes of P.910's demonstration."""
    lines = (Path(__file__).parent / "data" / "p910_demonstration.txt").read_text().splitlines()
    return np.array([[np.nan if c == "." else float(c) for c in line] for line in lines if not line.startswith("#")])


def sureal_result(model: str, matrix: np.ndarray) -> dict:
    """What the package says of votes (stimuli, raters)."""
    import sureal
    from sureal.dataset_reader import RawDatasetReader

    videos = [{"content_id": 0, "asset_id": k, "path": f"{k}", "os": list(row)} for k, row in enumerate(matrix)]
    data = SimpleNamespace(ref_videos=[{"content_id": 0, "content_name": "x", "path": "ref"}], dis_videos=videos)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it divides 0 by 0
        return getattr(sureal, model)(RawDatasetReader(data)).run_modeling()


def random_matrix(seed: int, *, gaps: float, clickers: int = 0) -> np.ndarray:
    """Votes (stimuli, raters) of a random small study with gaps; no stimulus without variance, three votes each."""
    rng = np.random.default_rng(seed)
    raters, images = int(rng.integers(8, 20)), int(rng.integers(6, 14))
    truth = dict(zip("abcd", rng.uniform(1.8, 4.2, 4), strict=True))
    cube = synthetic_scores(truth, raters=raters, images=images, seed=seed)
    cube[:clickers] = rng.integers(1, 6, size=cube[:clickers].shape)
    matrix = cube.reshape(raters, -1).T
    matrix[rng.random(matrix.shape) < gaps] = np.nan
    matrix = matrix[(~np.isnan(matrix)).sum(axis=1) >= 3]
    return matrix[np.nanstd(matrix, axis=1) > 0]


# --- ITU-T P.910, Annex E --------------------------------------------------------------------------------------------


def test_the_demonstration_gives_the_published_numbers():
    """The README of the demonstration prints them."""
    model = bias_and_inconsistency(demonstration())
    assert model.converged
    bias = [-0.189852445792812, -0.20251067364091327, 0.24052730104263095, 0.11394502256161833, 0.30381844028313737]
    steady = [1.8339364220090855, 1.792802362622858, 1.605246371617004, 1.7278966070151194, 1.6895604729228137]
    assert model.raters["bias"][:5].to_numpy() == pytest.approx(bias, abs=1e-6)
    assert model.raters["inconsistency"][:5].to_numpy() == pytest.approx(steady, abs=1e-6)
    assert model.raters["bias"].iloc[-1] == pytest.approx(0.08862856686541574, abs=1e-6)
    assert model.stimuli["quality"][:3].to_numpy() == pytest.approx([4.926232, 4.871884, 4.660024], abs=1e-5)
    assert model.stimuli["se"][:3].to_numpy() == pytest.approx([0.1548785, 0.1972476, 0.1232903], abs=1e-5)
    ends = model.stimuli[["low", "high"]].iloc[0].tolist()
    assert ends == pytest.approx([4.926232 - 1.959964 * 0.1548785, 4.926232 + 1.959964 * 0.1548785], abs=1e-5)
    last = bias_and_inconsistency(demonstration(), max_steps=model.steps)
    assert (last.steps, last.converged) == (model.steps, True)
    short = bias_and_inconsistency(demonstration(), max_steps=model.steps - 1)
    assert (short.steps, short.converged) == (model.steps - 1, False)


@pytest.mark.parametrize("seed", [None, *range(20)])
def test_the_model_is_that_of_sureal(seed):
    """On the demonstration and on 20 random incomplete matrices, with all standard errors and intervals."""
    matrix = demonstration() if seed is None else random_matrix(seed, gaps=0.2, clickers=seed % 2)
    assert np.isnan(matrix).any()
    ours, theirs = bias_and_inconsistency(matrix), sureal_result("P910AnnexEModel", matrix)
    assert ours.stimuli["quality"].to_numpy() == pytest.approx(theirs["quality_scores"], abs=1e-3)
    assert ours.stimuli["se"].to_numpy() == pytest.approx(theirs["quality_scores_std"], abs=1e-3)
    for name, key in (("bias", "observer_bias"), ("inconsistency", "observer_inconsistency")):
        value = ours.raters[name].to_numpy()
        below, above = theirs[f"{key}_ci95"]
        assert value == pytest.approx(theirs[key], abs=1e-3)
        assert value - ours.raters[f"{name}_low"].to_numpy() == pytest.approx(below, abs=1e-3)
        assert ours.raters[f"{name}_high"].to_numpy() - value == pytest.approx(above, abs=1e-3)


def test_the_model_finds_the_raters_that_were_made():
    rng = np.random.default_rng(3)
    quality, bias = rng.uniform(2, 4, 400), np.linspace(-0.7, 0.7, 15)
    inconsistency = rng.permutation(np.linspace(0.3, 1.2, 15))
    votes = quality[:, None] + bias + inconsistency * rng.standard_normal((400, 15))
    found = bias_and_inconsistency(votes).raters
    assert found["bias"].to_numpy() == pytest.approx(bias, abs=0.2)
    assert found["inconsistency"].to_numpy() == pytest.approx(inconsistency, abs=0.1)


# --- ITU-R BT.500 ----------------------------------------------------------------------------------------------------


def test_bt500_is_that_of_sureal_where_no_stimulus_is_unanimous():
    rejected = 0
    for seed in range(40):
        matrix = random_matrix(seed, gaps=0.0, clickers=seed % 4)
        ours, theirs = bt500(matrix), sureal_result("BT500Model", matrix)
        assert ours["rejected"].tolist() == theirs["observer_rejected"]
        assert ours["far_share"].to_numpy() == pytest.approx(theirs["observer_rejected_1st_stats"])
        assert ours["balance"].to_numpy() == pytest.approx(theirs["observer_rejected_2nd_stats"], nan_ok=True)
        rejected += int(ours["rejected"].sum())
    assert rejected >= 10  # else nothing was compared


def test_bt500_by_hand():
    """Two rows by the definition."""
    # Nine votes of 3 and one 5: z = 3, kurtosis 8.1, so that only what is sqrt(20) = 4.5 s away is far.
    row = np.array([3.0] * 9 + [5.0])
    assert bt500(np.tile(row, (10, 1)))["above"].tolist() == [0] * 10
    # With a kurtosis from 2 to 4, what is 2 s away is far: the 1, and nothing else.
    row = np.array([2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 1.0, 3])
    s, kurtosis = row.std(), np.mean((row - row.mean()) ** 4) / row.var() ** 2
    assert 2 <= kurtosis <= 4
    assert row.mean() - 1 > 2 * s
    found = bt500(np.tile(row, (5, 1)))
    assert found["below"].tolist() == [0] * 10 + [5, 0]
    assert found["above"].sum() == 0


def test_what_is_exactly_on_a_bound_of_bt500_by_hand():
    """ "At least" 2 s or sqrt(20) s away is far; "more than" 5 % far votes, and a balance "under" 0.3, reject."""
    # The 2 and the 4 are 2 s from the mean, and the kurtosis is 4: s^2 = 2 / 8, and (2 / 8) / (1 / 4)^2 = 4.
    found = bt500(np.tile([2.0, 4, 3, 3, 3, 3, 3, 3], (5, 1)))
    assert found["below"].tolist() == [5] + [0] * 7
    assert found["above"].tolist() == [0, 5] + [0] * 6
    for others, far in ((20, 5), (19, 0)):  # one among n others is sqrt(n) s away, with a kurtosis of n - 1 + 1 / n
        assert bt500(np.tile([5.0] + [3] * others, (5, 1)))["above"].iloc[0] == far
    # Rows in which the last of twelve raters is far below, far above, or (with all of 2, 3 and 4) nobody is far.
    below = np.array([2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 3, 1.0])
    above, near = 6 - below, np.where(below == 1, 3, below)
    for p, q, votes, rejected in (
        (1, 1, 40, False), (1, 1, 39, True), (13, 7, 60, False), (12, 7, 60, True),  # 2 / 40 = 0.05; 6 / 20 = 0.3
    ):  # fmt: skip
        found = bt500(np.array([above] * p + [below] * q + [near] * (votes - p - q))).iloc[-1]
        assert (found["above"], found["below"], found["rejected"]) == (p, q, rejected)
    # Each rater in turn is far below once and far above once: the rule would reject all twelve, and so rejects nobody.
    turns = np.array([np.roll(row, k) for row in (below, above) for k in range(12)])
    found = bt500(turns)
    assert (found["far_share"] == 2 / 24).all()
    assert not found["rejected"].any()
    assert bt500(turns, naive=True)["rejected"].all()


def one_clicker_among_twelve(studies: int = 60):
    """Studies with anchors on which all honest raters agree; the clicker is the last rater."""
    truth = {"nearest": 1.0, "bicubic": 1.8, "srresnet": 2.6, "srgan": 3.5, "hr": 5.0}
    for seed in range(studies):
        yield synthetic_votes(truth, raters=12, images=20, seed=seed, clickers=1, gold=6, repeats=0.1)


def test_one_clicker_among_twelve_costs_no_honest_rater():
    """Anchors included, at most 2 % of honest raters go, by BT.500 or by all checks; by the naive rule, many."""
    sound = naive = whole = clickers = 0
    for votes in one_clicker_among_twelve():
        matrix = score_matrix(votes)
        sound += int(bt500(matrix)["rejected"][:11].sum())
        naive += int(bt500(matrix, naive=True)["rejected"][:11].sum())
        excluded = screen(votes)["excluded"].to_numpy()
        whole, clickers = whole + int(excluded[:11].sum()), clickers + int(excluded[11])
    assert sound / 660 <= 0.02
    assert whole / 660 <= 0.02
    assert naive / 660 >= 0.5
    assert clickers >= 55  # of 60


def test_nobody_far_is_nobody_rejected():
    """P + Q = 0 divides by nothing, and all raters alike reject nobody, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bt500(np.tile([3.0, 3, 4, 4], (6, 1)))
        unanimous = bt500(np.full((6, 4), 5.0))
    assert found["balance"].isna().all()
    assert not found["rejected"].any()
    assert not unanimous["rejected"].any()
    assert unanimous["votes"].tolist() == [0] * 4


def test_a_bias_is_no_reason_to_reject():
    cube = synthetic_scores({"a": 2.5, "b": 3.5}, raters=15, images=60, seed=5)
    cube[0] = np.clip(cube[0] + 2, 1, 5)
    found = bt500(cube.reshape(15, -1).T)
    assert found["far_share"][0] > 0.05  # far often,
    assert found["balance"][0] > 0.9  # but on one side
    assert not found["rejected"][0]


# --- checks by hand --------------------------------------------------------------------------------------------------


def table(rows) -> pd.DataFrame:
    """Votes from rows of (rater, image, method, score[, repeat[, gold]])."""
    full = [(*row, *(0, np.nan)[len(row) - 4 :]) for row in rows]
    return pd.DataFrame(full, columns=["rater", "image", "method", "score", "repeat", "gold_expected"])


def test_gold_forgives_one_slip():
    rows = [(rater, f"i{k}", "a", 3) for rater in ("ann", "bob", "cat") for k in range(3)]
    rows += [("ann", f"g{k}", "hr", score, 0, 5) for k, score in enumerate([5, 4, 3, 4])]  # 4 is within one step
    rows += [("bob", f"g{k}", "hr", score, 0, 5) for k, score in enumerate([5, 1, 3, 4])]
    rows += [(rater, "i0", "a", 3) for rater in ("dan", "eve")]
    rows += [("dan", f"g{k}", "hr", 5 if k > 1 else 1, 0, 5) for k in range(10)]  # a fifth
    rows += [("eve", f"g{k}", "hr", 5 if k > 1 else 1, 0, 5) for k in range(9)]  # more
    found = gold(table(rows)).set_index("rater")
    assert found["gold"].to_dict() == {"ann": 4, "bob": 4, "cat": 0, "dan": 10, "eve": 9}
    assert found["missed"].to_dict() == {"ann": 1, "bob": 2, "cat": 0, "dan": 2, "eve": 2}
    assert found["failed"].to_dict() == {"ann": False, "bob": True, "cat": False, "dan": False, "eve": True}


def test_repeats_by_hand():
    first, second = [1, 2, 3, 4], [1, 3, 5, 4]
    rows = [("ann", f"i{k}", "a", score) for k, score in enumerate(first)]
    rows += [("ann", f"i{k}", "a", score, 1) for k, score in enumerate(second)]
    rows += [("bob", f"i{k}", "a", 2) for k in range(4)]
    for rater, count in (("cat", 2), ("dan", 3)):
        rows += [(rater, f"i{k}", "a", 1 + k, repeat) for k in range(count) for repeat in (0, 1)]
    found = repeats(table(rows)).set_index("rater")
    assert np.isnan(found.loc["cat", "correlation"])  # of two, it would always be 1 or -1
    assert found.loc["dan", "correlation"] == pytest.approx(1)
    assert found.loc["ann", ["repeats", "same", "within_one", "difference"]].tolist() == [4, 0.5, 0.75, 0.75]
    assert found.loc["ann", "correlation"] == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert found.loc["bob", "repeats"] == 0
    assert np.isnan(found.loc["bob", "same"])


def test_straight_liners_by_hand():
    rows = [("one button", f"i{k}", "a", 3) for k in range(10)]
    rows += [("nearly", f"i{k}", "a", 3 + (k == 0)) for k in range(10)]  # variance 0.1
    rows += [("awake", f"i{k}", "a", 3 + (k < 2)) for k in range(10)]  # variance 0.178
    rows += [("just under", f"i{k}", "a", 3 + (k == 0)) for k in range(7)]  # 1/7 = 0.143
    rows += [("just above", f"i{k}", "a", 3 + (k < 2)) for k in range(12)]  # 5/33 = 0.152
    rows += [(rater, f"i{k}", "a", 3) for rater, count in (("four", 4), ("five", 5)) for k in range(count)]
    found = straight_liners(table(rows)).set_index("rater")
    variance = {"one button": 0, "nearly": 0.1, "awake": 8 / 45, "just under": 1 / 7, "just above": 5 / 33}
    assert found["variance"].to_dict() == pytest.approx(variance | {"four": 0, "five": 0})
    assert found.index[found["failed"]].tolist() == ["five", "just under", "nearly", "one button"]


def test_a_swapped_scale_is_seen_and_a_clicker_is_not_taken_for_one():
    votes = synthetic_votes(paper_mos(), raters=10, images=20, seed=2, clickers=1, swapped=1)
    found = agreement(score_matrix(votes)).set_index("rater")
    assert found.index[found["swapped"]].tolist() == ["rater_10"]
    assert abs(found.loc["rater_09", "correlation"]) < 0.25
    assert (found["correlation"][:8] > 0.6).all()


def test_agreement_is_scipy_s_with_the_mean_of_the_others():
    """On matrices with gaps. A rater of two stimuli, or of equal scores, has no correlation, and no warning comes."""
    for seed in range(5):
        matrix = random_matrix(seed, gaps=0.3)
        found = agreement(matrix)
        for k, row in found.iterrows():
            own, others = matrix[:, k], np.nanmean(np.delete(matrix, k, axis=1), axis=1)
            both = ~np.isnan(own)
            expected = scipy.stats.pearsonr(own[both], others[both], alternative="less")
            assert (row["correlation"], row["p"]) == pytest.approx(tuple(expected), abs=1e-9)
            assert row["swapped"] == (expected.pvalue < 0.001)
    matrix[2:, 0] = np.nan  # two stimuli of the first rater are left
    matrix[:2, 0], matrix[:, 1] = (1, 5), 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = agreement(matrix)
    assert found["correlation"].isna().tolist() == [True, True] + [False] * (len(found) - 2)
    assert not found["swapped"].any()


def test_raters_who_saw_no_difference_are_not_excluded():
    """A study whose methods are all alike: votes are noise, and no check may take honest raters for clickers."""
    excluded = sum(
        int(screen(synthetic_votes({"a": 3.0, "b": 3.0}, raters=12, images=20, seed=seed))["excluded"].sum())
        for seed in range(20)
    )
    assert excluded <= 0.02 * 240


def test_the_screening_says_why():
    votes = synthetic_votes(
        paper_mos(), raters=12, images=20, seed=1, clickers=1, straight_liners=1, swapped=1, gold=6, repeats=0.1
    )
    found = screen(votes).set_index("rater")
    assert found.index[found["excluded"]].tolist() == ["rater_10", "rater_11", "rater_12"]
    assert "gold" in found.loc["rater_10", "reasons"]
    assert "one button" in found.loc["rater_11", "reasons"]
    assert "swapped" in found.loc["rater_12", "reasons"]
    assert "inconsistent" in found.loc["rater_10", "notes"]
    assert (found["reasons"][~found["excluded"]] == "").all()


def test_a_clicker_whom_only_bt500_finds():
    """One who presses any button is far from the others, here as often above them as below. There are no gold items."""
    truth = {"nearest": 1.0, "bicubic": 1.8, "srresnet": 2.6, "srgan": 3.5, "hr": 5.0}
    found = screen(synthetic_votes(truth, raters=12, images=20, seed=2, clickers=1)).set_index("rater")
    assert found.loc["rater_12", "bt500_balance"] == 0
    assert found.index[found["excluded"]].tolist() == ["rater_12"]
    assert found.loc["rater_12", "reasons"] == "far from the others in both directions (BT.500)"


def test_what_is_noted_of_a_rater_who_stays():
    """Repeats that differ by more than one step, more often than not; and more than twice the median inconsistency."""
    rng = np.random.default_rng(0)
    truth = rng.integers(2, 5, 40)
    rows, again = [], {"ann": [2, 2, 0, 0], "bob": [2, 2, 0], "cat": [2, 2], "dan": [1, 1, 1, 1]}
    for rater, steps in again.items():
        given = {k: int(np.clip(truth[k] + rng.integers(-1, 2), 1, 5)) for k in range(40)}
        rows += [(rater, f"i{k:02}", "a", score) for k, score in given.items()]
        rows += [
            (rater, f"i{k:02}", "a", given[k] + (step if given[k] < 3 else -step), 1) for k, step in enumerate(steps)
        ]
    found = screen(table(rows)).set_index("rater")
    assert not found["excluded"].any()
    noted = found["notes"].str.contains("repeats differ by more than one step")
    assert noted.to_dict() == {"ann": False, "bob": True, "cat": False, "dan": False}
    votes = synthetic_votes(paper_mos(), raters=12, images=20, seed=1, clickers=1)
    found = screen(votes)
    restless = found["notes"].str.contains("very inconsistent")
    assert restless.tolist() == (found["inconsistency"] > 2 * found["inconsistency"].median()).tolist()
    assert restless.sum() == 1


def test_where_all_would_go_all_stay():
    rows = [(rater, f"i{k}", "a", 3) for rater in ("ann", "bob", "cat") for k in range(8)]
    found = screen(table(rows))
    assert not found["excluded"].any()
    assert found["notes"].str.contains("all would be excluded").all()
