"""Exercise 9.1: a MOS with its interval."""

import numpy as np
import torch

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.reading import as_array


def mos_interval(scores, rng):
    raters, images = scores.shape
    samples = []
    # SOLUTION
    for _ in range(1000):
        who = rng.integers(0, raters, raters)  # (raters,), some twice, some not at all
        what = rng.integers(0, images, images)  # (images,)
        samples.append(scores[who][:, what].mean())
    low, high = np.percentile(samples, [2.5, 97.5])
    # STUB
    # for _ in range(1000):
    #     who = ...  # 1. as many raters as there are, drawn with replacement
    #     what = ...  # 2. images, in the same way
    #     samples.append(...)  # 3. the MOS of this study
    # low, high = ...  # 4. what holds the middle 95 % of the samples
    # END
    return scores.mean(), low, high


NEAR = 0.1  # as a share of the right width: four standard errors of a percentile of 1000 samples

NEAR_ON_AVERAGE = 0.08  # the same for the mean width of the cases; an interval of 90 % is 0.16 too narrow


def judge(candidate) -> None:
    cases = interval_cases()
    found, right = [], []
    for scores in cases.values():
        mos, low, high = _interval(candidate, scores)
        _check_mos(mos, scores)
        if low > high:
            raise NotYet("The lower end is above the upper one. Return them in this order: MOS, low, high.")
        found.append((low, high))
        right.append(bounds(two_way(scores)))
    found, right = np.array(found), np.array(right)  # (cases, 2)
    width = (right[:, 1] - right[:, 0])[:, None]
    if (found[:, 0] > 5).all():
        raise NotYet(
            "The whole interval lies above the scale. Are the votes of a sample summed up? Its MOS is their mean."
        )
    if found[-1, 1] > 5:
        raise NotYet(
            f"Near the end of the scale the interval goes up to {found[-1, 1]:.2f}, and no vote is above 5. "
            "Take percentiles of the samples: they never leave the scale."
        )
    wide = (found[:, 1] - found[:, 0]) / width[:, 0]  # (cases,)
    if (np.abs(found - right) / width).max() <= NEAR and abs(wide.mean() - 1) <= NEAR_ON_AVERAGE:
        _check_rng(candidate, cases["chance"])
        return
    means = np.array([scores.mean() for scores in cases.values()])
    if (found[:, 1] < means).all():
        raise NotYet("The interval lies below the MOS. np.percentile counts in per cent: 2.5 and 97.5, not fractions.")
    if (wide < NEAR).all():
        raise NotYet(
            "All samples are the same, or nearly. Draw again in each round, inside the loop, and with replacement: "
            "some raters twice, some not at all."
        )
    for inner, cut, outer, past in (
        (1, 95, 0, lambda end, s: end < np.percentile(s, 0.5)),
        (0, 5, 1, lambda end, s: end > np.percentile(s, 99.5)),
    ):
        drawn = [two_way(scores) for scores in cases.values()]
        near = np.abs(found[:, inner] - [np.percentile(s, cut) for s in drawn]) <= NEAR * width[:, 0]
        if near.all() and all(past(end, s) for end, s in zip(found[:, outer], drawn, strict=True)):
            raise NotYet(
                "5 % are cut from one end, and nothing from the other. For the middle 95 % cut 2.5 % from each."
            )
    slips = {
        message: np.array([bounds(samples, level) for samples, level in map(make, cases.values())])
        for message, make in INTERVAL_SLIPS.items()
    }
    message, distance = min(
        ((message, (np.abs(found - ends) / width).max()) for message, ends in slips.items()), key=lambda s: s[1]
    )
    if distance <= 1.3 * NEAR:
        raise NotYet(message)
    if (found[:, 1] - found[:, 0] > 1.3 * width[:, 0]).all():
        raise NotYet(
            f"Everywhere it is too wide, up to {wide.max():.2f} times. Is it from the smallest to the largest "
            f"sample? The middle "
            "95 % lies between the percentiles 2.5 and 97.5."
        )
    share = wide.round(2)
    raise NotYet(
        f"Where only raters differ the interval is {share[0]} times as wide as it should be; where only images differ "
        f"{share[1]} times; where only chance is at work {share[2]} times. In each round: draw raters, draw images, "
        "and take the mean of what these raters said about these images."
    )


def _interval(candidate, scores: np.ndarray) -> np.ndarray:
    """The answer's MOS, low and high."""
    try:
        result = call(candidate, scores, np.random.default_rng(0))
    except IndexError as error:
        if "shape mismatch" in str(error) or "broadcast" in str(error):
            raise NotYet(
                "scores[who, what] takes one vote for each pair (who[k], what[k]), not all votes of these raters on "
                "these images. Take the rows first, then the columns: scores[who][:, what]."
            ) from error
        if "out of bounds" in str(error):
            raise NotYet(
                f"An index is too large: {error}. Raters are the first axis of scores, images the second; numbers are "
                "drawn from 0 up to their count, which is not included."
            ) from error
        raise
    if isinstance(result, tuple | list) and len(result) == 2:
        raise NotYet("Two values came back. Three are expected: the MOS, and the lower and upper end of its interval.")
    return as_array(result, (3,), "MOS, low and high")


def _check_rng(candidate, scores: np.ndarray) -> None:
    """Raises NotYet unless all random numbers come from the generator that is given."""
    rng = np.random.default_rng(0)
    before = str(rng.bit_generator.state)
    call(candidate, scores, rng)
    if str(rng.bit_generator.state) == before:
        raise NotYet("rng, the generator that is given, is never used. Draw with rng.integers or rng.choice.")
    ends = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002 - what students use
        torch.manual_seed(seed)
        ends.append(_interval(candidate, scores))
    if not np.array_equal(*ends):
        raise NotYet(
            "The interval is right, and another one each time: not all chance comes from rng, the generator that is "
            "given. "
            "Draw with rng.integers or rng.choice, so that a study can be repeated."
        )


def _check_mos(mos: float, scores: np.ndarray) -> None:
    if abs(mos - scores.mean()) < 1e-9:
        return
    if abs(mos - scores.mean()) < 0.1:
        raise NotYet(
            f"The MOS is {mos:.4f}; the mean of all votes is {scores.mean():.4f}. Return the mean of the votes, not of "
            "the samples: redrawing is for the interval only."
        )
    raise NotYet(f"The first value is {mos:.2f}; the MOS, the mean of all votes, is {scores.mean():.2f}.")


DRAWS = 4000


def interval_cases() -> dict[str, np.ndarray]:
    """Votes (raters, images) that differ for one reason at a time. The last votes are near the end of the scale."""
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


def two_way(scores: np.ndarray, who: bool = True, what: bool = True, raters: int | None = None) -> np.ndarray:
    """The MOS (DRAWS,) of studies in which raters, images or both are drawn again. raters: how many, if not all."""
    rng = np.random.default_rng(1)
    counts = (raters or scores.shape[0], scores.shape[1])
    weights = [
        rng.multinomial(count, np.full(n, 1 / n), size=DRAWS) / count if drawn else np.full((DRAWS, n), 1 / n)
        for n, count, drawn in zip(scores.shape, counts, (who, what), strict=True)
    ]
    return np.einsum("br,ri,bi->b", weights[0], scores, weights[1], optimize=True)


def single_votes(scores: np.ndarray, count: int) -> np.ndarray:
    """The MOS (DRAWS,) of `count` votes drawn from all votes, whoever gave them."""
    return np.random.default_rng(1).choice(scores.ravel(), (DRAWS, count)).mean(axis=1)


def bounds(samples: np.ndarray, level: float = 95) -> tuple[float, float]:
    return tuple(np.percentile(samples, [50 - level / 2, 50 + level / 2]))


def _pairs(scores: np.ndarray) -> np.ndarray:
    """The MOS (DRAWS,) of n pairs (rater, image), where n is the smaller of the two counts."""
    rng, count = np.random.default_rng(1), min(scores.shape)
    rows, columns = (rng.integers(0, n, (DRAWS, count)) for n in scores.shape)
    return scores[rows, columns].mean(axis=1)


INTERVAL_SLIPS = {
    "Only images are redrawn. Other people would have voted differently, too: draw raters as well.": lambda s: (
        (two_way(s, who=False), 95)
    ),
    "Only raters are redrawn. Other images would have been rated differently, too: draw images as well.": (
        lambda s: (two_way(s, what=False), 95)
    ),
    "The votes are treated as if they were independent of each other. This is the trap: a rater's votes share that "
    "rater's habits. Draw whole raters and whole images, not single votes.": lambda s: (single_votes(s, s.size), 95),
    "The last rater and the last image are never drawn: rng.integers(0, n) ends at n - 1 by itself.": lambda s: (
        (two_way(s[:-1, :-1]), 95)
    ),
    "Pairs are drawn: rater who[k] on image what[k]. Take all votes of these raters on these images: "
    "scores[who][:, what].": lambda s: (_pairs(s), 95),
    "The last rater is never drawn: rng.integers(0, n) ends at n - 1 by itself.": lambda s: (two_way(s[:-1]), 95),
    "The last image is never drawn: rng.integers(0, n) ends at n - 1 by itself.": lambda s: (two_way(s[:, :-1]), 95),
    "Half of the raters are drawn. Draw as many as there are: fewer make the interval too wide.": lambda s: (
        two_way(s, raters=len(s) // 2),
        95,
    ),
    "One rater is drawn for each sample. Draw as many as there are.": lambda s: (two_way(s, raters=1), 95),
    "This interval holds 90 % of the samples. For 95 % cut 2.5 % from each end.": lambda s: (two_way(s), 90),
    "This interval holds 99 % of the samples. For 95 % cut 2.5 % from each end.": lambda s: (two_way(s), 99),
    "This interval holds only two thirds of the samples, as mean plus and minus one standard deviation does. Cut 2.5 "
    "% from each end.": lambda s: (two_way(s), 68.3),
}


EXERCISE = Exercise(
    name="mos_interval",
    lesson=9,
    place=1,
    title="a MOS with its interval",
    difficulty="medium",
    minutes=8,
    reference=mos_interval,
    judge=judge,
    hints=(
        "A drawn rater comes with all votes of that person; a drawn image with all votes on it. Draw numbers of "
        "rows and of columns, never single votes.",
        "rng.integers(0, n, n) draws n numbers from 0 to n - 1, with replacement. Rows first, then columns.",
        "samples.append(scores[who][:, what].mean()), and np.percentile(samples, [2.5, 97.5]) at the end.",
    ),
    mistakes=(
        Mistake(
            "votes pooled",
            says="as if they were independent of each other",
            ask="Ask one rater a thousand times: how sure are you?",
        ),
        Mistake(
            "images drawn, raters not", says="Only images are redrawn", ask="Would other raters have said the same?"
        ),
    ),
)
