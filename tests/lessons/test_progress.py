"""Hints, solutions, the progress file, and the set-up in a lesson's first cell."""
# ruff: noqa: NPY002 - numpy's global random state is what students use

import json
import random
import stat
import sys

import numpy as np
import pytest
import torch
from answers import run_cell

from srgan_lessons import UserError
from srgan_lessons.classroom import check, grade, hint, lesson_settings, progress, setup, solution
from srgan_lessons.classroom.exercises import all_exercises
from srgan_lessons.classroom.exercises.lesson01 import cubic_kernel
from srgan_lessons.classroom.progress import NAME, Record, load, record
from srgan_lessons.classroom.setup import usable_cpus

# --- hints and solution ----------------------------------------------------------------------------------------------


def test_one_hint_more_at_each_call(capsys):
    hints = all_exercises()["psnr_y"].hints
    for number in (1, 2, 3):
        hint("psnr_y")
        out = capsys.readouterr().out
        assert out == "".join(f"Hint {n} of 3: {hints[n - 1]}\n" for n in range(1, number + 1))
        assert load()["psnr_y"].hints == number
    hint("psnr_y")
    assert capsys.readouterr().out.endswith('These were all hints. solution("psnr_y") shows the solution.\n')
    assert load()["psnr_y"].hints == 3


def test_solution_prints_code_that_passes(capsys):
    solution("psnr_y")
    shown = run_cell(capsys.readouterr().out)["psnr_y"]
    assert grade("psnr_y", shown).passed
    assert load()["psnr_y"] == Record(seen=True)


# --- progress --------------------------------------------------------------------------------------------------------


def test_progress_table(capsys):
    check("cubic_kernel", cubic_kernel)
    hint("lr_crop")
    hint("lr_crop")
    solution("psnr_y")
    check("cubic_kernel", None)  # solved once is solved
    capsys.readouterr()
    progress()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["lesson", "exercise", "solved", "hints", "solution"]
    assert ["01", "cubic_kernel", "yes", "0", "of", "3"] in lines
    assert ["01", "lr_crop", "no", "2", "of", "3"] in lines
    assert ["01", "psnr_y", "no", "0", "of", "3", "seen"] in lines
    assert len(lines) == len(all_exercises()) + 2
    assert lines[-1] == ["1", "of", str(len(all_exercises())), "solved."]


def test_progress_is_a_small_json_file_in_the_working_folder(tmp_path):
    hint("psnr_y")
    content = json.loads((tmp_path / NAME).read_text())
    assert content == {"format": 1, "exercises": {"psnr_y": {"hints": 1, "solved": False, "seen": False}}}
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
    assert check("cubic_kernel", cubic_kernel) is cubic_kernel
    (tmp_path / NAME).rmdir()
    record("lr_crop", seen=True)  # now it can: nothing was lost
    assert load() == {"psnr_y": Record(hints=2), "cubic_kernel": Record(solved=True), "lr_crop": Record(seen=True)}
    assert stat.S_ISREG((tmp_path / NAME).stat().st_mode)


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
