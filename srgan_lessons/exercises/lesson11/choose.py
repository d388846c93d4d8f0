"""Exercise 11.3: which checkpoint?"""

from collections.abc import Callable

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet, OwnRun
from srgan_lessons.exercises.shared.logs import Rows, as_update, complete


def choose(log):
    measured = [row for row in log if row["val_stlpips"] is not None]
    # SOLUTION
    best = max(row["val_psnr"] for row in measured)
    near = [row for row in measured if row["val_psnr"] > best - 1]  # no more than 1 dB is paid
    return min(near, key=lambda row: row["val_stlpips"])["step"]
    # STUB
    # ...  # your criterion
    # return ...  # the update
    # END


def _validated(*rows: tuple[int, float, float | None, float | None]) -> Rows:
    names = ("step", "content", "val_psnr", "val_stlpips")
    log = [dict(zip(names, row, strict=True)) for row in rows]
    for row in log:
        row["d_hr"] = 0.6 + row["step"] % 7 / 50  # no two rows are alike
        if row["val_psnr"]:
            mse = 10 ** (-row["val_psnr"] / 10)
            row |= {"gain": row["val_psnr"] - 26, "val_content": mse}
    return complete(log)


# No mean of two steps is itself a step.
CHOICES = (
    (
        "the last row is worse than one before it, in both",
        _validated((50, 0.05, None, None), (100, 0.04, 27.9, 0.20), (170, 0.02, None, None), (200, 0.03, 27.0, 0.30)),
    ),
    (
        "PSNR and ST-LPIPS disagree",
        _validated((60, 0.05, 28.5, 0.30), (120, 0.04, 27.9, 0.15), (190, 0.03, 25.1, 0.32), (240, 0.02, 25.0, 0.14)),
    ),
    ("there is one validation", _validated((30, 0.01, None, None), (70, 0.02, 24.0, 0.40))),
    (
        "the second row is worse in both, but only a little in ST-LPIPS",
        _validated((50, 0.05, 28.0, 0.20), (100, 0.04, 26.0, 0.21), (150, 0.02, None, None)),
    ),
    (
        "the second row is worse in both, but only a little in PSNR",
        _validated((50, 0.05, 27.1, 0.20), (100, 0.04, 27.0, 0.35), (150, 0.02, None, None)),
    ),
    (
        "the first row is the worst",
        _validated((10, 0.09, 20.0, 0.60), (20, 0.05, None, None), (30, 0.04, 26.0, 0.33), (40, 0.01, None, None)),
    ),
    (
        "things get better, then worse, and at last better than ever",
        _validated((11, 0.09, 24.0, 0.40), (23, 0.05, 25.0, 0.28), (31, 0.01, 24.5, 0.38), (47, 0.04, 27.0, 0.20)),
    ),
)


def _most(score: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[Rows], int]:
    """The update with the highest score, which is calculated from the PSNR and ST-LPIPS of all rows."""

    def chosen(rows: Rows) -> int:
        psnr, stlpips = (np.array([row[name] for row in rows]) for name in ("val_psnr", "val_stlpips"))
        return rows[int(np.argmax(score(psnr, stlpips)))]["step"]

    return chosen


def _scaled(x: np.ndarray) -> np.ndarray:
    """From 0 to 1."""
    return (x - x.min()) / (np.ptp(x) or 1)


SIGN = (
    "PSNR and ST-LPIPS are added or multiplied, but the one should be high and the other low. Subtract ST-LPIPS, or "
    "divide by it."
)
CRITERIA = (  # what is chosen, and how from the rows that were validated
    ("The row with the highest ST-LPIPS is chosen, but it is a distance: lower is better.", _most(lambda p, s: s)),
    ("The row with the lowest PSNR is chosen, but higher is better.", _most(lambda p, s: -p)),
    ("The last row is chosen, whatever its numbers are.", lambda rows: rows[-1]["step"]),
    ("The first row is chosen, whatever its numbers are.", lambda rows: rows[0]["step"]),
    ("The middle row is chosen, whatever its numbers are.", lambda rows: rows[len(rows) // 2]["step"]),
    (
        "The row with the lowest training loss is chosen. It says nothing about held-out photos.",
        lambda rows: min(rows, key=lambda row: row["content"])["step"],
    ),
    (SIGN, _most(lambda p, s: p + s)),
    (SIGN, _most(lambda p, s: -p - s)),
    (SIGN, _most(lambda p, s: p * s)),
    (SIGN, _most(lambda p, s: -p * s)),
    (SIGN, _most(lambda p, s: _scaled(p) + _scaled(s))),
    (SIGN, _most(lambda p, s: -_scaled(p) - _scaled(s))),
)


def _criterion(candidate) -> str:
    """What the answer goes by, if all its choices follow from one of the criteria; otherwise an empty string."""
    logs = [[dict(row) for row in log] for _, log in CHOICES]
    try:
        found = [as_update(call(candidate, log)) for log in logs]
    except Exception:
        return ""
    validated = [[row for row in log if row["val_psnr"] is not None] for _, log in CHOICES]
    return next((f" {text}" for text, chosen in CRITERIA if found == [chosen(rows) for rows in validated]), "")


def _update(candidate, what: str, log: Rows) -> float:
    """The update that the answer chooses from a log."""
    measured = [row for row in log if row["val_psnr"] is not None]
    many = f"{len(measured)} validated row{'s' if len(measured) > 1 else ''}"
    bound = (
        "Does it look for a row within fixed bounds, or in a fixed place? Not every log has one. Compare the rows of "
        "`measured` with each other."
    )
    try:
        found = call(candidate, [dict(row) for row in log])
    except (IndexError, StopIteration, ValueError) as error:
        if (isinstance(error, ValueError) and "empty" not in str(error)) or not _sometimes(candidate):
            raise
        raise NotYet(
            f"For a log in which {what}, with {many}, it finds nothing: {type(error).__name__}. {bound}"
        ) from error
    if found is None and _sometimes(candidate):
        raise NotYet(f"For a log in which {what}, with {many}, the result is None. {bound}")
    return as_update(found)


def _sometimes(candidate) -> bool:
    """Whether the answer chooses something from at least one log."""
    for _, log in CHOICES:
        try:
            if call(candidate, [dict(row) for row in log]) is not None:
                return True
        except Exception:  # the log that failed first is the one that is reported
            continue
    return False


def judge(candidate) -> None:
    for what, log in CHOICES:
        found = _update(candidate, what, log)
        if any(as_update(call(candidate, [dict(row) for row in log])) != found for _ in range(12)):
            raise NotYet("The same log gives one update now and a different one the next time: chance is no criterion.")
        _check_choice(f"a log in which {what}", log, found, candidate)


def judge_own(candidate, log: Rows) -> int | None:
    """The result of the answer on the log of the learner's own run."""
    if all(row["val_stlpips"] is None for row in log):  # a run without held-out photos leaves no choice
        return None
    value = as_update(call(candidate, [dict(row) for row in log]))
    _check_choice("the log of your own run", log, value, candidate)
    return int(value)


def _check_choice(where: str, log: Rows, value: float, candidate) -> None:
    """Raises NotYet if the update is not in the log, was not validated, or is beaten by another one in both numbers."""
    steps = {row["step"]: row for row in log}
    measured = [row for row in log if row["val_psnr"] is not None]
    if value not in steps:
        if value in {row["val_stlpips"] for row in measured}:
            kind = "It is a value of ST-LPIPS."
        elif value in {row["val_psnr"] for row in measured}:
            kind = "It is a PSNR."
        elif 0 <= value < len(log):
            kind = "Is it the number of a row?"
        elif min(steps) < value < max(steps):
            kind = "Is it calculated from several updates? There is a checkpoint only where the log has a row."
        else:
            kind = "Is it an update of another log?"
        raise NotYet(f'{value:g} is no update of {where}. {kind} Return the "step" of a row of the log.')
    row = steps[int(value)]
    if row["val_psnr"] is None:
        why = "Choose a row of `measured`. (None is not 0, and place 0 in `measured` is a different place in `log`.)"
        if "content" in row and row["content"] == min(other["content"] for other in log):
            why = "Choose a row of `measured`. (Is it the lowest training loss? It says nothing about held-out photos.)"
        raise NotYet(f"Update {value:g} was not validated: its row has neither val_psnr nor val_stlpips. {why}")
    for other in measured:
        if other["val_psnr"] > row["val_psnr"] and other["val_stlpips"] < row["val_stlpips"]:
            raise NotYet(
                f"In {where}, update {value:g} is chosen ({row['val_psnr']:g} dB, ST-LPIPS "
                f"{row['val_stlpips']:g}). Update {other['step']} is better in both ({other['val_psnr']:g} dB, "
                f"{other['val_stlpips']:g}), so no criterion can defend yours."
                + (_criterion(candidate) or " A high PSNR is good, and so is a low ST-LPIPS.")
            )


EXERCISE = Exercise(
    name="choose",
    lesson=11,
    place=3,
    title="which checkpoint?",
    difficulty="medium",
    minutes=8,
    reference=choose,
    judge=judge,
    own=OwnRun(columns=("step", "val_psnr", "val_stlpips"), judge=judge_own),
    hints=(
        "Among the rows of measured, which network would you show to a friend? Say why, in terms of the two numbers.",
        "min(rows, key=...) finds a row. Your choice is wrong only if another row beats it in both numbers.",
        'For example, the lowest ST-LPIPS: return min(measured, key=lambda row: row["val_stlpips"])["step"].',
    ),
    mistakes=(
        Mistake("the lowest training loss", says="was not validated", ask="On which photos is that loss measured?"),
        Mistake(
            "the last validated row, whatever its numbers",
            says="better in both",
            ask="Which criterion would choose that one?",
        ),
    ),
)
