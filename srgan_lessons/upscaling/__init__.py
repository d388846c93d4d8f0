"""Enlarges whole images by 4 in height and width: with a trained network, bicubic or nearest neighbour.

`tiles.py` enlarges a picture of any size, piece by piece; `files.py` reads pictures and writes them.
"""

from srgan_lessons.upscaling.files import Outcome, upscale_file, upscale_many
from srgan_lessons.upscaling.tiles import (
    METHODS,
    PRECISIONS,
    TILE,
    Bicubic,
    Nearest,
    upscale,
    upscaler,
)

__all__ = [
    "METHODS",
    "PRECISIONS",
    "TILE",
    "Bicubic",
    "Nearest",
    "Outcome",
    "upscale",
    "upscale_file",
    "upscale_many",
    "upscaler",
]
