"""The exercises of lesson 11: right answers in several styles, and the mistakes that learners make, each named."""

import csv
import itertools

import pytest
from answers import Answers

from srgan_lessons.classroom.exercises.lesson11 import illness, outplayed
from srgan_lessons.files import shipped

answers = Answers(lesson=11)


@answers.right("outplayed")
def backwards(log):
    lost = list(itertools.takewhile(lambda row: row["d_hr"] - row["d_sr"] <= 0.5, reversed(log)))
    return lost[-1]["step"] if lost else None


@answers.right("outplayed")
def by_index(log):
    wins = [i for i, row in enumerate(log) if row["d_hr"] > row["d_sr"] + 0.5]
    after = wins[-1] + 1 if wins else 0
    return log[after]["step"] if after < len(log) else None


@answers.wrong("outplayed", says="D wins again after it")
def first_lost(log):
    return next((row["step"] for row in log if row["d_hr"] - row["d_sr"] <= 0.5), None)


@answers.wrong("outplayed", says="the last row that D wins")
def last_won(log):
    return [row["step"] for row in log if row["d_hr"] - row["d_sr"] > 0.5][-1]


@answers.wrong("outplayed", says="the number of a row")
def row_number(log):
    wins = [i for i, row in enumerate(log) if row["d_hr"] - row["d_sr"] > 0.5]
    return wins[-1] + 1 if wins else 0


@answers.wrong("outplayed", says="D(HR) alone")
def only_hr(log):
    since = None
    for row in log:
        if row["d_hr"] > 0.8:
            since = None
        elif since is None:
            since = row["step"]
    return since or log[-1]["step"] + 1


@answers.wrong("outplayed", says="D(SR) alone")
def only_sr(log):
    since = None
    for row in log:
        if row["d_sr"] < 0.3:
            since = None
        elif since is None:
            since = row["step"]
    return since or log[-1]["step"] + 1


@answers.wrong("outplayed", says="absolute value")
def absolute(log):
    since = None
    for row in log:
        if abs(row["d_hr"] - row["d_sr"]) > 0.5:
            since = None
        elif since is None:
            since = row["step"]
    return since or log[-1]["step"] + 1


@answers.wrong("outplayed", says="there is no such update")
def never_none(log):
    return outplayed_plainly(log) or log[-1]["step"]


def outplayed_plainly(log):
    wins = [i for i, row in enumerate(log) if row["d_hr"] > row["d_sr"] + 0.5]
    after = wins[-1] + 1 if wins else 0
    return log[after]["step"] if after < len(log) else None


@answers.right("illness")
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


@answers.wrong("illness", says="the first gain is looked at first")
def d_first(log):
    return doctor(log, order="dpw")


@answers.wrong("illness", says="D is looked at before the lowest gain")
def weight_before_d(log):
    return doctor(log, order="pwd")


@answers.wrong("illness", says="the last gain taken in place of the lowest")
def last_gain(log):
    return doctor(log, lowest=lambda gains: gains[-1])


@answers.wrong("illness", says="The second half counts")
def beginning(log):
    return doctor(log, late=lambda log: log[: len(log) // 2] if log[-1]["d_hr"] < 0.9 else log[len(log) // 2 :])


@answers.wrong("illness", says="take the mean")
def last_row(log):
    return doctor(log, late=lambda log: log[-1:])


@answers.wrong("illness", says="Both are needed")
def one_of_both(log):
    return doctor(log, both=False)


@answers.wrong("illness", says="NoneType")
def blanks(log):
    return "no pretraining" if log[0]["gain"] < -3 else "healthy"


@answers.wrong("illness", says="There is no illness 'ill'")
def own_words(log):
    return "ill"


@answers.right("choose")
def by_stlpips(log):
    return min((row for row in log if row["val_stlpips"] is not None), key=lambda row: row["val_stlpips"])["step"]


@answers.right("choose")
def by_psnr(log):
    return max((row["val_psnr"], row["step"]) for row in log if row["val_psnr"] is not None)[1]


@answers.right("choose")
def weighed(log):
    measured = [row for row in log if row["val_psnr"]]
    return max(measured, key=lambda row: row["val_psnr"] - 20 * row["val_stlpips"])["step"]


@answers.wrong("choose", says="better in both")
def the_last_validated(log):
    return [row["step"] for row in log if row["val_psnr"] is not None][-1]


@answers.wrong("choose", says="was not validated")
def training_loss(log):
    return min(log, key=lambda row: row["content"])["step"]


@answers.wrong("choose", says="A whole row comes back")
def a_row(log):
    return min((row for row in log if row["val_stlpips"] is not None), key=lambda row: row["val_stlpips"])


@answers.wrong("choose", says="High PSNR is good, and low ST-LPIPS")
def highest_stlpips(log):
    return max((row for row in log if row["val_stlpips"] is not None), key=lambda row: row["val_stlpips"])["step"]


@answers.wrong("choose", says="a value of ST-LPIPS")
def the_value(log):
    return min(row["val_stlpips"] for row in log if row["val_stlpips"] is not None)


TestLesson11 = answers.tests()


def recorded(name: str) -> list[dict]:
    with open(shipped(name), newline="") as file:
        return [{key: float(text) if text else None for key, text in row.items()} for row in csv.DictReader(file)]


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
