"""Exercise 11.2: a doctor in four lines."""

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet, OwnRun
from srgan_lessons.exercises.shared.logs import CLOSE, Rows


def illness(log):
    # SOLUTION
    gains = [row["gain"] for row in log if row["gain"] is not None]
    # STUB
    # gains = ...  # 1. the gains that were measured
    # END
    late = log[len(log) // 2 :]
    # SOLUTION
    d_hr = sum(row["d_hr"] for row in late) / len(late)
    d_sr = sum(row["d_sr"] for row in late) / len(late)
    if gains[0] < -3:
        return "no pretraining"
    if d_hr > 0.9 and d_sr < 0.1:
        return "discriminator too strong"
    if min(gains) < -3:
        return "adversarial weight too high"
    # STUB
    # d_hr = ...  # 2. the mean of d_hr in late
    # d_sr = ...  # 3. the mean of d_sr in late
    # ...  # 4. the rules, in their order
    # END
    return "healthy"


ILLNESSES = ("no pretraining", "discriminator too strong", "adversarial weight too high", "healthy")


def _run(gains: list[float | None], *says: tuple[float, float]) -> Rows:
    says = says if len(says) > 1 else says * len(gains)
    pairs = zip(gains, says, strict=True)
    return [{"step": 25 * (i + 1), "gain": g, "d_hr": hr, "d_sr": sr} for i, (g, (hr, sr)) in enumerate(pairs)]


SURE = (0.98, 0.02)

RUNS = (
    ("loses a little PSNR, with a D that is ahead", _run([None, 0.9, None, 0.5], (0.7, 0.3)), "healthy"),
    ("begins 9 dB below bicubic and climbs", _run([None, -9.0, None, -1.0], (0.8, 0.2)), "no pretraining"),
    ("begins 9 dB below bicubic, and whose D is sure", _run([None, -9.0, None, -4.0], SURE), "no pretraining"),
    ("begins well, and whose D becomes sure", _run([0.5, 0.4, 0.1, -0.3], CLOSE, CLOSE, SURE, SURE), ILLNESSES[1]),
    (
        "begins well, falls by 7 dB, and whose D is sure",
        _run([0.5, -1, -4, -7], CLOSE, SURE, SURE, SURE),
        ILLNESSES[1],
    ),
    ("begins well and falls by 7 dB, while D is not sure", _run([0.5, -1.0, -4.0, -7.0], CLOSE), ILLNESSES[2]),
    ("falls by 5 dB and comes back, while D is not sure", _run([0.5, -5.0, None, -1.0], CLOSE), ILLNESSES[2]),
    ("has a D that was sure in its first rows alone", _run([0.5, 0.4, 0.3, 0.2], SURE, SURE, CLOSE, CLOSE), "healthy"),
    ("has a D that is sure in the last row alone", _run([0.5, 0.4, 0.3, 0.2], CLOSE, CLOSE, CLOSE, SURE), "healthy"),
    ("begins at exactly -3 dB, which is not below it", _run([-3.0, -1.0, -1.0, 0.0], CLOSE), "healthy"),
    ("begins at 0 dB, a gain as any other, and falls to -4 dB", _run([0.0, -4.0, None, -4.0], CLOSE), ILLNESSES[2]),
    (
        "has a D(HR) of 0.5 and 0.99 in its second half, 0.75 on average",
        _run([0.5, 0.4, 0.3, 0.2], CLOSE, CLOSE, (0.5, 0.02), (0.99, 0.02)),
        "healthy",
    ),
    ("has a D(HR) of 0.88 and a D(SR) of 0.02", _run([0.5, 0.4, 0.3, 0.2], (0.88, 0.02)), "healthy"),
    (
        "has five rows, of which the last three are the second half",
        _run([0.5, 0.4, 0.3, 0.2, 0.2], CLOSE, CLOSE, CLOSE, SURE, SURE),
        "healthy",
    ),
    ("has a D that takes SR for photos and HR for SR", _run([0.5, 0.4, 0.3, 0.2], (0.05, 0.97)), "healthy"),
    ("has a D that takes everything for a photo", _run([0.5, 0.4, 0.3, 0.2], (0.97, 0.9)), "healthy"),
)

WHY = {
    "no pretraining": "its first gain is below -3 dB",
    "discriminator too strong": "its first gain is not below -3 dB, and in the second half the mean of D(HR) is above "
    "0.9 and that of D(SR) below 0.1",
    "adversarial weight too high": "it begins well, its D is not sure, and its lowest gain is below -3 dB",
    "healthy": "none of the three rules holds",
}


SMALL = tuple(
    (_run(gains, says),)
    for gains, says in (
        ([0.5, 0.5], CLOSE),
        ([-4.0, -4.0], CLOSE),
        ([0.5, 0.5], SURE),
        ([0.5, -4.0], CLOSE),
        ([-4.0, -4.0], SURE),
        ([0.5, -4.0], SURE),
        ([None, 0.5], CLOSE),
    )
)


def _by(log: Rows, *, first=-3.0, lowest=min, part=None, both=True, exchanged=False, over=None) -> str:
    """The illness according to rules with one slip."""
    gains = [row["gain"] for row in log if row["gain"] is not None]
    late = log[part or slice(len(log) // 2, None)]
    d_hr, d_sr = (sum(row[name] for row in late) / len(over(log) if over else late) for name in ("d_hr", "d_sr"))
    d_hr, d_sr = (d_sr, d_hr) if exchanged else (d_hr, d_sr)
    if gains[0] < first:
        return ILLNESSES[0]
    if (d_hr > 0.9 and d_sr < 0.1) if both else (d_hr > 0.9 or d_sr < 0.1):
        return ILLNESSES[1]
    return ILLNESSES[2] if lowest(gains) < -3 else ILLNESSES[3]


SLIPS = {
    "The largest gain is taken in the third rule: it asks for the lowest, min(gains).": {"lowest": max},
    "The mean gain is taken in the third rule: it asks for the lowest, min(gains).": {
        "lowest": lambda gains: sum(gains) / len(gains)
    },
    "The last gain is taken in the third rule: it asks for the lowest, min(gains).": {
        "lowest": lambda gains: gains[-1]
    },
    "The sign of -3 is lost: the first gain is compared with +3.": {"first": 3.0},
    "d_hr and d_sr have changed places: D is too strong where the mean of d_hr is above 0.9, that of d_sr below 0.1.": {
        "exchanged": True
    },
    "The sum over the second half is divided by the number of all rows: the mean divides by len(late).": {
        "over": lambda log: log
    },
}


def judge(candidate) -> None:
    given = [str(call(candidate, log)).strip().lower() for _, log, _ in RUNS] if callable(candidate) else []
    for message, slip in SLIPS.items():
        if given == [_by(log, **slip) for _, log, _ in RUNS]:
            raise NotYet(message)
    names = ", ".join(map(repr, ILLNESSES))
    for what, log, right in RUNS:
        found = call(candidate, log)
        if found is ...:
            raise NotDone("The result is `...`, the placeholder.")
        if found is None:
            raise NotYet(f"For a run that {what}, None comes back: a rule without a `return`, or none for this case.")
        if not isinstance(found, str) or found.strip().lower() not in ILLNESSES:
            raise NotYet(f"There is no illness {found!r}. The names are: {names}.")
        if found.strip().lower() == right:
            continue
        said = f"A run that {what} is called {found!r}; it is {right!r}, since {WHY[right]}. "
        if right == "no pretraining" and "D is sure" in what:
            raise NotYet(said + "The order of the rules matters: the first gain is looked at first.")
        if right == ILLNESSES[1] and "falls by" in what:
            raise NotYet(said + "The order of the rules matters: D is looked at before the lowest gain.")
        if "comes back" in what:
            raise NotYet(said + "Is the last gain taken in place of the lowest?")
        if "first rows alone" in what:
            raise NotYet(said + "Is the whole log looked at, or its beginning? The second half counts.")
        if "last row alone" in what:
            raise NotYet(said + "One row is not the second half: take the mean.")
        if "0.75 on average" in what:
            raise NotYet(said + "The mean of all rows of the second half counts: not the largest, nor the last.")
        if "0.88" in what:
            raise NotYet(
                said + "Each has its own bound: D(HR) above 0.9, and D(SR) below 0.1. Their difference is no rule."
            )
        if right == "healthy" and found.strip().lower() == ILLNESSES[2]:
            raise NotYet(said + "No gain is below -3: is a sign lost, or < turned round?")
        if "takes everything" in what:
            raise NotYet(said + "Both are needed: D(HR) near 1, and D(SR) near 0.")
        show_smallest(
            lambda log: str(candidate(log)).strip().lower(), illness, SMALL, advice="The rules hold in their order."
        )
        raise NotYet(said)


def judge_own(candidate, log: Rows) -> str | None:
    """The result of the answer on the log of the learner's own run."""
    if all(row["gain"] is None for row in log):  # a run without held-out photos tells too little
        return None
    found, right = call(candidate, [dict(row) for row in log]), illness(log)
    if not isinstance(found, str) or found.strip().lower() != right:
        raise NotYet(f"Your own run is called {found!r}; it is {right!r}, since {WHY[right]}.")
    return right


EXERCISE = Exercise(
    name="illness",
    lesson=11,
    place=2,
    title="a doctor in four lines",
    difficulty="medium",
    minutes=9,
    reference=illness,
    judge=judge,
    own=OwnRun(columns=("step", "gain", "d_hr", "d_sr"), judge=judge_own),
    hints=(
        "gains is a list without None. Each rule is one `if` with a `return`, and the order is that of the text.",
        'gains = [row["gain"] for row in log if row["gain"] is not None]; the first is gains[0], the lowest '
        "min(gains).",
        'if gains[0] < -3: return "no pretraining"; if d_hr > 0.9 and d_sr < 0.1: return "discriminator too '
        'strong"; if min(gains) < -3: return "adversarial weight too high".',
    ),
    mistakes=(
        Mistake(
            "D before the first gain",
            says="the first gain is looked at first",
            ask="Which rule does a run meet that both describe?",
        ),
        Mistake(
            "the last gain in place of the lowest",
            says="The last gain is taken in the third rule",
            ask="May a run recover?",
        ),
    ),
)
