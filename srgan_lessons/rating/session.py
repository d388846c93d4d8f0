"""A rating session without a page: what is shown, what a vote does, and when a break is due. The widget draws it.

session = Session.open(study, "anna")
session.begin()                                  # after the instructions
while session.trial:
    show(session.picture())
    session.vote(score, session.token)           # the vote is on the disk when this returns
"""

import hashlib
import hmac
import os
import secrets
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srgan_lessons import UserError
from srgan_lessons.rating.consistency import Consistency, consistency
from srgan_lessons.rating.orders import NEAR, Place
from srgan_lessons.rating.showing import Picture, Shown, Trial
from srgan_lessons.rating.study import USUAL_SECONDS, Study
from srgan_lessons.rating.vote import HIGHEST, LOWEST, Vote
from srgan_lessons.rating.votefile import VoteFile, rater_name, vote_file_name
from srgan_lessons.rating.votes import Votes

LONG_PAUSE = 300  # seconds; after a longer pause the rater warms up again, as after a break
AHEAD = 2  # pictures that are read before they are needed

_open_sessions: dict[str, "Session"] = {}  # the open sessions of this process, by their vote file, without links


class Session:
    """One rater's session in one study. Made by `Session.open`.

    phase: "instructions", then "training", "dummy", "main"; "paused" and "break" in between; "done" at the end;
    "closed" once it is closed. token: changes whenever something else is shown. An action counts only with the token of
    what is shown now, so a second click on the same picture does nothing. The other attributes are study, rater, path
    (the file of the votes), number (of the session, from 1), resumed, and problems (what was wrong with the file, one
    sentence each).
    """

    def __init__(self, study: Study, rater: str, path: Path, clock: Callable[[], float], secret: bytes | None = None):
        """Use `Session.open`."""
        self._secret = secret or secrets.token_bytes(16)
        self._pauses = 0  # since the last line of the file: a click made before a pause does not count after it
        self.study, self.rater, self.path = study, rater, path
        self.settings = study.settings
        self._clock = clock
        self._lock = threading.RLock()
        self._order = study.order(rater)
        self._file = VoteFile(path)
        try:
            self._check_rows()
        except UserError:
            self._file.close()
            raise
        self.problems = list(self._file.problems)
        self.resumed = bool(self._file.votes)
        self.number = 1 + max((vote.session for vote in self._file.votes), default=0)
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="srgan-lessons-rating")
        self._pictures: dict[str, Future[bytes]] = {}
        self._plan(self._file.votes)
        self._enter("instructions" if self._steps else "done")

    @classmethod
    def open(
        cls,
        study: Study | str | Path,
        rater: str,
        folder: str | Path | None = None,
        *,
        minutes: float | None = None,
        session_trials: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        secret: bytes | None = None,
        go_on_within: float = 0,
    ) -> "Session":
        """Opens or resumes a rater's session.

        rater: any name or pseudonym; it decides the order and the name of the file. folder: where the file goes, by
        default `votes` in the study's folder. minutes, session_trials: the length of a session, instead of the study's.
        clock: returns seconds, counted from any start. secret: what the tokens are made from; with the same secret, a
        reopened session accepts its earlier tokens. go_on_within: seconds; if the last vote is not older than this, its
        session continues at the same picture, as if it had never been closed; otherwise a new one begins, with dummies.

        If the same rater has a session open in this process, it is closed, because a cell may be run again. Raises
        UserError for a name that cannot be used, a folder that cannot be written, a file that another process has open,
        and a file with votes of another study.
        """
        study = study if isinstance(study, Study) else Study.open(study)
        rater = rater_name(rater)
        path = (Path(folder) if folder is not None else study.votes_folder) / vote_file_name(rater, study.hash)
        path = path.absolute()
        changes: dict[str, Any] = {"minutes": minutes, "session_trials": session_trials}
        settings = replace(study.settings, **{name: value for name, value in changes.items() if value is not None})
        if (real := os.path.realpath(path)) in _open_sessions:
            _open_sessions[real].close()
        session = cls(study, rater, path, clock, secret)
        session.settings = settings
        session._go_on(go_on_within)
        _open_sessions[real] = session
        return session

    def __repr__(self) -> str:
        return f"<Session {self.number} of {self.rater!r}: {self.phase}, {self.done} of {self.total} rated>"

    # What is shown

    @property
    def trial(self) -> Trial | None:
        """The trial to rate now; None in the phases without a picture."""
        if self.phase not in ("training", "dummy", "main"):
            return None
        phase, number, place = self._steps[self._at]
        stimulus = self.study.stimuli[place.stimulus]
        of = len(self._order) if phase == "main" else sum(step[0] == phase for step in self._steps)
        return Trial(
            phase=phase,
            number=number,
            of=of,
            width=stimulus.width,
            height=stimulus.height,
            expected=place.gold_expected if phase == "training" else None,
            token=self.token,
        )

    def picture(self) -> bytes:
        """The PNG file of the current trial. Raises UserError if it is missing or changed, or if nothing is shown."""
        if self.trial is None:
            raise UserError(f"nothing is shown now: the session is in the phase {self.phase!r}.")
        return self._fetch(self._at).result()

    def pictures(self) -> list[Picture]:
        """The pictures that a page may load now: the one that is shown and, in advance, the next one. At most two."""
        first = self._at if self.phase not in ("done", "closed") else len(self._steps)
        steps = range(first, min(first + AHEAD, len(self._steps)))
        stimuli = [self.study.stimuli[self._steps[k][2].stimulus] for k in steps]
        return [
            Picture(token=self._picture_token(k), width=stimulus.width, height=stimulus.height)
            for k, stimulus in zip(steps, stimuli, strict=True)
        ]

    def picture_of(self, token: str) -> bytes | None:
        """The PNG file of one of `pictures`; None for any other token. Raises UserError like `picture`."""
        with self._lock:
            found = [k for k, picture in enumerate(self.pictures()) if hmac.compare_digest(picture.token, token)]
            wanted = self._fetch(self._at + found[0]) if found else None
        return wanted.result() if wanted is not None else None

    def _picture_token(self, step: int) -> str:
        """The token of the stimulus at a step, whatever is shown now: a preloaded picture keeps its token."""
        content = f"{self.rater}\x1f{self.number}\x1fpicture\x1f{step}"
        return hmac.new(self._secret, content.encode(), hashlib.sha256).hexdigest()[:24]

    @property
    def done(self) -> int:
        """Trials of the main phase that have a vote."""
        return len(self._voted)

    @property
    def total(self) -> int:
        """Trials of the main phase."""
        return len(self._order)

    @property
    def lines(self) -> list[Vote]:
        """All lines of the file of votes, in their order."""
        return self._file.votes

    @property
    def place(self) -> tuple[int, int]:
        """How many pictures after the training are rated, and how many there are. To a rater, all of them look alike.

        Dummies of earlier sessions count if they were rated.
        """
        with self._lock:  # the instructor's page asks while a rater's request may plan a new session
            warming = sum(phase == "dummy" for phase, _, _ in self._steps)
            given = sum(self._steps[at][0] == "dummy" for at in self._given)
            return self.done + self._warmed + given, self.total + self._warmed + warming

    @property
    def seconds_left(self) -> float:
        """About how long the rest will take at this rater's pace, in seconds."""
        steps = len(self._steps) - self._at if self.phase != "done" else 0
        return steps * self._pace()

    @property
    def seconds_to_break(self) -> float | None:
        """Seconds until the break; None if the study ends before it."""
        left = max(0.0, self.settings.minutes * 60 - self._elapsed())
        if self.settings.session_trials is not None:
            left = min(left, (self.settings.session_trials - self._in_session) * self._pace())
        return left if left < self.seconds_left else None

    @property
    def can_undo(self) -> bool:
        """Whether there is a vote of this session to take back."""
        return bool(self._given) and self.phase in ("training", "dummy", "main", "break", "done")

    # What a rater does

    def begin(self) -> None:
        """Goes from the instructions or a break to the pictures."""
        with self._lock:
            self._check_open()
            if self.phase == "break":
                self._new_session()
            elif self.phase == "instructions":
                self._started = self._clock()
                self._enter_step()

    def vote(self, score: object, token: str, shown: Shown | None = None) -> bool:
        """Writes the vote for what is shown, then goes on. For an old token it does nothing and returns False.

        When it returns, the vote is on the disk. Raises UserError for a score that is not 1 to 5, for a closed session,
        and if the vote could not be written; in that case the same picture stays, and the vote can be cast again.
        """
        with self._lock:
            self._check_open()
            if self.phase == "instructions" and token == self._sign("shown", self._steps[0][0], len(self.lines), 0):
                self.begin()  # the session had begun, and was closed before its first vote arrived
            if token != self.token or self.trial is None:
                return False
            if type(score) is not int or not LOWEST <= score <= HIGHEST:
                raise UserError(f"the score {score!r} is not one of the whole numbers {LOWEST} to {HIGHEST}.")
            phase, number, place = self._steps[self._at]
            again = (phase, number) in self._withdrawn
            self._write(phase, number, place, score, shown or Shown(), revised=again)
            self._given.append(self._at)
            if phase == "main":
                self._voted.add(number)
                self._in_session += 1
            self._at += 1
            if self._at == len(self._steps):
                self._enter("done")
            elif self._break_due() and self._steps[self._at][0] == "main":
                self._enter("break")
            else:
                self._enter_step()
            return True

    def undo(self, token: str) -> bool:
        """Withdraws the last vote of this session with a new line in the file, and shows that picture again.

        For an old token, or if there is nothing to take back, it does nothing and returns False. Raises UserError as
        `vote` does.
        """
        with self._lock:
            self._check_open()
            if token != self.token or not self.can_undo:
                return False
            phase, number, place = self._steps[self._given[-1]]
            self._write(phase, number, place, None, Shown(), revised=True)
            self._withdrawn.add((phase, number))
            self._at = self._given.pop()
            if phase == "main":
                self._voted.discard(number)
                self._in_session -= 1
            self._enter_step()
            return True

    def pause(self, token: str | None = None) -> None:
        """Stops the clock and hides the picture. With a token, only if the token is that of what is shown now."""
        with self._lock:
            self._check_open()
            if self.trial is not None and token in (None, self.token):
                self._paused_at = self._clock()
                self._pauses += 1
                self._enter("paused")

    def wake(self) -> None:
        """Call it when a page comes back. It pauses if a picture was shown for over five minutes: nobody was there."""
        with self._lock:
            if self.trial is not None and self._clock() - self._shown_at > LONG_PAUSE:
                since = self._shown_at
                self.pause()
                self._paused_at = since

    def go_on(self) -> None:
        """Goes from a pause back to the picture; after more than five minutes dummies come first, as after a break."""
        with self._lock:
            self._check_open()
            if self.phase != "paused":
                return
            away = self._clock() - self._paused_at
            self._started += away
            if away > LONG_PAUSE and self._steps[self._at][0] != "training":
                self._new_session()
            else:
                self._enter_step()

    def close(self) -> None:
        """Ends the session. The votes stay, and another session can continue from them."""
        with self._lock:
            if self.phase == "closed":
                return
            self._enter("closed")
            self._file.close()
            self._reader.shutdown(wait=False, cancel_futures=True)
            for path in [path for path, session in _open_sessions.items() if session is self]:
                del _open_sessions[path]

    def summary(self) -> Consistency:
        """How consistent the votes of all sessions of this rater are."""
        return consistency(Votes(self._file.votes))

    # Internals

    def _check_open(self) -> None:
        if self.phase == "closed":
            raise UserError(
                f"this session of {self.rater!r} was closed, or opened again elsewhere in this notebook. Go on there; "
                f"the votes are in {self.path}."
            )

    def _check_rows(self) -> None:
        for vote in self._file.votes:
            if vote.study != self.study.hash or vote.rater != self.rater:
                raise UserError(
                    f"{self.path} contains votes of another study or rater ({vote.rater!r}). Move it away, or choose "
                    "another folder for the votes."
                )
            if vote.phase == "main":
                number = vote.trial
                if number >= len(self._order) or self._order[number].stimulus != vote.stimulus:
                    raise UserError(
                        f"{self.path}: trial {number} is not what this study shows {self.rater!r} at this place. The "
                        "file was edited, or written by another version of srgan-lessons. Go on with that version, or "
                        "under another name."
                    )

    def _go_on(self, within: float) -> None:
        """Continues the last session where it stopped, if its last vote is not older than `within` seconds."""
        votes = self._file.votes
        now = datetime.now(UTC)
        if not votes or not 0 <= (now - _when(votes[-1])).total_seconds() <= within:
            return
        number = votes[-1].session
        own = [vote for vote in votes if vote.session == number]
        self.number = number
        self._plan([vote for vote in votes if vote.session != number])
        for vote in own:
            undone = vote.score is None
            at = self._given[-1] if undone and self._given else self._at
            if at >= len(self._steps) or self._steps[at][:2] != (vote.phase, vote.trial) or at != self._at - undone:
                self.number += 1  # not what this program would have shown: start a new session
                self._plan(votes)
                return
            self._replay(at, undone)
        self._started = self._clock() - (now - _when(own[0])).total_seconds()
        if self._at == len(self._steps):
            self._enter("done")
        elif self._break_due() and self._steps[self._at][0] == "main":
            self._enter("break")
        else:
            self._enter_step()

    def _replay(self, at: int, undone: bool) -> None:
        phase, number, _ = self._steps[at]
        if undone:
            self._given.pop()
            self._withdrawn.add((phase, number))
            self._at = at
        else:
            self._given.append(at)
            self._at += 1
        if phase == "main":
            (self._voted.discard if undone else self._voted.add)(number)
            self._in_session += -1 if undone else 1

    def _plan(self, lines: list[Vote]) -> None:
        """Plans what to show after these votes: the training unless it was finished, then dummies, then the rest."""
        votes = Votes(lines).effective()
        self._voted = {vote.trial for vote in votes if vote.phase == "main"}
        self._warmed = sum(vote.phase == "dummy" and vote.session != self.number for vote in votes)
        self._withdrawn = {("main", vote.trial) for vote in lines if vote.phase == "main" and vote.revised}
        main = [("main", k, place) for k, place in enumerate(self._order) if k not in self._voted]
        training = [("training", k, place) for k, place in enumerate(self.study.calibration(self.rater))]
        trained = [vote.session for vote in votes if vote.phase == "training"]
        if any(trained.count(session) == len(training) for session in set(trained)):
            training = []
        self._steps: list[tuple[str, int, Place]] = []
        if main:
            dummies = self.study.dummies(
                self.rater,
                self.number,
                first=not self._voted,
                before=lines[-1].image if lines else None,
                after=[place.image for _, _, place in main[:NEAR]],
            )
            self._steps = [*training, *(("dummy", k, place) for k, place in enumerate(dummies)), *main]
        self._at = 0
        self._given: list[int] = []  # the steps with a vote in this session
        self._in_session = 0  # how many of them are main trials
        self._started = self._clock()

    def _new_session(self) -> None:
        self.number += 1
        self._plan(self._file.votes)
        self._enter_step()

    def _enter_step(self) -> None:
        self._enter(self._steps[self._at][0])

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.token = self._sign("shown", phase, len(self._file.votes), self._pauses)
        self._shown_at = self._clock()
        if phase not in ("done", "closed"):
            near = range(self._at, min(self._at + 1 + AHEAD, len(self._steps)))
            wanted = {self._steps[k][2].stimulus for k in near}
            self._pictures = {name: future for name, future in self._pictures.items() if name in wanted}
            for k in near:
                self._fetch(k)

    def _sign(self, *what: object) -> str:
        """A string that nobody can guess, and that is the same for the same rater, session, step, and `what`."""
        content = "\x1f".join(map(str, (self.rater, self.number, self._at, *what)))
        return hmac.new(self._secret, content.encode(), hashlib.sha256).hexdigest()[:24]

    def _fetch(self, step: int) -> "Future[bytes]":
        name = self._steps[step][2].stimulus
        known = self._pictures.get(name)
        if known is None or (known.done() and known.exception()):  # a file that could not be read before may exist now
            self._pictures[name] = self._reader.submit(self.study.read, name)
        return self._pictures[name]

    def _write(self, phase: str, number: int, place: Place, score: int | None, shown: Shown, *, revised: bool) -> None:
        measured = asdict(shown)
        took = measured.pop("response_ms")
        self._file.append(
            Vote(
                study=self.study.hash,
                rater=self.rater,
                session=self.number,
                trial=number,
                phase=phase,
                image=place.image,
                method=place.method,
                stimulus=place.stimulus,
                repeat=place.repeat,
                gold_expected=place.gold_expected,
                score=score,
                response_ms=round(1000 * (self._clock() - self._shown_at)) if took is None else took,
                time_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
                seed=self.study.seed,
                revised=revised,
                **measured,
            )
        )
        self._pauses = 0

    def _elapsed(self) -> float:
        if self.phase == "instructions":
            return 0.0
        return (self._paused_at if self.phase == "paused" else self._clock()) - self._started

    def _break_due(self) -> bool:
        trials = self.settings.session_trials
        return self._elapsed() >= 60 * self.settings.minutes or (trials is not None and self._in_session >= trials)

    def _pace(self) -> float:
        recent = [vote.response_ms / 1000 for vote in self._file.votes[-50:] if vote.score is not None]
        return statistics.median(recent) if len(recent) >= 5 else USUAL_SECONDS


def _when(vote: Vote) -> datetime:
    """The time of a vote. A time that cannot be read counts as long ago."""
    try:
        found = datetime.fromisoformat(vote.time_utc)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
