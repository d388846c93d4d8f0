"""Votes: one JSON object a line, one line a vote. Files are only appended to.

Undo withdraws a vote by a line with `"score": null` and `"revised": true`; the vote given then is revised too. What
counts is the last line of each (rater, session, phase, trial), if it has a score.
"""

import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.files import atomic, list_folder

PHASES = ("training", "dummy", "main")
HIDDEN_REFERENCE = "hr"  # the method whose pictures are the originals
SCALE = {1: "bad", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}  # ITU-T P.910, absolute category rating
LOWEST, HIGHEST = min(SCALE), max(SCALE)


def _whole(low: int, high: int | None = None) -> Callable[[object], bool]:
    return lambda value: type(value) is int and value >= low and (high is None or value <= high)


def _text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _number_or_none(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value > 0)


# Column -> what its values must be. The order is the order of the table.
CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "study": (lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value), "the hash of a study"),
    "rater": (_text, "a text"),
    "session": (_whole(1), "a whole number from 1"),
    "trial": (_whole(0), "a whole number from 0"),
    "phase": (lambda value: value in PHASES, "training, dummy or main"),
    "image": (_text, "a text"),
    "method": (_text, "a text"),
    "stimulus": (_text, "a text"),
    "repeat": (_whole(0, 1), "0 or 1"),
    "gold_expected": (
        lambda value: value is None or (type(value) is int and value in (LOWEST, HIGHEST)),
        "1, 5 or null",
    ),
    "score": (lambda value: value is None or _whole(LOWEST, HIGHEST)(value), "a whole number from 1 to 5"),
    "response_ms": (_whole(0), "a whole number from 0"),
    "time_utc": (_text, "a time in ISO 8601"),
    "seed": (_whole(0), "a whole number from 0"),
    "revised": (lambda value: isinstance(value, bool), "true or false"),
    "device_pixel_ratio": (_number_or_none, "a number above 0, or null"),
    "width": (_number_or_none, "a number above 0, or null"),
    "height": (_number_or_none, "a number above 0, or null"),
    "screen_width": (_number_or_none, "a number above 0, or null"),
    "screen_height": (_number_or_none, "a number above 0, or null"),
}
COLUMNS = tuple(CHECKS)
REQUIRED = ("rater", "image", "method", "score")  # what an analysis cannot do without
WHOLE = ("session", "trial", "repeat", "gold_expected", "score", "response_ms", "seed")
MEASURES = ("device_pixel_ratio", "width", "height", "screen_width", "screen_height")
LATER = ("screen_width", "screen_height")  # files of version 0.1 have none

Row = dict[str, object]


def vote_key(row: Mapping) -> tuple:
    """What a vote is for: (rater, session, phase, trial)."""
    return row["rater"], row["session"], row["phase"], row["trial"]


class Votes:
    """Votes in memory, in the order in which they were given, and what was wrong with their files.

    lines: all intact lines, withdrawn votes included. problems: one sentence for each line that could not be used.
    copies: how many lines `merge` found more than once, alike to the last letter, and took once.
    """

    def __init__(self, lines: Iterable[Row], problems: Iterable[str] = (), copies: int = 0):
        self.lines = list(lines)
        self.problems = list(problems)
        self.copies = copies

    def __repr__(self) -> str:
        return f"<Votes: {len(self)} of {len(self.raters)} raters, {len(self.problems)} problems>"

    def __len__(self) -> int:
        return len(self.effective())

    def __iter__(self) -> Iterator[Row]:
        return iter(self.effective())

    @classmethod
    def read(cls, source: str | Path | Iterable[str | Path]) -> "Votes":
        """Reads a file of votes, several, or all `*.jsonl` of a folder, however deep.

        A damaged line is reported in `problems` with its number and by a warning, and the rest is read. To join the
        files of several raters, use `merge`, which looks whether they belong together. Raises UserError where there
        is no file, or one cannot be opened.
        """
        lines: list[Row] = []
        problems: list[str] = []
        for path in vote_files(source):
            found, wrong = read_file(path)
            lines += [row for _, row in found]
            problems += wrong
        for problem in problems:
            warnings.warn(problem, stacklevel=2)
        return cls(lines, problems)

    @property
    def raters(self) -> list[str]:
        """Names, sorted."""
        return sorted({str(row["rater"]) for row in self.lines})

    def effective(self) -> list[Row]:
        """The votes that count: the last line of each (rater, session, phase, trial) that has a score."""
        last = {vote_key(row): row for row in self.lines}
        return [row for row in self.lines if last[vote_key(row)] is row and row["score"] is not None]

    def table(self):
        """The votes that count as a pandas DataFrame, one row each; the columns are `COLUMNS`, of types with a NA."""
        import pandas

        table = pandas.DataFrame(self.effective(), columns=list(COLUMNS))
        types = dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(MEASURES, "Float64")
        return table.astype(types | {"revised": "bool"})

    def report(self) -> str:
        """How many votes of the main phase each rater gave, copies, and all problems."""
        main = [row for row in self.effective() if row["phase"] == "main"]
        counts = Counter(row["rater"] for row in main)
        lines = [f"{len(main)} votes of {len(self.raters)} raters"]
        lines += [f"  {rater}: {counts[rater]}" for rater in self.raters]
        if self.copies:
            lines.append(f"{self.copies} lines were there more than once, alike to the last letter; taken once each")
        if self.problems:
            lines += [f"{len(self.problems)} problems:", *(f"  {problem}" for problem in self.problems)]
        return "\n".join(lines)

    def write(self, path: str | Path) -> None:
        """Writes all lines to a new file of votes. Raises UserError where it cannot be written."""
        with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(as_line(row) for row in self.lines)

    def write_csv(self, path: str | Path) -> None:
        """Writes the votes that count as CSV, which spreadsheets open: see `spreadsheet.write_csv`."""
        from srgan_lessons.rating.spreadsheet import write_csv

        write_csv(path, self.effective())

    def write_sureal(self, path: str | Path) -> None:
        """Writes the votes of the main phase as a data set that the package `sureal` reads.

        An image is a "ref_video", a version of it a "dis_video" with its scores by rater; a rater who saw it twice
        has both in a list. Gold items are left out. path: must end in .json, by which sureal knows the form. Raises
        UserError for another ending, where there is no vote to write, and where the file cannot be written.
        """
        if Path(path).suffix != ".json":
            raise UserError(f"{path}: sureal knows its data sets by their ending; name a .json file.")
        scores: dict[tuple, dict[str, list]] = {}
        for row in self.effective():
            if row["phase"] == "main" and row["gold_expected"] is None:
                of_version = scores.setdefault((row["image"], row["method"]), {})
                of_version.setdefault(row["rater"], []).append((row["repeat"], row["score"]))
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
    """Files in the folders that are meant which are no files of votes by their names. Hidden ones do not count."""
    given = [source] if isinstance(source, str | Path) else list(source)
    found = [path for folder in map(Path, given) if folder.is_dir() for path in _inside(folder)]
    return [path for path in found if not VOTE_FILE.fullmatch(path.name)]


def _inside(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it, without hidden ones. Raises UserError where one cannot be read."""
    found: list[Path] = []
    for path in list_folder(folder):
        if path.is_dir() and not path.is_symlink():  # a link may lead back to where it is
            found += _inside(path)
        elif path.is_file():
            found.append(path)
    return found


def vote_files(source: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files of votes that are meant: files, and what is in folders, however deep, as platforms export it.

    Raises UserError for one that is not there, and for a folder without any.
    """
    given = [source] if isinstance(source, str | Path) else list(source)
    if not given:
        raise UserError("no file of votes was named.")
    files: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            inside = [file for file in _inside(path) if VOTE_FILE.fullmatch(file.name)]
            if not inside:
                raise UserError(f"the folder {path} holds no files of votes (*.jsonl).")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UserError(f"{path} is not there: no such file of votes.")
    return list(dict.fromkeys(files))


def read_file(path: Path) -> tuple[list[tuple[int, Row]], list[str]]:
    """The intact lines of a file with their numbers from 1, and what is wrong with the others."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    return parse(data, path)


def parse(data: bytes, path: Path) -> tuple[list[tuple[int, Row]], list[str]]:
    """As `read_file`, of what is in the file."""
    rows: list[tuple[int, Row]] = []
    problems: list[str] = []
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append((number, parse_line(line)))
        except ValueError as error:
            what = "is cut off at the end of the file" if number == len(lines) else f"was left out: {error}"
            problems.append(f"{path}: line {number} {what}")
    return rows, problems


def parse_line(line: bytes) -> Row:
    """A vote of a line. Raises ValueError, with the reason, for anything else."""
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("it is damaged (no JSON)") from None
    if not isinstance(row, dict):
        raise ValueError("it is no vote (no JSON object)")
    row = dict.fromkeys(LATER) | row
    if missing := [name for name in COLUMNS if name not in row]:
        raise ValueError(f"it is no vote ({missing[0]} is missing)")
    for name, (fits, what) in CHECKS.items():
        if not fits(row[name]):
            raise ValueError(f"{name} is {row[name]!r}; it must be {what}")
    if row["score"] is None and not row["revised"]:
        raise ValueError("score is null, which only a line that withdraws a vote may be")
    return row


def as_line(row: Row) -> str:
    """A vote as a line of a file, with its end."""
    row = dict.fromkeys(LATER) | row
    return json.dumps({name: row[name] for name in COLUMNS}, ensure_ascii=False, allow_nan=False) + "\n"


def _refuse(constant: str):
    raise ValueError(constant)
