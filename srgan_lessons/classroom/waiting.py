"""A progress bar for work that takes a while. It appears after half a second, and leaves one line on the page."""

import html
import time
from collections.abc import Iterator, Sequence
from typing import Any

from IPython.display import DisplayHandle, display

from srgan_lessons.classroom import boxes

AFTER, EVERY = 0.5, 0.2  # seconds: when a bar appears, and how often it moves


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
        self._handle: DisplayHandle | None = None

    def __call__(self, done: int) -> None:
        self.done = done
        now = time.perf_counter()
        if now >= self._next and boxes.live():
            self._next = now + EVERY
            left = (now - self._started) * (self.total - done) / max(done, 1)
            self._draw(
                f'{html.escape(self.label)}&ensp;<progress value="{done}" max="{self.total}" style="width: 20em; '
                f'vertical-align: middle"></progress>&ensp;{done:,} of {self.total:,}, about {left:.0f} s left'
            )

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if self._handle is not None:
            seconds = time.perf_counter() - self._started
            said = f"done in {seconds:.0f} s" if kind is None else f"stopped after {self.done:,} of {self.total:,}"
            self._draw(f"{html.escape(self.label)}: {said}")

    def _draw(self, line: str) -> None:
        page = {"text/html": f'<div style="opacity: 0.8">{line}</div>', "text/plain": f"[{self.label}]"}
        if self._handle is None:
            self._handle = display(page, raw=True, display_id=True)
        else:
            self._handle.update(page, raw=True)


def waiting(items: Sequence[Any], label: str) -> Iterator[Any]:
    """Yields the items one after the other, with a bar: `for step in waiting(range(800), "training"): ...`"""
    with Bar(label, len(items)) as bar:
        for done, item in enumerate(items):
            bar(done)
            yield item
