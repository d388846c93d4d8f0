"""The rating widget from the kernel's side: a page's messages are given to it, and what it answers is read.

With SRGAN_LESSONS_COLAB_PYTHON set to a Python that has Colab's ipywidgets 7.7.1, the same tests run there, too.
"""

import json
import os
import re
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
from rating_samples import given_versions, pixels, small_study

from srgan_lessons import UserError
from srgan_lessons.rating import session as sessions
from srgan_lessons.rating import votefile
from srgan_lessons.rating.study import Study

pytest.importorskip("anywidget", reason="the widget needs anywidget")

from srgan_lessons.rating import RatingWidget

OTHER = os.environ.get("SRGAN_LESSONS_COLAB_PYTHON")


class Page:
    """What the page does with a widget: it sends messages and keeps the answers."""

    def __init__(self, widget: RatingWidget):
        self.widget, self.answers = widget, []
        widget.send = lambda content, buffers=None: self.answers.append((json.loads(json.dumps(content)), buffers))
        self.count = 0
        self.tell("state")

    def tell(self, do: object, **more) -> dict:
        self.count += 1
        self.widget._handle_custom_msg({"do": do, "id": self.count, **more}, [])
        content, _ = self.answers[-1]
        assert content["id"] == self.count
        self.state = content["state"]
        return self.state

    def picture(self, token: str) -> bytes | None:
        self.count += 1
        self.widget._handle_custom_msg({"do": "picture", "id": self.count, "token": token}, [])
        content, buffers = self.answers[-1]
        assert content["id"] == self.count
        return buffers[0] if buffers else None

    def vote(self, score: int, **shown) -> dict:
        return self.tell("vote", token=self.state["token"], score=score, shown=shown)

    def rate(self, count: int | None = None, score: int = 3) -> None:
        while self.state["picture"] and (count is None or count > 0):
            self.vote(score)
            count = None if count is None else count - 1


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Study:
    return small_study(tmp_path_factory.mktemp("made"), gold=2, minutes=20)


@pytest.fixture
def opened(made, tmp_path):
    """Makes pages of widgets of one study; each test has a folder for votes of its own."""

    def opened(rater="anna", study=made, **settings) -> Page:
        return Page(RatingWidget(study, rater, settings.pop("folder", tmp_path / "votes"), **settings))

    return opened


def lines(page: Page) -> list[dict]:
    return [json.loads(line) for line in page.widget.session.path.read_text(encoding="utf-8").splitlines()]


def test_a_whole_session(opened, made):
    page = opened("Änna")
    assert (page.state["phase"], page.state["rater"], page.state["picture"]) == ("instructions", "Änna", None)
    assert page.state["scale"] == {"1": "bad", "2": "poor", "3": "fair", "4": "good", "5": "excellent"}
    page.tell("begin")
    expected = [place.gold_expected for place in made.calibration("Änna")]
    given, following, order = [], None, []
    while page.state["picture"]:
        session = page.widget.session
        place = session._steps[session._at][2]
        now = page.state["picture"]
        assert following in (None, now), "what comes next was offered before"
        assert page.picture(now["token"]) == made.read(place.stimulus), "the stimulus, bit for bit"
        if page.state["training"]:
            assert page.state["training"]["expected"] == expected[len(given)]
        else:
            order.append((page.state["done"], page.state["of"]))
        following = page.state["next"]
        given.append(1 + len(given) % 5)
        page.vote(given[-1])
    assert following is None
    assert order == [(k, 5 + made.trials) for k in range(5 + made.trials)]
    assert (page.state["done"], page.state["of"]) == (5 + made.trials,) * 2, "the same count to the end"
    assert [row["score"] for row in lines(page)] == given
    assert page.state["phase"] == "done"
    assert page.state["summary"][0].startswith(f"You gave {made.trials} ratings that count")
    assert page.state["file"] == str(page.widget.session.path)


def test_the_row_of_each_vote_says_how_it_was_shown(opened):
    page = opened()
    page.tell("begin")
    said = {"device_pixel_ratio": 1.25, "width": 16, "height": 12.8, "screen_width": 1366, "screen_height": 768}
    page.vote(2, **said, response_ms=1234)
    row = lines(page)[0]
    assert {name: row[name] for name in said} == said
    assert row["response_ms"] == 1234
    page.vote(2, device_pixel_ratio=-1, width="wide", height=float("inf"), response_ms=True, screen_width=None)
    row = lines(page)[1]
    assert {row[name] for name in said} == {None}
    assert 0 <= row["response_ms"] < 60_000


@pytest.mark.parametrize(
    "message",
    [
        *("", 7, None, [], {}, {"do": []}, {"do": "vote"}, {"do": "_file"}),
        *({"do": "vote", "score": 9, "token": 1}, {"do": "picture", "token": {}}, {"do": "undo", "token": None}),
    ],
)
def test_nonsense_from_the_page_does_no_harm(opened, message):
    page = opened()
    page.tell("begin")
    before = page.state["token"]
    page.widget._handle_custom_msg(message, [])
    page.tell("state")
    assert page.state["token"] == before
    assert lines(page) == []


@pytest.mark.parametrize("do", [[], {}, 7, "fly"])
def test_a_message_that_nobody_understands_is_answered(opened, do):
    """Without an answer, the page would wait for ever."""
    assert "does not exist" in opened().tell(do)["error"]


def test_a_click_acts_once_however_often_and_however_late(opened):
    page = opened()
    page.tell("begin")
    first = page.state["token"]
    page.vote(2)
    for do, more in (("vote", {"score": 5}), ("undo", {}), ("pause", {})):
        page.tell(do, token=first, **more)
    assert [row["score"] for row in lines(page)] == [2]
    assert page.state["picture"]


def test_messages_that_two_threads_handle_at_once(opened):
    page = opened()
    page.tell("begin")
    token, gate = page.state["token"], threading.Barrier(4)

    def click(score: int) -> None:
        gate.wait()
        page.widget._handle_custom_msg({"do": "vote", "id": 0, "token": token, "score": score}, [])

    threads = [threading.Thread(target=click, args=(score,)) for score in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(page)) == 1


def test_undo_pause_and_breaks(opened):
    page = opened(session_trials=4)
    page.tell("begin")
    page.rate(5)
    shown = page.state["picture"]
    page.vote(1)
    page.tell("undo", token=page.state["token"])
    assert page.state["picture"] == shown
    page.tell("pause", token=page.state["token"])
    assert (page.state["phase"], page.state["picture"]) == ("paused", None)
    page.tell("go_on")
    assert page.state["picture"] == shown
    page.rate()
    assert page.state["phase"] == "break"
    assert page.state["can_undo"]
    done, of = page.state["done"], page.state["of"]
    page.tell("begin")
    assert (page.state["done"], page.state["of"]) == (done, of + 3), "three more to warm up"
    assert page.widget.session.number == 2


def test_a_cell_that_is_run_again_takes_over(opened):
    first = opened()
    first.tell("begin")
    first.rate(12)
    second = opened()
    assert (second.state["phase"], second.state["resumed"]) == ("instructions", True)
    first.vote(3)
    assert first.state["phase"] == "closed"
    assert "opened again elsewhere" in first.state["error"]
    second.tell("begin")
    second.rate(3)
    first.tell("reopen")
    assert first.state["phase"] == "instructions"
    assert len(lines(first)) == 15


def test_two_widgets_do_not_disturb_each_other(opened):
    pages = [opened("a"), opened("b")]
    for score, page in enumerate(pages, start=1):
        page.tell("begin")
        page.rate(6, score=score)
    assert [{row["score"] for row in lines(page)} for page in pages] == [{1}, {2}]


def test_the_widget_asks_for_a_name_and_lets_it_be_changed(opened, tmp_path):
    page = opened(None)
    assert page.state["phase"] == "name"
    assert "needs a name" in page.tell("name", name="  ")["error"]
    assert page.state["phase"] == "name"
    page.tell("name", name=" Brt ")
    assert (page.state["phase"], page.state["rater"], page.state["renames"]) == ("instructions", "Brt", True)
    slip = page.widget.session.path
    page.tell("rename")
    assert page.state["phase"] == "name"
    assert not slip.exists()
    page.tell("name", name="Bert")
    page.tell("begin")
    page.rate(2)
    page.tell("rename")  # too late: that is no page of text
    assert page.state["rater"] == "Bert"
    assert len(lines(page)) == 2


def test_another_name_where_the_file_has_gone(opened, tmp_path):
    page = opened(None)
    page.tell("name", name="anna")
    page.widget.session.path.unlink()
    assert page.tell("rename")["phase"] == "name"


def test_nothing_that_the_page_gets_tells_the_method(tmp_path):
    methods = ["sosharp", "sosoft", "hr"]
    anchors = {"anker": {"nearest": pixels(91), "hr": pixels(92)}, "haken": {"nearest": pixels(93), "hr": pixels(94)}}
    study = Study.create(given_versions(6, methods), None, tmp_path / "study", anchors=anchors)
    page = Page(RatingWidget(study, "anna"))
    page.tell("begin")
    page.rate()
    page.picture("x")
    told = json.dumps([content for content, _ in page.answers]).replace(str(tmp_path), "")
    for word in (
        *methods[:2],
        "nearest",
        '"hr"',
        "anker",
        *study.images,
        ".png",
        *(f'"{name}"' for name in study.stimuli),
    ):
        assert word not in told, word


def test_a_full_disk_is_said_and_the_vote_can_be_cast_again(opened, monkeypatch):
    page = opened()
    page.tell("begin")
    shown = page.state["picture"]
    with monkeypatch.context() as patch:
        patch.setattr(votefile.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        page.vote(4)
    assert "the disk is full" in page.state["error"]
    assert page.state["picture"] == shown
    page.vote(5)
    assert page.state["error"] == ""
    assert [row["score"] for row in lines(page)] == [5]


def test_no_study_or_a_changed_one(tmp_path):
    page = Page(RatingWidget(tmp_path / "nowhere", "anna"))
    assert "is not a study" in page.state["error"]
    study = small_study(tmp_path)
    name = next(iter(study.stimuli))
    good = study.path(name).read_bytes()
    study.path(name).write_bytes(good + b"x")
    page = Page(RatingWidget(study.folder, "anna"))
    assert f"{name}.png is changed" in page.state["error"]
    study.path(name).write_bytes(good)
    assert page.tell("state")["phase"] == "instructions"
    assert page.widget.error == ""
    assert "minutes is 90" in RatingWidget(study, "anna", minutes=90).error


def test_a_picture_that_goes_away_in_the_middle(tmp_path):
    study = small_study(tmp_path)
    page = Page(RatingWidget(study, "anna"))
    page.tell("begin")
    page.rate(9)
    path = study.path(page.widget.session._steps[page.widget.session._at + 4][2].stimulus)
    path.rename(tmp_path / "kept.png")
    page.rate(4)
    assert page.picture(page.state["picture"]["token"]) is None
    assert f"{path.name} is missing" in page.answers[-1][0]["error"]
    (tmp_path / "kept.png").rename(path)
    assert page.picture(page.state["picture"]["token"]) == path.read_bytes()


def test_what_nobody_thought_of_is_said_too(opened, monkeypatch):
    page = opened()
    page.tell("begin")
    with monkeypatch.context() as patch:
        patch.setattr(sessions.Session, "_write", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("surprise")))
        page.vote(2)
    assert "RuntimeError: surprise" in page.state["error"]
    page.vote(2)
    assert [row["score"] for row in lines(page)] == [2]


def test_a_damaged_file_is_reported_on_the_first_page_alone(opened):
    first = opened()
    first.tell("begin")
    first.rate(15)
    first.widget.session.close()
    first.widget.session.path.write_bytes(first.widget.session.path.read_bytes()[:-40])
    again = opened()
    assert "the last line was cut off" in again.state["problems"][0]
    assert again.tell("begin")["problems"] == []


def test_in_colab_there_is_a_download_and_a_warning(opened, monkeypatch, tmp_path):
    assert not opened().state["download"]
    asked = []
    colab = types.ModuleType("google.colab")
    colab.files = types.SimpleNamespace(download=asked.append)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    page = opened(session_trials=10)
    assert page.state["download"]
    assert "This Colab machine is deleted" in page.state["problems"][0]
    page.tell("download")
    assert asked == [str(page.widget.session.path)]
    colab.files.download = lambda path: (_ for _ in ()).throw(UserError("not now"))
    assert "not now" in page.tell("download")["error"]
    assert page.tell("begin")["error"] == ""


def test_the_front_end_is_the_one_of_the_served_page_and_the_text_is_short(opened):
    from srgan_lessons.rating import server

    page = opened()
    assert page.widget._esm == server._web("rater.js")
    assert page.widget._css == server._web("rater.css")
    assert repr(page.widget) == "<RatingWidget: <Session 1 of 'anna': instructions, 0 of 35 rated>>"


@pytest.mark.skipif(not OTHER, reason="SRGAN_LESSONS_COLAB_PYTHON does not name a Python with ipywidgets 7.7.1")
def test_the_same_with_the_ipywidgets_of_colab():
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    del environment["SRGAN_LESSONS_COLAB_PYTHON"]
    version = [OTHER, "-c", "import ipywidgets; print(ipywidgets.__version__)"]
    assert subprocess.run(version, capture_output=True, text=True, check=True).stdout.strip() == "7.7.1"
    command = [OTHER, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"\d\d passed, 1 skipped", done.stdout), done.stdout[-500:]
