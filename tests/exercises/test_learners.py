"""Answers written from the student edition alone, without a look at the judges: learners/lessonNN.txt and
lessonNN_more.txt.

A file has `@name` for each exercise, and below it

    R what it is                                a right answer; its code follows, indented
    C what it is ;; words                       a wrong answer, its code; words: a pattern that the message must have
    W what it is ;; words ;; old => new ;; ...  a wrong answer: the solution with some of its text replaced
    E what it is ;; words ;; old => new ;; ...  the same, of the right answer called "base" above it

The text counts: what it allows is right, in whichever style. Every right answer passes, at least 98 of 100 wrong ones
are caught, and in each exercise the message names the error of at least nine in ten. What is said of the others must be
true all the same: an example, with what came back and what is expected.
"""

import re
from pathlib import Path

import pytest
from answers import NOTEBOOK, references, run_cell

from srgan_lessons.classroom import grade
from srgan_lessons.exercises import all_exercises
from srgan_lessons.metrics import psnr

UNSEEN = {  # why they pass
    ("overfit", "AdamW"): "a decay of 1e-5 in each step is below what a short run can show",
    (
        "bt500_rejects",
        "strictly farther",
    ): "where a vote is exactly 2 s away, it hangs on n or n - 1 in s: both are right",
}
EXAMPLE = "expected|should be|stopped in your line"  # what a message has that names no error


def read() -> dict[str, list[tuple[str, str, str, str]]]:
    """Exercise -> (kind, what it is, words of the message, code)."""
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for path in sorted((Path(__file__).parent / "learners").glob("*.txt")):
        name, blocks = "", []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("@"):
                name = line[1:]
            elif line[:2] in ("R ", "C ", "W ", "E "):
                blocks.append((name, line, []))
            elif line.startswith("    "):
                blocks[-1][2].append(line[4:])
        bases = {name: "\n".join(code) for name, head, code in blocks if head == "R base"}
        for name, head, code in blocks:
            what, *parts = re.split(r" ;; ?", head[2:])
            text = "\n".join(code) or (bases[name] if head[0] == "E" else all_exercises()[name].solution)
            for edit in parts[1:]:
                old, new = (part.replace("\\n", "\n") for part in (edit + " ").split(" => ", 1))
                assert old in text, f"{name}, {what}: {old!r} is not in what it changes"
                text = text.replace(old, new[:-1])
            found.setdefault(name, []).append((head[0], what, parts[0] if parts else "", text))
    return found


ANSWERS = read()


@pytest.mark.parametrize("name", list(all_exercises()))
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
        if not re.search(words, said, re.IGNORECASE):
            unnamed.append(f"{what}: {verdict.message}")
            assert re.search(EXAMPLE, verdict.message), unnamed[-1]
    assert sum(kind == "R" for kind, *_ in ANSWERS[name]) >= 4
    assert wrongs >= 10
    assert len(unnamed) <= wrongs // 10, unnamed


def test_hardly_any_wrong_answer_passes():
    assert len(UNSEEN) <= 0.02 * sum(kind != "R" for answers in ANSWERS.values() for kind, *_ in answers)
    assert all(reason for reason in UNSEEN.values())
