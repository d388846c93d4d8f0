"""Whose votes can be used: gold, repeats, straight lines, swapped scales, BT.500, and the P.910 model of raters.

Matrices are tables or arrays of shape (stimuli, raters), with NaN where somebody did not rate a stimulus.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from srgan_lessons.rating.consistency import FEW, GOLD_TOLERANCE, ONE_BUTTON
from srgan_lessons.rating.tables import Scores, gold_trials, rated, repeated_trials

GOLD_SHARE = 0.2  # a rater may miss one gold item, or a fifth of them if that is more
SWAPPED_P = 0.001  # one-sided p of a negative correlation with the others
RESTLESS = 2.0  # times the median inconsistency: worth a look, but no reason to exclude
FAR, ONE_SIDED = 0.05, 0.3  # BT.500 rejects a rater with a larger share of far votes, and with a smaller balance
NORMAL = 1.959964  # 97.5 % quantile

# --- ITU-R BT.500 ----------------------------------------------------------------------------------------------------


def bt500(matrix: pd.DataFrame | np.ndarray, *, naive: bool = False) -> pd.DataFrame:
    """Screening of raters after ITU-R BT.500 (Annex 1, "screening of the observers"): one row per rater.

    For each stimulus, it computes mean, standard deviation s and kurtosis. A vote is far if it is at least 2 s from the
    mean, or at least sqrt(20) s if the kurtosis is not from 2 to 4. P counts far votes above the mean, and Q counts
    those below it. A rater is rejected if (P + Q) / votes > 0.05 and |P - Q| / (P + Q) < 0.3, that is, if the votes are
    often far from the others, and in both directions. A rater with only a bias stays.

    There is a trap: where all agree, s is 0, so every vote is "0 s away" and counts in both P and Q. Such stimuli say
    nothing about any rater, so they are left out. naive=True keeps them, to show what goes wrong. s divides by n, not
    by n - 1, as in the reference implementation `sureal`; votes are counted per rater, so that missing votes do no
    harm. If the rule would reject everybody, it rejects nobody, except with naive=True.

    Columns: rater, votes, above (P), below (Q), far_share, balance (|P - Q| / (P + Q), NaN where both are 0), rejected.
    """
    scores, raters = _split(matrix)
    there = ~np.isnan(scores)
    seen = np.maximum(there.sum(axis=1, keepdims=True), 1)  # (stimuli, 1)
    mean = np.where(there, scores, 0).sum(axis=1, keepdims=True) / seen
    difference = np.where(there, scores - mean, 0.0)
    s = np.sqrt((difference**2).sum(axis=1, keepdims=True) / seen)
    kurtosis = (difference**4).sum(axis=1, keepdims=True) / seen / np.maximum(s, 1e-9) ** 4
    reach = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20)) * s
    near = 1e-9  # votes exactly on the bound count as far, whatever the rounding
    used = there & (naive | (s > near))  # where s = 0, all who saw the stimulus agree
    above = (used & (difference >= reach - near)).sum(axis=0)
    below = (used & (-difference >= reach - near)).sum(axis=0)
    count, far = used.sum(axis=0), above + below
    share = far / np.maximum(count, 1)
    balance = np.where(far > 0, np.abs(above - below) / np.maximum(far, 1), np.nan)
    rejected = (share > FAR) & (balance < ONE_SIDED)  # NaN < 0.3 is False, so P + Q = 0 rejects nobody
    if rejected.all() and not naive:
        rejected[:] = False
    values = {"votes": count, "above": above, "below": below, "far_share": share, "balance": balance}
    return pd.DataFrame({"rater": raters, **values, "rejected": rejected})


# --- ITU-T P.910, Annex E --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RaterModel:
    """What `bias_and_inconsistency` found.

    stimuli: quality, se, low, high of each row of the matrix. raters: bias, bias_low, bias_high, inconsistency,
    inconsistency_low, inconsistency_high of each column. The intervals have a level of 95 %. steps: how many the
    iteration took. converged: whether it converged.
    """

    stimuli: pd.DataFrame
    raters: pd.DataFrame
    steps: int
    converged: bool


def bias_and_inconsistency(matrix: pd.DataFrame | np.ndarray, *, max_steps: int = 1000) -> RaterModel:
    """score = quality of the stimulus + rater's bias + rater's inconsistency x noise, after ITU-T P.910, Annex E.

    It is solved by alternating projection: the residuals give each rater's inconsistency, the inconsistencies give the
    qualities (steady raters weigh more), and the qualities give the biases. This is repeated until the qualities move
    by less than 1e-8. Biases have mean 0. Intervals are normal for quality (from the residuals on that stimulus) and
    bias, and chi-square for inconsistency. With few raters, the model may end up following one of them alone, whose
    inconsistency is then near 0.
    """
    scores, raters = _split(matrix)
    there = ~np.isnan(scores)
    filled = np.where(there, scores, 0.0)
    by_stimulus, by_rater = there.sum(axis=1), there.sum(axis=0)

    quality = filled.sum(axis=1) / by_stimulus  # (stimuli,)
    bias = np.where(there, scores - quality[:, None], 0).sum(axis=0) / by_rater  # (raters,)
    steps, converged = 0, False
    while steps < max_steps and not converged:
        steps += 1
        residual = np.where(there, scores - quality[:, None] - bias, 0.0)  # (stimuli, raters)
        inconsistency = _spread(residual, there, axis=0)
        weight = there / (inconsistency**2 + 1e-8)
        before = quality
        quality = (weight * (filled - bias)).sum(axis=1) / weight.sum(axis=1)
        bias = np.where(there, scores - quality[:, None], 0).sum(axis=0) / by_rater
        converged = bool(np.linalg.norm(quality - before) < 1e-8)
    shift = bias.mean()  # only sums of quality and bias are known; by convention the biases have mean 0
    quality, bias = quality + shift, bias - shift

    se = _spread(residual, there, axis=1) / np.sqrt(by_stimulus)
    bias_se = inconsistency / np.sqrt(by_rater)
    stimuli = {"quality": quality, "se": se, "low": quality - NORMAL * se, "high": quality + NORMAL * se}
    people = {
        "rater": raters,
        "bias": bias,
        "bias_low": bias - NORMAL * bias_se,
        "bias_high": bias + NORMAL * bias_se,
        "inconsistency": inconsistency,
        "inconsistency_low": inconsistency * np.sqrt(by_rater / stats.chi2.ppf(0.975, by_rater)),
        "inconsistency_high": inconsistency * np.sqrt(by_rater / stats.chi2.ppf(0.025, by_rater)),
    }
    index = matrix.index if isinstance(matrix, pd.DataFrame) else None
    return RaterModel(pd.DataFrame(stimuli, index=index), pd.DataFrame(people), steps, converged)


def _spread(residual: np.ndarray, there: np.ndarray, axis: int) -> np.ndarray:
    """Standard deviation around the mean along an axis, over existing votes (residual is 0 where there is none)."""
    count = there.sum(axis=axis)
    mean = residual.sum(axis=axis) / count
    return np.sqrt(np.maximum((residual**2).sum(axis=axis) / count - mean**2, 0))


# --- checks hidden in the session ------------------------------------------------------------------------------------


def gold(votes: pd.DataFrame) -> pd.DataFrame:
    """Obvious items: rater, gold (how many), missed (more than one step off), failed.

    A rater fails by missing more than one item and more than a fifth of them; one slip of the finger is human.
    """
    trials = gold_trials(votes)
    off = (trials["score"] - trials["gold_expected"]).abs() > GOLD_TOLERANCE if len(trials) else trials["score"] > 5
    found = off.groupby(trials["rater"]).agg(["size", "sum"]).reindex(_raters(votes), fill_value=0).astype(int)
    found.columns = ["gold", "missed"]
    found["failed"] = (found["missed"] > 1) & (found["missed"] > GOLD_SHARE * found["gold"])
    return found.rename_axis("rater").reset_index()


def repeats(votes: pd.DataFrame) -> pd.DataFrame:
    """Test-retest, which compares the second showing with the first: one row per rater.

    Columns: rater, repeats (how many), same (share of equal scores), within_one (share at most one step apart),
    difference (mean of second minus first), correlation (Pearson; needs three repeats, with scores that differ). NaN
    where there are no repeats.
    """
    second = repeated_trials(votes)
    keys = ["rater", "image", "method"]
    pairs = second[[*keys, "score"]].merge(rated(votes)[[*keys, "score"]], on=keys, suffixes=("_second", "_first"))
    rows = []
    for rater in _raters(votes):
        own = pairs[pairs["rater"] == rater]
        first, again = own["score_first"].to_numpy(float), own["score_second"].to_numpy(float)
        step = again - first
        varies = len(own) >= 3 and first.std() > 0 and again.std() > 0
        rows.append(
            {
                "rater": rater,
                "repeats": len(own),
                "same": (step == 0).mean() if len(own) else np.nan,
                "within_one": (np.abs(step) <= 1).mean() if len(own) else np.nan,
                "difference": step.mean() if len(own) else np.nan,
                "correlation": np.corrcoef(first, again)[0, 1] if varies else np.nan,
            }
        )
    return pd.DataFrame(rows)


def straight_liners(votes: pd.DataFrame) -> pd.DataFrame:
    """Finds raters who click one button: rater, votes, mean, variance (n - 1), failed.

    A rater fails with a variance under 0.15 over at least five votes. If all stimuli of a study are alike, an honest
    rater may look like this; the rule is meant for methods that differ.
    """
    table = rated(votes).groupby("rater")["score"].agg(["size", "mean", "var"]).reindex(_raters(votes))
    failed = (table["var"] < ONE_BUTTON) & (table["size"] >= FEW)
    names = {"size": "votes", "mean": "mean", "var": "variance"}
    return table.rename(columns=names).assign(failed=failed).rename_axis("rater").reset_index()


def agreement(matrix: pd.DataFrame | np.ndarray) -> pd.DataFrame:
    """Each rater against the mean of the others: rater, correlation (Pearson, over stimuli), p, swapped.

    Swapped: the correlation is more negative than chance explains (p < 0.001, one-sided), as if 1 were the best score.
    """
    scores, raters = _split(matrix)
    there = ~np.isnan(scores)
    filled = np.where(there, scores, 0.0)
    rows = []
    for k, rater in enumerate(raters):
        others = there.sum(axis=1) - there[:, k]
        both = there[:, k] & (others > 0)
        own = filled[both, k]
        rest = (filled[both].sum(axis=1) - own) / others[both]
        r, p = np.nan, np.nan
        if both.sum() >= 3 and own.std() > 0 and rest.std() > 0:
            r, p = stats.pearsonr(own, rest, alternative="less")
        rows.append({"rater": rater, "correlation": r, "p": p, "swapped": bool(p < SWAPPED_P)})
    return pd.DataFrame(rows)


def screen(votes: pd.DataFrame) -> pd.DataFrame:
    """All checks together, one row per rater, with the decision.

    A rater is excluded for failing gold, clicking one button, swapping the scale, or being rejected by BT.500 (which,
    as the recommendation says, is applied once, to all raters). `reasons` says why, in words. `notes` says what is
    worth a look but excludes nobody: repeats that differ by more than one step more often than not, and an
    inconsistency of more than twice the median, as from guessing; the P.910 model gives such votes little weight.
    If the checks would exclude everybody, nobody is excluded, and the notes say so. Raises UserError in the same cases
    as `check_votes`.
    """
    return screen_scores(Scores.of(votes))


def screen_scores(scores: Scores) -> pd.DataFrame:
    """`screen` for votes that are already prepared."""
    votes, matrix = scores.votes, scores.matrix
    line, golden, again, with_others = straight_liners(votes), gold(votes), repeats(votes), agreement(matrix)
    test_retest = again.rename(columns=lambda name: name if name in ("rater", "repeats") else f"repeat_{name}")
    table = line.drop(columns="failed").merge(golden.drop(columns="failed"), on="rater")
    table = table.merge(test_retest, on="rater").merge(with_others[["rater", "correlation"]], on="rater")
    reasons: dict[str, list[str]] = {rater: [] for rater in table["rater"]}
    for found, flag, words in (
        (golden, "failed", "missed gold items"),
        (line, "failed", "clicked one button"),
        (with_others, "swapped", "scores against all others: scale swapped?"),
    ):
        for rater in found.loc[found[flag], "rater"]:
            reasons[rater].append(words)

    far = bt500(matrix)
    for rater in far.loc[far["rejected"], "rater"]:
        reasons[rater].append("far from the others in both directions (BT.500)")
    columns = {"above": "bt500_above", "below": "bt500_below", "far_share": "bt500_share", "balance": "bt500_balance"}
    table = table.merge(far.rename(columns=columns)[["rater", *columns.values()]], on="rater", how="left")

    model = bias_and_inconsistency(matrix).raters
    table = table.merge(model, on="rater", how="left")
    excluded = table["rater"].map(lambda rater: bool(reasons[rater]))
    everybody = bool(excluded.all())
    notes: dict[str, list[str]] = {rater: [] for rater in reasons}
    for row in table.itertuples():
        if row.repeats >= 3 and row.repeat_within_one < 0.5:
            notes[row.rater].append("repeats differ by more than one step")
        if row.inconsistency > RESTLESS * table["inconsistency"].median():
            notes[row.rater].append("very inconsistent: guessing?")
        if everybody:
            notes[row.rater].append(f"kept, because all would be excluded ({', '.join(reasons[row.rater])})")
    table["excluded"] = excluded & (not everybody)
    table["reasons"] = table["rater"].map(lambda rater: "" if everybody else "; ".join(reasons[rater]))
    table["notes"] = table["rater"].map(lambda rater: "; ".join(notes[rater]))
    return table


def _raters(votes: pd.DataFrame) -> list[str]:
    """Raters with at least one vote that counts, in order."""
    return sorted(rated(votes)["rater"].unique())


def _split(matrix: pd.DataFrame | np.ndarray) -> tuple[np.ndarray, list]:
    """Scores as floats, and the raters' names (for an array, their numbers)."""
    if isinstance(matrix, pd.DataFrame):
        return matrix.to_numpy(dtype=float), list(matrix.columns)
    return np.asarray(matrix, dtype=float), list(range(np.shape(matrix)[1]))
