"""Answers to exercise ESPCN as students write them, and its reference against numbers from outside."""

import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons import models
from srgan_lessons.exercises.lesson03.espcn import ESPCN
from srgan_lessons.exercises.lesson03.pixel_shuffle import pixel_shuffle

answers = Answers(
    "ESPCN",
    sentences="""
the class `ESPCN` -- another name is not found
a 5x5 convolution to 64 maps -- stands in the stub as it is
a tanh; a 3x3 convolution to 32 maps and a tanh :: no second tanh; kernel 5 second; relu
as many maps as a tile of 4 x 4 RGB pixels needs :: 16 maps
pixel shuffle by 4 :: shuffle twice by 2; interpolate
each is padded :: no padding second; no padding third
with zeros :: reflect
(N, 3, h, w) becomes (N, 3, 4h, 4w) :: 16 maps
37,200 trained numbers :: no bias
""",
)


@answers.right
def sequential():
    layers = nn.Conv2d(3, 64, 5, padding="same"), nn.Tanh(), nn.Conv2d(64, 32, 3, padding="same"), nn.Tanh()
    return nn.Sequential(*layers, nn.Conv2d(32, 48, 3, padding="same"), nn.PixelShuffle(4))


@answers.right
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
    answers.wrong(says=says)(Wrong)


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


@answers.wrong(says="The tile is transposed")
class ShuffledTheOtherWay(Variant):
    def __init__(self):
        super().__init__(
            end=lambda y, x: F.pixel_shuffle(y.view(len(y), 3, 4, 4, *y.shape[2:]).transpose(2, 3).flatten(1, 3), 4)
        )


@answers.wrong(says="layers that are attributes of the module")
class LayersInAList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Conv2d(3, 64, 5, padding=2), nn.Conv2d(64, 32, 3, padding=1), nn.Conv2d(32, 48, 3, padding=1)]

    def forward(self, x):
        a, b, c = self.layers
        return F.pixel_shuffle(c(b(a(x).tanh()).tanh()), 4)


@answers.wrong(says="37,200 are expected")
class WithPReLU(Variant):
    def __init__(self):
        super().__init__(act1=nn.PReLU(), act2=nn.PReLU())


@answers.wrong(says="The second convolution is missing")
class OtherWidth(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 64, 5, 1, 2), nn.Conv2d(64, 64, 3, 1, 1), nn.Conv2d(64, 48, 3, 1, 1)

    def forward(self, x):
        return F.pixel_shuffle(self.c(self.b(self.a(x).tanh()).tanh()), 4)


@answers.wrong(says="Is the `return` missing?")
class NoReturn(Variant):
    def forward(self, x):
        super().forward(x)


@answers.wrong(says="super")
class NoSuper(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(3, 64, 5, padding=2)  # torch says: call super().__init__() first


answers.wrong(says="Hand over the class")(Variant())


@answers.wrong(says="a different result each time")
class WithDropout(ESPCN):
    def forward(self, x):
        x = F.dropout(torch.tanh(self.second(torch.tanh(self.first(x)))))
        return F.pixel_shuffle(self.third(x), 4)


TestAnswers = answers.tests()


def test_espcn_is_the_packages():
    torch.manual_seed(0)
    mine, theirs = ESPCN(), models.ESPCN()
    for ours, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        ours.data.copy_(other)
    x = torch.rand(2, 3, 9, 8)
    assert torch.equal(mine(x), theirs(x))
