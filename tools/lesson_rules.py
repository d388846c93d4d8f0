"""The contract of a lesson, as far as a program can check it. `problems(lesson)` lists what breaks it."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator

from lesson_source import Cell, Lesson

from srgan_lessons.exercises import all_exercises

CELLS, CODE_LINES, MINUTES, COMPARED = 60, 40, 60, 3
QUESTION = re.compile(r"\*\*(Question|Before you [^.:*]+|Look closely|The bet)[.:]\*\*")
FOLDED_ANSWER = re.compile(r"<details>.*?</details>", re.DOTALL)
FIRST_CELL = {
    r"# \S": "a title, `# Images and scale`, as its first line",
    r"\*\*Claim\.\*\* \S": "the one claim, `**Claim.** ...`",
    r"\*\*Time\.\*\* \d+ minutes of teaching, \d+ minutes of exercises\.": (
        "`**Time.** 30 minutes of teaching, 25 minutes of exercises.`"
    ),
    r"\*\*Before\.\*\* \S": "what learners must know beforehand, `**Before.** ...`",
    r"\[!\[Open in Colab\]": "the badge, `{{colab_badge}}`",
}


def problems(lesson: Lesson) -> list[str]:
    """Everything that breaks the contract, as "file:line: what", in the order of the file."""
    trees, found = {}, []
    for cell in lesson.cells:
        if cell.kind == "code" and cell.number != 1:  # the set-up cell, with its %pip, is ours
            try:
                trees[cell.number] = ast.parse(cell.source)
            except SyntaxError as error:
                found.append((cell.line + (error.lineno or 0), f"this is not Python: {error.msg}"))
    for rule in (_first_cell, _size, _headings, _lists, _pairs, _compared, _folded, _questions, _images):
        found += rule(lesson)
    for rule in (_exercises, _figures):
        found += rule(lesson, trees)
    return [lesson.at(line, text) for line, text in sorted(found)]


Found = Iterator[tuple[int, str]]


def _first_cell(lesson: Lesson) -> Found:
    first = lesson.cells[0]
    if first.kind != "markdown":
        yield first.line, "the first cell must be markdown"
        return
    for pattern, wanted in FIRST_CELL.items():
        if not re.search(f"^{pattern}", first.source, re.MULTILINE):
            yield first.line, f"the first cell must have {wanted}"
    if not first.source.startswith("# "):
        yield first.line, "the title must be the first line of the first cell"
    time = re.search(r"\*\*Time\.\*\* (\d+) minutes of teaching, (\d+) minutes of exercises\.", first.source)
    if time:
        teaching, exercises = map(int, time.groups())
        declared = sum(exercise.minutes for exercise in all_exercises().values() if exercise.lesson == lesson.number)
        if exercises != declared:
            yield first.line, f"it announces {exercises} minutes of exercises, but they take {declared} together"
        if teaching + exercises > MINUTES:
            yield first.line, f"{teaching} + {exercises} minutes are more than {MINUTES}"


def _size(lesson: Lesson) -> Found:
    student = [cell for cell in lesson.edition(solved=False) if "fold" not in cell.tags]
    if len(student) > CELLS:
        yield student[CELLS].line, f"the student edition has {len(student)} open cells, more than {CELLS}"
    for cell in lesson.cells:
        lines = len(cell.source.splitlines())
        if cell.kind == "code" and lines > CODE_LINES:
            yield cell.line, f"this code cell has {lines} lines, more than {CODE_LINES}"
        if not cell.source.strip():
            yield cell.line, "this cell is empty"
        if "instructor" in cell.tags and cell.kind != "markdown":
            yield cell.line, "a note for the instructor is a markdown cell"


def _headings(lesson: Lesson) -> Found:
    level = 0
    for cell in lesson.cells:
        if cell.kind != "markdown":
            continue
        fenced = False
        for offset, line in enumerate(cell.source.splitlines(), start=1):
            fenced ^= line.lstrip().startswith("```")
            heading = re.match(r"(#{1,6}) ", line)
            if fenced or not heading:
                continue
            now = len(heading[1])
            if "instructor" in cell.tags:
                yield cell.line + offset, "a note for the instructor has no headings: use bold"
            elif now > level + 1:
                yield cell.line + offset, f"this heading jumps from level {level} to level {now}"
            elif now == 1 and level:
                yield cell.line + offset, "a second title: only the first cell has a heading of level 1"
            level = now


def _lists(lesson: Lesson) -> Found:
    """A sentence that ends in a number is not broken before it, because JupyterLab would show the start of a list."""
    for cell in lesson.cells:
        if cell.kind == "markdown":
            for offset, line in enumerate(cell.source.splitlines(), start=1):
                if re.fullmatch(r"\s*\d+[.)]\s*", line):
                    yield cell.line + offset, f"Markdown takes the line {line.strip()} for a list: break it elsewhere"


def _pairs(lesson: Lesson) -> Found:
    cells = lesson.cells
    for cell, after in zip(cells, (*cells[1:], None), strict=True):
        if "stub" in cell.tags and not (after and "solution" in after.tags):
            yield cell.line, "a stub must be followed by its solution, a cell with the tag solution"
        if after and "solution" in after.tags and "stub" not in cell.tags:
            yield after.line, "a solution must come right after its stub, a cell with the tag stub"
        if "stub" in cell.tags and after and "solution" in after.tags:
            for line in stub_lines_missing(cell.source, after.source):
                yield cell.line, f"this line of the stub is not in the solution: {line}"


def stub_lines_missing(stub: str, solution: str) -> list[str]:
    """The lines of a stub, other than comments and placeholders (lines with `...`), that the solution does not have."""

    def code(line: str) -> str:
        return re.split(r"\s+#", line)[0].strip()

    there = {code(line) for line in solution.splitlines()}
    kept = (line.strip() for line in stub.splitlines() if "..." not in line and not line.strip().startswith("#"))
    return [line for line in kept if code(line) not in there]


def _compared(lesson: Lesson) -> Found:
    marked = [cell for cell in lesson.cells if "check-output" in cell.tags]
    if len(marked) < COMPARED:
        yield 1, f"{len(marked)} cells have the tag check-output; a lesson has at least {COMPARED}"
    for cell in marked:
        if cell.kind != "code" or cell.tags & {"stub", "solution"}:
            yield cell.line, "check-output is for code cells that are in both editions"


def _folded(lesson: Lesson) -> Found:
    for cell in lesson.cells:
        if "fold" in cell.tags and (cell.kind != "code" or cell.tags & {"stub", "solution"}):
            yield cell.line, "fold is for code cells that are in both editions"
        if "fold" in cell.tags and re.search(r"\bcheck\(", cell.source):
            yield cell.line, "a folded cell must not check an exercise: the learner should see the call"


def _questions(lesson: Lesson) -> Found:
    """Learners must find the answer to a question by running the cells below it, not by reading them."""
    for cell in lesson.cells:
        if "instructor" in cell.tags:
            continue
        asked = list(QUESTION.finditer(cell.source)) if cell.kind == "markdown" else []
        if bool(asked) != (cell.answers is not None):
            yield (
                cell.line,
                'a question must list what would give its answer away, answers=["16"]; other cells must not',
            )
        if not asked:
            continue
        answers = [
            re.compile(rf"(?<![\w.]){re.escape(answer)}(?![\w.]\w)(?!\w)", re.I) for answer in cell.answers or ()
        ]
        rest = FOLDED_ANSWER.sub("", cell.source[asked[-1].end() :]).partition("\n\n")[2]
        for found in filter(None, (answer.search(rest) for answer in answers)):
            yield cell.line, f"the answer is below the question, in the same cell: {found[0]!r}. Fold it with <details>"
        for below in lesson.below(cell):
            if "fold" in below.tags:
                continue
            for found in filter(None, (answer.search(below.source) for answer in answers)):
                yield (
                    below.line,
                    f"{found[0]!r} gives away the answer to the question above: fold the cell, or write it differently",
                )
            if spoiler := re.search(r"(?m)^ *assert |\balt=", below.source):
                yield (
                    below.line,
                    f"below a question, `{spoiler[0].strip()}` gives the result away: put it into a folded cell",
                )


def _exercises(lesson: Lesson, trees: dict[int, ast.AST]) -> Found:
    """Each exercise of the lesson has its stub, solution and check, one after the other; no other name is checked."""
    mine = [name for name, exercise in all_exercises().items() if exercise.lesson == lesson.number]
    checked: dict[str, int] = {}
    for index, cell in enumerate(lesson.cells):
        for node in ast.walk(trees.get(cell.number, ast.Module([], []))):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check" and node.args):
                continue
            name = getattr(node.args[0], "value", None)
            if name not in mine:
                yield (
                    cell.line,
                    f"check({name!r}, ...): lesson {lesson.number:02d} has no such exercise; it has: {', '.join(mine)}",
                )
                continue
            checked[name] = checked.get(name, 0) + 1
            above = [_written(lesson, other) for other in lesson.cells[max(0, index - 2) : index]]
            if above != [f"# {{{{stub: {name}}}}}", f"# {{{{solution: {name}}}}}"]:
                yield (
                    cell.line,
                    f"right above check({name!r}, ...), the placeholders of its stub and its solution are missing",
                )
    for name in mine:
        if checked.get(name, 0) != 1:
            yield 1, f"the exercise {name} is checked {checked.get(name, 0)} times in this lesson, not once"


def _written(lesson: Lesson, cell: Cell) -> str:
    return next((other.source.strip() for other in lesson.written if other.number == cell.number), "")


def _images(lesson: Lesson) -> Found:
    for cell in lesson.cells:
        if cell.kind == "markdown" and re.search(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"]+\")", cell.source):
            yield cell.line, "a picture without alt text"


def _figures(lesson: Lesson, trees: dict[int, ast.AST]) -> Found:
    """A cell that draws must describe its figure: alt="..." for the helper, or a line `*Figure: ...*` right below."""
    helpers = _figure_helpers(trees)
    cells = lesson.cells
    for cell, below in zip(cells, (*cells[1:], None), strict=True):
        calls = [node for node in ast.walk(trees.get(cell.number, ast.Module([], []))) if isinstance(node, ast.Call)]
        described = below is not None and below.kind == "markdown" and below.source.lstrip().startswith("*Figure")
        for node in calls:
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            plain = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "plt"
            if name in helpers and "alt" not in {keyword.arg for keyword in node.keywords} and not described:
                yield (
                    cell.line + node.lineno,
                    f'{name}(...) needs alt="what the figure shows", or a line `*Figure: ...*` below',
                )
            elif plain and not described:
                yield (
                    cell.line + node.lineno,
                    "below a figure by plt, there must be a markdown cell that begins with `*Figure: ...*`",
                )
                break


def _figure_helpers(trees: dict[int, ast.AST]) -> set[str]:
    """The functions that draw: names that the lesson imports from the project and that accept alt=..."""
    helpers = set()
    for node in (node for tree in trees.values() for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("srgan_lessons"):
            try:
                module = importlib.import_module(node.module)
            except ImportError:  # running the lesson will say so, with its line
                continue
            for alias in node.names:
                thing = getattr(module, alias.name, None)
                drawing = inspect.isfunction(thing) or (inspect.isclass(thing) and inspect.isfunction(thing.__init__))
                if drawing and "alt" in inspect.signature(thing).parameters:
                    helpers.add(alias.asname or alias.name)
    return helpers
