"""Pictures as arrays, and as the tensors that networks take."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from srgan_lessons import UserError


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture file with what must not be lost on the way to the enlarged file.

    rgb: uint8 (H, W, 3), upright, whatever the EXIF orientation of the file.
    alpha: uint8 (H, W), or None where the file has no transparency.
    grey: True if the file holds one channel of grey (then R = G = B).
    icc_profile: the colour profile that the numbers refer to, or None for sRGB.
    exif: date, camera and the like as the file has them, beginning with "Exif", or None.
    dpi: pixels per inch, horizontally and vertically, or None where the file does not tell.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None


def check_image(image: np.ndarray) -> np.ndarray:
    """The same picture as uint8 (H, W, 3); grey (H, W) becomes R = G = B. Raises UserError for anything else."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        raise UserError(
            f"a picture must be uint8 in 0..255, this array is {image.dtype}. For floats in [0, 1] use to_image."
        )
    if image.ndim == 2 and image.size:
        return np.stack([image] * 3, axis=-1)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise UserError(f"a picture must be of shape (H, W, 3) or (H, W), this array is {image.shape}.")
    return image


def to_tensor(image: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) or (H, W) in 0..255 -> float32 (1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(check_image(image)))  # (H, W, 3)
    return pixels.permute(2, 0, 1).unsqueeze(0).float() / 255  # (1, 3, H, W)


def to_image(tensor: Tensor) -> np.ndarray:
    """float (1, 3, H, W) or (3, H, W) -> uint8 (H, W, 3): clipped to [0, 1], rounded half up.

    Raises UserError for another shape: a batch is several pictures, give them one by one.
    """
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise UserError(f"to_image takes one picture, (3, H, W) or (1, 3, H, W); this tensor is {tuple(tensor.shape)}.")
    levels = (tensor.detach().float().clamp(0, 1) * 255 + 0.5).floor()  # (3, H, W), 0..255
    return levels.to(torch.uint8).permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
