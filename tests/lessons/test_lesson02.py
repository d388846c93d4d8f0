"""Answers to the exercises of lesson 02 as students write them, and its references against numbers from outside."""

import functools

import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons import models
from srgan_lessons.classroom import grade
from srgan_lessons.classroom.exercises.lesson02 import (
    STACKS,
    ResidualBlock,
    Trunk,
    receptive_field,
    zero_init_residual,
)

answers = Answers(lesson=2)

# --- ResidualBlock ---------------------------------------------------------------------------------------------------


@answers.right("ResidualBlock")
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


@answers.right("ResidualBlock")
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


@answers.right("ResidualBlock")
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


@answers.right("ResidualBlock")
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


@answers.wrong("ResidualBlock", says="has no skip")
class NoSkip(Layers):
    def forward(self, x):
        return self.body(x)


@answers.wrong("ResidualBlock", says="adds the input before the second BatchNorm")
class SkipBeforeNorm(Layers):
    def forward(self, x):
        return self.bn2(x + self.conv2(self.prelu(self.bn1(self.conv1(x)))))


@answers.wrong("ResidualBlock", says="an activation after the sum")
class ActivationAtTheEnd(Layers):
    def forward(self, x):
        return self.prelu(x + self.body(x))


@answers.wrong("ResidualBlock", says="a ReLU after the sum")
class AsInResNet(Layers):
    def forward(self, x):
        return F.relu(x + self.body(x))


@answers.wrong("ResidualBlock", says="a second PReLU, before the sum")
class TwoActivations(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.prelu2 = nn.PReLU()

    def forward(self, x):
        return x + self.prelu2(self.body(x))


@answers.wrong("ResidualBlock", says="x was overwritten on the way")
class Overwritten(Layers):
    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        return x + x


@answers.wrong("ResidualBlock", says="The skip begins after the PReLU")
class SkipFromTheMiddle(Layers):
    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        return x + self.bn2(self.conv2(x))


@answers.wrong("ResidualBlock", says="The skip begins after the first convolution")
class SkipFromTheConvolution(Layers):
    def forward(self, x):
        x = self.conv1(x)
        return x + self.bn2(self.conv2(self.prelu(self.bn1(x))))


@answers.wrong("ResidualBlock", says="a ReLU in place of the PReLU")
class WithReLU(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))


@answers.wrong("ResidualBlock", says="LeakyReLU of slope 0.2")
class WithLeakyReLU(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(F.leaky_relu(self.bn1(self.conv1(x)), 0.2)))


@answers.wrong("ResidualBlock", says="There is no activation")
class WithoutActivation(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(self.bn1(self.conv1(x))))


@answers.wrong("ResidualBlock", says="The second BatchNorm is missing")
class OneNorm(Layers):
    def forward(self, x):
        return x + self.conv2(self.prelu(self.bn1(self.conv1(x))))


@answers.wrong("ResidualBlock", says="The first BatchNorm is missing")
class OnlyTheLastNorm(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(self.prelu(self.conv1(x))))


@answers.wrong("ResidualBlock", says="Both BatchNorms are missing")
class AsInEDSR(Layers):
    def forward(self, x):
        return x + self.conv2(self.prelu(self.conv1(x)))


@answers.wrong("ResidualBlock", says="have changed places")
class NormAfterActivation(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(self.bn1(self.prelu(self.conv1(x)))))


@answers.wrong("ResidualBlock", says="This is the later order")
class PreActivation(Layers):
    def forward(self, x):
        return x + self.conv2(self.prelu(self.bn2(self.conv1(self.prelu(self.bn1(x))))))


@answers.wrong("ResidualBlock", says="This is InstanceNorm")
class WithInstanceNorm(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.bn1, self.bn2 = nn.InstanceNorm2d(channels, affine=True), nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x):
        return x + self.body(x)


@answers.wrong("ResidualBlock", says="multiplied by 0.1")
class Scaled(Layers):
    def forward(self, x):
        return x + 0.1 * self.body(x)


@answers.wrong("ResidualBlock", says="1 convolution instead of 2. Is one used twice?")
class OneConvolutionTwice(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv2 = self.conv1

    def forward(self, x):
        return x + self.body(x)


@answers.wrong("ResidualBlock", says="not those in a plain list")
class PlainList(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = [*nn.Sequential(*models.ResidualBlock(channels).body)]

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = layer(y)
        return x + y


@answers.wrong("ResidualBlock", says="Has a 3x3 convolution no padding=1?")
class WithoutPadding(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv1, self.conv2 = nn.Conv2d(channels, channels, 3), nn.Conv2d(channels, channels, 3)

    def forward(self, x):
        return x + self.body(x)


@answers.wrong("ResidualBlock", says="expected input[8, 4, 6, 5] to have 64 channels")
class SixtyFourByHeart(Layers):
    def __init__(self, channels):
        super().__init__(64)

    def forward(self, x):
        return x + self.body(x)


@answers.wrong("ResidualBlock", says="5x5 kernel")
class WideKernels(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.conv1 = nn.Conv2d(channels, channels, 5, padding=2)

    def forward(self, x):
        return x + self.body(x)


@answers.wrong("ResidualBlock", says="Has each BatchNorm a gamma and a beta of its own")
class OneNormTwice(Layers):
    def __init__(self, channels):
        super().__init__(channels)
        self.bn2 = self.bn1

    def forward(self, x):
        return x + self.body(x)


@answers.wrong("ResidualBlock", says="depends on the others in its batch")
class AlwaysInTraining(Functional):
    def half(self, x, i):
        x = F.conv2d(x, self.weights[i], padding=1)
        return F.batch_norm(x, None, None, self.gammas[i], self.betas[i], training=True)


@answers.wrong("ResidualBlock", says="gives back its input")
class Forgotten(Layers):
    def forward(self, x):
        self.body(x)
        return x


@answers.wrong("ResidualBlock", says="Is the `return` missing?")
class NoReturn(Layers):
    def forward(self, x):
        x + self.body(x)


@answers.wrong("ResidualBlock", says="inherits from nn.Module")
class NoModule:
    def __init__(self, channels):
        self.inner = ResidualBlock(channels)

    def __call__(self, x):
        return self.inner(x)


@answers.wrong("ResidualBlock", says="gets no gradient")
class Detached(Layers):
    def forward(self, x):
        return x + self.body(x).detach()


@answers.wrong("ResidualBlock", says="not that of the block in Figure 4")
class Sigmoid(Layers):
    def forward(self, x):
        return x + self.bn2(self.conv2(torch.sigmoid(self.bn1(self.conv1(x)))))


# --- Trunk -----------------------------------------------------------------------------------------------------------


@answers.right("Trunk")
class Looped(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.last = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels))
        self.blocks = nn.ModuleList([InOneSequential(channels) for _ in range(blocks)])

    def forward(self, x):
        long_skip = x
        for block in self.blocks:
            x = block(x)
        return self.last(x) + long_skip


@answers.right("Trunk")
class AllInOneSequential(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        layers = [Functional(channels) for _ in range(blocks)]
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


@answers.wrong("Trunk", says="The long skip is missing")
class NoLongSkip(TrunkLayers):
    def forward(self, x):
        return self.norm(self.conv(self.blocks(x)))


@answers.wrong("Trunk", says="The long skip begins after the blocks")
class LongSkipAfterBlocks(TrunkLayers):
    def forward(self, x):
        x = self.blocks(x)
        return x + self.norm(self.conv(x))


@answers.wrong("Trunk", says="The body's output is added to itself")
class TrunkOverwritten(TrunkLayers):
    def forward(self, x):
        x = self.norm(self.conv(self.blocks(x)))
        return x + x


@answers.wrong("Trunk", says="ends too early")
class AroundTheBlocksAlone(TrunkLayers):
    def forward(self, x):
        return self.norm(self.conv(x + self.blocks(x)))


@answers.wrong("Trunk", says="added before the last BatchNorm")
class LongSkipBeforeNorm(TrunkLayers):
    def forward(self, x):
        return self.norm(x + self.conv(self.blocks(x)))


@answers.wrong("Trunk", says="BatchNorm after the last convolution is missing")
class NoLastNorm(TrunkLayers):
    def forward(self, x):
        return x + self.conv(self.blocks(x))


@answers.wrong("Trunk", says="The convolution after the blocks is missing")
class NothingAfterTheBlocks(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.blocks = nn.Sequential(*[ResidualBlock(channels) for _ in range(blocks)])

    def forward(self, x):
        return x + self.blocks(x)


@answers.wrong("Trunk", says="[block] * n repeats one object")
class OneBlockRepeated(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks)
        self.blocks = nn.Sequential(*[ResidualBlock(channels)] * blocks)

    def forward(self, x):
        return x + self.norm(self.conv(self.blocks(x)))


@answers.wrong("Trunk", says="Make as many as `blocks` says")
class OneBlockTooFew(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks - 1)

    def forward(self, x):
        return x + self.norm(self.conv(self.blocks(x)))


@answers.wrong("Trunk", says="It has 16 residual blocks")
class SixteenByHeart(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, 16)

    def forward(self, x):
        return x + self.norm(self.conv(self.blocks(x)))


@answers.wrong("Trunk", says="not those in a plain list")
class BlocksInAList(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.layers = [ResidualBlock(channels) for _ in range(blocks)]

    def forward(self, x):
        return functools.reduce(lambda value, layer: layer(value), self.layers, x)


@answers.wrong("Trunk", says="input is added a second time")
class SkippedTwice(TrunkLayers):
    def forward(self, first):
        x = first
        for block in self.blocks:
            x = x + block(x)
        return first + self.norm(self.conv(x))


@answers.wrong("Trunk", says="no skips of their own")
class PlainBlocks(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks)
        self.blocks = nn.Sequential(*[NoSkip(channels) for _ in range(blocks)])

    def forward(self, x):
        return x + self.norm(self.conv(self.blocks(x)))


@answers.wrong("Trunk", says="an activation after the sum")
class TrunkActivated(TrunkLayers):
    def __init__(self, channels, blocks):
        super().__init__(channels, blocks)
        self.act = nn.PReLU()

    def forward(self, x):
        return self.act(x + self.norm(self.conv(self.blocks(x))))


@answers.wrong("Trunk", says="The blocks are not used")
class BlocksForgotten(TrunkLayers):
    def forward(self, x):
        self.blocks(x)
        return x + self.norm(self.conv(x))


@answers.wrong("Trunk", says="is called as Trunk(channels, blocks)")
def one_argument(channels):
    return Trunk(channels, 16)


# --- receptive_field -------------------------------------------------------------------------------------------------


@answers.right("receptive_field")
def backwards(layers):
    """From one output pixel back to the input."""
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return field


@answers.right("receptive_field")
def as_one_sum(layers):
    total = torch.tensor(1.0)
    for i, (kernel, _) in enumerate(layers):
        total = total + (kernel - 1) * torch.tensor([stride for _, stride in layers[:i]]).prod()
    return total


@answers.wrong("receptive_field", says="The strides are ignored")
def no_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


@answers.wrong("receptive_field", says="adds its whole kernel. A 3x3 kernel")
def whole_kernels(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field, step = field + kernel * step, step * stride
    return field


@answers.wrong("receptive_field", says="and the count begins with 0")
def sum_of_kernels(layers):
    field, step = 0, 1
    for kernel, stride in layers:
        field, step = field + kernel * step, step * stride
    return field


@answers.wrong("receptive_field", says="The count begins with 0. Without any layer")
def begins_with_zero(layers):
    return receptive_field(layers) - 1


@answers.wrong("receptive_field", says="The step grows too early")
def stride_first(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        field += (kernel - 1) * step
    return field


@answers.wrong("receptive_field", says="The step is the last stride alone")
def last_stride(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step = stride
    return field


@answers.wrong("receptive_field", says="from the output to the input")
def wrong_end_first(layers):
    return receptive_field(layers[::-1])


@answers.wrong("receptive_field", says="Only one side is counted")
def radius(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field, step = field + kernel // 2 * step, step * stride
    return field


@answers.wrong("receptive_field", says="This is the area")
def area(layers):
    return receptive_field(layers) ** 2


@answers.wrong("receptive_field", says="The kernels are multiplied")
def product(layers):
    field = 1
    for kernel, _ in layers:
        field *= kernel
    return field


@answers.wrong("receptive_field", says="A stride below 1 is lost")
def no_fractions(layers):
    return receptive_field([(kernel, max(1, stride)) for kernel, stride in layers])


@answers.wrong("receptive_field", says="For no layer at all")
def no_empty_list(layers):
    return receptive_field(layers) if layers else 0


@answers.wrong("receptive_field", says="`(kernel, stride), *rest = layers`")
def unpacked(layers):
    (kernel, stride), *rest = layers
    return kernel + stride * (unpacked(rest) - 1)


# --- zero_init_residual ----------------------------------------------------------------------------------------------


@answers.right("zero_init_residual")
def by_data(block):
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    norms[-1].weight.data *= 0
    norms[-1].bias.data.fill_(0)
    return block


@answers.right("zero_init_residual")
@torch.no_grad()
def new_parameters(block):
    last = block.body[-1]
    last.weight = nn.Parameter(torch.zeros_like(last.weight))
    last.bias.copy_(torch.zeros(last.num_features))


@answers.wrong("zero_init_residual", says="the last BatchNorm's beta")
def gamma_alone(block):
    nn.init.zeros_(block.body[4].weight)


@answers.wrong("zero_init_residual", says="Gamma multiplies what is added")
def beta_alone(block):
    nn.init.constant_(block.body[4].weight, 0.9)
    nn.init.zeros_(block.body[4].bias)


@answers.wrong("zero_init_residual", says="The block is as it was")
def gamma_one(block):
    nn.init.ones_(block.body[4].weight)
    nn.init.zeros_(block.body[4].bias)


@answers.wrong("zero_init_residual", says="the gamma of the first BatchNorm")
def the_first_norm(block):
    nn.init.zeros_(block.body[1].weight)
    nn.init.zeros_(block.body[1].bias)


@answers.wrong("zero_init_residual", says="too much was set to 0")
def everything(block):
    for parameter in block.parameters():
        nn.init.zeros_(parameter)


@answers.wrong("zero_init_residual", says="too much was set to 0")
def both_norms(block):
    for norm in (block.body[1], block.body[4]):
        nn.init.zeros_(norm.weight)
        nn.init.zeros_(norm.bias)


@answers.wrong("zero_init_residual", says="The block is as it was")
def a_new_name(block):
    last = block.body[4]
    gamma, beta = last.weight, last.bias
    gamma, beta = torch.zeros_like(gamma), torch.zeros_like(beta)


@answers.wrong("zero_init_residual", says="Make it 0")
def nearly(block):
    nn.init.constant_(block.body[4].weight, 0.01)
    nn.init.zeros_(block.body[4].bias)


@answers.wrong("zero_init_residual", says="It returns another module")
def replaced(block):
    return nn.Identity()


@answers.wrong("zero_init_residual", says="some parameters have no gradient")
def frozen(block):
    zero_init_residual(block)
    block.body[4].requires_grad_(False)


@answers.wrong("zero_init_residual", says="a leaf Variable that requires grad")
def in_place_with_a_gradient(block):
    block.body[4].weight *= 0


# --- found by a learner ----------------------------------------------------------------------------------------------


@answers.wrong("ResidualBlock", says="changes the tensor that it is given: += works in place")
class InPlace(Layers):
    def forward(self, x):
        x += self.body(x)
        return x


@answers.wrong("Trunk", says="plain list")
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


@answers.wrong("zero_init_residual", says="gone or replaced")
def other_layers(block):
    block.body[4] = nn.Identity()
    block.body[3] = nn.Conv2d(1, 1, 1)


TestLesson02 = answers.tests()

# --- the references --------------------------------------------------------------------------------------------------


def test_residual_block_and_trunk_are_the_packages():
    generator = models.Generator(blocks=3, channels=6)
    trunk = Trunk(6, 3)
    for mine, theirs in zip(trunk.parameters(), generator.trunk.parameters(), strict=True):
        mine.data.copy_(theirs)
    x = torch.randn(2, 6, 9, 7)
    for training in (True, False):
        theirs = generator.train(training).trunk(x)
        assert torch.equal(trunk.train(training)(x), x + theirs)


def seen(layers: list[tuple[int, float]]) -> int:
    """How many input pixels one output pixel sees, measured: those with a gradient. One dimension."""
    x = torch.ones(1, 1, 200, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride in layers:
        if stride < 1:  # a pixel shuffle: each place becomes 1/stride places
            y = y.repeat_interleave(round(1 / stride), dim=-1)
        else:
            ones = torch.ones(1, 1, kernel, dtype=torch.float64)
            y = F.conv1d(y, ones, stride=stride)
    y[0, 0, y.shape[-1] // 2].backward()
    return int((x.grad != 0).sum())


@pytest.mark.parametrize("stack", STACKS.values(), ids=map(str, STACKS.values()))
def test_receptive_field_is_what_a_pixel_sees(stack):
    """Where a pixel shuffle leaves a fraction, whole pixels are seen: at most one more."""
    field, measured = receptive_field(stack), seen(stack)
    assert measured == field if field == int(field) and len(stack) < 4 else field <= measured < field + 1


def test_receptive_field_of_the_generator_is_what_its_gradient_reaches():
    network = models.Generator(channels=2).double().eval()
    x = torch.rand(1, 3, 99, 99, dtype=torch.float64, requires_grad=True)
    network(x)[0, 0, 201, 202].backward()
    columns = x.grad.abs().sum(dim=(0, 1, 2)).nonzero()
    layers = [(9, 1)] + [(3, 1)] * 33 + [(3, 1), (1, 1 / 2), (3, 1), (1, 1 / 2), (9, 1)]
    assert receptive_field(layers) == len(columns) == 80


def test_the_judges_leave_the_packages_block_alone():
    """A block that is judged belongs to the judge; answers that keep it change nothing outside."""
    kept = []
    assert not grade("zero_init_residual", kept.append).passed
    assert len(kept) == 1
