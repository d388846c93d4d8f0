"""Votes as CSV, in both directions: written so that spreadsheets can open them, and read as spreadsheets save them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from srgan_lessons import UserError
from srgan_lessons.files import atomic
from srgan_lessons.rating.vote import CHECKS, COLUMNS, MEASURES, REQUIRED, TYPES, WHOLE, Vote

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # the beginning of a cell that a spreadsheet would take for a formula
_TRUTH = {
    "true": True,
    "1": True,
    "wahr": True,
    "vrai": True,
    "false": False,
    "0": False,
    "falsch": False,
    "faux": False,
}


def write_csv(path: str | Path, votes: Iterable[Vote]) -> None:
    """Writes votes as CSV: a header, one row per vote, and empty cells for missing values.

    The file is UTF-8 with a byte order mark, by which Excel recognises it. Text that a spreadsheet would take for a
    formula gets an apostrophe before it, which `read_csv` removes. Raises UserError if the file cannot be written.
    """
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(("" if value is None else shielded(value) for value in vote.values) for vote in votes)


def read_csv(path: str | Path) -> tuple[pd.DataFrame, list[str]]:
    """A table of votes from CSV, and notes on what was found, one sentence each.

    It reads what Excel, LibreOffice and similar programs save: commas, semicolons or tabs between cells, points or
    commas in numbers, and UTF-8, UTF-16 or the Windows code page 1252. Blank rows do not matter. Columns that are not
    part of a vote are left out, and the notes name them. Empty cells are missing values; a rater called NA is a rater.

    Raises UserError for a file that does not exist or is not a table, for missing or duplicate columns, and for
    impossible values, with the line and the column as a spreadsheet shows them.
    """
    path = Path(path)
    rows, notes = _rows(path)
    if not rows:
        raise UserError(f"{path} is empty: there are no votes in it.")
    top, header = rows[0]
    names = [name.strip().lower() for name in header]
    for name in REQUIRED:
        if name not in names:
            raise UserError(
                f"{path}: no column is named {name!r} in line {top}; it has {', '.join(filter(None, names))}. Keep the "
                "names of the columns as `srgan-lessons study merge` wrote them."
            )
    for name in COLUMNS:
        if names.count(name) > 1:
            raise UserError(f"{path}: {names.count(name)} columns are named {name!r}. Delete all but one.")
    body = [(line, row) for line, row in rows[1:] if any(cell.strip() for cell in row)]
    for at, name in enumerate(names):
        if name not in COLUMNS and (name or any(at < len(row) and row[at].strip() for _, row in body)):
            notes.append(
                f"{path.name}: column {_letter(at)} ({header[at].strip() or 'no name'}) is not part of a vote and was "
                "left out"
            )
    content: dict[str, list] = {name: [] for name in names if name in COLUMNS}
    for line, row in body:
        if extra := [at for at in range(len(names), len(row)) if row[at].strip()]:
            raise UserError(
                f"{path}: line {line} has something in column {_letter(extra[0])}, {row[extra[0]]!r}, beyond the last "
                "column of the header. Is there a name with a comma, but without quotes?"
            )
        for at, name in enumerate(names):
            if name in content:
                cell = row[at] if at < len(row) else ""
                content[name].append(_value(name, cell, f"{path}: line {line}, column {_letter(at)}"))
    return _typed(content), notes


def _rows(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The rows that are not blank, with their line numbers, and notes."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: no such vote file.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if data[:4] == b"PK\x03\x04":
        raise UserError(f"{path} is an Excel workbook. Save it from Excel as CSV.")
    notes = []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
            notes.append(f"{path.name}: it is not in UTF-8 and was read as Windows text (code page 1252)")
    if "\0" in text:
        raise UserError(f"{path} is not text, so it is not a table. Save the votes as CSV.")
    first, _, rest = text.partition("\n")
    if found := re.fullmatch(r"\ufeff?\"?sep=(.)\"?\s*", first, re.IGNORECASE):
        delimiter, text, skipped = found[1], rest, 1
    else:
        heading = next((line for line in text.splitlines() if line.strip(" ;,\t")), "")
        delimiter, skipped = max(",;\t", key=heading.count), 0
    try:
        read = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UserError(f"{path} is not a table that can be read ({error}). Save it as CSV again.") from None
    numbered = enumerate(read, start=1 + skipped)
    return [(line, row) for line, row in numbered if any(cell.strip() for cell in row)], notes


def _value(name: str, cell: str, where: str) -> object:
    cell = cell.strip()
    fits, what = CHECKS[name]
    if cell == "" and name not in REQUIRED:
        return None
    value: object = cell
    try:
        if name in WHOLE:
            number = float(cell.replace(",", "."))
            value = int(cell) if re.fullmatch(r"\d+", cell) else int(number) if number == int(number) else cell
        elif name in MEASURES:
            value = float(cell.replace(",", "."))
        elif name == "revised":
            value = _TRUTH.get(cell.lower(), cell)
        else:
            value = unshielded(cell)
    except (ValueError, OverflowError):
        value = cell
    if name != "study" and not fits(value):
        raise UserError(f"{where} ({name}) is {cell!r}; it must be {what.replace(', or null', ', or empty')}.")
    return value


def _typed(content: dict[str, list]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: pd.Series(values, dtype=TYPES.get(name, object)) for name, values in content.items()})


def shielded(value: object) -> object:
    """The value, with an apostrophe before it if it is text that a spreadsheet would take for a formula."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def unshielded(cell: str) -> str:
    """The text of a cell without the apostrophe of `shielded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _letter(at: int) -> str:
    """The name of a column in a spreadsheet: A, B, ..., Z, AA."""
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
