"""Films and waiting bars: what moves, what stands still, and what a terminal shows."""

import html
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from srgan_lessons import UserError
from srgan_lessons.classroom import boxes, drawings, motion, waiting
from srgan_lessons.classroom.figures import catch
from srgan_lessons.exercises.lesson01.bicubic_weights import bicubic_weights

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def film(draw) -> tuple[str, dict]:
    """The page of a film, and its frames and captions."""
    with catch() as shown:
        draw()
    [page] = shown
    return page, json.loads(html.unescape(re.search(r'data-film="([^"]*)"', page)[1]))


def test_the_kernel_film_leaves_the_pixels_that_imresize_gives():
    from srgan_lessons.resize import imresize

    row = np.random.default_rng(1).integers(0, 256, 32, dtype=np.uint8)
    page, content = film(lambda: motion.kernel_film(row, bicubic_weights, alt="a row"))
    levels = [int(re.search(r"is (\d+)$", caption)[1]) for caption in content["captions"] if "an LR pixel" in caption]
    right = imresize(np.repeat(np.repeat(row[None, :, None], 8, axis=0), 3, axis=2), 1 / 4)[0, :, 0]
    assert len(levels) == len(right) == 8
    assert levels[2:-2] == right[2:-2].tolist(), "away from the ends, where the border pixel is repeated"
    assert 'aria-label="a row"' in page


def test_pixel_shuffle_moves_each_number_to_its_place():
    _, content = film(lambda: motion.shuffle_film(2, 2, alt="numbers"))
    cells = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)".*?>(\d+)</text>', content["frames"][-1])
    columns = sorted({float(x) for x, *_ in cells})
    rows = sorted({float(y) for _, y, _ in cells})
    image = np.full((4, 4), -1)
    for x, y, number in cells:
        image[rows.index(float(y)), columns.index(float(x))] = int(number)
    assert image.tolist() == [[0, 10, 1, 11], [20, 30, 21, 31], [2, 12, 3, 13], [22, 32, 23, 33]]


def test_a_film_stands_still_until_it_is_started():
    page, content = film(
        lambda: motion.pictures_film([PHOTO, 255 - PHOTO], ["one", "two"], beside={"HR": PHOTO}, alt="x")
    )
    assert "prefers-reduced-motion" in page
    assert "@media print" in page
    assert "autoplay" not in page
    assert f'<g class="moving">{content["frames"][-1]}</g>' in page, "on paper the last frame is seen"
    assert ">two</figcaption>" in page


def test_curves_of_a_film_keep_their_axes_and_their_looks():
    frames = [{"p": [0.0, 0.5], "q": [0.1 * k, 0.2]} for k in range(3)]
    page, content = film(lambda: motion.curves_film([0, 1], frames, ["a", "b", "c"], xlabel="x", top=1, alt="curves"))
    assert len(set(content["frames"])) == 3
    assert all(frame.count("<polyline") == 2 for frame in content["frames"])
    assert "currentColor" in page


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(UserError, match=r"2 frames, 1 caption$"), catch():
        motion.film("", ["a", "b"], ["one"], width=10, height=10, alt="x")
    with pytest.raises(UserError, match="the same size"), catch():
        motion.pictures_film([PHOTO], ["a"], beside={"HR": PHOTO[:4]}, alt="x")


@pytest.mark.parametrize("name", drawings.DRAWINGS)
def test_each_drawing_keeps_inside_its_sheet_and_says_what_it_shows(name):
    with catch() as shown:
        drawings.drawing(name)
    draw, alt = drawings.DRAWINGS[name]
    sheet = draw()
    assert html.escape(alt) in shown[0]
    places = [(float(x), float(y)) for x, y in re.findall(r'<(?:rect|text) x="([-\d.]+)" y="([-\d.]+)"', shown[0])]
    assert len(places) > 10
    assert all(0 <= x <= sheet.width and 0 <= y <= sheet.height for x, y in places)
    assert "#000000" not in shown[0]
    file = drawings.as_file(name)
    assert "prefers-color-scheme: dark" in file.replace(":dark", ": dark")
    assert f"<title>{html.escape(alt)}</title>" in file


def test_an_unknown_drawing_names_the_known_ones():
    with pytest.raises(UserError, match="course, residual_block"):
        drawings.drawing("bird")


# --- waiting ---------------------------------------------------------------------------------------------------------


class Page:
    def __init__(self, monkeypatch, *, live: bool = True):
        self.states: list[str] = []
        monkeypatch.setattr(boxes, "live", lambda: live)
        monkeypatch.setattr(waiting, "display", lambda data, **_: self.update(data) or self)

    def update(self, data, raw=True):
        self.states.append(data["text/html"])


def test_a_bar_moves_and_leaves_one_line(monkeypatch):
    page = Page(monkeypatch)
    monkeypatch.setattr(waiting, "AFTER", 0.0)
    monkeypatch.setattr(waiting, "EVERY", 0.0)
    assert list(waiting.waiting(range(5), "training")) == [0, 1, 2, 3, 4]
    assert 'value="4" max="5"' in page.states[-2]
    assert "training: done in" in page.states[-1]

    def fail():
        with waiting.Bar("training", 5) as bar:
            bar(3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "training: stopped after 3 of 5" in page.states[-1]


def test_one_cell_has_one_bar_for_the_same_work(monkeypatch):
    page = Page(monkeypatch)
    opened = []
    monkeypatch.setattr(waiting, "display", lambda data, **_: opened.append(data) or page)
    monkeypatch.setattr(waiting, "AFTER", 0.0)
    header = {}
    shell = SimpleNamespace(get_parent=lambda: {"header": header})
    monkeypatch.setattr(waiting, "get_ipython", lambda: shell)
    for cell, label, bars, said in (
        ("first", "training", 1, "training: done in"),
        ("first", "training", 1, "training, 2 runs: done in"),
        ("first", "training", 1, "training, 3 runs: done in"),
        ("first", "measuring", 2, "measuring: done in"),
        ("second", "measuring", 3, "measuring: done in"),
    ):
        header["msg_id"] = cell
        assert len(list(waiting.waiting(range(3), label))) == 3
        assert len(opened) == bars, "a bar for each kind of work in each cell"
        assert said in page.states[-1]


@pytest.mark.parametrize("live", [True, False])
def test_what_is_quick_and_what_runs_in_a_terminal_has_no_bar(monkeypatch, live):
    page = Page(monkeypatch, live=live)
    if not live:
        monkeypatch.setattr(waiting, "AFTER", 0.0)
    assert list(waiting.waiting([1, 2], "training")) == [1, 2]
    assert page.states == []
