"""Exercise 9.2: screening after BT.500."""

import functools

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
    found = np.concatenate([_rejected(call(candidate, scores), scores) for scores in bt500_cases()])
    right = np.concatenate([bt500(scores) for scores in bt500_cases()])
    if np.array_equal(found, right):
        return
    more = [found, *(_rejected(call(candidate, scores), scores) for (scores,) in small_classes())]
    recognise(np.concatenate(more), _slips(small=True), within=0)  # some slips differ on the small classes only
    recognise(found, _slips(small=False), within=0)
    if not found.any():
        raise NotYet(
            "Nobody is ever rejected. Print above and below: for a rater who guesses, both must be large. If one is 0, "
            "look at the sign of the reach; if both are large, look at the shares, 0.05 of the stimuli and 0.3."
        )
    advice = "Check the six steps one by one: print s, kurtosis and reach."
    show_smallest(candidate, bt500_rejects, small_classes(), advice=advice)
    wrong = found != right
    raise NotYet(
        f"Of {len(right)} raters, your answer wrongly rejects {(wrong & found).sum()} and wrongly keeps "
        f"{(wrong & right).sum()}. Check the six steps one by one: print s, kurtosis and reach of a few stimuli."
    )


@functools.cache
def _slips(small: bool) -> dict[str, np.ndarray]:
    """The verdicts of each usual mistake, unless it rejects nobody. small: on the small classes, too."""
    cases = [*bt500_cases(), *(scores for (scores,) in small_classes() if small)]
    slips = {slip: np.concatenate([bt500(scores, **how) for scores in cases]) for slip, how in BT500_SLIPS.items()}
    return {message: outcome for message, outcome in slips.items() if outcome.any()}


def _rejected(value, scores: np.ndarray) -> np.ndarray:
    """A student's answer as booleans (raters,)."""
    stimuli, raters = scores.shape
    result = as_array(value)
    if result.shape == (stimuli,):
        raise NotYet(
            f"There is one value for each stimulus ({stimuli}), not one for each rater ({raters}). Means and standard "
            "deviations are computed over raters (axis 1); above and below are counted over stimuli (axis 0)."
        )
    if result.shape != (raters,):
        raise NotYet(
            f"The result has the shape {result.shape}; one True or False for each rater is expected, {(raters,)}."
        )
    if not np.isin(result, (0, 1)).all():
        raise NotYet(
            "The result contains numbers other than 0 and 1. It should be True for rejected raters, else False."
        )
    return result.astype(bool)


def _often(above: np.ndarray, below: np.ndarray, stimuli: int) -> np.ndarray:
    return above + below > 0.05 * stimuli


def _balanced(above: np.ndarray, below: np.ndarray, stimuli: int) -> np.ndarray:
    return np.abs(above - below) < 0.3 * (above + below)


def _both(above: np.ndarray, below: np.ndarray, stimuli: int) -> np.ndarray:
    return _often(above, below, stimuli) & _balanced(above, below, stimuli)


def bt500(
    scores: np.ndarray,
    *,
    used=lambda s: s > 1e-9,
    std=lambda scores: scores.std(axis=1, keepdims=True),
    kurtosis=lambda d, s: (d**4).mean(axis=1, keepdims=True) / s**4,
    near=lambda k: (k >= 2) & (k <= 4),
    reach=lambda near, s: np.where(near, 2, 20**0.5) * s,
    high=lambda d: d,
    minus=-1,
    strict=False,
    rule=_both,
    stimuli=len,
) -> np.ndarray:
    """The rule with one slip, or in one of the variants that are right. It is True for raters who are rejected."""
    distance = scores - scores.mean(axis=1, keepdims=True)
    s = std(scores)
    bound = reach(near(kurtosis(distance, np.maximum(s, 1e-9))), s) + (1e-9 if strict else -1e-9)
    above = (used(s) & (high(distance) >= bound)).sum(axis=0)
    below = (used(s) & (distance <= minus * bound)).sum(axis=0)
    return rule(above, below, stimuli(scores))


BT500_SLIPS = {
    "Stimuli on which all raters agree also count. There, s is 0, every vote is 0 s away, and everybody is above and "
    "below at once: the trap. Leave these stimuli out.": {"used": lambda s: s >= 0},
    "One stimulus on which all agree clears everybody. Leave out only the votes on it.": {
        "used": lambda s: (s > 1e-9).all()
    },
    "This is the excess kurtosis, which is 0 for a normal distribution (scipy's default). BT.500 means the one that "
    "is 3: do not subtract 3.": {"kurtosis": lambda d, s: (d**4).mean(axis=1, keepdims=True) / s**4 - 3},
    "The reach is 2 s for every stimulus. Where the kurtosis is outside 2 to 4, it is sqrt(20) s. (At least 2 `or` at "
    "most 4 is true of every number.)": {"near": lambda k: k > -1},
    "The reach is sqrt(20) s for every stimulus. For a kurtosis of 2 to 4, it is 2 s. (Print the kurtosis.)": {
        "near": lambda k: k < -1
    },
    "A kurtosis below 2 gets the reach of 2 s, too. That is for 2 to 4 only; otherwise it is sqrt(20) s.": {
        "near": lambda k: k <= 4
    },
    "A kurtosis above 4 gets the reach of 2 s, too. That is for 2 to 4 only; otherwise it is sqrt(20) s.": {
        "near": lambda k: k >= 2
    },
    "A rater who is far on exactly 5 % of the stimuli is rejected, too. It must be more than 5 %: use >, not >=.": {
        "rule": lambda a, b, n: (a + b >= 0.05 * n) & _balanced(a, b, n)
    },
    "This is 5 % of the number of raters. It must be 5 % of the number of stimuli, 0.05 * len(scores).": {
        "stimuli": lambda scores: scores.shape[1]
    },
    "One of the two conditions is enough here, often or in both directions. The rule asks for both: and, not or.": {
        "rule": lambda a, b, n: _often(a, b, n) | _balanced(a, b, n)
    },
    "The kurtosis uses the third power of the distance. It should be the mean of d ** 4, divided by s ** 4.": {
        "kurtosis": lambda d, s: (np.abs(d) ** 3).mean(axis=1, keepdims=True) / s**4
    },
    "The kurtosis is averaged over all stimuli. Each stimulus has its own: axis=1, keepdims=True.": {
        "kurtosis": lambda d, s: (d**4).mean() / s**4
    },
    "`above` counts votes that are far below, too, because an absolute value is taken.": {"high": np.abs},
    "`below` counts votes that are not far below. Is a minus missing? Count distance <= -reach.": {"minus": 1},
    "s is one number for all votes. It is the standard deviation of each stimulus: axis=1, keepdims=True.": {
        "std": lambda scores: scores.std(keepdims=True)
    },
    "The mean of d ** 4 is divided by s ** 2. For the kurtosis, divide it by s ** 4.": {
        "kurtosis": lambda d, s: (d**4).mean(axis=1, keepdims=True) / s**2
    },
    "The mean of d ** 4 is not divided by s ** 4.": {"kurtosis": lambda d, s: (d**4).mean(axis=1, keepdims=True)},
    "s is computed over stimuli (axis 0), so each rater has one. Compute it over raters (axis 1).": {
        "std": lambda scores: scores.std(axis=0, keepdims=True)
    },
    "The two reaches are swapped. Use 2 s where the kurtosis is from 2 to 4, and sqrt(20) s elsewhere.": {
        "near": lambda k: (k < 2) | (k > 4)
    },
    "The reach is 20 s where it should be sqrt(20) s.": {"reach": lambda near, s: np.where(near, 2, 20) * s},
    "The reach is not multiplied by s, the standard deviation.": {"reach": lambda near, s: np.where(near, 2, 20**0.5)},
    "The reach is multiplied by the variance. s is its root, the standard deviation.": {
        "reach": lambda near, s: np.where(near, 2, 20**0.5) * s**2
    },
    "Every rater who is often far is rejected. The rule also asks for both directions: one who is only strict, or only "
    "generous, stays. Compare above with below.": {"rule": _often},
    "A rater who is far on only a few stimuli is rejected. It must be more than 5 % of the stimuli, 0.05 * "
    "len(scores), and in both directions.": {"rule": _balanced},
    "Those who are far in one direction only are rejected. Reject the others: use <, not >.": {
        "rule": lambda a, b, n: _often(a, b, n) & (np.abs(a - b) > 0.3 * (a + b))
    },
    "Those who are far in one direction are rejected. Reject the others, whose |above - below| is less than 0.3 of "
    "above + below.": {"rule": lambda a, b, n: _often(a, b, n) & ~_balanced(a, b, n)},
    "The answer is inverted: it must be True for raters who are rejected.": {"rule": lambda a, b, n: ~_both(a, b, n)},
}
BT500_SLIPS |= {
    message: {"rule": rule}
    for message, rule in {
        "Only some of the far votes count, such as those above. far is above + below.": lambda a, b, n: (
            (a > 0.05 * n) & (np.abs(a - b) < 0.3 * a)
        ),
        "abs() is missing: above - below can be negative. Both directions count the same: np.abs(above - below).": (
            lambda a, b, n: _often(a, b, n) & (a - b < 0.3 * (a + b))
        ),
        "far is compared with 5, not with 5 % of the stimuli, 0.05 * len(scores).": lambda a, b, n: (
            (a + b > 5) & _balanced(a, b, n)
        ),
        "0.3 is not multiplied by the number of far votes. |above - below| must be less than 0.3 * (above + below).": (
            lambda a, b, n: _often(a, b, n) & (np.abs(a - b) < 0.3)
        ),
        "|above - below| must be less than 0.3 * (above + below): use <, not <=.": lambda a, b, n: (
            _often(a, b, n) & (np.abs(a - b) <= 0.3 * (a + b))
        ),
        "0.3 is multiplied by the number of stimuli. |above - below| must be less than 0.3 * (above + below).": (
            lambda a, b, n: _often(a, b, n) & (np.abs(a - b) < 0.3 * n)
        ),
        "Above and below are compared with 5 % one by one. Compare their sum with it.": lambda a, b, n: (
            (a > 0.05 * n) & (b > 0.05 * n)
        ),
        "There is one verdict for all raters. Is there an extra any() or all()? Each rater needs one.": (
            lambda a, b, n: _often(a, b, n) & _balanced(a, b, n).any()
        ),
    }.items()
}

N_LESS_1 = {"std": lambda scores: scores.std(axis=1, keepdims=True, ddof=1)}
BT500_RIGHT = ({}, N_LESS_1, {"strict": True}, N_LESS_1 | {"strict": True})  # the recommendation allows all four


@functools.cache
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
    return [*cases, _two_lumps(), _exactly_five_per_cent(), _many_raters()]


def _two_lumps() -> np.ndarray:
    """Scores (20, 40) of low kurtosis, below 2. Two raters are in turn 2.2 s above and below the mean, not far."""
    scores = np.tile([2.2, 3.8], (20, 20))
    scores[::2, :2], scores[1::2, :2] = (4.92, 1.08), (1.08, 4.92)
    scores[-1] = 1  # everybody agrees
    return scores


def _exactly_five_per_cent() -> np.ndarray:
    """Scores (40, 24). The first rater is far on 2 stimuli, which is not more than 5 %, the second 13 + 7 times."""
    scores = np.tile([2.0, 4.0], (40, 12))
    scores[:22] = 3
    scores[:2, 0], scores[2:15, 1], scores[15:22, 1] = (5, 1), 5, 1
    return scores


def _many_raters() -> np.ndarray:
    """Scores (20, 100). The first rater is far once above and once below, the second is far above on 8 stimuli."""
    scores = np.tile([2.0, 4.0], (20, 50))
    scores[:10] = 3
    scores[:2, 0], scores[2:10, 1] = (5, 1), 5
    return scores


def small_classes() -> list[tuple[np.ndarray]]:
    """Two or three stimuli and eleven raters. The first two are near the mean, or far from it on one side or both."""
    up = np.array([5.0, 1, 4, 2, *[3] * 7])
    down, same = 6 - up, np.full(11, 3.0)
    narrow = [3 + (row - 3) / 2 for row in (up, down)]
    return [(np.array(rows),) for rows in ((up, up), (up, down), narrow, (up, down, same))]


# Seed, stimuli, raters, noise: such that no verdict depends on n or n - 1, or on > or >=, and each slip is noticed.
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
        "Compute mean, s and kurtosis for each stimulus (axis 1), and count above and below for each rater (axis 0). "
        "Where s is 0, distance >= reach means 0 >= 0, which is True for everybody.",
        "kurtosis is (distance**4).mean(axis=1, keepdims=True) / np.maximum(s, 1e-9) ** 4; np.where chooses "
        "between 2 and np.sqrt(20). A vote counts only where s > 0.",
        "above = ((distance >= reach) & (s > 0)).sum(axis=0); below is the same with <= -reach. Return "
        "(far > 0.05 * len(scores)) & (abs(above - below) < 0.3 * far).",
    ),
    mistakes=(
        Mistake("all who are often far", says="also asks for both directions", ask="Is a strict rater careless?"),
        Mistake("kurtosis minus 3", says="excess kurtosis", ask="What is the kurtosis of a bell curve?"),
    ),
)
