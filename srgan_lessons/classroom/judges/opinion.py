"""What judges of lesson 09 share: votes on which each slip shows, and what an answer with that slip gives for them."""

import numpy as np

# --- a MOS and its interval ------------------------------------------------------------------------------------------

DRAWS = 4000


def interval_cases() -> dict[str, np.ndarray]:
    """Votes (raters, images) in which one thing at a time makes them differ; the last is near the end of the scale."""
    rng = np.random.default_rng(9)
    people = np.array([1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 2, 3, 3, 5.0])  # the last one is far from the others
    photos = np.array([1, 2, 2, 3, 3, 3, 3, 4, 4, 3, 2, 3, 3, 4, 2, 3, 3, 4, 3, 2, 4, 3, 3, 5.0])
    ceiling = np.full((9, 4), 5.0)
    ceiling[0], ceiling[1, 1:], ceiling[2, 0] = 3, 4, 2
    return {
        "raters": np.repeat(people[:, None], 24, axis=1),  # (16, 24)
        "images": np.repeat(photos[None], 16, axis=0),  # (16, 24)
        "chance": rng.integers(1, 6, (16, 16)).astype(float),
        "ceiling": ceiling,
    }


def two_way(scores: np.ndarray, who: bool = True, what: bool = True) -> np.ndarray:
    """MOS (DRAWS,) of studies in which raters, images or both were drawn anew."""
    rng = np.random.default_rng(1)
    weights = [
        rng.multinomial(n, np.full(n, 1 / n), size=DRAWS) / n if drawn else np.full((DRAWS, n), 1 / n)
        for n, drawn in zip(scores.shape, (who, what), strict=True)
    ]
    return np.einsum("br,ri,bi->b", weights[0], scores, weights[1], optimize=True)


def single_votes(scores: np.ndarray, count: int) -> np.ndarray:
    """MOS (DRAWS,) of `count` votes drawn from all, whoever gave them."""
    return np.random.default_rng(1).choice(scores.ravel(), (DRAWS, count)).mean(axis=1)


def bounds(samples: np.ndarray, level: float = 95) -> tuple[float, float]:
    return tuple(np.percentile(samples, [50 - level / 2, 50 + level / 2]))


INTERVAL_SLIPS = {
    "Only images are drawn anew. Other people would have voted differently, too: draw raters as well.": lambda s: (
        (two_way(s, who=False), 95)
    ),
    "Only raters are drawn anew. Other images would have been rated differently, too: draw images as well.": (
        lambda s: (two_way(s, what=False), 95)
    ),
    "The votes are treated as if they were independent of each other. This is the trap: a rater's votes share that "
    "rater's habits. Draw whole raters and whole images, not single votes.": lambda s: (single_votes(s, s.size), 95),
    "The last rater and the last image are never drawn: rng.integers(0, n) ends at n - 1 by itself.": lambda s: (
        (two_way(s[:-1, :-1]), 95)
    ),
    "This interval holds 90 % of the samples. For 95 % cut 2.5 % from each end.": lambda s: (two_way(s), 90),
    "This interval holds 99 % of the samples. For 95 % cut 2.5 % from each end.": lambda s: (two_way(s), 99),
    "This interval holds only two thirds of the samples, as mean plus and minus one standard deviation does. Cut 2.5 "
    "% from each end.": lambda s: (two_way(s), 68.3),
}

# --- screening after BT.500 ------------------------------------------------------------------------------------------


def bt500(
    scores: np.ndarray,
    *,
    trap=False,
    excess=0.0,
    inner=2.0,
    outer=20**0.5,
    scaled=True,
    squared=False,
    rule="both",
    ddof=0,
    strict=False,
) -> np.ndarray:
    """The rule with one slip, or in one of the ways that are right: True for raters that are rejected."""
    distance = scores - scores.mean(axis=1, keepdims=True)
    s = scores.std(axis=1, keepdims=True, ddof=ddof)
    kurtosis = (distance**4).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** 4 - excess
    bound = np.where((kurtosis >= 2) & (kurtosis <= 4), inner, outer) * (
        np.ones_like(s) if not scaled else s**2 if squared else s
    )
    used = np.ones_like(s, dtype=bool) if trap else s > 1e-9
    bound = bound + (1e-9 if strict else -1e-9)
    above = (used & (distance >= bound)).sum(axis=0)
    below = (used & (distance <= -bound)).sum(axis=0)
    far = above + below
    often, balanced = far > 0.05 * len(scores), np.abs(above - below) < 0.3 * far
    return {"both": often & balanced, "often": often, "balanced": balanced, "bias": often & ~balanced}[rule]


BT500_SLIPS = {
    "Stimuli on which all raters agree count, too. There s is 0, every vote is 0 s away, and everybody is above and "
    "below at once: the trap. Leave these stimuli out.": {"trap": True},
    "This is the excess kurtosis, which is 0 for a normal distribution (scipy's default). BT.500 means the one which "
    "is 3: do not subtract 3.": {"excess": 3.0},
    "The reach is 2 s for every stimulus. Where the kurtosis is outside 2 to 4 it is sqrt(20) s.": {"outer": 2.0},
    "The reach is sqrt(20) s for every stimulus. Where the kurtosis is from 2 to 4 it is 2 s.": {"inner": 20**0.5},
    "The two reaches are swapped: 2 s where the kurtosis is from 2 to 4, sqrt(20) s elsewhere.": {
        "inner": 20**0.5,
        "outer": 2.0,
    },
    "The reach is 20 s where it should be sqrt(20) s.": {"outer": 20.0},
    "The reach is not multiplied by s: far means far in standard deviations of this stimulus.": {"scaled": False},
    "The reach is multiplied by the variance. s is its root, the standard deviation.": {"squared": True},
    "Whoever is far often is rejected. The rule asks for both directions, too: whoever is only strict, or only "
    "generous, stays. Compare above with below.": {"rule": "often"},
    "How often a rater is far does not matter here. The rule asks for both: more than 0.05 of the stimuli, and in "
    "both directions.": {"rule": "balanced"},
    "It rejects those who are far in one direction. It must be the others: |above - below| is less than 0.3 of all "
    "that is far.": {"rule": "bias"},
}
BT500_RIGHT = ({}, {"ddof": 1}, {"strict": True}, {"ddof": 1, "strict": True})  # the recommendation leaves room


def bt500_cases() -> list[np.ndarray]:
    """Small classes (stimuli, raters): honest raters, guessing ones, biased ones, stimuli that everybody agrees on."""
    cases = []
    for seed, stimuli, raters, noise in BT500_CLASSES:
        rng = np.random.default_rng(seed)
        quality = rng.integers(1, 6, (stimuli, 1)) + rng.normal(0, noise, (stimuli, 1))
        scores = quality + rng.normal(0, noise, raters) + rng.normal(0, noise, (stimuli, raters))
        scores[:, -1] = rng.uniform(0.5, 5.5, stimuli)  # guesses
        scores[:, -2] = 6 - quality[:, 0]  # the scale swapped
        scores[:, -3] += 1.5  # generous, always
        scores[: stimuli // 4, -4] += 2.5  # far now and then, up and down
        scores[stimuli // 4 : stimuli // 2, -4] -= 2.5
        scores[:2, -5] = 1, 5  # two slips of the finger
        scores = np.clip(np.rint(scores), 1, 5)
        scores[-stimuli // 5 :] = 1  # anchors: everybody agrees
        cases.append(scores)
    return cases


# seed, stimuli, raters, noise: chosen so that no verdict hangs on n or n - 1, nor on > or >=, and each slip shows
BT500_CLASSES = ((147, 50, 24, 0.25), (133, 50, 24, 0.25), (13, 60, 15, 0.4), (3, 60, 30, 0.15))

# --- Holm ------------------------------------------------------------------------------------------------------------


def _stepped(p: np.ndarray, *, factor=lambda m, place: m - place, cap=True, rising=True, back=True, power=False):
    """Holm's method with one slip. factor: of the count of p-values and the place in their order, from 0."""
    order = np.argsort(p)
    factors = np.array([factor(len(p), place) for place in range(len(p))], dtype=float)
    values = 1 - (1 - p[order]) ** factors if power else factors * p[order]
    values = np.maximum.accumulate(values) if rising else values
    values = np.minimum(values, 1) if cap else values
    if not back:
        return values
    result = np.empty(len(p))
    result[order] = values
    return result


def _falling(p: np.ndarray, factor) -> np.ndarray:
    """Step-up methods, such as Hochberg's and Benjamini-Hochberg's: minima from the largest p-value down."""
    order = np.argsort(p)
    values = np.array([factor(len(p), place) for place in range(len(p))]) * p[order]
    result = np.empty(len(p))
    result[order] = np.minimum.accumulate(np.minimum(values, 1)[::-1])[::-1]
    return result


HOLM_SLIPS = {
    "They are as they were. The smallest of five must be multiplied by 5.": lambda p: p,
    "This is Bonferroni: all are multiplied by their count. Holm multiplies the smallest by the count, the next by one "
    "less, and so on.": lambda p: np.minimum(len(p) * p, 1),
    "This is Bonferroni, and it goes above 1. Holm multiplies the smallest by the count, the next by one less, and so "
    "on.": lambda p: len(p) * p,
    "The corrected values stand in the order of size. Each must stand where its p-value stood.": lambda p: _stepped(
        p, back=False
    ),
    "A larger p-value got a smaller corrected one than the p-value before it. Keep the largest so far: none may be "
    "below the one before.": lambda p: _stepped(p, rising=False),
    "A larger p-value got a smaller corrected one than the one before it, and some are above 1. Keep the largest so "
    "far, and cut at 1.": lambda p: _stepped(p, rising=False, cap=False),
    "Some corrected values are above 1. No probability is: cut there.": lambda p: _stepped(p, cap=False),
    "The factors are one too small: the smallest of five is multiplied by 5, not by 4. Places are counted from 0.": (
        lambda p: _stepped(p, factor=lambda m, place: m - place - 1)
    ),
    "The factors are one too large: the smallest of five is multiplied by 5, not by 6. Is enumerate begun at 0?": (
        lambda p: _stepped(p, factor=lambda m, place: m - place + 1)
    ),
    "The factors go the wrong way: the smallest p-value gets the largest factor, their count.": lambda p: _stepped(
        p, factor=lambda m, place: place + 1
    ),
    "The factors depend on where a p-value stands in the list, not on its size. Sort first.": lambda p: np.minimum(
        np.maximum.accumulate((len(p) - np.arange(len(p))) * p), 1
    ),
    "The factors depend on where a p-value stands in the list, not on its size, and nothing keeps the largest so far. "
    "Sort first.": lambda p: np.minimum((len(p) - np.arange(len(p))) * p, 1),
    "This is Benjamini-Hochberg, which bounds the share of false alarms among those shown. Holm bounds the chance of "
    "a single one: factors count, count - 1, ..., and the largest so far.": lambda p: _falling(
        p, lambda m, place: m / (place + 1)
    ),
    "This is Hochberg's method, minima from the largest p-value down. Holm goes from the smallest up and keeps the "
    "largest so far.": lambda p: _falling(p, lambda m, place: m - place),
    "This is Holm with Šidák's power, 1 - (1 - p)^k. Plain Holm multiplies: k p.": lambda p: _stepped(p, power=True),
}
