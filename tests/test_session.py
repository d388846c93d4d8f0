"""Rating sessions without a page: phases, votes, undo, breaks, resuming, and a process killed at any moment."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from rating_rows import row
from rating_samples import anchors, given_versions, small_study

from srgan_lessons import UserError
from srgan_lessons.rating import votefile
from srgan_lessons.rating.consistency import Consistency, consistency
from srgan_lessons.rating.session import LONG_PAUSE, Session, Shown
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.vote import Vote, parse_line
from srgan_lessons.rating.votes import Votes

KILLS = 100


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Study:
    return small_study(tmp_path_factory.mktemp("made"), gold=2, minutes=20)


@pytest.fixture
def study(made) -> Study:
    """The same study for all; `opened` gives each test a folder for votes of its own."""
    return made


def opened(study: Study, tmp_path: Path, rater: str = "anna", **settings) -> Session:
    return Session.open(study, rater, tmp_path / "votes", **settings)


def lines(session: Session) -> list[Vote]:
    return [parse_line(line) for line in session.path.read_bytes().splitlines()]


def rate(session: Session, count: int | None = None, score: int = 3) -> list[Vote]:
    """Votes so often, or to the next break or the end. Gives what was voted on, as it stands in the file."""
    begun = len(session._file.votes)
    while session.trial and (count is None or count > 0):
        assert session.vote(score, session.token)
        count = None if count is None else count - 1
    return session._file.votes[begun:]


# From instructions to the end


def test_the_phases_in_their_order(study, tmp_path):
    session = opened(study, tmp_path)
    assert session.phase == "instructions"
    assert session.trial is None
    assert not session.resumed
    session.begin()
    rows = rate(session)
    assert session.phase == "done"
    assert session.trial is None
    phases = [row.phase for row in rows]
    assert phases == ["training"] * 4 + ["dummy"] * 5 + ["main"] * (30 + 3 + 2)
    assert [row.trial for row in rows] == [*range(4), *range(5), *range(35)]
    order = study.order("anna")
    assert [row.stimulus for row in rows[9:]] == [place.stimulus for place in order]
    assert [row.repeat for row in rows[9:]] == [place.repeat for place in order]
    assert [row.gold_expected for row in rows[9:]] == [place.gold_expected for place in order]
    assert not [a for a, b in pairwise(rows) if a.image == b.image]
    assert lines(session) == rows
    assert (session.done, session.total) == (35, 35)
    assert session.seconds_left == 0


def test_a_vote_says_all_that_it_is_about(study, tmp_path):
    clock = Clock()
    session = opened(study, tmp_path, "Änna <b>", clock=clock)
    session.begin()
    rate(session, 9)
    place = study.order("Änna <b>")[0]
    clock.now += 2.5
    session.vote(4, session.token, Shown(device_pixel_ratio=1.25, width=640, height=480.5))
    row = json.loads(session.path.read_text(encoding="utf-8").splitlines()[-1])
    written = row.pop("time_utc")
    assert row == {
        "study": study.hash, "rater": "Änna <b>", "session": 1, "trial": 0, "phase": "main", "image": place.image,
        "method": place.method, "stimulus": place.stimulus, "repeat": 0, "gold_expected": place.gold_expected,
        "score": 4, "response_ms": 2500, "seed": 1, "revised": False, "device_pixel_ratio": 1.25, "width": 640,
        "height": 480.5, "screen_width": None, "screen_height": None,
    }  # fmt: skip
    assert written.endswith("+00:00")
    session.vote(4, session.token, Shown(response_ms=321))  # the page measured it
    assert lines(session)[-1].response_ms == 321


def test_the_picture_is_the_stimulus_and_the_next_one_is_there_before(study, tmp_path):
    session = opened(study, tmp_path)
    first = session.pictures()[0]
    assert session.picture_of(first.token) == study.read(study.calibration("anna")[0].stimulus)
    session.begin()
    following = None
    while session.trial:
        picture = session.picture()
        row_of = session._steps[session._at][2]
        assert picture == study.read(row_of.stimulus)
        stimulus = study.stimuli[row_of.stimulus]
        assert (session.trial.width, session.trial.height) == (stimulus.width, stimulus.height)
        offered = session.pictures()
        assert session.picture_of(offered[0].token) == picture
        assert (offered[0].width, offered[0].height) == (stimulus.width, stimulus.height)
        assert following in (None, offered[0])  # what was loaded before is asked for by the same token
        following = offered[1] if len(offered) > 1 else None
        before = offered[0].token
        session.vote(2, session.token)
        if session.phase != "done":
            assert session.picture_of(before) is None, "only what is shown now and next is available"
    assert following is None
    assert session.pictures() == []
    with pytest.raises(UserError, match="nothing is shown now"):
        session.picture()


def test_what_a_page_gets_does_not_tell_the_method(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    while session.trial:
        shown = repr(session.trial)
        place = session._steps[session._at][2]
        assert not any(word in shown for word in (*study.methods, place.image, f"'{place.stimulus}'"))
        assert session.trial.expected == (place.gold_expected if session.trial.phase == "training" else None)
        session.vote(2, session.token)


# A button acts once


def test_a_second_click_on_a_picture_does_nothing(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    tokens = set()
    while session.trial:
        token = session.token
        assert session.trial.token == token
        assert session.vote(3, token)
        assert not session.vote(5, token)
        assert not session.vote(3, token)
        assert not session.undo(token)
        tokens.add(token)
    rows = lines(session)
    assert len(rows) == len(tokens) == 44
    assert {row.score for row in rows} == {3}
    assert not session.vote(3, session.token)  # nothing is shown any more


@pytest.mark.parametrize("score", [0, 6, 3.0, "3", None, True])
def test_a_score_that_is_none_is_refused(study, tmp_path, score):
    session = opened(study, tmp_path)
    session.begin()
    with pytest.raises(UserError, match="not one of the whole numbers 1 to 5"):
        session.vote(score, session.token)
    assert session.path.read_bytes() == b""
    assert session.vote(3, session.token)


# Undo


def test_undo_adds_a_line_and_shows_the_picture_again(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    rate(session, 12)
    before = session.path.read_bytes()
    second, third = session._steps[10][2], session._steps[11][2]
    assert session.undo(session.token)
    assert session.picture() == study.read(third.stimulus)
    assert session.undo(session.token)
    assert session.picture() == study.read(second.stimulus)
    assert session.done == 1
    session.vote(5, session.token)
    session.vote(4, session.token)
    rate(session)
    after = session.path.read_bytes()
    assert after.startswith(before)  # nothing is rewritten
    rows = lines(session)[12:16]
    assert [(r.trial, r.score, r.revised) for r in rows] == [
        (2, None, True), (1, None, True), (1, 5, True), (2, 4, True),
    ]  # fmt: skip
    votes = Votes.read(session.path)
    main = [r for r in votes if r.phase == "main"]
    assert sorted(r.trial for r in main) == list(range(35))
    assert {r.trial: r.score for r in main if r.score != 3} == {1: 5, 2: 4}


def test_undo_goes_back_over_phases_and_from_the_end_and_no_further_than_the_session(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    assert not session.can_undo
    assert not session.undo(session.token)
    rate(session, 4)
    assert session.phase == "dummy"
    assert session.undo(session.token)
    assert session.phase == "training"
    rate(session)
    assert session.phase == "done"
    assert session.can_undo
    assert session.undo(session.token)
    assert session.phase == "main"
    assert session.trial.number == 34
    session.close()
    again = opened(study, tmp_path)
    again.begin()
    assert not again.can_undo
    assert again.undo(again.token) is False


def test_an_undone_vote_is_asked_for_again_after_a_restart(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    rate(session, 14)
    session.undo(session.token)
    session.close()
    again = opened(study, tmp_path)
    again.begin()
    rows = rate(again, 5)
    assert [(r.phase, r.trial) for r in rows] == [
        ("dummy", 0),
        ("dummy", 1),
        ("dummy", 2),
        ("main", 4),
        ("main", 5),
    ]
    assert [r.revised for r in rows] == [False, False, False, True, False]


# Breaks and pauses


def test_a_break_after_so_many_minutes(study, tmp_path):
    clock = Clock()
    session = opened(study, tmp_path, clock=clock, minutes=1)
    clock.now += 500  # reading the instructions does not count
    assert session.seconds_to_break == 60
    session.begin()
    seen = []
    while session.phase != "done":
        while session.trial:
            clock.now += 3
            session.vote(3, session.token)
        seen.append((session.phase, session.done))
        if session.phase == "break":
            assert session.pictures()
            clock.now += 1000
            session.begin()
            assert session.trial.phase == "dummy"
    # 20 votes of 3 s: 9 before the main phase, then 3 dummies each time
    assert seen == [("break", 11), ("break", 28), ("done", 35)]
    rows = lines(session)
    assert Counter((r.session, r.phase) for r in rows) == {
        (1, "training"): 4, (1, "dummy"): 5, (1, "main"): 11, (2, "dummy"): 3, (2, "main"): 17, (3, "dummy"): 3,
        (3, "main"): 7,
    }  # fmt: skip
    assert [r.trial for r in rows if r.phase == "main"] == list(range(35))
    assert not [a for a, b in pairwise(rows) if a.image == b.image]
    dummies = [tuple(r.stimulus for r in rows if (r.session, r.phase) == (n, "dummy")) for n in (1, 2, 3)]
    assert len(set(dummies)) == 3  # new ones


def test_a_break_after_so_many_trials(study, tmp_path):
    session = opened(study, tmp_path, session_trials=15)
    session.begin()
    assert session.seconds_to_break is not None
    rate(session)
    assert (session.phase, session.done) == ("break", 15)
    assert session.undo(session.token)  # the last click before a break can be mended
    assert (session.phase, session.done) == ("main", 14)
    rate(session)
    assert (session.phase, session.done) == ("break", 15)
    session.begin()
    rate(session)
    session.begin()
    assert session.seconds_to_break is None  # the study ends before
    rate(session)
    assert session.phase == "done"
    with pytest.raises(UserError, match="at most 30 minutes"):
        opened(study, tmp_path, minutes=90)


def test_a_pause_stops_the_clock(study, tmp_path):
    clock = Clock()
    session = opened(study, tmp_path, clock=clock, minutes=1)
    session.begin()
    rate(session, 12)
    clock.now += 10
    before, token, left = session.picture(), session.token, session.seconds_to_break
    session.pause()
    assert session.phase == "paused"
    assert session.trial is None
    assert not session.vote(3, token)
    clock.now += LONG_PAUSE - 1
    assert session.seconds_to_break == left
    session.go_on()
    assert session.picture() == before
    assert not session.vote(3, token)  # a click from before the pause
    clock.now += 2
    session.vote(3, session.token)
    assert lines(session)[-1].response_ms == 2000
    session.pause()
    clock.now += LONG_PAUSE + 1
    session.go_on()
    assert session.trial.phase == "dummy"
    assert session.number == 2
    rate(session)
    assert not [a for a, b in pairwise(lines(session)) if a.image == b.image]


# Resuming


def test_resuming_goes_on_at_the_next_trial_with_new_dummies(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    rate(session, 20)
    session.close()
    again = opened(study, tmp_path)
    assert again.resumed
    assert again.phase == "instructions"
    assert (again.number, again.done) == (2, 11)
    again.begin()
    rate(again)
    rows = lines(again)
    assert Counter((r.session, r.phase) for r in rows) == {
        (1, "training"): 4, (1, "dummy"): 5, (1, "main"): 11, (2, "dummy"): 3, (2, "main"): 24,
    }  # fmt: skip
    assert [r.trial for r in rows if r.phase == "main"] == list(range(35))
    assert not [a for a, b in pairwise(rows) if a.image == b.image]
    again.close()
    finished = opened(study, tmp_path)
    assert finished.phase == "done"
    finished.begin()
    assert finished.phase == "done"


def test_no_image_twice_in_a_row_wherever_a_session_was_broken_off(tmp_path):
    """With few images, so that chance would often bring two together."""
    study = small_study(tmp_path, images=3, methods=("hr", "nearest", "srgan"))
    for rater in range(12):
        rows, before = [], -1
        while len(rows) > before:
            before = len(rows)
            session = Session.open(study, f"rater {rater}", tmp_path / "votes")
            session.begin()
            rate(session, (4 if rows else 10) + rater % 4)
            rows = list(session._file.votes)
            session.close()
        assert session.phase == "closed"
        assert sum(r.phase == "main" for r in rows) == study.trials
        assert not [(a, b) for a, b in pairwise(rows) if a.image == b.image]


def test_a_training_that_was_broken_off_begins_anew_and_the_first_session_has_all_dummies(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    rate(session, 2)
    session.close()
    again = opened(study, tmp_path)
    again.begin()
    rows = rate(again, 10)
    assert [r.phase for r in rows] == ["training"] * 4 + ["dummy"] * 5 + ["main"]


def test_a_cell_that_is_run_again_takes_over(study, tmp_path):
    first = opened(study, tmp_path)
    first.begin()
    rate(first, 3)
    second = opened(study, tmp_path)
    assert first.phase == "closed"
    assert first.trial is None
    with pytest.raises(UserError, match="opened again elsewhere in this notebook"):
        first.vote(3, first.token)
    second.begin()
    assert second.vote(3, second.token)
    first.close()  # twice does no harm
    assert second.vote(3, second.token)


def test_a_cell_that_names_the_folder_in_another_way_takes_over_too(study, tmp_path):
    first = Session.open(study, "anna", tmp_path / "votes")
    second = Session.open(study, "anna", tmp_path / "votes" / ".." / "votes")
    assert first.phase == "closed"
    if hasattr(os, "symlink"):
        (tmp_path / "link").symlink_to(tmp_path / "votes", target_is_directory=True)
        third = Session.open(study, "anna", tmp_path / "link")
        assert second.phase == "closed"
        third.begin()
        assert third.vote(3, third.token)
        third.close()


def test_two_raters_in_one_notebook_do_not_disturb_each_other(study, tmp_path):
    anna, bert = opened(study, tmp_path, "anna"), opened(study, tmp_path, "bert")
    anna.begin()
    bert.begin()
    while anna.trial or bert.trial:
        assert not bert.vote(1, anna.token)  # a token of another widget
        if anna.trial:
            anna.vote(2, anna.token)
        if bert.trial:
            bert.vote(4, bert.token)
    assert {r.score for r in lines(anna)} == {2}
    assert {r.score for r in lines(bert)} == {4}
    assert len(lines(anna)) == len(lines(bert)) == 44
    assert [r.stimulus for r in lines(anna)] != [r.stimulus for r in lines(bert)]


def test_a_cut_off_line_is_reported_and_its_trial_shown_again(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    rate(session, 15)
    session.close()
    session.path.write_bytes(session.path.read_bytes()[:-40])
    again = opened(study, tmp_path)
    assert len(again.problems) == 1
    assert "the last line was cut off" in again.problems[0]
    assert again.done == 5
    again.begin()
    rate(again)
    assert [r.trial for r in Votes.read(again.path) if r.phase == "main"] == list(range(35))


# Bad input


def test_a_file_of_another_study_or_an_edited_one(study, tmp_path):
    session = opened(study, tmp_path)
    session.begin()
    rate(session, 12)
    session.close()
    text = session.path.read_text()
    session.path.write_text(text.replace(study.hash, "0" * 64))
    with pytest.raises(UserError, match="contains votes of another study or rater"):
        opened(study, tmp_path)
    session.path.write_text(text.replace('"trial": 2, "phase": "main"', '"trial": 20, "phase": "main"'))
    with pytest.raises(UserError, match="trial 20 is not what this study shows 'anna' at this place"):
        opened(study, tmp_path)
    session.path.write_text(text)
    assert opened(study, tmp_path).done == 3  # the lock was given back


def test_a_full_disk_keeps_the_picture_and_the_vote_can_be_cast_again(study, tmp_path, monkeypatch):
    session = opened(study, tmp_path)
    session.begin()
    rate(session, 11)
    token, picture = session.token, session.picture()

    def full(file, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(votefile.os, "write", full)
        with pytest.raises(UserError, match=r"the vote was not kept: .*the disk is full"):
            session.vote(2, token)
        with pytest.raises(UserError, match="the disk is full"):
            session.undo(token)
    assert (session.token, session.picture()) == (token, picture)
    assert session.vote(2, token)
    assert [r.trial for r in lines(session) if r.phase == "main"] == [0, 1, 2]


def test_a_stimulus_that_goes_away_during_the_session(tmp_path):
    study = small_study(tmp_path)
    session = Session.open(study, "anna")
    session.begin()
    rate(session, 9)
    name = session._steps[session._at + 4][2].stimulus
    study.path(name).rename(tmp_path / "kept.png")
    rate(session, 4)
    with pytest.raises(UserError, match=f"{name}.png is missing"):
        session.picture()
    assert len(lines(session)) == 13  # all votes are there
    (tmp_path / "kept.png").rename(study.path(name))
    assert session.picture() == study.read(name)  # it is read again, not remembered as missing
    rate(session, 2)
    session.close()
    again = Session.open(study, "anna")
    again.begin()
    rate(again)
    assert again.phase == "done"


def test_names_and_folders_that_cannot_be_used(study, tmp_path):
    for name in ("", "a\nb", "x" * 500):
        with pytest.raises(UserError, match="name"):
            opened(study, tmp_path, name)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="was not written"):
        Session.open(study, "anna", tmp_path / "file")
    with pytest.raises(UserError, match="is not a study"):
        Session.open(tmp_path, "anna")
    html = opened(study, tmp_path, "<img src=x onerror=alert(1)>/..")
    assert html.path.parent == tmp_path / "votes"


# The closing page


def test_the_summary_counts_by_hand(tmp_path):
    study = Study.create(given_versions(), None, tmp_path / "study", seed=1, anchors=anchors(), repeats=0.2, gold=4)
    session = Session.open(study, "anna")
    session.begin()
    first: dict[str, int] = {}
    plan = iter([0, 1, 2, 0, 1, 0])  # steps by which the repeats miss
    gold = iter([0, 1, 2, 4])
    while session.trial:
        _, _, place = session._steps[session._at]
        if session.trial.phase == "training":
            score = place.gold_expected
        elif place.gold_expected:
            score = place.gold_expected + (1 if place.gold_expected == 1 else -1) * next(gold)
        elif place.repeat:
            score = first[place.stimulus] + next(plan)
        else:
            score = first[place.stimulus] = 1 + int(place.stimulus) % 3
        session.vote(score, session.token)
    found = session.summary()
    assert (found.votes, found.repeats, found.same, found.near) == (40, 6, 3, 5)
    assert found.difference == pytest.approx(4 / 6)
    assert (found.gold, found.gold_passed, found.anchors, found.anchors_passed) == (4, 2, 4, 4)
    assert not found.one_button
    assert "6 pictures were shown twice: 3 times you gave the same score" in found.text
    assert "4 pictures were obvious, and you scored 2 of 4 as expected" in found.text


def test_one_button_is_said_to_be_one(study, tmp_path):
    session = opened(study, tmp_path)
    assert consistency(Votes([])).text == "You gave 0 ratings that count."
    session.begin()
    rate(session)
    assert session.summary().one_button
    assert "cannot tell the methods apart" in session.summary().text


def test_the_bounds_of_one_button_and_of_near_by_hand():
    """A variance under 0.15 over at least five scores: of seven scores that are 3 but one, it is 1/7; of six, 1/6.

    Of twelve scores with two others it is 5/33, which is just above.
    """
    for scores, one_button in (
        ([3] * 4, False), ([3] * 5, True), ([3] * 6 + [4], True), ([3] * 5 + [4], False), ([3] * 10 + [4] * 2, False),
    ):  # fmt: skip
        votes = [row(k, score, stimulus=f"{k:04}", response_ms=100 * k) for k, score in enumerate(scores)]
        found = consistency(Votes(votes))
        assert found.one_button == one_button
        assert found.median_seconds == pytest.approx((len(scores) - 1) / 20)
    hidden = [row(k, score, gold_expected=1 if k < 3 else 5) for k, score in enumerate([1, 2, 3, 5, 4, 3])]
    found = consistency(Votes([*hidden, row(6, 3, phase="training", gold_expected=5), row(7, 3, phase="dummy")]))
    assert (found.votes, found.gold, found.gold_passed, found.anchors, found.anchors_passed) == (6, 6, 4, 1, 0)
    assert (found.variance, found.difference) == (None, None)


def test_one_picture_is_one_picture():
    numbers = {"votes": 1, "median_seconds": 2.0, "repeats": 1, "same": 0, "near": 1, "difference": 1.0, "gold": 1}
    numbers |= {"gold_passed": 1, "anchors": 4, "anchors_passed": 1, "variance": None, "one_button": False}
    assert Consistency(**numbers).text.splitlines() == [
        "You gave 1 rating that counts, each in about 2.0 s.",
        "1 picture was shown twice: 0 times you gave the same score, once the same or a neighbouring one. On average, "
        "the two scores are 1.0 steps apart.",
        "1 picture was obvious, and you scored 1 of 1 as expected.",
        "In the training, 1 of 4 scores was as expected.",
    ]


# Killed at any moment

RATER = """
import os, random, sys
from srgan_lessons.rating.session import Session

def life(study, rater, pipe, seed):
    dice = random.Random(seed)
    session = Session.open(study, rater)
    session.begin()
    while session.trial:
        phase, number, place = session._steps[session._at]
        score = dice.randint(1, 5)
        if session.can_undo and dice.random() < 0.1:
            phase, number, place = session._steps[session._given[-1]]
            session.undo(session.token)
            score = None
        else:
            session.vote(score, session.token)
        # The vote is confirmed: this line stands for the next picture being shown
        os.write(pipe, f"{session.number} {phase} {number} {score}\\n".encode())
    session.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this system lacks")
def test_killed_at_any_moment(tmp_path):
    """In a process of its own, which has had no threads and may fork."""
    small_study(tmp_path)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(tmp_path / "study")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills, confirmed = (int(re.search(rf"(\d+) {word}", done.stdout)[1]) for word in ("kills", "votes"))
    print(done.stdout)
    assert kills >= KILLS
    assert confirmed >= 300  # they did rate


def _kill_and_compare(folder: Path) -> None:
    namespace: dict = {}
    exec(RATER, namespace)
    study = Study.open(folder)

    def live(rater: str, seed: int, seconds: float | None) -> tuple[list[tuple], bool]:
        """A rater's process, killed after so long. What it confirmed, and whether it was killed."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reading)
                namespace["life"](study, rater, writing, seed)
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
        os.close(writing)
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        with os.fdopen(reading) as pipe:
            said = [line.split() for line in pipe if line.endswith("\n")]
        rows = [(int(s), phase, int(n), None if score == "None" else int(score)) for s, phase, n, score in said]
        return rows, os.WIFSIGNALED(status)

    begun = time.perf_counter()
    live("whole", 0, None)
    whole = time.perf_counter() - begun
    dice, kills, raters, lives, between, torn, confirmed = random.Random(0), 0, 0, 0, 0, 0, 0
    while kills < KILLS:
        raters += 1
        expected: list[tuple] = []  # what must stand in the file, line by line
        killed = True
        while killed:
            lives += 1
            # Now and then one is left alone, so that it comes to the end
            said, killed = live(f"rater {raters}", lives, dice.uniform(0, whole / 5) if lives % 9 else None)
            kills += killed
            confirmed += len(said)
            expected += said
            files = list(study.votes_folder.glob(f"rater-{raters}-*.jsonl"))
            votes = _read(files[0]) if files else Votes([])
            # The system may end a write that crosses from one page of memory to the next; opening repairs that.
            assert [p for p in votes.problems if not p.endswith("is cut off at the end of the file")] == []
            assert killed or votes.problems == []
            torn += len(votes.problems)
            rows = [_row(row) for row in votes.lines]
            assert rows[: len(expected)] == expected, "a confirmed vote is lost"
            assert len(rows) <= len(expected) + 1, "more than the vote being cast is new"
            between += len(rows) > len(expected)
            expected = rows
            trials = [row.trial for row in votes if row.phase == "main"]
            assert len(trials) == len(set(trials)), "a vote is doubled"
        assert sorted(trials) == list(range(study.trials)), "a rater who came to the end has rated all"
    print(f"{kills} kills in {lives} lives of {raters} raters; {confirmed} votes confirmed, ", end="")
    print(f"{between} written and not confirmed, {torn} cut off")


def _row(row) -> tuple:
    return row.session, row.phase, row.trial, row.score


def _read(path: Path) -> Votes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a line that is cut off
        return Votes.read(path)


if __name__ == "__main__":
    _kill_and_compare(Path(sys.argv[1]))
