"""Which exercises are solved and how many hints were used: a small JSON file in the folder where the notebook runs.

Jupyter starts a notebook in its own folder, Colab in /content. So the file is beside the notebooks, or in the working
folder, and outlives the kernel.
"""

import hashlib
import html
import json
import os
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from srgan_lessons import UserError, __version__
from srgan_lessons.classroom import boxes
from srgan_lessons.exercises import all_exercises
from srgan_lessons.files import atomic, expand

NAME = ".srgan_lessons_progress.json"
FORMAT = 1
EXPORT = "srgan-lessons progress 1"  # the name of the format, in an exported file
LONGEST_NAME = 40  # characters in a learner's name
WAIT = 10  # seconds to wait for another notebook that is writing

_here: list[int] = []  # the lesson that this kernel runs, once one of its exercises has been checked
_unwritten: dict[str, "Record"] = {}  # what could not be written; kept while this kernel runs


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known about one exercise: hints used (0 to 3), whether it was solved or its solution seen, and when.

    handed_on: a lesson has gone on with the reference at least once, before or after the exercise was solved. own: for
    an exercise about the learner's own run, the rows of that run and the last right answer about it.
    Times are ISO 8601 in UTC, "2026-11-23T09:14:05+00:00"; "" if something has not happened or its time is not known.
    """

    hints: int = 0
    solved: bool = False
    seen: bool = False
    solved_at: str = ""
    seen_at: str = ""
    handed_on: bool = False
    own: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if (
            type(self.hints) is not int
            or self.hints < 0
            or type(self.solved) is not bool
            or type(self.seen) is not bool
            or type(self.handed_on) is not bool
            or not (self.own is None or _is_own(self.own))
            or not _is_time(self.solved_at)
            or not _is_time(self.seen_at)
        ):
            raise ValueError(f"not a record: {self}")

    def __add__(self, new: "Record") -> "Record":
        """Combines two records: nothing achieved is taken back, and the earlier time counts."""
        return Record(
            hints=max(self.hints, new.hints),
            solved=self.solved or new.solved,
            seen=self.seen or new.seen,
            solved_at=min(filter(None, (self.solved_at, new.solved_at)), default=""),
            seen_at=min(filter(None, (self.seen_at, new.seen_at)), default=""),
            handed_on=self.handed_on or new.handed_on,
            own=new.own or self.own,
        )

    @property
    def helped(self) -> bool:
        """True if the solution was looked at before the exercise was solved, as far as we know."""
        return self.seen and not (self.solved_at and self.seen_at and self.solved_at <= self.seen_at)


def _is_own(own: Any) -> bool:
    """True for rows and an answer as flat as those of OwnRun.judged: judging deep lists would overflow the stack."""
    plain = int | float | str | None
    if type(own) is not dict or own.keys() != {"rows", "answer"} or type(own["rows"]) is not list:
        return False
    values = [value for row in own["rows"] for value in (row if type(row) is list else [row])]
    return all(isinstance(value, plain) for value in [own["answer"], *values])


def _is_time(text: Any) -> bool:
    """True for "" and for a time in UTC as `_now` writes it, which also sorts as text."""
    if text == "":
        return True
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
        # The years 1 and 9999 have moments that do not exist in every time zone.
        return time.isoformat(timespec="seconds") == text and 1970 <= time.year < 9999
    except (TypeError, ValueError, OverflowError):
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def load() -> dict[str, Record]:
    """What has been recorded so far, by the name of the exercise.

    A file that cannot be understood is kept under another name, with a message, and the records start from the
    beginning. A file that cannot be read at all stays as it is, and new records are kept until the kernel ends.
    """
    try:
        return _merged(_read(_path()), _unwritten)
    except UserError as error:
        print(error, file=sys.stderr)
        return dict(_unwritten)


def record(
    name: str,
    *,
    hints: int = 0,
    solved: bool = False,
    seen: bool = False,
    handed_on: bool = False,
    own: dict[str, Any] | None = None,
) -> Record:
    """Adds to what is known about an exercise and returns all of it. Nothing is taken back.

    The file is replaced in one step, by one notebook at a time, so two open notebooks lose nothing. If it cannot be
    written, a message says so once, and the lesson goes on.
    """
    if exercise := all_exercises().get(name):
        _here[:] = [exercise.lesson]
    now = _now()
    new = Record(
        hints=hints,
        solved=solved,
        seen=seen,
        solved_at=now if solved else "",
        seen_at=now if seen else "",
        handed_on=handed_on,
        own=own,
    )
    try:
        path = _path()
        with _alone_with(path):
            known = _merged(_read(path), _unwritten, {name: new})
            content = {"format": FORMAT, "exercises": {name: asdict(known[name]) for name in sorted(known)}}
            with atomic(path) as temporary:
                temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        _unwritten.clear()
    except UserError as error:
        if not _unwritten:
            print(f"Your progress is kept only until this kernel ends: {error}", file=sys.stderr)
        _unwritten.update(_merged(_unwritten, {name: new}))
        known = _merged(_readable(), _unwritten)
    return known[name]


def _path() -> Path:
    """The progress file. Raises UserError if the working folder does not exist any more."""
    try:
        return Path.cwd() / NAME
    except OSError:
        raise UserError(
            "the folder of this notebook was removed. Open the notebook again, in a folder that exists."
        ) from None


def progress(*, export: str | Path | None = None) -> None:
    """Shows this lesson's exercises (solved, hints used, solution looked at), then a bar for each lesson.

    This lesson is the one whose exercises were checked in this kernel; if none was, only the bars are shown. "handed
    on" means not solved: the lesson has gone on with the reference.

    export="anna.json" also writes all of it to that file, for an instructor to collect; `srgan-lessons progress FILES`
    makes a table of many such files. The file's name, without .json, is the learner's name in it; a pseudonym will do.
    Nothing is sent anywhere. Raises UserError if that name cannot be used, if a different file with that name exists,
    or if the file cannot be written.
    """
    known = load()
    boxes.say(*_overview(known))
    if export is not None:
        print(f"Written to {_export(Path(export), known)}. It was not sent anywhere: hand it in yourself.")


def _overview(known: dict[str, Record]) -> tuple[str, str]:
    """What `progress` shows, in HTML and as text."""
    exercises = all_exercises().values()
    lessons = sorted({exercise.lesson for exercise in exercises})
    head = ("exercise", "solved", "hints", "solution")
    rows = []
    for exercise in exercises:
        if exercise.lesson in _here:
            now = known.get(exercise.name, Record())
            solved = "\N{CHECK MARK} yes" if now.solved else "\N{WHITE CIRCLE} no"
            seen = "seen" if now.seen else "handed on" if now.handed_on and not now.solved else ""
            rows.append((exercise.name, solved, f"{now.hints} of {len(exercise.hints)}", seen))
    text: list[str] = []
    page: list[str] = []
    if rows:
        width = max(len(row[0]) for row in [head, *rows])
        text += [f"{row[0]:{width}}  {row[1]:6}  {row[2]:6}  {row[3]}".rstrip() for row in [head, *rows]] + [""]
        cells = ["".join(f'<td style="text-align: left">{html.escape(cell)}</td>' for cell in row) for row in rows]
        heads = "".join(f'<th style="text-align: left">{name}</th>' for name in head)
        page.append(f"<table><tr>{heads}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>")
    bars = []
    for lesson in lessons:
        names = [exercise.name for exercise in exercises if exercise.lesson == lesson]
        done = sum(known.get(name, Record()).solved for name in names)
        text.append(f"lesson {lesson:02d}  {boxes.bar_of_text(done, len(names))}  {done} of {len(names)}")
        here = "font-weight: bold" if lesson in _here else ""
        label = f'<span style="display: inline-block; width: 6em">lesson {lesson:02d}</span>'  # bold text is wider
        bars.append(f'<div style="{here}">{label}{boxes.bar(done, len(names))}&ensp;{done} of {len(names)}</div>')
    total = f"{sum(known[e.name].solved for e in exercises if e.name in known)} of {len(exercises)} solved."
    page.append(f'<div style="line-height: 1.6; margin-top: 8px">{"".join(bars)}</div><p>{total}</p>')
    return "\n".join(page), "\n".join([*text, total])


def read_export(path: Path) -> tuple[str, dict[str, Record]]:
    """A learner's name and records from a file that `progress(export=...)` wrote.

    Raises UserError, with the file's name and what to do, for any other file.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}). Is its name right?") from error
    except UnicodeDecodeError:
        text = ""
    try:
        content = json.loads(text)
        if "learner" not in content and content["format"] == FORMAT:
            raise UserError(
                f"{path} is the course's own record in a learner's folder, without a name. Ask for the file that "
                'progress(export="NAME.json") writes.'
            )
        if content["format"] != EXPORT:
            raise ValueError(f"its format is {content['format']!r}, not {EXPORT!r}")
        if not _is_name(content["learner"]):
            raise ValueError("the learner's name is not usable")
        if not all(map(str.isidentifier, content["exercises"])):
            raise ValueError("the name of an exercise is not usable")
        learner = unicodedata.normalize("NFC", content["learner"])  # macOS may write an umlaut as two characters
        return learner, {name: Record(**fields) for name, fields in content["exercises"].items()}
    except UserError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise UserError(
            f"{path} is not a file of progress(export=...), or it is damaged ({reason}). "
            'Ask for it again: progress(export="NAME.json") writes a new one.'
        ) from error


def _export(path: Path, known: dict[str, Record]) -> Path:
    """Writes the records to `path` and returns its absolute path."""
    path = expand(path).absolute()
    if path.suffix.lower() != ".json" or not _is_name(path.stem):
        raise UserError(
            f'progress(export={str(path.name)!r}): name a file like "anna.json". What comes before .json is your name '
            f"or a pseudonym, 1 to {LONGEST_NAME} letters."
        )
    if os.path.exists(path):  # unlike path.exists(), it raises nothing
        try:
            read_export(path)  # an earlier export is replaced, anything else is not
        except UserError as error:
            raise UserError(f"{path} already exists and is not an earlier export. Choose another name.") from error
    content = {
        "format": EXPORT,
        "learner": path.stem,
        "written": _now(),
        "course": __version__,
        "exercises": {name: asdict(known[name]) for name in sorted(known)},
    }
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _is_name(name: Any) -> bool:
    """True for text that fits into a table: no line breaks, no control characters, not too long."""
    return isinstance(name, str) and 0 < len(name.strip()) <= len(name) <= LONGEST_NAME and name.isprintable()


def _merged(*records: dict[str, Record]) -> dict[str, Record]:
    merged: dict[str, Record] = {}
    for part in records:
        for name, known in part.items():
            merged[name] = merged.get(name, Record()) + known
    return merged


@contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    """Keeps other notebooks from changing the file in the meantime. Raises UserError if locking takes longer than WAIT.

    The lock is in the temporary folder, so that only the file itself is beside the notebooks.
    """
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    try:
        lock = FileLock(Path(tempfile.gettempdir()) / f"srgan-lessons-progress-{digest}.lock", timeout=WAIT)
        lock.acquire()
    except Timeout as error:
        raise UserError(f"the progress file {path} is in use by another notebook ({error}).") from error
    except (OSError, NotImplementedError) as error:  # NotImplementedError: a disk without locks
        raise UserError(f"the progress file {path} cannot be locked ({error}).") from error
    try:
        yield
    finally:
        lock.release()


def _read(path: Path) -> dict[str, Record]:
    """Reads the file. Raises UserError if it exists and cannot be read."""
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {FORMAT}")
        return {name: Record(**fields) for name, fields in content["exercises"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:  # no permission, or a folder with that name
        raise UserError(f"the progress file {path} cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _keep_aside(path, error)
        return {}


def _readable() -> dict[str, Record]:
    """What the file holds; {} if it cannot be read."""
    try:
        return _read(_path())
    except UserError:
        return {}


def _keep_aside(path: Path, error: Exception) -> None:
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}.json")).exists():
        number += 1
    try:
        path.rename(aside)
    except OSError as failure:
        reason = failure.strerror
        raise UserError(f"the progress file {path} is damaged and cannot be set aside ({reason}).") from failure
    print(
        f"The progress file {path.name} was damaged ({type(error).__name__}: {error}). "
        f"It is kept as {aside.name}, and your progress starts from the beginning.",
        file=sys.stderr,
    )
