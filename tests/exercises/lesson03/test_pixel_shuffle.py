"""Answers to exercise pixel_shuffle as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons.exercises.lesson03.pixel_shuffle import pixel_shuffle

answers = Answers(
    "pixel_shuffle",
    sentences="""
with `reshape` and `permute` alone :: F used
the result (N, C, H r, W r) :: batch merged; h r swapped in merge
Channel c r r + i r + j lands in row i, column j :: r r C; i and j swapped
the same numbers as `F.pixel_shuffle` :: no permute
for any C and r :: three channels fixed; r fixed
A first hint -- advice
It turns an axis of length H r into two -- says what reshape does
""",
)


@answers.right
def with_loops(x, r):
    n, channels, h, w = x.shape
    result = torch.empty(n, channels // r**2, h * r, w * r)
    for i in range(r):
        for j in range(r):
            result[:, :, i::r, j::r] = x[:, i * r + j :: r * r]
    return result


@answers.right
def in_two_halves(x, r):
    n, c, h, w = x.shape
    rows = x.view(n, c // r, r, h, w).permute(0, 1, 3, 4, 2).reshape(n, c // r, h, w * r)
    return rows.view(n, c // r**2, r, h, w * r).transpose(2, 3).flatten(2, 3)


@answers.right
def by_einsum(x, r):
    n, _, h, w = x.shape
    return torch.einsum("ncijhw->nchiwj", x.reshape(n, -1, r, r, h, w)).reshape(n, -1, h * r, w * r)


@answers.wrong(says="numpy would lose the gradient")
def in_numpy(x, r):
    n, _, h, w = x.shape
    return np.einsum("ncijhw->nchiwj", x.numpy().reshape(n, -1, r, r, h, w)).reshape(n, -1, h * r, w * r)


@answers.wrong(says="the tile is transposed: channel 1 landed below channel 0")
def tile_transposed(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 4, 3, 5, 2).reshape(n, c // r**2, h * r, w * r)


@answers.wrong(says="There is no permute")
def only_reshaped(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, h * r, w * r)


@answers.wrong(says="like stamps on a sheet")
def blocks(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 2, 4, 3, 5).reshape(n, c // r**2, h * r, w * r)


@answers.wrong(says="within a row, whole channels lie side by side")
def rows_only(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 3, 5).reshape(n, c // r**2, h * r, w * r)


@answers.wrong(says="each channel has its own rows")
def columns_only(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 2, 4, 5, 3).reshape(n, c // r**2, h * r, w * r)


@answers.wrong(says="split as r, r, C")
def depth_to_space_order(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, r, r, c // r**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // r**2, h * r, w * r)


@answers.wrong(says="Height and width have changed places")
def height_and_width_swapped(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 5, 3, 4, 2).reshape(n, c // r**2, w * r, h * r)


@answers.wrong(says="The last step is missing")
def not_merged(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 5, 3)


@answers.wrong(says="write no fixed numbers")
def two_by_heart(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, h * 2, w * 2)


@answers.wrong(says="view size is not compatible")
def view_at_the_end(x, r):
    n, c, h, w = x.shape
    return x.view(n, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 5, 3).view(n, c // r**2, h * r, w * r)


@answers.wrong(says="r r of them must become one")
def repeated(x, r):
    return x.repeat_interleave(r, dim=2).repeat_interleave(r, dim=3)


@answers.wrong(says="The shuffle only moves numbers")
def first_channel_enlarged(x, r):
    return x[:, :: r * r].repeat_interleave(r, dim=2).repeat_interleave(r, dim=3)


@answers.wrong(says="A tile has r times r pixels")
def channels_over_r(x, r):
    n, c, h, w = x.shape
    return torch.zeros(n, c // r, h * r, w * r)


@answers.wrong(says="still the shape of x")
def shuffled_and_not_kept(x, r):
    F.pixel_shuffle(x, r)
    return x


@answers.wrong(says="Step 1 splits x into (1, 1, 2, 2, 3, 2)")
def height_and_width_split(x, r):
    n, c, h, w = x.shape
    x = x.reshape(n, c // r**2, h, r, w, r).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(n, c // r**2, h * r, w * r)


@answers.wrong(says="row 0, column 0 of channel 1 in image 0 has 48, not 24")
def images_and_channels_swapped(x, r):
    n, c, h, w = x.shape
    x = x.reshape(c // r**2, n, r, r, h, w).permute(1, 0, 4, 2, 5, 3)
    return x.reshape(n, c // r**2, h * r, w * r)


TestAnswers = answers.tests()


@pytest.mark.parametrize("r", [1, 2, 3, 4])
def test_pixel_shuffle_is_torchs_and_pixel_unshuffle_takes_it_back(r):
    x = torch.rand(2, 3 * r * r, 4, 5)
    assert torch.equal(pixel_shuffle(x, r), nn.PixelShuffle(r)(x))
    assert torch.equal(F.pixel_unshuffle(pixel_shuffle(x, r), r), x)
