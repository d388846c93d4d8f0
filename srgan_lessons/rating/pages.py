"""What the rating widget says: its texts as HTML. Names, paths and errors are escaped here."""

import html
from pathlib import Path

from srgan_lessons.rating.session import Session
from srgan_lessons.rating.votes import SCALE

NAME = """<h3>Your opinion on pictures</h3>
<p>Which name shall stand with your ratings? A pseudonym serves, as long as nobody else in this study has it.
With the same name you can stop at any time and go on later where you were.</p>"""

PAUSED = """<h3>Paused</h3>
<p>The picture is hidden and the clock stands still. All your ratings are saved.</p>"""

CLOSED = """<h3>Opened again elsewhere</h3>
<p>The study was opened again in this notebook, under the same name. All your ratings are saved.</p>"""

SILENT = """The notebook's kernel does not answer. It may be busy; then just wait. If it was stopped or restarted, run
this cell again: you go on where you were, and only this last rating may have to be given again."""


def about(seconds: float) -> str:
    """How long, in words: "less than a minute", "about 12 minutes", "about 1 h 20 min"."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return "less than a minute"
    if minutes < 60:
        return "about 1 minute" if minutes == 1 else f"about {minutes} minutes"
    return f"about {minutes // 60} h {minutes % 60:02d} min"


def instructions(session: Session) -> str:
    """What a rater must know before the first picture."""
    again = session.resumed
    scale = "".join(f"<li><b>{score}</b> {word}</li>" for score, word in SCALE.items())
    long = session.seconds_left > 60 * session.settings.minutes
    return f"""<h3>Welcome{" back" if again else ""}, {html.escape(session.rater)}</h3>
<p>{_task(session)}</p><ul class="opinion-scale">{scale}</ul>
<p>Judge how good the picture looks, not what it shows. There is no right or wrong, and your first impression is what
counts.{"" if again else " The first few pictures are examples of the two ends of the scale."}</p>
<p>Set the browser's zoom to 100 % (Ctrl+0, or Cmd+0 on a Mac), make the window large, and sit as you usually do.
<span class="opinion-keys">Besides the buttons, the keys 1 to 5 rate, and Backspace takes the last rating back, while
the grey field is selected: click on it once if they do nothing.</span></p>
<p>It takes {about(session.seconds_left)}{", with breaks" if long else ""}. You can pause at any time. Each
rating is saved at once, on the computer that runs this notebook and nowhere else. If the notebook stops, run its cell
again: you go on where you were.</p>"""


def _task(session: Session) -> str:
    if session.resumed:
        text = f"You have rated {session.place[0]} of {session.place[1]} pictures, and now go on where you were. Say of each"
    else:
        text = "You will see one picture after another. Say of each"
    return f"{text} how good it looks:"


def example(number: int, of: int, expected: int) -> str:
    """Above a picture of the training."""
    return f"Example {number} of {of}: it stands for <b>{expected}, {SCALE[expected]}</b>. Please rate it so."


def place(session: Session) -> str:
    """Above all other pictures: where the rater is, and how long it will take."""
    done, of = session.place
    number = done + 1
    text = f"Picture {number} of {of}, {about(session.seconds_left)} left"
    if session.seconds_to_break is not None:
        text += f", break in {about(session.seconds_to_break)}"
    return text


def pause_for_rest(session: Session) -> str:
    """Between two sessions."""
    return f"""<h3>Time for a break</h3>
<p>You have rated {session.place[0]} of {session.place[1]} pictures; the rest takes {about(session.seconds_left)}.
Stand up, look into the distance, and come back after five minutes, or another day: then run this cell again, under the
name {html.escape(session.rater)}. All your ratings are saved.</p>"""


def closing(session: Session) -> str:
    """Thanks, the rater's consistency, and where the file is."""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in session.summary().text.splitlines())
    return f"""<h3>Thank you, {html.escape(session.rater)}</h3>
<p>You have rated all {session.place[1]} pictures; the first few only warmed you up. This is how consistent your ratings are:</p><ul>{lines}</ul>
<p>They are in the file <code>{html.escape(str(session.path))}</code>. Nothing was sent anywhere: whoever asked you to
rate may need this file from you.</p>"""


def trouble(sentence: str) -> str:
    """An error, as a sentence."""
    return f'<p class="opinion-alert" role="alert">{html.escape(sentence)}</p>' if sentence else ""


def problems(sentences: list[str]) -> str:
    """What was wrong with the file of votes when it was opened."""
    return "".join(f'<p class="opinion-note">{html.escape(sentence)}</p>' for sentence in sentences)


def goes_away(folder: Path) -> str:
    """In Colab, where files last as long as the machine: a warning, unless the folder is on Drive."""
    if folder.as_posix().startswith("/content/drive/"):
        return ""
    return """<p class="opinion-note">This Colab machine is deleted some time after you leave it, and your ratings with
it. Download them when you stop, or keep them on Drive: mount it, and give the widget a folder there
(<code>folder="/content/drive/MyDrive/votes"</code>).</p>"""


def screen(ratio: float | None, *, cut: bool = False, scaled: bool = False) -> str:
    """A note where a pixel of the picture is not a pixel of the screen, or part of the picture cannot be seen.

    ratio: screen pixels for a CSS pixel. cut: the window is too small. scaled: the page draws another size than asked.
    """
    notes = []
    if ratio is not None and abs(ratio - 1) > 0.01:
        whole = round(ratio)
        if ratio > 1 and abs(ratio - whole) < 0.01:
            how = f"each pixel of a picture as {whole} × {whole} pixels of the screen"
        else:
            how = f"pictures at {100 * ratio:.0f} % of their size in pixels, which blurs them"
        notes.append(
            f"The browser shows {how}. Please set its zoom to 100 % (Ctrl+0, or Cmd+0 on a Mac). If this note stays, "
            "it is how your screen is set: rate all the same, it is noted with your ratings."
        )
    if scaled:
        notes.append("This page does not show the picture at its own size; that is noted with your ratings.")
    if cut:
        notes.append("The window is too small for this picture: make it larger, or close the side bar.")
    return "".join(f'<p class="opinion-note" role="status">{note}</p>' for note in notes)
