"""A class's progress from the files that its learners exported, as shown by `srgan-lessons progress FILES`."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.classroom.progress import Record, read_export
from srgan_lessons.exercises import all_exercises
from srgan_lessons.files import atomic, list_folder
from srgan_lessons.rating.spreadsheet import shielded

LEGEND = (
    "+ solved alone   h solved with hints   s solved after the solution   - tried, not solved   "
    "r went on with the reference   . nothing yet"
)
COLUMNS = (
    *("learner", "lesson", "exercise", "solved", "hints", "solution", "solved_at", "solution_at", "handed_on"),
    "own_run",
)


@dataclass(frozen=True)
class Gradebook:
    """A class's progress.

    learners: name -> that learner's records by name of the exercise, in alphabetical order. problems: for each file
    that could not be read, the reason and what to do. notes: what an instructor should know about the files that were
    read.
    """

    learners: dict[str, dict[str, Record]]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """One row per learner, then one row per exercise."""
        lessons: dict[int, list[str]] = {}
        for exercise in all_exercises().values():
            lessons.setdefault(exercise.lesson, []).append(exercise.name)
        rows = [LEGEND, "", *self._learner_rows(lessons), "", *self._exercise_rows(lessons)]
        return "\n".join([*rows, *self._own_rows()])

    def _learner_rows(self, lessons: dict[int, list[str]]) -> list[str]:
        width = max(map(len, ["learner", *self.learners]))
        columns = {number: max(2, len(names)) for number, names in lessons.items()}
        heads = "  ".join(f"{number:02d}".ljust(columns[number]) for number in lessons)
        total = sum(map(len, lessons.values()))
        rows = [f"{'learner':{width}}  {'solved':>8}  hints  last solved       {heads}".rstrip()]
        for learner, records in self.learners.items():
            now = {name: records.get(name, Record()) for names in lessons.values() for name in names}
            marks = "  ".join("".join(mark(now[n]) for n in names).ljust(columns[i]) for i, names in lessons.items())
            last = max((record.solved_at for record in now.values()), default="")
            when = f"{datetime.fromisoformat(last).astimezone():%Y-%m-%d %H:%M}" if last else ""
            solved = f"{sum(record.solved for record in now.values())} of {total}"
            hints = sum(record.hints for record in now.values())
            rows.append(f"{learner:{width}}  {solved:>8}  {hints:5}  {when:16}  {marks}".rstrip())
        return rows

    def _exercise_rows(self, lessons: dict[int, list[str]]) -> list[str]:
        width = max(len(name) for names in lessons.values() for name in names)
        rows = [f"lesson  {'exercise':{width}}  {'solved':>8}  alone  with hints  after the solution  hints used"]
        for number, names in lessons.items():
            for name in names:
                records = [known.get(name, Record()) for known in self.learners.values()]
                marks = [mark(record) for record in records]
                solved = f"{sum(record.solved for record in records)} of {len(records)}"
                counts = f"{marks.count('+'):5}  {marks.count('h'):10}  {marks.count('s'):18}"
                rows.append(
                    f"{number:02d}      {name:{width}}  {solved:>8}  {counts}  {sum(r.hints for r in records):10}"
                )
        return rows

    def _own_rows(self) -> list[str]:
        """The learners' answers about their own runs, judged again from the rows handed in with them."""
        noted = [
            (learner, name, own)
            for learner, records in self.learners.items()
            for name in all_exercises()
            if (own := own_answer(name, records.get(name, Record())))
        ]
        if not noted:
            return []
        width = max(len(learner) for learner, _, _ in noted)
        wide = max(len(name) for _, name, _ in noted)
        return ["", "on their own runs", *(f"{who:{width}}  {name:{wide}}  {own}" for who, name, own in noted)]

    def write_csv(self, path: str | Path) -> None:
        """Writes one row per learner and exercise, with the columns COLUMNS; times are in UTC.

        The file is UTF-8 with a byte order mark, by which Excel recognises it. Raises UserError if it cannot be
        written.
        """
        with atomic(path) as temporary, open(temporary, "w", newline="", encoding="utf-8-sig") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for learner, records in self.learners.items():
                for name, exercise in all_exercises().items():
                    known = records.get(name, Record())
                    row = [exercise.lesson, name, int(known.solved), known.hints, int(known.seen)]
                    times = known.solved_at, known.seen_at
                    own = shielded(own_answer(name, known))
                    table.writerow([shielded(learner), *row, *times, int(known.handed_on), own])


def mark(record: Record) -> str:
    """The sign for one exercise of one learner; LEGEND says what it means."""
    if not record.solved:
        return "-" if record.hints or record.seen else "r" if record.handed_on else "."
    return "s" if record.helped else "h" if record.hints else "+"


def own_answer(name: str, record: Record) -> str:
    """A learner's answer about their own run, and whether it is right for that run; "" if nothing was recorded."""
    own = all_exercises()[name].own
    if own is None or record.own is None:
        return ""
    return f"{record.own['answer']!r:.40} ({'right' if own.marks(record.own) else 'WRONG for the rows handed in'})"


def _same_runs(learners: dict[str, dict[str, Record]]) -> list[str]:
    """One sentence for each run that several learners handed in as their own."""
    whose: dict[str, set[str]] = {}
    for learner, records in learners.items():
        for name, record in records.items():
            if record.own is not None:
                whose.setdefault(f"{name} {json.dumps(record.own['rows'])}", set()).add(learner)
    groups = {tuple(sorted(names)) for names in whose.values() if len(names) > 1}
    return [
        f"{' and '.join(names)} handed in the very same run of lesson 11. Did they train together?"
        for names in sorted(groups)
    ]


def gradebook(files: Iterable[str | Path]) -> Gradebook:
    """Reads exported files, and all .json files in folders.

    A file that cannot be read is listed in `problems`; the others count. Files of the same learner are combined: an
    exercise that is solved in one of them counts as solved. Raises UserError if there is no file at all.
    """
    paths: list[Path] = []
    problems: list[str] = []
    for given in map(Path, files):
        if given.is_dir():
            try:
                found = [path for path in list_folder(given) if path.suffix.lower() == ".json"]
            except UserError as error:
                problems.append(str(error))
                continue
            problems += [] if found else [f"{given}: there is no .json file in this folder."]
            paths += found
        else:
            paths.append(given)
    if not paths:
        raise UserError(" ".join(problems) or "name the files that learners exported.")
    known: dict[str, dict[str, Record]] = {}
    sources: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        try:
            learner, records = read_export(path)
        except UserError as error:
            problems.append(str(error))
            continue
        mine = known.setdefault(learner, {})
        for name, record in records.items():
            mine[name] = mine.get(name, Record()) + record
            if name not in all_exercises():
                unknown.setdefault(name, []).append(learner)
        sources.setdefault(learner, []).append(str(path))
    notes = [
        f"{learner}: {len(paths)} files combined ({', '.join(paths)}). If these are two people, rename one."
        for learner, paths in sources.items()
        if len(paths) > 1
    ]
    notes += [
        f"{name} is not an exercise of this version of the course, and was left out "
        f"({', '.join(sorted(set(learners)))})."
        for name, learners in unknown.items()
    ]
    notes += _same_runs(known)
    return Gradebook({learner: known[learner] for learner in sorted(known, key=str.casefold)}, problems, notes)
