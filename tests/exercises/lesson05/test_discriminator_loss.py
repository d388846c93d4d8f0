"""Answers to exercise discriminator_loss as students write them, and its reference against numbers from outside."""

import math

import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons import losses
from srgan_lessons.exercises.lesson05.adversarial_loss import adversarial_loss
from srgan_lessons.exercises.lesson05.discriminator_loss import discriminator_loss

answers = Answers(
    "discriminator_loss",
    sentences=r"""
the mean of $-\log D$ over the real samples :: real sign; only fake; sum
plus the mean of $-\log(1 - D)$ over the generated ones :: fake sign; only real; half
(In SRGAN, the real samples are HR crops, and the generated ones are SR -- says what the stub's comments mean
Both come as logits, (N, 1) :: bce on logits; no mean
exact even at logits of 200 and -200 :: log of sigmoid; log with eps; clamped logits
a loss and gradients :: detached; in numpy
`log 4` where all logits are 0 :: half; log2
""",
)


@answers.right
def cross_entropy(real, fake):
    with_logits = F.binary_cross_entropy_with_logits
    return with_logits(real, torch.ones_like(real)) + with_logits(fake, torch.zeros_like(fake))


@answers.right
def log_sigmoid(real_logits, fake_logits):
    return -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()


@answers.right
def log_sum_exp(real, fake):
    zero = torch.zeros_like(real)
    return (torch.logaddexp(zero, -real) + torch.logaddexp(zero, fake)).mean()


@answers.right
def both_at_once(real, fake):
    logits = torch.cat([real, fake])
    labels = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    return 2 * nn.BCEWithLogitsLoss()(logits, labels)


@answers.wrong(says="sigmoid gives exactly 0 or 1")
def sigmoid_and_log(real, fake):
    return -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()


@answers.wrong(says="something limits")
def small_constant_in_the_log(real, fake):
    return -torch.log(torch.sigmoid(real) + 1e-8).mean() - torch.log(1 - torch.sigmoid(fake) + 1e-8).mean()


@answers.wrong(says="limit of 100")
def cross_entropy_of_probabilities(real, fake):
    real, fake = torch.sigmoid(real), torch.sigmoid(fake)
    return F.binary_cross_entropy(real, torch.ones_like(real)) + F.binary_cross_entropy(fake, torch.zeros_like(fake))


@answers.wrong(says="something limits")
def clamped_logits(real, fake):
    return discriminator_loss(real.clamp(-50, 50), fake.clamp(-50, 50))


@answers.wrong(says="exp may overflow")
def log_one_plus_exp(real, fake):
    return torch.log(1 + torch.exp(-real)).mean() + torch.log(1 + torch.exp(fake)).mean()


@answers.wrong(says="have changed places")
def labels_swapped(real, fake):
    return discriminator_loss(fake, real)


@answers.wrong(says="Both are treated as real")
def both_real(real, fake):
    return F.softplus(-real).mean() + F.softplus(-fake).mean()


@answers.wrong(says="Both are treated as generated")
def both_generated(real, fake):
    return F.softplus(real).mean() + F.softplus(fake).mean()


@answers.wrong(says="SR is missing")
def on_hr_alone(real, fake):
    return F.softplus(-real).mean()


@answers.wrong(says="half of the loss")
def mean_of_all(real, fake):
    return torch.cat([F.softplus(-real), F.softplus(fake)]).mean()


@answers.wrong(says="sum over the batch")
def summed(real, fake):
    return F.softplus(-real).sum() + F.softplus(fake).sum()


@answers.wrong(says="The sign is wrong")
def made_large(real, fake):
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


@answers.wrong(says="sigmoid is applied twice")
def twice(real, fake):
    return cross_entropy(torch.sigmoid(real), torch.sigmoid(fake))


@answers.wrong(says="The log is missing")
def without_log(real, fake):
    return 1 - torch.sigmoid(real).mean() + torch.sigmoid(fake).mean()


@answers.wrong(says="Wasserstein")
def wasserstein(real, fake):
    return fake.mean() - real.mean()


@answers.wrong(says="The mean is taken before")
def mean_first(real, fake):
    return F.softplus(-real.mean()) + F.softplus(fake.mean())


@answers.wrong(says="Return one number")
def a_loss_each(real, fake):
    return F.softplus(-real) + F.softplus(fake)


@answers.wrong(says="it has no gradient")
def as_float(real, fake):
    return discriminator_loss(real, fake).item()


@answers.wrong(says="gets no gradient")
def fake_detached(real, fake):
    return discriminator_loss(real, fake.detach())


@answers.wrong(says="the gradient is NaN")
def where_around_it(real, fake):
    def minus_log(x):
        return torch.where(x < -80, -x, -torch.log(torch.sigmoid(x)))

    return minus_log(real).mean() + minus_log(-fake).mean()


@answers.wrong(says="Is the `return` missing?")
def forgotten(real, fake):
    discriminator_loss(real, fake)


@answers.wrong(says="On SR, your loss is -softplus(-x), which is log D. It should be softplus(x)")
def minus_outside_on_sr(real_logits, fake_logits):
    return F.softplus(-real_logits).mean() - F.softplus(-fake_logits).mean()


@answers.wrong(says="On HR, your loss is -softplus(x), which is log(1 - D). It should be softplus(-x), which is -log D")
def minus_outside_on_hr(real_logits, fake_logits):
    return F.softplus(fake_logits).mean() - F.softplus(real_logits).mean()


@answers.wrong(
    says="On HR, your loss is softplus(x), which is -log(1 - D). It should be softplus(-x), which is -log D. On SR"
)
def labels_swapped_and_subtracted(real_logits, fake_logits):
    return F.softplus(real_logits).mean() - F.softplus(fake_logits).mean()


@answers.wrong(says="a difference of logits, as in a Wasserstein GAN, and its sign is reversed")
def difference_reversed(real_logits, fake_logits):
    return real_logits.mean() - fake_logits.mean()


@answers.wrong(says="the difference of two logits, and its sign is reversed")
def relativistic_reversed(real_logits, fake_logits):
    return F.softplus(real_logits - fake_logits).mean()


TestAnswers = answers.tests()


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
