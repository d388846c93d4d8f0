"""Answers to the exercises of lesson 03 as students write them, and its references against numbers from outside."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons import models
from srgan_lessons.classroom.exercises.lesson03 import ESPCN, icnr, overlap_counts, pixel_shuffle

answers = Answers(lesson=3)

# --- pixel_shuffle ---------------------------------------------------------------------------------------------------


@answers.right("pixel_shuffle")
def with_loops(x, r):
    n, channels, h, w = x.shape
    result = torch.empty(n, channels // r**2, h * r, w * r)
    for i in range(r):
        for j in range(r):
            result[:, :, i::r, j::r] = x[:, i * r + j :: r * r]
    return result


@answers.right("pixel_shuffle")
def in_two_halves(x, r):
    n, c, h, w = x.shape
    rows = x.view(n, c // r, r, h, w).permute(0, 1, 3, 4, 2).reshape(n, c // r, h, w * r)
    return rows.view(n, c // r**2, r, h, w * r).transpose(2, 3).flatten(2, 3)


@answers.right("pixel_shuffle")
def by_einsum(x, r):
    n, _, h, w = x.shape
    return torch.einsum("ncijhw->nchiwj", x.reshape(n, -1, r, r, h, w)).reshape(n, -1, h * r, w * r)


@answers.wrong("pixel_shuffle", says="a tensor is expected")
def in_numpy(x, r):
    n, _, h, w = x.shape
    return np.einsum("ncijhw->nchiwj", x.numpy().reshape(n, -1, r, r, h, w)).reshape(n, -1, h * r, w * r)


@answers.wrong("pixel_shuffle", says="the tile is transposed: channel 1 landed below channel 0")
def tile_transposed(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 4, 3, 5, 2).reshape(n, c // r**2, h * r, w * r)


@answers.wrong("pixel_shuffle", says="There is no permute")
def only_reshaped(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, h * r, w * r)


@answers.wrong("pixel_shuffle", says="like stamps on a sheet")
def blocks(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 2, 4, 3, 5).reshape(n, c // r**2, h * r, w * r)


@answers.wrong("pixel_shuffle", says="in a row whole channels stand side by side")
def rows_only(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 3, 5).reshape(n, c // r**2, h * r, w * r)


@answers.wrong("pixel_shuffle", says="each channel has its own rows")
def columns_only(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 2, 4, 5, 3).reshape(n, c // r**2, h * r, w * r)


@answers.wrong("pixel_shuffle", says="split as r, r, C")
def depth_to_space_order(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, r, r, c // r**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // r**2, h * r, w * r)


@answers.wrong("pixel_shuffle", says="Height and width have changed places")
def height_and_width_swapped(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 5, 3, 4, 2).reshape(n, c // r**2, w * r, h * r)


@answers.wrong("pixel_shuffle", says="The last step is missing")
def not_merged(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 5, 3)


@answers.wrong("pixel_shuffle", says="no fixed numbers")
def two_by_heart(x, r):
    n, c, h, w = x.shape
    return x.reshape(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, h * 2, w * 2)


@answers.wrong("pixel_shuffle", says="view size is not compatible")
def view_at_the_end(x, r):
    n, c, h, w = x.shape
    return x.view(n, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 5, 3).view(n, c // r**2, h * r, w * r)


@answers.wrong("pixel_shuffle", says="r r of them become one")
def repeated(x, r):
    return x.repeat_interleave(r, dim=2).repeat_interleave(r, dim=3)


@answers.wrong("pixel_shuffle", says="The shuffle only moves numbers")
def first_channel_enlarged(x, r):
    return x[:, :: r * r].repeat_interleave(r, dim=2).repeat_interleave(r, dim=3)


@answers.wrong("pixel_shuffle", says="A tile has r times r pixels")
def channels_over_r(x, r):
    n, c, h, w = x.shape
    return torch.zeros(n, c // r, h * r, w * r)


@answers.wrong("pixel_shuffle", says="nothing was rearranged")
def shuffled_and_not_kept(x, r):
    F.pixel_shuffle(x, r)
    return x


@pytest.mark.parametrize("r", [1, 2, 3, 4])
def test_pixel_shuffle_is_torchs_and_pixel_unshuffle_takes_it_back(r):
    x = torch.rand(2, 3 * r * r, 4, 5)
    assert torch.equal(pixel_shuffle(x, r), nn.PixelShuffle(r)(x))
    assert torch.equal(F.pixel_unshuffle(pixel_shuffle(x, r), r), x)


# --- ESPCN -----------------------------------------------------------------------------------------------------------


@answers.right("ESPCN")
def sequential():
    layers = nn.Conv2d(3, 64, 5, padding="same"), nn.Tanh(), nn.Conv2d(64, 32, 3, padding="same"), nn.Tanh()
    return nn.Sequential(*layers, nn.Conv2d(32, 48, 3, padding="same"), nn.PixelShuffle(4))


@answers.right("ESPCN")
class InAnotherOrderWithItsOwnShuffle(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({"last": nn.Conv2d(32, 48, 3, 1, 1), "middle": nn.Conv2d(64, 32, 3, 1, 1)})
        self.kernel, self.bias = nn.Parameter(torch.randn(64, 3, 5, 5) / 9), nn.Parameter(torch.zeros(64))

    def forward(self, image):
        maps = F.conv2d(F.pad(image, (2, 2, 2, 2)), self.kernel, self.bias).tanh()
        return pixel_shuffle(self.layers["last"](self.layers["middle"](maps).tanh()), 4)


class Variant(nn.Module):
    """An ESPCN whose parts can be exchanged."""

    def __init__(self, maps=48, kernel=5, padding=1, bias=True, act1=torch.tanh, act2=torch.tanh, end=None):
        super().__init__()
        self.a = nn.Conv2d(3, 64, kernel, padding=kernel // 2 * padding, bias=bias)
        self.b = nn.Conv2d(64, 32, 3, padding=padding, bias=bias)
        self.c = nn.Conv2d(32, maps, 3, padding=padding, bias=bias)
        self.act1, self.act2, self.end = act1, act2, end or (lambda y, x: F.pixel_shuffle(y, 4))

    def forward(self, x):
        return self.end(self.c(self.act2(self.b(self.act1(self.a(x))))), x)


def wrong_variant(says, **parts):
    class Wrong(Variant):
        def __init__(self):
            super().__init__(**parts)

    Wrong.__name__ = "_".join(says.split())
    answers.wrong("ESPCN", says=says)(Wrong)


def same(x):
    return x


wrong_variant("There is no tanh", act1=same, act2=same)
wrong_variant("The tanh after the first convolution is missing", act1=same)
wrong_variant("The tanh after the second convolution is missing", act2=same)
wrong_variant("ESPCN's is tanh", act1=torch.relu, act2=torch.relu)
wrong_variant("There is a third tanh", end=lambda y, x: F.pixel_shuffle(y.tanh(), 4))
wrong_variant("The output is clamped", end=lambda y, x: F.pixel_shuffle(y, 4).clamp(0, 1))
wrong_variant("There is a sigmoid at the end", end=lambda y, x: F.pixel_shuffle(y, 4).sigmoid())
wrong_variant("Pixels are lost at the border", padding=0)
wrong_variant("A tile of 4 x 4 pixels in R, G and B has 3 * 4 * 4 = 48 numbers", maps=3)
wrong_variant("gives 12 maps", maps=12, end=lambda y, x: F.pixel_shuffle(y, 2))
wrong_variant("The pixel shuffle is missing", end=lambda y, x: y)
wrong_variant("This is a shuffle by 2", end=lambda y, x: F.pixel_shuffle(y, 2))
wrong_variant("5x5 in the first convolution", kernel=3)
wrong_variant("have no bias", bias=False)
wrong_variant("bicubic) is added", end=lambda y, x: F.pixel_shuffle(y, 4) + F.interpolate(x, None, 4, "bicubic"))
wrong_variant("reshaped without a permute", end=lambda y, x: y.reshape(len(x), 3, 4 * x.shape[2], 4 * x.shape[3]))
wrong_variant("A convolution gets no gradient", end=lambda y, x: F.pixel_shuffle(y, 4).detach())


@answers.wrong("ESPCN", says="The tile is transposed")
class ShuffledTheOtherWay(Variant):
    def __init__(self):
        super().__init__(end=lambda y, x: tile_transposed(y, 4))


@answers.wrong("ESPCN", says="layers that are attributes of the module")
class LayersInAList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Conv2d(3, 64, 5, padding=2), nn.Conv2d(64, 32, 3, padding=1), nn.Conv2d(32, 48, 3, padding=1)]

    def forward(self, x):
        a, b, c = self.layers
        return F.pixel_shuffle(c(b(a(x).tanh()).tanh()), 4)


@answers.wrong("ESPCN", says="37,200 are expected")
class WithPReLU(Variant):
    def __init__(self):
        super().__init__(act1=nn.PReLU(), act2=nn.PReLU())


@answers.wrong("ESPCN", says="The second convolution is missing")
class OtherWidth(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 64, 5, 1, 2), nn.Conv2d(64, 64, 3, 1, 1), nn.Conv2d(64, 48, 3, 1, 1)

    def forward(self, x):
        return F.pixel_shuffle(self.c(self.b(self.a(x).tanh()).tanh()), 4)


@answers.wrong("ESPCN", says="Is the `return` missing?")
class NoReturn(Variant):
    def forward(self, x):
        super().forward(x)


@answers.wrong("ESPCN", says="super")
class NoSuper(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(3, 64, 5, padding=2)  # torch says: call super().__init__() first


answers.wrong("ESPCN", says="Hand over the class")(Variant())


def test_espcn_is_the_packages():
    torch.manual_seed(0)
    mine, theirs = ESPCN(), models.ESPCN()
    for ours, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        ours.data.copy_(other)
    x = torch.rand(2, 3, 9, 8)
    assert torch.equal(mine(x), theirs(x))


# --- overlap_counts --------------------------------------------------------------------------------------------------


def by_torch(size, kernel, stride):
    return F.conv_transpose1d(torch.ones(1, 1, size), torch.ones(1, 1, kernel), stride=stride)[0, 0]


answers.right("overlap_counts")(by_torch)


@answers.right("overlap_counts")
def a_list(size, kernel, stride):
    places = range((size - 1) * stride + kernel)
    return [sum(0 <= place - i * stride < kernel for i in range(size)) for place in places]


def _count(size, length, begin, width):
    counts = np.zeros(length, dtype=int)
    for i in range(size):
        counts[begin(i) : begin(i) + width] += 1
    return counts


def _length(size, kernel, stride):
    return (size - 1) * stride + kernel


@answers.wrong("overlap_counts", says="Is the kernel's length in it?")
def length_without_kernel(size, kernel, stride):
    return _count(size, size * stride, lambda i: i * stride, kernel)


@answers.wrong("overlap_counts", says="not at size * stride")
def length_too_long(size, kernel, stride):
    return _count(size, size * stride + kernel, lambda i: i * stride, kernel)


@answers.wrong("overlap_counts", says="Kernel and stride have changed places")
def kernel_as_step(size, kernel, stride):
    return _count(size, (size - 1) * kernel + stride, lambda i: i * kernel, stride)


@answers.wrong("overlap_counts", says="an ordinary convolution, which shrinks")
def convolution(size, kernel, stride):
    return np.full((size - kernel) // stride + 1, kernel) if size >= kernel else np.zeros(0)


@answers.wrong("overlap_counts", says="counts[...] is the whole row")
def placeholder_left(size, kernel, stride):
    counts = np.zeros((size - 1) * stride + kernel, dtype=int)
    for _ in range(size):
        counts[...] += 1
    return counts


@answers.wrong("overlap_counts", says="Where windows overlap they add up")
def set_to_one(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i * stride, kernel).clip(0, 1)


@answers.wrong("overlap_counts", says="begins at i * stride, not at i")
def without_stride(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i, kernel)


@answers.wrong("overlap_counts", says="here it writes one less")
def one_short(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i * stride, kernel - 1)


@answers.wrong("overlap_counts", says="here it writes one more")
def one_too_many(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i * stride, kernel + 1)


@answers.wrong("overlap_counts", says="here it writes one.")
def a_point(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i * stride, 1)


@answers.wrong("overlap_counts", says="a row of counts")
def in_two_axes(size, kernel, stride):
    row = overlap_counts(size, kernel, stride)
    return np.outer(row, row)


@answers.wrong("overlap_counts", says="is expected")
def ignores_the_ends(size, kernel, stride):
    return np.full(_length(size, kernel, stride), kernel / stride)


@pytest.mark.parametrize(("kernel", "stride"), [(9, 4), (8, 4), (3, 2), (2, 3)])
def test_overlap_counts_are_what_a_transposed_convolution_of_ones_gives(kernel, stride):
    assert overlap_counts(7, kernel, stride).tolist() == by_torch(7, kernel, stride).tolist()


# --- icnr ------------------------------------------------------------------------------------------------------------


@answers.right("icnr")
def drawn_again(weight, r):
    one = torch.empty(len(weight) // r**2, *weight.shape[1:])
    nn.init.kaiming_normal_(one)
    return one[torch.arange(len(weight)) // r**2]


@answers.right("icnr")
def first_channels_in_place(weight, r):
    tiles = weight.view(-1, r * r, *weight.shape[1:])
    tiles[:] = weight[: len(tiles), None].clone()
    return weight


@answers.wrong("icnr", says="as `repeat` puts them")
def by_repeat(weight, r):
    return weight[: len(weight) // r**2].repeat(r**2, 1, 1, 1)


@answers.wrong("icnr", says="This is one filter for each tile")
def not_repeated(weight, r):
    return weight[:: r**2]


@answers.wrong("icnr", says="repeat 4 times, not 2")
def repeated_r_times(weight, r):
    return weight[:: r**2].repeat_interleave(r, dim=0)


@answers.wrong("icnr", says="has a filter for each pixel already")
def all_repeated(weight, r):
    return weight.repeat_interleave(r**2, dim=0)


@answers.wrong("icnr", says="is as it came in")
def unchanged(weight, r):
    return weight


@answers.wrong("icnr", says="times weaker")
def averaged(weight, r):
    mean = weight.reshape(-1, r**2, *weight.shape[1:]).mean(dim=1)
    return mean.repeat_interleave(r**2, dim=0)


@answers.wrong("icnr", says="All weights are zero")
def zeros(weight, r):
    return torch.zeros_like(weight)


@answers.wrong("icnr", says="All tiles have the same filter")
def one_filter_for_all(weight, r):
    return weight[:1].expand_as(weight)


@answers.wrong("icnr", says="Each kernel was made flat")
def flat_kernels(weight, r):
    return weight.mean(dim=(2, 3), keepdim=True).expand_as(weight)


@answers.wrong("icnr", says="The kernels have grown")
def enlarged_kernels(weight, r):
    return F.interpolate(weight, scale_factor=r, mode="nearest")


@answers.wrong("icnr", says="The inputs were repeated")
def along_the_inputs(weight, r):
    return weight[:: r**2].repeat_interleave(r**2, dim=1)


@answers.wrong("icnr", says="so their filters must all be the same")
def groups_of_r(weight, r):
    return weight[::r].repeat_interleave(r, dim=0)


@answers.wrong("icnr", says="times as large")
def far_too_large(weight, r):
    return torch.randn(len(weight) // r**2, *weight.shape[1:]).repeat_interleave(r**2, dim=0)


# --- found by a learner ----------------------------------------------------------------------------------------------


@answers.wrong("overlap_counts", says="The slice ends at kernel for every i")
def ends_too_early(size, kernel, stride):
    counts = np.zeros((size - 1) * stride + kernel, dtype=int)
    for i in range(size):
        counts[i * stride : kernel] += 1
    return counts


TestLesson03 = answers.tests()


@pytest.mark.parametrize("r", [2, 3, 4])
def test_with_icnr_a_sub_pixel_layer_is_a_nearest_neighbour_enlargement(r):
    torch.manual_seed(0)
    weight = icnr(torch.randn(3 * r * r, 5, 3, 3), r)
    x = torch.rand(1, 5, 6, 7)
    y = F.pixel_shuffle(F.conv2d(x, weight, padding=1), r)
    assert torch.equal(y, F.interpolate(y[:, :, ::r, ::r], scale_factor=r, mode="nearest"))
    assert y.std() > 0.1


def test_icnr_orders_its_filters_as_the_packages():
    weight = torch.randn(12, 5, 3, 3)
    theirs = models.icnr_(weight.clone(), 2)  # random filters: equal where mine are
    mine = icnr(weight, 2)
    assert torch.equal((mine[1:] == mine[:-1]).all((1, 2, 3)), (theirs[1:] == theirs[:-1]).all((1, 2, 3)))
