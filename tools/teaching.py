"""Writes what docs/teaching.md repeats from the exercises and lessons: the minutes of its plans, and the wrong answers.

    python tools/teaching.py            writes them into docs/teaching.md
    python tools/teaching.py --check    fails if the page differs from what would be written

In the plans, a row names a lesson and a part: `all`, `teaching`, `exercises` or names of exercises. This script writes
the minutes of the row, their sum, and the number in the plan's heading. A row with `-` as its lesson keeps its minutes.
The rest of the page, including the text above the first table of wrong answers, is written by hand.
"""

import argparse
import re
import sys
from pathlib import Path

from srgan_lessons.exercises import all_exercises
from srgan_lessons.exercises.exercise import Exercise
from srgan_lessons.files import atomic

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "teaching.md"
TIME = re.compile(r"^# \*\*Time\.\*\* (\d+) minutes of teaching, ", re.MULTILINE)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")
    only_check = parser.parse_args(arguments).check
    page = PAGE.read_text(encoding="utf-8")
    new = filled(page)
    if new == page:
        print("docs/teaching.md is up to date")
    elif only_check:
        sys.exit("docs/teaching.md is out of date. Run: python tools/teaching.py")
    else:
        with atomic(PAGE) as temporary:
            temporary.write_text(new, encoding="utf-8")
        print("docs/teaching.md is written")


def filled(page: str) -> str:
    """The page with all minutes and wrong answers as they are now. Exits with a sentence if a part is missing."""
    parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    for heading, fill in (("## Plans\n", _plans), ("## Common wrong answers\n", _wrong_answers)):
        places = [place for place, part in enumerate(parts) if part.startswith(heading)]
        if len(places) != 1:
            sys.exit(f"docs/teaching.md has {len(places)} parts called {heading.strip('# ' + chr(10))}; it must have 1")
        parts[places[0]] = fill(parts[places[0]])
    return "".join(parts)


def teaching_minutes() -> dict[str, int]:
    """Lesson, "07" -> its minutes of teaching, from its first cell."""
    found = {}
    for source in sorted((ROOT / "notebooks" / "source").glob("*.py")):
        (found[source.stem[:2]],) = map(int, TIME.findall(source.read_text(encoding="utf-8")))
    return found


def part_minutes(lesson: str, part: str) -> int:
    """How many minutes a part of a lesson takes. Exits with a sentence if lesson, part or exercise is unknown."""
    exercises = {name: exercise for name, exercise in all_exercises().items() if f"{exercise.lesson:02d}" == lesson}
    teaching, own = teaching_minutes(), sum(exercise.minutes for exercise in exercises.values())
    if lesson not in teaching:
        sys.exit(f"docs/teaching.md: a plan names lesson {lesson!r}; the lessons are {', '.join(teaching)}")
    known = {"all": teaching[lesson] + own, "teaching": teaching[lesson], "exercises": own}
    names = re.findall(r"`(\w+)`", part)
    if part in known:
        return known[part]
    if not names or not set(names) <= set(exercises):
        sys.exit(f"docs/teaching.md: lesson {lesson} has no part {part!r}; it has all, teaching, exercises and `names`")
    return sum(exercises[name].minutes for name in names)


def _plans(text: str) -> str:
    head, *plans = re.split(r"^(?=### )", text, flags=re.MULTILINE)
    return head + "".join(map(_plan, plans))


def _plan(text: str) -> str:
    lines, total = [], 0
    for line in text.splitlines(keepends=True):
        row = re.fullmatch(r"\| (\d\d|-) \| (.+) \| (\d+) \|\n", line)
        if row:
            lesson, part, given = row.groups()
            minutes = int(given) if lesson == "-" else part_minutes(lesson, part)
            total += minutes
            line = f"| {lesson} | {part} | {minutes} |\n"
        lines.append(line)
    text = re.sub(r"^\| \| \*\*together\*\* \| .*$", f"| | **together** | **{total}** |", "".join(lines), flags=re.M)
    return re.sub(r"\A(### .*?)\d+ minutes", rf"\g<1>{total} minutes", text)


def _wrong_answers(text: str) -> str:
    head = text.split("\n### ")[0].rstrip()
    lessons: dict[int, list[Exercise]] = {}
    for exercise in all_exercises().values():
        lessons.setdefault(exercise.lesson, []).append(exercise)
    return head + "\n" + "".join(_lesson(number, exercises) for number, exercises in lessons.items())


def _lesson(number: int, exercises: list[Exercise]) -> str:
    rows = [
        f'| `{exercise.name}` | {_cell(mistake.written)} | "{_cell(mistake.says)}" | {_cell(mistake.ask)} |'
        for exercise in exercises
        for mistake in exercise.mistakes
    ]
    head = ["| exercise | what was written | the check says | ask |", "|---|---|---|---|"]
    return "\n".join(["", f"### Lesson {number:02d}", "", *head, *rows, ""])


def _cell(text: str) -> str:
    """A text for a cell of a table, which a bar would end."""
    return text.replace("|", r"\|")


if __name__ == "__main__":
    main()
