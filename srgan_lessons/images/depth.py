"""Reduces pixels of any bit depth to 8 bits: the range of their depth is scaled to 0..255, and the result is rounded.

Pillow cuts 16-bit colour down to 8 bits, leaves 12-bit pictures nearly black, and does not invert 16-bit pictures whose
white is zero. Here such files are decoded with all their bits.
"""

import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from srgan_lessons import UserError

# Tag numbers of TIFF 6.0
_BITS, _PHOTOMETRIC, _COLORMAP, _PLANAR, _SAMPLE_FORMAT, _SUBSAMPLING = 258, 262, 320, 284, 339, 530

Opener = Callable[[Path], AbstractContextManager[ImageFile]]


@dataclass(kw_only=True)
class Levels:
    """The numbers in a file. colours: (H, W) for grey, (H, W, 3) for RGB or (H, W, 4) for CMYK. alpha: (H, W).

    top: the largest number, which means white or opaque. bits: bits per channel in the file.
    """

    colours: np.ndarray
    alpha: np.ndarray | None
    top: int
    bits: int


def levels(path: Path, image: ImageFile, head: bytes, reopen: Opener) -> Levels:
    """Decodes an opened picture. head: the file's first bytes. Raises UserError for numbers without a defined white."""
    bits = _bits(path, image, head)
    _check(path, image, bits)
    transparent = image.info.get("transparency")
    if image.mode.startswith("I"):  # "I;16" and similar modes: grey with more than 8 bits
        grey, top = _deep_grey(path, image, bits), 2**bits - 1
        if _tags(image).get(_PHOTOMETRIC) == 0:  # white is zero
            grey = top - grey
        alpha = None if transparent is None else np.where(grey == transparent, 0, top)
        return Levels(colours=grey, alpha=alpha, top=top, bits=bits)
    if bits > 8:
        colours, top = _deep_colour(path, image, reopen), 65535
    else:
        colours, top = _shallow(image, bits), 255
    colours, alpha = _split(colours, image)
    if alpha is not None and _associated(image):  # TIFF 6.0, ExtraSamples 1: colours are multiplied by alpha
        wide, opacity = colours.astype(np.uint32), np.maximum(alpha, 1).astype(np.uint32)
        opacity = opacity if colours.ndim == 2 else opacity[..., None]
        colours = np.minimum(top, (wide * top + opacity // 2) // opacity).astype(colours.dtype)
    if alpha is None and transparent is not None and image.mode != "P":
        if image.format == "PNG" and bits < 8:  # Pillow scales the pixels, but not this number
            transparent = transparent * 255 // (2**bits - 1)
        same = colours == np.asarray(transparent)
        alpha = np.where(same if colours.ndim == 2 else same.all(axis=-1), 0, top).astype(colours.dtype)
    return Levels(colours=colours, alpha=alpha, top=top, bits=bits)


def to_8_bits(numbers: np.ndarray, top: int, exponent: float = 1.0) -> np.ndarray:
    """0..top -> uint8 0..255, rounded. exponent: applied after a division by top, to change the gamma."""
    if exponent == 1 and top == 255:
        return numbers.astype(np.uint8, copy=False)
    if top > 65535:
        return np.rint((numbers / top) ** exponent * 255).astype(np.uint8)
    table = np.floor((np.arange(top + 1) / top) ** exponent * 255 + 0.5).astype(np.uint8)
    return table[numbers]


def _tags(image: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF by their numbers; none for other kinds of files."""
    return image.tag_v2 if isinstance(image, TiffImageFile) else {}


def _bits(path: Path, image: Image.Image, head: bytes) -> int:
    """Bits per channel."""
    if image.format == "PNG":
        return head[24]  # PNG standard, IHDR
    if image.format == "TIFF":
        found = _tags(image).get(_BITS, (1,))
        return max(found) if isinstance(found, tuple) else int(found)
    if image.format == "JPEG2000":
        start = head.find(b"\xff\x4f\xff\x51")  # ISO 15444-1, A.5.1: marker SIZ; Ssiz follow after 40 bytes
        if start < 0 or len(head) < start + 43:
            raise UserError(f"{path} does not say how many bits its numbers have. Save it as PNG.")
        channels = struct.unpack_from(">H", head, start + 40)[0]
        depths = head[start + 42 : start + 42 + 3 * channels : 3]
        if any(depth & 0x80 for depth in depths):
            raise UserError(f"{path} contains signed numbers, for which black is not defined. Save it as PNG.")
        if len(set(depths)) > 1:
            raise UserError(f"{path} has channels of different bit depths. Save it as PNG, with 8 or 16 bits.")
        return depths[0] + 1
    return 16 if image.mode.startswith("I") else 8  # PPM with more than 8 bits: Pillow has scaled it


def _check(path: Path, image: ImageFile, bits: int) -> None:
    """Raises UserError for files that Pillow opens, but that cannot be reduced to 8 bits correctly."""
    if image.mode == "F":
        raise UserError(
            f"{path} contains floating-point numbers, for which white is not defined. Save it with 8 or 16 bits."
        )
    if image.mode == "LAB":
        raise UserError(f"{path} contains Lab colours, which programs write in different ways. Save it as RGB.")
    if image.format == "JPEG2000" and bits > 8 and image.mode != "I;16":
        raise UserError(f"{path} has {bits} bits per channel; only 8 of them can be read. Save it as 16-bit PNG.")
    if image.format == "JPEG2000" and bits > 16:
        raise UserError(f"{path} has {bits} bits per channel; JPEG 2000 is read up to 16. Save it as 16-bit PNG.")
    if image.format != "TIFF":
        return
    tags = _tags(image)
    signs = tags.get(_SAMPLE_FORMAT, (1,))
    if set(signs if isinstance(signs, tuple) else (signs,)) - {1, 4}:  # 1: unsigned, 4: undefined
        raise UserError(f"{path} contains signed numbers, for which black is not defined. Save it with 8 or 16 bits.")
    if tags.get(_PLANAR, 1) == 2 and bits > 8:
        raise UserError(
            f"{path} has a separate plane for each colour, {bits} bits deep. Save it interleaved, or as PNG."
        )
    subsampled = tags.get(_PHOTOMETRIC) == 6 and tuple(tags.get(_SUBSAMPLING, (2, 2))) != (1, 1)
    if subsampled and image.tile and image.tile[0][0] == "raw":
        raise UserError(
            f"{path} stores colour at a lower resolution than brightness, without compression. Save it as PNG."
        )


def _deep_grey(path: Path, image: Image.Image, bits: int) -> np.ndarray:
    """(H, W), unsigned numbers with more than 8 bits."""
    numbers = np.asarray(image)
    if bits > 16:  # Pillow's 32-bit numbers are signed, the file's are not
        return numbers.view(np.uint32)
    numbers = numbers.astype(np.uint32)
    if image.format == "JPEG2000":
        numbers >>= 16 - bits  # Pillow's OpenJPEG reader shifts them up
    if numbers.max() > 2**bits - 1:
        raise UserError(f"{path} contains values outside 0..{2**bits - 1}. Save it with 8 or 16 bits per channel.")
    return numbers


def _raw_mode(image: ImageFile) -> str:
    args: Any = image.tile[0][3] if image.tile else ""
    return args if isinstance(args, str) else str(args[0])


def _decode_as(image: ImageFile, change: Callable[[str], str]) -> np.ndarray:
    """The pixels, unpacked in another way than Pillow's own: the name of its raw mode is changed first."""
    tiles: list[Any] = image.tile
    changed: list[Any] = []
    for tile in tiles:
        codec, box, offset, args = tile
        args = change(args) if isinstance(args, str) else (change(args[0]), *args[1:])
        # Up to Pillow 10, a tile is a plain tuple
        changed.append(tile._replace(args=args) if hasattr(tile, "_replace") else (codec, box, offset, args))
    image.tile = changed
    image.load()
    return np.asarray(image)


def _deep_colour(path: Path, image: ImageFile, reopen: Opener) -> np.ndarray:
    """(H, W, C), uint16. Pillow unpacks only one of a number's two bytes, so the picture is decoded once for each."""
    raw = _raw_mode(image).replace("a", "A")  # associated alpha is divided out later, with all bits
    if raw == "LA;16B":  # grey and alpha of two bytes each are read as four channels of one byte
        pairs = _decode_as(image, lambda _: "RGBA").astype(np.uint16)
        return pairs[..., 0::2] * 256 + pairs[..., 1::2]
    native = "L" if sys.byteorder == "little" else "B"
    order = native if raw[-1] == "N" else raw[-1]
    other = {"L": "B", "B": "L"}[order]
    with reopen(path) as second:
        low = _decode_as(second, lambda _: raw[:-1] + other).astype(np.uint16)
    return _decode_as(image, lambda _: raw).astype(np.uint16) * 256 + low


def _shallow(image: ImageFile, bits: int) -> np.ndarray:
    """(H, W) or (H, W, C), uint8, from up to 8 bits per channel."""
    raw = _raw_mode(image)
    if image.format == "TIFF" and "a" in raw:
        return _decode_as(image, lambda name: name.replace("a", "A"))
    image.load()
    if image.format == "TIFF" and image.mode == "P":
        colours = np.array(_tags(image)[_COLORMAP], np.uint32)  # 16 bits per entry; some programs use only 8 of them
        colours = colours if colours.max() < 256 else (colours + 128) // 257
        image.putpalette(colours.reshape(3, -1).T.astype(np.uint8).tobytes())
    if image.mode == "P":
        return np.asarray(image.convert("RGBA" if "transparency" in image.info else "RGB"))
    if image.mode in ("1", "PA", "YCbCr", "RGBX", "HSV"):
        return np.asarray(image.convert({"1": "L", "PA": "RGBA"}.get(image.mode, "RGB")))
    pixels = np.asarray(image)
    if raw in ("BGR;15", "BGR;16"):  # 5 or 6 bits per channel, which Pillow scales without rounding
        for channel in range(3):
            top = 63 if raw == "BGR;16" and channel == 1 else 31
            table = np.zeros(256, np.uint8)
            table[np.arange(top + 1) * 255 // top] = to_8_bits(np.arange(top + 1), top)
            pixels = pixels.copy() if channel == 0 else pixels
            pixels[..., channel] = table[pixels[..., channel]]
    return pixels


def _split(numbers: np.ndarray, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Colours and alpha."""
    if numbers.ndim == 2 or numbers.shape[2] == 3 or image.mode == "CMYK":
        return numbers, None
    alpha: np.ndarray | None = numbers[..., -1]
    if image.mode == "P" and numbers[..., -1].min() == 255:  # the palette's transparent entry is not used
        alpha = None
    return numbers[..., 0] if numbers.shape[2] == 2 else numbers[..., :3], alpha


def _associated(image: Image.Image) -> bool:
    return 1 in tuple(_tags(image).get(338, ()))  # ExtraSamples
