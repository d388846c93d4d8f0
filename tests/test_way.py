"""Drawings: text stands in its box, and whoever does not see it is told."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle

from srgan_lessons import UserError
from srgan_lessons.classroom.figures import INK, catch
from srgan_lessons.classroom.way import _way, show_way

STATIONS = [
    ("disk", "files, compressed", "3.1 MB"),
    ("disk", "photo store: all pixels, decoded once", "12.1 MB"),
    ("memory", "windows: crops with a margin", "49 kB a batch"),
    ("GPU", "crops turned, LR made of them", "49 kB a batch"),
    ("GPU", "crops", "-"),
]


def test_text_stands_in_its_box():
    figure = _way(STATIONS)
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axis,) = figure.axes
    boxes = [patch.get_window_extent(renderer) for patch in axis.patches if isinstance(patch, Rectangle)]
    assert len(boxes) == len(STATIONS)
    texts = [text for text in axis.texts if text.get_text()]
    assert len(texts) == 3 * len(STATIONS)  # place, what is there, how much of it
    for box, (where, what, size) in zip(boxes, zip(texts[::3], texts[1::3], texts[2::3], strict=True), strict=True):
        extents = [text.get_window_extent(renderer) for text in (where, what, size)]
        assert all(box.x0 <= extent.x0 and extent.x1 <= box.x1 for extent in extents)
        assert extents[0].y0 >= box.y1  # the place stands above its box
        assert box.y0 <= extents[2].y0
        assert extents[2].y1 <= extents[1].y0  # what and how much do not touch
        assert extents[1].y1 <= box.y1


def test_places_have_colours():
    (axis,) = _way(STATIONS).axes
    colours = [patch.get_facecolor() for patch in axis.patches if isinstance(patch, Rectangle)]
    assert colours[0] == colours[1]
    assert colours[3] == colours[4]
    assert len(set(colours)) == 3


def test_text_on_a_tint_is_dark_in_any_theme():
    (axis,) = _way(STATIONS).axes
    texts = [text for text in axis.texts if text.get_text()]
    assert {text.get_color() for text in [*texts[1::3], *texts[2::3]]} == {INK}
    assert INK not in {text.get_color() for text in texts[::3]}  # the place has the page's colour


def test_a_drawing_has_alt_text():
    with catch() as shown:
        show_way(STATIONS, alt='Boxes with "arrows".')
    assert 'aria-label="Boxes with &quot;arrows&quot;."' in shown[0]
    with pytest.raises(UserError, match="alt"):
        show_way(STATIONS, alt=" ")
