"""A vote: its fields, what each may contain, and its line in a file. Only this module defines the columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, NoReturn

PHASES = ("training", "dummy", "main")
HIDDEN_REFERENCE = "hr"  # the method whose pictures are the originals
SCALE = {1: "bad", 2: "poor", 3: "fair", 4: "good", 5: "excellent"}  # ITU-T P.910, absolute category rating
LOWEST, HIGHEST = min(SCALE), max(SCALE)

Fits = Callable[[object], object]


def _whole(low: int, high: int = 2**63 - 1) -> Fits:
    """Whole numbers that fit into the 64 bits of a table's column."""
    return lambda value: type(value) is int and low <= value <= high


def _text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _length(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e300)


def _column(fits: Fits, what: str, *, needed: bool = False, default: Any = MISSING) -> Any:
    """A field, with the rule for its values. needed: whether every analysis needs it."""
    return field(default=default, metadata={"fits": fits, "what": what, "needed": needed})


def _measure(default: Any = MISSING) -> Any:
    return _column(_length, "a number above 0, or null", default=default)


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """One vote, or the withdrawal of one. The order of the fields is that of the columns in files and tables.

    study: hash of its manifest. rater: a name. session: from 1; a break begins a new one. trial: from 0, in its phase.
    phase: training, dummy or main. image, method, stimulus: what was shown. repeat: 1 for a second showing.
    gold_expected: the obvious score, 1 or 5, of a gold item or an anchor; otherwise None. score: 1 to 5; None withdraws
    the vote given before. response_ms: from picture to click. time_utc: ISO 8601. seed: of the study. revised: this
    line replaces an earlier one. device_pixel_ratio: screen pixels per CSS pixel. width, height: size of the picture on
    the page; screen_width, screen_height: size of the screen; all in CSS pixels, None if the page did not say.

    Raises ValueError, with the reason, for values that no vote can have.
    """

    study: str = _column(lambda value: _text(value) and re.fullmatch("[0-9a-f]{64}", str(value)), "the hash of a study")
    rater: str = _column(_text, "a non-empty string", needed=True)
    session: int = _column(_whole(1), "a whole number from 1 to 2^63 - 1")
    trial: int = _column(_whole(0), "a whole number from 0 to 2^63 - 1")
    phase: str = _column(lambda value: value in PHASES, "training, dummy or main")
    image: str = _column(_text, "a non-empty string", needed=True)
    method: str = _column(_text, "a non-empty string", needed=True)
    stimulus: str = _column(_text, "a non-empty string")
    repeat: int = _column(_whole(0, 1), "0 or 1")
    gold_expected: int | None = _column(
        lambda value: value is None or (type(value) is int and value in (LOWEST, HIGHEST)), "1, 5 or null"
    )
    score: int | None = _column(
        lambda value: value is None or _whole(LOWEST, HIGHEST)(value), "a whole number from 1 to 5", needed=True
    )
    response_ms: int = _column(_whole(0), "a whole number from 0 to 2^63 - 1")
    time_utc: str = _column(_text, "a time in ISO 8601")
    seed: int = _column(_whole(0), "a whole number from 0 to 2^63 - 1")
    revised: bool = _column(lambda value: isinstance(value, bool), "true or false")
    device_pixel_ratio: float | None = _measure()
    width: float | None = _measure()
    height: float | None = _measure()
    screen_width: float | None = _measure(None)  # files of version 0.1 do not record screens
    screen_height: float | None = _measure(None)

    def __post_init__(self) -> None:
        for name, (fits, what) in CHECKS.items():
            if not fits(value := getattr(self, name)):
                raise ValueError(f"{name} is {value!r}; it must be {what}")
        if self.score is None and not self.revised:
            raise ValueError("score is null, which is allowed only in a line that withdraws a vote")

    @property
    def key(self) -> tuple[str, int, str, int]:
        """What the vote is for: (rater, session, phase, trial). If there are several, the last one counts."""
        return self.rater, self.session, self.phase, self.trial

    @property
    def rated(self) -> bool:
        """Whether it enters the MOS: it must be for a first showing in the main phase, and not for a gold item."""
        return self.phase == "main" and self.gold_expected is None and not self.repeat

    @property
    def values(self) -> tuple:
        """The values in the order of `COLUMNS`."""
        return tuple(getattr(self, name) for name in COLUMNS)


_FIELDS = fields(Vote)
COLUMNS = tuple(each.name for each in _FIELDS)
CHECKS: dict[str, tuple[Fits, str]] = {each.name: (each.metadata["fits"], each.metadata["what"]) for each in _FIELDS}
REQUIRED = tuple(each.name for each in _FIELDS if each.metadata["needed"])  # every analysis needs these
WHOLE = ("session", "trial", "repeat", "gold_expected", "score", "response_ms", "seed")
MEASURES = tuple(each.name for each in _FIELDS if each.metadata["fits"] is _length)
TYPES = dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(MEASURES, "Float64")  # pandas types with a value for "missing"


def parse_line(line: bytes) -> Vote:
    """The vote of a line. Raises ValueError, with the reason, for anything else."""
    try:
        content = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("it is damaged (not JSON)") from None
    if not isinstance(content, dict):
        raise ValueError("it is not a vote (not a JSON object)")
    if missing := [each.name for each in _FIELDS if each.default is MISSING and each.name not in content]:
        raise ValueError(f"it is not a vote ({missing[0]} is missing)")
    return Vote(**{name: content[name] for name in COLUMNS if name in content})


def as_line(vote: Vote) -> str:
    """A vote as a line of a file, with its line end."""
    return json.dumps(dict(zip(COLUMNS, vote.values, strict=True)), ensure_ascii=False, allow_nan=False) + "\n"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
