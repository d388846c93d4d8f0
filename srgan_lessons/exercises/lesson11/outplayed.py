"""Exercise 11.1: when D stops winning."""

from srgan_lessons.exercises.calling import call, why_none
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet, OwnRun
from srgan_lessons.exercises.reading import as_number
from srgan_lessons.exercises.shared.logs import CLOSE, FOOLED, WIN, Rows


def outplayed(log):
    since = None
    for row in log:
        # SOLUTION
        wins = row["d_hr"] - row["d_sr"] > 0.5
        if wins:
            since = None
        elif since is None:
            since = row["step"]
        # STUB
        # wins = ...  # 1. is D(HR) - D(SR) above 0.5?
        # ...  # 2. if D wins, forget; else remember where that began
        # END
    return since


def _says(*pairs: tuple[float, float], every: int = 40) -> Rows:
    """A log of what D says, with a row after every `every` updates."""
    return [{"step": every * (i + 1), "d_hr": hr, "d_sr": sr} for i, (hr, sr) in enumerate(pairs)]


VAGUE, SUSPICIOUS = (0.95, 0.6), (0.45, 0.05)  # D(HR) alone, or D(SR) alone, misleads here

OUTPLAYED = (
    ("D wins twice, and never again", _says(WIN, WIN, CLOSE, FOOLED), 120),
    ("D loses its lead, wins it back, and loses it for good", _says(WIN, CLOSE, WIN, CLOSE, CLOSE), 160),
    ("D never wins", _says(CLOSE, CLOSE, every=7), 7),
    ("D(HR) is high all the time, and so is D(SR)", _says(WIN, VAGUE, VAGUE), 80),
    ("D(SR) is low all the time, and D(HR) falls", _says(WIN, SUSPICIOUS, SUSPICIOUS), 80),
    ("D is fooled: D(SR) is above D(HR) by far", _says(WIN, (0.1, 0.9), (0.1, 0.9)), 80),
    ("one row has D(HR) - D(SR) of exactly 0.5, which is not above it", _says(WIN, (0.75, 0.25), CLOSE), 80),
    (
        "the first row has update 0, and D never wins",
        [row | {"step": n} for n, row in zip((0, 40), _says(CLOSE, CLOSE), strict=True)],
        0,
    ),
    ("D wins to the end", _says(CLOSE, WIN, WIN), None),
    ("the last row decides: D wins there", _says(WIN, CLOSE, WIN), None),
)


def _from(log: Rows, wins) -> int | None:
    """The result of `outplayed` with another rule for when D wins a row."""
    since = None
    for row in log:
        since = None if wins(row["d_hr"], row["d_sr"]) else row["step"] if since is None else since
    return since


RULES = {  # message -> what an answer with that mistake returns for a log
    "D wins where D(HR) - D(SR) is above 0.5. D(HR) alone is looked at; the difference decides.": lambda log: _from(
        log, lambda hr, sr: hr > 0.5
    ),
    "Exactly 0.5 is not above 0.5: > and not >=.": lambda log: _from(log, lambda hr, sr: hr - sr >= 0.5),
    "The absolute value is taken: where D(SR) is above D(HR) by far, D has lost, and does not win.": lambda log: _from(
        log, lambda hr, sr: abs(hr - sr) > 0.5
    ),
    "D(SR) - D(HR) is taken, in the other order: D wins where D(HR) - D(SR) is above 0.5.": lambda log: _from(
        log, lambda hr, sr: sr - hr > 0.5
    ),
    "Update 0 counts as nothing: `not since` holds for 0, too. Write `since is None`.": lambda log: (
        None if (found := outplayed(log)) is None else found or log[1]["step"]
    ),
    "D(HR) is divided by D(SR). D wins where the difference, D(HR) - D(SR), is above 0.5.": lambda log: _from(
        log, lambda hr, sr: hr / sr > 2
    ),
    "D(HR) and D(SR) are rounded first. D wins where the difference, D(HR) - D(SR), is above 0.5.": lambda log: _from(
        log, lambda hr, sr: round(hr) - round(sr) > 0.5
    ),
    "It is the first row that D does not win, and D may win again after it: from where on does it not, in any later "
    "row?": lambda log: next((row["step"] for row in log if row["d_hr"] - row["d_sr"] <= 0.5), None),
    "The last row is never looked at.": lambda log: outplayed(log[:-1]),
    "It is the last row of the log. The task asks for the row from which on D does not win: where that "
    "began.": lambda log: None if outplayed(log) is None else log[-1]["step"],
}


SMALL = tuple(
    (_says(*pairs),) for pairs in ((CLOSE,), (WIN,), (VAGUE,), (SUSPICIOUS,), (FOOLED,), (WIN, CLOSE), (CLOSE, WIN))
)


def _name_rule(candidate) -> None:
    """Raises NotYet if one of the rules explains all results."""
    try:
        found = [call(candidate, log) for _, log, _ in OUTPLAYED]
    except Exception:
        return
    for message, rule in RULES.items():
        if found == [rule(log) for _, log, _ in OUTPLAYED]:
            raise NotYet(message)


def judge(candidate) -> None:
    for what, log, right in OUTPLAYED:
        try:
            found = call(candidate, log)
        except Exception as error:
            if right is None and type(error).__module__ == "builtins" and not isinstance(error, NameError | TypeError):
                raise NotYet(
                    f"In a log where {what} it stops with {type(error).__name__}: {error}. "
                    "None is asked for there, no error."
                ) from error
            raise
        if found is ...:
            raise NotDone("The result is `...`, the placeholder.")
        if right is None:
            if found is not None:
                _name_rule(candidate)
                raise NotYet(
                    f"In a log where {what}, {found!r} comes back. The last row is one that D wins, so there is no "
                    "such update: None is expected."
                )
            continue
        if found is None:
            _name_rule(candidate)
            raise NotYet(
                f"In a log where {what}, None comes back; update {right} is expected. {why_none()} Or does one row "
                "that D wins decide for the whole log?"
            )
        value = as_number(found, "the update")
        if value != right:
            _name_rule(candidate)
        if value != right:
            told = _name_outplayed(what, log, value, right)
            if told.endswith(LAST):
                show_smallest(candidate, outplayed, SMALL, advice=LAST)
            raise NotYet(told)


LAST = "D wins a row where D(HR) - D(SR) is above 0.5; the answer is the row after the last such row."


def _name_outplayed(what: str, log: Rows, value: float, right: int) -> str:
    lead = [row["d_hr"] - row["d_sr"] > 0.5 for row in log]
    steps = [row["step"] for row in log]
    at = steps.index(right)
    first = next((step for step, wins in zip(steps, lead, strict=True) if not wins), None)
    said = f"In a log where {what}, {value:g} comes back; update {right} is expected. "
    if value in (at, at + 1) and value not in steps:
        return said + 'This is the number of a row. Which update was that? row["step"] says it.'
    if value == first:
        return (
            said + "It is the first row that D does not win, and D wins again after it. From which row on does it "
            "no longer win?"
        )
    if at and value == steps[at - 1]:
        return said + "It is the last row that D wins. The one after it is asked for."
    if "is high all the time" in what:
        return said + "D wins where D(HR) - D(SR) is above 0.5. D(HR) alone is looked at."
    if "is low all the time" in what:
        return said + "D wins where D(HR) - D(SR) is above 0.5. D(SR) alone is looked at."
    if "fooled" in what:
        return said + "Where D(SR) is above D(HR), D has lost. Is an absolute value taken?"
    return said + LAST


def judge_own(candidate, log: Rows) -> int | None:
    """The result of the answer on the log of the learner's own run."""
    found, right = call(candidate, [dict(row) for row in log]), outplayed(log)
    if right is None:
        if found is not None:
            raise NotYet(f"On your own run {found!r} comes back. D wins its last row there: None is expected.")
        return None
    if found is None or as_number(found, "the update") != right:
        raise NotYet(f"On your own run {found!r} comes back. D does not win any more from update {right} on.")
    return right


EXERCISE = Exercise(
    name="outplayed",
    lesson=11,
    place=1,
    title="when D stops winning",
    difficulty="medium",
    minutes=7,
    reference=outplayed,
    judge=judge,
    own=OwnRun(columns=("step", "d_hr", "d_sr"), judge=judge_own),
    hints=(
        "Read the log once, from the first row to the last, and keep one thing in mind: since when has D not won?",
        "A row that D wins makes you forget: since = None. A row that D does not win sets since only if nothing is "
        "remembered yet.",
        'if wins: since = None; elif since is None: since = row["step"].',
    ),
    mistakes=(
        Mistake(
            "the first row that D does not win", says="D may win again after it", ask="What happens later in the log?"
        ),
        Mistake(
            "the last row that D wins", says="the last row that D wins", ask="Who wins in the row that you return?"
        ),
    ),
)
