"""Answers to exercise icnr as students write them, and its reference against numbers from outside."""

import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons import models
from srgan_lessons.exercises.lesson03.icnr import icnr, judge

answers = Answers(
    "icnr",
    sentences="""
(C r r, inputs, k, k), belongs to a new convolution -- says what comes in
of the same shape :: r r forgotten
the r r filters of each tile are equal :: only r equal; repeat
still random :: ones; zeros
with values of about the same size as before :: mean of a tile; unit normal
must be 0.7 to 3 times that of `weight` :: averaged; far_too_large
Remember which channels make up a tile :: repeat
""",
)


@answers.right
def drawn_again(weight, r):
    one = torch.empty(len(weight) // r**2, *weight.shape[1:])
    nn.init.kaiming_normal_(one)
    return one[torch.arange(len(weight)) // r**2]


@answers.wrong(says="changes one of its arguments")
def first_channels_in_place(weight, r):
    tiles = weight.view(-1, r * r, *weight.shape[1:])
    tiles[:] = weight[: len(tiles), None].clone()
    return weight


@answers.wrong(says="as `repeat` puts them")
def by_repeat(weight, r):
    return weight[: len(weight) // r**2].repeat(r**2, 1, 1, 1)


@answers.wrong(says="This is one filter for each tile")
def not_repeated(weight, r):
    return weight[:: r**2]


@answers.wrong(says="repeat 4 times, not 2")
def repeated_r_times(weight, r):
    return weight[:: r**2].repeat_interleave(r, dim=0)


@answers.wrong(says="already has a filter for each pixel")
def all_repeated(weight, r):
    return weight.repeat_interleave(r**2, dim=0)


@answers.wrong(says="The weight has not changed")
def unchanged(weight, r):
    return weight


@answers.wrong(says="times smaller")
def averaged(weight, r):
    mean = weight.reshape(-1, r**2, *weight.shape[1:]).mean(dim=1)
    return mean.repeat_interleave(r**2, dim=0)


@answers.wrong(says="All weights are zero")
def zeros(weight, r):
    return torch.zeros_like(weight)


@answers.wrong(says="All tiles have the same filter")
def one_filter_for_all(weight, r):
    return weight[:1].expand_as(weight)


@answers.wrong(says="All numbers in each kernel were made equal")
def flat_kernels(weight, r):
    return weight.mean(dim=(2, 3), keepdim=True).expand_as(weight)


@answers.wrong(says="The kernels have grown")
def enlarged_kernels(weight, r):
    return F.interpolate(weight, scale_factor=r, mode="nearest")


@answers.wrong(says="The inputs were repeated")
def along_the_inputs(weight, r):
    return weight[:: r**2].repeat_interleave(r**2, dim=1)


@answers.wrong(says="so their filters must all be the same")
def groups_of_r(weight, r):
    return weight[::r].repeat_interleave(r, dim=0)


@answers.wrong(says="times as large")
def far_too_large(weight, r):
    return torch.randn(len(weight) // r**2, *weight.shape[1:]).repeat_interleave(r**2, dim=0)


@answers.wrong(says="The first two axes have changed places")
def transposed(weight, r):
    return icnr(weight, r).transpose(0, 1)


TestAnswers = answers.tests()


@pytest.mark.parametrize("r", [2, 3, 4])
def test_with_icnr_a_sub_pixel_layer_is_a_nearest_neighbour_enlargement(r):
    torch.manual_seed(0)
    weight = icnr(torch.randn(3 * r * r, 5, 3, 3), r)
    x = torch.rand(1, 5, 6, 7)
    y = F.pixel_shuffle(F.conv2d(x, weight, padding=1), r)
    assert torch.equal(y, F.interpolate(y[:, :, ::r, ::r], scale_factor=r, mode="nearest"))
    assert y.std() > 0.1


def test_new_filters_by_kaimings_rule_pass_whatever_the_draw():
    """They are 2.4 times as large, and so is what their mean is off by chance."""
    for seed in range(50):
        torch.manual_seed(seed)
        judge(drawn_again)


def test_icnr_orders_its_filters_as_the_packages():
    weight = torch.randn(12, 5, 3, 3)
    theirs = models.icnr_(weight.clone(), 2)  # random filters: equal where mine are
    mine = icnr(weight, 2)
    assert torch.equal((mine[1:] == mine[:-1]).all((1, 2, 3)), (theirs[1:] == theirs[:-1]).all((1, 2, 3)))
