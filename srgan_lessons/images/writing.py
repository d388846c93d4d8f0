"""Writes picture files, and checks in advance what can be written."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srgan_lessons import UserError
from srgan_lessons.files import atomic, check_name
from srgan_lessons.images.arrays import AnyPicture, check_image, is_grey
from srgan_lessons.images.formats import FOUR_GIGABYTES, LARGEST, LONGEST_SIDE, WRITABLE
from srgan_lessons.images.metadata import for_tiff, renewed
from srgan_lessons.images.picture import Picture


def save_image(path: str | Path, image: AnyPicture | Picture) -> None:
    """Writes a picture in any form (see `check_image`), or a Picture, in the format given by the file name's ending.

    The file is written completely or not at all. JPEG and AVIF are written at quality 95 without chroma subsampling,
    WebP without loss. Orientation and size in a Picture's EXIF are set again; if the format cannot store EXIF, it is
    left out, with a warning. A TIFF keeps description, camera, software, date, artist, copyright, and what is in the
    directories Exif and GPS. Raises UserError for an unknown ending, a full disk, or a format that does not allow the
    picture's size, its transparency or its colour profile.
    """
    path = Path(path)
    picture = image if isinstance(image, Picture) else Picture(rgb=check_image(image), grey=is_grey(image))
    height, width = picture.rgb.shape[:2]
    check_target(path, height, width, alpha=picture.alpha is not None, profile=picture.icc_profile is not None)
    kind = WRITABLE[path.suffix.lower()]
    pixels = picture.rgb[..., 0] if picture.grey else picture.rgb
    if picture.alpha is not None:
        pixels = np.dstack([pixels, picture.alpha])  # (H, W, 2) or (H, W, 4)
    options: dict[str, Any] = {"icc_profile": picture.icc_profile} if picture.icc_profile else {}
    options |= {"dpi": picture.dpi} if picture.dpi else {}
    options |= {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    options |= {"quality": 95, "subsampling": "4:4:4"} if kind == "AVIF" else {}
    options |= {"lossless": True, "exact": True} if kind == "WEBP" else {}  # exact: hidden colours, too
    exif = None if picture.exif is None else renewed(picture.exif, height, width)
    if exif is not None and (kind == "BMP" or (kind == "JPEG" and len(exif) > 65533)):  # a JPEG segment's limit
        warnings.warn(f"{path}: this format cannot store the picture's EXIF (date, camera)", stacklevel=2)
        exif = None
    with atomic(path) as temporary:
        made = Image.fromarray(np.ascontiguousarray(pixels))
        try:
            told = for_tiff(exif) if exif and kind == "TIFF" else exif
            made.save(temporary, format=kind, **options, **({"exif": told} if told else {}))
        except (OSError, MemoryError):
            raise
        except Exception:  # odd entries, which a TIFF cannot store
            if exif is None:
                raise
            warnings.warn(f"{path}: its EXIF (date, camera) has odd entries and was left out", stacklevel=2)
            made.save(temporary, format=kind, **options)


def check_target(path: str | Path, height: int, width: int, *, alpha: bool = False, profile: bool = False) -> None:
    """Raises UserError if `save_image` could not write such a picture to such a file name.

    Call it before hours of work. height, width: in pixels. alpha, profile: whether the picture has transparency or a
    colour profile.
    """
    path = Path(path)
    kind = WRITABLE.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"{path}: the ending {path.suffix or '(none)'} is not one of {' '.join(WRITABLE)}.")
    check_name(path)
    if alpha and kind in ("JPEG", "BMP"):
        raise UserError(f"{path}: this format has no transparency, but the picture has. Write a .png instead.")
    if profile and kind == "BMP":
        raise UserError(f"{path}: this format has no colour profile, but the picture has. Write a .png instead.")
    if max(height, width) > LONGEST_SIDE.get(kind, 2**31 - 1):
        raise UserError(
            f"{path}: this format allows {LONGEST_SIDE[kind]} pixels per side; the picture has {width} x {height}. "
            "Write a .png instead."
        )
    if height * width > LARGEST.get(kind, 2**62):
        raise UserError(
            f"{path}: this format allows {LARGEST[kind] / 1e6:.0f} million pixels; the picture has {width} x "
            f"{height}. Write a .png instead."
        )
    if kind in FOUR_GIGABYTES and (4 if alpha else 3) * height * width > 2**32 - 2**16:
        raise UserError(
            f"{path}: this format allows 4 GB, but {width} x {height} pixels need more. Write a .png instead."
        )
    if os.path.isdir(path):
        raise UserError(f"{path} is a folder; a file name is needed.")
