"""What a page shows of a session, and what the page reports about how it showed a picture."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How the page showed the picture, as far as the page can tell.

    device_pixel_ratio: screen pixels per CSS pixel. width, height: size of the picture on the page, in CSS pixels;
    multiplied by the ratio, it is the size of the stimulus if that is shown at 1:1. screen_width, screen_height: size
    of the screen, in CSS pixels. response_ms: time from picture to click, if the page measures it; otherwise the
    session's own clock counts.
    """

    device_pixel_ratio: float | None = None
    width: float | None = None
    height: float | None = None
    screen_width: float | None = None
    screen_height: float | None = None
    response_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The trial to rate now. It does not say which method made the picture.

    phase: "training", "dummy" or "main"; raters need not know which pictures are dummies. number: from 0, in its phase.
    of: how many trials the phase has. width, height: of the picture, in pixels. expected: in the training, the score
    that the picture stands for; otherwise None. token: see `Session.token`.
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
    """A picture that a page may load. token: names it in the page's request. width, height: in pixels."""

    token: str
    width: int
    height: int
