"""Answers to exercise psnr_y as students write them, and its reference against numbers from outside."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from answers import Answers
from skimage.metrics import peak_signal_noise_ratio

from srgan_lessons.exercises.lesson01.psnr_y import psnr_y
from srgan_lessons.images import load_image, sample_photos
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize

answers = Answers(
    "psnr_y",
    sentences="""
two uint8 pictures :: uint8 luma
in dB :: natural log; 20 log
Y by BT.601 :: BT.709; BGR
in limited range :: full range
rounded to whole numbers :: not rounded; floor
4 pixels cut off at each border :: no border cut; border only rows; border 3
peak 255 :: peak 219; peak not squared
Expected: a number -- an answer that gives an array is refused by the reader of all judges
""",
)


BT601 = np.array([65.481, 128.553, 24.966]) / 255


def _psnr(a, b, border=4, peak=255.0):
    inside = slice(border, -border or None)
    return 10 * math.log10(peak**2 / np.mean((a[inside, inside] - b[inside, inside]) ** 2))


def _y(image):
    return np.round(16 + image @ BT601)


@answers.right
def with_skimage(sr, hr):
    sr, hr = (_y(image)[4:-4, 4:-4].astype(np.uint8) for image in (sr, hr))
    return peak_signal_noise_ratio(hr, sr, data_range=255)


@answers.right
def in_float32_torch(sr, hr):
    def y(image):
        r, g, b = torch.from_numpy(image).float().unbind(-1)
        return (16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255).round()[4:-4, 4:-4]

    return 20 * torch.log10(255 / (y(sr) - y(hr)).square().mean().sqrt())


@answers.wrong(says="R, G and B. The protocol measures only Y")
def over_rgb(sr, hr):
    return _psnr(sr.astype(float), hr.astype(float))


@answers.wrong(says="is Y in the range 16 to 235?")
def full_range(sr, hr):
    weights = np.array([0.299, 0.587, 0.114])
    return _psnr(np.round(sr @ weights), np.round(hr @ weights))


@answers.wrong(says="is Y in the range 16 to 235?")
def full_range_unrounded(sr, hr):
    weights = np.array([0.299, 0.587, 0.114])
    return _psnr(sr @ weights, hr @ weights)


@answers.wrong(says="BT.709")
def the_papers_y(sr, hr):
    weights = np.array([0.2126, 0.7152, 0.0722]) * 219 / 255
    return _psnr(np.round(16 + sr @ weights), np.round(16 + hr @ weights))


@answers.wrong(says="4 pixels must be cut from each border")
def no_border_cut(sr, hr):
    return _psnr(_y(sr), _y(hr), border=0)


@answers.wrong(says="only at the top and on the left")
def border_at_one_end(sr, hr):
    return _psnr(_y(sr)[4:, 4:], _y(hr)[4:, 4:], border=0)


@answers.wrong(says="Y is not rounded")
def unrounded(sr, hr):
    return _psnr(16 + sr @ BT601, 16 + hr @ BT601)


@answers.wrong(says="the fractions of Y are cut off, not rounded")
def truncated(sr, hr):
    return _psnr((16 + sr @ BT601).astype(np.uint8).astype(float), (16 + hr @ BT601).astype(np.uint8).astype(float))


@answers.wrong(says="uint8 cannot hold a negative difference")
def overflow(sr, hr):
    difference = (_y(sr).astype(np.uint8) - _y(hr).astype(np.uint8))[4:-4, 4:-4]
    return 10 * np.log10(255**2 / np.mean(difference.astype(float) ** 2))


@answers.wrong(says="uint8 cannot hold a negative difference")
def overflow_twice(sr, hr):
    difference = (_y(sr).astype(np.uint8) - _y(hr).astype(np.uint8))[4:-4, 4:-4]
    return 10 * np.log10(255**2 / np.mean(difference**2))


@answers.wrong(says="natural logarithm")
def natural_logarithm(sr, hr):
    return _psnr(_y(sr), _y(hr)) * math.log(10)


@answers.wrong(says="it is doubled")
def factor_twenty(sr, hr):
    return 2 * _psnr(_y(sr), _y(hr))


@answers.wrong(says="the peak is 1 here")
def peak_of_one(sr, hr):
    return _psnr(_y(sr), _y(hr), peak=1.0)


@answers.wrong(says="peak is not squared")
def peak_not_squared(sr, hr):
    return 10 * math.log10(255 / np.mean((_y(sr) - _y(hr))[4:-4, 4:-4] ** 2))


@answers.wrong(says="The sign is wrong")
def upside_down(sr, hr):
    return -_psnr(_y(sr), _y(hr))


@answers.wrong(says="This is the MSE")
def only_the_mse(sr, hr):
    return np.mean((_y(sr) - _y(hr))[4:-4, 4:-4] ** 2)


@answers.wrong(says="one number is expected")
def one_for_each_row(sr, hr):
    return 10 * np.log10(255**2 / np.mean((_y(sr) - _y(hr))[4:-4, 4:-4] ** 2, axis=1).clip(1e-6))


@answers.wrong(says="Is the `return` missing?")
def no_return(sr, hr):
    _psnr(_y(sr), _y(hr))


@answers.wrong(says="is called as psnr_y(sr, hr)")
def one_argument(sr):
    return 30.0


@answers.wrong(says="instead of")
def a_guess(sr, hr):
    return 30.0


@answers.wrong(says="R is image[..., 0]")
def rows_for_channels(sr, hr):
    a, b = (16 + (i[0] * 65.481 + i[1] * 128.553 + i[2] * 24.966) / 255 for i in (sr.astype(float), hr.astype(float)))
    return 10 * np.log10(255**2 / np.mean((a[4:-4, 4:-4] - b[4:-4, 4:-4])[:0] ** 2))


@answers.wrong(says="put the sum in brackets")
def without_brackets(sr, hr):
    def y(image):
        r, g, b = np.moveaxis(image.astype(float), 2, 0)
        return np.round(16 + 65.481 * r + 128.553 * g + 24.966 * b / 255)

    return 10 * np.log10(255**2 / np.mean((y(sr) - y(hr))[4:-4, 4:-4] ** 2))


def _with_mean(mean):
    def psnr(sr, hr):
        return 10 * np.log10(255**2 / mean((_y(sr) - _y(hr))[4:-4, 4:-4]))

    return psnr


answers.wrong(says="the squares are added up")(_with_mean(lambda d: np.sum(d**2)))
answers.wrong(says="the median of the squares")(_with_mean(lambda d: np.median(d**2)))
answers.wrong(says="averaged before they are squared")(_with_mean(lambda d: np.mean(d) ** 2))


TestAnswers = answers.tests()


def test_psnr_y_is_the_packages_psnr():
    photo = sample_photos()["chelsea"]
    photo = photo[: photo.shape[0] // 4 * 4, : photo.shape[1] // 4 * 4]
    sr = imresize(imresize(photo, 1 / 4), 4)
    assert psnr_y(sr, photo) == pytest.approx(psnr(sr, photo), abs=1e-9)


def test_psnr_y_of_bicubic_on_set5_is_the_golden_number():
    root = os.environ.get("SRGAN_LESSONS_DATA")
    if not root:
        pytest.skip("SRGAN_LESSONS_DATA does not say where Set5 is")
    values = []
    for hr_file in sorted((Path(root) / "Set5" / "HR").glob("*.png")):
        lr = load_image(hr_file.parents[1] / "LR_bicubic_x4" / hr_file.name)
        values.append(psnr_y(imresize(lr, 4), load_image(hr_file)))
    assert len(values) == 5
    assert np.mean(values) == pytest.approx(28.4177, abs=1e-3)
