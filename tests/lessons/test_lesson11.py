"""The exercises of lesson 11: right answers in several styles, and the mistakes that learners make, each named."""

import csv
import itertools
import json

import pytest
from answers import Answers

from srgan_lessons.classroom import check, grade, progress
from srgan_lessons.classroom.exercises.lesson11 import illness, outplayed
from srgan_lessons.classroom.gradebook import gradebook
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


# --- on one's own run ------------------------------------------------------------------------------------------------


def own_run(*leads: float, gains: tuple[float | None, ...] = (-1.0, None, -0.5)) -> list[dict]:
    """The log of a learner's run: D leads by so much in each row."""
    rows = zip(leads, itertools.chain(gains, itertools.repeat(None)), strict=False)
    return [
        {
            "step": 10 * i,
            "d_hr": 0.5 + lead / 2,
            "d_sr": 0.5 - lead / 2,
            "gain": gain,
            "val_psnr": gain and 25 + gain,
            "val_stlpips": gain and 0.3 + gain / 10,
        }
        for i, (lead, gain) in enumerate(rows, start=1)
    ]


ANNA, BEN = own_run(0.7, 0.3, 0.8, 0.2, 0.1), own_run(0.2, 0.9, 0.8, gains=(-4.0, None, -2.0))
ANSWERS = {"outplayed": by_index, "illness": compact, "choose": by_stlpips}


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (ANNA, {"outplayed": 40, "illness": "healthy", "choose": 10}),
        (BEN, {"outplayed": None, "illness": "no pretraining", "choose": 10}),
    ],
)
def test_what_an_answer_says_of_one_s_own_run_differs_and_is_judged(log, expected):
    for name, answer in ANSWERS.items():
        verdict = grade(name, answer, log)
        assert verdict.passed, verdict.message
        assert verdict.own["answer"] == expected[name]
        assert grade(name, answer).own is None


def only_of_the_judge(log):
    """Right on the judge's logs, whose steps it knows, and wrong on any other."""
    return by_index(log) if log[0]["step"] in (40, 7) else 10


def test_an_answer_that_is_right_on_the_judge_s_logs_alone_is_found_out():
    assert grade("outplayed", only_of_the_judge).passed
    verdict = grade("outplayed", only_of_the_judge, ANNA)
    assert not verdict.passed
    assert "On your own run 10 comes back. D does not win any more from update 40 on" in verdict.message
    worst = own_run(0.5, 0.5, 0.5, gains=(-5.0, None, -4.0))
    verdict = grade("illness", lambda log: compact(log) if log[0]["step"] == 25 else "healthy", worst)
    assert "Your own run is called 'healthy'; it is 'no pretraining'" in verdict.message


def test_a_log_of_another_kind_and_a_run_without_validation_are_sentences():
    assert "has no step, d_hr, d_sr" in grade("outplayed", by_index, [{"step": 1}]).message
    blind = own_run(0.7, 0.2, gains=(None, None))
    for name in ("illness", "choose"):
        verdict = grade(name, ANSWERS[name], blind)
        assert (verdict.passed, verdict.own["answer"]) == (True, None)


def test_the_gradebook_marks_own_runs_anew(tmp_path, monkeypatch, capsys):
    for learner, log in (("anna", ANNA), ("ben", BEN), ("carl", ANNA)):
        (tmp_path / learner).mkdir()
        monkeypatch.chdir(tmp_path / learner)
        for name, answer in ANSWERS.items():
            check(name, answer, own=log)
        progress(export=tmp_path / f"{learner}.json")
    capsys.readouterr()
    forged = json.loads((tmp_path / "ben.json").read_text())
    forged["exercises"]["outplayed"]["own"]["answer"] = 10
    forged["exercises"]["choose"]["own"]["rows"] = [["x"], 3]
    (tmp_path / "ben.json").write_text(json.dumps(forged))
    book = gradebook(tmp_path.glob("*.json"))
    lines = [" ".join(line.split()) for line in book.text.split("on their own runs")[1].splitlines()]
    assert "anna outplayed 40 (right)" in lines
    assert "anna illness 'healthy' (right)" in lines
    assert "ben outplayed 10 (WRONG for the rows handed in)" in lines
    assert "ben choose 10 (WRONG for the rows handed in)" in lines
    assert "ben illness 'no pretraining' (right)" in lines
    assert book.notes == ["anna and carl: the very same run of lesson 11. Did they train together?"]
    book.write_csv(tmp_path / "class.csv")
    with open(tmp_path / "class.csv", newline="") as file:
        rows = {(row["learner"], row["exercise"]): row["own_run"] for row in csv.DictReader(file)}
    assert rows["anna", "choose"] == "10 (right)"
    assert rows["anna", "psnr_y"] == ""


def test_what_was_noted_of_a_run_stays_until_there_is_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check("outplayed", by_index, own=ANNA)
    check("outplayed", by_index)
    progress(export="anna.json")
    assert json.loads((tmp_path / "anna.json").read_text())["exercises"]["outplayed"]["own"]["answer"] == 40
    check("outplayed", by_index, own=BEN)
    progress(export="anna.json")
    assert json.loads((tmp_path / "anna.json").read_text())["exercises"]["outplayed"]["own"]["answer"] is None
