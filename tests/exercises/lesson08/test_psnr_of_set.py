"""Answers to exercise psnr_of_set as students write them, and its reference against numbers from outside."""

import math

import numpy as np
import pytest
import torch
from answers import NOTEBOOK, Answers

from srgan_lessons.evaluation import evaluate
from srgan_lessons.exercises.lesson08.psnr_of_set import cut, pooled, psnr_of_set, set_photos
from srgan_lessons.images import save_image
from srgan_lessons.metrics import luma, psnr
from srgan_lessons.resize import imresize

answers = Answers(
    "psnr_of_set",
    sentences="""
`psnr_of_set(enlarge, photos)` :: bicubic always
of any size :: not cut; first photo
Use `imresize` :: every fourth
the package's `psnr(sr, hr)` :: community without border
Cut off the rows at the bottom and the columns on the right of HR :: cut top left; multiple of 8
*before* anything else :: cut after
one number, in dB :: list; sum; mean of mse
""",
)


NOTEBOOK["psnr"] = psnr  # lesson 08 imports it before its exercises


def _values(enlarge, photos, measure=psnr):
    return [measure(enlarge(imresize(hr, 1 / 4)), hr) for hr in map(cut, photos)]


@answers.right
def running_sum(enlarge, photos):
    total = 0.0
    for photo in photos:
        h, w, _ = photo.shape
        photo = photo[: h - h % 4, : w - w % 4]
        total += psnr(enlarge(imresize(photo, 0.25)), photo)
    return total / len(photos)


@answers.right
def luma_by_hand_in_torch(enlarge, photos):
    def one(hr):
        errors = luma(enlarge(imresize(hr, 1 / 4)))[4:-4, 4:-4] - luma(hr)[4:-4, 4:-4]
        return 20 * math.log10(255) - 10 * math.log10((errors**2).mean())

    return torch.tensor([one(cut(photo)) for photo in photos], dtype=torch.float64).mean()


@answers.wrong(says="hardest photo then decides")
def one_logarithm(enlarge, photos):
    errors = [255**2 / 10 ** (value / 10) for value in _values(enlarge, photos)]
    return 10 * np.log10(255**2 / np.mean(errors))


@answers.wrong(says="All pixels of the set")
def all_pixels_together(enlarge, photos):
    errors = []
    for hr in map(cut, photos):
        difference = luma(enlarge(imresize(hr, 1 / 4))) - luma(hr)
        errors.append(difference[4:-4, 4:-4].ravel())
    return 10 * np.log10(255**2 / np.mean(np.concatenate(errors) ** 2))


@answers.wrong(says="more pixels count more")
def weighted_by_size(enlarge, photos):
    return np.average(_values(enlarge, photos), weights=[cut(photo).size for photo in photos])


@answers.wrong(says="the median")
def median(enlarge, photos):
    return np.median(_values(enlarge, photos))


@answers.wrong(says="the sum of the values")
def not_divided(enlarge, photos):
    return sum(_values(enlarge, photos))


@answers.wrong(says="The result is rounded")
def rounded_to_two_digits(enlarge, photos):
    return round(float(np.mean(_values(enlarge, photos))), 2)


@answers.wrong(says="The result is rounded")
def rounded_to_three_digits(enlarge, photos):
    return round(float(np.mean(_values(enlarge, photos))), 3)


@answers.wrong(says="the last photo alone")
def overwritten(enlarge, photos):
    for value in _values(enlarge, photos):
        mean = np.mean(value)
    return mean


@answers.wrong(says="inside the loop")
def returns_too_early(enlarge, photos):
    for value in _values(enlarge, photos):
        return value


@answers.wrong(says="Call `enlarge(lr)`")
def always_bicubic(enlarge, photos):
    return np.mean(_values(lambda lr: imresize(lr, 4), photos))


@answers.wrong(says="every fourth pixel")
def subsampled(enlarge, photos):
    return np.mean([psnr(enlarge(hr[::4, ::4]), hr) for hr in map(cut, photos)])


@answers.wrong(says="Cut HR to a multiple of 4 first")
def not_cut(enlarge, photos):
    return np.mean([psnr(enlarge(imresize(hr, 1 / 4)), hr) for hr in photos])


@answers.wrong(says="Cut HR to a multiple of 4 first")
def cut_behind_the_reduction(enlarge, photos):
    return np.mean([psnr(enlarge(imresize(hr, 1 / 4)), cut(hr)) for hr in photos])


@answers.wrong(says="cut at the top")
def cut_at_the_wrong_end(enlarge, photos):
    return np.mean(_values(enlarge, [hr[hr.shape[0] % 4 :, hr.shape[1] % 4 :] for hr in photos]))


@answers.wrong(says='protocol "paper"')
def the_papers_protocol(enlarge, photos):
    return np.mean(_values(enlarge, photos, lambda a, b: psnr(a, b, protocol="paper")))


@answers.wrong(says="borders were not cut")
def with_borders(enlarge, photos):
    return np.mean(_values(enlarge, photos, lambda a, b: psnr(a, b, border=0)))


@answers.wrong(says="R, G and B")
def in_rgb(enlarge, photos):
    def rgb(a, b):
        return 10 * np.log10(255**2 / np.mean((a[4:-4, 4:-4].astype(float) - b[4:-4, 4:-4]) ** 2))

    return np.mean(_values(enlarge, photos, rgb))


@answers.wrong(says="One value for each photo")
def a_list(enlarge, photos):
    return _values(enlarge, photos)


@answers.wrong(says="Is the `return` missing")
def forgets_to_return(enlarge, photos):
    np.mean(_values(enlarge, photos))


@answers.wrong(says="For a single photo of")
def something_else(enlarge, photos):
    return np.mean(_values(enlarge, photos)) - 1


TestAnswers = answers.tests()


def test_psnr_of_set_is_what_the_package_measures(tmp_path, monkeypatch):
    """The whole path: HR files of a set without LR images, cut, reduced, enlarged, measured, averaged."""
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path))
    for number, photo in enumerate(set_photos()):
        save_image(tmp_path / "Mine" / "HR" / f"{number}.png", photo)
    found = evaluate("bicubic", ["Mine"], progress=False).mean("Mine")
    assert psnr_of_set(lambda lr: imresize(lr, 4), set_photos()) == pytest.approx(found.psnr, abs=1e-9)


def test_pooling_never_gives_more_than_the_mean():
    """By Jensen's inequality: the logarithm of a mean is at least the mean of the logarithms."""
    assert pooled([30.0, 20.0], []) == pytest.approx(10 * math.log10(2 / (10**-3 + 10**-2)))
    assert pooled([30.0, 20.0], []) < 25
    assert pooled([25.0, 25.0], []) == pytest.approx(25)
