"""Answers to exercise diagnoses as students write them, and its reference against numbers from outside."""

import csv
from pathlib import Path

import pytest
from answers import Answers

from srgan_lessons.exercises.lesson07.diagnoses import EXERCISE, SIGNS, diagnoses
from srgan_lessons.files import shipped

answers = Answers(
    "diagnoses",
    sentences="""
run number -> one of :: list; upside down; spelling
Judge whole curves: a healthy run may fall below bicubic in the end :: the weight too high taken for healthy
each name once :: twice healthy
""",
)


ROOT = Path(__file__).resolve().parents[3]


answers.right({str(number): name.upper() for number, name in diagnoses.items()})


swapped = {
    "begins_well": {1: "discriminator too strong", 3: "no detach"},
    "nothing_wrong": {2: "healthy", 5: "LR kernel mismatch"},
    "climbs": {6: "no pretraining", 4: "adversarial weight too high"},
    "undecided": {5: "adversarial weight too high", 6: "healthy"},
}


answers.wrong(says="Run 1 is not 'discriminator too strong'")(diagnoses | swapped["begins_well"])


answers.wrong(says="a healthy run begins above bicubic")(diagnoses | swapped["nothing_wrong"])


answers.wrong(says="Run 4 is not 'adversarial weight too high'")(diagnoses | swapped["climbs"])


answers.wrong(says="Run 5 is not 'adversarial weight too high'")(diagnoses | swapped["undecided"])


answers.wrong(says="each occurs once")(dict.fromkeys(diagnoses, "no detach"))


answers.wrong(says="there is no diagnosis 'overfitting'")(diagnoses | {2: "overfitting"})


answers.wrong(says="Run 6 is missing")({number: diagnoses[number] for number in range(1, 6)})


answers.wrong(says="Keys and values have changed places")({name: n for n, name in diagnoses.items()})


answers.wrong(says="falls by many dB and does not come back")(diagnoses | {4: "adversarial weight too high"})


answers.wrong(says="A dict is expected")(list(diagnoses.values()))


answers.wrong(says="Run 3 has no diagnosis yet")(diagnoses | {3: ...})


TestAnswers = answers.tests()


@pytest.fixture(scope="module")
def logs():
    with open(shipped("results/sick_runs.csv"), newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return {diagnoses[n]: {row["step"]: row for row in rows if row["run"] == n} for n in diagnoses}


def test_each_log_shows_what_its_diagnosis_says(logs):
    assert set(logs) == set(SIGNS)
    first, last = ({name: rows[step] for name, rows in logs.items()} for step in (10, 200))
    assert min(first, key=lambda name: first[name]["gain"]) == "no pretraining"
    assert first["no pretraining"]["gain"] < last["no pretraining"]["gain"] - 3
    assert {name for name, row in last.items() if row["d_sr"] < 0.15} == {
        "no pretraining",
        "no detach",
        "discriminator too strong",
    }
    assert logs["no detach"][20]["gain"] < -3 < 0 < logs["discriminator too strong"][20]["gain"]
    assert min(row["gain"] for row in logs["discriminator too strong"].values()) < -1
    assert min(last, key=lambda name: last[name]["gain"]) == "adversarial weight too high"
    assert all(row["gain"] < 0 for row in logs["LR kernel mismatch"].values())
    assert first["healthy"]["gain"] > 0.5
    assert min(row["gain"] for row in logs["healthy"].values()) > -0.6


def test_the_bill_quotes_the_benchmark():
    """Each measured line of the lesson's bill stands in the table that it names, with the same seconds."""
    measured = 0
    with open(shipped("results/training_cost.csv"), newline="") as file:
        for row in csv.DictReader(file):
            if not row["seconds"]:
                assert not row["source"]
                continue
            table = (ROOT / row["source"]).read_text(encoding="utf-8")
            cells = next(line for line in table.splitlines() if line.startswith(f"| {row['recipe']} |")).split("|")
            assert float(cells[4]) == float(row["seconds"])
            measured += 1
    assert measured >= 3


def test_the_solution_shown_is_the_reference():
    names = {}
    exec(EXERCISE.solution, names)
    assert names["diagnoses"] == diagnoses
