"""A progress bar for work that takes a while. It appears after half a second, and leaves one line on the page.

A cell that does the same work several times has one bar for it, in the same place, and leaves one line with the sum.
"""

import html
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from IPython import get_ipython
from IPython.display import DisplayHandle, display

from srgan_lessons.classroom import boxes

AFTER, EVERY = 0.5, 0.2  # seconds: when a bar appears, and how often it moves


@dataclass
class _Line:
    """A bar's place on the page, which later bars with the same label in the same cell share."""

    cause: str | None  # the call of a cell, or the click on a control; None outside a notebook: nothing is shared there
    label: str
    handle: DisplayHandle | None = None
    runs: int = 0  # how many bars are done
    seconds: float = 0.0  # how long they took together


_latest = _Line(None, "")


def _line(label: str) -> _Line:
    global _latest
    message: dict[str, Any] = getattr(get_ipython(), "get_parent", dict)()  # what the kernel answers at the moment
    cause = message.get("header", {}).get("msg_id")
    if cause is None or (cause, label) != (_latest.cause, _latest.label):
        _latest = _Line(cause, label)
    return _latest


class Bar:
    """A progress bar. Call it with the number of steps done.

    with Bar("training", 800) as bar:
        train(recipe, photos, on_report=lambda row: bar(row["step"]))

    In a terminal it shows nothing.
    """

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total, self.done = label, total, 0
        self._started = time.perf_counter()
        self._next = self._started + AFTER
        self._line = _line(label)

    def __call__(self, done: int) -> None:
        self.done = done
        now = time.perf_counter()
        if now >= self._next and boxes.live():
            self._next = now + EVERY
            left = (now - self._started) * (self.total - done) / max(done, 1)
            label = f"{self.label}, run {self._line.runs + 1}" if self._line.runs else self.label
            self._draw(
                f'{html.escape(label)}&ensp;<progress value="{done}" max="{self.total}" style="width: 20em; '
                f'vertical-align: middle"></progress>&ensp;{done:,} of {self.total:,}, about {left:.0f} s left'
            )

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        line = self._line
        line.runs += 1
        line.seconds += time.perf_counter() - self._started
        if line.handle is not None:
            if kind is None:
                which, said = f", {line.runs} runs", f"done in {line.seconds:.0f} s"
            else:
                which, said = f", run {line.runs}", f"stopped after {self.done:,} of {self.total:,}"
            self._draw(f"{html.escape(self.label)}{which if line.runs > 1 else ''}: {said}")

    def _draw(self, line: str) -> None:
        page = {"text/html": f'<div style="opacity: 0.8">{line}</div>', "text/plain": f"[{self.label}]"}
        if self._line.handle is None:
            self._line.handle = display(page, raw=True, display_id=True)
        else:
            self._line.handle.update(page, raw=True)


def waiting(items: Sequence[Any], label: str) -> Iterator[Any]:
    """Yields the items one after the other, with a bar: `for step in waiting(range(800), "training"): ...`"""
    with Bar(label, len(items)) as bar:
        for done, item in enumerate(items):
            bar(done)
            yield item
