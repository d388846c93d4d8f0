"""Films: figures that move when somebody presses Play. They need no kernel, and also work in an exported page.

A film does not move until it is started. If the system asks for less motion, there is only a slider and no Play button;
on paper there is one frame, without controls.
"""

import html
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.classroom import svg
from srgan_lessons.classroom.figures import INK, LINES, TINTS, Picture, as_picture, check_alt, data_url, png, put
from srgan_lessons.files import counted

FONT = "font-family: 'DejaVu Sans', Verdana, sans-serif"
SHOW = (
    "var f = this.closest('figure');"
    "f.film = f.film || JSON.parse(f.dataset.film);"
    "f.querySelector('.moving').innerHTML = f.film.frames[this.value];"
    "f.querySelector('figcaption').textContent = f.film.captions[this.value];"
)
PLAY = (
    "var f = this.closest('figure'), r = f.querySelector('input'), b = this;"
    "function stop() { clearInterval(f.timer); f.timer = 0; b.textContent = b.dataset.play; }"
    "if (f.timer) { stop(); return; }"
    "if (+r.value >= +r.max) { r.value = 0; r.oninput(); }"
    "b.textContent = b.dataset.pause;"
    "f.timer = setInterval(function () {"
    " if (!f.isConnected) { clearInterval(f.timer); return; }"
    " r.value = +r.value + 1; r.oninput(); if (+r.value >= +r.max) stop(); }, +f.dataset.pace);"
)
QUIET = (
    "<style>@media print { .film-controls { display: none !important } }"
    "@media (prefers-reduced-motion: reduce) { .film-play { display: none } }</style>"
)


def film(base: str, frames: Sequence[str], captions: Sequence[str], *, width: int, height: int, alt: str,
         still: int = -1, pace: int = 120) -> None:  # fmt: skip
    """Shows a film. base: SVG that stays; frames: SVG that changes; captions: one per frame.

    still: the frame that is shown first, and on paper. pace: milliseconds per frame.
    """
    alt, still = check_alt(alt), still % len(frames)
    if len(frames) != len(captions):
        said = f"{counted(len(frames), 'frame')}, {counted(len(captions), 'caption')}"
        raise UserError(f"a film needs a caption for each frame: {said}")
    whole = svg.element(width, height, (0, 0, width, height), alt, f'{base}<g class="moving">{frames[still]}</g>')
    content = html.escape(json.dumps({"frames": list(frames), "captions": list(captions)}))
    play, pause = "Play", "Pause"
    put(
        f"""<figure class="film" style="margin: 0; width: {width}px; max-width: 100%" data-pace="{pace}"
 data-film="{content}">{QUIET}{whole}
<figcaption style="min-height: 1.5em; text-align: center">{html.escape(captions[still])}</figcaption>
<div class="film-controls" style="display: flex; gap: 12px; align-items: center">
<button class="film-play" type="button" data-play="{play}" data-pause="{pause}" onclick="{PLAY}"
 style="min-width: 7em; padding: 4px 10px; font-size: 14px">{play}</button>
<input type="range" min="0" max="{len(frames) - 1}" value="{still}" style="flex: 1" aria-label="frame of the film"
 oninput="{SHOW}"></div></figure>""",
        alt,
    )


def _text(
    x: float, y: float, text: str, *, size: int = 14, anchor: str = "middle", colour: str = "currentColor"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" dominant-baseline="central" font-size="{size}" '
        f'style="{FONT}; fill: {colour}">{html.escape(text)}</text>'
    )


def _rect(
    x: float, y: float, width: float, height: float, fill: str, line: float = 1, edge: str = "currentColor"
) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" stroke="{edge}" '
        f'stroke-width="{line}" style="fill: {fill}"/>'
    )


def _line(points: Sequence[tuple[float, float]], colour: str, *, width: float = 2, dash: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}" '
        f'style="fill: none"/>'
    )


# --- lesson 01 -------------------------------------------------------------------------------------------------------


def kernel_film(row: Sequence[int], weights: Callable[[np.ndarray, float], np.ndarray], *, alt: str) -> None:
    """The widened kernel moves over a row of HR pixels and writes an LR pixel at every fourth of them.

    row: grey levels, 0 to 255. weights(distance, factor): the weights of pixels at these distances; their sum is 1.
    """
    cell, left, factor = 26, 20, 4
    width, ground, scale = 2 * left + cell * len(row), 150, 520  # ground: y of weight 0; scale: pixels for weight 1

    def x_of(place: float) -> float:
        return left + cell * (place + 0.5)

    def grey(level: float) -> str:
        return f"rgb({level:.0f}, {level:.0f}, {level:.0f})"

    base = "".join(_rect(left + cell * i, 186, cell, cell, grey(level)) for i, level in enumerate(row))
    base += _text(left, 172, f"HR: {len(row)} pixels", anchor="start") + _text(left, 230, "LR", anchor="start")
    base += _line([(left, ground), (width - left, ground)], "#7a7a7a", width=1)
    places = np.arange(float(len(row)))
    frames, captions, made = [], [], ""
    centres = np.arange(1.5, len(row) - 1, 1.0)
    for centre in centres:
        counted = weights(centre - places, factor)  # the border is ignored here: no pixels are repeated beyond it
        total = counted.sum()
        fine = np.linspace(centre - 8, centre + 8, 97)
        fine = fine[(fine > -0.5) & (fine < len(row) - 0.5)]
        curve = weights(np.concatenate([centre - fine, centre - places]), factor)
        curve = curve[: len(fine)] * counted.max() / max(curve[len(fine) :].max(), 1e-9)
        drawn = _line([(x_of(x), ground - scale * y) for x, y in zip(fine, curve, strict=True)], "#0072b2", width=2.5)
        for place, weight in zip(places, counted, strict=True):
            if abs(weight) > 1e-6:
                colour = "#0072b2" if weight > 0 else "#d55e00"
                drawn += _line([(x_of(place), ground), (x_of(place), ground - scale * weight)], colour, width=4)
        caption = "the weights move with the kernel; orange ones are below zero"
        if (centre - 1.5) % factor == 0:
            level = float(np.clip(np.round(counted @ row / total), 0, 255))
            made += _rect(left + cell * (centre - 1.5), 244, factor * cell, 44, grey(level), 1.5)
            caption = f"an LR pixel: the weighted mean of the pixels below the kernel is {level:.0f}"
        frames.append(drawn + made)
        captions.append(caption)
    film(base, frames, captions, width=width, height=296, alt=alt, still=len(frames) // 2 // 4 * 4, pace=220)


# --- lesson 03 -------------------------------------------------------------------------------------------------------


def shuffle_film(r: int = 2, size: int = 2, *, alt: str) -> None:
    """Pixel shuffle: the numbers of r x r channels move to their places. The number 23 is channel 2, place 3."""
    cell, top, steps = 46, 34, 8
    begin, end = [], []
    gap = (size + 0.7) * cell
    right = 20 + r * r * gap + 50
    for channel in range(r * r):
        for place in range(size * size):
            line, column = divmod(place, size)
            i, j = divmod(channel, r)
            begin.append((20 + channel * gap + column * cell, top + (r - 1) * cell + line * cell))
            end.append((right + (column * r + j) * cell, top + (line * r + i) * cell))
    numbers = [(channel, place) for channel in range(r * r) for place in range(size * size)]
    outline = "".join(_rect(x, y, cell, cell, "none", 0.7) for x, y in [*begin, *end])
    base = outline + _text(right + r * size * cell / 2, 16, "the image")
    base += "".join(
        _text(20 + c * gap + size * cell / 2, top + (r - 1) * cell - 18, f"channel {c}") for c in range(r * r)
    )
    frames, captions = [], []
    for moving in range(r * r):
        for step in range(steps + 1):
            passed = step / steps
            share = passed * passed * (3 - 2 * passed)  # it starts and ends softly
            drawn = ""
            for (channel, place), (x0, y0), (x1, y1) in zip(numbers, begin, end, strict=True):
                part = 1.0 if channel < moving else share if channel == moving else 0.0
                x, y = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
                drawn += _rect(x, y, cell, cell, TINTS[channel % len(TINTS)], edge=INK)  # a light edge would be lost
                drawn += _text(x + cell / 2, y + cell / 2, str(10 * channel + place), size=17, colour=INK)
            frames.append(drawn)
            i, j = divmod(moving, r)
            captions.append(f"channel {moving} owns row {i}, column {j} of each tile")
    width, height = round(right + r * size * cell + 20), round(top + r * size * cell + 16)
    film(base, frames, captions, width=width, height=height, alt=alt, still=0, pace=90)


# --- lessons 05 and 07 -----------------------------------------------------------------------------------------------


def curves_film(x: Sequence[float], frames: Sequence[Mapping[str, Sequence[float]]], captions: Sequence[str], *,
                xlabel: str, top: float, alt: str, still: int = -1) -> None:  # fmt: skip
    """Curves that change. Each frame maps name -> values (0 to `top`) at all places x; the names stay the same."""
    width, height, left, bottom = 860, 400, 60, 340
    low, high = float(min(x)), float(max(x))

    def at(a: float, b: float) -> tuple[float, float]:
        return left + (a - low) / (high - low) * (width - left - 20), bottom - float(b) / top * (bottom - 60)

    base = _line([at(low, top), at(low, 0), at(high, 0)], "currentColor", width=1.5)
    for tick in range(int(np.ceil(low)), int(high) + 1):
        if tick % 2 == 0:
            base += _text(at(tick, 0)[0], bottom + 18, f"{tick}".replace("-", "\N{MINUS SIGN}"))
    for level in np.arange(0, top + 1e-9, 0.25).tolist():
        base += _text(left - 10, at(low, level)[1], f"{level:.2f}", anchor="end", size=13)
        base += _line([at(low, level), at(high, level)], "#88888855", width=1)
    base += _text((left + width) / 2, bottom + 44, xlabel)
    looks = {}
    for k, (name, (colour, _, _)) in enumerate(zip(frames[0], LINES, strict=False)):
        looks[name] = (
            "currentColor" if colour == "#000000" else colour,
            ("", "9 5", "9 4 2 4", "2 4", "12 4", "4 2 1 2")[k],
        )
        start = left + 20 + k * 200
        base += _line([(start, 20), (start + 44, 20)], looks[name][0], width=2.5, dash=looks[name][1])
        base += _text(start + 52, 20, name, anchor="start")
    drawn = [
        "".join(
            _line([at(a, b) for a, b in zip(x, y, strict=True)], looks[name][0], width=2.5, dash=looks[name][1])
            for name, y in frame.items()
        )
        for frame in frames
    ]
    film(base, drawn, captions, width=width, height=height, alt=alt, still=still, pace=150)


def pictures_film(pictures: Sequence[Picture], captions: Sequence[str], *, beside: Mapping[str, Picture], alt: str,
                  side: int = 300) -> None:  # fmt: skip
    """A picture that changes, drawn pixel by pixel, and others beside it that stay the same (name -> picture)."""
    fixed = {name: as_picture(picture) for name, picture in beside.items()}
    moving = [as_picture(picture) for picture in pictures]
    if len({picture.shape for picture in [*moving, *fixed.values()]}) != 1:
        raise UserError("pictures_film: all pictures must have the same size")
    tall = round(side * moving[0].shape[0] / moving[0].shape[1])

    def image(picture: np.ndarray, place: int) -> str:
        return (
            f'<image href="{data_url(png(picture))}" x="{place * (side + 16)}" y="28" width="{side}" height="{tall}" '
            f'style="image-rendering: pixelated"/>'
        )

    base = "".join(
        _text(k * (side + 16) + side / 2, 12, name) + image(picture, k)
        for k, (name, picture) in enumerate(fixed.items())
    )
    base += _text(len(fixed) * (side + 16) + side / 2, 12, "while it trains")
    width = (len(fixed) + 1) * (side + 16) - 16
    film(base, [image(p, len(fixed)) for p in moving], captions, width=width, height=tall + 36, alt=alt, pace=350)
