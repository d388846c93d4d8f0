"""Exercise 9.1: a MOS with its interval."""

import functools
import traceback

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.reading import as_array
from srgan_lessons.exercises.shared.draws import (
    Noted,
    image_means,
    medians,
    pairs,
    single_votes,
    two_way,
    what_is_wrong,
)


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
    # low, high = ...  # 4. the ends of the middle 95 % of the samples
    # END
    return scores.mean(), low, high


NEAR = 0.1  # as a share of the right width: four standard errors of a percentile of 1000 samples
NEAR_ON_AVERAGE = 0.08  # the same for the mean width of the cases; an interval of 90 % is 0.16 too narrow


def judge(candidate) -> None:
    cases = interval_cases()
    found = []
    noted = Noted(0)  # draws the same numbers as np.random.default_rng(0)
    for name, scores in cases.items():
        mos, low, high = _interval(candidate, scores, noted if name == "raters" else np.random.default_rng(0))
        _check_mos(mos, scores)
        found.append((low, high))
    found, (drawn, right) = np.array(found), right_studies()  # found, right: (cases, 2)
    width = (right[:, 1] - right[:, 0])[:, None]
    means = np.array([scores.mean() for scores in cases.values()])
    _check_order(found, right, means)
    if (found[:, 0] > 5).all():
        raise NotYet("The whole interval lies above the scale. Are the votes of a sample added up? Take their mean.")
    if found[-1, 1] > 5:
        raise NotYet(
            f"Near the end of the scale, the interval goes up to {found[-1, 1]:.2f}, but no vote is above 5. "
            "Take percentiles of the samples, which never leave the scale."
        )
    wide = (found[:, 1] - found[:, 0]) / width[:, 0]  # (cases,)
    if (np.abs(found - right) / width).max() <= NEAR and abs(wide.mean() - 1) <= NEAR_ON_AVERAGE:
        _check_rng(candidate, cases["chance"], found[list(cases).index("chance")], noted)
        return
    if fault := what_is_wrong(noted, *cases["raters"].shape):
        raise NotYet(fault)
    if (found[:, 1] < means).all():
        raise NotYet("The interval lies below the MOS. np.percentile counts in per cent: 2.5 and 97.5, not fractions.")
    if (wide < NEAR).all() and not noted.used:
        raise NotYet(
            "All samples are the same. Is a new generator made in each round? With the same seed, it draws the same "
            "numbers each time: draw from rng, the generator passed in."
        )
    if (wide < NEAR).all() and len(noted.numbers) >= 1000:
        raise NotYet(
            "The interval is far too narrow. Is the spread of the samples divided by something? They already vary as "
            "the MOS of other studies would: take their percentiles as they are."
        )
    if (wide < NEAR).all():
        raise NotYet(
            "All samples are the same, or nearly. Draw again in each round, inside the loop, and with replacement: "
            "some raters twice, some not at all."
        )
    if not noted.used:
        raise NotYet(
            "rng, the generator passed in, is never used: either nothing is drawn, as in Student's formula, or another "
            "generator draws. Draw raters and images 1000 times from rng, and take the middle 95 % of the MOS."
        )
    counts = np.array([[*scores.shape, scores.size] for scores in cases.values()])  # (cases, 3)
    if (np.abs(wide[:, None] * np.sqrt(counts) - 1) <= NEAR).all(axis=0).any():
        raise NotYet(
            "The width is divided by the root of a number of raters or images. That is for single votes: the samples "
            "are means already, so take their percentiles as they are."
        )
    for inner, cut, outer, past in (
        (1, 95, 0, lambda end, s: end <= np.percentile(s, 0.5)),
        (0, 5, 1, lambda end, s: end >= np.percentile(s, 99.5)),
    ):
        near = np.abs(found[:, inner] - [np.percentile(s, cut) for s in drawn]) <= NEAR * width[:, 0]
        if near.all() and all(past(end, s) for end, s in zip(found[:, outer], drawn, strict=True)):
            raise NotYet(
                "5 % are cut off at one end, and nothing at the other. For the middle 95 %, cut off 2.5 % at each end."
            )
    message, distance = min(
        ((message, (np.abs(found - ends) / width).max()) for message, ends in slip_bounds().items()), key=lambda s: s[1]
    )
    if distance <= 1.3 * NEAR:
        raise NotYet(message)
    if (found[:, 1] - found[:, 0] > 1.3 * width[:, 0]).all():
        raise NotYet(
            f"The interval is always too wide, by a factor of up to {wide.max():.2f}. Does it reach from the smallest "
            "to the largest sample? The middle 95 % lies between the percentiles 2.5 and 97.5."
        )
    share = wide.round(2)
    raise NotYet(
        f"If only raters differ, the interval is {share[0]} times as wide as it should be; if only images differ, "
        f"{share[1]} times; if only chance is at work, {share[2]} times. In each round, draw raters, draw images, and "
        "take the mean of what these raters said about these images."
    )


def _check_order(found: np.ndarray, right: np.ndarray, means: np.ndarray) -> None:
    """Raises NotYet if the ends (cases, 2) are the wrong way round, or are no ends at all."""
    width = (right[:, 1] - right[:, 0])[:, None]
    half = np.abs(right - means[:, None])
    for flipped in (half, half[:, ::-1]):
        if (np.abs(np.abs(found) - flipped) / width).max() <= 1.3 * NEAR:
            raise NotYet("These are the distances of the ends from the MOS. Return the ends themselves.")
    if (found[:, 0] <= found[:, 1]).all():
        return
    if (np.abs(found[:, ::-1] - right) / width).max() <= 1.3 * NEAR:
        raise NotYet("The lower end is above the upper one. Return them in this order: MOS, low, high.")
    raise NotYet(
        "The lower end is above the upper one. Are two of the samples taken by their place, without sorting the "
        "samples first? np.percentile(samples, [2.5, 97.5]) sorts them itself."
    )


def _interval(candidate, scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The answer's MOS, low and high."""
    try:
        result = call(candidate, scores, rng)
    except (IndexError, TypeError) as error:
        if any(frame.name == "normalize_axis_tuple" for frame in traceback.extract_tb(error.__traceback__)):
            raise NotYet(
                "numpy reads the second percentile as an axis. Put both numbers into one list: "
                "np.percentile(samples, [2.5, 97.5])."
            ) from error
        if "shape mismatch" in str(error) or "broadcast" in str(error):
            raise NotYet(
                "scores[who, what] takes one vote for each pair (who[k], what[k]), and not all votes of these raters "
                "on these images. Take the rows first, then the columns: scores[who][:, what]."
            ) from error
        if "out of bounds" in str(error):
            raise NotYet(
                f"An index is too large: {error}. Raters are the first axis of scores, and images the second. Draw "
                "numbers from 0 to their count - 1, and take the counts from scores.shape."
            ) from error
        raise
    if isinstance(result, tuple | list) and len(result) == 2:
        raise NotYet("The result has two values. Three are expected: the MOS, and both ends of its interval.")
    return as_array(result, (3,), "the result (MOS, low, high)")


def _check_rng(candidate, scores: np.ndarray, before: np.ndarray, noted: Noted) -> None:
    """Raises NotYet unless all random numbers come from the generator passed in.

    before: the interval of these scores in an earlier call. noted: the generator passed in another call.
    """
    if not noted.used:
        raise NotYet("rng, the generator passed in, is never used. Draw with rng.integers or rng.choice.")
    # By now, other generators are in another state than in the earlier call.
    if not np.array_equal(_interval(candidate, scores, np.random.default_rng(0))[1:], before):
        raise NotYet(
            "The interval is right, but it is different each time: some random numbers do not come from rng, the "
            "generator passed in. Draw with rng.integers or rng.choice, so that a study can be repeated."
        )


def _check_mos(mos: float, scores: np.ndarray) -> None:
    if abs(mos - scores.mean()) < 1e-6:  # float32 is enough
        return
    if abs(mos - scores.mean()) < 0.1:
        raise NotYet(
            f"The MOS is {mos:.8g}; the mean of all votes is {scores.mean():.8g}. Return the mean of the votes, not "
            "of the samples, with all its digits: the samples are for the interval only."
        )
    raise NotYet(f"The first value is {mos:.2f}; the MOS, the mean of all votes, is {scores.mean():.2f}.")


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


@functools.cache
def right_studies() -> tuple[list[np.ndarray], np.ndarray]:
    """The samples of each case, drawn as they should be, and their ends (cases, 2)."""
    samples = [two_way(scores) for scores in interval_cases().values()]
    return samples, np.array([bounds(each) for each in samples])


@functools.cache
def slip_bounds() -> dict[str, np.ndarray]:
    """For each usual mistake, the ends (cases, 2) that it gives."""
    return {
        message: np.array([bounds(samples, level) for samples, level in map(make, interval_cases().values())])
        for message, make in INTERVAL_SLIPS.items()
    }


def bounds(samples: np.ndarray, level: float = 95) -> tuple[float, float]:
    return tuple(np.percentile(samples, [50 - level / 2, 50 + level / 2]))


INTERVAL_SLIPS = {
    "Only images are drawn again. Other people would have voted differently, too: draw raters as well.": lambda s: (
        (two_way(s, who=False), 95)
    ),
    "Only raters are drawn again. Other images would have been rated differently, too: draw images as well.": (
        lambda s: (two_way(s, what=False), 95)
    ),
    "The votes are treated as if they were independent of each other. This is the trap: a rater's votes share that "
    "rater's habits. Draw whole raters and whole images, not single votes.": lambda s: (single_votes(s, s.size), 95),
    "Each sample has a mean for each image; it should be one number. Take the mean over raters and images.": lambda s: (
        image_means(s),
        95,
    ),
    "The median of the votes is taken. A MOS is their mean.": lambda s: (medians(s), 95),
    "The last rater and the last image are never drawn: rng.integers(0, n) ends at n - 1 by itself.": lambda s: (
        (two_way(s[:-1, :-1]), 95)
    ),
    "Pairs are drawn: rater who[k] on image what[k]. Take all votes of these raters on these images: "
    "scores[who][:, what].": lambda s: (pairs(s), 95),
    "The last rater is never drawn: rng.integers(0, n) ends at n - 1 by itself.": lambda s: (two_way(s[:-1]), 95),
    "The last image is never drawn: rng.integers(0, n) ends at n - 1 by itself.": lambda s: (two_way(s[:, :-1]), 95),
    "Half of the raters are drawn. Draw as many as there are: fewer make the interval too wide.": lambda s: (
        two_way(s, raters=len(s) // 2),
        95,
    ),
    "Each sample has a mean for each rater; it should be one number. Take the mean over raters and images.": lambda s: (
        two_way(s, raters=1),
        95,
    ),
    "Each sample has all votes of a round; it should be one number, their mean.": lambda s: (np.tile(s, 1000), 95),
    "The percentiles are taken of the votes. Take them of the samples.": lambda s: (s, 95),
    "This interval contains 90 % of the samples. For 95 %, cut off 2.5 % at each end.": lambda s: (two_way(s), 90),
    "This interval contains 99 % of the samples. For 95 %, cut off 2.5 % at each end.": lambda s: (two_way(s), 99),
    "This interval contains only two thirds of the samples, like the mean plus and minus one standard deviation. Cut "
    "off 2.5 % at each end.": lambda s: (two_way(s), 68.3),
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
        "A drawn rater comes with all votes of that person, and a drawn image with all votes on it. So draw row "
        "numbers and column numbers, never single votes.",
        "rng.integers(0, n, n) draws n numbers from 0 to n - 1, with replacement. Rows first, then columns.",
        "samples.append(scores[who][:, what].mean()), and np.percentile(samples, [2.5, 97.5]) at the end.",
    ),
    mistakes=(
        Mistake(
            "votes pooled",
            says="as if they were independent of each other",
            ask="You ask one rater a thousand times. How sure are you of the MOS now?",
        ),
        Mistake(
            "images drawn, raters not", says="Only images are drawn again", ask="Would other raters have said the same?"
        ),
    ),
)
