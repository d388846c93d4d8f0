"""Answers to exercise table2_reading as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
from answers import NOTEBOOK, Answers

from srgan_lessons.classroom import grade
from srgan_lessons.exercises.lesson08.table2_reading import table2_reading
from srgan_lessons.metrics import psnr

answers = Answers(
    "table2_reading",
    sentences="""
Read the paper's rows :: set5 only; DRCN
HR, the photo itself, does not count :: hr; seven
a dict with the five answers :: list of names for how many; text for list
names spelled as in the table :: spelling
""",
)


NOTEBOOK["psnr"] = psnr  # lesson 08 imports it before its exercises


KEYS = list(table2_reading)


def _reading(**changed):
    """The right answers, some of them changed: a for the first, b for the second, and so on."""
    return table2_reading | {KEYS["abcde".index(letter)]: value for letter, value in changed.items()}


answers.right(_reading(c=6.0, d=2.5133, e=("BSD100", "Set14")))


answers.right(_reading(d=np.float32(2.51), e={"Set14", "BSD100"}))


for says, changed in {
    "Did you read the MOS": {"a": "SRGAN"},
    "One method has more": {"a": "DRCN"},
    "Write the method's name as in the table": {"a": "SRResNet-MSE"},
    "HR is the photo itself": {"b": "HR"},
    "although its PSNR is lower": {"b": "SRResNet"},
    "look at nearest": {"c": 7},
    "is *below*": {"c": 1},
    "count the methods with a higher PSNR": {"c": 5},
    "the loss on Set5": {"d": 2.65},
    "the loss on BSD100": {"d": 2.42},
    "Divide it by 3": {"d": 7.54},
    "above 0": {"d": -2.51},
    "For each set, subtract": {"d": 3.1},
    "The other sets are expected": {"e": ["Set5"]},
    "about SSIM": {"e": ["BSD100"]},
    "Were you thinking of SRResNet": {"e": ["Set5", "Set14", "BSD100"]},
    "is not one of the sets": {"e": ["Urban100"]},
    "expected as a list": {"e": "Set14"},
    "For each set, compare two numbers": {"e": []},
}.items():
    answers.wrong(says=says)(_reading(**changed))


TestAnswers = answers.tests()


@pytest.mark.parametrize("key", KEYS)
def test_one_answer_missing_or_left_open(key):
    without = {name: value for name, value in table2_reading.items() if name != key}
    assert "is missing" in grade("table2_reading", without).message
    assert "1 of 5 answers" in grade("table2_reading", table2_reading | {key: ...}).message


def test_another_type_than_a_dict():
    assert "a dict with five answers" in grade("table2_reading", list(table2_reading.values())).message
