"""From votes to statements: MOS and its interval, DMOS, screening, tests between methods, agreement."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from srgan_lessons import UserError
from srgan_lessons.files import counted, plural
from srgan_lessons.rating import intervals
from srgan_lessons.rating.screening import RaterModel, bias_and_inconsistency, screen_scores
from srgan_lessons.rating.tables import Scores, main_trials
from srgan_lessons.rating.vote import HIDDEN_REFERENCE
from srgan_lessons.rating.wording import ALPHA, number, p_value, span

FEWEST = 15  # the fewest raters for a laboratory test (ITU-R BT.500)
IN_LABORATORY, IN_THE_OPEN = 24, 35  # raters that ITU-T P.910 asks for, with and without controlled viewing


@dataclass(frozen=True)
class Analysis:
    """What the votes show, as tidy tables. Made by `analyse`.

    methods: method, mos, low, high (95 %), sd (of its votes), votes, raters, images, quality (mean of the P.910 model's
        qualities), mos_all (before screening). Best first.
    images: image, method, mos, low, high (only raters are resampled), sd, votes, quality, quality_low, quality_high.
    dmos: method, dmos, low, high, votes; empty where no hidden reference was rated.
    raters: one row per rater; see screening.screen.
    pairs: better, worse, difference, low, high, p, p_holm, shown, statement; one row per pair of methods. A difference
        is over the images that both methods have votes on.
    icc: form, value, of whom; ICC(2,1) and ICC(2,k) over stimuli and the raters who were kept.
    counts: how many votes were used, how many were left out, and why.
    statements, warnings: sentences. settings: seed, resamples, and the options chosen.
    votes: the votes that enter the MOS, after screening.
    """

    methods: pd.DataFrame
    images: pd.DataFrame
    dmos: pd.DataFrame
    raters: pd.DataFrame
    pairs: pd.DataFrame
    icc: pd.DataFrame
    counts: pd.DataFrame
    statements: tuple[str, ...]
    warnings: tuple[str, ...]
    settings: dict
    votes: pd.DataFrame = field(repr=False)

    def __str__(self) -> str:
        """MOS, statements and warnings as text."""
        lines = ["method        MOS   95 % interval   votes"]
        for row in self.methods.itertuples():
            lines.append(f"{row.method:12} {row.mos:5.2f}   [{row.low:.2f}, {row.high:.2f}]  {row.votes:6}")
        excluded = self.raters[self.raters["excluded"]]
        lines += ["", *self.statements, ""]
        lines += [f"excluded: {row.rater}: {row.reasons}" for row in excluded.itertuples()]
        return "\n".join([*lines, *(f"warning: {text}" for text in self.warnings)]).rstrip()


def analyse(
    votes: pd.DataFrame, *, seed: int = 0, resamples: int = intervals.RESAMPLES, screening: bool = True
) -> Analysis:
    """Analyses the votes of one study. Each step has its own function; lesson 09 goes through them one by one.

    votes: one row per vote, with at least rater, image, method, score; see vote.COLUMNS. Only main trials count:
    training, dummies, gold and repeats do not enter the MOS (gold and repeats check the raters). screening=False keeps
    every rater but still reports the checks. The same votes and seed give the same tables.

    Intervals of MOS are percentiles of a two-way bootstrap over raters and images; intervals of differences come from
    `intervals.difference_interval`. The tests are Wilcoxon signed-rank tests on image means, two-sided and
    Holm-corrected over all pairs of methods. Raises UserError in the same cases as check_votes, and for fewer than two
    raters or fewer than two images.
    """
    scores = Scores.of(votes)
    _check_enough(scores)
    raters = screen_scores(scores)
    if not screening:
        raters = raters.assign(excluded=False)
    kept = scores.without(raters.loc[raters["excluded"], "rater"].tolist())
    _check_enough(kept, "after screening")

    samples = bootstrap(kept, seed=seed, resamples=resamples)
    matrix = kept.matrix
    model = bias_and_inconsistency(matrix)
    methods = mos_table(kept, samples)
    images = image_table(kept, samples)
    columns = {"low": "quality_low", "high": "quality_high"}
    images = images.merge(
        model.stimuli.rename(columns=columns).drop(columns="se").reset_index(), on=["image", "method"], how="left"
    )
    methods["quality"] = methods["method"].map(images.groupby("method")["quality"].mean())
    before = dict(zip(scores.methods, intervals.mos_of(scores.cube), strict=True))
    methods["mos_all"] = methods["method"].map(before)
    pairs = compare_methods(kept)
    settings = {"seed": seed, "resamples": resamples, "level": 0.95, "alpha": ALPHA, "screening": screening}
    return Analysis(
        methods=methods,
        images=images,
        dmos=dmos_table(kept),
        raters=raters,
        pairs=pairs,
        icc=icc_table(matrix.to_numpy()),
        counts=count_votes(scores, kept),
        statements=tuple(pairs["statement"]),
        warnings=tuple(_warnings(kept, raters, model, pairs)),
        settings=settings,
        votes=kept.rated.reset_index(drop=True),
    )


# --- the steps -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Studies resampled from one study.

    images: (resamples, images, methods), the MOS of each stimulus with raters resampled. methods: (resamples, methods),
    the MOS of each method with raters and images resampled.
    """

    images: np.ndarray
    methods: np.ndarray


def bootstrap(scores: Scores, *, seed: int = 0, resamples: int = intervals.RESAMPLES) -> Samples:
    """`intervals.two_way_bootstrap` with its intermediate result, the MOS of each image with the raters resampled."""
    by_rater, by_image = intervals.bootstrap_weights(*scores.cube.shape[:2], resamples=resamples, seed=seed)
    images = intervals.image_means(scores.cube, by_rater)
    return Samples(images=images, methods=intervals.method_means(images, by_image))


def mos_table(scores: Scores, samples: Samples) -> pd.DataFrame:
    """MOS of each method with its two-way interval: method, mos, low, high, sd, votes, raters, images. Best first.

    The MOS is the mean over images of each image's mean over raters. If no vote is missing, that is the mean of all
    votes.
    """
    low, high = intervals.percentile_interval(samples.methods)
    of_method = scores.rated.groupby("method")
    mos = intervals.mos_of(scores.cube)
    table = pd.DataFrame({"method": scores.methods, "mos": mos, "low": low, "high": high})
    table["sd"] = table["method"].map(of_method["score"].std())
    table["votes"] = table["method"].map(of_method.size())
    table["raters"] = table["method"].map(of_method["rater"].nunique())
    table["images"] = table["method"].map(of_method["image"].nunique())
    return table.sort_values(["mos", "method"], ascending=[False, True], ignore_index=True)


def image_table(scores: Scores, samples: Samples) -> pd.DataFrame:
    """MOS of each stimulus: image, method, mos, low, high, sd, votes.

    The image is fixed, so its interval resamples raters only.
    """
    count = (~np.isnan(scores.cube)).sum(axis=0)  # (images, methods)
    low, high = np.full((2, *count.shape), np.nan)
    low[count > 0], high[count > 0] = intervals.percentile_interval(samples.images[:, count > 0])
    total = np.nansum(scores.cube, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mos = total / count
        sd = np.sqrt(np.maximum(np.nansum(scores.cube**2, axis=0) - total * mos, 0) / (count - 1))
    grid = pd.MultiIndex.from_product([scores.images, scores.methods], names=["image", "method"])
    values = {"mos": mos, "low": low, "high": high, "sd": sd, "votes": count}
    table = pd.DataFrame({name: value.ravel() for name, value in values.items()}, index=grid).reset_index()
    return table[table["votes"] > 0].reset_index(drop=True)


def difference_scores(scores: Scores) -> np.ndarray:
    """For every vote: score - the same rater's score of that image's hidden reference + 5, shaped like scores.cube.

    This follows ITU-T P.910, ACR with hidden reference. Values above 5, where somebody liked a version better than the
    reference, are kept. NaN where the rater did not score both; 5 for the reference itself. Raises ValueError if there
    is no reference.
    """
    return scores.cube - scores.cube[:, :, [scores.methods.index(HIDDEN_REFERENCE)]] + 5


def dmos_table(scores: Scores) -> pd.DataFrame:
    """DMOS of each method, if the hidden reference ("hr") was rated: method, dmos, low, high, votes. Best first.

    low and high come from intervals.difference_interval, because a DMOS is a difference.
    """
    rows = []
    if HIDDEN_REFERENCE in scores.methods:
        cube = difference_scores(scores)
        for m, method in enumerate(scores.methods):
            own = cube[:, :, m]
            if method != HIDDEN_REFERENCE and not np.isnan(own).all():
                low, high = intervals.difference_interval(own - 5, np.zeros(own.shape))
                dmos = intervals.mos_of(own[:, :, None])[0]
                rows.append((method, dmos, low + 5, high + 5, int((~np.isnan(own)).sum())))
    found = pd.DataFrame(rows, columns=["method", "dmos", "low", "high", "votes"])
    return found.sort_values(["dmos", "method"], ascending=[False, True], ignore_index=True)


def wilcoxon_p(differences: np.ndarray) -> float:
    """Two-sided p of the Wilcoxon signed-rank test on differences of image means. 1 if nothing differs.

    Zero differences are dropped, as Wilcoxon did; equal ones share their mean rank. For up to 50 differences, the
    p-value is exact: it counts how many of the 2^n ways to set the signs are at least as extreme. For more, scipy's
    normal approximation is used. Differences are first rounded to nine digits, so that equal differences count as ties
    even if they were summed in a different order.
    """
    differences = np.round(differences[~np.isnan(differences)], 9)
    differences = differences[differences != 0]
    if len(differences) == 0:
        return 1.0
    if len(differences) > 50:
        return float(stats.wilcoxon(differences).pvalue)
    ranks = np.rint(2 * stats.rankdata(np.abs(differences))).astype(int)  # doubled, so that mean ranks are whole
    ways = np.zeros(ranks.sum() + 1)  # ways[t]: how many choices of positive signs give the rank sum t
    ways[0] = 1
    for rank in ranks:
        ways[rank:] = ways[rank:] + ways[:-rank]
    extreme = min(ranks[differences > 0].sum(), ranks[differences < 0].sum())
    return float(min(1.0, 2 * ways[: extreme + 1].sum() / 2.0 ** len(ranks)))


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values corrected after Holm 1979. The probability of any false alarm is at most alpha.

    The smallest of n is multiplied by n, the next one by n - 1, and so on; none may be smaller than the one before it,
    or above 1.
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)
    corrected = np.empty_like(p_values)
    corrected[order] = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    return np.minimum(corrected, 1)


def compare_methods(scores: Scores) -> pd.DataFrame:
    """Compares every pair of methods once, on the images that both have votes on; the better one there comes first.

    Columns: better, worse, difference, low, high, p, p_holm, shown, statement. The difference is the mean of the paired
    differences of image means; if both methods have votes on all images, it is that of their MOS. p comes from
    Wilcoxon's signed-rank test on these differences, which asks whether they would hold for other images. low and high
    come from intervals.difference_interval, which asks the same for other images and other raters. A difference is
    shown if p_holm < 0.05 and the interval does not contain 0; one of these alone is not enough. NaN, and p = 1, where
    two methods have no image in common.
    """
    mos = intervals.mos_of(scores.cube)
    order = sorted(range(len(mos)), key=lambda m: (-mos[m], scores.methods[m]))
    table = compare(scores.cube[:, :, order], [scores.methods[m] for m in order])
    turned = table["difference"] < 0  # on the images that both have, the MOS are the other way round
    table.loc[turned, ["better", "worse"]] = table.loc[turned, ["worse", "better"]].to_numpy()
    ends = ["difference", "low", "high"]
    table.loc[turned, ends] = -table.loc[turned, ["difference", "high", "low"]].to_numpy()
    table["statement"] = [_statement(row) for row in table.itertuples()]
    return table


def compare(cube: np.ndarray, methods: list[str]) -> pd.DataFrame:
    """Like compare_methods, for scores (raters, images, methods) whose methods are sorted, best first.

    Of each pair, the first method in this order is called the better one, even if its difference is negative.
    """
    by_image = intervals.image_means(cube, np.ones((1, len(cube))))[0]  # (images, methods)
    rows = []
    for a, b in combinations(range(len(methods)), 2):
        apart = by_image[:, a] - by_image[:, b]
        apart = apart[~np.isnan(apart)]
        low, high = intervals.difference_interval(cube[:, :, a], cube[:, :, b])
        difference = apart.mean() if len(apart) else np.nan
        rows.append((methods[a], methods[b], difference, low, high, wilcoxon_p(apart)))
    table = pd.DataFrame(rows, columns=["better", "worse", "difference", "low", "high", "p"])
    table["p_holm"] = holm(table["p"].to_numpy())
    table["shown"] = (table["p_holm"] < ALPHA) & ((table["low"] > 0) | (table["high"] < 0))
    table["statement"] = [_statement(row) for row in table.itertuples()]
    return table


def _statement(row: Any) -> str:
    p = p_value(row.p_holm)
    measured = f"difference {number(row.difference)} {span(row.low, row.high)}, p_Holm {p if p[0] == '<' else f'= {p}'}"
    if row.shown:
        return f"{row.better} {'above' if row.difference > 0 else 'below'} {row.worse}, {measured}"
    if row.p_holm < ALPHA:
        return f"no difference shown between {row.better} and {row.worse} (the raters do not agree): {measured}"
    return f"no difference shown between {row.better} and {row.worse}: {measured}"


def icc_table(matrix: np.ndarray) -> pd.DataFrame:
    """Agreement between raters on votes (stimuli, raters): form, value, of (whom). See intervals.icc."""
    one, many = intervals.icc(matrix)
    k = f"{intervals.votes_per_stimulus(matrix):.1f}".removesuffix(".0")
    rows = [("ICC(2,1)", one, "one rater"), ("ICC(2,k)", many, f"the mean of the raters (k = {k})")]
    return pd.DataFrame(rows, columns=["form", "value", "of"])


def count_votes(scores: Scores, kept: Scores) -> pd.DataFrame:
    """How the votes were used: what, votes. kept: the scores after screening."""
    rows = [
        ("training and dummy trials, left out", len(scores.votes) - len(main_trials(scores.votes))),
        ("gold items, used only to check raters", len(scores.gold)),
        ("repeats, used only for test-retest", len(scores.repeats.index.difference(scores.gold.index))),
        ("votes of excluded raters, left out", len(scores.rated) - len(kept.rated)),
        ("votes that enter the MOS", len(kept.rated)),
    ]
    return pd.DataFrame(rows, columns=["what", "votes"])


# --- what to be careful with -----------------------------------------------------------------------------------------


def _check_enough(scores: Scores, when: str = "") -> None:
    place = f" {when}" if when else ""
    if scores.rated.empty:
        raise UserError(f"there is no vote to analyse{place}: training, dummies, gold and repeats do not count")
    raters, images = len(scores.raters), len(scores.images)
    if raters < 2 or images < 2:
        raise UserError(
            f"too few votes{place}: {counted(raters, 'rater')} and {counted(images, 'image')}; intervals need at least "
            "two of each. "
            + ("analyse(votes, screening=False) keeps everybody." if when else "Merge the files of more raters.")
        )


def _warnings(kept: Scores, raters: pd.DataFrame, model: RaterModel, pairs: pd.DataFrame) -> list[str]:
    found = []
    people, images, methods = kept.cube.shape
    there = ~np.isnan(kept.cube)
    if people < FEWEST:
        found.append(
            f"informal: {counted(people, 'rater')} took part; ITU-R BT.500 asks for at least {FEWEST}, ITU-T P.910 for "
            f"{IN_LABORATORY} in a laboratory and {IN_THE_OPEN} if each rater uses their own screen."
        )
    pictures = int(there.any(axis=0).sum())  # a study may have some versions of some images only, as the paper's has
    empty = pictures * people - int(there.sum())
    if empty:
        found.append(
            f"incomplete: {empty} of {pictures * people} votes {plural(empty, 'is', 'are')} missing "
            f"({empty / (pictures * people):.1%}). "
            "Every image has equal weight; that is fair only if votes are missing by chance."
        )
    if pictures < images * methods:
        found.append(
            "not all methods were rated on the same images, so their MOS cannot be compared with each other. The "
            "differences can: each is over the images that both methods have votes on."
        )
    found += _half_raters(kept.rated, pictures)
    lowest = min(1.0, len(pairs) * 2.0 ** (1 - images)) if len(pairs) else 0.0
    if lowest >= ALPHA:
        found.append(
            f"too few images to show any difference: with {counted(images, 'image')} and "
            f"{counted(len(pairs), 'pair')}, Wilcoxon's test cannot give a corrected p below {lowest:.2f}."
        )
    out = int(raters["excluded"].sum())
    if out > len(raters) / 4:
        were = plural(out, "was", "were")
        found.append(
            f"{out} of {len(raters)} raters {were} excluded: look for a cause in the study, not in the people."
        )
    noted = raters[(raters["notes"] != "") & ~raters["excluded"]]
    if len(noted) == len(raters) and noted["notes"].nunique() == 1:
        found.append(f"all {len(raters)} raters: {noted['notes'].iloc[0]}.")
    else:
        found += [f"{row.rater}: {row.notes}." for row in noted.itertuples()]
    lonely = model.raters[model.raters["inconsistency"] < 0.05]
    if len(lonely):
        found.append(
            f"the bias and inconsistency model follows {lonely['rater'].iloc[0]} alone, as can happen with few raters; "
            "do not use its quality scores."
        )
    if not model.converged:
        found.append("the bias and inconsistency model did not converge: there are too few votes per stimulus.")
    return found


def _half_raters(table: pd.DataFrame, pictures: int) -> list[str]:
    """Raters who rated less than 90 % of the pictures; at most ten are named."""
    counts = table.groupby("rater").size()
    half = counts[counts < 0.9 * pictures]
    if half.empty:
        return []
    named = ", ".join(f"{rater} ({count} of {pictures})" for rater, count in half.head(10).items())
    more = f" and {len(half) - 10} more" if len(half) > 10 else ""
    return [f"not all pictures were rated by {named}{more}; --exclude leaves a rater out."]
