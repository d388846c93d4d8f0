"""Votes: one JSON object per line, one line per vote. Lines are only added to a file, and never changed.

Undo withdraws a vote by adding a line with `"score": null` and `"revised": true`; the vote given afterwards is revised,
too. The last line of each (rater, session, phase, trial) counts, if it has a score.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from srgan_lessons import UserError
from srgan_lessons.files import atomic, counted, list_folder
from srgan_lessons.rating.vote import COLUMNS, HIGHEST, TYPES, Vote, as_line, parse_line

if TYPE_CHECKING:
    import pandas as pd


class Votes:
    """Votes in memory, in the order in which they were given, and the problems of their files.

    lines: all intact lines, withdrawn votes included. problems: one sentence for each line that could not be used.
    copies: how many lines `merge` found more than once, exactly alike, and used once.
    """

    def __init__(self, lines: Iterable[Vote], problems: Iterable[str] = (), copies: int = 0):
        self.lines = list(lines)
        self.problems = list(problems)
        self.copies = copies

    def __repr__(self) -> str:
        return f"<Votes: {len(self)} of {counted(len(self.raters), 'rater')}, {counted(len(self.problems), 'problem')}>"

    def __len__(self) -> int:
        return len(self.effective())

    def __iter__(self) -> Iterator[Vote]:
        return iter(self.effective())

    @classmethod
    def read(cls, source: str | Path | Iterable[str | Path]) -> Votes:
        """Reads one vote file, several, or all `*.jsonl` of a folder and its subfolders.

        A damaged line is reported in `problems`, with its number, and by a warning; the rest is read. To join the files
        of several raters, use `merge`, which checks that they belong together. Raises UserError if there is no file, or
        if one cannot be opened.
        """
        lines: list[Vote] = []
        problems: list[str] = []
        for path in vote_files(source):
            found, wrong = read_file(path)
            lines += [vote for _, vote in found]
            problems += wrong
        for problem in problems:
            warnings.warn(problem, stacklevel=2)
        return cls(lines, problems)

    @property
    def raters(self) -> list[str]:
        """The raters' names, sorted."""
        return sorted({vote.rater for vote in self.lines})

    def effective(self) -> list[Vote]:
        """The votes that count: the last line of each (rater, session, phase, trial), if it has a score."""
        last = {vote.key: vote for vote in self.lines}
        return [vote for vote in self.lines if last[vote.key] is vote and vote.score is not None]

    def table(self) -> pd.DataFrame:
        """The votes that count as a pandas DataFrame, one row each; the columns are `COLUMNS`, with nullable types."""
        import pandas

        table = pandas.DataFrame([vote.values for vote in self.effective()], columns=list(COLUMNS))
        return table.astype(TYPES | {"revised": "bool"})

    def report(self) -> str:
        """How many votes each rater gave in the main phase, how many lines were copies, and all problems."""
        main = [vote for vote in self.effective() if vote.phase == "main"]
        counts = Counter(vote.rater for vote in main)
        lines = [f"{counted(len(main), 'vote')} of {counted(len(self.raters), 'rater')}"]
        lines += [f"  {rater}: {counts[rater]}" for rater in self.raters]
        if self.copies:
            lines.append(f"{counted(self.copies, 'line')} occurred more than once, exactly alike; each was used once")
        if self.problems:
            lines += [f"{counted(len(self.problems), 'problem')}:", *(f"  {problem}" for problem in self.problems)]
        return "\n".join(lines)

    def write(self, path: str | Path) -> None:
        """Writes all lines to a new vote file. Raises UserError if it cannot be written."""
        with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(as_line(vote) for vote in self.lines)

    def write_csv(self, path: str | Path) -> None:
        """Writes the votes that count as CSV, which spreadsheets open: see `spreadsheet.write_csv`."""
        from srgan_lessons.rating.spreadsheet import write_csv

        write_csv(path, self.effective())

    def write_sureal(self, path: str | Path) -> None:
        """Writes the votes of the main phase as a data set that the package `sureal` reads.

        An image is a "ref_video", and a version of it is a "dis_video" with its scores by rater; if a rater saw it
        twice, both scores are in a list. Gold items are left out. path: must end in .json, by which sureal recognises
        the format. Raises UserError for another ending, if there is no vote to write, and if the file cannot be
        written.
        """
        if Path(path).suffix != ".json":
            raise UserError(f"{path}: sureal recognises its data sets by their ending; name a .json file.")
        scores: dict[tuple, dict[str, list]] = {}
        for vote in self.effective():
            if vote.phase == "main" and vote.gold_expected is None:
                of_version = scores.setdefault((vote.image, vote.method), {})
                of_version.setdefault(vote.rater, []).append((vote.repeat, vote.score))
        if not scores:
            raise UserError("there are no votes of the main phase to write.")
        images = sorted({image for image, _ in scores})
        versions = []
        for number, ((image, method), by_rater) in enumerate(sorted(scores.items())):
            opinions = {rater: [score for _, score in sorted(given)] for rater, given in sorted(by_rater.items())}
            versions.append(
                {
                    "content_id": images.index(image),
                    "asset_id": number,
                    "path": f"{image}/{method}",
                    "os": {rater: given[0] if len(given) == 1 else given for rater, given in opinions.items()},
                }
            )
        references = [{"content_id": k, "content_name": image, "path": f"{image}/hr"} for k, image in enumerate(images)]
        content = {
            "dataset_name": "srgan_lessons",
            "ref_score": HIGHEST,
            "ref_videos": references,
            "dis_videos": versions,
        }
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


VOTE_FILE = re.compile(r".+\.jsonl(\.txt)?", re.IGNORECASE)  # some mail programs and platforms add .txt


def left_out(source: str | Path | Iterable[str | Path]) -> list[Path]:
    """Files in the given folders that are not named like vote files. Hidden files do not count."""
    given = [source] if isinstance(source, str | Path) else list(source)
    found = [path for folder in map(Path, given) if folder.is_dir() for path in _inside(folder)]
    return [path for path in found if not VOTE_FILE.fullmatch(path.name)]


def _inside(folder: Path) -> list[Path]:
    """All files in a folder and its subfolders, without hidden ones. Raises UserError if a folder cannot be read."""
    found: list[Path] = []
    for path in list_folder(folder):
        if path.is_dir() and not path.is_symlink():  # a link may lead back to a folder that contains it
            found += _inside(path)
        elif path.is_file():
            found.append(path)
    return found


def vote_files(source: str | Path | Iterable[str | Path]) -> list[Path]:
    """The given vote files: single files, and those in folders and their subfolders, as course platforms export them.

    Raises UserError for a file that does not exist, and for a folder without vote files.
    """
    given = [source] if isinstance(source, str | Path) else list(source)
    if not given:
        raise UserError("no vote file was named.")
    files: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            inside = [file for file in _inside(path) if VOTE_FILE.fullmatch(file.name)]
            if not inside:
                raise UserError(f"the folder {path} contains no vote files (*.jsonl).")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UserError(f"{path} does not exist: no such vote file.")
    return list(dict.fromkeys(files))


def read_file(path: Path) -> tuple[list[tuple[int, Vote]], list[str]]:
    """The intact lines of a file with their numbers from 1, and what is wrong with the others."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    return parse(data, path)


def parse(data: bytes, path: Path) -> tuple[list[tuple[int, Vote]], list[str]]:
    """Like `read_file`, for the content of a file."""
    votes: list[tuple[int, Vote]] = []
    problems: list[str] = []
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            votes.append((number, parse_line(line)))
        except ValueError as error:
            what = "is cut off at the end of the file" if number == len(lines) else f"was left out: {error}"
            problems.append(f"{path}: line {number} {what}")
    return votes, problems
