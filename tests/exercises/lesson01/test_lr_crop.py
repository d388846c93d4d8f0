"""Answers to exercise lr_crop as students write them, and its reference against numbers from outside."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from PIL import Image

from srgan_lessons.exercises.lesson01.lr_crop import lr_crop
from srgan_lessons.images import load_image
from srgan_lessons.resize import imresize

answers = Answers(
    "lr_crop",
    sentences="""
the LR image, (size/4, size/4, 3) :: size in HR; grey
begins at `top`, `left` :: rows and columns swapped
`size` pixels high and wide :: size from margin minus
multiples of 4 -- says what comes in
the same pixels as in the LR image of the whole photo :: only crop reduced; margin too small
without reducing the whole photo :: whole photo reduced
At the photo's own border there are fewer pixels to add :: no max, negative index; always cut 2
""",
)


@answers.wrong(says="the whole photo is reduced")
def whole_photo_first(photo, top, left, size):
    return imresize(photo, 0.25)[top // 4 : (top + size) // 4, left // 4 : (left + size) // 4]


@answers.right
def other_margin_and_pillow(photo, top, left, size):
    y, x = max(0, top - 16), max(0, left - 16)
    wide = photo[y : top + size + 16, x : left + size + 16]
    lr = Image.fromarray(wide).resize((wide.shape[1] // 4, wide.shape[0] // 4), Image.Resampling.BICUBIC)
    return np.asarray(lr)[(top - y) // 4 :, (left - x) // 4 :][: size // 4, : size // 4]


@answers.wrong(says="cut first and reduced afterwards")
def crop_then_reduce(photo, top, left, size):
    return imresize(photo[top : top + size, left : left + size], 1 / 4)


@answers.wrong(says="The margin of 8 HR pixels has become 2 LR pixels")
def trimmed_in_hr_pixels(photo, top, left, size):
    wide = photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8]
    return imresize(wide, 1 / 4)[8:-8, 8:-8]


@answers.wrong(says="the margin is still there")
def not_trimmed(photo, top, left, size):
    return imresize(photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8], 1 / 4)


@answers.wrong(says="padded with mirrored pixels")
def mirrored(photo, top, left, size):
    crop = np.pad(photo[top : top + size, left : left + size], ((8, 8), (8, 8), (0, 0)), mode="reflect")
    return imresize(crop, 1 / 4)[2:-2, 2:-2]


@answers.wrong(says="shifted by 2 LR pixels in height and 2 in width")
def trimmed_at_one_end(photo, top, left, size):
    wide = photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8]
    return imresize(wide, 1 / 4)[: size // 4, : size // 4]


@answers.wrong(says="Is the margin 8, on all four sides?")
def margin_of_four(photo, top, left, size):
    wide = photo[max(0, top - 4) : top + size + 4, max(0, left - 4) : left + size + 4]
    return imresize(wide, 1 / 4)[1 : 1 + size // 4, 1 : 1 + size // 4]


@answers.wrong(says="without antialiasing")
def aliased(photo, top, left, size):
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    small = F.interpolate(pixels, scale_factor=0.25, mode="bicubic")[0].permute(1, 2, 0).round().clamp(0, 255)
    return small.byte().numpy()[top // 4 : (top + size) // 4, left // 4 : (left + size) // 4]


@answers.wrong(says="a slice that begins below 0 counts from the other end")
def negative_index(photo, top, left, size):
    return imresize(photo[top - 8 : top + size + 8, left - 8 : left + size + 8], 1 / 4)[2:-2, 2:-2]


@answers.wrong(says="Trim only what was added")
def trimmed_where_nothing_was_added(photo, top, left, size):
    wide = photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8]
    lr = imresize(np.pad(wide, ((0, 8), (0, 8), (0, 0)), "edge"), 1 / 4)
    return lr[2 : 2 + size // 4, 2 : 2 + size // 4]


@answers.wrong(says="Rows and columns are swapped")
def swapped(photo, top, left, size):
    return whole_photo_first(photo, left, top, size)


@answers.wrong(says="still the size of the HR crop")
def not_reduced(photo, top, left, size):
    return photo[top : top + size, left : left + size]


@answers.wrong(says="uint8 in 0..255 is expected")
def in_floats(photo, top, left, size):
    return whole_photo_first(photo, top, left, size) / 255


@answers.wrong(says="The three colours are averaged")
def grey(photo, top, left, size):
    lr = lr_crop(photo, top, left, size).mean(axis=2, keepdims=True)
    return lr.repeat(3, axis=2).astype(np.uint8)


@answers.wrong(says="shifted by 1 LR pixel in height and 0 in width")
def trimmed_one_row_too_far(photo, top, left, size):
    wide = photo[max(0, top - 8) : top + size + 8, max(0, left - 8) : left + size + 8]
    y, x = min(8, top) // 4 + 1, min(8, left) // 4
    return imresize(wide, 1 / 4)[y : y + size // 4, x : x + size // 4]


@answers.wrong(says="(top left), there is a problem: It changes one of its arguments: `photo`")
def paints_the_corner(photo, top, left, size):
    photo[: max(0, 8 - top)] = 0
    return lr_crop(photo, top, left, size)


TestAnswers = answers.tests()


def test_lr_crop_is_a_part_of_the_published_lr_image():
    root = os.environ.get("SRGAN_LESSONS_DATA")
    if not root:
        pytest.skip("SRGAN_LESSONS_DATA does not say where Set5 is")
    hr = load_image(Path(root) / "Set5" / "HR" / "img_001.png")
    lr = load_image(Path(root) / "Set5" / "LR_bicubic_x4" / "img_001.png")
    for top, left in ((0, 0), (64, 128), (hr.shape[0] - 96, hr.shape[1] - 96)):
        theirs = lr[top // 4 : top // 4 + 24, left // 4 : left // 4 + 24]
        assert np.array_equal(lr_crop(hr, top, left, 96), theirs)
