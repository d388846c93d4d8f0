"""Which exercises are solved and how many hints were used: a small JSON file in the folder where the notebook runs.

Jupyter starts a notebook in the notebook's own folder, Colab in /content: so the file lies beside the notebooks, or in
the working folder, and outlives the kernel.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.classroom.exercises import all_exercises
from srgan_lessons.files import atomic

NAME = ".srgan_lessons_progress.json"
FORMAT = 1

_unwritten: dict[str, "Record"] = {}  # what could not be written, for as long as this kernel lives


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of one exercise: hints used (0 to 3), solved once, solution looked at."""

    hints: int = 0
    solved: bool = False
    seen: bool = False

    def __post_init__(self) -> None:
        if (
            type(self.hints) is not int
            or self.hints < 0
            or type(self.solved) is not bool
            or type(self.seen) is not bool
        ):
            raise ValueError(f"not a record: {self}")

    def __add__(self, new: "Record") -> "Record":
        """Both together: nothing that was reached is taken back."""
        return Record(hints=max(self.hints, new.hints), solved=self.solved or new.solved, seen=self.seen or new.seen)


def load() -> dict[str, Record]:
    """What was recorded so far, by the name of the exercise.

    A file that cannot be understood is kept aside under another name, and said to be; the table starts anew. One that
    cannot be read at all stays as it is, and what follows is kept until the kernel ends.
    """
    try:
        return _merged(_read(Path.cwd() / NAME), _unwritten)
    except UserError as error:
        print(error, file=sys.stderr)
        return dict(_unwritten)


def record(name: str, *, hints: int = 0, solved: bool = False, seen: bool = False) -> None:
    """Adds to what is known of an exercise; nothing is taken back. The file is replaced in one step.

    Where the folder cannot be written, says so once and goes on: a lesson does not stop for it.
    """
    path, new = Path.cwd() / NAME, Record(hints=hints, solved=solved, seen=seen)
    try:
        known = _merged(_read(path), _unwritten, {name: new})
        content = {"format": FORMAT, "exercises": {name: asdict(known[name]) for name in sorted(known)}}
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        _unwritten.clear()
    except UserError as error:
        if not _unwritten:
            print(f"Your progress is kept only until this kernel ends: {error}", file=sys.stderr)
        _unwritten.update(_merged(_unwritten, {name: new}))


def progress() -> None:
    """Prints a table: which exercises are solved, how many hints were used, whether the solution was looked at."""
    known, exercises = load(), all_exercises()
    width = max(len(name) for name in exercises)
    print(f"lesson  {'exercise':{width}}  solved  hints   solution")
    for exercise in exercises.values():
        now = known.get(exercise.name, Record())
        solved, seen = ("yes" if now.solved else "no"), ("seen" if now.seen else "")
        hints = f"{now.hints} of {len(exercise.hints)}"
        print(f"{exercise.lesson:02d}      {exercise.name:{width}}  {solved:6}  {hints}  {seen}".rstrip())
    print(f"{sum(known[name].solved for name in exercises if name in known)} of {len(exercises)} solved.")


def _merged(*records: dict[str, Record]) -> dict[str, Record]:
    merged: dict[str, Record] = {}
    for part in records:
        for name, known in part.items():
            merged[name] = merged.get(name, Record()) + known
    return merged


def _read(path: Path) -> dict[str, Record]:
    """Raises UserError where the file is there and cannot be read."""
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {FORMAT}")
        return {name: Record(**fields) for name, fields in content["exercises"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:  # no permission, or a folder of that name
        raise UserError(f"the progress file {path} cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _keep_aside(path, error)
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
        f"It is kept as {aside.name}, and your progress starts anew.",
        file=sys.stderr,
    )
