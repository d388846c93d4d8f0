"""PSNR and SSIM under two named protocols. A number without its protocol means nothing.

"community": what PyTorch papers report. Y is that of ITU-R BT.601, and SSIM that of Wang et al. 2004, computed only
where the whole window is inside the image.
"paper": what Table 2 of the SRGAN paper reports, measured with the daala codec's tools. Y is that of ITU-R BT.709, and
SSIM has a window that grows with the image. The paper does not mention BT.709; we infer it, because it reproduces the
paper's six entries for nearest and bicubic within .014 dB and .0011, and BT.601 does not.

Both round to 8 bits, use luma only and cut 4 pixels from each border. Values of a set are means over its images.

`weave` and `tint` measure, in grey levels, two faults that neither PSNR nor SSIM shows: a pattern, and a colour shift.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_lessons import UserError
from srgan_lessons.files import counted
from srgan_lessons.images import AnyPicture, check_image, to_image

PROTOCOLS = ("community", "paper")
K1, K2, PEAK = 0.01, 0.03, 255.0  # Wang et al. 2004, section III.B

# Limited range: black is 16, and white is 235. The weights are for R, G and B in 0..255.
LUMA = {
    "community": np.array([65.481, 128.553, 24.966]) / 255,  # ITU-R BT.601
    "paper": np.array([0.2126, 0.7152, 0.0722]) * 219 / 255,  # ITU-R BT.709
}


def luma(image: AnyPicture | Tensor, *, protocol: str = "community") -> np.ndarray:
    """The Y channel, float64 (H, W), whole numbers in 16..235. Raises UserError for an unknown protocol and for NaN.

    image: a picture, as in `images.check_image`, or a float tensor (1, 3, H, W) or (3, H, W) in [0, 1], which is
    rounded to 8 bits first.
    """
    if protocol not in PROTOCOLS:
        raise UserError(f"unknown protocol {protocol!r}; known: {', '.join(PROTOCOLS)}")
    if isinstance(image, Tensor) and image.isnan().any():  # it would become black
        raise UserError("an image with values that are not numbers (NaN) cannot be measured.")
    pixels = to_image(image) if isinstance(image, Tensor) else check_image(image)  # (H, W, 3)
    return np.floor(16 + pixels @ LUMA[protocol] + 0.5)  # (H, W)


def psnr(sr: AnyPicture | Tensor, hr: AnyPicture | Tensor, *, protocol: str = "community", border: int = 4) -> float:
    """Peak signal-to-noise ratio of luma in dB; infinite for equal images.

    sr, hr: one image each, as in `luma`. border: pixels cut from each side. Raises UserError if sizes differ or nothing
    is left inside the border.
    """
    a, b = _luma_pair(sr, hr, protocol, border)
    mse = np.mean((a - b) ** 2)
    return 10 * math.log10(PEAK**2 / mse) if mse > 0 else math.inf


def ssim(sr: AnyPicture | Tensor, hr: AnyPicture | Tensor, *, protocol: str = "community", border: int = 4) -> float:
    """Structural similarity of luma, 1 for equal images. Arguments and errors as in `psnr`.

    community: 11x11 Gaussian window, sigma 1.5, only where all of it is inside the image (Wang et al. 2004, section
    III.C). paper: sigma = 1.5 height / 256. At the borders the window is cut off, and the value there is weighted by
    the part of the window that is left (as in daala's tools).
    """
    a, b = _luma_pair(sr, hr, protocol, border)
    if protocol == "community":
        if min(a.shape) < 11:
            raise UserError(f"SSIM's 11x11 window does not fit into {a.shape[0]}x{a.shape[1]} pixels")
        offset = np.arange(-5, 6)
        window = np.exp(-(offset**2) / (2 * 1.5**2))
        similarity, _ = _ssim_map(a, b, window / window.sum())
        return float(similarity[5:-5, 5:-5].mean())
    similarity, coverage = _ssim_map(a, b, daala_window(a.shape[0]))
    return float(np.average(similarity, weights=coverage))


def weave(image: np.ndarray) -> float:
    """The strength of a pattern of fixed phase in a picture, uint8 (H, W, 3), in grey levels.

    This measure is ours, not the paper's. Pixel shuffle makes 16 kinds of pixels, by row and column modulo 4. The local
    mean over 9x9 pixels is subtracted from the picture's grey, and the rest is averaged over each kind. The weave is
    the standard deviation of these 16 means. In photos it arises only by chance (.14 in ten images of Set14). 16 pixels
    are cut from each side. Raises UserError if a side is under 36 pixels.
    """
    grey = torch.from_numpy(check_image(image).mean(axis=2))  # (H, W), float64
    if min(grey.shape) < 36:
        raise UserError(f"a weave needs at least 36x36 pixels; this picture has {grey.shape[0]}x{grey.shape[1]}")
    smooth = F.avg_pool2d(grey[None, None], 9, stride=1)[0, 0]  # (H - 8, W - 8)
    detail = (grey[4:-4, 4:-4] - smooth)[12:-12, 12:-12]  # (H - 32, W - 32)
    rows, columns = (side // 4 for side in detail.shape)
    means = detail[: 4 * rows, : 4 * columns].reshape(rows, 4, columns, 4).mean(dim=(0, 2))  # (4, 4)
    return float(means.std(correction=0))


def tint(sr: np.ndarray, hr: np.ndarray) -> float:
    """The largest shift of a channel's mean between two pictures, uint8 (H, W, 3), in grey levels, 0 or more.

    Raises UserError if sizes differ.
    """
    a, b = check_image(sr), check_image(hr)
    _check_sizes(a, b)
    return float(np.abs(a.mean(axis=(0, 1)) - b.mean(axis=(0, 1))).max())


def daala_window(height: int) -> np.ndarray:
    """The integer window of the "paper" protocol, float64 (2n + 1,), summing to 256."""
    sigma = height * 1.5 / 256
    t = math.sqrt(math.pi / 2) * sigma / 256
    n = math.floor(sigma * math.sqrt(-2 * math.log(t))) if t < 1 else 0
    offset = np.arange(-n, n + 1)
    window = np.floor(256 / (math.sqrt(2 * math.pi) * sigma) * np.exp(-(offset**2) / (2 * sigma**2)) + 0.5)
    window[n] += 256 - window.sum()
    return window


def _ssim_map(a: np.ndarray, b: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SSIM at each pixel (H, W), and the share of the window that is inside the image there (H, W)."""
    from scipy.ndimage import correlate1d  # only now: importing it takes a while

    def blur(x: np.ndarray) -> np.ndarray:  # (H, W); outside the image: zeros, which do not count
        return correlate1d(correlate1d(x, window, axis=0, mode="constant"), window, axis=1, mode="constant")

    coverage = blur(np.ones_like(a))
    mean_a, mean_b = blur(a) / coverage, blur(b) / coverage
    var_a = blur(a * a) / coverage - mean_a**2
    var_b = blur(b * b) / coverage - mean_b**2
    cov = blur(a * b) / coverage - mean_a * mean_b
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    contrast_structure = (2 * cov + c2) / (var_a + var_b + c2)
    return luminance * contrast_structure, coverage


def _luma_pair(
    sr: AnyPicture | Tensor, hr: AnyPicture | Tensor, protocol: str, border: int
) -> tuple[np.ndarray, np.ndarray]:
    a, b = luma(sr, protocol=protocol), luma(hr, protocol=protocol)
    _check_sizes(a, b)
    if border < 0 or min(a.shape) <= 2 * border:
        raise UserError(f"a border of {counted(border, 'pixel')} leaves nothing of {a.shape[0]}x{a.shape[1]} pixels")
    inside = slice(border, -border or None)
    return a[inside, inside], b[inside, inside]


def _check_sizes(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape:
        raise UserError(f"the images differ in size: {a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]} pixels")
