"""How certain a mean opinion score is: the two-way bootstrap, and the agreement between raters."""

from __future__ import annotations

import numpy as np
from scipy import stats

from srgan_lessons.rating.vote import HIGHEST, LOWEST

RESAMPLES = 2000


def bootstrap_weights(raters: int, images: int, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple:
    """How often each rater and each image is drawn, with replacement: (resamples, raters), (resamples, images).

    Drawing a rater draws all of that person's votes, and drawing an image draws all votes on it. Votes of one person
    share that person's habits, and votes on one image share that image's effect, so they are not independent.
    """
    rng = np.random.default_rng(seed)
    return (
        rng.multinomial(raters, np.full(raters, 1 / raters), size=resamples).astype(float),
        rng.multinomial(images, np.full(images, 1 / images), size=resamples).astype(float),
    )


def image_means(scores: np.ndarray, rater_weights: np.ndarray) -> np.ndarray:
    """Mean over raters of scores (R, I, M), for each row of weights (B, R): (B, I, M). NaN where nobody voted."""
    r, i, m = scores.shape
    there = ~np.isnan(scores)
    votes = np.where(there, scores, 0).reshape(r, i * m)
    if there.all():
        return (rater_weights @ votes / rater_weights.sum(axis=1, keepdims=True)).reshape(-1, i, m)
    count = rater_weights @ there.reshape(r, i * m)
    return (rater_weights @ votes / np.where(count > 0, count, np.nan)).reshape(-1, i, m)


def method_means(means: np.ndarray, image_weights: np.ndarray) -> np.ndarray:
    """Mean over images of (B, I, M), for each row of weights (B, I): (B, M). Images without a vote do not count."""
    if not np.isnan(means).any():
        return (image_weights[:, None] @ means)[:, 0] / image_weights.sum(axis=1, keepdims=True)
    there = ~np.isnan(means)
    count = (image_weights[:, None] @ there)[:, 0]
    total = (image_weights[:, None] @ np.where(there, means, 0))[:, 0]
    return total / np.where(count > 0, count, np.nan)


def mos_of(scores: np.ndarray) -> np.ndarray:
    """MOS (M,) of scores (R, I, M): the mean over images of each image's mean over raters.

    If no vote is missing, this is the mean of all votes. If some are missing, every image still has equal weight.
    """
    r, i, _ = scores.shape
    return method_means(image_means(scores, np.ones((1, r))), np.ones((1, i)))[0]


def two_way_bootstrap(scores: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0, block: int = 200) -> np.ndarray:
    """MOS of `resamples` studies made from this one by resampling raters and images: (resamples, M).

    scores: (raters, images, methods), NaN where a vote is missing. This is the pigeonhole bootstrap (Owen 2007, The
    pigeonhole bootstrap, Annals of Applied Statistics 1:386). It works in blocks, so that it uses little memory.
    """
    by_rater, by_image = bootstrap_weights(*scores.shape[:2], resamples=resamples, seed=seed)
    parts = [slice(start, start + block) for start in range(0, resamples, block)]
    return np.concatenate([method_means(image_means(scores, by_rater[part]), by_image[part]) for part in parts])


def percentile_interval(samples: np.ndarray, *, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """The interval of the middle `level` of bootstrap samples (B, ...): its lower and upper end, each (...).

    Percentiles of means of votes from 1 to 5 stay within 1 and 5, so nothing has to be clipped.
    """
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(samples, [tail, 100 - tail], axis=0)
    return low, high


def difference_interval(first: np.ndarray, second: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the MOS of one method minus that of another, from scores (raters, images) each, NaN where missing.

    Only images that both methods have votes on are compared. The same people rated the same images, so what both
    methods share cancels out and the differences d of votes are left. Their mean varies with the images, and with
    raters who like a method more than others do:

        variance = variance of the image means of d / images + variance between raters / effective number of raters

    The first term already contains the votes' scatter; the second is Henderson's estimate, set to 0 if it is negative.
    The interval is Student's t, with degrees of freedom after Welch and Satterthwaite, cut at the widest difference
    that the scale allows. The two-way bootstrap is unsuitable here: it resamples the votes' scatter in both directions
    and counts it three times (Owen 2007). That matters little for a MOS, but in a difference the scatter is most of the
    variance. NaN for fewer than two images with votes on both methods.
    """
    image_first, image_second = (
        image_means(scores[..., None], np.ones((1, len(scores))))[0, :, 0] for scores in (first, second)
    )  # (images,) each
    of_image = image_first - image_second
    of_image = of_image[~np.isnan(of_image)]
    images = len(of_image)
    if images < 2:
        return float("nan"), float("nan")
    centre = of_image.mean()
    by_images = of_image.var(ddof=1) / images
    votes = first - second  # (raters, images), NaN where a person rated only one of the two
    votes = votes[:, (~np.isnan(votes)).any(axis=0)]
    votes = votes[(~np.isnan(votes)).any(axis=1)]
    by_raters, raters = 0.0, len(votes)
    if raters > 1 and votes.shape[1] > 1 and np.nanstd(votes) > 0:
        there = ~np.isnan(votes)
        weight = (there / there.sum(axis=0)).sum(axis=1) / votes.shape[1]  # (raters,): each rater's share of the mean
        between = variance_components(votes.T)[1]
        # With one vote each, raters differ no more than their images' means do, which the first term already contains
        by_raters = 0.0 if np.isnan(between) else max(0.0, between) * float((weight**2).sum())
    variance = by_images + by_raters
    if variance == 0:
        return float(centre), float(centre)
    freedom = variance**2 / (by_images**2 / (images - 1) + by_raters**2 / max(1, raters - 1))
    half = stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(variance)
    widest = HIGHEST - LOWEST
    return float(max(-widest, centre - half)), float(min(widest, centre + half))


def pooled_interval(votes: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of all votes as if they were independent. For a rating study, it is far too narrow."""
    votes = np.asarray(votes, dtype=float)
    votes = votes[~np.isnan(votes)]
    half = stats.t.ppf((1 + level) / 2, len(votes) - 1) * votes.std(ddof=1) / np.sqrt(len(votes))
    return votes.mean() - half, votes.mean() + half


def image_interval(votes: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the image means of votes (raters, images). It beats pooling, but ignores raters."""
    return pooled_interval(np.nanmean(votes, axis=0), level=level)


def variance_components(matrix: np.ndarray) -> tuple[float, float, float]:
    """Variance between stimuli, between raters, and of the residual, from votes (stimuli, raters), NaN where missing.

    Henderson's method 1 for two crossed random factors: four sums of squares are set equal to their expectations.
    If no vote is missing, these are the estimates of the two-way analysis of variance. They can be negative. NaN for
    what the votes cannot tell apart: stimuli and the residual if each stimulus has one vote, raters and the residual if
    each rater gave one.
    """
    there = ~np.isnan(matrix)
    total = there.sum()
    centred = np.where(there, matrix - np.nanmean(matrix), 0.0)
    in_row, in_column = there.sum(axis=1), there.sum(axis=0)
    in_row, in_column = in_row[in_row > 0], in_column[in_column > 0]
    rows, columns = len(in_row), len(in_column)
    sums = [
        (centred**2).sum(),
        (centred.sum(axis=1)[there.any(axis=1)] ** 2 / in_row).sum(),
        (centred.sum(axis=0)[there.any(axis=0)] ** 2 / in_column).sum(),
        centred.sum() ** 2 / total,
    ]
    expected = [  # in units of: squared mean, stimuli, raters, rest
        [total, total, total, total],
        [total, total, rows, rows],
        [total, columns, total, columns],
        [total, (in_row**2).sum() / total, (in_column**2).sum() / total, 1],
    ]
    _, stimuli, raters, rest = np.linalg.lstsq(expected, sums, rcond=None)[0]
    if rows == total:
        stimuli = rest = np.nan
    if columns == total:
        raters = rest = np.nan
    return float(stimuli), float(raters), float(rest)


def icc(matrix: np.ndarray) -> tuple[float, float]:
    """ICC(2,1) and ICC(2,k) of votes (stimuli, raters): two-way random, absolute agreement (Shrout and Fleiss 1979).

    The first says how far one rater can be trusted; the second, how far the mean of k raters can, for the k of
    votes_per_stimulus. Missing votes (NaN) are allowed: see variance_components. NaN if nothing varies, or if the votes
    cannot tell stimuli, raters and the residual apart.
    """
    stimuli, raters, rest = variance_components(matrix)
    k = votes_per_stimulus(matrix)
    one, many = stimuli + raters + rest, stimuli + (raters + rest) / k
    return (stimuli / one, stimuli / many) if one > 0 and many > 0 else (float("nan"), float("nan"))


def votes_per_stimulus(matrix: np.ndarray) -> float:
    """The harmonic mean of the number of votes on each stimulus that was rated, from votes (stimuli, raters)."""
    count = (~np.isnan(matrix)).sum(axis=1)
    return float(stats.hmean(count[count > 0]))
