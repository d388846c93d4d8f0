"""Answers to exercise Head as students write them, and its reference against numbers from outside."""

import math

import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons import models
from srgan_lessons.classroom import grade
from srgan_lessons.exercises.lesson05.conv_block import conv_block
from srgan_lessons.exercises.lesson05.head import Head

answers = Answers(
    "Head",
    sentences="""
from the last maps, (N, 8 x channels, side, side) :: side fixed; 512 fixed
`crop` is the width of the crop, always a multiple of 16; `side` is that of the last maps -- says what comes in
to logits, (N, 1) :: squeeze; two outputs
`channels` is the number of maps of the first layer :: 1024 fixed; arguments swapped
Flatten :: pooled; flatten all
a dense layer to 16 x channels numbers :: 1024 fixed
LeakyReLU with slope 0.2 :: default slope; relu; no act
a dense layer to one :: two outputs
`Head(96, 64)` has 18,876,417 trained numbers :: no bias
no sigmoid at the end :: sigmoid
""",
)


@answers.right
def in_one_row(crop, channels):
    width = 16 * channels
    first = nn.Linear(8 * channels * (crop // 2**4) ** 2, width)
    return nn.Sequential(nn.Flatten(), first, nn.LeakyReLU(0.2), nn.Linear(width, 1))


@answers.right
class AsConvolutions(nn.Module):
    """A dense layer is a convolution whose kernel is as large as the map."""

    def __init__(self, crop, channels):
        super().__init__()
        self.last = nn.Conv2d(16 * channels, 1, 1)
        self.first = nn.Conv2d(8 * channels, 16 * channels, crop // 16)

    def forward(self, x):
        return self.last(F.leaky_relu(self.first(x), negative_slope=0.2)).view(-1, 1)


@answers.right
class SizeByHalving(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        for _ in range(4):
            crop = math.ceil(crop / 2)
        self.out = nn.Linear(16 * channels, 1)
        self.hidden = nn.Linear(8 * channels * crop**2, 16 * channels)

    def forward(self, x):
        x = self.hidden(torch.flatten(x, start_dim=1))
        return self.out(torch.where(x > 0, x, 0.2 * x))


def head(crop, channels, *, inputs=None, hidden=None, act=None, end=()):
    inputs = 8 * channels * (crop // 16) ** 2 if inputs is None else inputs
    hidden = 16 * channels if hidden is None else hidden
    act = nn.LeakyReLU(0.2) if act is None else act
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, hidden), act, nn.Linear(hidden, 1), *end)


@answers.wrong(says="ends with a sigmoid")
def with_sigmoid(crop, channels):
    return head(crop, channels, end=[nn.Sigmoid()])


@answers.wrong(says="6 x 6 is right for crops of 96 alone")
def only_for_96(crop, channels):
    return head(crop, channels, inputs=8 * channels * 36)


@answers.wrong(says="halved four times")
def three_halvings(crop, channels):
    return head(crop, channels, inputs=8 * channels * (crop // 8) ** 2)


@answers.wrong(says="halved the crop five times")
def five_halvings(crop, channels):
    return head(crop, channels, inputs=8 * channels * (crop // 32) ** 2)


@answers.wrong(says="The crop's own size")
def not_halved(crop, channels):
    return head(crop, channels, inputs=8 * channels * crop**2)


@answers.wrong(says="Height *times* width")
def one_side(crop, channels):
    return head(crop, channels, inputs=8 * channels * (crop // 16))


@answers.wrong(says="512 maps are right for 64 channels alone")
def fixed_maps(crop, channels):
    return head(crop, channels, inputs=512 * (crop // 16) ** 2)


@answers.wrong(says="1024 is right for 64 channels alone")
def fixed_width(crop, channels):
    return head(crop, channels, hidden=1024)


@answers.wrong(says="were averaged away")
class Averaged(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        self.layers = head(crop, channels, inputs=8 * channels)

    def forward(self, x):
        return self.layers(x.mean(dim=(2, 3)))


@answers.wrong(says="Between the dense layers is a ReLU")
def relu_between(crop, channels):
    return head(crop, channels, act=nn.ReLU())


@answers.wrong(says="default of nn.LeakyReLU")
def slope_of_torch(crop, channels):
    return head(crop, channels, act=nn.LeakyReLU())


@answers.wrong(says="There is no activation between")
def linear(crop, channels):
    return head(crop, channels, act=nn.Identity())


@answers.wrong(says="a row. (N, 1) is expected")
def squeezed(crop, channels):
    return head(crop, channels, end=[nn.Flatten(0)])


@answers.wrong(says="two numbers per crop")
class TwoClasses(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(8 * channels * (crop // 16) ** 2, 2))

    def forward(self, x):
        return self.layers(x)


@answers.wrong(says="one dense layer")
def at_once(crop, channels):
    return nn.Sequential(nn.Flatten(), nn.Linear(8 * channels * (crop // 16) ** 2, 1))


@answers.wrong(says="Are the maps flattened")
def not_flattened(crop, channels):
    return head(crop, channels)[1:]


@answers.wrong(says="in a different order from nn.Flatten")
class ChannelsLast(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        self.layers = head(crop, channels)

    def forward(self, x):
        return self.layers(x.permute(0, 2, 3, 1).contiguous())


@answers.wrong(says="is a bias switched off?")
def without_bias(crop, channels):
    layers = head(crop, channels)
    layers[3] = nn.Linear(16 * channels, 1, bias=False)
    return layers


@answers.wrong(says="Dropout")
def with_dropout(crop, channels):
    return head(crop, channels, act=nn.Sequential(nn.LeakyReLU(0.2), nn.Dropout(0.5)))


@answers.wrong(says="in the first dense layer, inputs and outputs have changed places")
class FirstLayerSwapped(Head):
    def __init__(self, crop, channels):
        super().__init__(crop, channels)
        self.dense1 = nn.Linear(16 * channels, 8 * channels * (crop // 16) ** 2)


@answers.wrong(says="in the second dense layer, inputs and outputs have changed places. It makes 32 numbers into 1")
class SecondLayerSwapped(Head):
    def __init__(self, crop, channels):
        super().__init__(crop, channels)
        self.dense2 = nn.Linear(1, 16 * channels)


@answers.wrong(says="it is called with (crop, channels), but yours takes (channels, crop)")
class ParametersInAnotherOrder(Head):
    def __init__(self, channels, crop):
        super().__init__(crop, channels)


TestAnswers = answers.tests()


def test_block_and_head_make_the_packages_discriminator():
    """The same weights give the same tensor, and the paper's head has 18,876,417 numbers."""
    theirs = models.Discriminator(crop=32, channels=4).eval()
    mine = Head(32, 4)
    mine.dense1.load_state_dict(theirs.head[1].state_dict())
    mine.dense2.load_state_dict(theirs.head[3].state_dict())
    maps = torch.randn(2, 32, 2, 2)
    assert torch.allclose(mine(maps), theirs.head(maps), atol=1e-6)
    block, package = conv_block(4, 8, 2), nn.Sequential(*models.conv_block(4, 8, 2))
    package.load_state_dict(block.state_dict())
    x = torch.randn(2, 4, 9, 6)
    assert torch.equal(block(x), package(x))
    assert models.count_parameters(Head(96, 64)) == 512 * 6 * 6 * 1024 + 1024 + 1024 + 1 == 18_876_417


def test_naming_does_not_depend_on_the_global_seed():
    for seed in range(5):
        torch.manual_seed(seed)
        assert grade("Head", in_one_row).passed
        assert "in a different order" in grade("Head", ChannelsLast).message
