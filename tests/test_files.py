"""Where files are, and that a crash leaves the old content or the new, never half of one."""

import errno
import os
from pathlib import Path

import pytest

from srgan_lessons import UserError, files
from srgan_lessons.files import atomic, counted, data_root, expand, fast_mode, lessons_folder, plural, shipped


def test_a_new_file_appears_whole_with_its_folder(tmp_path):
    target = tmp_path / "new" / "deep" / "a.txt"
    with atomic(target) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == target.parent  # the same file system: a rename is one step
        assert not target.exists()
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["a.txt"]


@pytest.mark.parametrize("mishap", [RuntimeError("crash"), KeyboardInterrupt(), UserError("wrong")])
def test_what_stood_there_survives_a_crash_in_the_middle(tmp_path, mishap):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half():
        with atomic(target) as temporary:
            temporary.write_text("ne")
            raise mishap

    with pytest.raises(type(mishap)):
        write_half()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]  # nothing is left lying about


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append(("fsync", os.fstat(fd).st_size)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append(("replace", Path(b).name)), replace(a, b)))
    with atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("12345")
    assert order[:2] == [("fsync", 5), ("replace", "a.txt")]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, "the disk is full.*Free some space"),
        (errno.EDQUOT, r"your share of this disk \(quota\) is used up.*folder on another disk"),
        (errno.EACCES, "no permission.*Choose another folder"),
    ],
)
def test_a_disk_that_refuses_is_explained(tmp_path, number, expected):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write():
        with atomic(target) as temporary:
            temporary.write_text("ne")
            raise OSError(number, os.strerror(number))

    with pytest.raises(UserError, match=expected) as caught:
        write()
    assert str(target) in str(caught.value)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_where_a_folder_must_be(tmp_path):
    (tmp_path / "a").write_text("a file")

    def write():
        with atomic(tmp_path / "a" / "b.txt") as temporary:
            temporary.write_text("x")

    with pytest.raises(UserError, match=r"b\.txt was not written"):
        write()


def test_shipped_finds_the_checkout_or_the_wheel(tmp_path, monkeypatch):
    assert shipped("tables/golden.csv").read_text().startswith("set,method,protocol")
    package = tmp_path / "site" / "srgan_lessons"
    (package / "data").mkdir(parents=True)
    (package / "data" / "x.csv").write_text("wheel")
    monkeypatch.setattr(files, "PACKAGE", package)
    assert shipped("x.csv").read_text() == "wheel"
    with pytest.raises(FileNotFoundError, match=r"data/y\.csv is missing.*install it again"):
        shipped("y.csv")


def test_the_data_folder_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path / "not" / "yet"))
    assert data_root() == tmp_path / "not" / "yet"
    assert not data_root().exists()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SRGAN_LESSONS_DATA", "~/photos")
    assert data_root() == tmp_path / "photos"
    monkeypatch.delenv("SRGAN_LESSONS_DATA")
    assert data_root() == tmp_path / ".cache" / "srgan_lessons" / "data"


def test_only_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand("~/photos") == tmp_path / "photos"
    assert expand("~draft.safetensors") == Path("~draft.safetensors")  # a file: there is no such user


@pytest.mark.parametrize(("value", "fast"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_fast_mode(monkeypatch, value, fast):
    monkeypatch.delenv("SRGAN_LESSONS_FAST", raising=False)
    if value is not None:
        monkeypatch.setenv("SRGAN_LESSONS_FAST", value)
    assert fast_mode() is fast


@pytest.mark.parametrize(
    ("count", "what", "said"),
    [
        (0, "rater", "0 raters"),
        (1, "thread", "1 thread"),
        (2, "vote", "2 votes"),
        (1.0, "minute", "1 minute"),
        (0.2, "minute", "0.2 minutes"),
        (480.0, "minute", "480 minutes"),
    ],
)
def test_things_are_counted_in_english(count, what, said):
    assert counted(count, what) == said


def test_a_verb_agrees_with_its_number():
    assert [plural(count, "is", "are") for count in (0, 0.5, 1, 1.0, 2)] == ["are", "are", "is", "is", "are"]


def test_an_installed_wheel_copies_the_lessons_once(tmp_path, monkeypatch):
    package = tmp_path / "site" / "srgan_lessons"
    for name in ("00_start.ipynb", "solutions/00_start.ipynb", "source/00_start.py"):
        (package / "notebooks" / name).parent.mkdir(parents=True, exist_ok=True)
        (package / "notebooks" / name).write_text("as shipped")
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.setattr(files, "PACKAGE", package)
    folder = lessons_folder()
    assert folder == tmp_path / "mine" / "srgan-lessons"
    assert sorted(p.name for p in folder.iterdir()) == ["00_start.ipynb", "solutions"]
    (folder / "00_start.ipynb").write_text("what I changed")
    assert (lessons_folder() / "00_start.ipynb").read_text() == "what I changed"


def test_a_checkout_opens_its_own_lessons():
    assert lessons_folder() == files.PACKAGE.parent / "notebooks"
