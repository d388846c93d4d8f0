"""Makes the pictures of the README and of the site's home page, in docs/figures/front/: `make pictures`.

Everything comes from the shipped weights, scikit-image's photos (CC0 or public domain) and the tables in data/. The
same files always give the same pictures. `python tools/pictures.py lessons special` makes only some kinds.
"""

import argparse
import csv
import json
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from lesson_source import FRONT as OUT
from lesson_source import ROOT
from PIL import Image, ImageDraw, ImageFont

from srgan_lessons.images import sample_photos, to_tensor
from srgan_lessons.resize import imresize
from srgan_lessons.upscaling import upscale
from srgan_lessons.weights import load_network

DATA = ROOT / "data"
EYE = (92, 128, 96, 96)  # the cat's eye: top, left, height, width
NAMES = {"nearest": "LR", "bicubic": "bicubic", "srresnet": "SRResNet", "srgan": "SRGAN"}
THUMB = (320, 200)  # pixels of a thumbnail, which is shown at half this size
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"  # Okabe and Ito: safe for colour-blind readers
INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
INKS = {"": "#1a1a1a", "_dark": "#e6e6e6"}  # end of a file's name -> colour of the words and axes of a chart
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def cat() -> np.ndarray:
    return sample_photos()["chelsea"][:300, :448]  # (300, 448, 3)


@cache
def enlarged(method: str, photo: str = "chelsea") -> np.ndarray:
    """A photo that was downscaled by 4 and enlarged again with a method; for "hr", the photo itself."""
    hr = cat() if photo == "chelsea" else sample_photos()[photo]
    hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
    return hr if method == "hr" else upscale(imresize(hr, 1 / 4), method, device="cpu", progress=False)


def cut(picture: np.ndarray, box: tuple[int, int, int, int], width: int, height: int) -> Image.Image:
    """A box of a picture with its pixels shown as squares, if width and height are whole multiples of the box's."""
    top, left, high, wide = box
    return Image.fromarray(picture[top : top + high, left : left + wide]).resize(
        (width, height), Image.Resampling.NEAREST
    )


def label(image: Image.Image, text: str, place: tuple[int, int], size: int, anchor: str = "la") -> None:
    """Draws white words on a dark background, readable on any picture."""
    draw, font = ImageDraw.Draw(image, "RGBA"), ImageFont.truetype(str(FONT), size)
    left, top, right, bottom = draw.textbbox(place, text, font=font, anchor=anchor)
    draw.rounded_rectangle(
        (left - size // 3, top - size // 4, right + size // 3, bottom + size // 4), 6, (0, 0, 0, 190)
    )
    draw.text(place, text, font=font, fill="white", anchor=anchor)


def save(image: Image.Image, name: str, quality: int = 85) -> None:
    image.convert("RGB").save(OUT / f"{name}.webp", quality=quality, method=6)


def save_for_themes(made: Callable[[], Image.Image], name: str) -> None:
    """Saves a photo once. A chart has no background: it is saved with dark ink, and with light ink as NAME_dark."""
    image = made()
    if image.mode == "RGB":
        save(image, name, 80)
        return
    for end, ink in INKS.items():
        with plt.rc_context(dict.fromkeys(INKED, ink)):
            made().save(OUT / f"{name}{end}.webp", lossless=True, method=6)


# --- the first screen ------------------------------------------------------------------------------------------------


def strip() -> None:
    """The whole photo, and one crop of it from each method: in one row, and in two rows for narrow screens."""
    side, gap = 288, 8
    whole = Image.fromarray(cat()).resize((448 * side // 300, side), Image.Resampling.LANCZOS)
    scale = whole.width / 448
    top, left, high, wide = EYE
    corners = [left, top, left + wide, top + high]
    ImageDraw.Draw(whole).rectangle([round(c * scale) for c in corners], outline="white", width=3)
    panels = [(whole, "")] + [
        (cut(enlarged(method), EYE, side, side), NAMES.get(method, "HR"))
        for method in ("nearest", "bicubic", "srresnet", "srgan", "hr")
    ]
    for panel, words in panels:
        if words:
            label(panel, words, (14, 12), 34)
    row = [panel for panel, _ in panels]
    square = whole.crop(((whole.width - side) // 2, 0, (whole.width + side) // 2, side))
    for name, rows in (("strip", [row]), ("strip_narrow", [[square, *row[1:3]], row[3:]])):
        width = sum(panel.width + gap for panel in rows[0]) - gap
        picture = Image.new("RGB", (width, len(rows) * (side + gap) - gap), "white")
        for y, panels_of_row in enumerate(rows):
            x = 0
            for panel in panels_of_row:
                picture.paste(panel, (x, y * (side + gap)))
                x += panel.width + gap
        save(picture, name, 84)


def slider() -> None:
    """A line that moves across the cat, with bicubic to its left and SRGAN to its right. Saves a film and a still."""
    before, after = (Image.fromarray(enlarged(method)) for method in ("bicubic", "srgan"))
    width, height = before.size

    def frame(share: float) -> Image.Image:
        x = round(share * width)
        image = after.copy()
        image.paste(before.crop((0, 0, x, height)), (0, 0))
        ImageDraw.Draw(image).rectangle((x - 1, 0, x + 1, height), fill="white")
        label(image, "bicubic", (12, 12), 20)
        label(image, "SRGAN", (width - 12, 12), 20, "ra")
        return image

    turns = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    frames = [frame(0.5 + 0.42 * np.sin(turn)) for turn in turns]
    frames[0].save(
        OUT / "slider.webp", save_all=True, append_images=frames[1:], duration=140, loop=0, quality=62, method=6
    )
    save(frame(0.5), "slider_still")


# --- a picture for each lesson ---------------------------------------------------------------------------------------


def halves(left: np.ndarray, right: np.ndarray, box: tuple[int, int, int, int], words: Sequence[str]) -> Image.Image:
    """A thumbnail that shows the left half of a box from one method and the right half from another."""
    image = cut(left, box, *THUMB)
    image.paste(cut(right, box, *THUMB).crop((THUMB[0] // 2, 0, *THUMB)), (THUMB[0] // 2, 0))
    ImageDraw.Draw(image).line((THUMB[0] // 2, 0, THUMB[0] // 2, THUMB[1]), fill="white", width=3)
    label(image, words[0], (10, 10), 20)
    label(image, words[1], (THUMB[0] - 10, 10), 20, "ra")
    return image


def chart(draw: Callable[[plt.Axes], None]) -> Image.Image:
    """A thumbnail with a small chart that has few words in large letters."""
    with plt.rc_context({"font.size": 12, "axes.spines.top": False, "axes.spines.right": False}):
        figure, axis = plt.subplots(figsize=(3.2, 2.0), dpi=100, layout="constrained", facecolor="none")
        axis.set_facecolor("none")
        draw(axis)
        figure.canvas.draw()
        image = Image.fromarray(np.asarray(figure.canvas.buffer_rgba()))
        plt.close(figure)
    return image


def run_curve(name: str, column: str) -> tuple[list[float], list[float]]:
    with open(DATA / "runs" / f"{name}.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get(column)]
    return [float(row["step"]) for row in rows], [float(row[column]) for row in rows]


def mean_of(method: str, image_set: str, protocol: str = "community") -> dict:
    means = json.loads((DATA / "results" / f"{method}.json").read_text())["means"]
    return next(mean for mean in means if (mean["set"], mean["protocol"]) == (image_set, protocol))


def thumb_00() -> Image.Image:
    return halves(enlarged("bicubic"), enlarged("srgan"), (80, 120, 120, 192), ("bicubic", "SRGAN"))


def thumb_01() -> Image.Image:
    return halves(enlarged("nearest"), cat(), (80, 120, 120, 192), ("LR", "HR"))


def thumb_02() -> Image.Image:
    """What six channels of SRResNet's first layers see in the cat."""
    network = load_network("srresnet")
    with torch.no_grad():
        maps = network.head(to_tensor(imresize(cat(), 1 / 4)))[0].numpy()  # (64, 75, 112)
    chosen = maps[np.argsort(maps.std(axis=(1, 2)))[-6:]]
    tiles = []
    for one in chosen:
        low, high = np.percentile(one, (1, 99))
        tiles.append(
            (plt.get_cmap("viridis")(np.clip((one - low) / (high - low), 0, 1))[..., :3] * 255).astype(np.uint8)
        )
    rows = [np.hstack([np.pad(tile, ((1, 1), (1, 1), (0, 0))) for tile in tiles[i : i + 3]]) for i in (0, 3)]
    return Image.fromarray(np.vstack(rows)).resize(THUMB, Image.Resampling.NEAREST)


def thumb_03() -> Image.Image:
    """Four channels, and the image into which pixel shuffle weaves them."""
    image = Image.new("RGBA", THUMB)
    draw = ImageDraw.Draw(image)
    colours = [BLUE, ORANGE, GREEN, "#cc79a7"]
    for channel, colour in enumerate(colours):
        for row in range(3):
            for column in range(3):
                x, y = 12 + channel * 12 + column * 24, 40 + channel * 16 + row * 24
                draw.rectangle((x, y, x + 22, y + 22), fill=colour, outline=(0, 0, 0, 0))
    draw.polygon(
        [(148, 92), (172, 92), (172, 82), (190, 100), (172, 118), (172, 108), (148, 108)],
        fill=plt.rcParams["text.color"],
    )
    for row in range(6):
        for column in range(6):
            x, y = 202 + column * 18, 46 + row * 18
            draw.rectangle((x, y, x + 16, y + 16), fill=colours[row % 2 * 2 + column % 2])
    return image


def thumb_04() -> Image.Image:
    steps, values = run_curve("srresnet", "val_psnr")

    def draw(axis: plt.Axes) -> None:
        axis.plot(np.array(steps) / 1000, values, color=BLUE, linewidth=2.5)
        axis.set(xlabel="thousand updates", ylabel="PSNR [dB]")

    return chart(draw)


def thumb_05() -> Image.Image:
    box = (80, 120, 120, 96)
    image = Image.new("RGB", THUMB, "white")
    for x, picture, words in ((0, cat(), "real?"), (162, enlarged("srgan"), "made up?")):
        half = cut(picture, box, 158, 200)
        label(half, words, (10, 10), 20)
        image.paste(half, (x, 0))
    return image


def thumb_06() -> Image.Image:
    """The mean of all plausible answers is blurred: sixteen shifted copies of fur, and one of them."""
    shifted = [np.roll(cat(), (dy, dx), (0, 1)).astype(float) for dy in range(-3, 5, 2) for dx in range(-3, 5, 2)]
    mean = np.mean(shifted, axis=0).round().astype(np.uint8)
    return halves(mean, cat(), (140, 120, 120, 192), ("their mean", "one of 16"))


def thumb_07() -> Image.Image:
    def draw(axis: plt.Axes) -> None:
        steps, stlpips = run_curve("srgan", "val_stlpips")
        axis.plot(np.array(steps) / 1000, stlpips, color=ORANGE, linewidth=2.5)
        axis.set(xlabel="thousand updates", ylabel="ST-LPIPS")

    return chart(draw)


def thumb_08() -> Image.Image:
    def draw(axis: plt.Axes) -> None:
        for method, colour in zip(("bicubic", "espcn", "srresnet", "srgan"), (GREY, GREEN, BLUE, ORANGE), strict=True):
            mean = mean_of(method, "Set14")
            axis.scatter(mean["psnr"], mean["stlpips"], color=colour, s=60)
            name = {"espcn": "ESPCN"}.get(method, NAMES.get(method))
            axis.annotate(name, (mean["psnr"], mean["stlpips"]), xytext=(6, 4), textcoords="offset points")
        axis.set(xlabel="PSNR [dB]", ylabel="ST-LPIPS", xlim=(25.9, 29.0), ylim=(0.05, 0.46))

    return chart(draw)


def thumb_09() -> Image.Image:
    return mos_chart()


def thumb_10() -> Image.Image:
    """A badge with letters that no network can bring back."""
    return halves(enlarged("srgan", "astronaut"), enlarged("hr", "astronaut"), (342, 104, 80, 128), ("SRGAN", "HR"))


def thumb_11() -> Image.Image:
    image = Image.new("RGB", THUMB, "white")
    for number, (method, words) in enumerate((("bicubic", "start"), ("srresnet", "then"), ("srgan", "yours"))):
        panel = cut(enlarged(method), (80, 140, 100, 52), 104, 200)
        label(panel, words, (8, 10), 18)
        image.paste(panel, (number * 108, 0))
    return image


# --- what is special -------------------------------------------------------------------------------------------------


def mos_chart() -> Image.Image:
    """The opinion scores of the example class, with their intervals."""
    from srgan_lessons.rating.analysis import analyse
    from srgan_lessons.rating.synthetic import example_class

    table = analyse(example_class(), resamples=500).methods
    return chart(lambda axis: _intervals(axis, table))


def _intervals(axis: plt.Axes, table) -> None:
    table = table.sort_values("mos")
    errors = [table["mos"] - table["low"], table["high"] - table["mos"]]
    axis.errorbar(table["mos"], range(len(table)), xerr=errors, fmt="o", color=BLUE, capsize=3)
    axis.set(yticks=range(len(table)), xlim=(1, 5), xlabel="mean opinion score")
    axis.set_yticklabels(list(table["method"]), fontsize=7)


def special_check() -> Image.Image:
    """What the check of psnr_y says about a difference between two uint8 arrays."""
    from srgan_lessons.classroom.boxes import SIGNS
    from srgan_lessons.classroom.checking import grade

    def psnr_y(sr: np.ndarray, hr: np.ndarray) -> float:
        weights = np.array([65.481, 128.553, 24.966]) / 255
        a, b = (np.floor(16 + image @ weights + 0.5).astype(np.uint8) for image in (sr, hr))
        return 10 * np.log10(255**2 / np.mean(((a - b)[4:-4, 4:-4]).astype(float) ** 2))

    message = grade("psnr_y", psnr_y).message
    words, edge, _ = SIGNS["not yet."]
    image = Image.new("RGB", (480, 200), "#fbe9dd")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 9, 199), fill=edge)
    draw.text((28, 18), words, font=ImageFont.truetype(str(FONT.with_name("DejaVuSans-Bold.ttf")), 22), fill="#222")
    draw.text((180, 20), "psnr_y", font=ImageFont.truetype(str(FONT.with_name("DejaVuSansMono.ttf")), 20), fill="#222")
    text = "\n".join(textwrap.wrap(message.removeprefix("not yet. "), 38))
    draw.multiline_text((28, 58), text, font=ImageFont.truetype(str(FONT), 20), fill="#222", spacing=8)
    return image


def special_numbers() -> Image.Image:
    """Bicubic on three sets: the numbers of the paper's Table 2, and ours."""
    with open(DATA / "tables" / "paper_table2.csv", newline="") as file:
        theirs = {row["set"]: float(row["psnr"]) for row in csv.DictReader(file) if row["method"] == "bicubic"}

    def draw(axis: plt.Axes) -> None:
        for x, (name, value) in enumerate(theirs.items()):
            axis.scatter(
                x, value, s=130, facecolors="none", edgecolors=ORANGE, linewidths=2, label="paper" if x == 0 else None
            )
            ours = mean_of("bicubic", name, "paper")["psnr"]
            axis.scatter(x, ours, s=24, color=BLUE, label="ours" if x == 0 else None)
        axis.set(xticks=range(len(theirs)), xticklabels=list(theirs), ylabel="PSNR [dB]", xlim=(-0.5, 2.5))
        axis.margins(y=0.15)  # a circle is larger than the point that it marks
        axis.legend(frameon=False)

    return chart(draw)


def special_cpu() -> Image.Image:
    """What the shipped networks gain over bicubic: ESPCN, trained on a laptop's CPU, and SRResNet."""

    def draw(axis: plt.Axes) -> None:
        gains = [
            mean_of(method, "Set5")["psnr"] - mean_of("bicubic", "Set5")["psnr"] for method in ("espcn", "srresnet")
        ]
        axis.bar(["ESPCN", "SRResNet"], gains, color=[GREEN, BLUE])
        axis.set(ylabel="gain, Set5 [dB]")

    return chart(draw)


def special_control() -> Image.Image:
    with open(DATA / "results" / "control.csv", newline="") as file:
        values = {row["pairs"]: float(row["psnr"]) for row in csv.DictReader(file)}

    def draw(axis: plt.Axes) -> None:
        axis.bar(["true pairs", "shuffled"], list(values.values()), color=[BLUE, ORANGE])
        axis.set(ylabel="Set5 [dB]")

    return chart(draw)


LESSONS = {
    name.removeprefix("thumb_"): made for name, made in list(globals().items()) if re.match(r"thumb_\d\d$", name)
}
SPECIAL = {
    "check": special_check,
    "numbers": special_numbers,
    "control": special_control,
    "mos": mos_chart,
    "cpu": special_cpu,
}


def lessons() -> None:
    for number, made in LESSONS.items():
        save_for_themes(made, f"lesson_{number}")


def special() -> None:
    for name, made in SPECIAL.items():
        save_for_themes(made, name)


KINDS = {"strip": strip, "slider": slider, "lessons": lessons, "special": special}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = f"{', '.join(KINDS)}; all if none is given"
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], default=[], metavar="kind", help=names)
    OUT.mkdir(parents=True, exist_ok=True)
    for kind in parser.parse_args().kinds or KINDS:
        KINDS[kind]()
    sizes = {file.name: file.stat().st_size for file in sorted(OUT.glob("*.webp"))}
    print(*(f"{size / 1000:7.1f} kB  {name}" for name, size in sizes.items()), sep="\n")
    print(f"{sum(sizes.values()) / 1000:7.1f} kB  together")


if __name__ == "__main__":
    main()
