"""Answers written from the student edition alone, without a look at the judges (tests/learners.py).

The text counts: what it allows is right, in whichever style. Every right answer passes, at least 98 of 100 wrong ones
are caught, and in each exercise the message names the error of at least nine in ten.
"""

import re

import pytest
from answers import NOTEBOOK, references, run_cell
from learners import ANSWERS, UNSEEN

from srgan_lessons.classroom import grade
from srgan_lessons.exercises import all_exercises
from srgan_lessons.metrics import psnr


@pytest.mark.parametrize("name", list(ANSWERS))
def test_what_learners_write(name):
    known = NOTEBOOK | references(all_exercises()[name].lesson)
    known |= {"psnr": psnr, "perceptual_loss": all_exercises()["perceptual_loss"].reference}
    wrongs, unnamed = 0, []
    for kind, what, words, code in ANSWERS[name]:
        verdict = grade(name, run_cell(code, known)[name])
        if kind == "R":
            assert verdict.passed, f"{what} is right: {verdict.message}"
            continue
        wrongs += 1
        assert verdict.passed == ((name, what) in UNSEEN), f"{what}: {verdict.message}"
        assert "fault of the course" not in verdict.message, what
        said = verdict.message.partition("The smallest example that differs")[0]  # an example names no error
        if not verdict.passed and not re.search(words, said, re.IGNORECASE):
            unnamed.append(f"{what}: {verdict.message}")
    assert sum(kind == "R" for kind, *_ in ANSWERS[name]) >= 4
    assert wrongs >= 10
    assert len(unnamed) <= wrongs // 10, unnamed


def test_hardly_any_wrong_answer_passes():
    assert len(UNSEEN) <= 0.02 * sum(kind != "R" for answers in ANSWERS.values() for kind, *_ in answers)
    assert all(reason for reason in UNSEEN.values())
