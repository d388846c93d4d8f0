"""Lesson 09, Mean opinion score: a MOS with its interval, screening after BT.500, Holm, and the paper's table re-read.

Arrays alone: pandas and scipy are needed by the lesson, not by its exercises.
"""

import numpy as np

from srgan_lessons.classroom.judges.opinion import (
    BT500_SLIPS,
    HOLM_SLIPS,
    INTERVAL_SLIPS,
    bounds,
    bt500,
    bt500_cases,
    interval_cases,
    two_way,
)
from srgan_lessons.classroom.judging import Exercise, NotYet, as_array, as_number, call, recognise

# --- a MOS and its interval ------------------------------------------------------------------------------------------


def mos_interval(scores, rng):
    raters, images = scores.shape
    samples = []
    for _ in range(1000):
        who = rng.integers(0, raters, raters)  # (raters,), some twice, some not at all
        what = rng.integers(0, images, images)  # (images,)
        samples.append(scores[who][:, what].mean())
    low, high = np.percentile(samples, [2.5, 97.5])
    return scores.mean(), low, high


NEAR = 0.1  # of the right width: four standard errors of a percentile of 1000 samples
NEAR_ON_AVERAGE = 0.08  # the same for the mean width of the cases; an interval of 90 % is 0.16 too narrow


def judge_mos_interval(candidate) -> None:
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
    if found[-1, 1] > 5:
        raise NotYet(
            f"Near the end of the scale the interval goes up to {found[-1, 1]:.2f}, and nobody can vote more than 5. "
            "Take percentiles of the samples: they never leave the scale."
        )
    wide = (found[:, 1] - found[:, 0]) / width[:, 0]  # (cases,)
    if (np.abs(found - right) / width).max() <= NEAR and abs(wide.mean() - 1) <= NEAR_ON_AVERAGE:
        return
    means = np.array([scores.mean() for scores in cases.values()])
    if (found[:, 1] < means).all():
        raise NotYet("The interval lies below the MOS. np.percentile counts in per cent: 2.5 and 97.5, not fractions.")
    if (wide < NEAR).all():
        raise NotYet(
            "All samples are the same, or nearly. Draw anew in each round, inside the loop, and with replacement: "
            "some raters twice, some not at all."
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
                "drawn from 0 to their count, which is left out."
            ) from error
        raise
    if isinstance(result, tuple | list) and len(result) == 2:
        raise NotYet("Two values came back. Three are expected: the MOS, and the lower and upper end of its interval.")
    return as_array(result, (3,), "MOS, low and high")


def _check_mos(mos: float, scores: np.ndarray) -> None:
    if abs(mos - scores.mean()) < 1e-9:
        return
    if abs(mos - scores.mean()) < 0.1:
        raise NotYet(
            f"The MOS is {mos:.4f}; the mean of all votes is {scores.mean():.4f}. Return the mean of the votes, not of "
            "the samples: drawing anew is for the interval alone."
        )
    raise NotYet(f"The first value is {mos:.2f}; the MOS, the mean of all votes, is {scores.mean():.2f}.")


# --- screening after BT.500 ------------------------------------------------------------------------------------------


def bt500_rejects(scores):
    mean = scores.mean(axis=1, keepdims=True)  # (stimuli, 1)
    distance = scores - mean  # (stimuli, raters)
    s = scores.std(axis=1, keepdims=True)  # (stimuli, 1)
    kurtosis = (distance**4).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** 4
    reach = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20)) * s
    above = ((distance >= reach) & (s > 0)).sum(axis=0)  # (raters,)
    below = ((distance <= -reach) & (s > 0)).sum(axis=0)
    far = above + below
    often = far > 0.05 * len(scores)
    return often & (np.abs(above - below) < 0.3 * far)  # far = 0: 0 < 0 is False


def judge_bt500_rejects(candidate) -> None:
    cases = bt500_cases()
    found = np.concatenate([_rejected(call(candidate, scores), scores) for scores in cases])

    def verdicts(**how) -> np.ndarray:
        return np.concatenate([bt500(scores, **how) for scores in cases])

    right = verdicts()
    if np.array_equal(found, right):
        return
    slips = {message: verdicts(**how) for message, how in BT500_SLIPS.items()}
    slips["The answer is upside down: True is for raters that are rejected."] = ~right
    recognise(found, slips, within=0)
    if not found.any():
        raise NotYet(
            "Nobody is rejected, ever. Print above and below: both must be large for a rater who guesses. If one is 0, "
            "look at the sign of the reach; if both are large, at the shares: 0.05 of the stimuli, and 0.3."
        )
    wrong = found != right
    raise NotYet(
        f"{(wrong & found).sum()} raters are rejected who should stay, and {(wrong & right).sum()} stay who should be "
        f"rejected, of {len(right)}. Take the six steps one by one; print s, kurtosis and reach of a few stimuli."
    )


def _rejected(value, scores: np.ndarray) -> np.ndarray:
    """A student's answer as booleans (raters,)."""
    stimuli, raters = scores.shape
    result = as_array(value)
    if result.shape == (stimuli,):
        raise NotYet(
            f"There is one value a stimulus ({stimuli}), not one a rater ({raters}). Means and standard deviations are "
            "taken over raters, axis 1; above and below are counted over stimuli, axis 0."
        )
    if result.shape != (raters,):
        raise NotYet(f"The result has the shape {result.shape}; one True or False a rater is expected, {(raters,)}.")
    if not np.isin(result, (0, 1)).all():
        raise NotYet("The result holds numbers other than 0 and 1: True for a rater that is rejected, else False.")
    return result.astype(bool)


# --- Holm ------------------------------------------------------------------------------------------------------------


def holm(p_values):
    count = len(p_values)
    corrected = np.empty(count)
    largest = 0.0
    for place, k in enumerate(np.argsort(p_values)):
        largest = max(largest, min(1.0, (count - place) * p_values[k]))
        corrected[k] = largest
    return corrected


HOLM_CASES = (
    (0.04, 0.001, 0.03, 0.012, 0.6),
    (0.2, 0.01, 0.011, 0.9, 0.0004, 0.0101),
    (0.02, 0.02, 0.5),
    (0.7, 0.9, 0.3),
    (0.03,),
)


def judge_holm(candidate) -> None:
    cases = [np.array(case) for case in HOLM_CASES]
    results = [as_array(call(candidate, p), p.shape, "the corrected p-values") for p in cases]
    found = np.concatenate(results).astype(float)
    if all(result.dtype == bool for result in results):
        raise NotYet("True and False came back. Return the corrected p-values; whoever reads them compares with 0.05.")
    slips = {message: np.concatenate([slip(p) for p in cases]) for message, slip in HOLM_SLIPS.items()}
    right = np.concatenate([holm(p) for p in cases])
    if np.allclose(found, right, rtol=0, atol=1e-9):
        return
    recognise(found, slips, within=1e-9)
    if (found > 1).any():
        raise NotYet(f"A corrected p-value is {found.max():.2f}. No probability is above 1: cut it there.")
    for p, values in zip(cases, results, strict=True):
        for value, corrected, wanted in zip(p, values, holm(p), strict=True):
            if abs(corrected - wanted) > 1e-9:
                raise NotYet(
                    f"Of the p-values {p.tolist()}, {value:g} becomes {corrected:.4g}; it should be {wanted:.4g}. The "
                    "smallest is multiplied by their count, the next by one less, and so on; none may be below the one "
                    "before."
                )


# --- the paper's table -----------------------------------------------------------------------------------------------


def margin_to_hr(mos, method):
    to_hr = abs(mos["hr"] - mos[method])
    to_others = [abs(mos[method] - value) for name, value in mos.items() if name not in ("hr", method)]
    return min(to_others) - to_hr


TABLES = (  # the first two are columns of the paper's Tables 1 and 2, the others are made up
    ({"nearest": 1.28, "bicubic": 1.97, "DRCN": 3.26, "SRResNet": 3.37, "ESPCN": 2.89, "hr": 4.32}, "SRResNet"),
    ({"SRResNet-MSE": 3.37, "SRGAN-MSE": 3.77, "SRGAN-VGG22": 3.78, "SRGAN-VGG54": 3.58, "hr": 4.32}, "SRGAN-VGG54"),
    ({"a": 2.0, "b": 4.4, "hr": 4.1, "c": 1.1}, "b"),
    ({"hr": 4.6, "a": 3.3, "b": 1.6, "c": 4.0, "d": 2.1}, "b"),
)


def judge_margin_to_hr(candidate) -> None:
    results = [call(candidate, dict(mos), method) for mos, method in TABLES]
    if all(isinstance(result, bool | np.bool_) for result in results):
        raise NotYet("True or False came back. Return the margin, in steps of the scale: its sign is the answer.")
    found = np.array([as_number(result, "the margin") for result in results])
    if np.allclose(found, [margin_to_hr(*case) for case in TABLES], rtol=0, atol=1e-9):
        return
    recognise(found, {message: [slip(*case) for case in TABLES] for message, slip in MARGIN_SLIPS.items()}, within=1e-9)
    (mos, method), right = TABLES[0], margin_to_hr(*TABLES[0])
    raise NotYet(
        f"With the MOS {mos} the margin of {method} is {found[0]:.2f}; it should be {right:.2f}: the distance to the "
        "closest other method, less the distance to hr."
    )


def _margin(mos, method, *, without=("hr",), itself=False, signed=False, pick=min) -> float:
    """The margin with one slip."""
    size = float if signed else abs
    others = [
        size(mos[method] - value) for name, value in mos.items() if name not in without and (itself or name != method)
    ]
    return pick(others) - size(mos["hr"] - mos[method])


def _neighbour(mos: dict[str, float], method: str, step: int) -> float:
    names = [name for name in mos if name != "hr"]
    return mos[names[(names.index(method) + step) % len(names)]]


MARGIN_SLIPS = {
    "The sign is turned round: positive means nearer to hr. Take the distance to the closest other method, less the "
    "distance to hr.": lambda mos, method: -_margin(mos, method),
    "The method is compared with itself, and that distance is always 0. Leave it out.": lambda mos, method: _margin(
        mos, method, itself=True
    ),
    "hr is among the others, so the closest other is never farther away than hr. Leave it out.": lambda mos, method: (
        _margin(mos, method, without=())
    ),
    "A distance has no sign: a method can be above this one, and hr can be below. Take abs().": lambda mos, method: (
        _margin(mos, method, signed=True)
    ),
    "This is the margin to the farthest method. It must be nearer to hr than to *any* other: take the closest.": (
        lambda mos, method: _margin(mos, method, pick=max)
    ),
    "This is the margin to the mean of the others' distances. It must be nearer to hr than to *any* other: take the "
    "closest.": lambda mos, method: _margin(mos, method, pick=lambda values: sum(values) / len(values)),
    "It is compared with the best of the others, which is not always the closest: look at all distances.": (
        lambda mos, method: (
            abs(mos[method] - max(value for name, value in mos.items() if name not in ("hr", method)))
            - abs(mos["hr"] - mos[method])
        )
    ),
    "It is compared with its neighbour in the table only. The closest may stand elsewhere: look at all.": (
        lambda mos, method: abs(mos[method] - _neighbour(mos, method, -1)) - abs(mos["hr"] - mos[method])
    ),
    "Only methods below it are looked at. A better one may be closer.": lambda mos, method: (
        mos[method]
        - max((value for value in mos.values() if value < mos[method]), default=-np.inf)
        - abs(mos["hr"] - mos[method])
    ),
    "This is the distance to hr alone. Take it from the distance to the closest other method.": lambda mos, method: abs(
        mos["hr"] - mos[method]
    ),
    "This is the distance to the closest other method alone. Take the distance to hr from it.": lambda mos, method: min(
        abs(mos[method] - value) for name, value in mos.items() if name not in ("hr", method)
    ),
}

# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="mos_interval",
        lesson=9,
        title="a MOS with its interval",
        difficulty="medium",
        minutes=8,
        stub="""
            def mos_interval(scores, rng):
                raters, images = scores.shape
                samples = []
                for _ in range(1000):
                    who = ...  # 1. as many raters as there are, drawn with replacement
                    what = ...  # 2. images, in the same way
                    samples.append(...)  # 3. the MOS of this study
                low, high = ...  # 4. what holds the middle 95 % of the samples
                return scores.mean(), low, high
            """,
        reference=mos_interval,
        judge=judge_mos_interval,
        hints=(
            "A drawn rater comes with all votes of that person; a drawn image with all votes on it. Draw numbers of "
            "rows and of columns, never single votes.",
            "rng.integers(0, n, n) draws n numbers from 0 to n - 1, with replacement. Rows first, then columns.",
            "samples.append(scores[who][:, what].mean()), and np.percentile(samples, [2.5, 97.5]) at the end.",
        ),
    ),
    Exercise(
        name="bt500_rejects",
        lesson=9,
        title="screening after BT.500",
        difficulty="hard",
        minutes=10,
        stub="""
            def bt500_rejects(scores):
                mean = scores.mean(axis=1, keepdims=True)  # (stimuli, 1)
                distance = scores - mean  # (stimuli, raters)
                s = ...  # 1. (stimuli, 1), the standard deviation over raters
                kurtosis = ...  # 2. (stimuli, 1); mind s = 0
                reach = ...  # 3. (stimuli, 1), how far is far
                above = ...  # 4. (raters,), on how many stimuli; which do not count?
                below = ...  # 5. (raters,)
                far = above + below
                return ...  # 6. (raters,), often far, and in both directions
            """,
        reference=bt500_rejects,
        judge=judge_bt500_rejects,
        hints=(
            "Means, s and kurtosis are of a stimulus: axis 1. above and below are of a rater: axis 0. Where s is 0, "
            "distance >= reach says 0 >= 0, which is True for everybody.",
            "kurtosis is (distance**4).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** 4; np.where chooses "
            "between 2 and np.sqrt(20). A vote counts where s > 0.",
            "above = ((distance >= reach) & (s > 0)).sum(axis=0), below with <= -reach. Rejected: "
            "(far > 0.05 * len(scores)) & (abs(above - below) < 0.3 * far).",
        ),
    ),
    Exercise(
        name="holm",
        lesson=9,
        title="Wilcoxon's p-values, corrected by Holm",
        difficulty="medium",
        minutes=7,
        stub="""
            def holm(p_values):
                count = len(p_values)
                corrected = np.empty(count)
                largest = 0.0
                for place, k in enumerate(np.argsort(p_values)):
                    largest = ...  # 1. the factor of this place; what else?
                    corrected[k] = largest
                return corrected
            """,
        reference=holm,
        judge=judge_holm,
        hints=(
            "Place 0 has the smallest p-value and the factor count. Which factor has place 1, and which the last?",
            "The factor is count - place. The product must not be above 1, nor below the largest so far.",
            "largest = max(largest, min(1.0, (count - place) * p_values[k])).",
        ),
    ),
    Exercise(
        name="margin_to_hr",
        lesson=9,
        title="reading the paper's table",
        difficulty="easy",
        minutes=5,
        stub="""
            def margin_to_hr(mos, method):
                to_hr = ...  # 1. how far it is from HR
                to_others = ...  # 2. how far from each other method
                return ...  # 3. positive: it is nearer to HR than to any of them
            """,
        reference=margin_to_hr,
        judge=judge_margin_to_hr,
        hints=(
            "Nearer than to any other method: which of the others decides?",
            "Loop over mos.items(), leave out the method itself and hr, and take the smallest abs(difference).",
            "min(abs(mos[method] - value) for name, value in mos.items() if name not in ('hr', method)) - to_hr.",
        ),
    ),
)
