"""The small messages between the rating page and a session. They are the same in a notebook and over a network.

The page sends {"do": "state" | "begin" | "vote" | "undo" | "pause" | "go_on", "token": ..., "score": ..., "shown": ...}
and gets the state back: what is shown now, and everything that the page says about it. It requests pictures by token.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict

from srgan_lessons import UserError
from srgan_lessons.rating.session import Session
from srgan_lessons.rating.showing import Shown
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.vote import SCALE

GUARD = 500  # ms after a picture appears; an earlier click is the second half of a double click, not a judgement
# What a page may report about how it showed a picture: the name, and the largest plausible value
MEASURES = {"device_pixel_ratio": 100.0, "width": 1e5, "height": 1e5, "screen_width": 1e5, "screen_height": 1e5}


def answer(session: Session, message: object) -> dict:
    """Does what a page asks for, and returns the new state.

    An action with an old token does nothing. If something goes wrong, the state's "error" is a sentence, and no
    UserError is raised. A message that cannot be understood is an error, too.
    """
    actions: dict[str, Callable[[Session, Mapping], object]] = {
        "state": lambda session, _: session.wake(),
        "begin": lambda session, _: session.begin(),
        "go_on": lambda session, _: session.go_on(),
        "pause": lambda session, said: session.pause(_token(said)),
        "undo": lambda session, said: session.undo(_token(said)),
        "vote": lambda session, said: session.vote(said.get("score"), _token(said), how_shown(said.get("shown"))),
    }
    do = message.get("do") if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(do, str) or do not in actions:
        return state(session, error="The page asked for something that does not exist. Load it again.")
    try:
        actions[do](session, message)
    except UserError as error:
        return state(session, error=str(error))
    except Exception as error:  # nothing else would show it, and the page would wait for ever
        logging.getLogger(__name__).exception("a message of the page failed")
        return state(session, error=f"an unexpected error occurred: {type(error).__name__}: {error}")
    return state(session)


def state(session: Session, *, error: str = "") -> dict:
    """All that a page needs to know, as JSON. It says nothing about methods, images or picture files."""
    trial = session.trial
    done, of = session.place
    pictures = [asdict(picture) for picture in session.pictures()]
    found = {
        "phase": "rating" if session.phase in ("dummy", "main") else session.phase,  # to raters they look alike
        "token": session.token,
        "rater": session.rater,
        "error": error,
        "resumed": session.resumed,
        "can_undo": session.can_undo,
        "done": done,
        "of": of,
        "seconds_left": session.seconds_left,
        "seconds_to_break": session.seconds_to_break,
        "minutes": session.settings.minutes,
        "training": None,
        "picture": pictures.pop(0) if trial else None,
        "next": pictures[0] if pictures else None,
        "problems": session.problems if session.phase == "instructions" else [],
        "summary": session.summary().text.splitlines() if session.phase == "done" else [],
        **page(session.study),
    }
    if trial and trial.phase == "training":
        found["training"] = {"number": trial.number + 1, "of": trial.of, "expected": trial.expected}
    return found


def page(study: Study) -> dict:
    """What a page is told about a study before the rater is known."""
    sizes = [(stimulus.width, stimulus.height) for stimulus in study.stimuli.values()]
    return {"scale": SCALE, "guard": GUARD, "largest": [max(width for width, _ in sizes), max(h for _, h in sizes)]}


def how_shown(said: object) -> Shown:
    """What a page reports about how it showed a picture; values that cannot be true become None."""
    if not isinstance(said, Mapping):
        return Shown()
    took = _number(said.get("response_ms"), 1e9)
    return Shown(
        **{name: _number(said.get(name), most) for name, most in MEASURES.items()},
        response_ms=None if took is None else round(took),
    )


def _number(value: object, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 < value <= most else None  # False for NaN, too


def _token(said: Mapping) -> str:
    token = said.get("token")
    return token if isinstance(token, str) else ""
