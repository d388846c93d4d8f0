"""Answers to exercise adversarial_loss as students write them, and its reference against numbers from outside."""

import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

answers = Answers(
    "adversarial_loss",
    sentences=r"""
the generator's side -- says whose loss it is
It wants its samples to be taken for real :: sign
the mean of $-\log D(SR)$ :: sum; minimax; weight included
Write it for logits :: probabilities; sigmoid log
a large loss where D is sure that SR is generated :: sign; eps
a loss near 0 where D is deceived :: sign
""",
)


@answers.right
def to_be_real(fake):
    return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


@answers.right
def log_sigmoid_of_fake(fake_logits):
    return F.logsigmoid(fake_logits).neg().mean()


@answers.right
def written_out(x):
    return (x.clamp(max=0).neg() + torch.log1p(torch.exp(-x.abs()))).mean()


@answers.wrong(says="discriminator's loss on SR")
def to_be_generated(fake):
    return F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))


@answers.wrong(says="has hardly any gradient where D is sure")
def saturating(fake):
    return F.logsigmoid(-fake).mean()


@answers.wrong(says="The sign is wrong")
def log_d(fake):
    return F.logsigmoid(fake).mean()


@answers.wrong(says="sigmoid gives exactly 0 or 1")
def minus_log_sigmoid(fake):
    return -torch.log(torch.sigmoid(fake)).mean()


@answers.wrong(says="something limits")
def with_a_small_constant(fake):
    return -torch.log(torch.sigmoid(fake) + 1e-8).mean()


@answers.wrong(says="something limits")
def of_probabilities(fake):
    return nn.BCELoss()(torch.sigmoid(fake), torch.ones_like(fake))


@answers.wrong(says="weight 1e-3")
def weighted(fake):
    return 1e-3 * F.softplus(-fake).mean()


@answers.wrong(says="sum over the batch")
def of_the_whole_batch(fake):
    return F.softplus(-fake).sum()


@answers.wrong(says="this is 1 - D(SR)")
def one_minus_d(fake):
    return 1 - torch.sigmoid(fake).mean()


@answers.wrong(says="minus the logit")
def minus_logit(fake):
    return -fake.mean()


@answers.wrong(says="sigmoid is applied twice")
def sigmoid_twice(fake):
    return F.softplus(-torch.sigmoid(fake)).mean()


@answers.wrong(says="The mean of D is taken before the log")
def mean_of_d(fake):
    return -torch.log(torch.sigmoid(fake).mean())


@answers.wrong(says="it has no gradient")
def detached(fake):
    return F.softplus(-fake.detach()).mean()


@answers.wrong(says="This is the logit itself")
def the_logit(fake_logits):
    return fake_logits.mean()


@answers.wrong(says="The log is missing, and the sign is wrong: this is D(SR)")
def the_probability(fake_logits):
    return torch.sigmoid(fake_logits).mean()


@answers.wrong(says="1 - logit is used instead of -logit")
def one_minus_logit(fake_logits):
    return F.softplus(1 - fake_logits).mean()


@answers.wrong(says="This is 1 - softplus(logit)")
def one_minus_softplus(fake_logits):
    return (1 - F.softplus(fake_logits)).mean()


@answers.wrong(says="Logits and labels of binary_cross_entropy_with_logits have changed places")
def labels_before_logits(fake_logits):
    return F.binary_cross_entropy_with_logits(torch.ones_like(fake_logits), fake_logits)


TestAnswers = answers.tests()
