"""Exercise 11.1: when D stops winning."""

from statistics import fmean

from srgan_lessons.exercises.calling import call, why_none
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet, OwnRun
from srgan_lessons.exercises.shared.logs import CLOSE, FOOLED, WIN, Rows, as_update, complete


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


def _validated(log: Rows) -> Rows:
    """The log with all columns; the held-out photos were measured in every second row."""
    return [row | {"val_psnr": 26.0, "val_stlpips": 0.2} if i % 2 else row for i, row in enumerate(complete(log))]


def _at(steps: tuple[int, ...], log: Rows) -> Rows:
    return [row | {"step": step} for step, row in zip(steps, log, strict=True)]


VAGUE, SUSPICIOUS = (0.95, 0.6), (0.45, 0.05)  # D(HR) alone, or D(SR) alone, misleads here

OUTPLAYED = tuple(
    (what, _validated(log), right)
    for what, log, right in (
        ("D wins twice, and never again", _says(WIN, WIN, CLOSE, FOOLED), 120),
        ("D loses its lead, wins it back, and loses it for good", _says(WIN, CLOSE, WIN, CLOSE, CLOSE), 160),
        ("D never wins", _says(CLOSE, CLOSE, every=7), 7),
        ("D wins none of four rows", _says(CLOSE, CLOSE, FOOLED, CLOSE, every=9), 9),
        ("D(HR) is high all the time, and so is D(SR)", _says(WIN, VAGUE, VAGUE), 80),
        ("D(SR) is low all the time, and D(HR) falls", _says(WIN, SUSPICIOUS, SUSPICIOUS), 80),
        ("D is fooled: D(SR) is far above D(HR)", _says(WIN, (0.1, 0.9), (0.1, 0.9)), 80),
        ("one row has D(HR) - D(SR) of exactly 0.5, which is not above it", _says(WIN, (0.75, 0.25), CLOSE), 80),
        ("the first row has update 0, and D never wins", _at((0, 40), _says(CLOSE, CLOSE)), 0),
        ("D wins again after two rows that it does not win", _says(WIN, CLOSE, CLOSE, WIN, CLOSE), 200),
        ("D wins again after three rows that it does not win", _says(CLOSE, CLOSE, CLOSE, WIN, CLOSE), 200),
        ("the rows are not evenly spaced", _at((20, 60, 70, 200), _says(WIN, WIN, CLOSE, CLOSE)), 70),
        ("one row has D(HR) - D(SR) of 0.53, which is above 0.5", _says(CLOSE, (0.76, 0.23), CLOSE), 120),
        ("D wins to the end", _says(CLOSE, WIN, WIN), None),
        ("the last row decides: D wins there", _says(WIN, CLOSE, WIN), None),
    )
)


def _from(log: Rows, wins) -> int | None:
    """The result of `outplayed` with another rule for when D wins a row."""
    since = None
    for row in log:
        since = None if wins(row["d_hr"], row["d_sr"]) else row["step"] if since is None else since
    return since


def _stretch(log: Rows, rows: int) -> int | None:
    """The first update from which D does not win for `rows` rows in a row."""
    lost = [row["d_hr"] - row["d_sr"] <= 0.5 for row in log]
    return next((log[i]["step"] for i in range(len(log) - rows + 1) if all(lost[i : i + rows])), None)


def _on_average(log: Rows) -> int | None:
    """The first row from which on D does not win on average."""
    lead = [row["d_hr"] - row["d_sr"] for row in log]
    return next((row["step"] for i, row in enumerate(log) if fmean(lead[i:]) <= 0.5), None)


def _calculated(log: Rows) -> int | None:
    """The result of `outplayed`, if all rows were as far apart as the first two."""
    return outplayed(_at(tuple(log[0]["step"] + i * (log[1]["step"] - log[0]["step"]) for i in range(len(log))), log))


DIFFERENCE = "D wins where the difference, D(HR) - D(SR), is above 0.5."
RULES = {  # message -> what an answer with that mistake returns for a log
    f"D(HR) alone decides here. {DIFFERENCE}": lambda log: _from(log, lambda hr, sr: hr > 0.5),
    f"D(SR) alone decides here. {DIFFERENCE}": lambda log: _from(log, lambda hr, sr: sr < 0.5),
    "The two cases have changed places: the rows that D wins are remembered, and the others are forgotten.": (
        lambda log: _from(log, lambda hr, sr: hr - sr <= 0.5)
    ),
    "Exactly 0.5 is not above 0.5: use >, not >=.": lambda log: _from(log, lambda hr, sr: hr - sr >= 0.5),
    f"D wins here as soon as D(HR) is a little above D(SR). That is not enough. {DIFFERENCE}": lambda log: _from(
        log, lambda hr, sr: hr > sr
    ),
    "The absolute value is taken. Where D(SR) is far above D(HR), D has lost the row, not won it.": lambda log: _from(
        log, lambda hr, sr: abs(hr - sr) > 0.5
    ),
    f"The difference is taken in the wrong order, as D(SR) - D(HR). {DIFFERENCE}": lambda log: _from(
        log, lambda hr, sr: sr - hr > 0.5
    ),
    "Update 0 is ignored here: 0 counts as False, so `not since` and `since or ...` take it for None. Write `since is "
    "None`.": lambda log: None if (found := outplayed(log)) is None else found or log[1]["step"],
    f"The ratio of D(HR) and D(SR) is compared. {DIFFERENCE}": lambda log: _from(log, lambda hr, sr: hr / sr > 2),
    f"D(HR) and D(SR) are rounded, or each of them is compared with 0.5. {DIFFERENCE}": lambda log: _from(
        log, lambda hr, sr: hr > 0.5 >= sr
    ),
    "The difference is rounded before it is compared: 0.53 is above 0.5. Compare it as it is.": lambda log: _from(
        log, lambda hr, sr: round(hr - sr, 1) > 0.5
    ),
    "This is the first row that D does not win, but D may win again after it. From which row on does D never win "
    "again?": lambda log: _stretch(log, 1),
    "It is enough here that D does not win two rows in a row. D may win again after them: look at all later rows.": (
        lambda log: _stretch(log, 2)
    ),
    "It is enough here that D does not win three rows in a row. D may win again after them: look at all later rows.": (
        lambda log: _stretch(log, 3)
    ),
    "The update is calculated from the number of the row, but the rows are not evenly spaced. Take the row's own "
    '"step".': _calculated,
    "Only rows with a validation are looked at. D wins or does not win in every row.": lambda log: outplayed(
        [row for row in log if row["val_psnr"] is not None]
    ),
    "The mean of all later rows is compared. D must not win any of them: look at each row.": _on_average,
    "The last row is never looked at.": lambda log: outplayed(log[:-1]),
    "The first row is never looked at.": lambda log: outplayed(log[1:]),
    "Only the second half of the log is looked at. Here, all rows count.": lambda log: outplayed(log[len(log) // 2 :]),
    "This is the last row of the log. The task asks when this began: from which row on does D no longer win?": (
        lambda log: None if outplayed(log) is None else log[-1]["step"]
    ),
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
    if all(value is None for value in found):
        raise NotYet(f"The result is None for every log. {why_none()}")


def judge(candidate) -> None:
    for what, log, right in OUTPLAYED:
        try:
            found = call(candidate, log)
        except Exception as error:
            if right is None and type(error).__module__ == "builtins" and not isinstance(error, NameError | TypeError):
                raise NotYet(
                    f"For a log in which {what}, it stops with {type(error).__name__}: {error}. "
                    "It should return None there, without an error."
                ) from error
            raise
        if found is ...:
            raise NotDone("The result is `...`, the placeholder.")
        said = f"For a log in which {what}, the result is {found!r}. "
        if found is None or right is None:
            if found is right:
                continue
            _name_rule(candidate)
            if right is None:
                raise NotYet(said + "D wins the last row, so there is no such update: None is expected.")
            why = "Does one row that D wins decide for the whole log?"
            if what == "D never wins":
                why = "D wins no row at all there, so the first row is the answer."
            raise NotYet(f"{said}Update {right} is expected. {why}")
        value = as_update(found)
        if value != right:
            _name_rule(candidate)
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
    said = f"For a log in which {what}, the result is {value:g}; update {right} is expected. "
    if value in (at, at + 1) and value not in steps:
        return said + 'This is the number of a row. Which update was that? Look at row["step"].'
    if value == first:
        return (
            f"{said}This is the first row that D does not win, but D wins again after it. From which row on does D "
            "never win again?"
        )
    if at and value == steps[at - 1]:
        return said + "This is the last row that D wins. The task asks for the row after it."
    if "is high all the time" in what:
        return f"{said}D(HR) alone decides here. {DIFFERENCE}"
    if "is low all the time" in what:
        return f"{said}D(SR) alone decides here. {DIFFERENCE}"
    if "fooled" in what:
        return said + "Where D(SR) is above D(HR), D has lost. Is an absolute value taken?"
    return said + LAST


def judge_own(candidate, log: Rows) -> int | None:
    """The result of the answer on the log of the learner's own run."""
    found, right = call(candidate, [dict(row) for row in log]), outplayed(log)
    if right is None:
        if found is not None:
            raise NotYet(f"For your own run, the result is {found!r}. D wins the last row there: None is expected.")
        return None
    if found is None or as_update(found) != right:
        raise NotYet(f"For your own run, the result is {found!r}. D no longer wins from update {right} on.")
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
        "Read the log once, from the first row to the last, and remember one thing: since when has D not won?",
        "If D wins a row, forget: since = None. If D does not win it, set since, but only if it is still None.",
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
