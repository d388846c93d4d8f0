"""Each sentence of each exercise's text has a check that fails without it: sentences.txt names the wrong answers.

A line quotes words of the text, and names wrong answers of learners/*.txt that do not heed them:

    words of the text :: wrong answer; another one
    words of the text -- why they ask for nothing, or where they are checked

That these answers are refused is what test_learners.py tests. A sentence that no line quotes fails here: who adds one
adds its wrong answer, or says why there is none.
"""

import re
from pathlib import Path

import pytest
from test_learners import ANSWERS, UNSEEN

from srgan_lessons.exercises import all_exercises

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "notebooks" / "source"


def texts() -> dict[str, str]:
    """Exercise -> its text in the lesson, from below its heading to the stub, on one line."""
    found = {}
    for path in sorted(SOURCES.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        for part in source.split("# ### {{exercise: ")[1:]:
            name, _, rest = part.partition("}}\n")
            body = rest.partition("\n# %%")[0]
            lines = [line.removeprefix("#").strip() for line in body.splitlines()]
            found[name] = " ".join(" ".join(lines).split())
    return found


def quotes() -> dict[str, list[tuple[str, list[str]]]]:
    """Exercise -> (words of its text, wrong answers that do not heed them)."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for line in (HERE / "sentences.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("@"):
            found[name := line[1:]] = []
        elif " :: " in line:
            words, answers = line.split(" :: ")
            found[name].append((words, answers.split("; ")))
        else:
            words, reason = line.split(" -- ")
            assert reason
            found[name].append((words, []))
    return found


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?!])\)?\s+(?=[A-Z`(])", text)


TEXTS, QUOTES = texts(), quotes()


def test_every_exercise_has_its_text_and_its_list():
    assert set(TEXTS) == set(QUOTES) == set(all_exercises())


@pytest.mark.parametrize("name", list(all_exercises()))
def test_each_sentence_has_a_wrong_answer_that_does_not_heed_it(name):
    wrong = {what for kind, what, *_ in ANSWERS[name] if kind != "R" and (name, what) not in UNSEEN}
    for words, answers in QUOTES[name]:
        assert words in TEXTS[name], f"{words!r} does not stand in the text"
        assert set(answers) <= wrong, set(answers) - wrong
    for sentence in sentences(TEXTS[name]):
        assert any(words in sentence or sentence in words for words, _ in QUOTES[name]), sentence
    assert any(answers for _, answers in QUOTES[name])


def test_a_new_sentence_without_a_check_is_found():
    new = f"{TEXTS['holm']} Return it as float16."
    assert not any(words in sentences(new)[-1] for words, _ in QUOTES["holm"])
