"""A vote of tests, as it stands in a file. Imports little, so that processes that write votes start at once."""

from srgan_lessons.rating.vote import Vote

HASH = "0123456789abcdef" * 4


def values(trial: int = 0, score: int | None = 3, **changes) -> dict:
    """What a line of a vote of the main phase holds, with changes, which need not make a vote."""
    return {
        "study": HASH,
        "rater": "anna",
        "session": 1,
        "trial": trial,
        "phase": "main",
        "image": "a",
        "method": "hr",
        "stimulus": "0001",
        "repeat": 0,
        "gold_expected": None,
        "score": score,
        "response_ms": 900,
        "time_utc": f"2026-01-01T00:00:{trial % 60:02}.000+00:00",
        "seed": 1,
        "revised": score is None,
        "device_pixel_ratio": None,
        "width": None,
        "height": None,
        "screen_width": None,
        "screen_height": None,
        **changes,
    }


def row(trial: int = 0, score: int | None = 3, **changes) -> Vote:
    """A vote of the main phase, with changes."""
    return Vote(**values(trial, score, **changes))
