"""The figures of the lessons: photos, zoomed crops, feature maps, curves that grow while a network trains.

Each figure has alt text, which tells people who cannot see it what it shows. Lines differ in style and marker as well
as in colour, and text is at least 16 pixels high, so a figure also works in grey and from the back row. Its background
is transparent and its text has the page's text colour, so a dark theme shows no white boxes.
"""

import base64
import io
import math
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from IPython.display import DisplayHandle, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from PIL import Image
from torch import Tensor

from srgan_lessons import UserError
from srgan_lessons.classroom import svg
from srgan_lessons.classroom.boxes import live as _live
from srgan_lessons.files import counted
from srgan_lessons.images import check_image, to_image

WIDTH = 10.0  # inches; on a page, an inch is 96 pixels
FONT = 13  # points, 17 pixels on the page
DOTS = 144  # dots per inch of a figure as a file, so that it is sharp on dense screens and projectors
MARK = "#d62728"  # colour of the zoom box
CHARACTER = 0.6 * FONT / 72  # the approximate width of a character, in inches
# The contrast is 3 or more on white and on the background of a dark theme, and the styles differ. Black becomes the
# colour of the page's text (module svg).
LINES: tuple[tuple[str, Any, str], ...] = (  # colour, style, mark
    ("#000000", "-", "o"),
    ("#d55e00", "--", "s"),
    ("#0072b2", "-.", "^"),
    ("#7a7a7a", ":", "D"),
    ("#009e73", (0, (8, 2)), "v"),
    ("#aa4499", (0, (3, 1, 1, 1, 1, 1)), "x"),
)
INK = "#111111"  # text on a tint; it stays dark in any theme
TINTS = ("#ffffff", "#fdd0a2", "#9ecae1", "#d9d9d9", "#c7e9c0", "#dadaeb")  # black text is legible on each
HATCHES = ("", "//", "..", "xx", "\\\\", "++")
STYLE: dict[Any, Any] = {  # matplotlib's own type lists every key
    "font.size": FONT,
    "axes.titlesize": FONT,
    "axes.labelsize": FONT,
    "xtick.labelsize": FONT - 1,
    "ytick.labelsize": FONT - 1,
    "legend.fontsize": FONT,
    "legend.handlelength": 3.2,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#88888855",
    "lines.linewidth": 2.2,
    "lines.markersize": 6,
    "hatch.linewidth": 0.6,
}

Picture = np.ndarray | Tensor  # uint8 (H, W, 3) or (H, W), or float (1, 3, H, W) or (3, H, W) in [0, 1]

# --- onto the page ---------------------------------------------------------------------------------------------------

_caught: list[list[str]] = []  # inside `catch`, figures go here instead of onto the page


@contextmanager
def catch() -> Iterator[list[str]]:
    """Collects the HTML of the figures that are drawn inside, instead of showing them."""
    shown: list[str] = []
    _caught.append(shown)
    try:
        yield shown
    finally:
        _caught.pop()


def put(page: str, alt: str) -> None:
    """Shows HTML, or the alt text where only text can be shown."""
    if _caught:
        _caught[-1].append(page)
    else:
        display({"text/html": page, "text/plain": f"[{alt}]"}, raw=True)


def check_alt(alt: str) -> str:
    """The alt text as one line. Raises UserError if it is empty."""
    if not isinstance(alt, str) or not alt.strip():
        raise UserError('a figure needs alt="...": one sentence that says what it shows')
    return " ".join(alt.split())


def as_picture(picture: Picture) -> np.ndarray:
    """The picture as uint8 (H, W, 3). Raises UserError if it is not a picture."""
    return to_image(picture) if isinstance(picture, Tensor) else check_image(picture)


def data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def png(picture: np.ndarray) -> bytes:
    """A picture as the bytes of a PNG file, with every pixel unchanged."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()


def as_html(figure: Figure, alt: str, *, trim: bool = True) -> str:
    """A matplotlib figure as an <svg> with its alt text, in the colours of the page; trimmed to what is drawn."""
    return svg.inline(figure, alt, trim=trim)


# --- pictures --------------------------------------------------------------------------------------------------------


def show_images(*images: Picture, titles: Sequence[str] = (), alt: str) -> None:
    """Shows whole pictures side by side, all of the same height, up to four in a row.

    images: uint8 (H, W, 3) or (H, W), or float (1, 3, H, W) in [0, 1]; every pixel is drawn as a square. Raises
    UserError for anything else, and if the number of titles is not the number of pictures.
    """
    pictures, titles = [as_picture(image) for image in images], _checked_titles(titles, len(images))
    if not pictures:
        raise UserError("show_images: no image was given")
    rows = [range(i, min(i + 4, len(pictures))) for i in range(0, len(pictures), 4)]
    with mpl.rc_context(STYLE):
        figure = Figure(layout="constrained")
        wide = max(sum(_aspect(pictures[i]) for i in row) for row in rows)
        inches = min(WIDTH / wide, 4.5)
        widths = [inches * _aspect(picture) for picture in pictures]
        heights = [inches + 0.08 + _title_height([titles[i] for i in row], [widths[i] for i in row]) for row in rows]
        parts = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, row in zip(parts, rows, strict=True):
            aspects = [_aspect(pictures[i]) for i in row]
            spare = wide - sum(aspects)
            ratios = [*aspects, spare] if spare > 0.05 else aspects
            axes = part.subplots(1, len(ratios), width_ratios=ratios, squeeze=False)[0]
            for axis in axes[len(aspects) :]:
                axis.set_axis_off()
            for axis, i in zip(axes, row, strict=False):
                _draw(axis, pictures[i], titles[i], widths[i])
        figure.set_size_inches(min(WIDTH, inches * wide + 0.2), sum(heights))
        put(as_html(figure, check_alt(alt)), alt)


def show_crops(
    *images: Picture, titles: Sequence[str] = (), box: tuple[int, int, int, int] | None = None, alt: str
) -> None:
    """Shows a region in several versions of a photo: the first as a whole, with the region marked, then all zoomed.

    box: (top, left, height, width) in pixels of the first image; by default, the middle. The others may be larger or
    smaller by a whole factor, like an LR image; the same region is cut from them. Pixels are drawn as squares, never
    smoothed. Raises UserError if the box extends beyond the image or does not fit the others.
    """
    pictures, titles = [as_picture(image) for image in images], _checked_titles(titles, len(images))
    if not pictures:
        raise UserError("show_crops: no image was given")
    height, width = pictures[0].shape[:2]
    box = box or _middle(height, width)
    crops = [_crop(picture, box, (height, width), f"image {i + 1}") for i, picture in enumerate(pictures)]
    columns = len(crops) if len(crops) <= 3 else math.ceil(len(crops) / 2)
    rows = math.ceil(len(crops) / columns)
    whole, zoomed = width / height, box[3] / box[2]
    with mpl.rc_context(STYLE):
        figure = Figure(layout="constrained")
        inches = min(WIDTH / (rows * whole + columns * zoomed), 4.0)  # the height of one crop
        if rows * whole > 1.2 * columns * zoomed:  # the whole picture would leave no room for the crops
            inches = min(WIDTH * 0.6 / (columns * zoomed), 4.0)
        inches = min(inches, 5.0 / rows)  # with its controls, a figure of two rows fits on a small screen
        grid = figure.add_gridspec(
            rows, columns + 1, width_ratios=[WIDTH / inches - columns * zoomed] + [zoomed] * columns
        )
        overview = figure.add_subplot(grid[:, 0])
        _draw(overview, pictures[0], "", inches)
        top, left, h, w = box
        for colour, line in (("white", 5), (MARK, 2.5)):  # a light edge, so that the box is also visible on dark areas
            overview.add_patch(Rectangle((left - 0.5, top - 0.5), w, h, fill=False, edgecolor=colour, linewidth=line))
        for i, crop in enumerate(crops):
            axis = figure.add_subplot(grid[i // columns, 1 + i % columns])
            _draw(axis, crop, titles[i], inches * zoomed)
        figure.set_size_inches(WIDTH, rows * (inches + 0.08 + _title_height(titles, [inches * zoomed] * len(titles))))
        put(as_html(figure, check_alt(alt)), alt)


def feature_grid(maps: Tensor, *, columns: int = 8, titles: Sequence[str] = (), alt: str) -> None:
    """Shows feature maps (C, h, w) or (1, C, h, w) as small grey pictures, each scaled to its own range."""
    maps = maps.detach().float().cpu()
    maps = maps[0] if maps.ndim == 4 and maps.shape[0] == 1 else maps
    if maps.ndim != 3:
        raise UserError(f"feature_grid takes the maps of one image, (C, h, w); this tensor is {tuple(maps.shape)}")
    titles = _checked_titles(titles, len(maps))
    columns = min(columns, len(maps))
    rows = math.ceil(len(maps) / columns)
    with mpl.rc_context(STYLE):
        figure = Figure(layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        inches = min(WIDTH / columns, 3.0)
        for axis in axes:
            _only_title(axis, "")
        for axis, picture, title in zip(axes, maps.numpy(), titles, strict=False):
            axis.imshow(picture, cmap="gray", interpolation="none")
            _only_title(axis, _wrapped(title, inches))
        height = rows * inches * maps.shape[1] / maps.shape[2]
        figure.set_size_inches(columns * inches, height + rows * (0.08 + _title_height(titles, [inches] * len(titles))))
        put(as_html(figure, check_alt(alt)), alt)


def number_cells(
    *tables: np.ndarray | Tensor, titles: Sequence[str] = (), group: Callable[[float], int] | None = None, alt: str
) -> None:
    """Shows small tables (rows, columns) side by side, each number in its own cell; all cells have the same size.

    group: number -> which of the six tints its cell has. Without it, larger numbers have darker cells.
    """
    arrays = [np.asarray(table.detach().cpu() if isinstance(table, Tensor) else table) for table in tables]
    if any(array.ndim != 2 for array in arrays):
        raise UserError(f"number_cells takes tables with two axes; these are {[array.shape for array in arrays]}")
    titles = _checked_titles(titles, len(arrays))
    columns, rows = [array.shape[1] for array in arrays], max(array.shape[0] for array in arrays)
    cell = min(WIDTH / (sum(columns) + 0.8 * (len(arrays) - 1)), 0.62)  # inches
    widths = [max(1.0, cell * count) for count in columns]
    low, high = min(array.min() for array in arrays), max(array.max() for array in arrays)
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(layout="constrained")
        axes = figure.subplots(1, len(arrays), width_ratios=columns, squeeze=False)[0]
        for axis, array, title, width in zip(axes, arrays, titles, widths, strict=True):
            for (y, x), number in np.ndenumerate(array):
                dark = 0.6 * (number - low) / ((high - low) or 1)
                tint = TINTS[group(number) % len(TINTS)] if group else mpl.colormaps["Blues"](dark)
                axis.add_patch(Rectangle((x, y), 1, 1, facecolor=tint, edgecolor=INK, linewidth=1))
                axis.text(x + 0.5, y + 0.5, f"{number:g}", ha="center", va="center", color=INK)
            axis.set(xlim=(-0.02, array.shape[1] + 0.02), ylim=(rows + 0.02, -0.02), aspect="equal", anchor="N")
            _only_title(axis, _wrapped(title, width + 0.6 * cell))
        figure.set_size_inches(
            cell * (sum(columns) + 0.8 * (len(arrays) - 1)), cell * rows + 0.1 + _title_height(titles, widths)
        )
        put(as_html(figure, check_alt(alt)), alt)


def _draw(axis: Axes, picture: np.ndarray, title: str, inches: float) -> None:
    axis.imshow(picture, interpolation="none")
    height, width = picture.shape[:2]  # a thin frame, because a black picture would be lost in a dark theme
    axis.add_patch(Rectangle((-0.5, -0.5), width, height, fill=False, edgecolor="#888888", linewidth=0.8))
    _only_title(axis, _wrapped(title, inches))


def _only_title(axis: Axes, title: str) -> None:
    """No ticks: Matplotlib would lay them out though hidden, and the title above them, in half of a figure's time."""
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, y=1)
    axis.set_axis_off()


def _aspect(picture: np.ndarray) -> float:
    return picture.shape[1] / picture.shape[0]


def _middle(height: int, width: int) -> tuple[int, int, int, int]:
    """A square in the middle, a quarter of the shorter side wide. Its edges are multiples of 4, to fit an LR image."""
    side = min(height, width) if min(height, width) < 16 else max(16, min(height, width) // 4 // 4 * 4)
    return (height - side) // 2 // 4 * 4, (width - side) // 2 // 4 * 4, side, side


def _crop(picture: np.ndarray, box: tuple[int, int, int, int], size: tuple[int, int], name: str) -> np.ndarray:
    """Cuts the box out of a picture. The box is in pixels of the first image, whose size (height, width) is `size`."""
    top, left, height, width = box
    if top < 0 or left < 0 or min(height, width) < 1 or top + height > size[0] or left + width > size[1]:
        raise UserError(f"box (top, left, height, width) = {box} is not inside an image of {size[0]}x{size[1]} pixels")
    scale = Fraction(picture.shape[0], size[0])
    edges = [edge * scale for edge in (top, top + height, left, left + width)]
    whole = scale.numerator == 1 or scale.denominator == 1
    if picture.shape[1] != size[1] * scale or not whole or any(edge.denominator != 1 for edge in edges):
        raise UserError(
            f"{name} is {picture.shape[0]}x{picture.shape[1]} pixels, the first {size[0]}x{size[1]}: the box {box} is "
            "not a whole number of pixels in both. First crop the images, and the box, to a multiple of the factor."
        )
    y0, y1, x0, x1 = map(int, edges)
    return picture[y0:y1, x0:x1]


def _checked_titles(titles: Sequence[str], count: int) -> Sequence[str]:
    if titles and len(titles) != count:
        raise UserError(f"got {counted(len(titles), 'title')} for {counted(count, 'picture')}: give each one, or none")
    return titles or [""] * count


def _wrapped(title: str, inches: float) -> str:
    """A title, broken into lines that are no wider than the picture below it."""
    letters = max(8, int(inches / CHARACTER))
    return "\n".join(textwrap.fill(line, letters) for line in title.split("\n"))


def _title_height(titles: Sequence[str], widths: Sequence[float]) -> float:
    """The height, in inches, that the titles of one row need above pictures of these widths."""
    lines = max(
        (_wrapped(title, width).count("\n") + 1 for title, width in zip(titles, widths, strict=True) if title),
        default=0,
    )
    return lines * 1.25 * FONT / 72 + (0.12 if lines else 0)


# --- numbers ---------------------------------------------------------------------------------------------------------

Line = Sequence[float] | tuple[Sequence[float], Sequence[float]]


def curves(
    lines: Mapping[str, Line], *, xlabel: str, ylabel: str, title: str = "", log: bool = False, alt: str
) -> None:
    """Draws named lines, each given as values or as a pair (places, values). log: whether the y-axis is logarithmic."""
    put(as_html(_curves(lines, xlabel, ylabel, title, log), check_alt(alt)), alt)


def _curves(lines: Mapping[str, Line], xlabel: str, ylabel: str, title: str, log: bool) -> Figure:
    if len(lines) > len(LINES):
        raise UserError(f"curves: {len(lines)} lines in one figure; more than {len(LINES)} cannot be told apart")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * 0.85, 4.2 + 0.4 * (len(lines) > 1)), layout="constrained")
        axis = figure.add_subplot()
        for (name, line), (colour, style, mark) in zip(lines.items(), LINES, strict=False):
            x, y = line if isinstance(line, tuple) else (range(len(line)), line)
            every = max(1, len(y) // 12)
            axis.plot(x, y, color=colour, linestyle=style, marker=mark, markevery=every, label=name)
        axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if log:
            axis.set_yscale("log")
        if len(lines) > 1:  # outside the axes, where no curve runs under it
            figure.legend(loc="outside upper center", ncols=2)
        return figure


def bars(
    values: Mapping[str, float],
    *,
    xlabel: str,
    digits: int = 2,
    group: Callable[[str], int] | None = None,
    alt: str,
) -> None:
    """Draws horizontal bars with their numbers, in the order given. Zero is always visible.

    group: name -> which tint and hatching its bar has, if a figure has several kinds of bars. Numbers have a plus sign
    only if others have a minus sign, because "+93 %" does not read as a share.
    """
    put(as_html(_bars(values, xlabel, digits, group), check_alt(alt)), alt)


def _bars(values: Mapping[str, float], xlabel: str, digits: int, group: Callable[[str], int] | None = None) -> Figure:
    sign = "+" if min(values.values()) < 0 else ""
    labels = [f"{value:{sign},.{digits}f}".replace("-", "\N{MINUS SIGN}") for value in values.values()]
    with mpl.rc_context(STYLE):
        height = 0.55 if len(values) <= 8 else 0.42  # of a bar and its gap
        figure = Figure(figsize=(WIDTH * 0.85, 0.9 + height * len(values)), layout="constrained")
        axis = figure.add_subplot()
        names = [_wrapped(name, 3.2) for name in values]
        kinds = [group(name) if group else 0 for name in values]
        tints, hatches = [("#9ecae1", "#fdd0a2", "#c7e9c0")[kind] for kind in kinds], [HATCHES[kind] for kind in kinds]
        look: dict[str, Any] = {"color": tints, "hatch": hatches, "edgecolor": INK if group else "black"}
        drawn = axis.barh(names, list(values.values()), height=0.62, **look)  # a light hatching would be lost on a tint
        axis.bar_label(drawn, labels, padding=5)
        axis.axvline(0, color="black", linewidth=1.2)
        axis.invert_yaxis()
        axis.margins(x=0.21 if sign else 0.16)  # room for the numbers, which are longer with a sign
        axis.locator_params(axis="x", nbins=7)  # more numbers would touch each other
        if max(values.values()) >= 10_000:
            axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(xlabel)
        return figure


def name_points(axis: Axes, points: Sequence[tuple[str, tuple[float, float], str]]) -> None:
    """Writes a name beside each point of an axis, where it covers as little as possible.

    points: a tuple (name, (x, y), colour) for each. Call it last, because it avoids the lines, markers and names that
    already exist.
    """
    figure = cast(Figure, axis.figure)  # lessons have no figures inside figures
    figure.draw_without_rendering()  # its limits and its size are known only after this
    lines = [axis.transData.transform(line.get_xydata()) for line in axis.lines if line.get_linestyle() != "None"]
    between = np.linspace(0, 1, 20)[:, None, None]
    on_lines = [(line[:-1] + (line[1:] - line[:-1]) * between).reshape(-1, 2) for line in lines]
    marks = [axis.transData.transform(line.get_xydata()) for line in axis.lines]
    drawn = np.concatenate(marks + on_lines)  # (places, 2), pixels
    room = axis.get_window_extent()
    taken: list[Bbox] = []
    for name, place, colour in points:
        tried: list[tuple[int, int, Annotation, Bbox]] = []
        for right, up in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            text = axis.annotate(
                name,
                place,
                xytext=(9 * right, 9 * up),
                textcoords="offset points",
                color=colour,
                ha=("center", "left", "right")[right],
                va=("center", "bottom", "top")[up],
            )
            box = text.get_window_extent()
            covered = sum(box.overlaps(other) for other in taken)
            covered += min(3, sum(box.contains(x, y) for x, y in drawn))
            covered += 2 * (box.x0 < room.x0 or box.x1 > room.x1 or box.y0 < room.y0 or box.y1 > room.y1)
            tried.append((covered, len(tried), text, box))
        best = min(tried, key=lambda one: one[:2])
        for one in tried:
            if one is not best:
                one[2].remove()
        taken.append(best[3].padded(2))


class LossBoard:
    """Curves that grow during training, always in the same place on the page.

        with LossBoard(xlabel="updates", ylabel="loss", alt="...") as board:
            board.add(step, loss=0.01)

    bounds: which part of the vertical axis is shown; by default, all of it. `add` takes one named value per curve. The
    board draws at most twice a second, and spends at most a tenth of the time on drawing. The last state stays on the
    page, with its numbers in the alt text.
    """

    def __init__(
        self,
        *,
        xlabel: str = "updates",
        ylabel: str = "loss",
        log: bool = True,
        bounds: tuple[float, float] | None = None,
        alt: str,
    ) -> None:
        self.xlabel, self.ylabel, self.log, self.alt = xlabel, ylabel, log, check_alt(alt)
        self.bounds = bounds
        self.lines: dict[str, tuple[list[float], list[float]]] = {}
        self._handle: DisplayHandle | None = None
        self._next = 0.0

    def add(self, step: float, **values: float) -> None:
        for name, value in values.items():
            steps, numbers = self.lines.setdefault(name, ([], []))
            steps.append(step)
            numbers.append(float(value))
        if _live() and not _caught and time.perf_counter() >= self._next:
            self.draw()

    def draw(self) -> None:
        """Draws the current state."""
        started = time.perf_counter()
        last = ", ".join(f"{name} {numbers[-1]:.4g}" for name, (_, numbers) in self.lines.items())
        alt = f"{self.alt} Last values: {last or 'none yet'}."
        figure = _curves(self.lines, self.xlabel, self.ylabel, "", self.log)
        if self.bounds:
            figure.axes[0].set_ylim(*self.bounds)
        page = as_html(figure, alt, trim=False)
        if _caught:
            _caught[-1].append(page)
        elif self._handle is None:
            self._handle = display({"text/html": page, "text/plain": f"[{alt}]"}, raw=True, display_id=True)
        else:
            self._handle.update({"text/html": page, "text/plain": f"[{alt}]"}, raw=True)
        now = time.perf_counter()
        self._next = now + max(0.5, 9 * (now - started))

    def __enter__(self) -> "LossBoard":
        return self

    def __exit__(self, *_: object) -> None:
        self.draw()
