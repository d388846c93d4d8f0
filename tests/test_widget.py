"""The rating widget from the kernel's side: its buttons are clicked, what it would send to a page is read.

With SRGAN_LESSONS_COLAB_PYTHON set to a Python that has Colab's ipywidgets 7.7.1, the same tests run there, too.
"""

import base64
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import types
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from rating_samples import given_versions, pixels, small_study

from srgan_lessons import UserError
from srgan_lessons.rating import session as sessions
from srgan_lessons.rating import votefile
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.votes import Votes

widgets = pytest.importorskip("ipywidgets", reason="the widget needs ipywidgets")

from srgan_lessons.rating import RatingWidget  # noqa: E402
from srgan_lessons.rating import widget as module  # noqa: E402

OTHER = os.environ.get("SRGAN_LESSONS_COLAB_PYTHON")


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Study:
    return small_study(tmp_path_factory.mktemp("made"), gold=2, minutes=20)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def opened(made, tmp_path, clock):
    """Makes widgets of one study; each test has a folder for votes of its own."""

    def opened(rater="anna", study=made, **settings) -> RatingWidget:
        return RatingWidget(study, rater, settings.pop("folder", tmp_path / "votes"), **settings)

    return opened


# What a rater finds on the page


def tree(widget) -> list:
    """The widget and all that is in it."""
    return [widget, *(inner for child in getattr(widget, "children", ()) for inner in tree(child))]


def hidden(widget) -> bool:
    return widget.layout.display == "none" or widget.layout.visibility == "hidden"


def visible(widget) -> list:
    """All that can be seen of it."""
    inner = [part for child in getattr(widget, "children", ()) for part in visible(child)]
    return [] if hidden(widget) else [widget, *inner]


def buttons(widget) -> dict:
    """The buttons that can be seen and pressed, by what stands on them."""
    found = [part for part in visible(widget) if isinstance(part, widgets.Button) and not part.disabled]
    assert len({button.description for button in found}) == len(found)
    return {button.description: button for button in found}


def text(widget) -> str:
    """The words that can be seen."""
    found = [part.value for part in visible(widget) if isinstance(part, widgets.HTML)]
    return " ".join(value for value in found if STAGE not in value and not value.startswith("<style>"))


def pictures(widget) -> list[bytes]:
    """The PNG files that can be seen."""
    found = [part.value for part in visible(widget) if isinstance(part, widgets.HTML) and STAGE in part.value]
    return [base64.b64decode(re.search(r"base64,([^\"]+)", value)[1]) for value in found]


STAGE = '<div class="opinion-stage"'
RATE = {1: "1 bad", 2: "2 poor", 3: "3 fair", 4: "4 good", 5: "5 excellent"}


def press(widget, what: int | str, clock: Clock, after: float = 2.0) -> None:
    """Presses a button as a rater does, some seconds after the page came."""
    clock.now += after
    buttons(widget)[RATE.get(what, what)].click()


def rate(widget, clock, count: int | None = None, score=3) -> None:
    while RATE[1] in buttons(widget) and (count is None or count > 0):
        press(widget, score, clock)
        count = None if count is None else count - 1


def lines(widget) -> list[dict]:
    return [json.loads(line) for line in widget.session.path.read_text(encoding="utf-8").splitlines()]


def says(widget, **message) -> None:
    """The page reports something."""
    report = next(part for part in tree(widget) if isinstance(part, widgets.Text) and "opinion-report" in classes(part))
    report.value = json.dumps(message)


def classes(widget) -> tuple:
    return tuple(widget._dom_classes)


# A whole session


def test_a_whole_session_by_clicks(opened, made, clock):
    widget = opened("Änna")
    assert "Welcome, Änna" in text(widget)
    assert "<b>1</b> bad" in text(widget)
    assert pictures(widget) == []
    assert list(buttons(widget)) == ["Start"]
    press(widget, "Start", clock)
    expected = iter([place.gold_expected for place in made.calibration("Änna")])
    plan, number = [], 0
    while RATE[1] in buttons(widget):
        session, trial = widget.session, widget.session.trial
        place = session._steps[session._at][2]
        assert pictures(widget) == [made.read(place.stimulus)], "exactly one picture, the stimulus bit for bit"
        assert set(buttons(widget)) - {"Undo"} == {*RATE.values(), "Pause"}
        assert ("Undo" in buttons(widget)) == (number > 0)
        if trial.phase == "training":
            score = next(expected)
            word = {1: "bad", 5: "excellent"}[score]
            assert f"Example {number + 1} of 4: it stands for <b>{score}, {word}</b>" in text(widget)
        else:
            score = 1 + number % 5
            assert f"Picture {number - 3} of 40, " in text(widget)  # 35, and the 5 dummies, which look like all others
            assert "left" in text(widget)
        plan.append(score)
        press(widget, score, clock)
        number += 1
    assert [row["score"] for row in lines(widget)] == plan
    assert Counter(row["phase"] for row in lines(widget)) == {"training": 4, "dummy": 5, "main": 35}
    assert "Thank you, Änna" in text(widget)
    for line in widget.session.summary().text.splitlines():
        assert line in text(widget)
    assert str(widget.session.path) in text(widget)
    assert list(buttons(widget)) == ["Undo my last rating"]
    assert widget.error == ""


def test_what_is_shown_next_was_sent_before(opened, clock):
    """With the click, the next picture need only be made visible."""
    widget = opened()
    for turn in range(6):
        press(widget, 3 if turn else "Start", clock)
        before = [part.value for part in tree(widget) if isinstance(part, widgets.HTML) and part.value]
        clock.now += 2
        buttons(widget)[RATE[3]].click()
        shown = base64.b64encode(pictures(widget)[0]).decode()
        assert any(shown in value for value in before)


def test_the_row_of_each_vote_says_how_it_was_shown(opened, clock):
    widget = opened()
    says(widget, ratio=1.25)
    press(widget, "Start", clock)
    press(widget, 5, clock)  # the page said nothing of this picture
    says(widget, ratio=1, showing=widget._shown.showing, width=20, height=16, cut=False, ms=1234)
    press(widget, 4, clock)
    press(widget, 3, clock)  # what it said was about the picture before
    keys = ("device_pixel_ratio", "width", "height")
    assert [tuple(row[key] for key in keys) for row in lines(widget)] == [
        (1.25, None, None), (1, 20, 16), (1, None, None),
    ]  # fmt: skip
    assert lines(widget)[1]["response_ms"] == 1234


NONSENSE = ("", "no json", "[1]", "null", '{"ratio": "x"}', '{"ratio": NaN, "width": -1}', '{"ratio": true}')
TOO_MUCH = ('{"ratio": 1e9}', '{"ratio": ' + "9" * 400 + "}", '{"ratio": 1' + "0" * 5000 + "}", "[" * 100_000)


@pytest.mark.parametrize("message", [*NONSENSE, *TOO_MUCH], ids=lambda message: message[:20])
def test_nonsense_from_the_page_does_no_harm(opened, clock, message):
    widget = opened()
    press(widget, "Start", clock)
    widget._report.value = message
    press(widget, 2, clock)
    assert [(row["score"], row["device_pixel_ratio"], row["width"]) for row in lines(widget)] == [(2, None, None)]


def test_a_zoomed_page_is_said_to_be_one(opened, clock):
    widget = opened()
    says(widget, ratio=1)
    assert "zoom to 100 % (Ctrl+0, or Cmd+0 on a Mac). If this note stays" not in text(widget)
    says(widget, ratio=1.25)
    assert "pictures at 125 % of their size in pixels" in text(widget)
    says(widget, ratio=2)
    assert "each pixel of a picture as 2 × 2 pixels of the screen" in text(widget)
    press(widget, "Start", clock)
    assert "not at 1:1" in text(widget)
    says(widget, ratio=1, showing=widget._shown.showing, width=10, height=8, cut=True)
    assert "does not show the picture at its own size" in text(widget)
    assert "window is too small" in text(widget)
    says(widget, ratio=1, showing=widget._shown.showing, width=20, height=16, cut=False)
    assert "size" not in text(widget)
    assert "window" not in text(widget)


# A button acts once


def test_a_click_acts_once_however_often_and_however_late(opened, clock):
    widget = opened()
    press(widget, "Start", clock)
    stale = []
    for score in (1, 4, 2, 5, 3):
        clock.now += 2
        button = buttons(widget)[RATE[score]]
        for _ in range(3):
            button.click()  # the second and third come from the side that is hidden now
        stale.append(button)
        for old in buttons(widget).values():
            if old.description in RATE.values():
                old.click()  # the rest of a double click falls on the next picture: too soon for a judgement
        clock.now += 30
        button.click()  # and one that was long on its way
    assert [row["score"] for row in lines(widget)] == [1, 4, 2, 5, 3]
    assert all(hidden_above(widget, button) for button in stale[-1:])


def hidden_above(widget, part) -> bool:
    return part not in visible(widget)


def test_clicks_that_two_threads_handle_at_once(opened, clock, monkeypatch):
    """JupyterLab hands messages to the kernel by two ways, and a slow disk lets the second catch up with the first."""
    write, calls = votefile.VoteFile.append, []

    def slow(file, row):
        calls.append(row["score"])
        time.sleep(0.2)
        write(file, row)

    monkeypatch.setattr(votefile.VoteFile, "append", slow)
    widget = opened()
    press(widget, "Start", clock)
    clock.now += 2
    found = buttons(widget)
    threads = [threading.Thread(target=found[name].click) for name in (RATE[2], RATE[2], RATE[4], "Pause")]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert calls == [row["score"] for row in lines(widget)] == [2]
    assert pictures(widget) == [widget.session.picture()]
    press(widget, 5, clock)
    assert [row["score"] for row in lines(widget)] == [2, 5]


def test_all_buttons_are_off_while_a_vote_is_saved(opened, clock, monkeypatch):
    widget = opened()
    press(widget, "Start", clock)
    during = []
    write = votefile.VoteFile.append
    monkeypatch.setattr(
        votefile.VoteFile, "append", lambda file, row: (during.append(buttons(widget)), write(file, row))[1]
    )
    press(widget, 4, clock)
    press(widget, "Undo", clock)
    assert during == [{}, {}]
    assert len(lines(widget)) == 2


def test_double_clicks_on_the_other_buttons(opened, clock):
    widget = opened()
    start = buttons(widget)["Start"]
    start.click()
    start.click()
    rate(widget, clock, 3)
    clock.now += 2
    undo = buttons(widget)["Undo"]
    undo.click()
    undo.click()
    buttons(widget)["Undo"].click()  # too soon
    assert [row["score"] for row in lines(widget)] == [3, 3, 3, None]
    clock.now += 2
    pause = buttons(widget)["Pause"]
    pause.click()
    pause.click()
    assert widget.session.phase == "paused"
    go_on = buttons(widget)["Go on"]
    go_on.click()
    go_on.click()
    assert widget.session.trial.number == 2
    assert len(lines(widget)) == 4


# Undo, pause, break, resuming


def test_undo_shows_the_picture_again(opened, clock):
    widget = opened()
    press(widget, "Start", clock)
    rate(widget, clock, 9)
    seen = pictures(widget)
    press(widget, 1, clock)
    assert pictures(widget) != seen
    assert "Picture 7 of 40" in text(widget)
    press(widget, "Undo", clock)
    assert pictures(widget) == seen
    assert "Picture 6 of 40" in text(widget)
    press(widget, "Undo", clock)
    assert "Picture 5 of 40" in text(widget)  # back into the dummies
    press(widget, 3, clock)
    press(widget, 5, clock)
    votes = Votes.read(widget.session.path).effective()
    assert [row["score"] for row in votes if row["phase"] == "main"] == [5]


def test_undo_from_the_last_page(opened, clock):
    widget = opened()
    press(widget, "Start", clock)
    rate(widget, clock)
    press(widget, "Undo my last rating", clock)
    assert "Picture 40 of 40" in text(widget)
    press(widget, 5, clock)
    assert [row["score"] for row in lines(widget)][-3:] == [3, None, 5]
    assert "Thank you" in text(widget)


def test_a_pause_hides_the_picture(opened, clock):
    widget = opened()
    press(widget, "Start", clock)
    rate(widget, clock, 12)
    before = pictures(widget)
    press(widget, "Pause", clock)
    assert "Paused" in text(widget)
    assert pictures(widget) == []
    assert list(buttons(widget)) == ["Go on"]
    press(widget, "Go on", clock)
    assert pictures(widget) == before


def test_breaks_come_and_count_on(opened, clock):
    widget = opened(session_trials=15)
    press(widget, "Start", clock)
    assert "break" not in text(widget)  # the training has its own line
    rate(widget, clock, 4)
    assert "break in" in text(widget)
    rate(widget, clock)
    assert "Time for a break" in text(widget)
    assert "15 of 35" in text(widget)
    assert list(buttons(widget)) == ["Go on", "Undo my last rating"]
    press(widget, "Undo my last rating", clock)
    press(widget, 2, clock)
    press(widget, "Go on", clock)
    assert "Picture 21 of 43, " in text(widget)  # 35, 5 dummies before and 3 now
    rate(widget, clock, 3)
    assert "Picture 24 of 43, " in text(widget)
    rate(widget, clock)
    press(widget, "Go on", clock)
    rate(widget, clock)
    assert "Thank you" in text(widget)
    votes = [row for row in Votes.read(widget.session.path).effective() if row["phase"] == "main"]
    assert [row["trial"] for row in votes] == list(range(35))


def test_a_cell_that_is_run_again_goes_on_at_the_next_trial(opened, clock):
    first = opened()
    press(first, "Start", clock)
    rate(first, clock, 20)
    second = opened()
    assert "Welcome back, anna" in text(second)
    assert "11 of 35" in text(second)
    press(first, 5, clock)  # the old page is still there
    assert "opened again elsewhere in this notebook" in first.error
    assert pictures(first) == []
    press(second, "Go on", clock)
    rate(second, clock)
    assert "Thank you" in text(second)
    votes = [row for row in Votes.read(second.session.path).effective() if row["phase"] == "main"]
    assert [row["trial"] for row in votes] == list(range(35))
    assert 5 not in {row["score"] for row in lines(second)}
    press(first, "Go on here", clock)
    assert "Thank you" in text(first)
    assert "Thank you" in text(opened())


def test_two_widgets_do_not_disturb_each_other(opened, clock):
    anna, bert = opened("anna"), opened("bert")
    assert not {part.model_id for part in tree(anna)} & {part.model_id for part in tree(bert)}
    press(anna, "Start", clock)
    press(bert, "Start", clock)
    for k in range(44):
        press(anna, 2, clock)
        if k % 2:
            press(bert, 4, clock)
    assert {row["score"] for row in lines(anna)} == {2}
    assert {row["score"] for row in lines(bert)} == {4}
    assert (len(lines(anna)), len(lines(bert))) == (44, 22)
    assert not re.search(r'\bid="', "".join(part.value for part in tree(anna) if isinstance(part, widgets.HTML)))


# Names


def test_the_widget_asks_for_a_name(opened, clock):
    widget = opened(None)
    assert "Which name" in text(widget)
    assert "Start" not in buttons(widget)
    field = next(part for part in visible(widget) if isinstance(part, widgets.Text))
    press(widget, "Continue", clock)
    assert "a rater needs a name" in text(widget)
    field.value = "ana"
    press(widget, "Continue", clock)
    slip = widget.session.path
    press(widget, "Another name", clock)
    assert not slip.exists()
    field.value = " anna "
    press(widget, "Continue", clock)
    assert "Welcome, anna<" in text(widget)
    assert widget.error == ""
    press(widget, "Start", clock)
    rate(widget, clock, 2)
    assert [row["rater"] for row in lines(widget)] == ["anna", "anna"]


def test_another_name_keeps_a_file_with_votes(opened, clock):
    first = opened("anna")
    press(first, "Start", clock)
    rate(first, clock, 12)
    widget = opened(None)
    next(part for part in visible(widget) if isinstance(part, widgets.Text)).value = "anna"
    press(widget, "Continue", clock)
    kept = lines(widget)
    press(widget, "Another name", clock)
    assert [json.loads(line) for line in first.session.path.read_text().splitlines()] == kept
    assert len(kept) == 12


def test_names_are_escaped_wherever_they_stand(opened, clock, tmp_path):
    name = "<img src=x onerror=alert(1)>&\"'/../x"
    widget = opened(name, session_trials=30)
    said = [text(widget)]
    press(widget, "Start", clock)
    rate(widget, clock)
    said.append(text(widget))
    assert "Time for a break" in said[-1]
    press(widget, "Go on", clock)
    rate(widget, clock)
    said.append(text(widget))
    for page in said:
        assert "<img" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;&amp;" in page
    assert lines(widget)[0]["rater"] == name
    assert widget.session.path.parent == tmp_path / "votes"
    broken = RatingWidget(tmp_path / "<b>no study</b>")
    assert "&lt;b&gt;no study" in text(broken)
    assert "<b>no study" not in text(broken)


# What must not be seen


def test_nothing_on_the_page_tells_the_method(tmp_path, clock):
    words = [f"zq{word}" for word in ("alpha", "beta", "gamma", "delta")]
    versions = given_versions(5, words)
    anchors = {"zqanchor": {"nearest": pixels(1), "hr": pixels(2)}}
    study = Study.create(versions, None, tmp_path / "s", seed=4, protocol="acr", anchors=anchors, title="zqtitle")
    widget = RatingWidget(study, "anna", session_trials=10)
    script, seen = widget.children[0], Counter()
    assert script.value == module._machinery().value
    forbidden = [*words, *study.images, "zqanchor", "nearest", "bicubic", "gold", *(f"{n}.png" for n in study.stimuli)]

    def look() -> None:
        parts = [part for part in tree(widget) if part is not script]  # which is the same whatever is shown
        state = json.dumps([part.get_state() for part in parts], default=repr)
        state += repr(widget) + json.dumps([part.model_id for part in tree(widget)])
        for word in forbidden:
            assert word not in state, word
        stage = [part.value for part in tree(widget) if isinstance(part, widgets.HTML) and STAGE in part.value]
        # Of the picture the page gets its size, its pixels and a running number, and all look alike in this
        marks = {re.sub(r"base64,[^\"]+|data-showing=\"\d+\"", "", value) for value in stage}
        assert len(marks) <= 1
        seen.update(marks)
        for value in stage:
            png = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", value)[1])))
            png.load()
            assert png.format == "PNG"
            assert png.info == {}
        numbers = [place.stimulus for place in study.order("anna")]
        assert not any(f'"{number}"' in "".join(stage) for number in numbers)

    look()
    while widget.session.phase != "done":
        press(widget, "Start" if "Start" in buttons(widget) else "Go on" if "Go on" in buttons(widget) else 3, clock)
        look()
    assert len(seen) == 1
    assert Votes.read(widget.session.path).table()["method"].isin([*words, "nearest", "hr"]).all()


# What goes wrong


def test_a_full_disk_is_said_and_the_vote_can_be_cast_again(opened, clock, monkeypatch):
    widget = opened()
    press(widget, "Start", clock)
    rate(widget, clock, 11)
    before = pictures(widget)

    def full(file, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(votefile.os, "write", full)
        press(widget, 5, clock)
        assert "the vote was not kept" in text(widget)
        assert "the disk is full" in widget.error
        assert pictures(widget) == before
        press(widget, "Undo", clock)
        assert "the disk is full" in text(widget)
    press(widget, 5, clock)
    assert widget.error == ""
    assert "disk" not in text(widget)
    assert [row["score"] for row in lines(widget)] == [3] * 11 + [5]


def test_a_folder_that_cannot_be_written(opened, clock, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    widget = opened(folder=blocked)
    assert widget.session is None
    assert "was not written" in text(widget)
    assert list(buttons(widget)) == ["Try again"]
    blocked.unlink()
    press(widget, "Try again", clock)
    assert "Welcome, anna" in text(widget)
    assert widget.error == ""


def test_no_study_or_a_changed_one(tmp_path, clock):
    widget = RatingWidget(tmp_path / "nowhere", "anna")
    assert "is no study" in text(widget)
    study = small_study(tmp_path)
    name = next(iter(study.stimuli))
    good = study.path(name).read_bytes()
    study.path(name).write_bytes(good + b"x")
    widget = RatingWidget(study.folder, "anna")
    assert f"{name}.png is changed" in text(widget)
    study.path(name).write_bytes(good)
    press(widget, "Try again", clock)
    assert "Welcome" in text(widget)
    assert "no setting" not in widget.error
    assert "minutes is 90" in RatingWidget(study, "anna", minutes=90).error


def test_a_picture_that_goes_away_in_the_middle(tmp_path, clock):
    study = small_study(tmp_path)
    widget = RatingWidget(study, "anna")
    press(widget, "Start", clock)
    rate(widget, clock, 9)
    path = study.path(widget.session._steps[widget.session._at + 4][2].stimulus)
    path.rename(tmp_path / "kept.png")
    rate(widget, clock)
    assert len(lines(widget)) == 13
    assert f"{path.name} is missing" in text(widget)
    assert pictures(widget) == []
    press(widget, "Try again", clock)
    if "Go on" in buttons(widget):
        press(widget, "Go on", clock)
    (tmp_path / "kept.png").rename(path)
    while "Thank you" not in text(widget):
        press(widget, next(name for name in ("Try again", "Go on", RATE[3]) if name in buttons(widget)), clock)
    votes = [row for row in Votes.read(widget.session.path).effective() if row["phase"] == "main"]
    assert [row["trial"] for row in votes] == list(range(35))


def test_what_nobody_thought_of_is_said_too(opened, clock, monkeypatch):
    widget = opened()
    press(widget, "Start", clock)

    def fail(*_, **__):
        raise RuntimeError("<surprise>")

    with monkeypatch.context() as patch:
        patch.setattr(sessions.Session, "_write", fail)
        press(widget, 2, clock)
    assert "RuntimeError: &lt;surprise&gt;" in text(widget)
    press(widget, 2, clock)
    assert [row["score"] for row in lines(widget)] == [2]


def test_a_damaged_file_is_reported_on_the_first_page(opened, clock):
    first = opened()
    press(first, "Start", clock)
    rate(first, clock, 15)
    first.session.close()
    first.session.path.write_bytes(first.session.path.read_bytes()[:-40])
    again = opened()
    assert "the last line was cut off" in text(again)
    press(again, "Go on", clock)
    assert "cut off" not in text(again)


# Colab


def test_in_colab_there_is_a_download_and_a_warning(opened, clock, monkeypatch, tmp_path):
    assert "Download my ratings" not in buttons(opened())
    asked = []
    colab = types.ModuleType("google.colab")
    colab.files = types.SimpleNamespace(download=asked.append)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    widget = opened(session_trials=10)
    assert "This Colab machine is deleted" in text(widget)
    press(widget, "Download my ratings", clock)
    press(widget, "Start", clock)
    assert "Colab" not in text(widget)
    rate(widget, clock)
    press(widget, "Download my ratings", clock)
    assert widget.session.phase == "break"
    assert asked == [str(widget.session.path)] * 2

    def fail(path):
        raise UserError("not now")

    colab.files.download = fail
    press(widget, "Download my ratings", clock)
    assert "not now" in text(widget)
    assert module.pages.goes_away(Path("/content/drive/MyDrive/votes")) == ""


# For those who cannot use a mouse or see the page, and for pages that show no widgets


def test_buttons_have_names(opened, clock):
    widget = opened()
    press(widget, "Start", clock)
    press(widget, 3, clock)
    assert list(buttons(widget)) == ["Undo", *RATE.values(), "Pause"]  # in the order of the Tab key
    for name, button in buttons(widget).items():
        assert button.tooltip
        if name in RATE.values():
            assert f"key {name[0]}" in button.tooltip


def test_core_widgets_alone_and_a_short_text(opened):
    widget = opened()
    modules = {part._model_module for part in tree(widget)} | {part._view_module for part in tree(widget)}
    assert modules <= {"@jupyter-widgets/controls", "@jupyter-widgets/base"}
    assert repr(widget) == "<RatingWidget: <Session 1 of 'anna': instructions, 0 of 35 rated>>"


def test_texts_of_durations():
    about = module.pages.about
    assert [about(s) for s in (0, 59, 60, 89, 91, 3500, 3599, 3600, 5400)] == [
        "less than a minute", "less than a minute", "about 1 minute", "about 1 minute", "about 2 minutes",
        "about 58 minutes", "about 1 h 00 min", "about 1 h 00 min", "about 1 h 30 min",
    ]  # fmt: skip


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
