"""What a page shows of a session, and what it says of how it showed it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How the page showed the picture, as far as it knows.

    device_pixel_ratio: screen pixels for a CSS pixel. width, height: of the picture on the page, in CSS pixels; times
    the ratio they are those of the stimulus where it is shown 1:1. screen_width, screen_height: of the screen, in CSS
    pixels. response_ms: from picture to click, where the page measures it; else the session's own clock counts.
    """

    device_pixel_ratio: float | None = None
    width: float | None = None
    height: float | None = None
    screen_width: float | None = None
    screen_height: float | None = None
    response_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is to be rated now. It does not say of which method the picture is.

    phase: "training", "dummy" or "main"; raters need not be told dummies from the rest. number: from 0, in its phase.
    of: how many the phase has. width, height: of the picture, in pixels. expected: in the training, the score that the
    picture stands for; else None. token: see `Session.token`.
    """

    phase: str
    number: int
    of: int
    width: int
    height: int
    expected: int | None
    token: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that a page may load. token: what it is asked for by. width, height: in pixels."""

    token: str
    width: int
    height: int
