"""Exercise 11.3: which checkpoint?"""

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
    return complete([row | {"gain": row["val_psnr"] and row["val_psnr"] - 26} for row in log])


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


def judge(candidate) -> None:
    for what, log in CHOICES:
        found = as_update(call(candidate, [dict(row) for row in log]))
        if any(as_update(call(candidate, [dict(row) for row in log])) != found for _ in range(12)):
            raise NotYet("The same log gives one update now and a different one the next time: chance is no criterion.")
        _check_choice(f"a log in which {what}", log, found)


def judge_own(candidate, log: Rows) -> int | None:
    """The result of the answer on the log of the learner's own run."""
    if all(row["val_stlpips"] is None for row in log):  # a run without held-out photos leaves no choice
        return None
    value = as_update(call(candidate, [dict(row) for row in log]))
    _check_choice("the log of your own run", log, value)
    return int(value)


def _check_choice(where: str, log: Rows, value: float) -> None:
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
                f"{other['val_stlpips']:g}), so no criterion can defend yours. A high PSNR is good, and so is a "
                "low ST-LPIPS."
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
