"""Bicubic resampling like MATLAB's imresize, which made the low-resolution images of the benchmarks.

`imresize` works on uint8 pictures; `downscale` and `upscale` give the same numbers for batches on any device.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from srgan_lessons import UserError
from srgan_lessons.images import AnyPicture, check_image

MARGIN = 8  # how many HR pixels beyond the border of a crop the kernel sees there, when reducing by 4


def cubic(x: Tensor) -> Tensor:
    """The cubic convolution kernel with a = -0.5 (Keys 1981, eq. 15), for distances x in pixels."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1  # |x| <= 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2  # 1 < |x| <= 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def taps(size: int, new_size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Which input pixels contribute to each output pixel along one axis, and with what weight.

    Returns index (new_size, taps), integers in 0..size-1, and weight (new_size, taps), float64, whose rows sum to 1.
    """
    stretch = max(1.0, 1 / scale)  # antialiasing: when the image shrinks, the kernel widens
    reach = math.ceil(4 * stretch) + 2  # a few more than needed; their weights are 0
    centre = (torch.arange(new_size, dtype=torch.float64) + 0.5) / scale - 0.5  # (new,) in input pixels
    first = torch.floor(centre - 2 * stretch).long()  # (new,)
    index = first[:, None] + torch.arange(reach)  # (new, taps)
    weight = cubic((centre[:, None] - index) / stretch)  # (new, taps)
    weight = weight / weight.sum(dim=1, keepdim=True)
    used = (weight != 0).any(dim=0)
    return index[:, used].clamp(0, size - 1), weight[:, used]  # outside the image: the border pixel


Taps = tuple[Tensor, Tensor]  # what `taps` returns


def _taps_on(device: torch.device, dtype: torch.dtype, size: int, new_size: int, scale: float) -> Taps:
    with torch.inference_mode(False):  # what is kept must also be usable where gradients are computed
        index, weight = taps(size, new_size, scale)
        return index.to(device), weight.to(device, dtype)


_kept_taps = lru_cache(maxsize=64)(_taps_on)  # a set of pictures needs the same few results again and again


def training_taps(crop: int, device: torch.device) -> Taps:
    """The taps, on a device, with which `training_pair` reduces HR crops of that size; both axes have the same."""
    side = crop + 2 * MARGIN
    return _taps_on(device, torch.float32, side, side // 4, 1 / 4)


def _resize_rows(levels: Tensor, scale: float, rows: int, own: Taps | None) -> Tensor:
    """(..., H, W) -> (..., rows, W), in whole grey levels 0..255. Rounds half up, as MATLAB does for uint8."""
    index, weight = own or _kept_taps(levels.device, levels.dtype, levels.shape[-2], rows, scale)
    levels = levels.contiguous()  # copying whole rows is several times as fast as copying single pixels
    # One tap at a time: this needs little memory, and avoids a matrix product, which a GPU would round to fewer bits.
    total = levels.new_zeros((*levels.shape[:-2], rows, levels.shape[-1]))
    for row, share in zip(index.unbind(dim=1), weight[..., None].unbind(dim=1), strict=True):
        total.addcmul_(levels.index_select(-2, row), share)  # row: (rows,), share: (rows, 1)
    return (total + 0.5).floor().clamp(0, 255)


def _resize(levels: Tensor, scale: float, own: Taps | None = None) -> Tensor:
    """(..., H, W) in whole levels 0..255 -> (..., ceil(H scale), ceil(W scale)): rows first, then columns.

    own: the caller's own taps, the same for both axes; None: from the cache.
    """
    height, width = (math.ceil(round(n * scale, 9)) for n in levels.shape[-2:])
    levels = _resize_rows(levels, scale, height, own)
    return _resize_rows(levels.mT, scale, width, own).mT.contiguous()  # columns are the rows of the transposed picture


def imresize(image: AnyPicture, scale: float) -> np.ndarray:
    """MATLAB's imresize(image, scale) with its default bicubic kernel and antialiasing, exact to the last bit.

    image: a picture, as in `images.check_image`. Returns uint8 with ceil(H scale) rows and ceil(W scale) columns. The
    result has two dimensions for an array (H, W), and otherwise three channels. Raises UserError for another type of
    array or a scale that is not positive.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise UserError(f"imresize: scale must be a positive number, got {scale}")
    pixels = torch.from_numpy(np.array(check_image(image)))  # (H, W, 3)
    levels = _resize(pixels.permute(2, 0, 1).double(), scale)  # (3, H', W')
    result = levels.to(torch.uint8).permute(1, 2, 0).numpy()  # (H', W', 3)
    return np.ascontiguousarray(result[..., 0] if isinstance(image, np.ndarray) and image.ndim == 2 else result)


def downscale(images: Tensor, factor: int = 4, *, own: Taps | None = None) -> Tensor:
    """Low-resolution images as the benchmarks make them: (N, 3, H, W) in [0, 1] -> (N, 3, H/factor, W/factor).

    The result is rounded to the 256 levels of an 8-bit file. For factors 2 and 4 it equals `imresize` bit for bit, on
    any device: all weights are multiples of 1/4096, so every sum is exact in float32. own: see `training_pair`. Raises
    UserError if H or W is not a multiple of the factor, because the pixels left over would shift the picture.
    """
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise UserError(f"downscale: {height}x{width} is not a multiple of {factor}; crop the image first")
    return _on_levels(images, 1 / factor, own)


def upscale(images: Tensor, factor: int = 4) -> Tensor:
    """Bicubic enlargement, the baseline: (N, 3, h, w) in [0, 1] -> (N, 3, factor h, factor w), on 8-bit levels."""
    return _on_levels(images, factor)


def _on_levels(images: Tensor, scale: float, own: Taps | None = None) -> Tensor:
    if images.ndim != 4 or not images.is_floating_point():
        raise UserError(f"expected float (N, C, H, W), got {images.dtype} {tuple(images.shape)}")
    levels = (images.float() * 255 + 0.5).floor().clamp(0, 255)  # in float32: half precision would round the sums
    return _resize(levels, scale, own) / 255


def training_pair(wide: Tensor, own: Taps | None = None) -> tuple[Tensor, Tensor]:
    """LR and HR crops without false borders, from HR crops that are MARGIN pixels wider on each side.

    wide: (N, 3, H + 16, W + 16) in [0, 1]. Returns lr (N, 3, H/4, W/4) and hr (N, 3, H, W). If the crop were cut first
    and then reduced, its outermost LR pixels would depend on pixels invented beyond the border. own: the caller's own
    `training_taps`, for square crops; without them, the taps come from a cache.
    """
    trim = MARGIN // 4
    lr = downscale(wide, own=own)[..., trim:-trim, trim:-trim]
    return lr, wide[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
