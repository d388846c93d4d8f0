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


def drawings(page: str) -> list[tuple[str, str]]:
    """(alt text, source) of each drawing that stands in a page."""
    return [
        (html.unescape(re.search(r'aria-label="([^"]*)"', one)[1]), one)
        for one in re.findall(r"<svg\b.*?</svg>", page, re.S)
    ]


def embedded(drawing: str) -> list[np.ndarray]:
    """The pixels of the pictures in a drawing."""
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', drawing)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in found]


def outside(drawing: str) -> list[tuple[float, float]]:
    """Where text begins in a drawing, and is cut off: outside of what is shown."""
    left, top, width, height = map(float, re.search(r'viewBox="([^"]+)"', drawing)[1].split())
    places = [tuple(map(float, place)) for place in re.findall(r"translate\((\S+) (\S+)\) (?:scale|rotate)", drawing)]
    assert places, "there is no text"
    return [(x, y) for x, y in places if not (left <= x <= left + width and top <= y <= top + height)]


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
    [(alt, drawing)] = drawings("".join(shown))
    assert alt == 'it is "so" < 3'
    assert len(re.findall("<(?:path|image)", drawing)) > 3, "an empty figure"
    if name in ("curves", "bars"):
        assert outside(drawing) == []


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_has_the_colour_of_the_page_and_no_ground(name):
    with catch() as shown:
        DRAWN[name]()
    [(_, drawing)] = drawings("".join(shown))
    assert "fill: currentColor" in drawing
    assert "#000000" not in drawing
    assert "<style" not in drawing, "it would hold for the whole page"
    grounds = re.findall(r'<g id="\S*patch_1">.*?</g>', drawing, re.S)  # of the figure and of its axes
    assert all("fill: #ffffff" not in ground or "opacity: 0" in ground for ground in grounds)


def test_two_figures_of_one_page_share_no_id():
    with catch() as shown:
        DRAWN["curves"]()
        DRAWN["curves"]()
    ids = [set(re.findall(r'\bid="([^"]+)"', one)) for _, one in drawings("".join(shown))]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_pictures_are_drawn_pixel_by_pixel_and_smooth_where_they_are_reduced():
    with catch() as shown:
        show_images(HR, alt="few pixels")
        show_images(np.zeros((900, 1400, 3), np.uint8), alt="more pixels than the page has")
    [(_, large), (_, small)] = drawings("".join(shown))
    assert (embedded(large)[0] == HR).all()
    assert "pixelated" in large
    assert "pixelated" not in small


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


@pytest.mark.parametrize("longest", [-11.01, 11.01])
def test_the_numbers_of_bars_lie_inside_the_axes(longest):
    """Beside long names, too, which leave the bars less room."""
    values = {"adversarial weight too high": longest, "discriminator too strong": -0.21, "healthy": 0.59}
    drawn = figures._bars(values, "dB", 2)
    drawn.draw_without_rendering()
    [axis] = drawn.axes
    frame = axis.get_window_extent()
    for number in axis.texts:
        box = number.get_window_extent()
        assert frame.x0 < box.x0 < box.x1 < frame.x1


def test_bars_of_several_kinds_differ_in_tint_and_in_hatching():
    [axis] = figures._bars({"a": 1, "b": 2}, "x", 1, lambda name: int(name == "b")).axes
    first, second = axis.patches[:2]
    assert first.get_facecolor() != second.get_facecolor()
    assert first.get_hatch() != second.get_hatch()


def test_number_cells_have_the_tint_of_their_group_or_get_darker_with_the_number():
    def middles(**options) -> list[tuple[int, ...]]:
        """The colour of each of four cells in a row."""
        with catch() as shown:
            number_cells(np.array([[0, 11, 2, 13]]), alt="four numbers", **options)
        [(_, drawing)] = drawings("".join(shown))
        fills = re.findall(r'style="fill: #([0-9a-f]{6}); stroke: #111111', drawing)  # dark in any theme
        assert len(fills) == 4
        return [tuple(bytes.fromhex(fill)) for fill in fills]

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
    [(_, drawing)] = drawings("".join(shown))
    assert outside(drawing) == []
    lines = {y for _, y in re.findall(r"translate\((\S+) (\S+)\) scale", drawing)}
    assert len(lines) >= 3, "the title was not wrapped"


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
        (LR, (6, 0, 16, 16), "not a whole number of pixels"),
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
    with pytest.raises(UserError, match="got 1 title for 2 pictures: give each one, or none"), catch():
        show_images(HR, LR, titles=["one"], alt="x")
    with pytest.raises(UserError, match="no image was given"):
        show_images(alt="x")


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
    (alt, drawing) = drawings(page.states[-1])[0]
    assert alt == "The loss falls. Last values: loss 0.005, other 2."
    assert "<path" in drawing
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
    assert 'role="slider"' in shown[0]
    assert "aria-label" in shown[0]


def test_a_before_and_after_fits_on_a_small_screen_and_is_never_tiny():
    sizes = ((1200, 900, 450), (300, 448, 896), (150, 224, 448), (640, 640, 600), (120, 120, 480), (64, 40, 280))
    for height, width, shown_width in sizes:  # whole pixels where it is enlarged
        with catch() as shown:
            compare(np.zeros((height, width, 3), np.uint8), np.zeros((height, width, 3), np.uint8), alt="x")
        assert f"width: {shown_width}px; max-width: 100%" in shown[0]


def test_the_slider_refuses_two_different_pictures():
    with pytest.raises(UserError, match="not the same picture"):
        compare(HR, HR[:, :40], alt="x")


@pytest.fixture
def shown_widgets(monkeypatch):
    """What `show_widget` was called with: (widget, still page)."""
    seen = []
    monkeypatch.setattr(viewers, "show_widget", lambda widget, still: seen.append((widget, still)))
    return seen


def test_a_control_redraws_the_figure(shown_widgets):
    def draw(size, way):
        show_images(HR[:size], alt=f"{way}, {size}")

    play(draw, size=[32, 16, 64], way=["one", "two"])
    [(box, still)] = shown_widgets
    size, way, screen = box.children
    assert drawings(still)[0][0] == "one, 32"
    assert list(size.options) == [16, 32, 64]
    size.value = 64
    assert drawings(screen.value)[0][0] == "one, 64"
    way.value = "two"
    assert drawings(screen.value)[0][0] == "two, 64"


def test_the_old_figure_greys_out_while_a_control_computes(shown_widgets):
    seen = []

    def draw(size):
        seen.append(shown_widgets[0][0].children[-1].value if shown_widgets else "")
        show_images(HR[:size], alt=f"{size}")

    play(draw, size=[32, 16])
    size, screen = shown_widgets[0][0].children
    size.value = 16
    assert "opacity: 0.35" in seen[-1]
    assert "computing" in seen[-1]
    assert "opacity: 0.35" not in screen.value


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
        assert drawings(screen.value), screen.value
    assert drawings(screen.value)[0][0] == "A crop. Here: second, 32 pixels."


def test_one_value_alone_gets_no_control(shown_widgets):
    zoom({"only": (HR, LR)}, titles=["HR", "LR"], alt="A crop.")
    down, right, size, screen = shown_widgets[0][0].children
    assert [down.description, right.description, size.description] == ["down", "right", "size"]
    size.value = 32
    assert drawings(screen.value)[0][0] == "A crop. Here: only, 32 pixels."


def test_without_ipywidgets_the_first_picture_stands_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with catch() as shown:
        play(lambda size: show_images(HR, alt=f"{size}"), size=[1, 2])
        upload_photo(lambda photo: None)
    assert drawings(shown[0])[0][0] == "1"
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
    assert drawings(screen.value)[0][0] == "yours"


def test_an_uploaded_photo_may_have_a_name_too_long_for_this_system(shown_widgets):
    """A name of 255 characters, which macOS and Windows allow, may have three times as many bytes."""
    got = []
    upload_photo(got.append)
    button, screen = shown_widgets[0][0].children
    choose(button, "\N{CJK UNIFIED IDEOGRAPH-732B}" * 200 + ".png", as_png(HR))
    assert got, screen.value[-300:]
    assert (got[0] == HR).all()


def test_an_uploaded_file_that_is_no_picture_is_named(shown_widgets):
    upload_photo(lambda photo: None)
    button, screen = shown_widgets[0][0].children
    choose(button, "cat.png", b"no")
    assert "cat.png is not a picture" in screen.value
    assert "/" not in html.unescape(screen.value).split(" is not")[0].replace("<p>", "")
