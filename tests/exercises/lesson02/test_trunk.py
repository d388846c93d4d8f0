"""Answers to exercise Trunk as students write them, and its reference against numbers from outside."""

import functools

import torch
from answers import Answers
from torch import nn

from srgan_lessons import models
from srgan_lessons.exercises.lesson02.residual_block import ResidualBlock
from srgan_lessons.exercises.lesson02.trunk import Trunk

answers = Answers(
    "Trunk",
    sentences="""
as many of your residual blocks as `blocks` says :: 16 fixed; one fewer; one block repeated
then a 3x3 convolution :: no conv; kernel 9
and a BatchNorm :: no norm
the long skip :: no long skip; skip from the blocks
to the same shape -- a convolution without padding is refused in ResidualBlock's way, by shape
""",
)


@answers.right
class Looped(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.last = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels))
        self.blocks = nn.ModuleList([models.ResidualBlock(channels) for _ in range(blocks)])

    def forward(self, x):
        long_skip = x
        for block in self.blocks:
            x = block(x)
        return self.last(x) + long_skip


@answers.right
class AllInOneSequential(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        layers = [models.ResidualBlock(channels) for _ in range(blocks)]
        layers.append(nn.Conv2d(channels, channels, 3, padding=1, bias=False))
        layers.append(nn.BatchNorm2d(channels))
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.body(x)


class TrunkLayers(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.blocks = nn.Sequential(*[ResidualBlock(channels) for _ in range(blocks)])
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)


@answers.wrong(says="The long skip is missing")
class NoLongSkip(TrunkLayers):
    def forward(self, x):
        return self.norm(self.conv(self.blocks(x)))


@answers.wrong(says="The long skip begins after the blocks")
class LongSkipAfterBlocks(TrunkLayers):
    def forward(self, x):
        x = self.blocks(x)
        return x + self.norm(self.conv(x))


@answers.wrong(says="The body's output is added to itself")
class TrunkOverwritten(TrunkLayers):
    def forward(self, x):
        x = self.norm(self.conv(self.blocks(x)))
        return x + x


@answers.wrong(says="ends too early")
class AroundTheBlocksAlone(TrunkLayers):
    def forward(self, x):
        return self.norm(self.conv(x + self.blocks(x)))


@answers.wrong(says="added before the last BatchNorm")
class LongSkipBeforeNorm(TrunkLayers):
    def forward(self, x):
        return self.norm(x + self.conv(self.blocks(x)))


@answers.wrong(says="BatchNorm after the last convolution is missing")
class NoLastNorm(TrunkLayers):
    def forward(self, x):
        return x + self.conv(self.blocks(x))


@answers.wrong(says="The convolution after the blocks is missing")
class NothingAfterTheBlocks(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.blocks = nn.Sequential(*[ResidualBlock(channels) for _ in range(blocks)])

    def forward(self, x):
        return x + self.blocks(x)


@answers.wrong(says="[block] * n repeats one object")
class OneBlockRepeated(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks)
        self.blocks = nn.Sequential(*[ResidualBlock(channels)] * blocks)

    def forward(self, x):
        return x + self.norm(self.conv(self.blocks(x)))


@answers.wrong(says="Make as many as `blocks` says")
class OneBlockTooFew(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks - 1)

    def forward(self, x):
        return x + self.norm(self.conv(self.blocks(x)))


@answers.wrong(says="It has 16 residual blocks")
class SixteenByHeart(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, 16)

    def forward(self, x):
        return x + self.norm(self.conv(self.blocks(x)))


@answers.wrong(says="not those in a plain list")
class BlocksInAList(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.layers = [ResidualBlock(channels) for _ in range(blocks)]

    def forward(self, x):
        return functools.reduce(lambda value, layer: layer(value), self.layers, x)


@answers.wrong(says="input is added a second time")
class SkippedTwice(TrunkLayers):
    def forward(self, first):
        x = first
        for block in self.blocks:
            x = x + block(x)
        return first + self.norm(self.conv(x))


@answers.wrong(says="no skips of their own")
class PlainBlocks(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks)
        self.blocks = nn.Sequential(*[models.ResidualBlock(channels).body for _ in range(blocks)])

    def forward(self, x):
        return x + self.norm(self.conv(self.blocks(x)))


@answers.wrong(says="an activation after the sum")
class TrunkActivated(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks)
        self.act = nn.PReLU()

    def forward(self, x):
        return self.act(x + self.norm(self.conv(self.blocks(x))))


@answers.wrong(says="The blocks are not used")
class BlocksForgotten(TrunkLayers):
    def forward(self, x):
        self.blocks(x)
        return x + self.norm(self.conv(x))


@answers.wrong(says="is called as Trunk(channels, blocks)")
def one_argument(channels):
    return Trunk(channels, 16)


@answers.wrong(says="plain list")
class NothingIsFound(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.blocks = [models.ResidualBlock(channels) for _ in range(blocks)]
        self.end = [nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)]
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, first):
        x = first
        for layer in (*self.blocks, *self.end):
            x = layer(x)
        return first + x


@answers.wrong(says="multiplied by 0.1")
class ScaledDown(Trunk):
    def forward(self, first):
        return first + 0.1 * (super().forward(first) - first)


@answers.wrong(says="The last convolution is not padded with zeros")
class MirroredAtTheEnd(Trunk):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False, padding_mode="reflect")


TestAnswers = answers.tests()


def test_residual_block_and_trunk_are_the_packages():
    generator = models.Generator(blocks=3, channels=6)
    trunk = Trunk(6, 3)
    for mine, theirs in zip(trunk.parameters(), generator.trunk.parameters(), strict=True):
        mine.data.copy_(theirs)
    x = torch.randn(2, 6, 9, 7)
    for training in (True, False):
        theirs = generator.train(training).trunk(x)
        assert torch.equal(trunk.train(training)(x), x + theirs)
