"""Reads picture files of any common kind."""

import io
import os
import stat
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from srgan_lessons import UserError
from srgan_lessons.files import expand, explain_read_error
from srgan_lessons.images.depth import levels, to_8_bits
from srgan_lessons.images.formats import MOST_PIXELS, READABLE, SAVE_AS, add_heif, memory, why_unknown
from srgan_lessons.images.metadata import orientation, read_dpi, read_exif
from srgan_lessons.images.picture import Picture

_HEAD = 65536  # bytes at the start of a file that show its kind
_SCREEN = 2.2  # the exponent with which a screen decodes, according to PNG (3rd edition, 13.13)

# A file with more pixels per byte than this is damaged, or was made to fill the memory. A white page as a PNG has 1030.
_PIXELS_PER_BYTE, _HARMLESS = 2000, 2**26

_opening = threading.Lock()

# Programs that generate pictures write into the files how they did it. This can take more than a million letters, and
# Pillow would regard so much text as an attack.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, 2**26)


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Reads a picture file of any common kind.

    Palettes are looked up, CMYK is converted to sRGB (by its profile, if it has one), EXIF rotation is applied, a PNG's
    gamma is converted to that of screens, and more than 8 bits per channel are rounded to 8, with a warning. From a
    phone's multi-picture JPEG only the photo is read, with a warning that its extra picture (a gain or depth map) is
    not. Raises UserError for a missing, empty, cut-off or undecodable file; for an animation or a file with several
    pages, because only one could be kept; for numbers without a defined white (floating point, signed, Lab); and for
    a picture that does not fit into memory or has more than 2**30 pixels.
    """
    path = expand(path)
    head = _head(path)
    try:
        with opened(path) as image:
            _check_size(path, image)
            if image.format == "MPO":  # what many phones write and name .jpg
                warnings.warn(f"{path}: a multi-picture JPEG; only its first picture, the photo, is read", stacklevel=2)
            elif (frames := getattr(image, "n_frames", 1)) > 1:
                raise UserError(f"{path} has {frames} frames. Save the frame that you want as a PNG.")
            picture, bits = _decode(path, image, head)
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is too large to be opened safely ({error}). Cut it into parts.") from None
    except MemoryError:
        raise UserError(
            f"there is not enough memory for {path}. Close other programs, or cut the picture into parts."
        ) from None
    except UnidentifiedImageError:
        raise UserError(f"{path} is not a picture that can be read here. {_reason(path, head)}") from None
    except Exception as error:  # for broken data Pillow raises almost anything, even TypeError and KeyError
        said = str(error) or type(error).__name__
        raise UserError(f"{path} is damaged or cut off ({said}). Copy or download it again.") from None
    if bits > 8:
        warnings.warn(f"{path}: {bits} bits a channel were reduced to 8, which the networks expect", stacklevel=2)
    return picture


def load_image(path: str | os.PathLike[str]) -> np.ndarray:
    """The picture in a file as uint8 (H, W, 3). Transparency is ignored; `read_picture` keeps it.

    Raises UserError as `read_picture` does.
    """
    return read_picture(path).rgb


def pillow_pixels(image: Image.Image) -> np.ndarray:
    """A PIL image as uint8 (H, W, 3), upright by its EXIF orientation, without its transparency.

    Pillow has already cut 16-bit colour down to 8 bits; `load_image` rounds it instead. Raises UserError for the modes
    F, I and LAB, for which white is not defined, and for an image that turns out to be closed or damaged.
    """
    name = Path(getattr(image, "filename", "") or "this PIL image")
    if image.mode in ("F", "LAB") or image.mode.startswith("I"):
        raise UserError(
            f"{name} has the mode {image.mode}, for which white is not defined. Convert it to RGB, or save it as a "
            "file and give its path: files with 16 bits per channel can be read."
        )
    if 0 in image.size:
        raise UserError(f"{name} has {image.width} x {image.height} pixels. A picture has at least one.")
    try:
        image.load()  # Pillow reads pixels only when they are first needed
    except MemoryError:
        raise
    except Exception as error:  # as in read_picture; ValueError also for a closed image
        said = str(error) or type(error).__name__
        raise UserError(
            f"{name} is closed, damaged or cut off ({said}). Open it again, or copy or download its file again."
        ) from None
    if image.mode == "CMYK":
        pixels = _to_srgb(image, image.info.get("icc_profile"), name)
    else:
        pixels = np.asarray(image.convert("RGB"))
    turned = 1 if image.format == "TIFF" else orientation(image)  # Pillow turns a TIFF by itself
    return np.ascontiguousarray(_turned(to_8_bits(pixels, 255, _exponent(image)), turned))


def upright_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) of a picture file as shown on a screen. Raises UserError if it is unreadable.

    Only the header is read, except for a PNG whose orientation may come after its pixels.
    """
    path = expand(path)
    head = _head(path)
    try:
        with opened(path) as image:
            width, height = image.size
            # For a TIFF, Pillow reports the size after turning, and turns it on loading
            turned = image.format != "TIFF" and orientation(image) >= 5
            return (height, width) if turned else (width, height)
    except Exception:  # as in read_picture
        raise UserError(f"{path} is not a picture that can be read here. {_reason(path, head)}") from None


def _head(path: Path) -> bytes:
    try:
        if not path.is_file() and not path.is_symlink():
            raise UserError(f"{path} is not a file. Check the name; a folder cannot be read as a picture.")
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for ever
            raise UserError(f"{path} is not an ordinary file but a folder, a device or a pipe. Check the name.")
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UserError(explain_read_error(path, error)) from None
    except UserError:
        raise
    except ValueError as error:  # a zero byte in the name
        raise UserError(f"{str(path)!r} is not a file name ({error}).") from None
    if not head:
        raise UserError(f"{path} is empty (0 bytes). Copy or download it again.")
    return head


@contextmanager
def opened(path: Path) -> Iterator[ImageFile]:
    """Opens a picture and reads its header. `_check_size` replaces Pillow's own limit."""
    add_heif()
    with _opening:  # all threads share the limit
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MOST_PIXELS
        try:
            known = [name for name in READABLE if name != "HEIF" or name in Image.OPEN]
            image = Image.open(path, formats=known)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        yield image


def _check_size(path: Path, image: Image.Image) -> None:
    width, height = image.size
    if min(width, height) < 1:
        raise UserError(f"{path} is damaged: it has {width} x {height} pixels. Copy or download it again.")
    if width * height > max(_HARMLESS, _PIXELS_PER_BYTE * path.stat().st_size):
        raise UserError(
            f"{path} is too large to be opened: {width} x {height} pixels in a file of {path.stat().st_size:,} bytes. "
            "It is damaged, or was made to fill the memory. Copy or download it again."
        )
    needed, there = 8 * width * height, memory()  # bytes: Pillow's pixels, and the array made from them
    if width * height > MOST_PIXELS or needed > there:
        raise UserError(
            f"{path} is too large to be opened: {width} x {height} pixels. At most {MOST_PIXELS / 1e6:.0f} million are "
            f"allowed, and this picture needs {needed / 1e9:.1f} of {there / 1e9:.1f} GB of memory. Cut it into parts."
        )


def _reason(path: Path, head: bytes) -> str:
    """Why a file could not be opened, according to the reader that recognises its first bytes."""
    for name in READABLE:
        reader: Any = Image.OPEN.get(name, (None, None))  # Pillow's types cover only one of two ways to call it
        factory, accept = reader
        begins = False
        with suppress(struct.error, IndexError):  # from a file of a few bytes
            begins = accept is not None and accept(head[:16]) is True
        if not begins:
            continue
        try:
            with factory(path):
                continue
        except Exception as error:
            said = str(error) or type(error).__name__
            return f"It begins like a {name} file, but it is damaged or of a rare kind ({said}). {SAVE_AS}"
    return f"It may be a text file with a wrong ending. {why_unknown(head)}"


def _decode(path: Path, image: ImageFile, head: bytes) -> tuple[Picture, int]:
    """The picture, and the number of bits per channel in the file."""
    profile, exponent = image.info.get("icc_profile"), _exponent(image)
    numbers = levels(path, image, head, opened)
    colours = to_8_bits(numbers.colours, numbers.top, exponent)
    alpha = None if numbers.alpha is None else to_8_bits(numbers.alpha, numbers.top)
    if image.mode == "CMYK":
        colours, profile = _to_srgb(Image.fromarray(colours, "CMYK"), profile, path), None
    exif, dpi = read_exif(image), read_dpi(image)
    turn = orientation(image)
    grey = colours.ndim == 2
    upright = _turned(colours, turn)
    picture = Picture(
        rgb=np.repeat(upright[..., None], 3, axis=2) if grey else np.ascontiguousarray(upright),
        alpha=None if alpha is None else np.ascontiguousarray(_turned(alpha, turn)),
        grey=grey,
        icc_profile=profile or None,
        exif=exif,
        dpi=dpi if dpi is None or turn < 5 else dpi[::-1],
    )
    return picture, numbers.bits


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns stored pixels (H, W, ...) upright (EXIF 2.32, 4.6.4)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def _exponent(image: Image.Image) -> float:
    """The exponent that encodes a PNG's levels like those of other pictures; 1 if they are already encoded like that.

    A profile, or the mark that the picture is sRGB, takes precedence over gamma (PNG 3rd edition, 13.16). A difference
    of up to 5 % is ignored, as in libpng.
    """
    gamma = image.info.get("gamma", 0) if image.format == "PNG" else 0
    if "srgb" in image.info or "icc_profile" in image.info or not gamma or abs(gamma * _SCREEN - 1) <= 0.05:
        return 1.0
    return 1 / (gamma * _SCREEN)


def _to_srgb(image: Image.Image, profile: bytes | None, path: Path) -> np.ndarray:
    """Converts CMYK to sRGB: with the embedded profile if there is one, otherwise with the plain formula."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return np.asarray(converted)
        except (ImageCms.PyCMSError, OSError) as error:  # OSError: the profile itself cannot be parsed
            warnings.warn(
                f"{path}: its colour profile cannot be used ({error}); the colours were converted without it",
                stacklevel=4,
            )
    return np.asarray(image.convert("RGB"))
