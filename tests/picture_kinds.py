"""Picture files of 320 kinds, most written byte by byte, each with what it should be read as.

What is expected is computed from the numbers that were put in, by the format's own standard, never by a reader.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

HEIGHT, WIDTH = 6, 11
BLOCK = 16  # of lossy formats: pixels a side of a block of one colour
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A picture file. make: its bytes, made when they are needed.

    rgb: float (H, W) or (H, W, 3) in 0..255, or None where the file is to be refused, with `refused` as the reason.
    alpha: float (H, W) or None. off: levels by which a reader may differ; 0.5 is what rounding to 8 bits needs.
    """

    name: str
    ending: str
    make: Callable[[], bytes]
    rgb: np.ndarray | None = None
    alpha: np.ndarray | None = None
    refused: str = ""
    off: float = 0.501


def numbers(*shape: int, top: int, seed: int = 0) -> np.ndarray:
    """Whole numbers in 0..top, both ends among them."""
    drawn = np.random.default_rng(seed).integers(0, top, shape, dtype=np.int64, endpoint=True)
    drawn.flat[0], drawn.flat[-1] = 0, top
    return drawn


def packed(rows: np.ndarray, bits: int, order: str = ">") -> bytes:
    """(H, numbers in a row) as rows of whole bytes, the first number in the highest bits."""
    if bits % 8 == 0:
        return rows.astype(f"{order}u{bits // 8}").tobytes()
    places = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


def exif(orientation: int, *, odd: bool = False) -> bytes:
    """An EXIF block of camera and date. odd: with an entry whose type is wrong, on which readers stumble."""
    entries = [(0x010F, 2, 6, b"Cameraman\0"), (0x0112, 3, 1, struct.pack("<HH", orientation, 0))]
    if odd:
        entries.insert(1, (0x0110, 5, 1, struct.pack("<I", 0)))  # the model as a fraction, by zero
        entries.append((0x8825, 2, 4, b"GPS\0"))  # a directory that is a text
    body, tail = struct.pack("<H", len(entries)), b""
    start = 8 + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        if kind == 2 and len(value) > 4:
            count, tail, value = len(value), tail + value, struct.pack("<I", start + len(tail))
        elif kind == 5:
            tail, value = tail + struct.pack("<II", 1, 0), struct.pack("<I", start + len(tail))
        body += struct.pack("<HHI", tag, kind, count) + value
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", 0) + tail


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera of that EXIF orientation stores a picture (EXIF 2.32, 4.6.4)."""
    turned = upright.swapaxes(0, 1) if orientation >= 5 else upright
    flips = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}
    down, right = flips[orientation]
    return np.ascontiguousarray(turned[::down, ::right])


# --- PNG -------------------------------------------------------------------------------------------------------------


def png(depth: int, colour: int, pixels: np.ndarray, *chunks: tuple[bytes, bytes], interlaced: bool = False) -> bytes:
    """pixels: whole numbers (H, W, channels). Rows are filtered in turn by the standard's five filters."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = pixels.shape
    passes = [(0, 0, 1, 1)]
    if interlaced:  # Adam7
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b""
    for top, left, down, right in passes:
        part = pixels[top::down, left::right]
        if part.size:
            data += _filtered(part.reshape(len(part), -1), depth, max(1, channels * depth // 8))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _filtered(rows: np.ndarray, depth: int, step: int) -> bytes:
    """PNG standard, 9: none, sub, up, average and Paeth, one after the other."""
    data, above = b"", None
    for k, row in enumerate(rows):
        line = np.frombuffer(packed(row[None], depth), np.uint8).astype(int)
        above = np.zeros_like(line) if above is None else above
        left = np.concatenate([np.zeros(step, int), line])[: len(line)]
        corner = np.concatenate([np.zeros(step, int), above])[: len(line)]
        near = left + above - corner
        paeth = np.where(
            (abs(near - left) <= abs(near - above)) & (abs(near - left) <= abs(near - corner)),
            left,
            np.where(abs(near - above) <= abs(near - corner), above, corner),
        )
        guess = (0, left, above, (left + above) // 2, paeth)[k % 5]
        data += bytes([k % 5]) + ((line - guess) % 256).astype(np.uint8).tobytes()
        above = line
    return data


def png_kinds() -> Iterator[Kind]:
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    names = {0: "grey", 2: "rgb", 3: "palette", 4: "grey-alpha", 6: "rgba"}
    text = (b"zTXt", b"Comment\0\0" + zlib.compress(b"word " * 500_000))  # 2.5 MB
    profile = (b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB))
    for colour, depth in [(each, depth) for each in depths for depth in depths[each]]:
        top = 2**depth - 1
        pixels = numbers(HEIGHT, WIDTH, channels[colour], top=top, seed=depth + colour)
        palette = numbers(2**depth, 3, top=255, seed=depth)
        plte = [(b"PLTE", palette.astype(np.uint8).tobytes())] if colour == 3 else []
        alpha = pixels[..., -1] / top * 255 if colour in (4, 6) else None
        shown = palette[pixels[..., 0]] / 255 if colour == 3 else pixels[..., : 3 if colour in (2, 6) else 1] / top
        shown = shown[..., 0] if shown.shape[-1] == 1 else shown

        def kind(name, *chunks, light=shown, seen=alpha, depth=depth, colour=colour, pixels=pixels, plte=plte, **how):
            make = lambda: png(depth, colour, pixels, *chunks, *plte, *how.get("after", []), **how.get("as_", {}))  # noqa: E731
            return Kind(
                name=f"png-{names[colour]}{depth}-{name}", ending=".png", make=make, rgb=light * 255, alpha=seen
            )

        yield kind("plain")
        yield kind("interlaced", as_={"interlaced": True})
        yield kind("profile", profile)
        yield kind("text", text)
        yield kind("linear", (b"gAMA", struct.pack(">I", 100_000)), light=shown ** (1 / 2.2))
        yield kind("usual-gamma", (b"gAMA", struct.pack(">I", 45_455)))
        yield kind("srgb", (b"gAMA", struct.pack(">I", 100_000)), (b"sRGB", b"\0"))
        if colour in (0, 2):
            level = pixels[2, 3]
            hidden = (pixels == level).all(axis=-1)
            marked = (b"tRNS", struct.pack(f">{len(level)}H", *level))
            yield kind("transparent", after=[marked], seen=np.where(hidden, 0.0, 255.0))
        if colour == 3:
            opacity = numbers(2**depth, top=255, seed=9)
            marked = (b"tRNS", opacity.astype(np.uint8).tobytes())
            yield kind("transparent", after=[marked], seen=opacity[pixels[..., 0]].astype(float))
        for orientation in (3, 6, 7) if depth in (4, 16) else ():
            tag = (b"eXIf", exif(orientation)[6:])
            turned = stored(pixels, orientation)
            yield kind(f"turned{orientation}", tag, pixels=turned)


# --- JPEG, and other lossy pictures ----------------------------------------------------------------------------------


def blocks(channels: int, seed: int = 1, low: int = 0, high: int = 255) -> np.ndarray:
    """uint8 (3, 4 blocks, channels) of colours, each a block of pixels: lossy formats keep those."""
    colours = np.random.default_rng(seed).integers(low, high, (3, 4, channels), endpoint=True).astype(np.uint8)
    return colours.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)


def saved(pixels: np.ndarray, kind: str, mode: str | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    shape = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    image = Image.fromarray(shape) if mode is None else Image.frombytes(mode, shape.shape[1::-1], shape.tobytes())
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def to_rgb(ycc: np.ndarray) -> np.ndarray:
    """JFIF: full-range BT.601 of 8-bit numbers, clipped."""
    y, cb, cr = (ycc[..., k].astype(float) - (0 if k == 0 else 128) for k in range(3))
    return np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1).clip(0, 255)


def jpeg_kinds() -> Iterator[Kind]:
    grey, colour = blocks(1), blocks(3)
    best = {"quality": 100}

    def kind(name, pixels, expected=None, *, off=3, **options):
        expected = pixels[..., 0] if pixels.shape[2] == 1 else pixels if expected is None else expected
        make = lambda: saved(pixels, "JPEG", **best, **options)  # noqa: E731
        return Kind(name=f"jpeg-{name}", ending=".jpg", make=make, rgb=expected.astype(float), off=off)

    yield kind("grey", grey)
    yield kind("grey-progressive", grey, progressive=True)
    yield kind("444", colour, subsampling=0)
    yield kind("422", colour, subsampling=1)
    yield kind("420", colour, subsampling=2)
    yield kind("progressive", colour, subsampling=0, progressive=True)
    yield kind("restarts", colour, subsampling=0, restart_marker_blocks=1)
    yield kind("rgb", colour, keep_rgb=True, subsampling=0)
    yield kind("profile", colour, subsampling=0, icc_profile=SRGB)
    inks = blocks(4, seed=2)
    light = (255.0 - inks[..., :3]) * (255.0 - inks[..., 3:]) / 255
    yield kind("cmyk", inks, light, mode="CMYK", off=5)
    yield kind("cmyk-bad-profile", inks, light, mode="CMYK", icc_profile=b"none", off=5)

    def ycck() -> bytes:
        """Adobe's marker says: the first three numbers are YCbCr of inverted inks, the fourth is inverted black."""
        data = bytearray(saved(255 - inks, "JPEG", "CMYK", **best))  # Pillow inverts what it writes
        data[data.index(b"Adobe") + 11] = 2
        return bytes(data)

    paint = to_rgb(inks[..., :3])  # Adobe Technical Note 5116: 255 minus the inverted inks, so the inks themselves
    yield Kind(name="jpeg-ycck", ending=".jpg", make=ycck, rgb=(255 - paint) * inks[..., 3:] / 255, off=6)
    for orientation, odd in itertools.product(range(1, 9), (False, True)):
        data = stored(colour, orientation)
        told = exif(orientation, odd=odd)
        make = lambda data=data, told=told: saved(data, "JPEG", **best, subsampling=0, exif=told)  # noqa: E731
        name = f"jpeg-{'odd-' if odd else ''}exif{orientation}"
        yield Kind(name=name, ending=".jpg", make=make, rgb=colour.astype(float), off=3)


def other_lossy_kinds() -> Iterator[Kind]:
    colour, opacity = blocks(3), blocks(4, seed=5)
    opacity[..., 3] |= 64  # nothing hidden: its colour need not be kept
    webp = {"quality": 100}
    yield Kind(name="webp-lossy", ending=".webp", make=lambda: saved(colour, "WEBP", **webp), rgb=colour * 1.0, off=20)
    # WebP's colours have half the resolution and BT.601's narrow range; blocks of 16 keep their middle
    avif = {"quality": 100, "subsampling": "4:4:4"}
    yield Kind(name="avif", ending=".avif", make=lambda: saved(colour, "AVIF", **avif), rgb=colour * 1.0, off=4)
    yield Kind(
        name="avif-alpha",
        ending=".avif",
        make=lambda: saved(opacity, "AVIF", **avif),
        rgb=opacity[..., :3] * 1.0,
        alpha=opacity[..., 3] * 1.0,
        off=4,
    )
    turned = lambda: saved(stored(colour, 6), "AVIF", **avif, exif=exif(6))  # noqa: E731
    yield Kind(name="avif-turned", ending=".avif", make=turned, rgb=colour * 1.0, off=4)


# --- TIFF ------------------------------------------------------------------------------------------------------------


def tiff(strips: list[bytes], tags: dict[int, tuple[int, list[int]]], *, order: str = "<", big: bool = False, pages=1):
    """tags: number -> (type, values); 3 is 16 bits, 4 is 32 bits. 273 and 279, or 324 and 325, are added."""
    head = {"<": b"II", ">": b"MM"}[order]
    start = 16 if big else 8
    place, data = (324, 325) if 322 in tags else (273, 279), b"".join(strips)
    offsets = list(itertools.accumulate([len(strip) for strip in strips], initial=start))[:-1]
    tags = tags | {place[0]: (4, offsets), place[1]: (4, [len(strip) for strip in strips])}
    count, width = ("Q", 8) if big else ("I", 4)
    file = head + struct.pack(order + "HHH", 43, 8, 0) if big else head + struct.pack(order + "H", 42)
    at = start + len(data) + (len(data) & 1)
    file += struct.pack(order + count, at) + data + b"\0" * (len(data) & 1)
    for page in range(pages):
        entries, tail = b"", b""
        size = (8 if big else 2) + (20 if big else 12) * len(tags) + width
        for tag, (kind, values) in sorted(tags.items()):
            value = struct.pack(order + {3: "H", 4: "I"}[kind] * len(values), *values)
            if len(value) > width:
                tail, value = tail + value, struct.pack(order + count, at + size + len(tail))
            entries += struct.pack(order + "HH" + count, tag, kind, len(values)) + value.ljust(width, b"\0")
        following = at + size + len(tail) if page < pages - 1 else 0
        file += struct.pack(order + ("Q" if big else "H"), len(tags)) + entries + struct.pack(order + count, following)
        file += tail
        at += size + len(tail)
    return file


def tiff_tags(shape: tuple[int, int], bits: int, photometric: int, channels: int = 1, **more) -> dict:
    tags = {256: (4, [shape[1]]), 257: (4, [shape[0]]), 258: (3, [bits] * channels), 259: (3, [1])}
    tags |= {262: (3, [photometric]), 277: (3, [channels]), 278: (4, [shape[0]])}
    return tags | {int(tag[1:]): value for tag, value in more.items()}


def tiff_kinds() -> Iterator[Kind]:
    unknown = "of a rare kind|not a picture"

    def kind(name, make, rgb=None, alpha=None, refused="", off=0.501):
        return Kind(name=f"tiff-{name}", ending=".tif", make=make, rgb=rgb, alpha=alpha, refused=refused, off=off)

    for bits, photometric, order in itertools.product((1, 2, 4, 8, 12, 16, 32), (0, 1), "<>"):
        pixels = numbers(HEIGHT, WIDTH, top=2**bits - 1, seed=bits)
        shown = pixels / (2**bits - 1) * 255
        make = lambda p=pixels, b=bits, o=order, ph=photometric: tiff(  # noqa: E731
            [packed(p, b, o)], tiff_tags(p.shape, b, ph), order=o
        )
        name = f"grey{bits}-{'black' if photometric else 'white'}-is-zero-{'II' if order == '<' else 'MM'}"
        rare = (bits == 12 and (order, photometric) != ("<", 1)) or (bits == 32 and (order, photometric) != ("<", 1))
        rare |= bits == 16 and (order, photometric) == (">", 0)
        if rare:
            yield kind(name, make, refused=unknown)
        else:
            yield kind(name, make, shown if photometric else 255 - shown)

    for bits, order, squeezed in itertools.product((8, 16), "<>", (False, True)):
        top, suffix = 2**bits - 1, f"{bits}-{'II' if order == '<' else 'MM'}{'-deflate' if squeezed else ''}"
        compression = {"_259": (3, [8])} if squeezed else {}

        def one(pixels, photometric, *, bits=bits, order=order, squeezed=squeezed, more=compression, tags=None):
            data = packed(pixels.reshape(len(pixels), -1), bits, order)
            found = tiff_tags(pixels.shape, bits, photometric, pixels.shape[2], **more, **(tags or {}))
            return lambda: tiff([zlib.compress(data) if squeezed else data], found, order=order)

        rgb, four = numbers(HEIGHT, WIDTH, 3, top=top, seed=3), numbers(HEIGHT, WIDTH, 4, top=top, seed=4)
        light, opacity = four[..., :3] / top * 255, four[..., 3] / top * 255
        yield kind(f"rgb{suffix}", one(rgb, 2), rgb / top * 255)
        yield kind(f"rgbx{suffix}", one(four, 2, tags={"_338": (3, [0])}), light)
        yield kind(f"rgba{suffix}", one(four, 2, tags={"_338": (3, [2])}), light, opacity)
        under = np.minimum(four[..., :3], four[..., 3:])  # multiplied by alpha, so never above it
        whole = np.concatenate([under, four[..., 3:]], axis=-1)
        clear = np.where(four[..., 3:] > 0, under / np.maximum(four[..., 3:], 1) * 255, 0)
        off = 0.51
        yield kind(f"rgba-associated{suffix}", one(whole, 2, tags={"_338": (3, [1])}), clear, opacity, off=off)
        inks = four / top
        yield kind(f"cmyk{suffix}", one(four, 5), (1 - inks[..., :3]) * (1 - inks[..., 3:]) * 255, off=1.6)

        def planes(pixels, photometric=2, bits=bits, order=order, squeezed=squeezed, more=compression):
            parts = [packed(pixels[..., k], bits, order) for k in range(pixels.shape[2])]
            tags = tiff_tags(pixels.shape, bits, photometric, pixels.shape[2], **more, _284=(3, [2]))
            return lambda: tiff([zlib.compress(part) if squeezed else part for part in parts], tags, order=order)

        if bits == 8:
            yield kind(f"planar{suffix}", planes(rgb), rgb.astype(float))
        else:
            yield kind(f"planar{suffix}", planes(rgb), refused="separate plane")

    pixels = numbers(HEIGHT, WIDTH, 3, top=255, seed=6)
    plain = packed(pixels.reshape(HEIGHT, -1), 8)
    ycc = lambda sub: tiff([plain], tiff_tags(pixels.shape, 8, 6, 3, _530=(3, sub)))  # noqa: E731
    yield kind("ycbcr", lambda: ycc([1, 1]), to_rgb(pixels), off=1.01)
    yield kind("ycbcr-subsampled", lambda: ycc([2, 2]), refused="lower resolution")
    yield kind("lab", lambda: tiff([plain], tiff_tags(pixels.shape, 8, 8, 3)), refused="Lab")
    yield kind("big", lambda: tiff([plain], tiff_tags(pixels.shape, 8, 2, 3), big=True), pixels.astype(float))
    yield kind("big-MM", lambda: tiff([plain], tiff_tags(pixels.shape, 8, 2, 3), big=True, order=">"), refused=unknown)
    yield kind("two-pages", lambda: tiff([plain], tiff_tags(pixels.shape, 8, 2, 3), pages=2), refused="2 frames")
    for orientation in range(1, 9):
        data = stored(pixels, orientation)
        tags = tiff_tags(data.shape, 8, 2, 3, _274=(3, [orientation]))
        make = lambda d=data, t=tags: tiff([packed(d.reshape(len(d), -1), 8)], t)  # noqa: E731
        yield kind(f"turned{orientation}", make, pixels.astype(float))
    deep = numbers(HEIGHT, WIDTH, 3, top=65535, seed=8)
    turned = packed(stored(deep, 6).reshape(WIDTH, -1), 16, "<")
    make = lambda: tiff([turned], tiff_tags((WIDTH, HEIGHT), 16, 2, 3, _274=(3, [6])))  # noqa: E731
    yield Kind(name="tiff-rgb16-turned6", ending=".tif", make=make, rgb=deep / 65535 * 255)
    for bits in (1, 2, 4, 8):
        index, colours = numbers(HEIGHT, WIDTH, top=2**bits - 1, seed=bits), numbers(3, 2**bits, top=65535, seed=bits)
        found = tiff_tags(index.shape, bits, 3, _320=(3, colours.reshape(-1).tolist()))
        make = lambda i=index, b=bits, t=found: tiff([packed(i, b)], t)  # noqa: E731
        yield kind(f"palette{bits}", make, colours.T[index] / 257)
    short = numbers(3, 16, top=255, seed=11)  # a writer that used only 8 of the 16 bits of an entry
    index = numbers(HEIGHT, WIDTH, top=15, seed=4)
    found = tiff_tags(index.shape, 4, 3, _320=(3, short.reshape(-1).tolist()))
    yield kind("palette4-short", lambda: tiff([packed(index, 4)], found), short.T[index].astype(float))

    wide = numbers(32, 48, 3, top=255, seed=7)
    parts = [packed(wide[y : y + 16, x : x + 16].reshape(16, -1), 8) for y in (0, 16) for x in (0, 16, 32)]
    tiled = tiff_tags(wide.shape, 8, 2, 3, _322=(3, [16]), _323=(3, [16]))
    yield kind("tiled", lambda: tiff(parts, tiled), wide.astype(float))
    strips = [packed(wide[y : y + 8].reshape(8, -1), 8) for y in range(0, 32, 8)]
    yield kind("strips", lambda: tiff(strips, tiff_tags(wide.shape, 8, 2, 3, _278=(4, [8]))), wide.astype(float))
    for bits, signs in ((8, 2), (16, 2), (32, 2), (32, 3)):
        data = bytes(HEIGHT * WIDTH * bits // 8)
        tags = tiff_tags((HEIGHT, WIDTH), bits, 1, _339=(3, [signs]))
        reason = "floating-point" if signs == 3 else "sign"
        yield kind(f"{'float' if signs == 3 else 'signed'}{bits}", lambda d=data, t=tags: tiff([d], t), refused=reason)
    colour = pixels.astype(np.uint8)
    for method in ("tiff_lzw", "packbits", "tiff_adobe_deflate"):
        yield kind(method, lambda m=method: saved(colour, "TIFF", compression=m), colour.astype(float))
    lossy = blocks(3)
    yield kind("jpeg", lambda: saved(lossy, "TIFF", compression="jpeg", quality=100), lossy.astype(float), off=4)
    fax = numbers(HEIGHT, 16, top=1, seed=1)
    bits = np.ascontiguousarray(fax.astype(bool))
    yield kind("fax", lambda: saved(bits, "TIFF", compression="group4"), fax * 255.0)


# --- lossless formats of one or two kinds ----------------------------------------------------------------------------


def bmp(
    rows: bytes, bits: int, *, height: int = HEIGHT, how: int = 0, masks: tuple[int, ...] = (), palette: bytes = b""
):
    """A BITMAPV4HEADER where there are masks, else a BITMAPINFOHEADER. height: negative for top-down rows."""
    size = 108 if masks else 40
    start = 14 + size + len(palette)
    info = struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, bits, how, len(rows), 2835, 2835, len(palette) // 4, 0)
    info += struct.pack("<4I", *masks).ljust(68, b"\0") if masks else b""
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + info + palette + rows


def padded(rows: np.ndarray, bits: int, *, order: str = "<", up: bool = True) -> bytes:
    """Rows of whole bytes, from the bottom up, each a multiple of four bytes long."""
    whole = rows[::-1] if up else rows
    lines = [packed(row[None], bits, order) for row in whole]
    return b"".join(line + b"\0" * (-len(line) % 4) for line in lines)


def bmp_kinds() -> Iterator[Kind]:
    def kind(name, make, rgb, alpha=None):
        return Kind(name=f"bmp-{name}", ending=".bmp", make=make, rgb=rgb.astype(float), alpha=alpha)

    for bits in (1, 4, 8):
        index, colours = numbers(HEIGHT, WIDTH, top=2**bits - 1, seed=bits), numbers(2**bits, 4, top=255, seed=bits)
        colours[:, 3] = 0
        data = colours[:, [2, 1, 0, 3]].astype(np.uint8).tobytes()
        make = lambda i=index, b=bits, d=data: bmp(padded(i, b), b, palette=d)  # noqa: E731
        yield kind(f"palette{bits}", make, colours[index][..., :3])
    rgb = numbers(HEIGHT, WIDTH, 3, top=255, seed=3)
    flat = rgb[..., ::-1].reshape(HEIGHT, -1)
    yield kind("24", lambda: bmp(padded(flat, 8), 24), rgb)
    yield kind("24-top-down", lambda: bmp(padded(flat, 8, up=False), 24, height=-HEIGHT), rgb)
    four = numbers(HEIGHT, WIDTH, 4, top=255, seed=4)
    bgra = four[..., [2, 1, 0, 3]].reshape(HEIGHT, -1)
    yield kind("32", lambda: bmp(padded(bgra, 8), 32), four[..., :3])
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield kind("32-alpha", lambda: bmp(padded(bgra, 8), 32, how=3, masks=masks), four[..., :3], four[..., 3] * 1.0)
    five = numbers(HEIGHT, WIDTH, 3, top=31, seed=5)
    word = five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]
    yield kind("16-555", lambda: bmp(padded(word, 16), 16), five / 31 * 255)
    six = numbers(HEIGHT, WIDTH, top=63, seed=6)
    more = five[..., 0] << 11 | six << 5 | five[..., 2]
    expected = np.stack([five[..., 0] / 31, six / 63, five[..., 2] / 31], axis=-1) * 255
    yield kind("16-565", lambda: bmp(padded(more, 16), 16, how=3, masks=(0xF800, 0x7E0, 0x1F, 0)), expected)
    index, colours = numbers(HEIGHT, WIDTH, top=255, seed=8), numbers(256, 4, top=255, seed=8)
    runs = b"".join(b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in index[::-1].tolist()) + b"\0\1"
    data = colours[:, [2, 1, 0, 3]].astype(np.uint8).tobytes()
    yield kind("rle8", lambda: bmp(runs, 8, how=1, palette=data), colours[index][..., :3])


def ppm_kinds() -> Iterator[Kind]:
    def kind(name, data, rgb):
        return Kind(name=f"ppm-{name}", ending=".ppm", make=lambda: data, rgb=rgb * 1.0)

    size = b"\n# a comment\n%d %d\n" % (WIDTH, HEIGHT)
    bits = numbers(HEIGHT, WIDTH, top=1)
    plain = lambda values: b" ".join(b"%d" % value for value in values.reshape(-1))  # noqa: E731
    yield kind("plain-bits", b"P1" + size + plain(bits), 255 - bits * 255)
    yield kind("bits", b"P4" + size + packed(bits, 1), 255 - bits * 255)
    for top, channels in itertools.product((15, 255, 1023, 65535), (1, 3)):
        values = numbers(HEIGHT, WIDTH, channels, top=top, seed=top)
        shown = values / top * 255
        shown = shown[..., 0] if channels == 1 else shown
        magic = b"P5" if channels == 1 else b"P6"
        raw = packed(values.reshape(HEIGHT, -1), 8 if top < 256 else 16)
        yield kind(f"{magic.decode()}-{top}", magic + size + b"%d\n" % top + raw, shown)
        magic = b"P2" if channels == 1 else b"P3"
        yield kind(f"{magic.decode()}-{top}", magic + size + b"%d\n" % top + plain(values), shown)


def lossless_kinds() -> Iterator[Kind]:
    rgb, four = (numbers(HEIGHT, WIDTH, n, top=255, seed=n).astype(np.uint8) for n in (3, 4))
    four[..., 3] |= 1  # nothing hidden: WebP need not keep what nobody sees
    grey = numbers(HEIGHT, WIDTH, top=255, seed=1).astype(np.uint8)
    deep = numbers(HEIGHT, WIDTH, top=65535, seed=2).astype(np.uint16)
    exact = {"lossless": True, "exact": True}

    def kind(name, ending, make, pixels, off=0.501):
        colours, alpha = (
            (pixels, None) if pixels.shape[-1] != 4 or pixels.ndim == 2 else (pixels[..., :3], pixels[..., 3])
        )
        alpha = None if alpha is None else alpha * 1.0
        return Kind(name=name, ending=ending, make=make, rgb=colours * 1.0, alpha=alpha, off=off)

    yield kind("webp-rgb", ".webp", lambda: saved(rgb, "WEBP", **exact), rgb)
    yield kind("webp-rgba", ".webp", lambda: saved(four, "WEBP", **exact), four)
    yield kind("webp-turned", ".webp", lambda: saved(stored(rgb, 8), "WEBP", **exact, exif=exif(8)), rgb)
    for ending in (".jp2", ".j2k"):
        codec = {"no_jp2": ending == ".j2k", "irreversible": False, "num_resolutions": 1}
        for name, pixels in (("grey", grey), ("rgb", rgb), ("rgba", four)):
            make = lambda p=pixels, c=codec: saved(p, "JPEG2000", **c)  # noqa: E731
            yield kind(f"{ending[1:]}-{name}", ending, make, pixels)
        make = lambda c=codec: saved(deep, "JPEG2000", **c)  # noqa: E731
        yield kind(f"{ending[1:]}-grey16", ending, make, deep / 257)
    index = numbers(HEIGHT, WIDTH, top=15, seed=5).astype(np.uint8)
    colours = numbers(16, 3, top=255, seed=5)

    def gif(**options) -> bytes:
        image = Image.fromarray(index, "P")
        image.putpalette(colours.astype(np.uint8).tobytes())
        buffer = io.BytesIO()
        image.save(buffer, "GIF", **options)
        return buffer.getvalue()

    yield kind("gif", ".gif", gif, colours[index])
    yield kind("gif-interlaced", ".gif", lambda: gif(interlace=True), colours[index])
    yield kind("gif-grey", ".gif", lambda: saved(grey, "GIF"), np.stack([grey] * 3, axis=-1))  # a palette of greys
    seen = np.where(index == 3, 0, 255)
    clear = np.concatenate([colours[index], seen[..., None]], axis=-1)
    yield kind("gif-transparent", ".gif", lambda: gif(transparency=3), clear)
    frames = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]

    def moving(form: str) -> bytes:
        buffer = io.BytesIO()
        frames[0].save(buffer, form, save_all=True, append_images=frames[1:])
        return buffer.getvalue()

    for form, ending in (("GIF", ".gif"), ("WEBP", ".webp"), ("PNG", ".png"), ("AVIF", ".avif")):
        make = lambda f=form: moving(f)  # noqa: E731
        yield Kind(name=f"moving-{form.lower()}", ending=ending, make=make, refused="2 frames")


def kinds() -> list[Kind]:
    """All of them. Names are unique."""
    parts = (png_kinds, jpeg_kinds, other_lossy_kinds, tiff_kinds, bmp_kinds, ppm_kinds, lossless_kinds)
    return [kind for part in parts for kind in part()]
