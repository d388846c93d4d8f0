"""For the kernel that runs the lessons for the site: draws figures with controls for each setting beforehand.

The classroom's `play` asks a kernel for each new figure. A page of the site has no kernel, so `prepare` replaces `play`
with a version that draws all settings and leaves the choice to site/book/static/site.js. If there are more than MOST
settings, the longest lists of values are thinned out; the first value of each control is always kept.
"""

import html
import itertools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from srgan_lessons.classroom import viewers
from srgan_lessons.classroom.figures import put

MOST = 24  # settings of one figure


def thinned(controls: dict[str, Sequence[Any]], most: int = MOST) -> dict[str, list[Any]]:
    """The values of each control, thinned out until at most `most` settings remain; numbers are sorted."""
    kept = {name: list(values) for name, values in controls.items()}
    while math.prod(map(len, kept.values())) > most:
        longest = max(kept, key=lambda name: len(kept[name]))
        first, *others = kept[longest]
        kept[longest] = [first, *others[1::2]]
    words = {name for name, values in kept.items() if any(isinstance(value, str) for value in values)}
    return {name: values if name in words else sorted(values) for name, values in kept.items()}


def play(draw: Callable[..., None], **controls: Sequence[Any]) -> None:
    """Shows all settings of a figure, in the order of itertools.product, and the controls that choose among them."""
    first = {name: values[0] for name, values in controls.items()}
    kept = thinned(controls)
    chosen = [kept[name].index(first[name]) for name in kept]
    settings = list(itertools.product(*kept.values()))
    pages = [viewers._drawn(draw, dict(zip(kept, values, strict=True))) for values in settings]
    start = settings.index(tuple(first[name] for name in kept))
    rows = []
    for (name, values), index in zip(kept.items(), chosen, strict=True):
        if len(values) == 1:
            continue
        label, shown = html.escape(name.replace("_", " ")), [str(value) for value in values]
        options = "".join(
            f"<option value='{i}'{' selected' if i == index else ''}>{html.escape(text)}</option>"
            for i, text in enumerate(shown)
        )
        rows.append(f"<label>{label} <select>{options}</select></label>")
    sizes = json.dumps([len(values) for values in kept.values() if len(values) > 1])
    templates = "".join(f"<template>{page}</template>" for page in pages)
    put(
        f'<div class="controls" data-sizes="{sizes}"><div class="choices">{"".join(rows)}</div>'
        f'<div class="screen" aria-live="polite">{pages[start]}</div>{templates}</div>',
        "a figure with controls",
    )


def prepare() -> None:
    viewers.play = play
