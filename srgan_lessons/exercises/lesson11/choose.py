"""Exercise 11.3: which checkpoint?."""

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet, OwnRun
from srgan_lessons.exercises.reading import as_number
from srgan_lessons.exercises.shared.logs import Rows


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
        "the second row is worse in both, by little in ST-LPIPS",
        _validated((50, 0.05, 28.0, 0.20), (100, 0.04, 26.0, 0.21), (150, 0.02, None, None)),
    ),
    (
        "the second row is worse in both, by little in PSNR",
        _validated((50, 0.05, 27.1, 0.20), (100, 0.04, 27.0, 0.35), (150, 0.02, None, None)),
    ),
    (
        "the first row is the worst",
        _validated((10, 0.09, 20.0, 0.60), (20, 0.05, None, None), (30, 0.04, 26.0, 0.33), (40, 0.01, None, None)),
    ),
)


def judge(candidate) -> None:
    for what, log in CHOICES:
        found = call(candidate, [dict(row) for row in log])
        if any(call(candidate, [dict(row) for row in log]) != found for _ in range(12)):
            raise NotYet("The same log gives one update now and another one then: chance is no criterion.")
        if found is ...:
            raise NotDone("The result is `...`, the placeholder.")
        if isinstance(found, dict):
            raise NotYet('A whole row comes back. The update is asked for: row["step"].')
        _check_choice(f"a log where {what}", log, as_number(found, "the update"))


def judge_own(candidate, log: Rows) -> int | None:
    """The result of the answer on the log of the learner's own run."""
    if all(row["val_stlpips"] is None for row in log):  # a run without held-out photos leaves no choice
        return None
    value = as_number(call(candidate, [dict(row) for row in log]), "the update")
    _check_choice("the log of your own run", log, value)
    return int(value)


def _check_choice(where: str, log: Rows, value: float) -> None:
    """Raises NotYet if the update is not in the log, was not validated, or is beaten by another one in both numbers."""
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
        if other["val_psnr"] > row["val_psnr"] and other["val_stlpips"] < row["val_stlpips"]:
            raise NotYet(
                f"In {where}, update {value:g} is chosen ({row['val_psnr']:g} dB, ST-LPIPS "
                f"{row['val_stlpips']:g}). Update {other['step']} is better in both ({other['val_psnr']:g} dB, "
                f"{other['val_stlpips']:g}): no criterion can defend yours. High PSNR is good, and low ST-LPIPS."
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
        "Among the rows of measured, which network would you show to a friend? Say it with the two numbers.",
        "min(rows, key=...) finds a row. Only a row is wrong that another one beats in both numbers.",
        'The lowest ST-LPIPS: return min(measured, key=lambda row: row["val_stlpips"])["step"].',
    ),
    mistakes=(
        Mistake("the lowest training loss", says="was not validated", ask="Which photos does that loss know?"),
        Mistake(
            "the last validation, whatever it says", says="better in both", ask="Which criterion would choose that one?"
        ),
    ),
)
