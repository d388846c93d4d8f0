"""Drawings that are part of the page itself: text and axes have the page's own colour, in light and in dark themes.

An image does not follow the theme of the page that shows it, but an SVG that is part of the page inherits its colour.
So a figure is drawn in black, and black becomes `currentColor`. The background is transparent.
"""

import html
import io
import re
import uuid

import matplotlib as mpl
from matplotlib.figure import Figure

POINT = 96 / 72  # CSS pixels per point


def element(width: float, height: float, view: tuple[float, float, float, float], alt: str, inside: str) -> str:
    """An <svg> of this size in pixels, no wider than the page; view: left, top, width, height of its coordinates."""
    box = " ".join(f"{number:g}" for number in view)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="{html.escape(alt)}" width="{width:.0f}" height="{height:.0f}" viewBox="{box}" '
        f'style="max-width: 100%; height: auto; fill: currentColor; stroke-linejoin: round">{inside}</svg>'
    )


def inline(figure: Figure, alt: str, *, trim: bool = True) -> str:
    """A matplotlib figure as an <svg>: text as outlines, which look the same everywhere; pictures pixel by pixel.

    trim: fit the size to what is drawn, so that no title is cut off.
    """
    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": None}):
        figure.savefig(
            file,
            format="svg",
            transparent=True,
            bbox_inches="tight" if trim else None,
            pad_inches=0.06,
            metadata={"Date": None},
        )
    written = file.getvalue()
    opening = re.search(r"<svg\b[^>]*>", written)
    box = opening and re.search(r'viewBox="([^"]+)"', opening[0])
    assert opening, "matplotlib writes an opening tag"
    assert box
    left, top, width, height = (float(n) for n in box[1].split())
    inside = written[opening.end() : written.rindex("</svg>")]
    # removes comments, metadata, and a style sheet that would apply to the whole page
    inside = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style\b.*?</style>", "", inside, flags=re.DOTALL)
    inside = inside.replace(": #000000", ": currentColor")
    inside = re.sub(r"<image [^>]*>", _smooth_where_smaller, inside)
    own = f"f{uuid.uuid4().hex[:8]}-"  # ids belong to the page, so two figures must not share any
    inside = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{own}", inside)
    inside = re.sub(r"\n\s*", " ", inside)
    return element(width * POINT, height * POINT, (left, top, width, height), alt, inside)


def _smooth_where_smaller(image: re.Match[str]) -> str:
    """Smooths pictures that are reduced, because showing every nth pixel would alias. Enlarged pixels stay squares."""
    scale = re.search(r"matrix\((\S+)", image[0])  # missing for an image that matplotlib has resampled itself
    if scale is None or abs(float(scale[1])) * POINT >= 1:
        return image[0]
    return re.sub(r'style="[^"]*"', 'style="image-rendering: auto"', image[0])
