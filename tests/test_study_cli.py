"""The command srgan-lessons study: make, rate, merge, report, power; and mistakes without tracebacks."""

import csv
import json
import shutil
import socket
from pathlib import Path

import pytest
from rating_samples import METHODS, given_versions, pixels, small_study

from srgan_lessons.cli import main
from srgan_lessons.images import save_image
from srgan_lessons.rating import report
from srgan_lessons.rating.manifest import Settings
from srgan_lessons.rating.session import Session
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.votes import Votes


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mistake(capsys, *argv: str) -> str:
    """Runs a command line that must end in an explained mistake; returns the explanation."""
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("srgan-lessons: ")]
    assert len(lines) == 1
    return lines[0]


def photos(folder: Path, count: int = 3) -> Path:
    for number in range(count):
        save_image(folder / f"photo{number}.png", pixels(number, 32, 40))
    return folder


def rate(study: Study, rater: str, score) -> Path:
    session = Session.open(study, rater)
    session.begin()
    while session.trial:
        place = session._steps[session._at][2]
        session.vote(score(place), session.token)
    session.close()
    return session.path


def test_new_makes_the_versions(capsys):
    photos(Path("photos"))
    photos(Path("others"), 5)
    for number in range(3):
        (Path("others") / f"photo{number}.png").unlink()
    argv = """study new --images photos --methods nearest bicubic espcn hr --seed 4 --title Ours
        --anchors others --crop 24 --repeats 0.25 --gold 3 --minutes 10 --session-trials 8
        --dummies 2 --dummies-after-resume 1"""
    assert main([*argv.split(), "--out", "our study"]) == 0
    out = capsys.readouterr().out
    assert 'next: srgan-lessons study serve "our study", for a class' in out
    Path("our study").rename("study")
    assert "3 images by 4 methods (bicubic, espcn, hr, nearest)" in out
    assert "too few photos: with 3, no number of raters can show a difference between 4 methods" in out
    assert "Take at least 8" in out
    assert "24 pictures per rater, about 2 minutes; 18 of the ratings count" in out
    study = Study.open("study")
    assert (study.seed, study.title, study.protocol) == (4, "Ours", "acr-hr")
    assert study.settings == Settings(
        repeats=0.25, gold=3, minutes=10, session_trials=8, dummies=2, dummies_after_resume=1
    )
    assert {(s.width, s.height) for s in study.stimuli.values()} == {(24, 24)}
    assert {s.image for s in study.stimuli.values() if s.anchor} == {"photo3", "photo4"}


def test_new_with_own_weights(capsys):
    from srgan_lessons.weights import find_weights

    photos(Path("photos"))
    weights = str(find_weights("espcn"))
    new = ["study", "new", "--images", "photos", "--methods"]
    assert main([*new, "hr", f"mine={weights}", weights, "--out", "s"]) == 0
    assert Study.open("s").methods == ["espcn", "hr", "mine"]
    capsys.readouterr()
    assert "two methods would be named espcn" in mistake(capsys, *new, "espcn", weights, "--out", "t")


def test_new_of_ready_pictures(capsys):
    for image, versions in given_versions(3).items():
        for method, picture in versions.items():
            save_image(Path("ready") / method / f"{image}.png", picture)
    assert main(["study", "new", "--images", "ready", "--out", "study", "--protocol", "acr"]) == 0
    study = Study.open("study")
    assert (study.methods, study.protocol) == (sorted(METHODS), "acr")


def test_new_mistakes(capsys):
    photos(Path("photos"))
    new = ("study", "new", "--images", "photos", "--out", "study")
    assert "a study needs methods" in mistake(capsys, *new)
    assert "there are no weights 'nosuch'" in mistake(capsys, *new, "--methods", "hr", "nosuch")
    assert 'add the method "hr"' in mistake(capsys, *new, "--methods", "nearest", "bicubic")
    assert "at most 30 minutes" in mistake(capsys, *new, "--methods", "hr", "--minutes", "60")
    assert "leave out --methods, --crop" in mistake(capsys, *new, "--paper", "--methods", "hr", "--crop", "40")
    assert "missing: Set5, Set14, BSD100" in mistake(capsys, *new, "--paper")
    assert "does not exist" in mistake(capsys, "study", "new", "--images", "none", "--methods", "hr", "--out", "s")
    Path("full").mkdir()
    Path("full/x").write_text("")
    argv = ("study", "new", "--images", "photos", "--methods", "hr", "--out", "full")
    assert "already exists and is not empty" in mistake(capsys, *argv)
    assert sorted(path.name for path in Path().iterdir()) == ["full", "photos"]
    for argv in (["study"], ["study", "new"], ["study", "merge", "x", "-o", "y"], ["study", "sing"]):
        with pytest.raises(SystemExit, match="2"):
            main(argv)


def test_merge_writes_each_form(capsys, here):
    study = small_study(here)
    for name in ("anna", "bert"):
        rate(study, name, lambda place: 3)
    for name in ("all.jsonl", "all.csv", "all.json"):
        assert main(["study", "merge", "study/votes", "--study", "study", "-o", name]) == 0
        out = capsys.readouterr().out
        assert f"{2 * study.trials} votes of 2 raters" in out
        assert out.endswith(f"{name}\n")
    assert Votes.read("all.jsonl").raters == ["anna", "bert"]
    with open("all.csv", newline="", encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == len(Votes.read("all.jsonl"))
    assert len(json.loads(Path("all.json").read_text())["dis_videos"]) == 30


def test_merge_reports_problems_and_ends_with_1(capsys, here):
    study = small_study(here)
    path = rate(study, "anna", lambda place: 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:6], b"{broken\n", *lines[7:]]))
    assert main(["study", "merge", str(path), "--study", "study", "-o", "all.csv"]) == 1
    captured = capsys.readouterr()
    assert "line 7 was left out: it is damaged" in captured.out
    assert "Warning" not in captured.err


def test_merge_names_who_rated_through_the_link_and_is_not_joined(capsys, here):
    study = small_study(here)
    collected = here / "collected"
    collected.mkdir()
    rate(study, "anna", lambda place: 3).rename(collected / "anna.jsonl")
    rate(study, "bert", lambda place: 3)
    merge = ["study", "merge", "collected", "--study", "study", "-o", "all.jsonl"]
    assert main(merge) == 0
    assert f"not joined: 1 rater in {Path('study/votes')}: bert." in capsys.readouterr().out
    assert main([*merge[:2], "study/votes", *merge[2:]]) == 0
    assert "not joined" not in capsys.readouterr().out
    assert sorted(Votes.read("all.jsonl").raters) == ["anna", "bert"]


def test_merge_mistakes(capsys, here):
    rate(small_study(here), "anna", lambda place: 3)
    other = small_study(here / "other", seed=8)
    strange = rate(other, "bert", lambda place: 3)
    merge = ("study", "merge", "study/votes", "--study", "study", "-o")
    assert "contains votes of another study" in mistake(capsys, *merge[:2], str(strange), *merge[3:], "a.csv")
    assert "name a .jsonl file" in mistake(capsys, *merge, "a.xlsx")
    assert "no such vote file" in mistake(capsys, *merge[:2], "none", *merge[3:], "a.csv")
    assert "is not a study" in mistake(capsys, *merge[:4], "other", "-o", "a.csv")
    assert not Path("a.csv").exists()


def test_rate_and_serve_are_handed_what_was_asked_for(monkeypatch, capsys, here):
    serving = pytest.importorskip("srgan_lessons.rating.serving")
    calls = []
    monkeypatch.setattr(serving, "rate", lambda *given, **options: calls.append((given, options)) or 0)
    monkeypatch.setattr(serving, "serve", lambda *given, **options: calls.append((given, options)) or 0)
    assert main(["study", "rate", "study", "--no-browser"]) == 0
    assert main(["study", "serve", "study"]) == 0
    argv = "study serve study --port 9000 --screens large --most 30 --name a.example --instructor-everywhere"
    assert main(argv.split()) == 0
    everywhere = {"port": 9000, "screens": "large", "most": 30, "names": ["a.example"], "instructor_everywhere": True}
    assert calls == [
        (("study",), {"browser": False}),
        (("study",), {"names": (), "instructor_everywhere": False}),
        (("study",), everywhere),
    ]


def test_rate_and_serve_need_a_study_and_a_free_port(capsys, here):
    serving = pytest.importorskip("srgan_lessons.rating.serving")
    assert "is not a study" in mistake(capsys, "study", "rate", ".")
    assert "is not a study" in mistake(capsys, "study", "serve", ".")
    small_study(here)
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "choose another port with --port" in mistake(capsys, "study", "serve", "study", "--port", port)
    assert all(not name.startswith("127.") for name in serving.addresses())


def test_the_notebook_of_a_study_shows_the_page(here):
    nbformat = pytest.importorskip("nbformat")
    study = small_study(here)
    notebook = nbformat.read(study.folder / "rate.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "RatingWidget(" in code
    assert "pip install" in code, "in Colab the package must come first"


@pytest.mark.parametrize("place", ["its folder", "Colab, with the zip", "Colab, without it"])
def test_the_notebook_of_a_study_finds_the_study(here, monkeypatch, place):
    """Colab opens the notebook alone: the study comes as a zip, with its folder in it or without."""
    rating, nbformat = pytest.importorskip("srgan_lessons.rating"), pytest.importorskip("nbformat")
    study = small_study(here)
    (cell,) = [c for c in nbformat.read(study.folder / "rate.ipynb", as_version=4).cells if c.cell_type == "code"]
    code = cell.source[cell.source.index("from pathlib") :]
    opened = []
    monkeypatch.setattr(rating, "RatingWidget", opened.append, raising=False)
    if place == "its folder":
        monkeypatch.chdir(study.folder)
    else:
        drive = here / "content" / "drive" / "MyDrive" / "another study"
        drive.mkdir(parents=True)
        (drive / "manifest.json").write_text("{}")  # of no concern here, and a Drive is slow to search
        if place == "Colab, with the zip":
            shutil.make_archive(str(here / "content" / "study"), "zip", here, "study")
        monkeypatch.chdir(here / "content")
    exec(code, {})
    assert Path(opened[0]) == (Path("study/study") if place == "Colab, with the zip" else Path("."))
    if place != "Colab, without it":
        assert Study.open(opened[0]).hash == study.hash


def test_report_of_a_class(capsys, here):
    study = small_study(here, images=4, size=(32, 40))
    good = {"nearest": 1, "bicubic": 2, "srresnet": 3, "srgan": 4, "hr": 5}
    for number, name in enumerate(("anna", "bert", "cleo", "dora")):
        rate(study, name, lambda p, k=number: max(1, min(5, good[p.method] + (int(p.stimulus) * (k + 3)) % 3 - 1)))
    assert main(["study", "report", "study", "-o", "report"]) == 0
    page = Path(capsys.readouterr().out.strip().splitlines()[-1])
    assert page.parent == Path("report")
    assert "<html" in page.read_text(encoding="utf-8")
    assert "does not exist" in mistake(capsys, "study", "report", "study", "--votes", "none.jsonl")


def test_report_of_other_votes(capsys, monkeypatch):
    calls = []
    monkeypatch.setattr(report, "write_report", lambda *given, **options: (calls.append((given, options)), "page")[1])
    assert main(["study", "report", "study", "--votes", "all.jsonl", "-o", "there"]) == 0
    assert calls == [(("study", "all.jsonl", "there"), {"progress": True, "screening": True, "exclude": ()})]
    more = ["--exclude", "anna", "bert b", "--no-screening"]
    assert main(["study", "report", "study", *more]) == 0
    assert calls[1][1] == {"progress": True, "screening": False, "exclude": ["anna", "bert b"]}
    assert capsys.readouterr().out == "page\n" * 2


def test_power_prints_a_table(capsys):
    argv = "study power --differences 0.1 1.5 --raters 4 8 --images 6 --studies 20 --seed 3"
    assert main(argv.split()) == 0
    out = capsys.readouterr().out
    assert "0.10" in out
    assert "1.50" in out


def test_power_of_a_number_that_was_typed_twice(capsys):
    argv = "study power --differences 1 1 --raters 4 4 --images 3 --studies 2"
    assert main(argv.split()) == 0
    out = capsys.readouterr().out
    assert "difference       4   raters for 80%" in out
    assert out.count("  1.00") == 1
