"""Answers to exercise conv_block as students write them, and its reference against numbers from outside."""

import torch
from answers import Answers
from torch import nn

from srgan_lessons import models
from srgan_lessons.classroom import grade

answers = Answers(
    "conv_block",
    sentences="""
as a module or as a list of layers -- the lesson takes both; models.conv_block gives a list
a convolution padded with zeros, BatchNorm, LeakyReLU :: order; no norm; relu
padded with zeros :: reflect; no padding
with stride 1, (N, inputs, h, w) becomes (N, outputs, h, w) :: inputs outputs swapped; stride always 2
with stride 2, h and w are halved, rounded up :: stride ignored; pooling
""",
)


@answers.right
class AsAClass(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm = nn.BatchNorm2d(outputs)
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1)  # with the bias that BatchNorm cancels

    def forward(self, x):
        x = self.norm(self.conv(x))
        return torch.maximum(x, 0.2 * x)


@answers.right
def a_list(inputs, outputs, stride):
    layers = [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)]
    return [*layers, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, inplace=True)]


@answers.right
def the_packages(inputs, outputs, stride):
    return models.conv_block(inputs, outputs, stride)


def block_of(*layers):
    return nn.Sequential(*layers)


def conv(inputs, outputs, stride, **options):
    return nn.Conv2d(inputs, outputs, **({"kernel_size": 3, "stride": stride, "padding": 1} | options))


@answers.wrong(says="The BatchNorm is missing")
def without_norm(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.LeakyReLU(0.2))


@answers.wrong(says="BatchNorm and LeakyReLU have changed places")
def norm_last(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.LeakyReLU(0.2), nn.BatchNorm2d(outputs))


@answers.wrong(says="Yours begins with the BatchNorm")
def norm_first(inputs, outputs, stride):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = block_of(nn.BatchNorm2d(inputs), conv(inputs, outputs, stride), nn.LeakyReLU(0.2))

        def forward(self, x):
            return self.layers(x)

    return Block()


@answers.wrong(says="This is a ReLU")
def with_relu(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.ReLU())


@answers.wrong(says="default of nn.LeakyReLU")
def torchs_slope(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.LeakyReLU())


@answers.wrong(says="This is a PReLU")
def with_prelu(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.PReLU())


@answers.wrong(says="The activation is missing")
def without_activation(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs))


@answers.wrong(says="without padding=1")
def unpadded(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride, padding=0), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


@answers.wrong(says="The stride is not used")
def stride_forgotten(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


@answers.wrong(says="Does your block always halve them?")
def always_two(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, 2), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


@answers.wrong(says="max pooling")
def pooled(inputs, outputs, stride):
    layers = [conv(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    return block_of(*layers, nn.MaxPool2d(2)) if stride == 2 else block_of(*layers)


@answers.wrong(says="average pooling after the block")
def averaged(inputs, outputs, stride):
    layers = [conv(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    return block_of(*layers, nn.AvgPool2d(2, ceil_mode=True)) if stride == 2 else block_of(*layers)


@answers.wrong(says="4x4 kernel")
def kernel_of_dcgan(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride, kernel_size=4), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


@answers.wrong(says="changed places")
def turned_around(inputs, outputs, stride):
    return block_of(conv(outputs, inputs, stride), nn.BatchNorm2d(inputs), nn.LeakyReLU(0.2))


@answers.wrong(says="InstanceNorm")
def instance_norm(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.InstanceNorm2d(outputs, affine=True), nn.LeakyReLU(0.2))


@answers.wrong(says="a gamma and a beta")
def not_affine(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs, affine=False), nn.LeakyReLU(0.2))


@answers.wrong(says="Is the `return` missing?")
def nothing(inputs, outputs, stride):
    block_of(conv(inputs, outputs, stride))


@answers.wrong(says="the size of the kernel and the stride have changed places")
def stride_as_kernel(inputs, outputs, stride):
    return nn.Sequential(nn.Conv2d(inputs, outputs, stride, 3, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


TestAnswers = answers.tests()


def test_naming_does_not_depend_on_the_global_seed():
    for seed in range(5):
        torch.manual_seed(seed)
        assert grade("conv_block", AsAClass).passed
        assert "This is a ReLU" in grade("conv_block", with_relu).message
