"""Figures and viewers: alt text, pictures that are not empty, controls, and what is shown where there are none."""

import base64
import datetime
import html
import io
import re
import sys

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

from srgan_lessons import UserError
from srgan_lessons.classroom import figures, viewers
from srgan_lessons.classroom.figures import (
    LossBoard,
    bars,
    catch,
    curves,
    feature_grid,
    number_cells,
    show_crops,
    show_images,
)
from srgan_lessons.classroom.viewers import compare, play, upload_photo, uploaded_files, zoom

RNG = np.random.default_rng(0)
HR = RNG.integers(0, 256, (64, 96, 3), dtype=np.uint8)
LR = HR[::4, ::4]
NOW = datetime.datetime(2024, 1, 1)


def pictures(page: str) -> list[tuple[str, np.ndarray]]:
    """(alt text, pixels) of each image of a page."""
    found = []
    for tag in re.findall(r"<img\b[^>]*>", page):
        alt = html.unescape(re.search(r'alt="([^"]*)"', tag)[1])
        data = base64.b64decode(re.search(r"base64,([^\"]+)", tag)[1])
        found.append((alt, np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))))
    return found


DRAWN = {
    "show_images": lambda: show_images(HR, LR, torch.rand(1, 3, 20, 30), titles=["a", "b", "c"], alt='it is "so" < 3'),
    "show_crops": lambda: show_crops(HR, LR, titles=["HR", "LR"], box=(8, 12, 16, 20), alt='it is "so" < 3'),
    "feature_grid": lambda: feature_grid(torch.rand(1, 11, 6, 8), alt='it is "so" < 3'),
    "number_cells": lambda: number_cells(np.eye(2), torch.arange(6).reshape(3, 2), alt='it is "so" < 3'),
    "curves": lambda: curves({"a": [3, 2, 1], "b": ([0, 2], [1, 2])}, xlabel="x", ylabel="y", alt='it is "so" < 3'),
    "bars": lambda: bars({"a": -1.5, "b": 0.25}, xlabel="dB", alt='it is "so" < 3'),
}


@pytest.mark.parametrize("name", DRAWN)
def test_each_figure_is_a_picture_with_its_alt_text(name):
    with catch() as shown:
        DRAWN[name]()
    [(alt, pixels)] = pictures("".join(shown))
    assert alt == 'it is "so" < 3'
    assert pixels.std() > 10, "an empty figure"
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if name in ("curves", "bars"):  # nothing is cut off at the edge
        assert (border == 255).all()


@pytest.mark.parametrize("count", [4, 6])
def test_a_legend_of_many_lines_stands_above_the_curves(count):
    lines = {f"line {i}": np.linspace(i, i + 1, 30) for i in range(count)}
    figure = figures._curves(lines, "x", "y", "", False)
    figure.draw_without_rendering()
    [legend], [axis] = figure.legends, figure.axes
    assert legend.get_window_extent().y0 >= axis.get_window_extent().y1
    assert [text.get_text() for text in legend.get_texts()] == list(lines)


@pytest.mark.parametrize(
    ("values", "labels"),
    [((93.75, 0.8), ["93.8", "0.8"]), ((0.46, -1.5), ["+0.5", "\N{MINUS SIGN}1.5"])],
)
def test_bars_have_a_plus_sign_only_beside_a_minus(values, labels):
    [axis] = figures._bars(dict(zip("ab", values, strict=True)), "x", 1).axes
    assert [text.get_text() for text in axis.texts] == labels


def test_number_cells_have_the_tint_of_their_group_or_get_darker_with_the_number():
    def middles(**options) -> list[tuple[int, ...]]:
        """The colour in the upper left of each of four cells in a row, beside the number."""
        with catch() as shown:
            number_cells(np.array([[0, 11, 2, 13]]), alt="four numbers", **options)
        [(_, pixels)] = pictures("".join(shown))
        height, width = pixels.shape[:2]
        return [tuple(pixels[height // 4, int((i + 0.18) * width / 4)]) for i in range(4)]

    tints = middles(group=lambda number: int(number) // 10)
    assert tints[0] == tints[2] != tints[1] == tints[3]
    grey = [sum(map(int, colour)) for colour in middles()]
    assert grey[0] > grey[2] > grey[1] > grey[3]
    with pytest.raises(UserError, match="two axes"), catch():
        number_cells(np.arange(3), alt="no table")


def test_a_figure_without_alt_text_is_refused():
    with pytest.raises(UserError, match="alt="), catch():
        show_images(HR, alt="  ")


def test_text_is_readable_from_the_back_row():
    assert figures.FONT >= 12
    assert min(size for key, size in figures.STYLE.items() if key.endswith("size") and "marker" not in key) >= 12


def test_lines_can_be_told_apart_without_colours():
    styles = [(str(style), mark) for _, style, mark in figures.LINES]
    assert len(set(styles)) == len(styles)
    with pytest.raises(UserError, match="7 lines"), catch():
        curves({str(k): [1, 2] for k in range(7)}, xlabel="", ylabel="", alt="too many")


@pytest.mark.parametrize("show", [show_crops, show_images])
def test_a_long_title_is_wrapped_and_not_cut_off(show):
    with catch() as shown:
        show(HR, HR, HR, titles=["a", "b", "a title that is much wider than the small picture below it"], alt="x")
    [(_, pixels)] = pictures("".join(shown))
    assert (pixels[0] == 255).all(), "the title touches the upper edge"
    assert (pixels[:, -1] == 255).all()
    assert pixels[: pixels.shape[0] // 8].min() < 100, "there is no title"


def test_crops_show_the_same_place_of_smaller_and_larger_versions():
    box = (8, 12, 16, 20)
    assert (figures._crop(HR, box, (64, 96), "HR") == HR[8:24, 12:32]).all()
    assert (figures._crop(LR, box, (64, 96), "LR") == LR[2:6, 3:8]).all()
    assert (figures._crop(HR, (2, 3, 4, 5), (16, 24), "SR") == HR[8:24, 12:32]).all()


@pytest.mark.parametrize(
    ("other", "box", "words"),
    [
        (HR, (60, 0, 16, 16), "not inside an image of 64x96"),
        (HR, (-4, 0, 16, 16), "not inside"),
        (LR, (6, 0, 16, 16), "no whole number of pixels"),
        (HR[:60], (0, 0, 16, 16), "image 2 is 60x96 pixels, the first 64x96"),
    ],
)
def test_a_box_that_does_not_fit_is_refused(other, box, words):
    with pytest.raises(UserError, match=re.escape(words)), catch():
        show_crops(HR, other, box=box, alt="x")


def test_the_middle_is_on_the_picture_whatever_its_size():
    for height, width in ((5, 7), (15, 400), (64, 96), (301, 211)):
        with catch() as shown:
            show_crops(np.zeros((height, width, 3), np.uint8), alt="x")
        assert shown


def test_titles_and_pictures_must_match():
    with pytest.raises(UserError, match="1 titles were given for 2 pictures"), catch():
        show_images(HR, LR, titles=["one"], alt="x")


def test_float_arrays_are_refused_not_guessed():
    with pytest.raises(UserError, match="uint8"), catch():
        show_images(HR / 255, alt="x")


# --- the loss board ---------------------------------------------------------------------------------------------------


class Page:
    """A notebook page that counts what is shown on it."""

    def __init__(self, monkeypatch):
        self.states, self.handles = [], 0
        monkeypatch.setattr(figures, "display", self.display)
        monkeypatch.setattr(figures, "_live", lambda: True)

    def display(self, data, raw, display_id=False):
        assert raw
        self.handles += 1
        self.update(data)
        return self

    def update(self, data, raw=True):
        self.states.append(data["text/html"])


def test_the_loss_board_changes_one_place_of_the_page(monkeypatch):
    page = Page(monkeypatch)
    with LossBoard(alt="The loss falls.") as board:
        for step in range(200):
            board.add(step, loss=1 / (step + 1), other=2.0)
    assert page.handles == 1
    assert 1 <= len(page.states) < 60, "it must not draw at every step"
    (alt, pixels) = pictures(page.states[-1])[0]
    assert alt == "The loss falls. Last values: loss 0.005, other 2."
    assert pixels.std() > 5
    sizes = {re.search(r'width="\d+" height="\d+"', state)[0] for state in page.states}
    assert len(sizes) == 1, "the page would jump"


def test_outside_a_notebook_the_board_shows_its_last_state_alone(monkeypatch):
    page = Page(monkeypatch)
    monkeypatch.setattr(figures, "_live", lambda: False)
    with LossBoard(alt="x") as board:
        for step in range(50):
            board.add(step, loss=1.0)
        assert page.states == []
    assert len(page.states) == 1


# --- the slider and the controls --------------------------------------------------------------------------------------


def test_the_slider_holds_both_pictures_pixel_by_pixel():
    with catch() as shown:
        compare(LR, torch.from_numpy(HR.copy()).permute(2, 0, 1)[None] / 255, titles=("a<", "b"), alt="Before, after.")
    [(first, small), (second, large)] = pictures(shown[0])
    assert (small == LR).all()
    assert (large == HR).all()
    assert (first, second) == ("Before, after. Left: a<.", "Right: b.")
    assert 'type="range"' in shown[0]
    assert "aria-label" in shown[0]


def test_the_slider_refuses_two_different_pictures():
    with pytest.raises(UserError, match="not the same picture"):
        compare(HR, HR[:, :40], alt="x")


@pytest.fixture
def shown_widgets(monkeypatch):
    """What `_show` was called with: (widget, still page)."""
    seen = []
    monkeypatch.setattr(viewers, "_show", lambda widget, still: seen.append((widget, still)))
    return seen


def test_a_control_redraws_the_figure(shown_widgets):
    def draw(size, way):
        show_images(HR[:size], alt=f"{way}, {size}")

    play(draw, size=[32, 16, 64], way=["one", "two"])
    [(box, still)] = shown_widgets
    size, way, screen = box.children
    assert pictures(still)[0][0] == "one, 32"
    assert list(size.options) == [16, 32, 64]
    size.value = 64
    assert pictures(screen.value)[0][0] == "one, 64"
    way.value = "two"
    assert pictures(screen.value)[0][0] == "two, 64"


def test_an_error_behind_a_control_is_shown(shown_widgets):
    def draw(size):
        if size == 2:
            raise UserError("too <small>")
        if size == 3:
            raise ZeroDivisionError
        show_images(HR, alt="x")

    play(draw, size=[1, 2, 3])
    size, screen = shown_widgets[0][0].children
    size.value = 2
    assert screen.value == "<p>too &lt;small&gt;</p>"
    size.value = 3
    assert "ZeroDivisionError" in screen.value


def test_zoom_moves_and_sizes_its_box(shown_widgets):
    zoom({"first": (HR, LR), "second": (HR[::-1].copy(), LR)}, titles=["HR", "LR"], alt="A crop.")
    photo, down, right, size, screen = shown_widgets[0][0].children
    for control, value in ((down, 100), (right, 100), (size, 192), (photo, "second"), (size, 32), (down, 0)):
        control.value = value
        assert pictures(screen.value), screen.value
    assert pictures(screen.value)[0][0] == "A crop. Here: second, 32 pixels."


def test_one_value_alone_gets_no_control(shown_widgets):
    zoom({"only": (HR, LR)}, titles=["HR", "LR"], alt="A crop.")
    down, right, size, screen = shown_widgets[0][0].children
    assert [down.description, right.description, size.description] == ["down", "right", "size"]
    size.value = 32
    assert pictures(screen.value)[0][0] == "A crop. Here: only, 32 pixels."


def test_without_ipywidgets_the_first_picture_stands_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with catch() as shown:
        play(lambda size: show_images(HR, alt=f"{size}"), size=[1, 2])
        upload_photo(lambda photo: None)
    assert pictures(shown[0])[0][0] == "1"
    assert "photo of your own" in shown[1]


def test_a_page_without_widgets_has_the_picture_and_colab_the_widget(monkeypatch):
    seen = []
    monkeypatch.setattr(viewers, "display", lambda data, raw: seen.append(data))
    play(lambda size: show_images(HR, alt="x"), size=[1, 2])
    monkeypatch.setitem(sys.modules, "google.colab", object())
    play(lambda size: show_images(HR, alt="x"), size=[1, 2])
    assert set(seen[0]) == {viewers.WIDGET, "text/html", "text/plain"}
    assert set(seen[1]) == {viewers.WIDGET, "text/plain"}


# --- a photo of one's own ---------------------------------------------------------------------------------------------


def as_png(picture: np.ndarray) -> bytes:
    return figures.png(picture)


def choose(button, name: str, content: bytes) -> None:
    """What the browser does when a file was chosen, in the installed generation of ipywidgets."""
    file = {"name": name, "type": "image/png", "size": len(content), "last_modified": NOW}
    if ipywidgets.__version__.startswith("7."):
        button.set_trait("value", {name: {"metadata": file, "content": content}})
    else:
        button.value = (file | {"content": content},)


def test_both_generations_of_ipywidgets_are_read():
    seven = {"cat.png": {"metadata": {"name": "cat.png", "size": 3}, "content": b"abc"}}
    eight = ({"name": "cat.png", "size": 3, "content": memoryview(b"abc")},)
    assert uploaded_files(seven) == uploaded_files(eight) == [("cat.png", b"abc")]
    assert uploaded_files({}) == uploaded_files(()) == []


def test_an_uploaded_photo_is_used_as_it_is(shown_widgets):
    got = []
    upload_photo(lambda photo: (got.append(photo), show_images(photo, alt="yours")))
    button, screen = shown_widgets[0][0].children
    choose(button, "cat.png", as_png(HR))
    assert (got[0] == HR).all()
    assert pictures(screen.value)[0][0] == "yours"


def test_an_uploaded_file_that_is_no_picture_is_named(shown_widgets):
    upload_photo(lambda photo: None)
    button, screen = shown_widgets[0][0].children
    choose(button, "cat.png", b"no")
    assert "cat.png is not a picture" in screen.value
    assert "/" not in html.unescape(screen.value).split(" is not")[0].replace("<p>", "")
