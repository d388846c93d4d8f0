"""docs/teaching.md: built from the exercises and lessons, and its plans hold what they promise."""

import re
from pathlib import Path

import pytest
from loading import TOOLS, load

from srgan_lessons.exercises import all_exercises

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def teaching():
    return load(TOOLS / "teaching.py")


@pytest.fixture(scope="module")
def page(teaching) -> str:
    return teaching.PAGE.read_text(encoding="utf-8")


def test_the_day_with_a_class_table_adds_up(teaching):
    """Its rows name lessons with the minutes that these have, and it says the sum of all that is not on the evening."""
    text = (ROOT / "docs" / "class_table.md").read_text(encoding="utf-8")
    day = text.split("### As the second of two days\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| (?!evening)[^|]+ \| ([^|]+) \| (\d+) \|$", day, re.MULTILINE)
    lessons = [(*found.groups(), n) for what, n in rows if (found := re.match(r"lesson (\d\d), (all|teaching)", what))]
    assert [lesson for lesson, _, _ in lessons] == ["06", "07", "08", "09"]
    for lesson, part, minutes in lessons:
        assert int(minutes) == teaching.part_minutes(lesson, part), lesson
    assert f"**{sum(int(minutes) for _, minutes in rows)}**" in day


def test_the_page_is_up_to_date(teaching, page):
    assert teaching.filled(page) == page, "run: python tools/teaching.py"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| 01 | `psnr_y` | 10 |", "| 01 | `psnr_y` | 99 |"),
        ("| 00 | all | 15 |", "| 00 | all | 1 |"),
        ("**240**", "**241**"),
        ("Half a day: 240 minutes", "Half a day: 7 minutes"),
        ("a = -0.75, from torch or OpenCV", "a = 3"),
        ("### Lesson 05\n", "### Lesson 5\n"),
    ],
)
def test_what_was_changed_by_hand_is_written_anew(teaching, page, old, new):
    assert old in page
    assert teaching.filled(page.replace(old, new)) == page


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("| 05 | teaching |", "| 55 | teaching |", "lesson '55'"),
        ("| 05 | teaching |", "| 05 | theory |", "no part 'theory'"),
        ("| 01 | `psnr_y` |", "| 02 | `psnr_y` |", "no part '`psnr_y`'"),
        ("## Plans\n", "## Plan\n", "0 parts called Plans"),
    ],
)
def test_a_plan_that_cannot_be_added_up_is_refused(teaching, page, old, new, says):
    with pytest.raises(SystemExit, match=says):
        teaching.filled(page.replace(old, new))


def test_a_plan_is_the_sum_of_its_rows(page):
    """Counted here once more, from the built page alone."""
    plans = page.split("\n## Plans\n")[1].split("\n## ")[0].split("\n### ")[1:]
    assert [re.search(r"(\d+) minutes", plan)[1] for plan in plans][:2] == ["90", "240"]
    for plan in plans:
        rows = [int(number) for number in re.findall(r"\| (\d+) \|$", plan, re.MULTILINE)]
        assert f"**{sum(rows)}**" in plan
        assert f"{sum(rows)} minutes" in plan.splitlines()[0]


def test_the_two_days_have_the_whole_course(page, teaching):
    (plan,) = (plan for plan in page.split("\n### ") if plan.startswith("Two days"))
    parts: dict[str, list[str]] = {}
    for lesson, part in re.findall(r"^\| (\d\d) \| (\w+) \|", plan, re.MULTILINE):
        parts.setdefault(lesson, []).append(part)
    assert list(parts) == list(teaching.teaching_minutes())
    assert all(each in (["all"], ["teaching", "exercises"]) for each in parts.values())


def test_every_exercise_is_there_in_the_order_of_the_lessons(page):
    names = re.findall(r"^\| `(\w+)` \|", page.split("\n## Common wrong answers\n")[1], re.MULTILINE)
    assert list(dict.fromkeys(names)) == list(all_exercises())


def test_links_lead_somewhere(page):
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", page):
        path, _, anchor = target.partition("#")
        assert (ROOT / "docs" / path).exists(), target
        assert not anchor or anchor in headings, target
