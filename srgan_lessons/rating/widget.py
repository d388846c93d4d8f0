"""The page on which a rater rates: core ipywidgets alone, 7.7 or 8, in JupyterLab, Colab and elsewhere.

    RatingWidget("my_study", "anna")

What is shown, and what a vote does, is `session.Session`; the texts are in `pages`. Keys, focus and what the browser
knows of a picture's size come from `widget.js`; without it the buttons still do all.
"""

import base64
import html
import json
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets

from srgan_lessons import UserError
from srgan_lessons.rating import pages
from srgan_lessons.rating.session import Session, Shown
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.votes import SCALE

GUARD = 0.5  # seconds after a picture appears in which a click is the second half of a double click, not a judgement
MARGIN = 16  # CSS pixels of grey on each side of the largest picture
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"  # one transparent pixel
HERE = Path(__file__).parent


class _Side:
    """A picture and its buttons. The widget has two sides and shows them in turn.

    While one is shown, the other loads the next picture. And a click says from which side it came: one that was meant
    for the picture before, however late it arrives, comes from the side that is hidden, and does nothing.
    """

    def __init__(self, room: int, vote: Callable, undo: Callable, pause: Callable):
        """room: height of the largest picture. vote, undo, pause: called with this side; vote also with the score."""
        self.room = room
        self.token = ""  # of what is shown
        self.showing = ""  # number of the picture that is loaded
        self._loaded = b""
        self.picture = widgets.HTML(layout=widgets.Layout(width="auto", margin="0"))
        self.scores = {score: _button(f"{score} {word}", f"score-{score}") for score, word in SCALE.items()}
        self.undo = _button("Undo", "undo", "take the last rating back (Backspace)")
        self.pause = _button("Pause", "pause", "hide the picture and stop the clock")
        for score, button in self.scores.items():
            button.tooltip = f"rate this picture {score}, {SCALE[score]} (key {score})"
            button.layout = widgets.Layout(width="auto", flex="2 1 0%", min_width="0", height="40px")
            button.on_click(lambda _, score=score: vote(self, score))
        self.undo.on_click(lambda _: undo(self))
        self.pause.on_click(lambda _: pause(self))
        for button, margin in ((self.undo, "2px 20px 2px 2px"), (self.pause, "2px 2px 2px 20px")):
            button.layout = widgets.Layout(width="auto", flex="1 1 0%", min_width="0", height="40px", margin=margin)
        row = widgets.HBox(
            [self.undo, *self.scores.values(), self.pause],
            layout=widgets.Layout(width="96%", max_width="820px", margin="0 auto 4px", align_self="center"),
        )
        layout = widgets.Layout(width="auto", min_width="0", margin="0", grid_area="1 / 1", visibility="hidden")
        self.box = widgets.VBox([self.picture, row], layout=layout)
        self.box.add_class("opinion-side")
        self.enable(False)

    def load(self, png: bytes, showing: str) -> bool:
        """Puts a picture there; False if it is there already. showing: a number for this showing."""
        if png == self._loaded:
            return False
        width, height = struct.unpack(">II", png[16:24])  # in every PNG's header
        self._loaded, self.showing = png, showing
        self.picture.value = (
            f'<div class="opinion-stage" style="min-height: {self.room + 2 * MARGIN}px">'
            f'<img alt="the picture to rate" width="{width}" height="{height}" data-showing="{showing}" '
            f'style="width: {width}px; height: {height}px; max-width: none" draggable="false" '
            f'src="data:image/png;base64,{base64.b64encode(png).decode()}"></div>'
        )
        return True

    def show(self, token: str, can_undo: bool) -> None:
        self.token = token
        self.box.layout.visibility = "visible"
        self.enable(True)
        self.undo.disabled = not can_undo

    def hide(self) -> None:
        self._loaded = b""  # shown once, it is loaded anew: a showing has a number of its own
        self.enable(False)
        self.box.layout.visibility = "hidden"

    def enable(self, on: bool) -> None:
        for button in (*self.scores.values(), self.undo, self.pause):
            button.disabled = not on


class RatingWidget(widgets.VBox):
    """Instructions, a training, pictures with five buttons, breaks, and thanks.

    study: a study or its folder. rater: a name or pseudonym; None asks for it. folder: where the votes go, by default
    `votes` in the study's folder; in Colab a folder on Drive outlives the machine. minutes, session_trials: the length
    of a session instead of the study's.

    Each vote is on the disk before the next picture shows. Run again, also after a restart of the kernel, the widget
    goes on at the next picture. What goes wrong is said on the page, as a sentence; no UserError is raised.

    session: the `Session`, None until the name is known. error: the sentence that is shown, or "".
    """

    def __init__(
        self,
        study: Study | str | Path,
        rater: str | None = None,
        folder: str | Path | None = None,
        *,
        minutes: float | None = None,
        session_trials: int | None = None,
    ):
        super().__init__(layout=widgets.Layout(width="auto", overflow="hidden"))
        self.add_class("opinion")
        self.session: Session | None = None
        self.error = ""
        self._study, self._rater, self._folder = study, rater, folder
        self._asks = rater is None
        self._length = {"minutes": minutes, "session_trials": session_trials}
        self._lock = threading.RLock()  # JupyterLab may have clicks handled by two threads at once
        self._sides: list[_Side] = []
        self._turn = 0  # the side that shows the next picture
        self._shown: _Side | None = None  # the one that shows a picture now
        self._since = 0.0  # when it began to
        self._showings = self._answers = 0
        self._page: dict[str, object] = {}  # what the browser said last

        self._alert, self._note, self._text, self._progress = (widgets.HTML() for _ in range(4))
        self._bar = widgets.IntProgress(layout=widgets.Layout(width="160px", height="12px", margin="4px 12px 0 24px"))
        self._bar.style.bar_color = "#303030"
        self._head = widgets.HBox([self._bar, self._progress], layout=widgets.Layout(margin="2px 0 0"))
        self._name = widgets.Text(placeholder="name or pseudonym", continuous_update=False)
        self._name.add_class("opinion-name")
        self._next = _button("Start", "next")
        self._back = _button("Undo my last rating", "back")
        self._other = _button("Another name", "other")
        self._download = _button("Download my ratings", "download")
        for button, action in (
            (self._next, self._go_on),
            (self._back, self._take_back),
            (self._other, self._change_name),
            (self._download, self._hand_out),
        ):
            button.on_click(lambda _, action=action: self._act(action))
        controls = [self._name, self._next, self._back, self._other, self._download]
        for control in controls:
            control.layout = widgets.Layout(width="auto", min_width="9em", height="40px", margin="2px 8px 2px 0")
        row = widgets.HBox(controls, layout=widgets.Layout(margin="4px 24px 16px", flex_flow="row wrap"))
        self._card = widgets.VBox(
            [self._text, row], layout=widgets.Layout(width="auto", min_width="0", grid_area="1 / 1")
        )
        # Text and pictures take the same place, as high as the highest: if a text made the page shorter, the second
        # half of a double click would hit what comes up from below, JupyterLab's "click to add a cell" for one
        self._place = widgets.Box([self._card], layout=widgets.Layout(width="auto", margin="0", display="grid"))
        self._answer = widgets.HTML(layout=widgets.Layout(display="none"))
        self._answer.add_class("opinion-answer")
        self._report = widgets.Text(layout=widgets.Layout(display="none"))
        self._report.add_class("opinion-report")
        self._report.observe(self._heard, names="value")
        self.children = [
            _machinery(), self._head, self._alert, self._note, self._place, self._report, self._answer
        ]  # fmt: skip
        self._act(self._open)

    def __repr__(self) -> str:
        return f"<RatingWidget: {self.session or 'not begun'}>"

    # What buttons do

    def _act(self, action: Callable[[], object], side: _Side | None = None) -> None:
        """Does what a button asks for, and draws the page anew. An error is said there; nothing is lost by it.

        side: that of the button, None for one that stands below a text. Nothing is done if it is not what is shown, or
        if the click is the rest of a double click on what was.
        """
        with self._lock:
            if side is not self._shown or (side and time.monotonic() - self._since < GUARD):
                return
            if side:
                side.enable(False)
            self.error = ""
            try:
                action()
            except UserError as error:
                self.error = str(error)
            except Exception as error:  # in a callback nobody else would show it
                self.error = f"something went wrong that should not: {type(error).__name__}: {error}"
            self._draw()
            self._answers += 1
            self._answer.value = str(self._answers)  # the page may wait for a sign of life, and all else be as before

    def _open(self) -> None:
        if not isinstance(self._study, Study):
            self._study = Study.open(self._study)
        if not self._sides:
            room = max(stimulus.height for stimulus in self._study.stimuli.values())
            self._sides = [_Side(room, self._vote, self._undo, self._pause) for _ in range(2)]
            self._place.children = [self._card, *(side.box for side in self._sides)]
        if self._rater is not None:
            self.session = Session.open(self._study, self._rater, self._folder, **self._length)

    def _vote(self, side: _Side, score: int) -> None:
        self._act(lambda: self.session.vote(score, side.token, self._how_shown(side)), side)

    def _undo(self, side: _Side) -> None:
        self._act(lambda: self.session.undo(side.token), side)

    def _pause(self, side: _Side) -> None:
        self._act(self.session.pause, side)

    def _go_on(self) -> None:
        """From a page without a picture to what comes next."""
        phase = self.session.phase if self.session else None
        if phase in ("instructions", "break"):
            self.session.begin()
        elif phase == "paused":
            self.session.go_on()
        elif phase != "done":  # not yet open, closed, or a picture that could not be read
            if phase is None and self._asks:
                self._rater = self._name.value
            self._open()

    def _take_back(self) -> None:
        if self.session and self.session.phase in ("break", "done"):
            self.session.undo(self.session.token)

    def _change_name(self) -> None:
        if self.session and self.session.phase == "instructions":
            self.session.close()
            if not self.session.path.stat().st_size:
                self.session.path.unlink()  # of a name that was a slip
            self.session = self._rater = None

    def _hand_out(self) -> None:
        from google.colab import files

        files.download(str(self.session.path))

    # What is on the page

    def _draw(self) -> None:
        shown = self._shown
        if shown is not None:
            shown.hide()
        picture = self._current_picture()
        _say(self._alert, pages.trouble(self.error))
        if picture is None:
            self._shown = None
            self._draw_card()
        else:
            self._draw_picture(picture)
        self._draw_note()
        following = self.session.next_picture() if self.session else None
        if following is not None:
            self._load(following)

    def _current_picture(self) -> bytes | None:
        if self.session is None or self.session.trial is None:
            return None
        try:
            return self.session.picture()
        except UserError as error:
            self.error = str(error)
            return None

    def _load(self, png: bytes) -> _Side:
        """Puts a picture on the side whose turn is next, where it mostly is already."""
        side = self._sides[self._turn]
        if side.load(png, str(self._showings + 1)):
            self._showings += 1
        return side

    def _draw_picture(self, png: bytes) -> None:
        trial = self.session.trial
        side = self._load(png)
        self._card.layout.display = "none"
        self._head.layout.visibility = "visible"
        self._draw_progress()
        side.show(trial.token, self.session.can_undo)
        self._shown, self._turn, self._since = side, 1 - self._turn, time.monotonic()

    def _draw_progress(self) -> None:
        session, trial = self.session, self.session.trial
        if trial.phase == "training":
            done, of = trial.number, trial.of
            text = pages.example(done + 1, of, trial.expected)
        else:
            done, of = session.place
            text = pages.place(session)
        self._bar.max, self._bar.value = of, done
        if pages.screen(self._said("ratio", 100)):
            text += " (not at 1:1, see below)"
        self._progress.value = f'<span class="opinion-head">{text}</span>'

    def _draw_card(self) -> None:
        session, phase = self.session, self.session.phase if self.session else "name"
        text, label = {
            "name": lambda: (pages.NAME, "Continue") if self._asks else ("", "Try again"),
            "instructions": lambda: (pages.instructions(session), "Go on" if session.resumed else "Start"),
            "paused": lambda: (pages.PAUSED, "Go on"),
            "break": lambda: (pages.pause_for_rest(session), "Go on"),
            "done": lambda: (pages.closing(session), ""),
            "closed": lambda: (pages.CLOSED, "Go on here"),
        }.get(phase, lambda: ("", "Try again"))()
        self._text.value = f'<div class="opinion-text">{text}</div>'
        self._next.description = label
        for control, wanted in (
            (self._name, phase == "name" and self._asks),
            (self._next, bool(label)),
            (self._back, phase in ("break", "done") and session.can_undo),
            (self._other, phase == "instructions" and self._asks),
            (self._download, session is not None and "google.colab" in sys.modules),
        ):
            control.layout.display = None if wanted else "none"
        self._head.layout.visibility = "hidden"
        self._card.layout.display = "flex"

    def _draw_note(self) -> None:
        text = ""
        if self.session and self.session.phase == "instructions":
            text = pages.problems(self.session.problems)
            if "google.colab" in sys.modules:
                text += pages.goes_away(self.session.path.parent)
        trial = self.session.trial if self.session else None
        width = self._said("width", 1e5) if self._seen(self._shown) else None
        scaled = trial is not None and width is not None and abs(width - trial.width) > 0.5
        cut = self._seen(self._shown) and self._page.get("cut") is True
        _say(self._note, text + pages.screen(self._said("ratio", 100), cut=cut, scaled=scaled))
        self._note.layout.order = "1" if self._shown else "-1"  # below a picture, which then stays where it is

    # What the browser says

    def _heard(self, change) -> None:
        try:
            page = json.loads(change["new"])
        except (ValueError, RecursionError):
            return
        with self._lock:
            self._page = page if isinstance(page, dict) else {}
            self._draw_note()

    def _seen(self, side: _Side | None) -> bool:
        """Whether what the browser said last is about the picture on this side."""
        return side is not None and self._page.get("showing") == side.showing

    def _said(self, name: str, most: float) -> float | None:
        """A number that the browser said, if it is one that can be true."""
        value = self._page.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return value if 0 < value <= most else None  # False for NaN, too

    def _how_shown(self, side: _Side) -> Shown:
        ratio = self._said("ratio", 100)
        if not self._seen(side):
            return Shown(device_pixel_ratio=ratio)
        took = self._said("ms", 1e9)
        return Shown(
            device_pixel_ratio=ratio,
            width=self._said("width", 1e5),
            height=self._said("height", 1e5),
            response_ms=None if took is None else round(took),
        )


def _button(description: str, name: str, tooltip: str | None = None) -> widgets.Button:
    """A button that screen readers call by its description."""
    button = widgets.Button(description=description, tooltip=tooltip or description)
    button.add_class(f"opinion-{name}")
    return button


def _say(where: widgets.HTML, text: str) -> None:
    where.value = text
    where.layout.display = None if text else "none"  # without a text it takes no room


def _machinery() -> widgets.HTML:
    """Style and script, and what is said when the kernel does not answer."""
    style, script = ((HERE / f"widget.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return widgets.HTML(
        f"<style>{style}</style>"
        f'<img hidden alt="" src="{DOT}" data-guard="{1000 * GUARD:.0f}" onload="{html.escape(script)}">'
        f'<p class="opinion-silence" role="alert">{pages.SILENT}</p>',
        layout=widgets.Layout(width="auto", margin="0"),
    )
