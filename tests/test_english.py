# ruff: noqa: E402 - tools/ is not a package: its folder is put on the path first
"""The check of phrases at which native readers stumble: what it finds, what it leaves alone, and that it is empty."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import english


def stumbles(tmp_path, monkeypatch, text: str, name: str = "page.md") -> list[str]:
    monkeypatch.setattr(english, "ROOT", tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return list(english.found(tmp_path / name))


@pytest.mark.parametrize(
    "text",
    [
        "A network shall invent the pixels.",
        "It is drawn anew.",
        "Who is done early gets a task.",
        "There after 12 s.",
        "The interval holds the truth.",
        "It took 1 updates.",
        "We need three photo.",
        "off by a hundredth level",
        "The file is there already.",
        "Nothing is dropped in silence.",
        "each 10 updates",
        "Gives the folder free.",
        "Possible are four.",
        "asked for bytes behind the end",
    ],
)
def test_a_stumble_is_found_with_its_line(text, tmp_path, monkeypatch):
    found = stumbles(tmp_path, monkeypatch, f"Good.\n{text}\n")
    assert found
    assert all(line.startswith("page.md:2: ") for line in found)


@pytest.mark.parametrize(
    "text",
    [
        "Who has compared a PSNR with one from a paper?",
        "0.2 dB behind the paper's",
        "three photos, two updates, 1 update",
        "1 updated file",
        "2.1 seconds, 1,001 photos, 0.1 pixels",
        "at 1:1 pixels",
        "a 2 x 4 image.",
        "Every 10 updates it draws.",
        "The room rates in silence.",
        "It shall be quoted. (english: quoted)",
    ],
)
def test_good_english_is_left_alone(text, tmp_path, monkeypatch):
    assert stumbles(tmp_path, monkeypatch, text) == []


def test_of_python_only_comments_and_strings_are_read(tmp_path, monkeypatch):
    code = 'shall = 1\nprint(f"done anew: {1}")  # it shall not\n'
    found = stumbles(tmp_path, monkeypatch, code, "code.py")
    assert [line.split(": ")[1] for line in found] == ["'anew'", "'shall'"]


def test_a_word_that_is_in_no_path_is_named(capsys):
    assert english.main(["no-such-page"]) == 1
    assert "no-such-page" in capsys.readouterr().err


def test_all_that_people_read_is_checked():
    read = {path.relative_to(ROOT).as_posix() for path in english.pages()}
    assert read >= {
        "README.md",
        "docs/using.md",
        "notebooks/source/00_start_here.py",
        "srgan_lessons/cli.py",
        "srgan_lessons/weights/srgan.md",
        "srgan_lessons/rating/web/rater.js",
        "srgan_lessons/rating/web/report.html",
        "site/book/index.md",
        "site/try/index.html",
        "benchmarks/results/cpu-2-cores.md",
        ".github/ISSUE_TEMPLATE/1_problem.yml",
        "tests/browser/pages.py",
    }


def test_nothing_is_left(capsys):
    assert english.main([]) == 0, capsys.readouterr().out
