"""Exercise 11.2: a doctor in four lines."""

from statistics import fmean, median

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet, OwnRun
from srgan_lessons.exercises.shared.logs import CLOSE, Rows, complete


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


def _run(gains: list[float | None], *says: tuple[float, float], steps: tuple[int, ...] = ()) -> Rows:
    says = says if len(says) > 1 else says * len(gains)
    steps = steps or tuple(25 * (i + 1) for i in range(len(gains)))
    rows = zip(steps, gains, says, strict=True)
    return [{"step": step, "gain": gain, "d_hr": hr, "d_sr": sr} for step, gain, (hr, sr) in rows]


SURE = (0.98, 0.02)
WELL = [0.5, 0.4, 0.3, 0.2]

# what the run does, its log, and what it has
RUNS = (
    ("loses a little PSNR, with a D that is ahead", _run([None, 0.9, None, 0.5], (0.7, 0.3)), "healthy"),
    ("begins 9 dB below bicubic and climbs", _run([None, -9.0, None, -1.0], (0.8, 0.2)), "no pretraining"),
    ("begins 9 dB below bicubic, with a D that is sure", _run([None, -9.0, None, -4.0], SURE), "no pretraining"),
    ("begins well, and whose D becomes sure", _run([0.5, 0.4, 0.1, -0.3], CLOSE, CLOSE, SURE, SURE), ILLNESSES[1]),
    ("begins well and falls by 7 dB, with a D that is sure", _run([0.5, -1, -4, -7], SURE), ILLNESSES[1]),
    ("begins well and falls by 7 dB, while D is not sure", _run([0.5, -1.0, -4.0, -7.0], CLOSE), ILLNESSES[2]),
    ("falls by 5 dB and recovers, while D is not sure", _run([0.5, -5.0, None, -1.0], CLOSE), ILLNESSES[2]),
    ("falls late and recovers a little, while D is not sure", _run([0.5, 0.0, -5.0, -1.0], CLOSE), ILLNESSES[2]),
    ("falls at once and stays there, while D is not sure", _run([0.5, -6.0, -6.0, -6.0], CLOSE), ILLNESSES[2]),
    ("begins at -2.5 dB and falls to -3.5 dB", _run([-2.5, -3.5, -3.2, -3.2], CLOSE), ILLNESSES[2]),
    ("begins 4 dB above bicubic and falls to -1 dB", _run([4.0, 2.0, 0.0, -1.0], CLOSE), "healthy"),
    ("has a D that was sure in its first rows only", _run(WELL, SURE, SURE, CLOSE, CLOSE), "healthy"),
    ("has a D that is sure in the last row only", _run(WELL, CLOSE, CLOSE, CLOSE, SURE), "healthy"),
    ("begins at exactly -3 dB, which is not below -3", _run([-3.0, -1.0, -1.0, 0.0], CLOSE), "healthy"),
    ("falls to exactly -3 dB, which is not below -3", _run([0.5, -1.0, -3.0, 0.0], CLOSE), "healthy"),
    ("begins at 0 dB, a gain like any other, and falls to -4 dB", _run([0.0, -4.0, None, -4.0], CLOSE), ILLNESSES[2]),
    (
        "has a D(HR) of 0.5 and 0.99 in its second half, 0.75 on average",
        _run(WELL, CLOSE, CLOSE, (0.5, 0.02), (0.99, 0.02)),
        "healthy",
    ),
    (
        "has a D(HR) of 0.88 and 0.98 in its second half, 0.93 on average",
        _run(WELL, CLOSE, CLOSE, (0.88, 0.02), (0.98, 0.02)),
        ILLNESSES[1],
    ),
    ("has a D(HR) of 0.88 and a D(SR) of 0.02", _run(WELL, (0.88, 0.02)), "healthy"),
    ("has a D(HR) of 0.3 and a D(SR) of 0.02", _run(WELL, (0.3, 0.02)), "healthy"),
    ("has a D(HR) of 0.97 and a D(SR) of 0.4", _run(WELL, (0.97, 0.4)), "healthy"),
    ("has a D(HR) of exactly 0.9, which is not above 0.9", _run(WELL, (0.9, 0.02)), "healthy"),
    ("has a D(SR) of exactly 0.1, which is not below 0.1", _run(WELL, (0.98, 0.1)), "healthy"),
    ("has five rows, of which the last three are late", _run([*WELL, 0], CLOSE, CLOSE, CLOSE, SURE, SURE), "healthy"),
    ("has six rows, with a sure D in the last", _run([*WELL, 0, 0], CLOSE, CLOSE, CLOSE, SURE, CLOSE, SURE), "healthy"),
    (
        "was validated in two rows only, and D was sure only in one of these",
        _run([0.5, None, 0.4, None], CLOSE, CLOSE, SURE, CLOSE),
        "healthy",
    ),
    (
        "has rows that are not evenly spaced",
        _run(WELL, CLOSE, CLOSE, SURE, SURE, steps=(25, 1000, 1025, 1050)),
        ILLNESSES[1],
    ),
    ("has a D that takes SR for photos and HR for SR", _run(WELL, (0.05, 0.97)), "healthy"),
    ("has a D that takes everything for a photo", _run(WELL, (0.97, 0.9)), "healthy"),
)
RUNS = tuple((what, complete(log), right) for what, log, right in RUNS)

WHY = {
    "no pretraining": "its first gain is below -3 dB",
    "discriminator too strong": "its first gain is not below -3 dB, and in the second half the mean of D(HR) is above "
    "0.9 and that of D(SR) below 0.1",
    "adversarial weight too high": "neither of the first two rules applies, and its lowest gain is below -3 dB",
    "healthy": "none of the three rules applies",
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


def _second_half(log: Rows) -> Rows:
    return log[len(log) // 2 :]


def _measured(log: Rows, name: str = "gain") -> list[float]:
    return [row[name] for row in log if row[name] is not None]


def _by(
    log: Rows,
    *,
    gains=_measured,
    first=lambda gains: gains[0] < -3,
    late=_second_half,
    sure=lambda hr, sr: fmean(hr) > 0.9 and fmean(sr) < 0.1,
    lowest=lambda gains, late: min(gains) < -3,
    order="123",
) -> str:
    """The illness according to rules with one slip."""
    measured, rows = gains(log), late(log)
    says = ([row[name] for row in rows] for name in ("d_hr", "d_sr"))
    applies = {"1": first(measured), "2": sure(*says), "3": lowest(measured, rows)}
    return next((ILLNESSES[int(rule) - 1] for rule in order if applies[rule]), "healthy")


ORDER = "The order of the rules matters: "
HALF = "The second half of the rows counts, late = log[len(log) // 2 :]. "
MEAN = "D(HR) and D(SR) are averaged over the second half: take the mean. "
THIRD = "The third rule asks for the lowest of all gains, min(gains). "
BOTH = "The second rule has two conditions, and both are needed: D(HR) above 0.9 and D(SR) below 0.1. "
SLIPS = {
    ORDER + "the first gain is looked at first, before D.": {"order": "213"},
    ORDER + "D is looked at before the lowest gain.": {"order": "132"},
    "Several rules can apply to one run. The first of them decides, so return as soon as one applies.": {
        "order": "321"
    },
    "A row without a validation has the gain None. It is neither 0 nor the first gain: leave these rows out, and take "
    "the first gain of the others.": {"gains": lambda log: [row["gain"] or 0 for row in log]},
    'The rules ask for "gain", the PSNR minus that of bicubic. "val_psnr" is the PSNR itself.': {
        "gains": lambda log: _measured(log, "val_psnr")
    },
    "A gain of 0 is a gain like any other. `if gain` leaves it out together with None: write `is not None`.": {
        "gains": lambda log: [row["gain"] for row in log if row["gain"]]
    },
    "The lowest gain decides in the first rule. It asks for the first gain that was measured, gains[0].": {
        "first": lambda gains: min(gains) < -3
    },
    "The sign of -3 is lost: the first gain is compared with +3.": {"first": lambda gains: gains[0] < 3},
    "The sign of -3 is lost: gains are compared with +3.": {
        "first": lambda gains: gains[0] < 3,
        "lowest": lambda gains, late: min(gains) < 3,
    },
    "A gain of +4 dB is good, and not below -3. Is the absolute value taken?": {
        "first": lambda gains: abs(gains[0]) > 3,
        "lowest": lambda gains, late: max(map(abs, gains)) > 3,
    },
    "-3 itself is not below -3: use <, not <=.": {
        "first": lambda gains: gains[0] <= -3,
        "lowest": lambda gains, late: min(gains) <= -3,
    },
    "0.9 is not above 0.9, and 0.1 is not below 0.1: use > and <, not >= and <=.": {
        "sure": lambda hr, sr: fmean(hr) >= 0.9 and fmean(sr) <= 0.1
    },
    BOTH + "Is there an `or` instead of an `and`?": {"sure": lambda hr, sr: fmean(hr) > 0.9 or fmean(sr) < 0.1},
    BOTH + "Only D(HR) is looked at.": {"sure": lambda hr, sr: fmean(hr) > 0.9},
    BOTH + "Only D(SR) is looked at.": {"sure": lambda hr, sr: fmean(sr) < 0.1},
    **{
        f"{BOTH}Here, {bounds} compared with 0.5.": {
            "sure": lambda hr, sr, one=one, other=other: fmean(hr) > one and fmean(sr) < other
        }
        for one, other, bounds in ((0.5, 0.5, "both are"), (0.5, 0.1, "D(HR) is"), (0.9, 0.5, "D(SR) is"))
    },
    BOTH + "No rule asks for their difference.": {"sure": lambda hr, sr: fmean(hr) - fmean(sr) > 0.8},
    "d_hr and d_sr have changed places: D is too strong if d_hr is above 0.9 on average, and d_sr below 0.1.": {
        "sure": lambda hr, sr: fmean(sr) > 0.9 and fmean(hr) < 0.1
    },
    "The sum over the second half is divided by the number of all rows. The mean divides by len(late).": {
        "sure": lambda hr, sr: fmean(hr) / 2 > 0.9 and fmean(sr) / 2 < 0.1
    },
    MEAN + "The median is a different number.": {"sure": lambda hr, sr: median(hr) > 0.9 and median(sr) < 0.1},
    MEAN + "Here, every single row must be above 0.9 and below 0.1.": {
        "sure": lambda hr, sr: min(hr) > 0.9 and max(sr) < 0.1
    },
    MEAN + "Here, one row above 0.9 and below 0.1 is enough.": {"sure": lambda hr, sr: max(hr) > 0.9 and min(sr) < 0.1},
    HALF + "The first half is taken.": {"late": lambda log: log[: len(log) // 2]},
    HALF + "The whole log is taken.": {"late": lambda log: log},
    HALF + "It begins one row too late.": {"late": lambda log: log[len(log) // 2 + 1 :]},
    HALF + "The steps are halved instead of the rows.": {
        "late": lambda log: [row for row in log if row["step"] > log[-1]["step"] / 2]
    },
    HALF + "Its rows without a validation are left out, but D(HR) and D(SR) are known in every row.": {
        "late": lambda log: [row for row in _second_half(log) if row["gain"] is not None] or log[-1:]
    },
    MEAN + "Only the last row is taken.": {"late": lambda log: log[-1:]},
    THIRD + "The last gain is taken.": {"lowest": lambda gains, late: gains[-1] < -3},
    THIRD + "The highest is taken.": {"lowest": lambda gains, late: max(gains) < -3},
    THIRD + "The mean gain is taken.": {"lowest": lambda gains, late: fmean(gains) < -3},
    THIRD + "Here, the fall from the first gain is compared with -3.": {
        "lowest": lambda gains, late: min(gains) - gains[0] < -3
    },
    THIRD + "Only the second half is searched.": {"lowest": lambda gains, late: min(_measured(late), default=0) < -3},
}


def judge(candidate) -> None:
    given = []
    for _, log, _ in RUNS:
        given.append(found := call(candidate, log))
        if found is ...:
            raise NotDone("The result is `...`, the placeholder.")
        if found is not None and not (isinstance(found, str) and found in ILLNESSES):
            raise NotYet(
                f"There is no illness {found!r:.60}. Return one name, as a string: {', '.join(map(repr, ILLNESSES))}."
            )
    for message, slip in SLIPS.items():
        if given == [_by(log, **slip) for _, log, _ in RUNS]:
            raise NotYet(message)
    for (what, log, right), found in zip(RUNS, given, strict=True):
        if found is None:
            raise NotYet(f"For a run that {what}, the result is None. Is a `return` missing in a rule, or at the end?")
        if found == right:
            continue
        said = f"A run that {what} is called {found!r}; it is {right!r}, because {WHY[right]}. "
        if right == "no pretraining" and "D that is sure" in what:
            raise NotYet(f"{said}{ORDER}the first gain is looked at first, before D.")
        if right == ILLNESSES[1] and "falls by" in what:
            raise NotYet(f"{said}{ORDER}D is looked at before the lowest gain.")
        if found == ILLNESSES[0]:
            raise NotYet(f"{said}Its first gain is {_measured(log)[0]:g} dB, and that is not below -3.")
        if "first rows only" in what:
            raise NotYet(said + HALF)
        if "last row only" in what:
            raise NotYet(said + MEAN)
        if "0.88" in what or "takes" in what:
            raise NotYet(said + BOTH)
        if right == "healthy" and found == ILLNESSES[2]:
            raise NotYet(f"{said}Its lowest gain is {min(_measured(log)):g} dB, and that is not below -3.")
        show_smallest(candidate, illness, SMALL, advice="The rules apply in their order.")
        raise NotYet(said)


def judge_own(candidate, log: Rows) -> str | None:
    """The result of the answer on the log of the learner's own run."""
    if all(row["gain"] is None for row in log):  # a run without held-out photos tells too little
        return None
    found, right = call(candidate, [dict(row) for row in log]), illness(log)
    if not isinstance(found, str) or found != right:
        raise NotYet(f"Your own run is called {found!r}; it is {right!r}, because {WHY[right]}.")
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
        "gains is a list without None. Each rule is an `if` with a `return`, in the order of the text.",
        'gains = [row["gain"] for row in log if row["gain"] is not None]; the first is gains[0], and the '
        "lowest is min(gains).",
        'if gains[0] < -3: return "no pretraining"; if d_hr > 0.9 and d_sr < 0.1: return "discriminator too '
        'strong"; if min(gains) < -3: return "adversarial weight too high".',
    ),
    mistakes=(
        Mistake(
            "D before the first gain",
            says="the first gain is looked at first",
            ask="What if both rules apply to a run? Which of them decides?",
        ),
        Mistake(
            "the last gain instead of the lowest",
            says="The last gain is taken",
            ask="Can a run fall, and recover later?",
        ),
    ),
)
