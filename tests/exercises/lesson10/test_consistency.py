"""Answers to exercise consistency as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from skimage.metrics import peak_signal_noise_ratio

from srgan_lessons.exercises.lesson10.consistency import consistency
from srgan_lessons.metrics import luma, psnr
from srgan_lessons.resize import imresize

answers = Answers(
    "consistency",
    sentences="""
reduce `sr`, uint8 (4h, 4w, 3), with `imresize` :: every fourth; mean of tiles; enlarged lr
the PSNR in dB :: mse returned; ln
between the result and `lr`, uint8 :: uint8
over all pixels :: border 1
all three colours :: red only; Y
with a peak of 255 :: peak 1
`np.inf` if nothing differs :: 0 where equal; eps
""",
)


@answers.right
def in_torch(sr, lr):
    again = torch.from_numpy(imresize(sr, 0.25)).double()
    mse = F.mse_loss(again, torch.from_numpy(lr).double())
    return 20 * np.log10(255) - 10 * torch.log10(mse)


@answers.right
def by_skimage(sr, lr):
    with np.errstate(divide="ignore"):
        return peak_signal_noise_ratio(lr, imresize(sr, 1 / 4), data_range=255)


@answers.right
def with_if(sr, lr):
    again = imresize(sr, 1 / 4)
    if np.array_equal(again, lr):
        return float("inf")
    return 10 * np.log10(65025 / ((again.astype(np.int32) - lr.astype(np.int32)) ** 2).mean())


def _db(a, b, peak=255):
    return 10 * np.log10(peak**2 / np.mean((a.astype(float) - b) ** 2))


@answers.wrong(says="uint8 cannot hold a negative difference")
def overflow(sr, lr):
    return 10 * np.log10(255**2 / np.mean((imresize(sr, 1 / 4) - lr).astype(float) ** 2))


@answers.wrong(says="uint8 cannot hold a negative difference")
def overflow_twice(sr, lr):
    difference = imresize(sr, 1 / 4) - lr
    return 10 * np.log10(255**2 / np.mean(difference**2))


@answers.wrong(says="Reduce `sr` instead")
def at_hr_size(sr, lr):
    return _db(sr, imresize(lr, 4))


@answers.wrong(says="takes every fourth pixel")
def subsampled(sr, lr):
    return _db(sr[::4, ::4], lr)


@answers.wrong(says="mean of each tile")
def tile_means(sr, lr):
    h, w = lr.shape[:2]
    return _db(sr.reshape(h, 4, w, 4, 3).mean(axis=(1, 3)), lr)


@answers.wrong(says="reduces without antialiasing")
def torchs_interpolate(sr, lr):
    x = torch.from_numpy(sr).permute(2, 0, 1)[None].double()
    return _db(F.interpolate(x, scale_factor=1 / 4, mode="bicubic")[0].permute(1, 2, 0).numpy(), lr)


@answers.wrong(says="as `psnr` computes it")
def the_packages_psnr(sr, lr):
    return psnr(imresize(sr, 1 / 4), lr)


@answers.wrong(says="This is the PSNR of the luma. Here all pixels and all three colours count")
def of_luma(sr, lr):
    return _db(luma(imresize(sr, 1 / 4)), luma(lr))


@answers.wrong(says="A border of 4 pixels is cut off")
def border_cut(sr, lr):
    return _db(imresize(sr, 1 / 4)[4:-4, 4:-4], lr[4:-4, 4:-4])


@answers.wrong(says="This is the mean squared error")
def only_the_mse(sr, lr):
    return np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2)


@answers.wrong(says="The peak is not squared")
def peak_not_squared(sr, lr):
    return 10 * np.log10(255 / np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2))


@answers.wrong(says="The peak is the largest number in `lr`, and its square overflows uint8")
def peak_of_a_small_type(sr, lr):
    with np.errstate(over="ignore"):
        squared = lr.max() * lr.max()  # uint8
    return 10 * np.log10(squared / np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2))


@answers.wrong(says="The peak is 1 here")
def peak_of_one(sr, lr):
    return _db(imresize(sr, 1 / 4), lr, peak=1)


@answers.wrong(says="twice the right number")
def factor_twenty(sr, lr):
    return 2 * _db(imresize(sr, 1 / 4), lr)


@answers.wrong(says="The sign is wrong")
def upside_down(sr, lr):
    return -_db(imresize(sr, 1 / 4), lr)


@answers.wrong(says="natural logarithm")
def natural_logarithm(sr, lr):
    return 10 * np.log(255**2 / np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2))


@answers.wrong(says="so the result must be infinite")
def zero_where_equal(sr, lr):
    mse = np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2)
    return 10 * np.log10(255**2 / mse) if mse > 0 else 0.0


@answers.wrong(says="divides by the mean squared error, which is 0")
def division_by_zero(sr, lr):
    mse = float(np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2))
    return 10 * np.log10(255**2 / mse)


@answers.wrong(says="one number is expected, the mean over all")
def one_for_each_colour(sr, lr):
    return 10 * np.log10(255**2 / np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2, axis=(0, 1)))


@answers.wrong(says="The smallest example that differs")
def a_guess(sr, lr):
    return 40.0


@answers.right
def in_float32(sr, lr):
    difference = imresize(sr, 1 / 4).astype(np.float32) - lr
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / np.mean(difference**2))


TestAnswers = answers.tests()


def test_consistency_of_one_grey_level_everywhere():
    """An error of one grey level everywhere is 20 log10(255) dB."""
    sr = np.full((16, 16, 3), 100, np.uint8)
    assert consistency(sr, np.full((4, 4, 3), 101, np.uint8)) == pytest.approx(48.1308, abs=1e-4)
    assert consistency(sr, np.full((4, 4, 3), 100, np.uint8)) == np.inf
