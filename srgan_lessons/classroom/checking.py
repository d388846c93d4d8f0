"""Checked exercises: check and grade, hint and solution."""

import ast
import functools
import inspect
import linecache
import os
import re
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, TracebackType
from typing import Any

import numpy as np
import torch

from srgan_lessons import UserError
from srgan_lessons.classroom import boxes, reference, sandbox
from srgan_lessons.classroom.explaining import meaning
from srgan_lessons.classroom.progress import Record, load, record
from srgan_lessons.exercises import all_exercises
from srgan_lessons.exercises.calling import call_as_it_is
from srgan_lessons.exercises.exercise import Exercise, NotDone, NotYet
from srgan_lessons.files import PACKAGE

SECONDS = 10.0  # the computing time that one check may use


class CheckFailed(UserError):
    """An exercise failed its check, and SRGAN_LESSONS_STRICT=1 makes that an error."""


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    message: "passed.", "not done yet. ..." or "not yet. ...", in whole sentences.
    printed: the last part of what the answer printed while it was judged, at most 4000 characters.
    own: what is recorded for a right answer to a question about the learner's own run; see exercise.OwnRun.
    """

    passed: bool
    message: str
    printed: str = ""
    own: dict[str, Any] | None = None


def find(name: str) -> Exercise:
    """The exercise with that name. Raises UserError that lists the known names."""
    known = all_exercises()
    if not isinstance(name, str) or name not in known:
        given = repr(name) if isinstance(name, str) else f"a {type(name).__name__}"
        raise UserError(f"there is no exercise {given}. The first argument must be one of: {', '.join(known)}")
    return known[name]


def grade(name: str, candidate: Any, own: list[dict[str, Any]] | None = None) -> Verdict:
    """Judges an answer without printing and without touching the progress table.

    own: the log of the learner's own run, for an exercise about it.

    The reference does not count as an answer, and neither does anything made from it (see module reference): the
    verdict is "not done yet". The answer may be anything. Whatever it raises, prints or sets, and however long it runs
    (10 s at most), there is a verdict, and random states and settings are restored. Raises UserError for an unknown
    name, and lets KeyboardInterrupt through.
    """
    exercise = find(name)
    raised, printed = sandbox.run(lambda: _look_at(exercise, candidate), seconds=SECONDS)
    noted: list[dict[str, Any] | None] = [None]

    def judge() -> None:
        noted[0] = _judge(exercise, candidate, own)

    if raised is None:
        _warm_up(exercise)
        raised, printed = sandbox.run(judge, seconds=SECONDS)
    if raised is None:
        return Verdict(True, "passed.", printed, noted[0])
    message = _explain(exercise, raised)
    if not isinstance(raised, NotDone):
        message = message.replace("not yet.", f"not yet. {_other_order(exercise, candidate)}".strip(), 1)
    return Verdict(False, message, printed)


def check(name: str, candidate: Any, own: list[dict[str, Any]] | None = None) -> Any:
    """Judges an answer, shows the verdict, and returns what the lesson continues with.

    It returns `candidate` if that passed, otherwise the reference, marked as such (see module reference). An exercise
    that has been solved once stays solved. own: the log of the learner's own run, for an exercise about it; the result
    of the answer on that run is recorded for the gradebook. If the answer failed, the last lines that it printed are
    shown, too. In a notebook, the verdict appears in a coloured box with a button for hints, elsewhere as text. With
    SRGAN_LESSONS_STRICT=1, a failed check raises CheckFailed. Raises UserError for an unknown name.
    """
    exercise = find(name)
    verdict = grade(name, candidate, own)
    if verdict.passed:
        boxes.say(boxes.verdict(name, verdict.message), f"{name}: {verdict.message}")
        record(name, solved=True, own=verdict.own)
        return candidate
    if os.environ.get("SRGAN_LESSONS_STRICT", "") not in ("", "0"):
        raise CheckFailed(f"{name}: {verdict.message}")
    known = record(name, handed_on=True)
    after = f'`hint("{name}")` helps; the lesson goes on with the reference.'
    if known.solved:
        after = f"You have solved it before, and that still counts. {after}"
    last = [line[:200] for line in verdict.printed.strip().splitlines()[-5:]]
    text = "\n    ".join([f"{name}: {verdict.message} {after.replace('`', '')}", *last])
    if last:
        text = text.replace("\n    ", "\nYour code printed:\n    ", 1)

    def take(hints: int) -> None:
        _count(name, hints)

    boxes.with_hints(boxes.verdict(name, verdict.message, after, last), text, exercise.hints, known.hints, take)
    return reference.handed_on(exercise)


_read_again: dict[str, int] = {}  # exercise -> hints shown since it was solved


def hint(name: str) -> None:
    """Prints the hints to an exercise, one more with each call: a nudge, then a pointer, then nearly the answer."""
    exercise = find(name)
    known = load().get(name, Record())
    used = max(known.hints, _read_again.get(name, 0) if known.solved else 0)
    shown = min(used + 1, len(exercise.hints))
    for number, text in enumerate(exercise.hints[:shown], start=1):
        print(f"Hint {number} of {len(exercise.hints)}: {text}")
    if used >= len(exercise.hints):
        print(f'There are no more hints. solution("{name}") shows the solution.')
    _count(name, shown)


def _count(name: str, hints: int) -> None:
    """Records hints that were shown, unless the exercise was solved before: then they did not help to solve it."""
    if load().get(name, Record()).solved:
        _read_again[name] = hints
    else:
        record(name, hints=hints)


def solution(name: str) -> None:
    """Prints the solution of an exercise."""
    print(find(name).solution)
    record(name, seen=True)


# --- what went wrong, in the student's terms -------------------------------------------------------------------------


_warm: set[str] = set()  # exercises whose judge has run in this kernel


def _warm_up(exercise: Exercise) -> None:
    """Runs the judge once on the reference, so that imports do not count towards the learner's time."""
    if exercise.name not in _warm:
        _warm.add(exercise.name)
        sandbox.run(lambda: exercise.judge(exercise.reference), seconds=60)


def _look_at(exercise: Exercise, candidate: Any) -> None:
    """Checks an answer before it is judged. It runs in the sandbox, like everything that touches the answer."""
    if candidate is None or candidate is ... or _is_untouched(exercise, candidate):
        raise NotDone
    if ours := reference.whose(exercise, candidate):
        raise NotDone(ours)
    if exercise.takes_a_call and not callable(candidate):
        raise NotYet(
            f"Expected {exercise.wanted}, got {_described(candidate)}. Hand over {exercise.name} itself, without "
            "calling it."
        )
    if inspect.isclass(exercise.reference) and isinstance(candidate, torch.nn.Module):
        raise NotYet(
            f"Expected {exercise.wanted}, got a module made from one. Hand over the class, without calling it."
        )


def _judge(exercise: Exercise, candidate: Any, own: list[dict[str, Any]] | None) -> dict[str, Any] | None:
    """Judges the answer, and judges it on the learner's own run, too. Returns what is recorded about that run.

    It runs in the sandbox.
    """
    before = reference.runs[exercise.name]
    exercise.judge(candidate)
    noted = exercise.own.judged(candidate, own) if exercise.own and own is not None else None
    if reference.runs[exercise.name] > before:
        raise NotDone(f"This runs the course's reference, handed on so that the lesson can go on. {reference.OWN}")
    return noted


def _explain(exercise: Exercise, raised: BaseException) -> str:
    """The message for an exception that was raised while an answer was judged."""
    if isinstance(raised, NotYet):
        return " ".join(f"not yet. {raised}".split())
    line = _students_line(raised.__traceback__)
    if isinstance(raised, NotDone) or _is_a_stubs(raised, line):
        return f"not done yet. {_text(raised)}".strip()
    where = f" in your line {line[0]}: `{_cut(line[1], 120)}`" if line else ""
    if isinstance(raised, sandbox.TimeLimit):
        if raised.computed < SECONDS / 20:
            late = sandbox.PATIENCE * SECONDS
            return f"not yet. It was stopped{where}: in {late:g} s, it hardly computed. What is it waiting for?"
        return (
            f"not yet. It was stopped{where}: it had computed for {raised.computed:.2g} s. The solution takes a second "
            "or less: is there a loop that never ends, or one over single pixels?"
        )
    # For x[0.5], torch and numpy list what an index may be, "ellipsis (`...`)" among others.
    if line and (_holds_placeholder(line[1]) or re.search(r"\bellipsis\b(?! \(`)", _text(raised))):
        return f"not done yet. A placeholder `...` is still used{where}."
    if isinstance(raised, SystemExit):
        return f"not yet. It ends Python{where}. Return a result instead."
    if isinstance(raised, RecursionError):
        return f"not yet. It calls itself endlessly{where}."
    error = f"{type(raised).__name__}: {_text(raised)}".rstrip(" :.")
    if line or 'missing the required "forward"' in error:
        return f"not yet. It stopped{where} with {error}. {meaning(error)}".strip()
    if _passes_through(raised.__traceback__, call_as_it_is.__code__):
        wanted = f" It is called as {exercise.signature}." if exercise.takes_a_call else ""
        return f"not yet. Calling it raised {error}.{wanted} {meaning(error)}".strip()
    last = traceback.extract_tb(raised.__traceback__)[-1]
    return (
        f"not yet. The check could not read this answer: {error} ({Path(last.filename).name}, line {last.lineno}). "
        f"Expected {exercise.wanted}; if your answer is one, this is a fault of the course: please report it."
    )


def _other_order(exercise: Exercise, candidate: Any) -> str:
    """A sentence if a wrong answer has the right parameters in another order; otherwise ""."""
    right, given = _parameters(exercise.reference), _parameters(candidate)
    if given == right or sorted(given) != sorted(right):
        return ""
    return (
        f"The parameters of your {exercise.name} are in another order: it is called with ({', '.join(right)}), but "
        f"yours takes ({', '.join(given)})."
    )


def _parameters(function: Any) -> list[str]:
    """The parameters of a function, or those with which a class is called; without self."""
    of_class = issubclass(type(function), type)  # type(x) asks nothing of x, which may be anything
    function = type.__getattribute__(function, "__dict__").get("__init__") if of_class else function
    if type(function) is not FunctionType:
        return []
    return list(function.__code__.co_varnames[of_class : function.__code__.co_argcount])


def _is_a_stubs(raised: BaseException, line: tuple[int, str] | None) -> bool:
    """Whether a stub raised this NotImplementedError: torch raises one, too, for x.mean() of whole numbers."""
    if not isinstance(raised, NotImplementedError):
        return False
    return not _text(raised) or (line is not None and "NotImplementedError" in line[1])


def _described(value: Any) -> str:
    if isinstance(value, bool | int | float | str):
        return f"{type(value).__name__} {value!r:.40}"
    return f"an object of type {type(value).__name__}"


def _text(error: BaseException) -> str:
    """An exception's message as one line of at most 300 characters."""
    try:
        return _cut(" ".join(str(error).split()), 300)
    except Exception:  # an exception of the student's own, whose __str__ fails
        return ""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + " ..."


@functools.cache
def _not_the_students() -> tuple[str, ...]:
    """Folders whose code is not the student's: this package, the standard library, installed packages."""
    folders = [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    folders += [str(PACKAGE), *(str(Path(module.__file__ or "").parents[1]) for module in (np, torch))]
    return tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)


def _students_line(tb: TracebackType | None) -> tuple[int, str] | None:
    """The number and text of the innermost line of the student's own code in a traceback; None if there is none.

    In a notebook, the number counts from the top of the cell. IPython keeps the text of cells in linecache.
    """
    found = None
    while tb is not None:
        filename = tb.tb_frame.f_code.co_filename
        if not filename.startswith("<frozen") and not os.path.realpath(filename).startswith(_not_the_students()):
            text = linecache.getline(filename, tb.tb_lineno, tb.tb_frame.f_globals).strip()
            found = (tb.tb_lineno, text or "(its text is not known)")
        tb = tb.tb_next
    return found


def _passes_through(tb: TracebackType | None, code: CodeType) -> bool:
    return any(frame.f_code is code for frame, _ in traceback.walk_tb(tb))


def _holds_placeholder(line: str) -> bool:
    """True if a line of code has a `...` that is not part of an index such as x[..., 0]."""
    try:
        tree = ast.parse(line)
    except SyntaxError:  # part of a longer statement
        return "..." in line and "[" not in line
    in_index = {id(node) for sub in ast.walk(tree) if isinstance(sub, ast.Subscript) for node in ast.walk(sub.slice)}
    return any(isinstance(n, ast.Constant) and n.value is ... and id(n) not in in_index for n in ast.walk(tree))


# --- the untouched stub ----------------------------------------------------------------------------------------------


def _is_untouched(exercise: Exercise, candidate: Any) -> bool:
    """True if the answer is the unchanged stub: the same bytecode instructions, whatever its comments."""
    stub = next((c for c in _codes(compile(exercise.stub, "stub", "exec")) if c.co_name == exercise.name), None)
    if stub is None:
        return False
    if inspect.isfunction(candidate):
        return _instructions(candidate.__code__) == _instructions(stub)
    if inspect.isclass(candidate):
        methods = {code.co_name: _instructions(code) for code in _codes(stub)}
        own = {name: f.__code__ for name, f in vars(candidate).items() if inspect.isfunction(f)}
        return bool(methods) and {name: _instructions(code) for name, code in own.items()} == methods
    return False


def _codes(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _instructions(code: CodeType) -> tuple:
    constants = tuple(_instructions(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_varnames
