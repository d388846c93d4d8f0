"""The course's drawings, made by code in one style: the map, both networks, the block, the two steps, the VGG loss.

Lines and text have the colour of the page's text, and backgrounds are tints, so they are legible in light and dark
themes. `tools/build_lessons.py` writes them to docs/drawings/ as files, for the README and other pages.
"""

import html
import math
from collections.abc import Callable

from srgan_lessons import UserError
from srgan_lessons.classroom import svg
from srgan_lessons.classroom.figures import put

CONV, NORM, ACT = "rgba(0, 114, 178, 0.22)", "rgba(122, 122, 122, 0.22)", "rgba(0, 158, 115, 0.24)"
DATA, LOSS, PLAIN = "rgba(230, 159, 0, 0.20)", "rgba(213, 94, 0, 0.24)", "none"
BACK = "#d55e00"  # for a gradient, and for what is cut
SKIP = "#0072b2"
FONT = 15
STYLE = "font-family: 'DejaVu Sans', Verdana, sans-serif"


class Sheet:
    """A sheet to draw on, with its size in pixels; y points down."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = FONT,
        anchor: str = "middle",
        bold: bool = False,
        colour: str = "currentColor",
    ) -> None:
        """Text whose vertical middle is at y."""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" dominant-baseline="central" font-size="{size:g}"'
            f'{weight} style="{STYLE}; fill: {colour}">{html.escape(text)}</text>'
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *lines: str,
        tint: str = PLAIN,
        size: float = FONT,
        dashed: bool = False,
    ) -> None:
        """A box with lines of text in its middle; x, y: its upper left corner."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" stroke="currentColor" '
            f'stroke-width="1.5"{dash} style="fill: {tint}"/>'
        )
        step = 1.3 * size
        for i, line in enumerate(lines):
            at = y + height / 2 + (i - (len(lines) - 1) / 2) * step
            self.text(x + width / 2, at, line, size=size, bold=i == 0 and len(lines) > 1)

    def arrow(
        self, *points: tuple[float, float], colour: str = "currentColor", dashed: bool = False, width: float = 1.8
    ) -> None:
        """A line through these points, with a head at its end."""
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        base = x1 - 9 * ux, y1 - 9 * uy
        path = " ".join(f"{x:g},{y:g}" for x, y in [*points[:-1], base])
        dash = ' stroke-dasharray="7 5"' if dashed else ""
        self.parts.append(
            f'<polyline points="{path}" stroke="{colour}" stroke-width="{width:g}"{dash} style="fill: none"/>'
        )
        corners = [(x1, y1), (base[0] - 5 * uy, base[1] + 5 * ux), (base[0] + 5 * uy, base[1] - 5 * ux)]
        head = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        self.parts.append(f'<polygon points="{head}" style="fill: {colour}"/>')

    def plus(self, x: float, y: float) -> None:
        """A sum: a circle with a plus sign."""
        self.parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="13" stroke="currentColor" stroke-width="1.5" style="fill: none"/>'
        )
        self.text(x, y, "+", size=22)

    def row(self, x: float, y: float, height: float, gap: float, *boxes: tuple[float, str, tuple[str, ...]]) -> float:
        """Boxes (width, tint, lines) in a row, joined by arrows; y: their middle. Returns where the last one ends."""
        for i, (width, tint, lines) in enumerate(boxes):
            if i:
                self.arrow((x, y), (x + gap, y))
                x += gap
            self.box(x, y - height / 2, width, height, *lines, tint=tint)
            x += width
        return x


def course() -> Sheet:
    """The lessons as a path: build, train, judge."""
    sheet = Sheet(940, 372)
    build = {"00": "Start here", "01": "Images and scale", "02": "Residual generator", "03": "Pixel shuffle"}
    train = {"07": "Training SRGAN", "06": "Content loss", "05": "Discriminator", "04": "Training SRResNet"}
    judge = {"08": "Measuring", "09": "Mean opinion score", "10": "Your own photos", "11": "Your own SRGAN"}
    rows = [("Build", build, CONV), ("Train", train, LOSS), ("Judge", judge, ACT)]
    left, width, gap, height = 92, 182, 30, 78
    for r, (name, lessons, tint) in enumerate(rows):
        y = 62 + 124 * r
        sheet.text(14, y, name, anchor="start", bold=True, size=17)
        for i, (number, title) in enumerate(lessons.items()):
            x = left + i * (width + gap)
            sheet.box(x, y - height / 2, width, height, number, title, tint=tint)
            if i < 3:
                ends = (x + width, y), (x + width + gap, y)
                sheet.arrow(*(ends if r != 1 else ends[::-1]))
    right = left + 3 * (width + gap) + width / 2
    sheet.arrow((right, 62 + height / 2), (right, 186 - height / 2))
    sheet.arrow((left + width / 2, 186 + height / 2), (left + width / 2, 310 - height / 2))
    return sheet


def residual_block() -> Sheet:
    """Figure 4 of the paper, the block: two convolutions and a skip around them."""
    sheet = Sheet(900, 190)
    y, height = 128, 62
    sheet.text(30, y, "x", size=20, bold=True)
    sheet.arrow((46, y), (96, y))
    end = sheet.row(
        96,
        y,
        height,
        26,
        (112, CONV, ("3x3 conv", "64 maps")),
        (112, NORM, ("BatchNorm",)),
        (84, ACT, ("PReLU",)),
        (112, CONV, ("3x3 conv", "64 maps")),
        (112, NORM, ("BatchNorm",)),
    )
    sheet.arrow((end, y), (end + 38, y))
    sheet.plus(end + 51, y)
    sheet.arrow((end + 64, y), (end + 106, y))
    sheet.text(end + 124, y, "y", size=20, bold=True)
    sheet.arrow((66, y), (66, 44), (end + 51, 44), (end + 51, y - 13), colour=SKIP, width=2.4)
    sheet.text(400, 26, "the skip: y = x + F(x)", bold=True)
    sheet.text(400, 178, "F(x): what the block adds")
    return sheet


def generator() -> Sheet:
    """Figure 4 of the paper, the generator."""
    sheet = Sheet(940, 250)
    y, height = 140, 84
    sheet.box(8, y - 21, 42, 42, "LR", tint=DATA)
    sheet.arrow((50, y), (76, y))
    sheet.box(76, y - height / 2, 92, height, "9x9 conv", "64 maps", "PReLU", tint=CONV, size=14)
    sheet.arrow((168, y), (206, y))
    for k in (2, 1, 0):
        sheet.box(
            206 + 6 * k, y - height / 2 - 6 * k, 120, height, *(("residual", "block") if k == 0 else ()), tint=CONV
        )
    sheet.text(272, y + height / 2 + 18, "16 times")
    sheet.arrow((338, y), (362, y))
    sheet.box(362, y - height / 2, 92, height, "3x3 conv", "BatchNorm", tint=CONV, size=14)
    sheet.arrow((454, y), (484, y))
    sheet.plus(497, y)
    sheet.arrow((187, y), (187, 34), (497, 34), (497, y - 13), colour=SKIP, width=2.4)
    sheet.text(342, 18, "the long skip", bold=True)
    sheet.arrow((510, y), (540, y))
    for x, size in ((540, "2x"), (674, "4x")):
        sheet.box(x, y - height / 2, 112, height, "conv, 256", "shuffle by 2", "PReLU", tint=ACT, size=14)
        sheet.text(x + 56, y + height / 2 + 18, size)
        sheet.arrow((x + 112, y), (x + 134, y))
    sheet.box(808, y - height / 2, 88, height, "9x9 conv", "3 maps", tint=CONV, size=14)
    sheet.arrow((896, y), (912, y))
    sheet.text(925, y, "SR", bold=True)
    sheet.text(272, 232, "at LR size: the cheap place to be deep")
    sheet.text(720, 232, "large only at the very end")
    return sheet


def discriminator() -> Sheet:
    """Figure 4 of the paper, the discriminator: smaller and smaller maps, more and more of them, one final number."""
    sheet = Sheet(940, 300)
    base = 214
    x: float = 78
    sheet.box(8, base - 120, 54, 120, "HR", "or", "SR", tint=DATA)
    sheet.text(35, base + 18, "96 x 96", size=13)
    layers = [(64, 1), (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 2)]
    side = 96
    for i, (maps, stride) in enumerate(layers):
        side //= stride
        height, width = 24 + side, 26 + maps / 14
        sheet.arrow((x - 14, base - 12), (x, base - 12))
        sheet.box(x, base - height, width, height, tint=ACT if stride == 2 else CONV)
        sheet.text(x + width / 2, base + 18, str(maps), size=13)
        sheet.text(x + width / 2, base + 38, f"{side}", size=13)
        x += width + 18
        if i == 7:
            x -= 2
    sheet.text(120, base + 60, "first row: number of maps; second row: their width in pixels", size=13, anchor="start")
    sheet.arrow((x - 14, base - 12), (x, base - 12))
    sheet.box(x, base - 84, 96, 84, "dense", "18,432", "to 1,024", tint=NORM, size=14)
    sheet.arrow((x + 96, base - 42), (x + 116, base - 42))
    sheet.box(x + 116, base - 72, 70, 60, "dense", "to 1", tint=NORM, size=14)
    sheet.arrow((x + 186, base - 42), (x + 210, base - 42))
    sheet.text(x + 216, base - 42, "logit", anchor="start", bold=True)
    sheet.text(420, 24, "3x3 convolutions; green ones take steps of 2 and halve the size", size=14)
    sheet.text(420, 46, "BatchNorm (but not in the first) and LeakyReLU 0.2 after each", size=14)
    return sheet


def players() -> Sheet:
    """The two updates of lesson 07, and the place of the one `detach`."""
    sheet = Sheet(940, 376)
    for top, title in ((0, "G's step: D judges, but does not change"), (190, "D's step: G does not change")):
        y = top + 92
        sheet.text(8, top + 18, title, anchor="start", bold=True, size=16)
        sheet.box(8, y - 22, 52, 44, "LR", tint=DATA)
        sheet.arrow((60, y), (104, y))
        sheet.box(104, y - 38, 96, 76, "G", tint=CONV, size=22)
        sheet.arrow((200, y), (262, y))
        sheet.box(262, y - 22, 52, 44, "SR", tint=DATA)
        sheet.box(528, y - 38, 96, 76, "D", tint=ACT, size=22)
    y = 92
    sheet.arrow((314, y), (528, y))
    sheet.arrow((624, y), (690, y))
    sheet.box(690, y - 26, 236, 52, "adversarial loss", "-log D(SR)", tint=LOSS)
    sheet.box(352, y + 36, 130, 44, "content loss", tint=LOSS)
    sheet.arrow((288, y + 22), (288, y + 58), (352, y + 58))
    sheet.box(640, y + 40, 52, 36, "HR", tint=DATA)
    sheet.arrow((640, y + 58), (482, y + 58))
    sheet.arrow((690, y - 18), (624, y - 18), colour=BACK, dashed=True, width=2.4)
    sheet.arrow((528, y - 18), (314, y - 18), colour=BACK, dashed=True, width=2.4)
    sheet.arrow((262, y - 18), (200, y - 18), colour=BACK, dashed=True, width=2.4)
    sheet.arrow((352, y + 72), (274, y + 72), (274, y + 22), colour=BACK, dashed=True, width=2.4)
    sheet.text(364, y - 40, "the gradient runs through D, back to G", colour=BACK, size=14)
    y = 282
    sheet.arrow((314, y), (390, y))
    sheet.arrow((430, y), (528, y))
    sheet.parts.append(
        f'<polyline points="396,{y - 30} 396,{y + 30}" stroke="{BACK}" stroke-width="3.5" style="fill: none"/>'
        f'<polyline points="422,{y - 30} 422,{y + 30}" stroke="{BACK}" stroke-width="3.5" style="fill: none"/>'
    )
    sheet.text(409, y - 46, "sr.detach(): the cut", colour=BACK, bold=True, size=14)
    sheet.box(550, y + 54, 52, 36, "HR", tint=DATA)
    sheet.arrow((576, y + 54), (576, y + 38))
    sheet.arrow((624, y), (690, y))
    sheet.box(690, y - 26, 236, 52, "loss of D", "-log D(HR) - log(1 - D(SR))", tint=LOSS, size=14)
    sheet.arrow((690, y - 18), (624, y - 18), colour=BACK, dashed=True, width=2.4)
    sheet.arrow((528, y - 18), (428, y - 18), colour=BACK, dashed=True, width=2.4)
    return sheet


def vgg_loss() -> Sheet:
    """Equation 5 of the paper, which compares not pixels, but what a frozen network sees in them."""
    sheet = Sheet(900, 250)
    for y, name in ((70, "SR"), (180, "HR")):
        sheet.box(10, y - 26, 64, 52, name, tint=DATA)
        sheet.arrow((74, y), (122, y))
        sheet.box(122, y - 30, 118, 60, "minus mean,", "over std", tint=NORM, size=14)
        sheet.arrow((240, y), (280, y))
        for k in (2, 1, 0):
            sheet.box(452 + 7 * k, y - 26 - 5 * k, 74, 52, *(("maps",) if k == 0 else ()), tint=ACT)
        sheet.arrow((412, y), (452, y))
    sheet.box(280, 24, 132, 202, "VGG,", "up to phi(i, j)", "", "frozen", tint=CONV)
    sheet.arrow((540, 70), (600, 70), (600, 104))
    sheet.arrow((540, 180), (600, 180), (600, 146))
    sheet.box(560, 104, 92, 42, "difference", tint=PLAIN)
    sheet.arrow((652, 125), (690, 125))
    sheet.box(690, 99, 200, 52, "content loss", "mean of the squares", tint=LOSS)
    sheet.arrow((690, 108), (664, 108), (664, 12), (42, 12), (42, 44), colour=BACK, dashed=True, width=2.4)
    sheet.text(676, 30, "the gradient goes to SR only", colour=BACK, size=14, anchor="start")
    sheet.text(42, 224, "no gradient", size=14)
    return sheet


DRAWINGS: dict[str, tuple[Callable[[], Sheet], str]] = {  # name -> how it is drawn, and its alt text
    "course": (
        course,
        "The course, a path through twelve lessons. Build: 00 Start here, 01 Images and scale, 02 Residual generator, "
        "03 Pixel shuffle. Train: 04 SRResNet, 05 Discriminator, 06 Content loss, 07 SRGAN. Judge: 08 Measuring, "
        "09 Mean opinion score, 10 Your own photos, 11 Your own SRGAN.",
    ),
    "residual_block": (
        residual_block,
        "The residual block: x goes through a 3x3 convolution, BatchNorm, PReLU, a 3x3 convolution and BatchNorm; an "
        "arrow leads x around all of these to a sum, which gives y.",
    ),
    "generator": (
        generator,
        "The generator: LR, a 9x9 convolution with PReLU, 16 residual blocks, a 3x3 convolution with BatchNorm, a sum "
        "with the long skip, which starts after the first layer, then twice a convolution to 256 maps, pixel shuffle "
        "by 2 and PReLU, then a 9x9 convolution to 3 maps, SR.",
    ),
    "discriminator": (
        discriminator,
        "The discriminator: eight 3x3 convolutions, from 64 maps of 96 x 96 to 512 maps of 6 x 6, every second one "
        "with steps of 2; a dense layer from 18,432 to 1,024 numbers, a dense layer to one, the logit.",
    ),
    "players": (
        players,
        "Above is G's step: LR, G, SR; a content loss with HR, whose gradient runs back to SR and G; an adversarial "
        "loss after D, whose gradient runs back through D and SR to G. Below is D's step: between SR and D, detach "
        "cuts the graph; D's loss sends its gradient only to D.",
    ),
    "vgg_loss": (
        vgg_loss,
        "The VGG loss: SR and HR are normalised and go through the same frozen VGG up to phi(i, j); the content loss "
        "is the mean of the squared difference of their maps. Its gradient goes back only to SR.",
    ),
}


def _known(name: str) -> tuple[Callable[[], Sheet], str]:
    if name not in DRAWINGS:
        raise UserError(f"there is no drawing {name!r}; the drawings are: {', '.join(DRAWINGS)}")
    return DRAWINGS[name]


def drawing(name: str) -> None:
    """Shows one of the drawings. Raises UserError for an unknown name."""
    draw, alt = _known(name)
    sheet = draw()
    put(svg.element(sheet.width, sheet.height, (0, 0, sheet.width, sheet.height), alt, "".join(sheet.parts)), alt)


def as_file(name: str) -> str:
    """The same drawing as an SVG file that follows the theme of the system, for a README or a page."""
    draw, alt = _known(name)
    sheet = draw()
    theme = "<style>svg{color:#1a1a1a}@media(prefers-color-scheme:dark){svg{color:#e6e6e6}}</style>"
    title = f"<title>{html.escape(alt)}</title>"
    inside = title + theme + "".join(sheet.parts)
    return svg.element(sheet.width, sheet.height, (0, 0, sheet.width, sheet.height), alt, inside) + "\n"
