"""The rating page in a notebook: an anywidget around `web/rater.js`, the same page that `study serve` shows.

RatingWidget("my_study", "anna")

It works in JupyterLab, Colab and VS Code. `session.Session` decides what is shown and what a vote does.
"""

import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import anywidget

from srgan_lessons import UserError
from srgan_lessons.rating import transport
from srgan_lessons.rating.session import Session
from srgan_lessons.rating.study import Study

WEB = Path(__file__).parent / "web"
DRIVE = "/content/drive/"  # where Colab mounts Google Drive


class RatingWidget(anywidget.AnyWidget):
    """Shows instructions, a training, pictures with five buttons, breaks, and a page of thanks.

    study: a study or its folder. rater: a name or pseudonym; None asks for it. folder: where the votes go, by default
    `votes` in the study's folder; in Colab, a folder on Drive outlives the machine. minutes, session_trials: the length
    of a session, instead of the study's.

    Each vote is on the disk before the next picture appears. If the cell is run again, even after a restart of the
    kernel, the widget continues at the next picture. Errors appear on the page as a sentence; no UserError is raised.

    session: the `Session`, None until the name is known. error: the sentence that is shown, or "".
    """

    _esm = (WEB / "rater.js").read_text(encoding="utf-8")
    _css = (WEB / "rater.css").read_text(encoding="utf-8")

    def __init__(
        self,
        study: Study | str | Path,
        rater: str | None = None,
        folder: str | Path | None = None,
        *,
        minutes: float | None = None,
        session_trials: int | None = None,
    ):
        super().__init__()
        self.session: Session | None = None
        self.error = ""
        self._study, self._folder = study, folder
        self._rater: Any = rater  # as the page sent it; Session.open checks it
        self._asks = rater is None
        self._length: dict[str, Any] = {"minutes": minutes, "session_trials": session_trials}
        self._lock = threading.RLock()  # JupyterLab may have messages handled by two threads at once
        self.on_msg(self._heard)
        self._do(self._open)

    def __repr__(self) -> str:
        return f"<RatingWidget: {self.session or 'not begun'}>"

    def _heard(self, _: object, message: object, __: object) -> None:
        """Answers a message from the page, under the number of that message."""
        said = message if isinstance(message, Mapping) else {}
        with self._lock:
            if said.get("do") == "picture":
                png = self._picture(said.get("token"))
                self.send({"id": said.get("id"), "error": self.error}, buffers=[png] if png else None)
            else:
                self.send({"id": said.get("id"), "state": self._answer(said)})

    def _answer(self, said: Mapping) -> dict:
        actions: dict[str, Callable[[], None]] = {
            "name": lambda: self._named(said.get("name")),
            "rename": self._rename,
            "reopen": self._open,
            "download": self._hand_out,
        }
        do = said.get("do")
        if isinstance(do, str) and do in actions:
            self._do(actions[do])
            said = {"do": "state"}
        elif self.session is None and not self._asks:
            self._do(self._open)  # "Try again"
        elif said.get("do") != "state":
            self.error = ""  # the error that the page showed no longer applies
        if self.session is None:
            phase = "name" if self._asks else ""
            return {"phase": phase, "rater": "", "error": self.error, "codes": False, "plain": False}
        state = transport.answer(self.session, {**said, "do": said.get("do", "state")})
        self.error = self.error or state["error"]
        return {
            **state,
            "error": self.error,
            "file": str(self.session.path),
            "renames": self._asks,
            "download": "google.colab" in sys.modules,
            "problems": [*state["problems"], *self._goes_away()] if state["phase"] == "instructions" else [],
        }

    def _do(self, action: Callable[[], None]) -> None:
        self.error = ""
        try:
            action()
        except UserError as error:
            self.error = str(error)

    def _open(self) -> None:
        if not isinstance(self._study, Study):
            self._study = Study.open(self._study)
        if self._rater is not None:
            self.session = Session.open(self._study, self._rater, self._folder, **self._length)

    def _named(self, name: object) -> None:
        if self._asks and self.session is None:
            self._rater = name
            try:
                self._open()
            except UserError:
                self._rater = None
                raise

    def _rename(self) -> None:
        if self._asks and self.session is not None and self.session.phase == "instructions":
            self.session.close()
            with suppress(OSError):
                if not self.session.path.stat().st_size:
                    self.session.path.unlink()  # the empty file of a mistyped name
            self.session = self._rater = None

    def _picture(self, token: object) -> bytes | None:
        if self.session is None or not isinstance(token, str):
            return None
        try:
            return self.session.picture_of(token)
        except UserError as error:
            self.error = str(error)
            return None

    def _goes_away(self) -> list[str]:
        """A warning in Colab, where files last only as long as the machine, unless the folder is on Drive."""
        if "google.colab" not in sys.modules or self.session is None or self.session.path.as_posix().startswith(DRIVE):
            return []
        return [
            "This Colab machine is deleted some time after you leave it, and your ratings with it. Download them when "
            "you stop, or keep them on Drive: mount it, and give the widget a folder there "
            '(folder="/content/drive/MyDrive/votes").'
        ]

    def _hand_out(self) -> None:
        from google.colab import files

        if self.session is not None:
            files.download(str(self.session.path))
