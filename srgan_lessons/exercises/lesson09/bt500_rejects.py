"""Exercise 9.2: screening after BT.500."""

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array


def bt500_rejects(scores):
    mean = scores.mean(axis=1, keepdims=True)  # (stimuli, 1)
    distance = scores - mean  # (stimuli, raters)
    # SOLUTION
    s = scores.std(axis=1, keepdims=True)  # (stimuli, 1)
    kurtosis = (distance**4).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** 4
    reach = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20)) * s
    above = ((distance >= reach) & (s > 0)).sum(axis=0)  # (raters,)
    below = ((distance <= -reach) & (s > 0)).sum(axis=0)
    # STUB
    # s = ...  # 1. (stimuli, 1), the standard deviation over raters
    # kurtosis = ...  # 2. (stimuli, 1); mind s = 0
    # reach = ...  # 3. (stimuli, 1), how far is far
    # above = ...  # 4. (raters,), on how many stimuli; which do not count?
    # below = ...  # 5. (raters,)
    # END
    far = above + below
    # SOLUTION
    often = far > 0.05 * len(scores)
    return often & (np.abs(above - below) < 0.3 * far)  # far = 0: 0 < 0 is False
    # STUB
    # return ...  # 6. (raters,), often far, and in both directions
    # END


def judge(candidate) -> None:
    cases = bt500_cases()
    found = np.concatenate([_rejected(call(candidate, scores), scores) for scores in cases])

    def verdicts(**how) -> np.ndarray:
        return np.concatenate([bt500(scores, **how) for scores in cases])

    right = verdicts()
    if np.array_equal(found, right):
        return
    slips = {message: verdicts(**how) for message, how in BT500_SLIPS.items()}
    for message, rule in COUNTED.items():
        slips[message] = np.concatenate([rule(*far_counts(scores), len(scores)) for scores in cases])
    slips["The answer is upside down: True is for raters that are rejected."] = ~right
    recognise(found, {message: outcome for message, outcome in slips.items() if outcome.any()}, within=0)
    if not found.any():
        raise NotYet(
            "Nobody is rejected, ever. Print above and below: both must be large for a rater who guesses. If one is 0, "
            "look at the sign of the reach; if both are large, at the shares: 0.05 of the stimuli, and 0.3."
        )
    advice = "Take the six steps one by one; print s, kurtosis and reach."
    show_smallest(candidate, bt500_rejects, small_classes(), advice=advice)
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
            f"There is one value per stimulus ({stimuli}), not one per rater ({raters}). Means and standard "
            "deviations are "
            "taken over raters, axis 1; above and below are counted over stimuli, axis 0."
        )
    if result.shape != (raters,):
        raise NotYet(f"The result has the shape {result.shape}; one True or False per rater is expected, {(raters,)}.")
    if not np.isin(result, (0, 1)).all():
        raise NotYet("The result holds numbers other than 0 and 1: True for a rater that is rejected, else False.")
    return result.astype(bool)


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
    low=2.0,
    high=4.0,
    at_least=False,
    power=4,
    root=4,
    axis=1,
) -> np.ndarray:
    """The rule with one slip, or in one of the variants that are right. It is True for raters who are rejected."""
    distance = scores - scores.mean(axis=1, keepdims=True)
    s = scores.std(axis=axis, keepdims=True, ddof=ddof)
    kurtosis = (distance**power).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** root - excess
    bound = np.where((kurtosis >= low) & (kurtosis <= high), inner, outer) * (
        np.ones_like(s) if not scaled else s**2 if squared else s
    )
    used = np.ones_like(s, dtype=bool) if trap else s > 1e-9
    bound = bound + (1e-9 if strict else -1e-9)
    above = (used & (distance >= bound)).sum(axis=0)
    below = (used & (distance <= -bound)).sum(axis=0)
    far = above + below
    often = far >= 0.05 * len(scores) if at_least else far > 0.05 * len(scores)
    balanced = np.abs(above - below) < 0.3 * far
    return {
        "both": often & balanced,
        "often": often,
        "balanced": balanced,
        "either": often | balanced,
        "bias": often & ~balanced,
    }[rule]


BT500_SLIPS = {
    "Stimuli on which all raters agree also count. There s is 0, every vote is 0 s away, and everybody is above and "
    "below at once: the trap. Leave these stimuli out.": {"trap": True},
    "This is the excess kurtosis, which is 0 for a normal distribution (scipy's default). BT.500 means the one which "
    "is 3: do not subtract 3.": {"excess": 3.0},
    "The reach is 2 s for every stimulus. Where the kurtosis is outside 2 to 4 it is sqrt(20) s.": {"outer": 2.0},
    "The reach is sqrt(20) s for every stimulus. Where the kurtosis is from 2 to 4 it is 2 s.": {"inner": 20**0.5},
    "A kurtosis below 2 takes the reach of 2 s, too. It must be between 2 and 4: else sqrt(20) s.": {"low": -np.inf},
    "A kurtosis above 4 takes the reach of 2 s, too. It must be between 2 and 4: else sqrt(20) s.": {"high": np.inf},
    "Whoever is far on exactly 5 % of the stimuli is rejected, too. It must be more.": {"at_least": True},
    "Often, or in both directions, is enough here. The rule asks for both: and, not or.": {"rule": "either"},
    "The kurtosis has the third power of the distance. It is the mean of d ** 4, over s ** 4.": {"power": 3},
    "The kurtosis is divided by s ** 2. It is the mean of d ** 4 over s ** 4.": {"root": 2},
    "s is taken over stimuli, axis 0, one per rater. It is the standard deviation over raters, axis 1.": {"axis": 0},
    "The two reaches are swapped: 2 s where the kurtosis is from 2 to 4, sqrt(20) s elsewhere.": {
        "inner": 20**0.5,
        "outer": 2.0,
    },
    "The reach is 20 s where it should be sqrt(20) s.": {"outer": 20.0},
    "The reach is not multiplied by s: far means far in standard deviations of this stimulus.": {"scaled": False},
    "The reach is multiplied by the variance. s is its root, the standard deviation.": {"squared": True},
    "Every rater who is often far is rejected. The rule also asks for both directions: one who is only strict, or only "
    "generous, stays. Compare above with below.": {"rule": "often"},
    "How often a rater is far does not matter here. The rule asks for both: more than 0.05 of the stimuli, and in "
    "both directions.": {"rule": "balanced"},
    "It rejects those who are far in one direction. It must be the others: |above - below| is less than 0.3 of all "
    "that is far.": {"rule": "bias"},
}


def far_counts(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of stimuli on which each rater is far above, and far below, the mean: (raters,) each."""
    distance = scores - scores.mean(axis=1, keepdims=True)
    s = scores.std(axis=1, keepdims=True)
    kurtosis = (distance**4).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** 4
    reach = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20)) * s
    return ((distance >= reach) & (s > 0)).sum(axis=0), ((distance <= -reach) & (s > 0)).sum(axis=0)


COUNTED = {  # (above, below, stimuli) -> rejected
    "Only `above` is counted as far. Far is above + below.": lambda a, b, n: (a > 0.05 * n) & (abs(a - b) < 0.3 * a),
    "abs() is missing: above - below may be negative. Both directions count alike: np.abs(above - below).": (
        lambda a, b, n: (a + b > 0.05 * n) & (a - b < 0.3 * (a + b))
    ),
    "far is compared with 5, not against 5 % of the stimuli: 0.05 * len(scores).": lambda a, b, n: (
        (a + b > 5) & (abs(a - b) < 0.3 * (a + b))
    ),
    "far is compared with 0.05, and it is a number of stimuli: 0.05 * len(scores).": lambda a, b, n: (
        (a + b > 0.05) & (abs(a - b) < 0.3 * (a + b))
    ),
}

BT500_RIGHT = ({}, {"ddof": 1}, {"strict": True}, {"ddof": 1, "strict": True})  # the recommendation allows all four


def bt500_cases() -> list[np.ndarray]:
    """Small classes (stimuli, raters) with honest, guessing and biased raters. On some stimuli, everybody agrees."""
    cases = []
    for seed, stimuli, raters, noise in BT500_CLASSES:
        rng = np.random.default_rng(seed)
        quality = rng.integers(1, 6, (stimuli, 1)) + rng.normal(0, noise, (stimuli, 1))
        scores = quality + rng.normal(0, noise, raters) + rng.normal(0, noise, (stimuli, raters))
        scores[:, -1] = rng.uniform(0.5, 5.5, stimuli)  # guesses
        scores[:, -2] = 6 - quality[:, 0]  # uses the scale the wrong way round
        scores[:, -3] += 1.5  # always generous
        scores[: stimuli // 4, -4] += 2.5  # sometimes far, above and below
        scores[stimuli // 4 : stimuli // 2, -4] -= 2.5
        scores[:2, -5] = 1, 5  # two slips of the finger
        scores = np.clip(np.rint(scores), 1, 5)
        scores[-stimuli // 5 :] = 1  # anchors: everybody agrees
        cases.append(scores)
    return [*cases, _two_lumps(), _exactly_five_per_cent()]


def _two_lumps() -> np.ndarray:
    """Scores (20, 40) of low kurtosis, below 2. Two raters are in turn 2.2 s above and below the mean: not far."""
    scores = np.tile([2.2, 3.8], (20, 20))
    scores[::2, :2], scores[1::2, :2] = (4.92, 1.08), (1.08, 4.92)
    scores[-1] = 1  # everybody agrees
    return scores


def _exactly_five_per_cent() -> np.ndarray:
    """Scores (40, 24). The first rater is far once above and once below: 2 of 40 stimuli are not more than 5 %."""
    scores = np.tile([2.0, 4.0], (40, 12))
    scores[:2] = 3
    scores[:2, 0] = 5, 1
    return scores


def small_classes() -> list[tuple[np.ndarray]]:
    """Two or three stimuli, rated by eleven raters. The first two are far from the mean or not, on one side or both."""
    up = np.array([5.0, 1, 4, 2, *[3] * 7])
    down, same = 6 - up, np.full(11, 3.0)
    narrow = [3 + (row - 3) / 2 for row in (up, down)]
    return [(np.array(rows),) for rows in ((up, up), (up, down), narrow, (up, down, same))]


# Seed, stimuli, raters, noise. They are chosen so that no verdict depends on n or n - 1, or on > or >=, and so that
# each slip is noticed.
BT500_CLASSES = ((147, 50, 24, 0.25), (133, 50, 24, 0.25), (13, 60, 15, 0.4), (3, 60, 30, 0.15))


EXERCISE = Exercise(
    name="bt500_rejects",
    lesson=9,
    place=2,
    title="screening after BT.500",
    difficulty="hard",
    minutes=10,
    reference=bt500_rejects,
    judge=judge,
    hints=(
        "Means, s and kurtosis are of a stimulus: axis 1. above and below are of a rater: axis 0. Where s is 0, "
        "distance >= reach says 0 >= 0, which is True for everybody.",
        "kurtosis is (distance**4).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** 4; np.where chooses "
        "between 2 and np.sqrt(20). A vote counts where s > 0.",
        "above = ((distance >= reach) & (s > 0)).sum(axis=0), below with <= -reach. Rejected: "
        "(far > 0.05 * len(scores)) & (abs(above - below) < 0.3 * far).",
    ),
    mistakes=(
        Mistake(
            "everyone who is far is rejected",
            says="also asks for both directions",
            ask="Strict or careless: how do you tell?",
        ),
        Mistake("kurtosis less 3", says="excess kurtosis", ask="What has a normal distribution in this formula?"),
    ),
)
