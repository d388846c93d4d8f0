"""What an exercise is: its reference with the stub marked in it, its judge, its hints, and what its teacher needs."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

DIFFICULTIES = ("easy", "medium", "hard")
# The types of values that can be marked when they are passed on (module classroom.reference). A bool cannot be marked.
KINDS = (dict, list, tuple, set, str, bytes, int, float, complex, np.ndarray, Tensor)
SOLUTION, STUB, END = "# SOLUTION", "# STUB", "# END"


class NotYet(Exception):
    """The answer is wrong. The message says what is wrong, in the student's terms and in whole sentences."""


class NotDone(Exception):
    """The answer is not written yet: it still holds a placeholder. The message says where; it may be empty."""


@dataclass(frozen=True)
class Mistake:
    """A mistake that learners make, for the table in docs/teaching.md.

    written: what they wrote, in a few words. says: words from the check's message; a test of the exercise expects them.
    ask: a question that helps.
    """

    written: str
    says: str = field(kw_only=True)
    ask: str = field(kw_only=True)


@dataclass(frozen=True, kw_only=True)
class OwnRun:
    """How an answer is judged on the log of a learner's own run. The right result differs from learner to learner.

    columns: the columns of the log that are needed. They are kept with the answer, so that a gradebook can judge it
        again.
    judge: called with the answer and the rows. Returns the answer's result (a number, a string or None), or raises
        NotYet with a message that names the error.
    """

    columns: tuple[str, ...]
    judge: Callable[[Any, list[dict[str, Any]]], int | str | None]

    def judged(self, candidate: Any, log: list[dict[str, Any]]) -> dict[str, Any]:
        """What is recorded if an answer is right on this log: {"rows", "answer"}. Raises NotYet if it is wrong.

        rows: one list for each row of the log, with its values in the order of `columns`.
        """
        rows = isinstance(log, list) and log and all(isinstance(row, dict) for row in log)
        if not rows or any(name not in row for row in log for name in self.columns):
            raise NotYet(f"The log of your own run has no {', '.join(self.columns)}. Run the cells above again.")
        return {"rows": [[row[name] for name in self.columns] for row in log], "answer": self.judge(candidate, log)}

    def marks(self, noted: dict[str, Any]) -> bool:
        """Whether a recorded answer is right. It is judged again on the rows that were recorded with it."""
        try:
            log = [dict(zip(self.columns, row, strict=True)) for row in noted["rows"]]
            self.judge(lambda rows: noted["answer"], log)
        except (NotYet, NotDone, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return False  # rows that somebody has changed may contain anything
        return True


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One checked exercise: everything about it except the text of the lesson around it.

    name: the name that the student defines, and that is passed to check, hint and solution.
    lesson, place: place 2 in lesson 7 is exercise 7.2.
    reference: the right answer; the lesson continues with it.
    source: the source code of the reference, with the stub marked in it (see `stub_and_solution`). Needed only if
        `reference` is a plain value; that of a function or class is found automatically.
    judge: called with the student's answer. Returns if it is right, raises NotYet or NotDone if it is not. It judges
        what the answer does, never how it is written. It uses small inputs of its own and takes a second or so.
    hints: a nudge, a pointer, and nearly the answer.
    mistakes: mistakes that learners make, for the teacher; at least two.
    own: judges the answer on the learner's own run as well; only for exercises about that run.
    stub: the cell that the student starts from, made from the source. A line with `...` is a placeholder.
    solution: the cell that solves it, made from the source.

    Raises ValueError if a part is missing, or if the stub or the solution is not Python that defines `name`.
    """

    name: str
    lesson: int
    place: int
    title: str
    difficulty: str
    minutes: int
    reference: Any
    source: str = ""
    judge: Callable[[Any], None]
    hints: tuple[str, str, str]
    mistakes: tuple[Mistake, ...]
    own: OwnRun | None = None
    stub: str = field(init=False)
    solution: str = field(init=False)

    def __post_init__(self) -> None:
        if self.difficulty not in DIFFICULTIES:
            raise ValueError(f"{self.name}: difficulty is {self.difficulty!r}, not one of {DIFFICULTIES}")
        if self.minutes < 1 or len(self.hints) != 3 or not all(hint.strip() for hint in self.hints):
            raise ValueError(f"{self.name}: an exercise needs a number of minutes and three hints")
        if len(self.mistakes) < 2:
            raise ValueError(f"{self.name}: an exercise needs at least two mistakes, for the teacher")
        if not self.source and not self.takes_a_call:
            raise ValueError(f"{self.name}: the reference is a value; give its text as source=...")
        if not self.takes_a_call and type(self.reference) not in KINDS:
            raise ValueError(f"{self.name}: a reference of type {type(self.reference).__name__} cannot be passed on")
        source = textwrap.dedent(self.source or inspect.getsource(self.reference))
        object.__setattr__(self, "source", source)
        try:
            stub, solution = stub_and_solution(source)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error
        for part, text in (("stub", stub), ("solution", solution)):
            object.__setattr__(self, part, text)
            try:
                names = _defined_names(text)
            except SyntaxError as error:
                raise ValueError(f"{self.name}: its {part} is not Python: {error}") from error
            if self.name not in names:
                raise ValueError(f"{self.name}: its {part} does not define {self.name}")
        if stub == solution:
            raise ValueError(f"{self.name}: no {SOLUTION} or {STUB} is marked in its source")

    @property
    def takes_a_call(self) -> bool:
        """True for a function or class, False for a plain value such as a number."""
        return callable(self.reference)

    @property
    def wanted(self) -> str:
        """What the student is asked for, in a few words: "a function psnr_y(sr, hr)"."""
        if not self.takes_a_call:
            return f"a value of type {type(self.reference).__name__}"
        return f"a {'class' if inspect.isclass(self.reference) else 'function'} {self.signature}"

    @property
    def signature(self) -> str:
        """A call of it: "psnr_y(sr, hr)", without type hints."""
        return f"{self.name}({', '.join(inspect.signature(self.reference).parameters)})"


def stub_and_solution(source: str) -> tuple[str, str]:
    """The two cells, stub and solution, that a marked source contains.

        def double(x):
            # SOLUTION
            return 2 * x
            # STUB
            # return ...  # twice x
            # END

    Lines outside the markers are in both cells. The lines of the stub are written as comments, and the cell has them
    without "# ". Either part may be left out. Raises ValueError if a marker has no partner.
    """
    stub, solution, part, indent = [], [], "", ""
    for number, line in enumerate(source.strip("\n").splitlines(), start=1):
        mark = line.strip()
        if mark in (SOLUTION, STUB, END):
            if mark not in {"": (SOLUTION, STUB), SOLUTION: (STUB, END), STUB: (END,)}[part]:
                raise ValueError(f"line {number} of its source: {mark} cannot follow {part or 'unmarked lines'}")
            if not part:  # the stub is indented like the solution, wherever a formatter has put its comments
                indent = line[: len(line) - len(line.lstrip())]
            part = "" if mark == END else mark
        elif part == STUB:
            if not mark.startswith("#"):
                raise ValueError(f"line {number} of its source: between {STUB} and {END}, all lines must be comments")
            stub.append((indent + line.lstrip()[1:].removeprefix(" ")).rstrip())
        else:
            solution.append(line)
            if not part:
                stub.append(line)
    if part:
        raise ValueError(f"its source ends after {part}, without {END}")
    return "\n".join(stub).strip(), "\n".join(solution).strip()


def source_of(file: str, name: str) -> str:
    """The text of the statement that sets `name` at the top level of a Python file, comments and all."""
    text = Path(file).read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and name in _defined_names(ast.unparse(node)):
            return ast.get_source_segment(text, node) or ""
    raise ValueError(f"{file} does not set {name}")


def _defined_names(source: str) -> set[str]:
    """The names that a cell defines at its top level."""
    body = ast.parse(source).body
    names = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return names | {target.id for target in targets if isinstance(target, ast.Name)}
