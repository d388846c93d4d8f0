"""Lesson 11, Your own SRGAN: what a log tells. Answers are functions, used on one's own run."""

from typing import Any

from srgan_lessons.classroom.judging import Exercise, NotDone, NotYet, OwnRun, as_number, call

Rows = list[dict[str, Any]]

# --- when D stops winning --------------------------------------------------------------------------------------------


def outplayed(log):
    since = None
    for row in log:
        wins = row["d_hr"] - row["d_sr"] > 0.5
        if wins:
            since = None
        elif since is None:
            since = row["step"]
    return since


def _says(*pairs: tuple[float, float], every: int = 40) -> Rows:
    """A log of what D says, a row every so many updates."""
    return [{"step": every * (i + 1), "d_hr": hr, "d_sr": sr} for i, (hr, sr) in enumerate(pairs)]


WIN, CLOSE, FOOLED = (0.9, 0.1), (0.6, 0.4), (0.4, 0.6)
VAGUE, SUSPICIOUS = (0.95, 0.6), (0.45, 0.05)  # D(HR) alone, or D(SR) alone, misleads here
OUTPLAYED = (
    ("D wins twice, and never again", _says(WIN, WIN, CLOSE, FOOLED), 120),
    ("D loses its lead, wins it back, and loses it for good", _says(WIN, CLOSE, WIN, CLOSE, CLOSE), 160),
    ("D never wins", _says(CLOSE, CLOSE, every=7), 7),
    ("D(HR) is high all the time, and so is D(SR)", _says(WIN, VAGUE, VAGUE), 80),
    ("D(SR) is low all the time, and D(HR) falls", _says(WIN, SUSPICIOUS, SUSPICIOUS), 80),
    ("D is fooled: D(SR) is above D(HR) by far", _says(WIN, (0.1, 0.9), (0.1, 0.9)), 80),
    ("D wins to the end", _says(CLOSE, WIN, WIN), None),
    ("the last row decides: D wins there", _says(WIN, CLOSE, WIN), None),
)


def judge_outplayed(candidate) -> None:
    for what, log, right in OUTPLAYED:
        found = call(candidate, [dict(row) for row in log])
        if found is ...:
            raise NotDone("The result is `...`, the placeholder.")
        if right is None:
            if found is not None:
                raise NotYet(
                    f"In a log where {what}, {found!r} comes back. The last row is one that D wins, so there is no "
                    "such update: None is expected."
                )
            continue
        if found is None:
            raise NotYet(
                f"In a log where {what}, None comes back; update {right} is expected. Is the `return` missing, or does "
                "one row that D wins decide for the whole log?"
            )
        value = as_number(found, "the update")
        if value != right:
            raise NotYet(_name_outplayed(what, log, value, right))


def _name_outplayed(what: str, log: Rows, value: float, right: int) -> str:
    lead = [row["d_hr"] - row["d_sr"] > 0.5 for row in log]
    steps = [row["step"] for row in log]
    at = steps.index(right)
    first = next((step for step, wins in zip(steps, lead, strict=True) if not wins), None)
    said = f"In a log where {what}, {value:g} comes back; update {right} is expected. "
    if value in (at, at + 1) and value not in steps:
        return said + 'This is the number of a row. Which update was that? row["step"] says it.'
    if value == first:
        return said + "It is the first row that D does not win, and D wins again after it. From where on does it not?"
    if at and value == steps[at - 1]:
        return said + "It is the last row that D wins. The one after it is asked for."
    if "is high all the time" in what:
        return said + "D wins where D(HR) - D(SR) is above 0.5. D(HR) alone is looked at."
    if "is low all the time" in what:
        return said + "D wins where D(HR) - D(SR) is above 0.5. D(SR) alone is looked at."
    if "fooled" in what:
        return said + "Where D(SR) is above D(HR), D has lost. Is an absolute value taken?"
    return said + "D wins a row where D(HR) - D(SR) is above 0.5; the answer is the row after the last such row."


# --- an illness, if any ----------------------------------------------------------------------------------------------

ILLNESSES = ("no pretraining", "discriminator too strong", "adversarial weight too high", "healthy")


def illness(log):
    gains = [row["gain"] for row in log if row["gain"] is not None]
    late = log[len(log) // 2 :]
    d_hr = sum(row["d_hr"] for row in late) / len(late)
    d_sr = sum(row["d_sr"] for row in late) / len(late)
    if gains[0] < -3:
        return "no pretraining"
    if d_hr > 0.9 and d_sr < 0.1:
        return "discriminator too strong"
    if min(gains) < -3:
        return "adversarial weight too high"
    return "healthy"


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
    ("has a D that takes everything for a photo", _run([0.5, 0.4, 0.3, 0.2], (0.97, 0.9)), "healthy"),
)
WHY = {
    "no pretraining": "its first gain is below -3 dB",
    "discriminator too strong": "its first gain is not below -3 dB, and in the second half the mean of D(HR) is above "
    "0.9 and that of D(SR) below 0.1",
    "adversarial weight too high": "it begins well, its D is not sure, and its lowest gain is below -3 dB",
    "healthy": "none of the three rules holds",
}


def judge_illness(candidate) -> None:
    names = ", ".join(map(repr, ILLNESSES))
    for what, log, right in RUNS:
        found = call(candidate, [dict(row) for row in log])
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
        if "takes everything" in what:
            raise NotYet(said + "Both are needed: D(HR) near 1, and D(SR) near 0.")
        raise NotYet(said)


# --- which checkpoint ------------------------------------------------------------------------------------------------


def choose(log):
    measured = [row for row in log if row["val_stlpips"] is not None]
    best = max(row["val_psnr"] for row in measured)
    near = [row for row in measured if row["val_psnr"] > best - 1]  # no more than 1 dB is paid
    return min(near, key=lambda row: row["val_stlpips"])["step"]


def _validated(*rows: tuple[int, float, float | None, float | None]) -> Rows:
    names = ("step", "content", "val_psnr", "val_stlpips")
    return [dict(zip(names, row, strict=True)) for row in rows]


CHOICES = (
    (
        "the last row is worse than one before it, in both",
        _validated((50, 0.05, None, None), (100, 0.04, 27.9, 0.20), (150, 0.02, None, None), (200, 0.03, 27.0, 0.30)),
    ),
    (
        "PSNR and ST-LPIPS disagree",
        _validated((60, 0.05, 28.5, 0.30), (120, 0.04, 27.9, 0.15), (180, 0.03, 25.1, 0.32), (240, 0.02, 25.0, 0.14)),
    ),
    ("there is one validation", _validated((30, 0.01, None, None), (60, 0.02, 24.0, 0.40))),
    (
        "the first row is the worst",
        _validated((10, 0.09, 20.0, 0.60), (20, 0.05, None, None), (30, 0.04, 26.0, 0.33), (40, 0.01, None, None)),
    ),
)


def judge_choose(candidate) -> None:
    for what, log in CHOICES:
        found = call(candidate, [dict(row) for row in log])
        if found is ...:
            raise NotDone("The result is `...`, the placeholder.")
        if isinstance(found, dict):
            raise NotYet('A whole row comes back. The update is asked for: row["step"].')
        _check_choice(f"a log where {what}", log, as_number(found, "the update"))


def _check_choice(where: str, log: Rows, value: float) -> None:
    """Raises NotYet where the update is none of the log, was not validated, or another one beats it in both."""
    steps = {row["step"]: row for row in log}
    if value not in steps:
        best = min if value <= 1 else max
        kind = "a value of ST-LPIPS" if best is min and 0 < value < 1 else "a PSNR or a row's number"
        raise NotYet(f'{value:g} is no update of {where}. Is it {kind}? Return the row\'s "step".')
    row = steps[int(value)]
    if row["val_psnr"] is None:
        raise NotYet(
            f"Update {value:g} was not validated: its row has no val_psnr and no val_stlpips. Losses of training "
            "are not measured on held-out photos, and cannot choose."
        )
    for other in log:
        if other["val_psnr"] is None or other is row:
            continue
        if other["val_psnr"] >= row["val_psnr"] and other["val_stlpips"] <= row["val_stlpips"]:
            raise NotYet(
                f"In {where}, update {value:g} is chosen ({row['val_psnr']:g} dB, ST-LPIPS "
                f"{row['val_stlpips']:g}). Update {other['step']} is better in both ({other['val_psnr']:g} dB, "
                f"{other['val_stlpips']:g}): no criterion can defend yours. High PSNR is good, and low ST-LPIPS."
            )


# --- on one's own run ------------------------------------------------------------------------------------------------


def own_outplayed(candidate, log: Rows) -> int | None:
    found, right = call(candidate, [dict(row) for row in log]), outplayed(log)
    if right is None:
        if found is not None:
            raise NotYet(f"On your own run {found!r} comes back. D wins its last row there: None is expected.")
        return None
    if found is None or as_number(found, "the update") != right:
        raise NotYet(f"On your own run {found!r} comes back. D does not win any more from update {right} on.")
    return right


def own_illness(candidate, log: Rows) -> str | None:
    if all(row["gain"] is None for row in log):  # a run without held-out photos tells too little
        return None
    found, right = call(candidate, [dict(row) for row in log]), illness(log)
    if not isinstance(found, str) or found.strip().lower() != right:
        raise NotYet(f"Your own run is called {found!r}; it is {right!r}, since {WHY[right]}.")
    return right


def own_choice(candidate, log: Rows) -> int | None:
    if all(row["val_stlpips"] is None for row in log):  # a run without held-out photos leaves no choice
        return None
    value = as_number(call(candidate, [dict(row) for row in log]), "the update")
    _check_choice("the log of your own run", log, value)
    return int(value)


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="outplayed",
        lesson=11,
        title="when D stops winning",
        difficulty="medium",
        minutes=7,
        stub="""
            def outplayed(log):
                since = None
                for row in log:
                    wins = ...  # 1. is D(HR) - D(SR) above 0.5?
                    ...  # 2. if D wins, forget; else remember where that began
                return since
            """,
        reference=outplayed,
        judge=judge_outplayed,
        own=OwnRun(columns=("step", "d_hr", "d_sr"), judge=own_outplayed),
        hints=(
            "Read the log once, from the first row to the last, and keep one thing in mind: since when has D not won?",
            "A row that D wins makes you forget: since = None. A row that D does not win sets since only if nothing is "
            "remembered yet.",
            'if wins: since = None; elif since is None: since = row["step"].',
        ),
    ),
    Exercise(
        name="illness",
        lesson=11,
        title="a doctor in four lines",
        difficulty="medium",
        minutes=9,
        stub="""
            def illness(log):
                gains = ...  # 1. the gains that were measured
                late = log[len(log) // 2 :]
                d_hr = ...  # 2. the mean of d_hr in late
                d_sr = ...  # 3. the mean of d_sr in late
                ...  # 4. the rules, in their order
                return "healthy"
            """,
        reference=illness,
        judge=judge_illness,
        own=OwnRun(columns=("step", "gain", "d_hr", "d_sr"), judge=own_illness),
        hints=(
            "gains is a list without None. Each rule is one `if` with a `return`, and the order is that of the text.",
            'gains = [row["gain"] for row in log if row["gain"] is not None]; the first is gains[0], the lowest '
            "min(gains).",
            'if gains[0] < -3: return "no pretraining"; if d_hr > 0.9 and d_sr < 0.1: return "discriminator too '
            'strong"; if min(gains) < -3: return "adversarial weight too high".',
        ),
    ),
    Exercise(
        name="choose",
        lesson=11,
        title="which checkpoint?",
        difficulty="medium",
        minutes=8,
        stub="""
            def choose(log):
                measured = [row for row in log if row["val_stlpips"] is not None]
                ...  # your criterion
                return ...  # the update
            """,
        reference=choose,
        judge=judge_choose,
        own=OwnRun(columns=("step", "val_psnr", "val_stlpips"), judge=own_choice),
        hints=(
            "Among the rows of measured, which network would you show to a friend? Say it with the two numbers.",
            "min(rows, key=...) finds a row. Only a row is wrong that another one beats in both numbers.",
            'The lowest ST-LPIPS: return min(measured, key=lambda row: row["val_stlpips"])["step"].',
        ),
    ),
)
