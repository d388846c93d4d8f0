"""Answers to exercise ResidualBlock as students write them, and its reference against numbers from outside."""

import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons import models
from srgan_lessons.exercises.lesson02.residual_block import ResidualBlock

answers = Answers(
    "ResidualBlock",
    sentences="""
that keeps its own weights :: layers in forward; one conv used twice
You may use torch's layers -- a permission
maps (N, channels, h, w) to the same shape :: no padding
`ResidualBlock(channels)` :: channels 64 fixed
computes what `residual_block` computes :: no skip; act before norm; relu
""",
)


@answers.right
class InOneSequential(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1),  # with the bias that BatchNorm cancels
            nn.BatchNorm2d(width),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, 1, 1),
            nn.BatchNorm2d(width),
        )

    def forward(self, features):
        return self.layers(features).add(features)


@answers.right
class BackToFront(nn.Module):
    """Layers made in another order, with initial values of its own."""

    def __init__(self, channels):
        super().__init__()
        self.z = nn.BatchNorm2d(channels)
        self.y = nn.Conv2d(channels, channels, 3, padding="same", bias=False)
        self.a = nn.PReLU(init=0.1)
        self.x = nn.Conv2d(channels, channels, 3, padding="same", bias=True)
        self.w = nn.BatchNorm2d(channels)
        nn.init.normal_(self.x.weight, std=0.5)
        nn.init.zeros_(self.z.weight)  # begins as the identity

    def forward(self, x):
        skip = x
        x = self.a(self.w(self.x(x)))
        x = self.z(self.y(x))
        x += skip
        return x


@answers.right
class Functional(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weights = nn.ParameterList(nn.Parameter(0.1 * torch.randn(channels, channels, 3, 3)) for _ in range(2))
        self.gammas = nn.ParameterList(nn.Parameter(torch.ones(channels)) for _ in range(2))
        self.betas = nn.ParameterList(nn.Parameter(torch.zeros(channels)) for _ in range(2))
        self.slope = nn.Parameter(torch.tensor([0.25]))
        self.register_buffer("means", torch.zeros(2, channels))
        self.register_buffer("variances", torch.ones(2, channels))

    def half(self, x, i):
        x = F.conv2d(x, self.weights[i], padding=1)
        return F.batch_norm(x, self.means[i], self.variances[i], self.gammas[i], self.betas[i], self.training)

    def forward(self, x):
        return x + self.half(F.prelu(self.half(x, 0), self.slope), 1)


@answers.right
def the_packages(channels):
    return models.ResidualBlock(channels)


class Layers(nn.Module):
    """What most wrong answers begin with: the right layers."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def body(self, x):
        return self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


@answers.wrong(says="has no skip")
class NoSkip(Layers):
    def forward(self, x):
        return self.body(x)


@answers.wrong(says="adds the input before the second BatchNorm")
class SkipBeforeNorm(Layers):
    def forward(self, x):
        return self.bn2(x + self.conv2(self.prelu(self.bn1(self.conv1(x)))))


@answers.wrong(says="an activation after the sum")
class ActivationAtTheEnd(Layers):
    def forward(self, x):
        return self.prelu(x + self.body(x))


@answers.wrong(says="a ReLU after the sum")
class AsInResNet(Layers):
    def forward(self, x):
        return F.relu(x + self.body(x))


@answers.wrong(says="a second PReLU, before the sum")
class TwoActivations(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.prelu2 = nn.PReLU()

    def forward(self, x):
        return x + self.prelu2(self.body(x))


@answers.wrong(says="x was overwritten on the way")
class Overwritten(Layers):
    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        return x + x


@answers.wrong(says="The skip begins after the PReLU")
class SkipFromTheMiddle(Layers):
    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        return x + self.bn2(self.conv2(x))


@answers.wrong(says="The skip begins after the first convolution")
class SkipFromTheConvolution(Layers):
    def forward(self, x):
        x = self.conv1(x)
        return x + self.bn2(self.conv2(self.prelu(self.bn1(x))))


@answers.wrong(says="a ReLU instead of the PReLU")
class WithReLU(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))


@answers.wrong(says="LeakyReLU of slope 0.2")
class WithLeakyReLU(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(F.leaky_relu(self.bn1(self.conv1(x)), 0.2)))


@answers.wrong(says="There is no activation")
class WithoutActivation(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(self.bn1(self.conv1(x))))


@answers.wrong(says="The second BatchNorm is missing")
class OneNorm(Layers):
    def forward(self, x):
        return x + self.conv2(self.prelu(self.bn1(self.conv1(x))))


@answers.wrong(says="The first BatchNorm is missing")
class OnlyTheLastNorm(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(self.prelu(self.conv1(x))))


@answers.wrong(says="Both BatchNorms are missing")
class AsInEDSR(Layers):
    def forward(self, x):
        return x + self.conv2(self.prelu(self.conv1(x)))


@answers.wrong(says="have changed places")
class NormAfterActivation(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(self.bn1(self.prelu(self.conv1(x)))))


@answers.wrong(says="This is the order of later networks")
class PreActivation(Layers):
    def forward(self, x):
        return x + self.conv2(self.prelu(self.bn2(self.conv1(self.prelu(self.bn1(x))))))


@answers.wrong(says="This is InstanceNorm")
class WithInstanceNorm(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.bn1, self.bn2 = nn.InstanceNorm2d(channels, affine=True), nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x):
        return x + self.body(x)


@answers.wrong(says="multiplied by 0.1")
class Scaled(Layers):
    def forward(self, x):
        return x + 0.1 * self.body(x)


@answers.wrong(says="1 convolution instead of 2. Is one of them used twice?")
class OneConvolutionTwice(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv2 = self.conv1

    def forward(self, x):
        return x + self.body(x)


@answers.wrong(says="not those in a plain list")
class PlainList(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = [*nn.Sequential(*models.ResidualBlock(channels).body)]

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = layer(y)
        return x + y


@answers.wrong(says="Does a 3x3 convolution lack its padding=1?")
class WithoutPadding(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv1, self.conv2 = nn.Conv2d(channels, channels, 3), nn.Conv2d(channels, channels, 3)

    def forward(self, x):
        return x + self.body(x)


@answers.wrong(says="expected input[8, 4, 6, 5] to have 64 channels")
class SixtyFourByHeart(Layers):
    def __init__(self, channels):
        super().__init__(64)

    def forward(self, x):
        return x + self.body(x)


@answers.wrong(says="5x5 kernel")
class WideKernels(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv1 = nn.Conv2d(channels, channels, 5, padding=2)

    def forward(self, x):
        return x + self.body(x)


@answers.wrong(says="Does each BatchNorm have its own gamma and beta")
class OneNormTwice(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.bn2 = self.bn1

    def forward(self, x):
        return x + self.body(x)


@answers.right
class AlwaysInTraining(Functional):
    def half(self, x, i):
        x = F.conv2d(x, self.weights[i], padding=1)
        return F.batch_norm(x, None, None, self.gammas[i], self.betas[i], training=True)


@answers.wrong(says="returns its input")
class Forgotten(Layers):
    def forward(self, x):
        self.body(x)
        return x


@answers.wrong(says="Is the `return` missing?")
class NoReturn(Layers):
    def forward(self, x):
        x + self.body(x)


@answers.wrong(says="inherits from nn.Module")
class NoModule:
    def __init__(self, channels):
        self.inner = ResidualBlock(channels)

    def __call__(self, x):
        return self.inner(x)


@answers.wrong(says="gets no gradient")
class Detached(Layers):
    def forward(self, x):
        return x + self.body(x).detach()


@answers.wrong(says="is never used")
class Sigmoid(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(torch.sigmoid(self.bn1(self.conv1(x)))))


@answers.wrong(says="conv1.bias is never used, although conv1.weight is")
class WeightsOnly(Layers):
    def forward(self, x):
        added = self.prelu(self.bn1(F.conv2d(x, self.conv1.weight, padding=1)))
        return x + self.bn2(F.conv2d(added, self.conv2.weight, padding=1))


@answers.wrong(says="changes one of its arguments: `x`")
class InPlace(Layers):
    def forward(self, x):
        x += self.body(x)
        return x


@answers.wrong(says="The output is of type tuple")
class ReturnsBoth(ResidualBlock):
    def forward(self, x):
        y = super().forward(x)
        return y, y - x


@answers.wrong(says="The second convolution is dilated")
class Dilated(ResidualBlock):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=2, dilation=2, bias=False)


TestAnswers = answers.tests()
