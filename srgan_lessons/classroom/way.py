"""Drawings of how things are connected: boxes, and arrows between them."""

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from srgan_lessons.classroom.figures import FONT, INK, STYLE, TINTS, WIDTH, as_html, check_alt, put

BOX, GAP = 1.0, 0.28  # widths of a box and of the gap for an arrow
LETTERS = 14  # how many fit into the width of a box


def show_way(stations: Sequence[tuple[str, str, str]], *, alt: str) -> None:
    """Draws stations from left to right, joined by arrows; each is (where it is, what is there, how much of it).

    Neighbours with the same `where` have the same colour. Raises UserError if the alt text is empty.
    """
    put(as_html(_way(stations), check_alt(alt)), alt)


def _way(stations: Sequence[tuple[str, str, str]]) -> Figure:
    colours = dict(zip(dict.fromkeys(where for where, _, _ in stations), TINTS[1:], strict=False))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.3))
        axis = figure.add_axes((0, 0, 1, 1))
        axis.set(xlim=(-0.02, len(stations) * (BOX + GAP) - GAP + 0.02), ylim=(0, 1))
        axis.axis("off")
        for number, (where, what, size) in enumerate(stations):
            left = number * (BOX + GAP)
            axis.add_patch(
                mpl.patches.Rectangle((left, 0.05), BOX, 0.7, facecolor=colours[where], edgecolor="#000000", lw=1.2)
            )
            middle = left + BOX / 2
            axis.text(middle, 0.87, where, ha="center", va="center", fontsize=FONT, fontweight="bold")
            on_tint: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": FONT, "color": INK}
            axis.text(middle, 0.48, textwrap.fill(what, LETTERS), **on_tint)
            axis.text(middle, 0.14, size, **on_tint)
            if number:
                arrow = {"arrowstyle": "-|>", "color": "#000000", "lw": 1.6}
                axis.annotate("", xy=(left, 0.4), xytext=(left - GAP, 0.4), arrowprops=arrow)
        return figure
