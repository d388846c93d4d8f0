"""A study that is open to raters: their sessions, its secrets, and whether it is closed. HTTP plays no part here."""

import csv
import hmac
import json
import logging
import os
import secrets
import statistics
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.files import explain_write_error, lock
from srgan_lessons.rating import transport
from srgan_lessons.rating.manifest import whole
from srgan_lessons.rating.raters import NotSaved, Rater, Raters, write_private
from srgan_lessons.rating.session import LONG_PAUSE, Session
from srgan_lessons.rating.spreadsheet import unshielded
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.votefile import vote_file_name
from srgan_lessons.rating.votes import Votes

SCREENS = ("any", "large")
FAILED = "This could not be saved. Tell whoever gave you the link, and try again. Nothing else is lost."
PRIVATE = ".serve"  # a folder in the study's folder; never share it


class Host:
    """A study with its raters. A server makes one; its methods may be called from several threads.

    study: an open study. screens: "any", or "large" to refuse screens on which pictures are tiny or do not fit. most:
    how many raters may join. local: True on a rater's own machine, where a name alone is enough. invitation,
    instructor: the secret parts of the two links; they stay the same when the server restarts. Raises UserError if
    another process hosts the study, and if what was kept cannot be read.
    """

    def __init__(self, study: Study, *, screens: str = "any", most: int = 200, local: bool = False):
        if screens not in SCREENS:
            raise UserError(f"screens is {screens!r}; it must be one of: {', '.join(SCREENS)}.")
        whole("most", most, 1, 10_000)
        self.study, self.screens, self.local = study, screens, local
        self.folder = study.folder / PRIVATE
        self.report = study.folder / "report"
        self._file = self.folder / "host.json"
        self._held = _hold(self.folder)
        try:
            kept = self._read()
            self.invitation: str = kept["invitation"]
            self.instructor: str = kept["instructor"]
            self.closed: bool = kept["closed"]
            self._before = _rated_before(study)
            self.raters = Raters(self.folder / "raters.json", most=most, taken=self._before, open_names=local)
        except UserError:
            os.close(self._held)
            raise
        self._sessions: dict[str, Session] = {}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._seen: dict[str, float] = {}
        self._class: dict[str, float] | None = None

    def invited(self, invitation: object) -> bool:
        """Whether this is the secret part of the raters' link."""
        if not isinstance(invitation, str):
            return False
        return hmac.compare_digest(invitation.encode(errors="replace"), self.invitation.encode())

    # Requests from raters

    def answer(self, cookie: str, message: object) -> dict:
        """The state after a browser's message. Raises UserError for a name or a link that is not accepted."""
        said = message if isinstance(message, dict) else {}
        rater = self.raters.known(cookie)
        if rater is None or said.get("do") == "name":
            if not self.invited(said.get("invitation")):
                return {
                    "phase": "away",
                    "why": "Ask whoever gave you the link for the complete link, or scan the code again.",
                }
            if self.closed:
                return {"phase": "over", "result": None, **self._page(None)}
            if said.get("do") != "name":
                return {"phase": "name", "error": "", **self._page(None)}
            try:
                rater = self.raters.join(said.get("name"), said.get("code"), cookie)
            except UserError as error:
                name = said.get("name")
                name = name if isinstance(name, str) else ""
                why = _sentence(error)
                if isinstance(error, NotSaved) and not self.local:
                    logging.getLogger(__name__).error("%s: %s", name, why)
                    why = FAILED
                return {"phase": "name", "rater": name, "error": why, **self._page(None)}
            said = {"do": "state"}
        self._seen[rater.name] = time.monotonic()
        if said.get("do") == "reopen":
            said = {"do": "state"}
        with self._locks[rater.name]:
            if self.closed:  # asked here, because `close` waits for this lock
                return {"phase": "over", "result": self._result(rater), **self._page(rater)}
            state = {**transport.answer(self._session(rater), said), **self._page(rater)}
        if state["error"] and not self.local:
            logging.getLogger(__name__).error("%s: %s", rater.name, state["error"])
            state["error"] = FAILED  # the details, with paths, are for the instructor only
        return state

    def picture(self, cookie: str, token: str) -> bytes | None:
        """The PNG that a browser may load now under this token, or None."""
        rater = self.raters.known(cookie)
        if rater is None:
            return None
        with self._locks[rater.name]:
            return None if self.closed else self._session(rater).picture_of(token)

    def _session(self, rater: Rater) -> Session:
        session = self._sessions.get(rater.name)
        if session is None or session.phase == "closed":
            session = Session.open(self.study, rater.name, secret=self.raters.secret, go_on_within=LONG_PAUSE)
            self._sessions[rater.name] = session
            if not self.local:  # problems name the file, with its folder
                for problem in session.problems:
                    logging.getLogger(__name__).warning(problem)
                session.problems = []
        return session

    def _page(self, rater: Rater | None) -> dict:
        found = {"title": self.study.title, "screens": self.screens, "codes": not self.local, "local": self.local}
        found |= {"plain": not self.local, **transport.page(self.study)}
        if rater and not self.local:
            found["code"] = f"{rater.code[:4]}-{rater.code[4:]}"
        if rater and self.local and rater.name in self._sessions:
            found["file"] = str(self._sessions[rater.name].path)
        return found

    # Requests from the instructor

    def live(self) -> dict:
        """How far each rater has got. It leaves out means and methods: the instructor must not know the result yet."""
        rows = []
        for name in self.raters.names:
            session = self._sessions.get(name)
            main, warmed = self._before.get(name, (0, 0))
            done, of = main + warmed, self.study.trials + max(warmed, self.study.settings.dummies)
            row = {"name": name, "phase": "not here", "done": done, "of": of, "pace": None}
            row["away"] = None
            if session is not None:
                done, of = session.place
                paces = [vote.response_ms / 1000 for vote in session.lines[-20:] if vote.score is not None]
                ended = session.phase == "closed" and done == of  # closed with the study, after everything was rated
                row |= {"phase": "done" if ended else session.phase, "done": done, "of": of}
                row["pace"] = statistics.median(paces) if paces else None
            if name in self._seen:
                row["away"] = time.monotonic() - self._seen[name]
            rows.append(row)
        return {"title": self.study.title, "closed": self.closed, "raters": rows, "reported": self._means() is not None}

    def close(self) -> None:
        """Closes the study: no more votes are accepted, and the sessions release their files."""
        self.closed = True
        self._write()
        for name in self.raters.names:
            with self._locks[name]:
                if name in self._sessions:
                    self._sessions[name].close()

    def open(self) -> None:
        """Opens the study again: votes are accepted, and the result is no longer shown to raters."""
        self.closed, self._class = False, None
        self._write()

    def stop(self) -> None:
        """Called when the server ends: releases the vote files. Everything else stays as it is."""
        for session in list(self._sessions.values()):
            session.close()
        os.close(self._held)

    def _result(self, rater: Rater) -> list[dict] | None:
        """A rater's mean scores beside the class's, best first; None until the report exists."""
        means = self._means()
        if means is None:
            return None
        path = self.study.votes_folder / vote_file_name(rater.name, self.study.hash)
        own: dict[str, list[int]] = defaultdict(list)
        for vote in Votes.read(path) if path.exists() else []:
            if vote.rated and vote.score is not None:
                own[vote.method].append(vote.score)
        you = {method: statistics.mean(scores) for method, scores in own.items()}
        return [{"method": method, "you": you.get(method), "all": mean} for method, mean in means.items()]

    def _means(self) -> dict[str, float] | None:
        """MOS of each method from the report, which is made after the study is closed."""
        if not self.closed:
            return None
        page = self.report / "report.html"  # the last file to be written
        if self._class is None and page.is_file():
            if page.stat().st_mtime < self._file.stat().st_mtime:
                return None  # the report was made when the study was closed before
            with open(self.report / "methods.csv", encoding="utf-8-sig", newline="") as file:
                self._class = {unshielded(row["method"]): float(row["mos"]) for row in csv.DictReader(file)}
        return self._class

    # What is kept when the server ends

    def _read(self) -> dict:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            return {"invitation": kept["invitation"], "instructor": kept["instructor"], "closed": bool(kept["closed"])}
        except FileNotFoundError:
            self.invitation, self.instructor, self.closed = secrets.token_urlsafe(6), secrets.token_urlsafe(24), False
            self._write()
            return {"invitation": self.invitation, "instructor": self.instructor, "closed": False}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self._file} cannot be used ({type(error).__name__}). Move it away; the links will change, but the "
                "votes are kept."
            ) from None

    def _write(self) -> None:
        content = {"invitation": self.invitation, "instructor": self.instructor, "closed": self.closed}
        write_private(self._file, json.dumps(content) + "\n")


def _hold(folder: Path) -> int:
    """A lock on the folder of secrets, which ends with the process. Two servers would each forget the other's raters.

    Returns its descriptor. Raises UserError if another server has it, or if the folder cannot be written.
    """
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UserError(explain_write_error(path, error)) from None
    try:
        lock(file)
    except BlockingIOError:
        os.close(file)
        raise UserError(
            f"{folder.parent} is already open in another `study serve` or `study rate`. End that one first."
        ) from None
    return file


def _rated_before(study: Study) -> dict[str, tuple[int, int]]:
    """Rater -> votes in the main phase, and on dummies, for each rater with votes in the study's folder."""
    try:
        votes = Votes.read(study.votes_folder)
    except UserError:  # no votes yet
        return {}
    counts = Counter((vote.rater, vote.phase) for vote in votes)
    return {rater: (counts[rater, "main"], counts[rater, "dummy"]) for rater in votes.raters}


def _sentence(error: UserError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
