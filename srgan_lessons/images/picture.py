"""A decoded picture file."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture file, with everything that the enlarged file must keep.

    rgb: uint8 (H, W, 3), upright, whatever the EXIF orientation of the file.
    alpha: uint8 (H, W), or None if the file has no transparency.
    grey: True if the file has a single channel of grey (then R = G = B).
    icc_profile: the colour profile that the numbers refer to, or None for sRGB.
    exif: date, camera and the like, as bytes from the file that begin with "Exif", or None.
    dpi: pixels per inch, horizontally and vertically, or None if the file does not say.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
