"""Answers to exercise illness as students write them, and its reference against numbers from outside."""

import csv

import pytest
from answers import Answers

from srgan_lessons.exercises.lesson11.illness import illness
from srgan_lessons.exercises.lesson11.outplayed import outplayed
from srgan_lessons.files import shipped

answers = Answers(
    "illness",
    sentences="""
Play doctor: diagnose training logs -- the idea
Three of the clinic's five illnesses -- says which are looked for
**in this order** :: order 3 before 2; order 2 before 1
the first `"gain"` that was measured is below -3 :: plus 3; at most
in the second half of the rows :: whole log; first half
the mean of `"d_hr"` is above 0.9 :: last row only; threshold
and that of `"d_sr"` below 0.1 :: or; d swapped
the lowest gain is below -3 :: last gain; max gain
otherwise `"healthy"` :: None for healthy
None in rows without a validation :: first row; zero gains dropped
""",
)


@answers.right
def compact(log):
    gains = [g for g in (row["gain"] for row in log) if g is not None]
    late = log[len(log) // 2 :]
    mean = {name: sum(row[name] for row in late) / len(late) for name in ("d_hr", "d_sr")}
    sure = mean["d_hr"] > 0.9 and mean["d_sr"] < 0.1
    rules = [(gains[0] < -3, "no pretraining"), (sure, "discriminator too strong")]
    rules += [(min(gains) < -3, "adversarial weight too high"), (True, "healthy")]
    return next(name for holds, name in rules if holds)


def doctor(log, *, first=0, lowest=min, late=None, order="pdw", both=True):
    gains = [row["gain"] for row in log if row["gain"] is not None]
    late = (late or (lambda log: log[len(log) // 2 :]))(log)
    d_hr, d_sr = (sum(row[name] for row in late) / len(late) for name in ("d_hr", "d_sr"))
    rules = {
        "p": (gains[first] < -3, "no pretraining"),
        "d": ((d_hr > 0.9 and d_sr < 0.1) if both else d_hr > 0.9, "discriminator too strong"),
        "w": (lowest(gains) < -3, "adversarial weight too high"),
    }
    return next((rules[name][1] for name in order if rules[name][0]), "healthy")


@answers.wrong(says="the first gain is looked at first")
def d_first(log):
    return doctor(log, order="dpw")


@answers.wrong(says="D is looked at before the lowest gain")
def weight_before_d(log):
    return doctor(log, order="pwd")


@answers.wrong(says="The last gain is taken")
def last_gain(log):
    return doctor(log, lowest=lambda gains: gains[-1])


@answers.wrong(says="The second half of the rows counts")
def beginning(log):
    return doctor(log, late=lambda log: log[: len(log) // 2] if log[-1]["d_hr"] < 0.9 else log[len(log) // 2 :])


@answers.wrong(says="take the mean")
def last_row(log):
    return doctor(log, late=lambda log: log[-1:])


@answers.wrong(says="Both are needed")
def one_of_both(log):
    return doctor(log, both=False)


@answers.wrong(says="NoneType")
def blanks(log):
    return "no pretraining" if log[0]["gain"] < -3 else "healthy"


@answers.wrong(says="There is no illness 'ill'")
def own_words(log):
    return "ill"


def recorded(name: str) -> list[dict]:
    with open(shipped(name), newline="") as file:
        return [{key: float(text) if text else None for key, text in row.items()} for row in csv.DictReader(file)]


TestAnswers = answers.tests()


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (3, "discriminator too strong"),
        (4, "no pretraining"),
        (5, "healthy"),
        (6, "adversarial weight too high"),
    ],
)
def test_the_rules_recognise_the_runs_of_the_clinic(run, expected):
    """Those of lesson 07 that a run of this package can have; the diagnoses stand in that lesson."""
    assert illness([row for row in recorded("results/sick_runs.csv") if row["run"] == run]) == expected


def test_in_the_recorded_run_of_a_healthy_srgan_neither_rule_holds():
    rows = [row | {"gain": row["val_psnr"] and row["val_psnr"] - 27.932} for row in recorded("runs/srgan.csv")]
    assert illness(rows) == "healthy"
    assert outplayed(recorded("runs/srgan.csv")) != rows[0]["step"]
