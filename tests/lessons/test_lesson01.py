"""Answers to the exercises of lesson 01 as students write them, and its references against numbers from outside."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from srgan_lessons.classroom.exercises.lesson01 import bicubic_weights, cubic_kernel, lr_crop, psnr_y
from srgan_lessons.images import load_image, sample_photos
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize

answers = Answers(lesson=1)
BT601 = np.array([65.481, 128.553, 24.966]) / 255

# --- cubic_kernel ----------------------------------------------------------------------------------------------------


@answers.right("cubic_kernel")
def piecewise(x):
    x = abs(x)
    return np.piecewise(
        x,
        [x <= 1, (x > 1) & (x < 2)],
        [lambda t: 1.5 * t**3 - 2.5 * t**2 + 1, lambda t: -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2, 0],
    )


@answers.right("cubic_kernel")
def place_by_place(x):
    def one(t):
        t = abs(t)
        if t <= 1:
            return (1.5 * t - 2.5) * t * t + 1
        return ((-0.5 * t + 2.5) * t - 4) * t + 2 if t < 2 else 0.0

    return np.vectorize(one)(x)


@answers.right("cubic_kernel")
def in_torch_and_in_place(x):
    x[...] = np.abs(x)  # changes its input: a copy, so it does no harm
    t = torch.from_numpy(x)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return near * (t <= 1) + far * ((t > 1) & (t < 2))


def _kernel(x, a):
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@answers.wrong("cubic_kernel", says="a = -0.75, the one that torch uses")
def torchs_kernel(x):
    return _kernel(x, -0.75)


@answers.wrong("cubic_kernel", says="the sign of a is lost")
def positive_a(x):
    return _kernel(x, 0.5)


@answers.wrong("cubic_kernel", says="The piece for 1 < |x| < 2 is missing")
def first_piece_alone(x):
    return np.where(np.abs(x) <= 1, _kernel(x, -0.5), 0)


@answers.wrong("cubic_kernel", says="not zero beyond |x| = 2")
def never_zero(x):
    x = np.abs(x)
    return np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2)


@answers.wrong("cubic_kernel", says="the kernel is even")
def no_absolute_value(x):
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@answers.wrong("cubic_kernel", says="triangle of linear interpolation")
def linear(x):
    return np.maximum(0, 1 - np.abs(x))


@answers.wrong("cubic_kernel", says="At x = ")
def slipped_coefficient(x):
    return np.where(np.abs(x) <= 1, 1.5 * np.abs(x) ** 3 - 2 * x**2 + 1, _kernel(x, -0.5))


@answers.wrong("cubic_kernel", says="`if abs(x) <= 1:  # one number at a time`")
def for_one_number(x):
    if abs(x) <= 1:  # one number at a time
        return 1.5 * abs(x) ** 3 - 2.5 * x**2 + 1
    return 0.0


@answers.wrong("cubic_kernel", says="wrong for one of two")
def flat_only(x):
    return _kernel(x, -0.5) if x.ndim == 1 else np.zeros_like(x)


def test_cubic_kernel_is_the_response_of_torchs_antialiased_bicubic():
    """torch uses a = -0.5 where antialias is on: an impulse, enlarged 8 times, gives the kernel at steps of 1/8."""
    impulse = torch.zeros(1, 1, 1, 9, dtype=torch.float64)
    impulse[..., 4] = 1
    wide = F.interpolate(impulse, size=(1, 72), mode="bicubic", antialias=True)[0, 0, 0]  # (72,)
    x = (np.arange(72) + 0.5) / 8 - 0.5 - 4
    assert np.abs(cubic_kernel(x) - wide.numpy())[16:-16].max() < 1e-9


# --- bicubic_weights -------------------------------------------------------------------------------------------------


@answers.right("bicubic_weights")
def written_out(distance, factor):
    weights = [float(_kernel(np.array(d / factor), -0.5)) for d in distance]
    return np.array([w / sum(weights) for w in weights])


@answers.right("bicubic_weights")
def divided_by_the_factor(distance, factor):
    return _kernel(distance / factor, -0.5) / factor  # the kernel's samples at steps of 1/factor sum to the factor


@answers.wrong("bicubic_weights", says="The kernel is not widened")
def not_widened(distance, factor):
    return _kernel(distance, -0.5) / _kernel(distance, -0.5).sum()


@answers.wrong("bicubic_weights", says="sum to 4, not to 1")
def not_normalised(distance, factor):
    return _kernel(distance / factor, -0.5)


@answers.wrong("bicubic_weights", says="narrower")
def widened_the_wrong_way(distance, factor):
    weight = _kernel(distance * factor, -0.5)
    return weight / (weight.sum() or 1)


@answers.wrong("bicubic_weights", says="The largest weight is 1")
def divided_by_the_largest(distance, factor):
    weight = _kernel(distance / factor, -0.5)
    return weight / weight.max()


@answers.wrong("bicubic_weights", says="negative weights are lost")
def no_negative_weights(distance, factor):
    weight = np.maximum(0, _kernel(distance / factor, -0.5))
    return weight / weight.sum()


@answers.wrong("bicubic_weights", says="sum to 1.3333, not to 1, at a factor of 3")
def four_by_heart(distance, factor):
    return _kernel(distance / factor, -0.5) / min(factor, 4) * (4 / 3 if factor == 3 else 1)


@answers.wrong("bicubic_weights", says="have not the kernel's shape")
def box(distance, factor):
    return np.full(len(distance), 1 / len(distance))


def test_bicubic_weights_reduce_a_row_as_imresize_does():
    row = np.random.default_rng(0).integers(0, 256, (1, 64)).astype(np.uint8)
    reduced = imresize(np.repeat(row, 4, axis=0), 1 / 4)  # (1, 16)
    centre = 4 * 7 + 1.5  # of LR pixel 7, in HR pixels
    near = np.arange(4 * 7 - 6, 4 * 7 + 10)
    weight = bicubic_weights(near - centre, 4)
    assert math.floor(np.clip(row[0, near] @ weight, 0, 255) + 0.5) == reduced[0, 7]


# --- lr_crop ---------------------------------------------------------------------------------------------------------


@answers.right("lr_crop")
def whole_photo_first(photo, top, left, size):
    return imresize(photo, 0.25)[top // 4 : (top + size) // 4, left // 4 : (left + size) // 4]


@answers.right("lr_crop")
def other_margin_and_pillow(photo, top, left, size):
    y, x = max(0, top - 16), max(0, left - 16)
    wide = photo[y : top + size + 16, x : left + size + 16]
    lr = Image.fromarray(wide).resize((wide.shape[1] // 4, wide.shape[0] // 4), Image.Resampling.BICUBIC)
    return np.asarray(lr)[(top - y) // 4 :, (left - x) // 4 :][: size // 4, : size // 4]


@answers.wrong("lr_crop", says="cut first and reduced then")
def crop_then_reduce(photo, top, left, size):
    return imresize(photo[top : top + size, left : left + size], 1 / 4)


@answers.wrong("lr_crop", says="The margin of 8 HR pixels has become 2 LR pixels")
def trimmed_in_hr_pixels(photo, top, left, size):
    wide = photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8]
    return imresize(wide, 1 / 4)[8:-8, 8:-8]


@answers.wrong("lr_crop", says="the margin is still there")
def not_trimmed(photo, top, left, size):
    return imresize(photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8], 1 / 4)


@answers.wrong("lr_crop", says="padded with mirrored pixels")
def mirrored(photo, top, left, size):
    crop = np.pad(photo[top : top + size, left : left + size], ((8, 8), (8, 8), (0, 0)), mode="reflect")
    return imresize(crop, 1 / 4)[2:-2, 2:-2]


@answers.wrong("lr_crop", says="shifted by 2 LR pixels in height and 2 in width")
def trimmed_at_one_end(photo, top, left, size):
    wide = photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8]
    return imresize(wide, 1 / 4)[: size // 4, : size // 4]


@answers.wrong("lr_crop", says="Is the margin 8?")
def margin_of_four(photo, top, left, size):
    wide = photo[max(0, top - 4) : top + size + 4, max(0, left - 4) : left + size + 4]
    return imresize(wide, 1 / 4)[1 : 1 + size // 4, 1 : 1 + size // 4]


@answers.wrong("lr_crop", says="without antialiasing")
def aliased(photo, top, left, size):
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    small = F.interpolate(pixels, scale_factor=0.25, mode="bicubic")[0].permute(1, 2, 0).round().clamp(0, 255)
    return small.byte().numpy()[top // 4 : (top + size) // 4, left // 4 : (left + size) // 4]


@answers.wrong("lr_crop", says="numpy counts a negative index from the other end")
def negative_index(photo, top, left, size):
    return imresize(photo[top - 8 : top + size + 8, left - 8 : left + size + 8], 1 / 4)[2:-2, 2:-2]


@answers.wrong("lr_crop", says="trim only what was added")
def trimmed_where_nothing_was_added(photo, top, left, size):
    wide = photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8]
    lr = imresize(np.pad(wide, ((0, 8), (0, 8), (0, 0)), "edge"), 1 / 4)
    return lr[2 : 2 + size // 4, 2 : 2 + size // 4]


@answers.wrong("lr_crop", says="Rows and columns are swapped")
def swapped(photo, top, left, size):
    return whole_photo_first(photo, left, top, size)


@answers.wrong("lr_crop", says="still the size of the HR crop")
def not_reduced(photo, top, left, size):
    return photo[top : top + size, left : left + size]


@answers.wrong("lr_crop", says="uint8 in 0..255 is expected")
def in_floats(photo, top, left, size):
    return whole_photo_first(photo, top, left, size) / 255


def test_lr_crop_is_a_part_of_the_published_lr_image():
    root = os.environ.get("SRGAN_LESSONS_DATA")
    if not root:
        pytest.skip("SRGAN_LESSONS_DATA does not say where Set5 is")
    hr = load_image(Path(root) / "Set5" / "HR" / "img_001.png")
    lr = load_image(Path(root) / "Set5" / "LR_bicubic_x4" / "img_001.png")
    for top, left in ((0, 0), (64, 128), (hr.shape[0] - 96, hr.shape[1] - 96)):
        theirs = lr[top // 4 : top // 4 + 24, left // 4 : left // 4 + 24]
        assert np.array_equal(lr_crop(hr, top, left, 96), theirs)


# --- psnr_y ----------------------------------------------------------------------------------------------------------


def _psnr(a, b, border=4, peak=255.0):
    inside = slice(border, -border or None)
    return 10 * math.log10(peak**2 / np.mean((a[inside, inside] - b[inside, inside]) ** 2))


def _y(image):
    return np.round(16 + image @ BT601)


@answers.right("psnr_y")
def with_skimage(sr, hr):
    sr, hr = (_y(image)[4:-4, 4:-4].astype(np.uint8) for image in (sr, hr))
    return peak_signal_noise_ratio(hr, sr, data_range=255)


@answers.right("psnr_y")
def in_float32_torch(sr, hr):
    def y(image):
        r, g, b = torch.from_numpy(image).float().unbind(-1)
        return (16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255).round()[4:-4, 4:-4]

    return 20 * torch.log10(255 / (y(sr) - y(hr)).square().mean().sqrt())


@answers.wrong("psnr_y", says="R, G and B. The protocol looks at Y alone")
def over_rgb(sr, hr):
    return _psnr(sr.astype(float), hr.astype(float))


@answers.wrong("psnr_y", says="is Y in the range 16 to 235?")
def full_range(sr, hr):
    weights = np.array([0.299, 0.587, 0.114])
    return _psnr(np.round(sr @ weights), np.round(hr @ weights))


@answers.wrong("psnr_y", says="is Y in the range 16 to 235?")
def full_range_unrounded(sr, hr):
    weights = np.array([0.299, 0.587, 0.114])
    return _psnr(sr @ weights, hr @ weights)


@answers.wrong("psnr_y", says="BT.709")
def the_papers_y(sr, hr):
    weights = np.array([0.2126, 0.7152, 0.0722]) * 219 / 255
    return _psnr(np.round(16 + sr @ weights), np.round(16 + hr @ weights))


@answers.wrong("psnr_y", says="4 pixels must be cut from each border")
def no_border_cut(sr, hr):
    return _psnr(_y(sr), _y(hr), border=0)


@answers.wrong("psnr_y", says="at the top and left only")
def border_at_one_end(sr, hr):
    return _psnr(_y(sr)[4:, 4:], _y(hr)[4:, 4:], border=0)


@answers.wrong("psnr_y", says="Y is not rounded")
def unrounded(sr, hr):
    return _psnr(16 + sr @ BT601, 16 + hr @ BT601)


@answers.wrong("psnr_y", says="cut off to whole numbers, not rounded")
def truncated(sr, hr):
    return _psnr((16 + sr @ BT601).astype(np.uint8).astype(float), (16 + hr @ BT601).astype(np.uint8).astype(float))


@answers.wrong("psnr_y", says="uint8 cannot hold a negative difference")
def overflow(sr, hr):
    difference = (_y(sr).astype(np.uint8) - _y(hr).astype(np.uint8))[4:-4, 4:-4]
    return 10 * np.log10(255**2 / np.mean(difference.astype(float) ** 2))


@answers.wrong("psnr_y", says="uint8 cannot hold a negative difference")
def overflow_twice(sr, hr):
    difference = (_y(sr).astype(np.uint8) - _y(hr).astype(np.uint8))[4:-4, 4:-4]
    return 10 * np.log10(255**2 / np.mean(difference**2))


@answers.wrong("psnr_y", says="natural logarithm")
def natural_logarithm(sr, hr):
    return _psnr(_y(sr), _y(hr)) * math.log(10)


@answers.wrong("psnr_y", says="twice too much")
def factor_twenty(sr, hr):
    return 2 * _psnr(_y(sr), _y(hr))


@answers.wrong("psnr_y", says="the peak is 1 here")
def peak_of_one(sr, hr):
    return _psnr(_y(sr), _y(hr), peak=1.0)


@answers.wrong("psnr_y", says="peak is not squared")
def peak_not_squared(sr, hr):
    return 10 * math.log10(255 / np.mean((_y(sr) - _y(hr))[4:-4, 4:-4] ** 2))


@answers.wrong("psnr_y", says="The sign is wrong")
def upside_down(sr, hr):
    return -_psnr(_y(sr), _y(hr))


@answers.wrong("psnr_y", says="This is the MSE")
def only_the_mse(sr, hr):
    return np.mean((_y(sr) - _y(hr))[4:-4, 4:-4] ** 2)


@answers.wrong("psnr_y", says="one number is expected")
def one_for_each_row(sr, hr):
    return 10 * np.log10(255**2 / np.mean((_y(sr) - _y(hr))[4:-4, 4:-4] ** 2, axis=1).clip(1e-6))


@answers.wrong("psnr_y", says="Is the `return` missing?")
def no_return(sr, hr):
    _psnr(_y(sr), _y(hr))


@answers.wrong("psnr_y", says="is called as psnr_y(sr, hr)")
def one_argument(sr):
    return 30.0


@answers.wrong("psnr_y", says="instead of")
def a_guess(sr, hr):
    return 30.0


# --- found by a learner ----------------------------------------------------------------------------------------------


@answers.wrong("cubic_kernel", says="want one yes or no; x holds many")
def choosing_by_if(x):
    x = np.abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return np.zeros_like(x)


@answers.wrong("cubic_kernel", says="so both pieces take |x|")
def without_the_bars(x):
    far = np.where(np.abs(x) < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0)
    return np.where(np.abs(x) <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, far)


@answers.wrong("bicubic_weights", says="The weights are NaN: their sum was 0. Is the kernel too narrow?")
def multiplied(distance, factor):
    weight = cubic_kernel(distance * factor)
    return weight / weight.sum()


@answers.wrong("psnr_y", says="R is image[..., 0]")
def rows_for_channels(sr, hr):
    a, b = (16 + (i[0] * 65.481 + i[1] * 128.553 + i[2] * 24.966) / 255 for i in (sr.astype(float), hr.astype(float)))
    return 10 * np.log10(255**2 / np.mean((a[4:-4, 4:-4] - b[4:-4, 4:-4])[:0] ** 2))


@answers.wrong("psnr_y", says="put the sum in brackets")
def without_brackets(sr, hr):
    def y(image):
        r, g, b = np.moveaxis(image.astype(float), 2, 0)
        return np.round(16 + 65.481 * r + 128.553 * g + 24.966 * b / 255)

    return 10 * np.log10(255**2 / np.mean((y(sr) - y(hr))[4:-4, 4:-4] ** 2))


TestLesson01 = answers.tests()


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
