"""Pictures as arrays, and as the tensors that networks accept."""

import os
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from srgan_lessons import UserError
from srgan_lessons.images.reading import load_image, pillow_pixels

# A picture in any usual form: uint8 (H, W, 3) or (H, W), a PIL image, or a file's path. `check_image` accepts them all.
AnyPicture = np.ndarray | Image.Image | str | os.PathLike[str]


def check_image(image: AnyPicture) -> np.ndarray:
    """A picture in any form as uint8 (H, W, 3); grey becomes R = G = B.

    image: uint8 (H, W, 3) or (H, W), the path of a picture file (see `load_image`), or a PIL image. Transparency is
    ignored. Raises UserError for anything else, and for files that cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return load_image(image)
    if isinstance(image, Image.Image):
        return pillow_pixels(image)
    if isinstance(image, Tensor) and image.dtype != torch.uint8:
        raise UserError(
            f"a picture must be uint8 in 0..255; this tensor is {image.dtype}. For floats in [0, 1] use "
            "images.to_image."
        )
    try:
        pixels = np.asarray(image.cpu() if isinstance(image, Tensor) else image)
    except ValueError:  # lists of unequal lengths
        pixels = np.array(None)
    if pixels.dtype.kind not in "biufc":
        what = type(image).__name__
        raise UserError(f"a picture is a PIL image, a file's path, or uint8 (H, W, 3); got a {what}.")
    if pixels.dtype != np.uint8:
        how = "For floats in [0, 1] use (255 * image).round().astype(np.uint8)."
        if pixels.dtype.kind in "iuf" and pixels.size and pixels.max() > 2:  # 2: a network's output may pass 1 a little
            how = "Was it uint8 at first? Then pass it as it was, and convert the result."
        raise UserError(f"a picture must be uint8 in 0..255; this array is {pixels.dtype}. {how}")
    if pixels.ndim == 2 and pixels.size:
        return np.stack([pixels] * 3, axis=-1)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise UserError(f"a picture must be of shape (H, W, 3) or (H, W); this array is {pixels.shape}.")
    return pixels


def take_pictures(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """A hook before a network's forward: turns a picture into (1, 3, h, w) on its device. Tensors are left alone."""
    if len(inputs) != 1 or isinstance(inputs[0], Tensor):
        return None
    return (to_tensor(inputs[0]).to(next(network.parameters()).device),)


def is_grey(image: Any) -> bool:
    """Whether a picture, in any form except a path, has a single channel of grey."""
    return image.mode in ("1", "L", "LA") if isinstance(image, Image.Image) else np.ndim(image) == 2


def to_tensor(image: AnyPicture) -> Tensor:
    """A picture in any form that `check_image` accepts -> float32 (1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(check_image(image)))  # (H, W, 3)
    return pixels.permute(2, 0, 1).unsqueeze(0).float() / 255  # (1, 3, H, W)


def to_image(tensor: Tensor) -> np.ndarray:
    """float (1, 3, H, W) or (3, H, W) -> uint8 (H, W, 3): clipped to [0, 1], rounded half up.

    Raises UserError for any other shape or type. A batch contains several pictures: pass them one by one.
    """
    if not isinstance(tensor, Tensor):
        raise UserError(f"to_image takes a tensor; got a {type(tensor).__name__}. check_image takes arrays.")
    if not tensor.is_floating_point():  # levels 0..255 would all be clipped to white
        raise UserError(f"to_image takes floats in [0, 1]; this tensor is {tensor.dtype}. Divide levels 0..255 by 255.")
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise UserError(f"to_image takes one picture, (3, H, W) or (1, 3, H, W); this tensor is {tuple(tensor.shape)}.")
    levels = (tensor.detach().float().clamp(0, 1) * 255 + 0.5).floor()  # (3, H, W), 0..255
    return levels.to(torch.uint8).permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
