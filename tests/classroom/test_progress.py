"""Hints, solutions, the progress file, and the set-up in a lesson's first cell."""
# ruff: noqa: NPY002 - numpy's global random state is what students use

import csv
import importlib
import json
import random
import stat
import sys
import tempfile
from datetime import datetime

import numpy as np
import pytest
import torch
from answers import run_cell
from filelock import FileLock

from srgan_lessons import UserError
from srgan_lessons.classroom import boxes, check, grade, hint, lesson_settings, progress, setup, solution
from srgan_lessons.classroom.gradebook import COLUMNS, LEGEND, gradebook, mark
from srgan_lessons.classroom.progress import EXPORT, NAME, Record, load, read_export, record
from srgan_lessons.classroom.setup import usable_cpus
from srgan_lessons.exercises import all_exercises
from srgan_lessons.exercises.lesson01.cubic_kernel import cubic_kernel


def mine(x):
    """A learner's own answer that passes."""
    return cubic_kernel(x)


NOW = "2026-11-23T09:14:05+00:00"


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    """All that is recorded happens at the same moment."""
    module = importlib.import_module("srgan_lessons.classroom.progress")  # the package has a function of that name
    monkeypatch.setattr(module, "_now", lambda: NOW)


# --- hints and solution ----------------------------------------------------------------------------------------------


def test_one_hint_more_at_each_call(capsys):
    hints = all_exercises()["psnr_y"].hints
    for number in (1, 2, 3):
        hint("psnr_y")
        out = capsys.readouterr().out
        assert out == "".join(f"Hint {n} of 3: {hints[n - 1]}\n" for n in range(1, number + 1))
        assert load()["psnr_y"].hints == number
    hint("psnr_y")
    assert capsys.readouterr().out.endswith('There are no more hints. solution("psnr_y") shows the solution.\n')
    assert load()["psnr_y"].hints == 3


def test_hints_read_after_solving_are_not_counted(capsys):
    """They come one by one, too, but the exercise was solved without them."""
    check("cubic_kernel", mine)
    for number in (1, 2):
        capsys.readouterr()
        hint("cubic_kernel")
        assert capsys.readouterr().out.count("Hint ") == number
    assert load()["cubic_kernel"] == Record(solved=True, solved_at=NOW)


def test_the_button_of_an_older_check_knows_that_the_exercise_is_solved(monkeypatch):
    buttons = []
    monkeypatch.setattr(boxes, "with_hints", lambda *arguments: buttons.append(arguments[-1]))
    check("cubic_kernel", lambda x: x)
    check("cubic_kernel", mine)
    buttons[0](1)
    assert load()["cubic_kernel"].hints == 0


def test_solution_prints_code_that_passes(capsys):
    solution("psnr_y")
    shown = run_cell(capsys.readouterr().out)["psnr_y"]
    assert grade("psnr_y", shown).passed
    assert load()["psnr_y"] == Record(seen=True, seen_at=NOW)


# --- progress --------------------------------------------------------------------------------------------------------


def test_progress_table(capsys):
    check("cubic_kernel", mine)
    hint("lr_crop")
    hint("lr_crop")
    solution("psnr_y")
    check("cubic_kernel", None)  # solved once is solved
    capsys.readouterr()
    progress()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["exercise", "solved", "hints", "solution"]
    assert ["cubic_kernel", "\N{CHECK MARK}", "yes", "0", "of", "3"] in lines
    assert ["lr_crop", "\N{WHITE CIRCLE}", "no", "2", "of", "3"] in lines
    assert ["psnr_y", "\N{WHITE CIRCLE}", "no", "0", "of", "3", "seen"] in lines
    here = [exercise for exercise in all_exercises().values() if exercise.lesson == 1]
    assert len(lines[: lines.index([])]) == 1 + len(here), "the exercises of this lesson, and no others"
    assert ["lesson", "01", "#" * 3 + "." * 9, "1", "of", str(len(here))] in lines
    lessons = {exercise.lesson for exercise in all_exercises().values()}
    assert len([line for line in lines if line[:1] == ["lesson"]]) == len(lessons)
    assert lines[-1] == ["1", "of", str(len(all_exercises())), "solved."]


def test_in_a_notebook_progress_is_a_table_and_bars(monkeypatch):
    shown = []
    monkeypatch.setattr(boxes, "live", lambda: True)
    monkeypatch.setattr(boxes, "display", lambda data, raw: shown.append(data))
    check("cubic_kernel", mine)
    progress()
    box, table = shown
    assert "\N{CHECK MARK} Passed" in box["text/html"]
    assert box["text/plain"] == "cubic_kernel: passed."
    assert table["text/html"].count("<tr>") == 1 + len([e for e in all_exercises().values() if e.lesson == 1])
    assert "width: 25%" in table["text/html"], "one of four is solved"
    assert table["text/plain"].endswith("solved.")


def test_progress_is_a_small_json_file_in_the_working_folder(tmp_path):
    hint("psnr_y")
    content = json.loads((tmp_path / NAME).read_text())
    fields = {"hints": 1, "solved": False, "seen": False, "solved_at": "", "seen_at": "", "handed_on": False}
    fields["own"] = None
    assert content == {"format": 1, "exercises": {"psnr_y": fields}}
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"format": 2, "exercises": {}}',
        b'{"format": 1, "exercises": []}',
        b'{"format": 1, "exercises": {"psnr_y": 3}}',
        b'{"format": 1, "exercises": {"psnr_y": {"hints": "two"}}}',
        b'{"format": 1, "exercises": {"psnr_y": {"hints": -1}}}',
        b'{"format": 1, "exercises": {"psnr_y": {"other": 1}}}',
        b'{"format": 1, "exercises": {"psnr_y": {"solved_at": "yesterday"}}}',
        b'{"format": 1, "exercises": {"psnr_y": {"solved_at": "2026-11-23T09:14:05"}}}',
        b'{"format": 1, "exercises": {"psnr_y": {"seen_at": 5}}}',
        b'{"format": 1, "exercises": {"psnr_y": {"handed_on": 1}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_progress_file_is_kept_aside_and_said_to_be(content, tmp_path, capsys):
    (tmp_path / NAME).write_bytes(content)
    hint("psnr_y")
    captured = capsys.readouterr()
    assert "Hint 1 of 3" in captured.out
    aside = tmp_path / ".srgan_lessons_progress.damaged-1.json"
    assert "was damaged" in captured.err
    assert aside.name in captured.err
    assert aside.read_bytes() == content
    assert load()["psnr_y"].hints == 1
    (tmp_path / NAME).write_bytes(content)
    assert load() == {}
    assert aside.read_bytes() == content  # the second one went elsewhere
    assert aside.with_name(".srgan_lessons_progress.damaged-2.json").read_bytes() == content


def test_where_nothing_can_be_written_the_lesson_goes_on(tmp_path, capsys):
    (tmp_path / NAME).mkdir()  # neither readable nor replaceable, also for root
    for number in (1, 2):
        hint("psnr_y")
        captured = capsys.readouterr()
        assert f"Hint {number} of 3" in captured.out
        assert ("kept only until this kernel ends" in captured.err) == (number == 1)
    assert check("cubic_kernel", mine) is mine
    (tmp_path / NAME).rmdir()
    record("lr_crop", seen=True)  # now it can: nothing was lost
    assert load() == {
        "psnr_y": Record(hints=2),
        "cubic_kernel": Record(solved=True, solved_at=NOW),
        "lr_crop": Record(seen=True, seen_at=NOW),
    }
    assert stat.S_ISREG((tmp_path / NAME).stat().st_mode)


def test_the_first_time_counts_and_a_file_without_times_is_read(tmp_path):
    early, late = "2026-11-22T08:00:00+00:00", "2026-11-24T08:00:00+00:00"
    both = Record(solved=True, solved_at=late, hints=1) + Record(solved=True, solved_at=early, seen=True, seen_at=late)
    assert both == Record(hints=1, solved=True, seen=True, solved_at=early, seen_at=late)
    (tmp_path / NAME).write_text('{"format": 1, "exercises": {"psnr_y": {"hints": 2, "solved": true, "seen": false}}}')
    assert load() == {"psnr_y": Record(hints=2, solved=True)}


def test_where_nothing_is_left_to_write_to_the_lesson_goes_on(tmp_path, monkeypatch, capsys):
    """A folder that was removed while its notebook is open, a computer without a temporary folder or without locks."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert check("cubic_kernel", mine) is mine
    assert "the folder of this notebook was removed" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)

    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    hint("psnr_y")
    captured = capsys.readouterr()
    assert "Hint 1 of 3" in captured.out
    assert load()["psnr_y"].hints == 1
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)

    def missing(lock: FileLock) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock; use SoftFileLock instead")

    with monkeypatch.context() as without:
        without.setattr(FileLock, "acquire", missing)
        hint("margin_to_hr")
        assert load()["margin_to_hr"].hints == 1
    record("lr_crop", seen=True)
    assert {"cubic_kernel", "psnr_y", "lr_crop"} <= set(json.loads((tmp_path / NAME).read_text())["exercises"])


def test_what_was_solved_is_known_where_the_file_can_only_be_read(monkeypatch, capsys):
    check("cubic_kernel", mine)

    def missing(lock: FileLock) -> None:
        raise NotImplementedError("no locks here")

    monkeypatch.setattr(FileLock, "acquire", missing)
    capsys.readouterr()
    check("cubic_kernel", None)
    captured = capsys.readouterr()
    assert "You have solved it before, and that still counts." in captured.out
    assert "cannot be locked (no locks here)" in captured.err
    assert "in use by another notebook" not in captured.err


# --- export, and what an instructor makes of it ----------------------------------------------------------------------


def test_export_says_where_it_is_and_reads_back(tmp_path, capsys):
    check("cubic_kernel", mine)
    hint("lr_crop")
    capsys.readouterr()
    progress(export="Bünyamin 7.json")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"Written to {tmp_path / 'Bünyamin 7.json'}. It was not sent anywhere: hand it in yourself."
    assert read_export(tmp_path / "Bünyamin 7.json") == ("Bünyamin 7", load())
    assert set(load()) == {"cubic_kernel", "lr_crop"}
    assert (tmp_path / "Bünyamin 7.json").stat().st_size < 1000
    check("psnr_y", None)
    record("psnr_y", solved=True)
    progress(export="Bünyamin 7.json")  # an earlier export is replaced
    assert read_export(tmp_path / "Bünyamin 7.json")[1]["psnr_y"].solved


@pytest.mark.parametrize(
    "name", ["anna", "anna.csv", ".json", "a" * 41 + ".json", "a\nb.json", " .json", "\x1b[2J.json"]
)
def test_a_name_that_cannot_stand_in_a_table_is_refused(name, tmp_path):
    with pytest.raises(UserError, match=r"name a file like \"anna.json\""):
        progress(export=name)
    assert not list(tmp_path.glob("*"))


def test_a_name_with_a_tilde_and_a_folder_that_cannot_be(tmp_path):
    progress(export="~anna.json")
    assert read_export(tmp_path / "~anna.json")[0] == "~anna"
    with pytest.raises(UserError, match="was not written"):
        progress(export=f"{'x' * 300}/anna.json")


def test_export_replaces_no_other_file(tmp_path):
    for content in ("[1, 2]", '{"format": "another"}', "{"):
        (tmp_path / "anna.json").write_text(content)
        with pytest.raises(UserError, match=r"anna\.json already exists and is not an earlier export"):
            progress(export="anna.json")
        assert (tmp_path / "anna.json").read_text() == content


def exported(folder, name: str, **records: Record) -> None:
    """A learner's file as `progress(export=...)` writes it, made in a folder of its own."""
    home = folder / f"home of {name}"
    home.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as context:
        context.chdir(home)
        fields = {key: vars(value) for key, value in records.items()}
        (home / NAME).write_text(json.dumps({"format": 1, "exercises": fields}))
        progress(export=folder / f"{name}.json")


@pytest.fixture
def class_folder(tmp_path):
    early, late = "2026-11-22T08:00:00+00:00", "2026-11-23T08:30:00+00:00"
    folder = tmp_path / "class"
    exported(
        folder,
        "zoe",
        cubic_kernel=Record(solved=True, solved_at=early),
        lr_crop=Record(solved=True, hints=2, solved_at=late),
        psnr_y=Record(solved=True, seen=True, seen_at=early, solved_at=late),
    )
    exported(
        folder,
        "Anna",
        cubic_kernel=Record(solved=True, seen=True, solved_at=early, seen_at=late),  # looked at after it was solved
        lr_crop=Record(hints=1),
    )
    return folder


def test_gradebook_has_a_row_a_learner_and_a_row_an_exercise(class_folder):
    book = gradebook([class_folder])
    assert (book.problems, book.notes) == ([], [])
    lines = book.text.splitlines()
    assert lines[0] == LEGEND
    total = len(all_exercises())
    rows = {line.split()[0]: line for line in lines if line.startswith(("Anna", "zoe"))}
    assert list(rows) == ["Anna", "zoe"]
    assert f"  1 of {total}" in rows["Anna"]
    assert f"  3 of {total}" in rows["zoe"]
    names = [name for name, exercise in all_exercises().items() if exercise.lesson == 1]
    expected = {
        "Anna": {"cubic_kernel": "+", "lr_crop": "-"},
        "zoe": {"cubic_kernel": "+", "lr_crop": "h", "psnr_y": "s"},
    }
    heads = next(line for line in lines if line.startswith("learner"))
    for learner, row in rows.items():
        place = heads.index(" 01 ") + 1
        assert row[place : place + len(names)] == "".join(expected[learner].get(name, ".") for name in names)
    when = datetime.fromisoformat("2026-11-23T08:30:00+00:00").astimezone()
    assert f"{when:%Y-%m-%d %H:%M}" in rows["zoe"]
    totals = {line.split()[1]: line.split()[2:] for line in lines if line[:2].isdigit()}
    assert list(totals) == list(all_exercises())
    # solved of both, alone, with hints, after the solution, hints used
    assert totals["cubic_kernel"] == ["2", "of", "2", "2", "0", "0", "0"]
    assert totals["lr_crop"] == ["1", "of", "2", "0", "1", "0", "3"]
    assert totals["psnr_y"] == ["1", "of", "2", "0", "0", "1", "0"]
    assert all(totals[name][0] == "0" for name in totals if name not in ("cubic_kernel", "lr_crop", "psnr_y"))


def test_gradebook_as_csv(class_folder, tmp_path):
    exported(class_folder, "=HYPERLINK(1)", psnr_y=Record(hints=1))
    gradebook([class_folder]).write_csv(tmp_path / "class.csv")
    assert (tmp_path / "class.csv").read_bytes().startswith(b"\xef\xbb\xbflearner,")  # Excel knows UTF-8 by this mark
    with open(tmp_path / "class.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 3 * len(all_exercises())
    (row,) = (row for row in rows if (row["learner"], row["exercise"]) == ("zoe", "psnr_y"))
    assert row["solved_at"] == "2026-11-23T08:30:00+00:00"
    assert (row["lesson"], row["solved"], row["hints"], row["solution"]) == ("1", "1", "0", "1")
    assert {row["learner"] for row in rows} == {"Anna", "zoe", "'=HYPERLINK(1)"}  # no formula for a spreadsheet


def test_no_cell_of_the_csv_is_a_formula(tmp_path):
    """An answer about a learner's own run is text, too: somebody may have changed the file."""
    exported(tmp_path, "+anna", outplayed=Record(own={"rows": [[25, 0.9, 0.1]], "answer": -5}))
    gradebook([tmp_path / "+anna.json"]).write_csv(tmp_path / "class.csv")
    with open(tmp_path / "class.csv", newline="", encoding="utf-8-sig") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert "'-5 (WRONG for the rows handed in)" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def _with(name: str, **fields: object) -> bytes:
    """An exported file that somebody has changed."""
    return json.dumps({"format": EXPORT, "learner": "x", "exercises": {name: fields}}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b'{"format": "srgan-lessons progress 2", "learner": "x", "exercises": {}}',
        b'{"format": "srgan-lessons progress 1", "exercises": {}}',
        b'{"format": "srgan-lessons progress 1", "learner": "\\u001b[2J", "exercises": {}}',
        b'{"format": "srgan-lessons progress 1", "learner": "x", "exercises": {"psnr_y": {"hints": -1}}}',
        b'{"format": "srgan-lessons progress 1", "learner": "x", "exercises": {"psnr_y": {"solved_at": "now"}}}',
        b'{"format": "srgan-lessons progress 1", "learner": "x", "exercises": {"\\u001b[2J": {"hints": 1}}}',
        _with("psnr_y", solved=True, solved_at="0001-01-01T00:00:00+00:00"),
        _with("psnr_y", solved=True, solved_at="9999-12-31T23:59:59+00:00"),
        _with("illness", own={"rows": [], "answer": ["healthy"]}),
        _with("illness", own={"rows": [[25, {}, 0.5, 0.5]], "answer": "healthy"}),
        _with("illness", own={"rows": 5, "answer": "healthy"}),
        _with("illness", own={"rows": [], "answer": 0}).replace(b"0", b"[" * 400 + b"]" * 400),
    ],
)
def test_a_broken_file_is_named_and_the_others_are_read(content, class_folder):
    (class_folder / "broken.json").write_bytes(content)
    book = gradebook([class_folder])
    assert list(book.learners) == ["Anna", "zoe"]
    assert "zoe" in book.text
    (problem,) = book.problems
    assert problem.startswith(f"{class_folder / 'broken.json'} is not a file of progress(export=...), or it is damaged")
    assert 'Ask for it again: progress(export="NAME.json")' in problem
    assert len(problem) < 600


def test_files_that_are_none(class_folder, tmp_path):
    check("cubic_kernel", mine)
    book = gradebook([class_folder / "no.json", tmp_path / NAME, class_folder / "zoe.json"])
    assert list(book.learners) == ["zoe"]
    assert "no.json cannot be read (No such file or directory)" in book.problems[0]
    assert "is the course's own record in a learner's folder" in book.problems[1]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: there is no \.json file in this folder"):
        gradebook([tmp_path / "empty"])


def test_two_files_of_one_name_and_exercises_of_another_version(class_folder, tmp_path):
    exported(tmp_path / "later", "zoe", lr_crop=Record(hints=3), bicubic_weights=Record(solved=True), inpaint=Record())
    book = gradebook([class_folder, tmp_path / "later", class_folder / "zoe.json"])
    assert sum(record.solved for record in book.learners["zoe"].values()) == 4
    assert book.learners["zoe"]["lr_crop"].hints == 3
    assert len(book.notes) == 2
    assert "zoe: 2 files combined" in book.notes[0]
    assert book.notes[1] == "inpaint is not an exercise of this version of the course, and was left out (zoe)."


def test_a_name_spelt_in_two_ways_is_one_learner(tmp_path):
    """An umlaut is one character, or a letter and a diaeresis, as macOS may write it."""
    for folder, name in (("one", "J\u00fcrgen"), ("two", "Ju\u0308rgen")):
        exported(tmp_path / folder, name, psnr_y=Record(hints=1))
    book = gradebook([tmp_path / "one", tmp_path / "two"])
    assert list(book.learners) == ["J\u00fcrgen"]
    assert "2 files combined" in book.notes[0]


def test_runs_that_were_shared_are_named_in_the_order_of_their_learners(class_folder):
    for number, names in enumerate(("ab", "cd", "ef", "gh", "ij")):
        rows = [[25, 0.5, 0.7, 0.3], [50, 0.1 * number, 0.7, 0.3]]
        for name in names:
            exported(class_folder, name, illness=Record(own={"rows": rows, "answer": "healthy"}))
    notes = gradebook([class_folder]).notes
    assert [note.split(" handed")[0] for note in notes] == ["a and b", "c and d", "e and f", "g and h", "i and j"]


def test_marks_mean_what_the_legend_says():
    meanings = dict(part.strip().split(" ", 1) for part in LEGEND.split("   "))
    assert meanings[mark(Record(solved=True))] == "solved alone"
    assert meanings[mark(Record(solved=True, hints=1))] == "solved with hints"
    assert meanings[mark(Record(solved=True, hints=1, seen=True))] == "solved after the solution"
    assert meanings[mark(Record(seen=True))] == meanings[mark(Record(hints=1))] == "tried, not solved"
    assert meanings[mark(Record(handed_on=True, hints=1))] == "tried, not solved"
    assert meanings[mark(Record(handed_on=True))] == "went on with the reference"
    assert meanings[mark(Record(handed_on=True, solved=True))] == "solved alone"
    assert meanings[mark(Record())] == "nothing yet"


# --- set-up ----------------------------------------------------------------------------------------------------------


def test_setup_prints_one_line_and_seeds(capsys, monkeypatch):
    device = setup()
    first = torch.rand(1), np.random.rand(), random.random()
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "full settings" in out
    assert torch.__version__ in out
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setenv("SRGAN_LESSONS_FAST", "1")
    setup()
    assert "fast settings" in capsys.readouterr().out
    assert first == (torch.rand(1), np.random.rand(), random.random())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_setup_in_colab_without_a_gpu_says_how_to_get_one(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    setup()
    assert "Runtime > Change runtime type > T4 GPU" in capsys.readouterr().out


def test_usable_cpus(tmp_path):
    quota = tmp_path / "cpu.max"
    unlimited = usable_cpus(quota)
    assert unlimited >= 1
    for text, cpus in (("max 100000", unlimited), ("100000 100000", 1), ("50000 100000", 1), ("nonsense", unlimited)):
        quota.write_text(text)
        assert usable_cpus(quota) == cpus


def test_lesson_settings(monkeypatch, capsys):
    full, fast = {"updates": 1500, "crops": 16}, {"updates": 40, "crops": 16}
    assert lesson_settings(full=full, fast=fast).updates == 1500
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("SRGAN_LESSONS_FAST", "1")
    assert lesson_settings(full=full, fast=fast).updates == 40
    assert "updates 40 instead of 1500" in capsys.readouterr().out
    with pytest.raises(UserError, match="only one of them has: crops"):
        lesson_settings(full=full, fast={"updates": 1})
