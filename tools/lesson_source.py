"""Reads the source of a lesson: one percent-format Python file in notebooks/source/.

Tags of a cell (`# %% tags=["stub"]`, `# %% [markdown] tags=["instructor"]`):
    stub, solution      a pair, one after the other: the student edition has the first, the solutions edition the second
    instructor          a note for the teacher: shown only in the solutions edition
    check-output        its text output is kept and compared by nbval
    fold                code that is not taught (plotting, alt texts, assertions): closed, under a title
    slide, subslide, fragment, skip, notes      its part in the slides
A markdown cell that asks the learner to guess lists what would give the answer away: `answers=["16", "sixteen"]`, or
`answers=[]` if only a run can tell. lesson_rules.py keeps these words out of all open cells below the question.
Placeholders in the text:
    {{repository}}          the project's address, from pyproject.toml
    {{colab_badge}}         a badge that opens this lesson's student edition in Colab, and a link to it on the site
    {{exercise_minutes}}    the minutes of all exercises of the lesson, for its first cell
    {{exercise: name}}      "Exercise 1.2: the title (easy, 5 minutes)", for a heading
    {{stub: name}}, {{solution: name}}      a whole cell, as a comment: the registered stub and solution
"""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import jupytext

from srgan_lessons.exercises import all_exercises

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "main"
FRONT = ROOT / "docs" / "figures" / "front"  # pictures of the README and of the site's home page
SLIDES = ("slide", "subslide", "fragment", "skip", "notes")
TAGS = {"stub", "solution", "instructor", "check-output", "fold", *SLIDES}
PERCENT = {"extension": ".py", "format_name": "percent", "comment_magics": False}

# Only Colab installs anything, and without upgrades, so that Colab's own packages do not change.
SETUP = """\
# @title Run this first. In Colab it fetches the course; nothing that Colab has installed changes.
import sys

if "google.colab" in sys.modules:
    %pip install -q "srgan-lessons[offline] @ git+{{repository}}"

from srgan_lessons.classroom import check, hint, lesson_settings, progress, setup, solution

device = setup()"""


class LessonError(Exception):
    """Says what is wrong with the sources, with one line for each problem: "file:line: what"."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of the source.

    line: where it begins in the file. number: its place among the cells of both editions. answers: for a question, what
    gives its answer away; None if nothing is asked.
    """

    kind: str  # "markdown" or "code"
    source: str
    tags: frozenset[str]
    line: int
    number: int
    answers: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A lesson as written, and its cells with all placeholders filled in and the set-up cell added."""

    path: Path
    written: tuple[Cell, ...]
    cells: tuple[Cell, ...]

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def number(self) -> int:
        return int(self.stem[:2])

    def at(self, line: int, text: str) -> str:
        """ "notebooks/source/01_x.py:12: what is wrong"."""
        path = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path
        return f"{path}:{line}: {text}"

    def edition(self, solved: bool) -> list[Cell]:
        left_out = {"stub"} if solved else {"solution", "instructor"}
        return [cell for cell in self.cells if not cell.tags & left_out]

    def below(self, question: Cell) -> list[Cell]:
        """The code cells between a question and the next text that the learner reads, where the answer may be."""
        cells = self.edition(solved=False)
        after = cells[cells.index(question) + 1 :]
        end = next((i for i, cell in enumerate(after) if cell.kind == "markdown"), len(after))
        return after[:end]


def repository() -> str:
    """The project's address, which is written only in pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def site() -> str:
    """The address that GitHub Pages gives to the site of the repository."""
    owner, name = repository().removeprefix("https://github.com/").split("/")
    return f"https://{owner}.github.io/{name}"


def colab_badge(stem: str) -> str:
    """The Markdown of a badge that opens the student edition of a lesson in Colab."""
    place = repository().removeprefix("https://github.com/")
    link = f"https://colab.research.google.com/github/{place}/blob/{BRANCH}/notebooks/{stem}.ipynb"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({link})"


def picture_names(stem: str) -> tuple[str, str | None]:
    """The file names in FRONT of a lesson's picture, and of its variant for dark themes; None if it needs none."""
    name = f"lesson_{stem[:2]}"
    return f"{name}.webp", f"{name}_dark.webp" if (FRONT / f"{name}_dark.webp").is_file() else None


def read_lesson(path: Path) -> Lesson:
    """Parses one source and fills in its placeholders. Raises LessonError if that is impossible."""
    lesson = Lesson(path=path, written=(), cells=())
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem):
        raise LessonError([lesson.at(1, "a lesson needs a name like 01_images_and_scale.py")])
    text = path.read_text(encoding="utf-8")
    starts = [number for number, line in enumerate(text.splitlines(), start=1) if re.match(r"#\s*%%", line)]
    parsed = jupytext.reads(text, fmt=PERCENT).cells
    if not starts or starts[0] != 1 or len(parsed) != len(starts):
        raise LessonError([lesson.at(1, "the file must begin with `# %%`, and no line inside a cell may do so")])
    written, problems = [], []
    for line, cell in zip(starts, parsed, strict=True):
        tags = frozenset(cell.metadata.get("tags", []))
        if unknown := sorted(tags - TAGS):
            problems.append(lesson.at(line, f"unknown tag {', '.join(unknown)}; known: {', '.join(sorted(TAGS))}"))
        if len(tags & set(SLIDES)) > 1:
            problems.append(lesson.at(line, "a cell has at most one of the slide tags"))
        if cell.cell_type not in ("markdown", "code"):
            problems.append(lesson.at(line, f"a {cell.cell_type} cell; a lesson has only markdown and code cells"))
        # Number 1 is reserved for the set-up cell, so the numbers of all cells after the first move up.
        number = len(written) + (len(written) > 0)
        answers = cell.metadata.get("answers")
        written.append(
            Cell(
                kind=cell.cell_type,
                source=cell.source,
                tags=tags,
                line=line,
                number=number,
                answers=None if answers is None else tuple(map(str, answers)),
            )
        )
    setup = Cell(kind="code", source=SETUP, tags=frozenset(["skip", "fold"]), line=starts[0], number=1)
    cells = []
    for cell in (written[0], setup, *written[1:]):
        filled, wrong = _fill(cell, path.stem)
        cells.append(filled)
        problems += [lesson.at(cell.line, text) for text in wrong]
    if problems:
        raise LessonError(problems)
    return replace(lesson, written=tuple(written), cells=tuple(cells))


def _fill(cell: Cell, stem: str) -> tuple[Cell, list[str]]:
    """The cell with its placeholders replaced, and what was wrong with them."""
    problems: list[str] = []
    exercises = all_exercises()

    def value(match: re.Match[str]) -> str:
        key, name = match["key"], match["name"]
        if key == "repository" and not name:
            return repository()
        if key == "colab_badge" and not name:
            return f"{colab_badge(stem)} [Read it on the site]({site()}/lessons/{stem}.html)"
        if key == "exercise_minutes" and not name:
            return str(sum(exercise.minutes for exercise in exercises.values() if exercise.lesson == int(stem[:2])))
        if key not in ("exercise", "stub", "solution") or not name:
            problems.append(f"unknown placeholder {match[0]}")
        elif name not in exercises or exercises[name].lesson != int(stem[:2]):
            known = ", ".join(n for n, e in exercises.items() if e.lesson == int(stem[:2]))
            problems.append(f"{match[0]}: this lesson has no such exercise; it has: {known or 'none'}")
        elif key == "exercise":
            exercise = exercises[name]
            number, effort = f"{exercise.lesson}.{exercise.place}", f"{exercise.difficulty}, {exercise.minutes} minutes"
            return f"Exercise {number}: {exercise.title} ({effort})"
        elif cell.source.strip() != f"# {match[0]}" or cell.kind != "code" or key not in cell.tags:
            problems.append(f"{match[0]} must be alone in a code cell with the tag {key}, as a comment")
        else:
            return getattr(exercises[name], key)
        return match[0]

    source = re.sub(r"\{\{(?P<key>[a-z_]+)(?:: *(?P<name>\w+))?\}\}", value, cell.source)
    if cell.source.startswith("# {{") and source != cell.source:  # the comment sign belonged to the placeholder
        source = source.removeprefix("# ")
    return replace(cell, source=source), problems
