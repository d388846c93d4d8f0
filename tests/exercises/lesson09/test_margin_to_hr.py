"""Answers to exercise margin_to_hr as students write them, and its reference against numbers from outside."""

import csv

import numpy as np
import pytest
import torch
from answers import Answers

from srgan_lessons.exercises.lesson09.margin_to_hr import margin_to_hr
from srgan_lessons.files import shipped

answers = Answers(
    "margin_to_hr",
    sentences="""
with the HR images as `"hr"` :: last by position; best of all as hr
the closest of the *other methods* :: second closest; sum to others
minus its distance to HR :: plus
A positive number means that it is closer to HR :: abs of all
Distances have no sign :: squared
""",
)


def _table2(dataset):
    with open(shipped("tables/paper_table2.csv"), newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == dataset]
    return {"hr" if row["method"] == "HR" else row["method"]: float(row["mos"]) for row in rows}


@answers.right
def with_a_loop(mos, method):
    closest = 9
    for name in mos:
        if name != "hr" and name != method:
            closest = min(closest, abs(mos[name] - mos[method]))
    return closest - abs(mos[method] - mos["hr"])


@answers.wrong(says="changes one of its arguments")
def with_arrays(mos, method):
    own = mos.pop(method)
    hr = mos.pop("hr")
    return np.abs(np.array(list(mos.values())) - own).min() - np.abs(hr - own)


@answers.wrong(says="sign is reversed")
def turned_round(mos, method):
    return -margin_to_hr(mos, method)


@answers.wrong(says="compared with itself")
def with_itself(mos, method):
    return min(abs(mos[method] - v) for name, v in mos.items() if name != "hr") - abs(mos["hr"] - mos[method])


@answers.wrong(says="HR is among the others")
def with_hr(mos, method):
    return min(abs(mos[method] - v) for name, v in mos.items() if name != method) - abs(mos["hr"] - mos[method])


@answers.wrong(says="A distance has no sign")
def no_abs(mos, method):
    others = [mos[method] - v for name, v in mos.items() if name not in ("hr", method)]
    return min(others) - (mos["hr"] - mos[method])


@answers.wrong(says="the farthest method")
def farthest(mos, method):
    others = [abs(mos[method] - v) for name, v in mos.items() if name not in ("hr", method)]
    return max(others) - abs(mos["hr"] - mos[method])


@answers.wrong(says="the mean of the others")
def on_average(mos, method):
    others = [abs(mos[method] - v) for name, v in mos.items() if name not in ("hr", method)]
    return sum(others) / len(others) - abs(mos["hr"] - mos[method])


@answers.wrong(says="best of the others")
def best_of_the_others(mos, method):
    best = max(v for name, v in mos.items() if name not in ("hr", method))
    return abs(mos[method] - best) - abs(mos["hr"] - mos[method])


@answers.wrong(says="The result is True or False")
def yes_or_no(mos, method):
    return margin_to_hr(mos, method) > 0


@answers.wrong(says="only the distance to HR")
def only_to_hr(mos, method):
    return abs(mos["hr"] - mos[method])


@answers.wrong(says="only the distance to the closest other method")
def only_to_others(mos, method):
    return min(abs(mos[method] - v) for name, v in mos.items() if name not in ("hr", method))


@answers.wrong(says="gives 0.5; -1.25 is expected")
def a_guess(mos, method):
    return 0.5


@answers.right
def in_torch(mos, method):
    others = torch.tensor([value for name, value in mos.items() if name not in ("hr", method)])
    return (others - mos[method]).abs().min() - abs(mos["hr"] - mos[method])


TestAnswers = answers.tests()


def test_margin_to_hr_of_srgan_in_the_papers_table_2():
    margins = [margin_to_hr(_table2(dataset), "SRGAN") for dataset in ("Set5", "Set14", "BSD100")]
    assert margins == pytest.approx([-0.53, 0.14, 0.37], abs=1e-9)  # 0.21 - 0.74, 0.74 - 0.60, 1.27 - 0.90
