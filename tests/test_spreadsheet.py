"""Votes as people and their spreadsheets hand them back: read, or refused with the line and the column."""

import csv
import re

import pandas as pd
import pytest
from rating_rows import row

from srgan_lessons import UserError
from srgan_lessons.rating.spreadsheet import read_csv
from srgan_lessons.rating.votes import Votes

ROWS = [row(k, 1 + k % 5, rater=rater, image=f"i{k}", device_pixel_ratio=1.25, width=102.4)
        for rater in ("Jörg", "NA", "=1+1", "'tis", "+x") for k in range(3)]  # fmt: skip


@pytest.fixture
def ours(tmp_path):
    path = tmp_path / "votes.csv"
    Votes(ROWS).write_csv(path)
    return path


def as_excel_saves(path, to, *, delimiter=";", decimal=",", encoding="utf-8", extra=()):
    """The same table as a spreadsheet of another country saves it, with blank rows at the end."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = list(csv.reader(file))
    number = re.compile(r"\d+\.\d+")
    changed = [[cell.replace(".", decimal) if number.fullmatch(cell) else cell for cell in line] for line in table]
    for line, more in zip(changed, extra, strict=False):
        line.append(more)
    with open(to, "w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([*changed, [""] * len(table[0]), [""] * len(table[0])])
    return to


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_what_spreadsheets_save_is_the_same_table(ours, tmp_path, encoding, delimiter):
    saved = as_excel_saves(ours, tmp_path / "saved.csv", delimiter=delimiter, encoding=encoding)
    expected, _ = read_csv(ours)
    found, notes = read_csv(saved)
    pd.testing.assert_frame_equal(found, expected)
    assert found["rater"].tolist() == [entry.rater for entry in ROWS]
    assert found["device_pixel_ratio"].tolist() == [1.25] * 15
    assert any("code page 1252" in note for note in notes) == (encoding == "cp1252")


def test_our_own_file_is_no_formula_and_has_a_mark_by_which_excel_knows_utf_8(ours):
    data = ours.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    with open(ours, newline="", encoding="utf-8-sig") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert "'=1+1" in cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_a_large_whole_number_comes_back_as_it_was(tmp_path):
    """2^53 + 1 is no float."""
    Votes([row(0, seed=2**53 + 1), row(1, seed=2**63 - 1)]).write_csv(tmp_path / "votes.csv")
    assert read_csv(tmp_path / "votes.csv")[0]["seed"].tolist() == [2**53 + 1, 2**63 - 1]


def test_a_further_column_is_left_out_and_named(ours, tmp_path):
    saved = as_excel_saves(ours, tmp_path / "x.csv", extra=("Notes", "late", ""))
    found, notes = read_csv(saved)
    assert "Notes" not in found
    assert notes == ["x.csv: column U (Notes) is not part of a vote and was left out"]
    saved = as_excel_saves(ours, tmp_path / "y.csv", extra=("", "", ""))
    assert read_csv(saved)[1] == []


def test_what_cannot_be_is_named_as_a_spreadsheet_shows_it(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("rater;image;method;score\nanna;a;hr;4\n\nbert;a;hr;drei\n")
    with pytest.raises(UserError, match=r"line 4, column D \(score\) is 'drei'; it must be a whole number from 1 to 5"):
        read_csv(path)
    path.write_text("rater;image;method;score\nanna;a;hr;4;zu viel\n")
    with pytest.raises(UserError, match="line 2 has something in column E"):
        read_csv(path)
    path.write_text("sep=;\nrater;image;method;score\nanna;a;hr;6\n")
    with pytest.raises(UserError, match="line 3, column D"):
        read_csv(path)
    path.write_text("rater;image;method\nanna;a;hr\n")
    with pytest.raises(UserError, match="no column is named 'score' in line 1"):
        read_csv(path)
    path.write_text("rater,image,method,score,score\na,a,hr,1,2\n")
    with pytest.raises(UserError, match="2 columns are named 'score'"):
        read_csv(path)
    for data, says in ((b"", "is empty"), (b"PK\x03\x04zip", "Excel workbook"), (b"\0" * 50, "is not text")):
        path.write_bytes(data)
        with pytest.raises(UserError, match=says):
            read_csv(path)
    with pytest.raises(UserError, match="no such vote file"):
        read_csv(tmp_path / "none.csv")
