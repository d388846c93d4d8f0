"""Interactive views: a before/after picture, controls for a figure, a zoom viewer, and a button for your own photo.

The before/after picture needs no kernel, so it also works in an exported page. The others use only the core controls of
ipywidgets, 7.7 or 8; where these cannot be shown, the page shows the first picture without controls.
"""

import html
import math
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import display

from srgan_lessons import UserError
from srgan_lessons.classroom.figures import (
    Picture,
    as_picture,
    catch,
    check_alt,
    data_url,
    png,
    put,
    show_crops,
)
from srgan_lessons.images import load_image

WIDGET = "application/vnd.jupyter.widget-view+json"

# --- before and after ------------------------------------------------------------------------------------------------

TALLEST, WIDEST = 600, 900  # CSS pixels: the whole picture must be visible without scrolling
USEFUL = 440  # CSS pixels: a smaller picture is enlarged at least to this
TO = (  # moves the edge of `box` to `percent` of its width
    "percent = Math.max(0, Math.min(100, percent));"
    "box.querySelector('.after').style.clipPath = 'inset(0 0 0 ' + percent + '%)';"
    "box.querySelector('.edge').style.left = percent + '%';"
    "box.setAttribute('aria-valuenow', Math.round(percent));"
)
DRAG = (
    "if (event.type != 'pointerdown' && !(event.buttons & 1)) return;"
    "event.preventDefault();"
    "if (event.type == 'pointerdown') { this.setPointerCapture(event.pointerId); this.focus(); }"
    "var box = this, place = box.getBoundingClientRect(), percent = 100 * (event.clientX - place.left) / place.width;"
    + TO
)
KEYS = (
    "var step = {ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100,"
    " End: 100}[event.key]; if (!step) return; event.preventDefault(); event.stopPropagation();"
    "var box = this, percent = +box.getAttribute('aria-valuenow') + step;" + TO
)
LABEL = (
    "position: absolute; top: 8px; padding: 2px 10px; font: 16px/1.5 sans-serif; color: white; "
    "background: rgba(0, 0, 0, 0.75); border-radius: 4px; pointer-events: none;"
)


def compare(before: Picture, after: Picture, *, titles: tuple[str, str] = ("before", "after"), alt: str) -> None:
    """Shows two versions of a photo, one over the other: the first to the left of a line, the second to the right.

    Drag the line anywhere on the picture, or move it with the arrow keys. before, after: uint8 (H, W, 3) or float
    (1, 3, H, W) in [0, 1]. The first may be smaller, like the LR image; it is then drawn with square pixels at the size
    of the second. Raises UserError if the two do not have the same proportions.
    """
    left, right = as_picture(before), as_picture(after)
    if abs(left.shape[0] * right.shape[1] - left.shape[1] * right.shape[0]) > 4 * max(right.shape):
        raise UserError(f"compare: {left.shape[:2]} and {right.shape[:2]} pixels are not the same picture at two sizes")
    alt = check_alt(alt)
    height, width = right.shape[:2]
    scale = min(max(2, math.ceil(USEFUL / max(height, width))), TALLEST / height, WIDEST / width)
    scale = int(scale) if scale >= 1 else scale  # a whole factor if it is enlarged
    sharp = "pixelated" if scale >= 1 else "auto"
    picture = f"display: block; width: 100%; height: 100%; image-rendering: {sharp}; margin: 0; max-width: none;"
    put(
        f"""<figure class="compare" style="margin: 0; width: {width * scale:.0f}px; max-width: 100%">
<div role="slider" tabindex="0" aria-label="how much of the left picture is shown: drag, or use the arrow keys"
 aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"
 onpointerdown="{DRAG}" onpointermove="{DRAG}" onkeydown="{KEYS}"
 style="position: relative; overflow: hidden; aspect-ratio: {width} / {height}; cursor: ew-resize; touch-action: pan-y">
<img alt="{html.escape(alt)} Left: {html.escape(titles[0])}." src="{data_url(png(left))}" draggable="false"
 style="{picture}">
<img alt="Right: {html.escape(titles[1])}." src="{data_url(png(right))}" class="after" draggable="false"
 style="{picture} position: absolute; top: 0; left: 0; clip-path: inset(0 0 0 50%)">
<div class="edge" style="position: absolute; top: 0; bottom: 0; left: 50%; width: 3px; margin-left: -2px;
 background: white; box-shadow: 0 0 0 1px black; pointer-events: none"></div>
<span style="{LABEL} left: 8px">{html.escape(titles[0])}</span>
<span style="{LABEL} right: 8px">{html.escape(titles[1])}</span>
</div></figure>""",
        alt,
    )


# --- controls --------------------------------------------------------------------------------------------------------


def play(draw: Callable[..., None], **controls: Sequence[Any]) -> None:
    """Draws a figure again whenever one of its controls is moved.

        def draw(factor):
            show_images(imresize(photo, 1 / factor), alt=f"the photo, reduced by {factor}")

        play(draw, factor=[2, 4, 8])

    draw: shows figures with the functions of this room; it is called with one value per control. controls: the values
    to choose from; the figure starts with the first of them. Words become a list to pick from, and numbers become a
    slider. A single value leaves no choice, and gets no control.
    """
    for name, values in controls.items():
        if isinstance(values, str) or not len(values):
            raise UserError(f"play: {name} needs the values to choose from, for example {name}=[2, 4, 8]")
    first = {name: values[0] for name, values in controls.items()}
    still = _drawn(draw, first)
    widgets = _widgets()
    if widgets is None:
        put(still, "a figure with controls, which need ipywidgets")
        return
    chosen = {name: _control(widgets, name, values) for name, values in controls.items() if len(values) > 1}
    screen = widgets.HTML(still)

    def redraw(_: object) -> None:
        # until the new picture is computed, the page shows the old one, dimmed; what is below it does not move
        screen.value = (
            f'<div style="position: relative"><div style="opacity: 0.35">{screen.value}</div>'
            f'<span role="status" style="{LABEL} left: 8px">computing ...</span></div>'
        )
        screen.value = _drawn_or_said(draw, first | {name: control.value for name, control in chosen.items()})

    for control in chosen.values():
        control.observe(redraw, names="value")
    show_widget(widgets.VBox([*chosen.values(), screen]), still)


def zoom(
    pictures: Mapping[str, Sequence[Picture]], *, titles: Sequence[str], at: tuple[int, int] = (50, 50), alt: str
) -> None:
    """Shows crops with controls: the reader picks a photo, and moves and resizes the zoom box. See show_crops.

    pictures: name -> versions of one photo, such as HR, bicubic and LR; the largest comes first, because the box is
    measured in its pixels. at: where the box is at first, as the percentages of `down` and `right`, multiples of 5.
    """
    alt = check_alt(alt)

    def draw(photo: str, down: int, right: int, size: int) -> None:
        versions = [as_picture(version) for version in pictures[photo]]
        height, width = versions[0].shape[:2]
        side = min(size, height // 4 * 4, width // 4 * 4)
        top, left = ((free - side) * percent // 400 * 4 for free, percent in ((height, down), (width, right)))
        show_crops(*versions, titles=titles, box=(top, left, side, side), alt=f"{alt} Here: {photo}, {side} pixels.")

    down, right = ([first, *(place for place in range(0, 101, 5) if place != first)] for first in at)
    play(draw, photo=list(pictures), down=down, right=right, size=[64, 32, 96, 128, 192])


def upload_photo(use: Callable[[np.ndarray], None]) -> None:
    """A button that reads a picture file from the reader's computer and passes it to `use` as uint8 (H, W, 3).

    What `use` shows with the functions of this room appears below the button. If something is wrong with the file, a
    message appears instead. The file goes to the kernel and nowhere else; nothing is stored.
    """
    widgets = _widgets()
    still = "<p><em>Where widgets can be shown, a button here lets you choose a photo of your own.</em></p>"
    if widgets is None:
        put(still, "a button to choose a photo, which needs ipywidgets")
        return
    button = widgets.FileUpload(
        accept="image/*", multiple=False, description="Choose a photo", layout=widgets.Layout(width="200px")
    )
    screen = widgets.HTML()

    def take(change: Mapping[str, Any]) -> None:
        for name, content in uploaded_files(change["new"]):
            screen.value = f"<p>{html.escape(name)}: working ...</p>"
            screen.value = _drawn_or_said(_use_file, {"use": use, "name": name, "content": content})

    button.observe(take, names="value")
    show_widget(widgets.VBox([button, screen]), still)


def uploaded_files(value: Any) -> list[tuple[str, bytes]]:
    """(name, content) of each file in the value of a FileUpload: a dict in ipywidgets 7, a tuple of dicts in 8."""
    if isinstance(value, Mapping):
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]


def _use_file(use: Callable[[np.ndarray], None], name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo"  # the file's own name may be too long for this system
        path.write_bytes(content)
        try:
            photo = load_image(path)
        except UserError as error:
            raise UserError(str(error).replace(str(path), name)) from None
    use(photo)


def _control(widgets: Any, name: str, values: Sequence[Any]) -> Any:
    label, first = name.replace("_", " "), values[0]
    style, layout = {"description_width": "9em"}, widgets.Layout(width="30em")
    if any(isinstance(value, str) for value in values):
        return widgets.Dropdown(options=list(values), value=first, description=label, style=style, layout=layout)
    return widgets.SelectionSlider(
        options=sorted(values), value=first, description=label, style=style, layout=layout, continuous_update=False
    )


def _drawn(draw: Callable[..., None], values: Mapping[str, Any]) -> str:
    with catch() as shown:
        draw(**values)
    return "\n".join(shown)


def _drawn_or_said(draw: Callable[..., None], values: Mapping[str, Any]) -> str:
    """Returns the figures, or the error, because an error inside a callback would not be shown otherwise."""
    try:
        return _drawn(draw, values)
    except UserError as error:
        return f"<p>{html.escape(str(error))}</p>"
    except Exception:
        return f"<pre>{html.escape(traceback.format_exc())}</pre>"


def _widgets() -> Any:
    """The module ipywidgets, or None if it is not installed."""
    try:
        import ipywidgets
    except ImportError:
        return None
    return ipywidgets


def show_widget(widget: Any, still: str, text: str = "[controls]") -> None:
    """Shows a widget and, in the same place, a still version for pages that cannot show widgets."""
    data = {
        WIDGET: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id},
        "text/html": still,
        "text/plain": text,
    }
    if "google.colab" in sys.modules:  # Colab shows the first format that it knows, and widgets work there
        del data["text/html"]
    display(data, raw=True)
