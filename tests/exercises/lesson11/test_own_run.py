"""Lesson 11 on a learner's own run: what the three answers say about it; the gradebook judges them again."""

import csv
import itertools
import json
import math

import pytest
from test_choose import by_stlpips
from test_illness import compact
from test_outplayed import by_index

from srgan_lessons.classroom import check, grade, progress
from srgan_lessons.classroom.gradebook import gradebook


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
    return by_index(log) if log[0]["step"] in (0, 7, 9, 20, 40) else 10


def test_an_answer_that_is_right_on_the_judge_s_logs_alone_is_found_out():
    assert grade("outplayed", only_of_the_judge).passed
    verdict = grade("outplayed", only_of_the_judge, ANNA)
    assert not verdict.passed
    assert "For your own run, the result is 10. D no longer wins from update 40 on" in verdict.message
    worst = own_run(0.5, 0.5, 0.5, gains=(-5.0, None, -4.0))
    verdict = grade("illness", lambda log: compact(log) if log[0]["step"] == 25 else "healthy", worst)
    assert "Your own run is called 'healthy'; it is 'no pretraining'" in verdict.message


def test_a_log_of_another_kind_and_a_run_without_validation_are_sentences():
    assert "has no step, d_hr, d_sr" in grade("outplayed", by_index, [{"step": 1}]).message
    for log in (math.log, "log", [1, 2], 3):  # such as after `from math import log`
        assert "The log of your own run has no step, d_hr, d_sr." in grade("outplayed", by_index, log).message
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
    assert book.notes == ["anna and carl handed in the very same run of lesson 11. Did they train together?"]
    book.write_csv(tmp_path / "class.csv")
    with open(tmp_path / "class.csv", newline="", encoding="utf-8-sig") as file:
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
