"""Each sentence of an exercise's text has a check that fails without it.

A line quotes words of the text, and names wrong answers that do not heed them: functions of the exercise's own test, or
answers of tests/exercises/learners.

    words of the text :: wrong answer; another one
    words of the text -- why they ask for nothing, or where they are checked

That these answers are refused is tested where they stand. Whoever adds a sentence adds its wrong answer, or says why
there is none.
"""

import re
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "notebooks" / "source"


def text_of(name: str) -> str:
    """The text of an exercise in its lesson, from below its heading to the stub, on one line; "" where it has none."""
    for path in sorted(SOURCES.glob("*.py")):
        _, heading, rest = path.read_text(encoding="utf-8").partition(f"# ### {{{{exercise: {name}}}}}\n")
        if heading:
            lines = [line.removeprefix("#").strip() for line in rest.partition("\n# %%")[0].splitlines()]
            return " ".join(" ".join(lines).split())
    return ""


def unheeded(text: str, quoted: str, wrong: set[str]) -> list[str]:
    """What is wrong with the list of an exercise's sentences; [] where each one is shown by a wrong answer."""
    problems, words = [], []
    for line in quoted.strip().splitlines():
        part, sign, rest = line.partition(" :: ")
        part, answers = (part, rest.split("; ")) if sign else (line.partition(" -- ")[0], [])
        words.append(part)
        if part not in text:
            problems.append(f"{part!r} does not stand in the text")
        if not sign and not line.partition(" -- ")[2]:
            problems.append(f"{part!r} names no wrong answer and no reason")
        problems += [f"there is no wrong answer {answer!r}" for answer in answers if sign and answer not in wrong]
    for sentence in re.split(r"(?<=[.?!])\)?\s+(?=[A-Z`(])", text):
        if not any(part in sentence or sentence in part for part in words):
            problems.append(f"no check is named for: {sentence}")
    return problems
