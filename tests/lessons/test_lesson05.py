"""Answers to the exercises of lesson 05 as students write them, and its references against numbers from outside."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons import losses, models
from srgan_lessons.classroom import grade
from srgan_lessons.classroom.exercises.lesson05 import (
    Head,
    adversarial_loss,
    conv_block,
    discriminator_loss,
    optimal_discriminator,
)

answers = Answers(lesson=5)

# --- optimal_discriminator -------------------------------------------------------------------------------------------


@answers.right("optimal_discriminator")
def from_log_odds(real, generated):
    return torch.sigmoid(torch.log(real) - torch.log(generated)).nan_to_num(0.5)


@answers.right("optimal_discriminator")
def in_numpy(p, q):
    p, q = np.asarray(p), np.asarray(q)
    total = np.where(p + q > 0, p + q, 1)
    return np.where(p + q > 0, p / total, 0.5)


@answers.right("optimal_discriminator")
def in_a_loop(p, q):
    return [0.5 if a + b == 0 else float(a / (a + b)) for a, b in zip(p, q, strict=True)]


@answers.wrong("optimal_discriminator", says="share of the generated ones")
def generated_share(p, q):
    return torch.where(p + q > 0, q / (p + q), 0.5)


@answers.wrong("optimal_discriminator", says="the odds")
def odds(p, q):
    return p / q.clamp(min=1e-9)


@answers.wrong("optimal_discriminator", says="This is the density p")
def density(p, q):
    return p


@answers.wrong("optimal_discriminator", says="a verdict")
def hard(p, q):
    return (p > q).float()


@answers.wrong("optimal_discriminator", says="This is p - q")
def difference(p, q):
    return p - q


@answers.wrong("optimal_discriminator", says="This is the sigmoid of p - q")
def sigmoid_of_the_difference(p, q):
    return torch.sigmoid(p - q)


@answers.wrong("optimal_discriminator", says="without the log")
def sigmoid_of_the_ratio(p, q):
    return torch.sigmoid(p / q)


@answers.wrong("optimal_discriminator", says="0 / 0")
def undefined(p, q):
    return p / (p + q)


@answers.wrong("optimal_discriminator", says="Nothing is known there")
def zero_where_empty(p, q):
    return torch.where(p + q > 0, p / (p + q), 0.0)


@answers.wrong("optimal_discriminator", says="Nothing is known there")
def small_constant(p, q):
    return p / (p + q + 1e-12)


@answers.wrong("optimal_discriminator", says="half of it")
def halved(p, q):
    return p / (p + q) / 2


@answers.wrong("optimal_discriminator", says="the softmax of p and q")
def softmax(p, q):
    return torch.softmax(torch.stack([p, q]), dim=0)[0]


@answers.wrong("optimal_discriminator", says="(7,) is expected")
def one_number(p, q):
    return p.sum() / (p + q).sum()


# --- discriminator_loss ----------------------------------------------------------------------------------------------


@answers.right("discriminator_loss")
def cross_entropy(real, fake):
    with_logits = F.binary_cross_entropy_with_logits
    return with_logits(real, torch.ones_like(real)) + with_logits(fake, torch.zeros_like(fake))


@answers.right("discriminator_loss")
def log_sigmoid(real_logits, fake_logits):
    return -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()


@answers.right("discriminator_loss")
def log_sum_exp(real, fake):
    zero = torch.zeros_like(real)
    return (torch.logaddexp(zero, -real) + torch.logaddexp(zero, fake)).mean()


@answers.right("discriminator_loss")
def both_at_once(real, fake):
    logits = torch.cat([real, fake])
    labels = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    return 2 * nn.BCEWithLogitsLoss()(logits, labels)


@answers.wrong("discriminator_loss", says="sigmoid gives exactly 0 or 1")
def sigmoid_and_log(real, fake):
    return -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()


@answers.wrong("discriminator_loss", says="something limits")
def small_constant_in_the_log(real, fake):
    return -torch.log(torch.sigmoid(real) + 1e-8).mean() - torch.log(1 - torch.sigmoid(fake) + 1e-8).mean()


@answers.wrong("discriminator_loss", says="limit of 100")
def cross_entropy_of_probabilities(real, fake):
    real, fake = torch.sigmoid(real), torch.sigmoid(fake)
    return F.binary_cross_entropy(real, torch.ones_like(real)) + F.binary_cross_entropy(fake, torch.zeros_like(fake))


@answers.wrong("discriminator_loss", says="something limits")
def clamped_logits(real, fake):
    return discriminator_loss(real.clamp(-50, 50), fake.clamp(-50, 50))


@answers.wrong("discriminator_loss", says="exp may overflow")
def log_one_plus_exp(real, fake):
    return torch.log(1 + torch.exp(-real)).mean() + torch.log(1 + torch.exp(fake)).mean()


@answers.wrong("discriminator_loss", says="have changed places")
def labels_swapped(real, fake):
    return discriminator_loss(fake, real)


@answers.wrong("discriminator_loss", says="Both are asked to be real")
def both_real(real, fake):
    return F.softplus(-real).mean() + F.softplus(-fake).mean()


@answers.wrong("discriminator_loss", says="Both are asked to be generated")
def both_generated(real, fake):
    return F.softplus(real).mean() + F.softplus(fake).mean()


@answers.wrong("discriminator_loss", says="SR is missing")
def on_hr_alone(real, fake):
    return F.softplus(-real).mean()


@answers.wrong("discriminator_loss", says="half of it")
def mean_of_all(real, fake):
    return torch.cat([F.softplus(-real), F.softplus(fake)]).mean()


@answers.wrong("discriminator_loss", says="sum over the batch")
def summed(real, fake):
    return F.softplus(-real).sum() + F.softplus(fake).sum()


@answers.wrong("discriminator_loss", says="The sign is wrong")
def made_large(real, fake):
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


@answers.wrong("discriminator_loss", says="sigmoid is applied twice")
def twice(real, fake):
    return cross_entropy(torch.sigmoid(real), torch.sigmoid(fake))


@answers.wrong("discriminator_loss", says="The log is missing")
def without_log(real, fake):
    return 1 - torch.sigmoid(real).mean() + torch.sigmoid(fake).mean()


@answers.wrong("discriminator_loss", says="Wasserstein")
def wasserstein(real, fake):
    return fake.mean() - real.mean()


@answers.wrong("discriminator_loss", says="The mean is taken before")
def mean_first(real, fake):
    return F.softplus(-real.mean()) + F.softplus(fake.mean())


@answers.wrong("discriminator_loss", says="Return one number")
def a_loss_each(real, fake):
    return F.softplus(-real) + F.softplus(fake)


@answers.wrong("discriminator_loss", says="it has no gradient")
def as_float(real, fake):
    return discriminator_loss(real, fake).item()


@answers.wrong("discriminator_loss", says="gets no gradient")
def fake_detached(real, fake):
    return discriminator_loss(real, fake.detach())


@answers.wrong("discriminator_loss", says="the gradient is NaN")
def where_around_it(real, fake):
    def minus_log(x):
        return torch.where(x < -80, -x, -torch.log(torch.sigmoid(x)))

    return minus_log(real).mean() + minus_log(-fake).mean()


@answers.wrong("discriminator_loss", says="Is the `return` missing?")
def forgotten(real, fake):
    discriminator_loss(real, fake)


# --- adversarial_loss ------------------------------------------------------------------------------------------------


@answers.right("adversarial_loss")
def to_be_real(fake):
    return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


@answers.right("adversarial_loss")
def log_sigmoid_of_fake(fake_logits):
    return F.logsigmoid(fake_logits).neg().mean()


@answers.right("adversarial_loss")
def written_out(x):
    return (x.clamp(max=0).neg() + torch.log1p(torch.exp(-x.abs()))).mean()


@answers.wrong("adversarial_loss", says="discriminator's loss on SR")
def to_be_generated(fake):
    return F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))


@answers.wrong("adversarial_loss", says="hardly pulls where D is sure")
def saturating(fake):
    return F.logsigmoid(-fake).mean()


@answers.wrong("adversarial_loss", says="The sign is wrong")
def log_d(fake):
    return F.logsigmoid(fake).mean()


@answers.wrong("adversarial_loss", says="sigmoid gives exactly 0 or 1")
def minus_log_sigmoid(fake):
    return -torch.log(torch.sigmoid(fake)).mean()


@answers.wrong("adversarial_loss", says="something limits")
def with_a_small_constant(fake):
    return -torch.log(torch.sigmoid(fake) + 1e-8).mean()


@answers.wrong("adversarial_loss", says="something limits")
def of_probabilities(fake):
    return nn.BCELoss()(torch.sigmoid(fake), torch.ones_like(fake))


@answers.wrong("adversarial_loss", says="weight 1e-3")
def weighted(fake):
    return 1e-3 * F.softplus(-fake).mean()


@answers.wrong("adversarial_loss", says="sum over the batch")
def of_the_whole_batch(fake):
    return F.softplus(-fake).sum()


@answers.wrong("adversarial_loss", says="this is 1 - D(SR)")
def one_minus_d(fake):
    return 1 - torch.sigmoid(fake).mean()


@answers.wrong("adversarial_loss", says="minus the logit")
def minus_logit(fake):
    return -fake.mean()


@answers.wrong("adversarial_loss", says="sigmoid is applied twice")
def sigmoid_twice(fake):
    return F.softplus(-torch.sigmoid(fake)).mean()


@answers.wrong("adversarial_loss", says="The mean of D is taken before the log")
def mean_of_d(fake):
    return -torch.log(torch.sigmoid(fake).mean())


@answers.wrong("adversarial_loss", says="it has no gradient")
def detached(fake):
    return F.softplus(-fake.detach()).mean()


# --- conv_block ------------------------------------------------------------------------------------------------------


@answers.right("conv_block")
class AsAClass(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm = nn.BatchNorm2d(outputs)
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1)  # with the bias that BatchNorm cancels

    def forward(self, x):
        x = self.norm(self.conv(x))
        return torch.maximum(x, 0.2 * x)


@answers.right("conv_block")
def a_list(inputs, outputs, stride):
    layers = [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)]
    return [*layers, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, inplace=True)]


@answers.right("conv_block")
def the_packages(inputs, outputs, stride):
    return models.conv_block(inputs, outputs, stride)


def block_of(*layers):
    return nn.Sequential(*layers)


def conv(inputs, outputs, stride, **options):
    return nn.Conv2d(inputs, outputs, **({"kernel_size": 3, "stride": stride, "padding": 1} | options))


@answers.wrong("conv_block", says="The BatchNorm is missing")
def without_norm(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.LeakyReLU(0.2))


@answers.wrong("conv_block", says="BatchNorm and LeakyReLU have changed places")
def norm_last(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.LeakyReLU(0.2), nn.BatchNorm2d(outputs))


@answers.wrong("conv_block", says="Yours begins with the BatchNorm")
def norm_first(inputs, outputs, stride):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = block_of(nn.BatchNorm2d(inputs), conv(inputs, outputs, stride), nn.LeakyReLU(0.2))

        def forward(self, x):
            return self.layers(x)

    return Block()


@answers.wrong("conv_block", says="This is a ReLU")
def with_relu(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.ReLU())


@answers.wrong("conv_block", says="default of nn.LeakyReLU")
def torchs_slope(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.LeakyReLU())


@answers.wrong("conv_block", says="This is a PReLU")
def with_prelu(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.PReLU())


@answers.wrong("conv_block", says="The activation is missing")
def without_activation(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs))


@answers.wrong("conv_block", says="without padding=1")
def unpadded(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride, padding=0), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


@answers.wrong("conv_block", says="The stride is not used")
def stride_forgotten(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


@answers.wrong("conv_block", says="Does your block always halve them?")
def always_two(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, 2), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


@answers.wrong("conv_block", says="max pooling")
def pooled(inputs, outputs, stride):
    layers = [conv(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    return block_of(*layers, nn.MaxPool2d(2)) if stride == 2 else block_of(*layers)


@answers.wrong("conv_block", says="average pooling after the block")
def averaged(inputs, outputs, stride):
    layers = [conv(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
    return block_of(*layers, nn.AvgPool2d(2, ceil_mode=True)) if stride == 2 else block_of(*layers)


@answers.wrong("conv_block", says="4x4 kernel")
def kernel_of_dcgan(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride, kernel_size=4), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


@answers.wrong("conv_block", says="changed places")
def turned_around(inputs, outputs, stride):
    return block_of(conv(outputs, inputs, stride), nn.BatchNorm2d(inputs), nn.LeakyReLU(0.2))


@answers.wrong("conv_block", says="InstanceNorm")
def instance_norm(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.InstanceNorm2d(outputs, affine=True), nn.LeakyReLU(0.2))


@answers.wrong("conv_block", says="a gamma and a beta")
def not_affine(inputs, outputs, stride):
    return block_of(conv(inputs, outputs, stride), nn.BatchNorm2d(outputs, affine=False), nn.LeakyReLU(0.2))


@answers.wrong("conv_block", says="Is the `return` missing?")
def nothing(inputs, outputs, stride):
    block_of(conv(inputs, outputs, stride))


# --- Head ------------------------------------------------------------------------------------------------------------


@answers.right("Head")
def in_one_row(crop, channels):
    width = 16 * channels
    first = nn.Linear(8 * channels * (crop // 2**4) ** 2, width)
    return nn.Sequential(nn.Flatten(), first, nn.LeakyReLU(0.2), nn.Linear(width, 1))


@answers.right("Head")
class AsConvolutions(nn.Module):
    """A dense layer is a convolution whose kernel is as large as the map."""

    def __init__(self, crop, channels):
        super().__init__()
        self.last = nn.Conv2d(16 * channels, 1, 1)
        self.first = nn.Conv2d(8 * channels, 16 * channels, crop // 16)

    def forward(self, x):
        return self.last(F.leaky_relu(self.first(x), negative_slope=0.2)).view(-1, 1)


@answers.right("Head")
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


@answers.wrong("Head", says="ends with a sigmoid")
def with_sigmoid(crop, channels):
    return head(crop, channels, end=[nn.Sigmoid()])


@answers.wrong("Head", says="6 x 6 is right for crops of 96 alone")
def only_for_96(crop, channels):
    return head(crop, channels, inputs=8 * channels * 36)


@answers.wrong("Head", says="halved four times")
def three_halvings(crop, channels):
    return head(crop, channels, inputs=8 * channels * (crop // 8) ** 2)


@answers.wrong("Head", says="halved it five times")
def five_halvings(crop, channels):
    return head(crop, channels, inputs=8 * channels * (crop // 32) ** 2)


@answers.wrong("Head", says="The crop's own size")
def not_halved(crop, channels):
    return head(crop, channels, inputs=8 * channels * crop**2)


@answers.wrong("Head", says="Height *times* width")
def one_side(crop, channels):
    return head(crop, channels, inputs=8 * channels * (crop // 16))


@answers.wrong("Head", says="512 maps are right for 64 channels alone")
def fixed_maps(crop, channels):
    return head(crop, channels, inputs=512 * (crop // 16) ** 2)


@answers.wrong("Head", says="1024 is right for 64 channels alone")
def fixed_width(crop, channels):
    return head(crop, channels, hidden=1024)


@answers.wrong("Head", says="were averaged away")
class Averaged(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        self.layers = head(crop, channels, inputs=8 * channels)

    def forward(self, x):
        return self.layers(x.mean(dim=(2, 3)))


@answers.wrong("Head", says="Between the dense layers is a ReLU")
def relu_between(crop, channels):
    return head(crop, channels, act=nn.ReLU())


@answers.wrong("Head", says="default of nn.LeakyReLU")
def slope_of_torch(crop, channels):
    return head(crop, channels, act=nn.LeakyReLU())


@answers.wrong("Head", says="There is no activation between")
def linear(crop, channels):
    return head(crop, channels, act=nn.Identity())


@answers.wrong("Head", says="a row. (N, 1) is expected")
def squeezed(crop, channels):
    return head(crop, channels, end=[nn.Flatten(0)])


@answers.wrong("Head", says="two numbers a crop")
class TwoClasses(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(8 * channels * (crop // 16) ** 2, 2))

    def forward(self, x):
        return self.layers(x)


@answers.wrong("Head", says="one dense layer")
def at_once(crop, channels):
    return nn.Sequential(nn.Flatten(), nn.Linear(8 * channels * (crop // 16) ** 2, 1))


@answers.wrong("Head", says="Are the maps flattened")
def not_flattened(crop, channels):
    return head(crop, channels)[1:]


@answers.wrong("Head", says="in another order than nn.Flatten")
class ChannelsLast(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        self.layers = head(crop, channels)

    def forward(self, x):
        return self.layers(x.permute(0, 2, 3, 1).contiguous())


@answers.wrong("Head", says="is a bias switched off?")
def without_bias(crop, channels):
    layers = head(crop, channels)
    layers[3] = nn.Linear(16 * channels, 1, bias=False)
    return layers


@answers.wrong("Head", says="Dropout")
def with_dropout(crop, channels):
    return head(crop, channels, act=nn.Sequential(nn.LeakyReLU(0.2), nn.Dropout(0.5)))


TestLesson05 = answers.tests()

# --- against numbers from outside ------------------------------------------------------------------------------------


def test_optimum_against_counting():
    """Of a thousand real and a thousand generated samples in each place, this share is real."""
    p, q = torch.tensor([0.3, 0.1, 0.0, 0.25]), torch.tensor([0.1, 0.3, 0.5, 0.25])
    counts = [(300, 100), (100, 300), (0, 500), (250, 250)]
    wanted = [real / (real + generated) for real, generated in counts]
    assert optimal_discriminator(p, q).tolist() == pytest.approx(wanted)


def test_losses_by_hand_and_as_the_package_has_them():
    """-log(3/4) - log(1 - 1/4) for logits of log 3 and -log 3; log 4 where D knows nothing."""
    real, fake = torch.tensor([[math.log(3)]]), torch.tensor([[-math.log(3)]])
    assert float(discriminator_loss(real, fake)) == pytest.approx(2 * math.log(4 / 3))
    assert float(adversarial_loss(fake)) == pytest.approx(math.log(4))
    zero = torch.zeros(3, 1)
    assert float(discriminator_loss(zero, zero)) == pytest.approx(math.log(4))
    real, fake = torch.linspace(-200, 200, 9)[:, None], torch.linspace(150, -90, 9)[:, None]
    assert torch.equal(discriminator_loss(real, fake), losses.discriminator_loss(real, fake))
    assert torch.equal(adversarial_loss(fake), losses.adversarial_loss(fake))


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
        assert grade("conv_block", AsAClass).passed
        assert "This is a ReLU" in grade("conv_block", with_relu).message
        assert "in another order" in grade("Head", ChannelsLast).message
