"""People's opinions: a study, the widget in which people rate, votes on disk, and their analysis (lesson 09).

Each name is imported when it is first used, because making a study and counting votes need no notebook and no pandas.
"""

from importlib import import_module
from typing import Any

_ROOMS = {
    "Study": "study",
    "Votes": "votes",
    "Session": "session",
    "merge": "merging",
    "analyse": "analysis",
    "RatingWidget": "widget",
}
__all__ = ["RatingWidget", "Session", "Study", "Votes", "analyse", "merge"]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
