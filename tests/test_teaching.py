# ruff: noqa: E402 - the tests of the exercises are no package: their folder is put on the path first
"""docs/teaching.md: minutes that add up, and for each exercise wrong answers that its check really names."""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lessons"))

from srgan_lessons.classroom.exercises import all_exercises

PAGE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
TIME = re.compile(r"^# \*\*Time\.\*\* (\d+) minutes of teaching, (\d+) minutes of exercises\.", re.MULTILINE)


def minutes() -> dict[str, tuple[int, int]]:
    """Lesson -> minutes of teaching and of exercises, from the lessons' first cells."""
    found = {}
    for source in sorted((ROOT / "notebooks" / "source").glob("*.py")):
        (time,) = TIME.findall(source.read_text(encoding="utf-8"))
        found[source.stem[:2]] = tuple(map(int, time))
    return found


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their heads."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in found if not set("".join(row)) <= set("- ") and row[0] not in ("lesson", "exercise")]


def plans() -> dict[str, list[list[str]]]:
    """Heading -> rows (lesson, part, minutes) of each plan."""
    part = PAGE.split("\n## Plans\n")[1].split("\n## ")[0]
    return {text.splitlines()[0]: rows(text) for text in part.split("\n### ")[1:]}


PLANS = plans()


def test_there_are_three_plans():
    assert [re.search(r"\d+ minutes", name)[0] for name in PLANS][:2] == ["90 minutes", "240 minutes"]
    assert len(PLANS) == 3


@pytest.mark.parametrize("name", PLANS)
def test_minutes_of_a_plan_are_those_of_the_lessons(name):
    *entries, last = PLANS[name]
    known, total = minutes(), 0
    for lesson, part, given in entries:
        names = re.findall(r"`(\w+)`", part)
        if lesson == "-":
            expected = int(given)
        elif names:
            assert all(all_exercises()[n].lesson == int(lesson) for n in names), part
            expected = sum(all_exercises()[n].minutes for n in names)
        else:
            teaching, exercises = known[lesson]
            expected = {"all": teaching + exercises, "teaching": teaching, "exercises": exercises}[part]
        assert int(given) == expected, f"lesson {lesson}, {part}: {expected} minutes"
        total += expected
    assert last == ["", "**together**", f"**{total}**"]
    assert f"{total} minutes" in name


def test_the_two_days_have_the_whole_course():
    (name,) = (name for name in PLANS if name.startswith("Two days"))
    assert [lesson for lesson, part, _ in PLANS[name] if part == "all"] == list(minutes())


def wrong_answers() -> dict[str, list[list[str]]]:
    """Exercise -> its rows (exercise, what was written, the check says, ask)."""
    found: dict[str, list[list[str]]] = {}
    for part in PAGE.split("\n## Common wrong answers\n")[1].split("\n### Lesson ")[1:]:
        for row in rows(part):
            name = row[0].strip("`")
            assert all_exercises()[name].lesson == int(part[:2]), f"{name} is not of lesson {part[:2]}"
            found.setdefault(name, []).append(row)
    return found


def test_every_exercise_is_there_in_the_order_of_the_lessons():
    found = wrong_answers()
    assert list(found) == list(all_exercises())
    assert all(len(answers) >= 2 for answers in found.values())
    assert all(
        len(row) == 4 and row[1] and row[3].endswith((".", "?")) for answers in found.values() for row in answers
    )


@pytest.mark.parametrize("lesson", sorted({exercise.lesson for exercise in all_exercises().values()}))
def test_the_check_says_what_the_page_says(lesson):
    """Each quoted message is one that the tests of that lesson hold the check to."""
    answers = importlib.import_module(f"test_lesson{lesson:02d}").answers
    says: dict[str, set[str]] = {}
    for name, _, _, words in answers.wrongs:
        says.setdefault(name, set()).add(words)
    for name, entries in wrong_answers().items():
        if all_exercises()[name].lesson == lesson:
            for _, _, quoted, _ in entries:
                assert any(quoted.strip('"') in words for words in says[name]), f"{name}: no test expects {quoted}"


def test_links_lead_somewhere():
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, anchor = target.partition("#")
        assert (ROOT / "docs" / path).exists(), target
        assert not anchor or anchor in headings, target
