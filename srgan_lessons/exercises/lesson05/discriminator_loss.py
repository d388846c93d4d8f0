"""Exercise 5.2: the discriminator's loss, on logits."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_lessons.exercises.exercise import Exercise, Mistake
from srgan_lessons.exercises.shared.logits import (
    FAKE,
    LARGE,
    judge_extreme,
    judge_gradient,
    judge_value,
    wrong_signs,
)


def discriminator_loss(real_logits, fake_logits):
    # SOLUTION
    on_real = F.softplus(-real_logits).mean()  # -log D(HR)
    on_fake = F.softplus(fake_logits).mean()  # -log(1 - D(SR))
    # STUB
    # on_real = ...  # 1. the mean of -log D(HR)
    # on_fake = ...  # 2. the mean of -log(1 - D(SR))
    # END
    return on_real + on_fake


REAL = torch.tensor([[2.0], [-1.0], [0.5], [3.0]])  # (4, 1)


def judge(candidate) -> None:
    judge_value(candidate, (REAL, FAKE), discriminator_loss, _discriminator_slips(REAL, FAKE), "HR and SR")
    sure, wrong = torch.full((4, 1), LARGE), torch.full((4, 1), -LARGE)
    judge_extreme(candidate, (wrong, wrong), LARGE, "D is wrong and very sure (logit -200 for HR)")
    judge_extreme(candidate, (sure, sure), LARGE, "D is wrong and very sure (logit +200 for SR)")
    judge_extreme(candidate, (sure, wrong), 0.0, "D is right and very sure (logits of +-200)")
    judge_gradient(candidate, (REAL, FAKE), discriminator_loss)
    judge_gradient(candidate, (wrong, sure), discriminator_loss)


def _discriminator_slips(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """The result of each usual mistake."""
    plus, minus = F.softplus, lambda x: F.softplus(-x)
    on_real, on_fake = minus(real).mean(), plus(fake).mean()
    right = on_real + on_fake
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    bce = F.binary_cross_entropy_with_logits
    return {
        "Real and generated have changed places: this loss is small if the logits of HR are below 0 and those of SR "
        "above. -log D is for HR, -log(1 - D) for SR.": plus(real).mean() + minus(fake).mean(),
        "Both are treated as real. On SR, D should be low: -log(1 - D), which is softplus(+x).": (
            on_real + minus(fake).mean()
        ),
        "Both are treated as generated. On HR, D should be high: -log D, which is softplus(-x).": (
            plus(real).mean() + on_fake
        ),
        "Both parts are made from the logits of HR. The second one judges SR.": on_real + plus(real).mean(),
        "Both parts are made from the logits of SR. The first one judges HR.": minus(fake).mean() + on_fake,
        "This is the part on HR alone. The part on SR is missing, or always 0.": on_real,
        "This is the part on SR alone. The part on HR is missing, or always 0 (as F.cross_entropy of a single column "
        "is).": on_fake,
        "This is half of the loss. The mean over HR *plus* the mean over SR is expected, not the mean of both.": (
            right / 2
        ),
        "This is the sum over the batch. Take the mean, so that the loss does not depend on the batch's size.": (
            minus(real).sum() + plus(fake).sum()
        ),
        "The sign is wrong: this is log D + log(1 - D), which D should make large. Training makes a loss "
        "small.": -right,
        "The part on SR is subtracted. Both are losses: add them.": on_real - on_fake,
        "The part on HR is subtracted: its sign is wrong. Both are losses: add them.": on_fake - on_real,
        "The sigmoid is applied twice: softplus and F.binary_cross_entropy_with_logits take logits, not "
        "probabilities.": minus(d_real).mean() + plus(d_fake).mean(),
        "On HR, logits and labels of binary_cross_entropy_with_logits have changed places: the logits come first.": (
            bce(torch.ones_like(real), real) + on_fake
        ),
        "On SR, logits and labels of binary_cross_entropy_with_logits have changed places: the logits come first.": (
            on_real + bce(torch.zeros_like(fake), fake)
        ),
        "Logits and labels of binary_cross_entropy_with_logits have changed places: the logits come first.": (
            bce(torch.ones_like(real), real) + bce(torch.zeros_like(fake), fake)
        ),
        "The log is missing: this is 1 - D(HR) + D(SR). Cross-entropy is asked for.": (
            (1 - d_real).mean() + d_fake.mean()
        ),
        "This is the loss of a Wasserstein GAN, a difference of logits. Cross-entropy is asked for.": (
            fake.mean() - real.mean()
        ),
        "This is a difference of logits, as in a Wasserstein GAN, and its sign is reversed. Cross-entropy is asked "
        "for.": real.mean() - fake.mean(),
        "This is the least-squares GAN's loss. Cross-entropy is asked for.": (
            (real - 1).square().mean() + fake.square().mean()
        ),
        "The mean is taken before the softplus. Each crop has its own loss; the mean comes last.": (
            minus(real.mean()) + plus(fake.mean())
        ),
        "You take the sum on HR and the mean on SR. Take the mean of each.": minus(real).sum() + on_fake,
        "You take the sum on SR and the mean on HR. Take the mean of each.": on_real + plus(fake).sum(),
        "On HR, this is the hinge loss. -log D is softplus(-logit).": F.relu(1 - real).mean() + on_fake,
        "On HR, this is a squared error. -log D is softplus(-logit).": (real - 1).square().mean() + on_fake,
        "On HR, the sigmoid is applied twice: softplus and binary_cross_entropy_with_logits take logits.": (
            minus(d_real).mean() + on_fake
        ),
        "On SR, the sigmoid is applied twice: softplus and binary_cross_entropy_with_logits take logits.": (
            on_real + plus(d_fake).mean()
        ),
        "On SR, 1 - logit is used. That is not the logit of 1 - D, which is -logit: -log(1 - D) is softplus(logit).": (
            on_real + minus(1 - fake).mean()
        ),
        "The two parts are multiplied. Add them.": on_real * on_fake,
        "These are two ReLUs, without a logarithm. -log D is softplus(-logit), -log(1 - D) is softplus(logit).": (
            F.relu(-real).mean() + F.relu(fake).mean()
        ),
        "On HR, this is 1 - D, without the log.": (1 - d_real).mean() + on_fake,
        "On SR, this is D, without the log.": on_real + d_fake.mean(),
        "This is the hinge loss. Cross-entropy is asked for.": F.relu(1 - real).mean() + F.relu(1 + fake).mean(),
        "HR's label is 0.9 (label smoothing). In -log D(HR), it is 1.": (
            bce(real, torch.full_like(real, 0.9)) + on_fake
        ),
        "SR's label is 0.1 (label smoothing). In -log(1 - D(SR)), it is 0.": (
            on_real + bce(fake, torch.full_like(fake, 0.1))
        ),
        "SR's label is -1. binary_cross_entropy_with_logits expects 0 for generated.": on_real
        + bce(fake, -torch.ones_like(fake)),
        "This is a relativistic loss, as in ESRGAN: from each logit, it subtracts the mean of the others. The paper "
        "judges each crop by itself.": minus(real - fake.mean()).mean() + plus(fake - real.mean()).mean(),
        "This is a relativistic loss, computed from the difference of two logits. The paper judges each crop by "
        "itself: one part for HR, one for SR.": plus(fake - real).mean(),
        "This is a relativistic loss, computed from the difference of two logits, and its sign is reversed. The paper "
        "judges each crop by itself: one part for HR, one for SR.": plus(real - fake).mean(),
        "HR is judged relative to the mean of SR. The paper judges each crop by itself: -log D(HR).": (
            minus(real - fake.mean()).mean() + on_fake
        ),
        "log2 was used. The paper's log is the natural one.": right / np.log(2),
    } | {message: loss(real, fake) for message, loss in wrong_signs().items()}


EXERCISE = Exercise(
    name="discriminator_loss",
    lesson=5,
    place=2,
    title="the discriminator's loss, on logits",
    difficulty="medium",
    minutes=6,
    reference=discriminator_loss,
    judge=judge,
    hints=(
        "Do not compute D. Write -log(1 / (1 + exp(-x))) without the fraction: it is log(1 + ...).",
        "-log sigmoid(x) = log(1 + exp(-x)) = softplus(-x), and 1 - sigmoid(x) = sigmoid(-x). F.softplus computes "
        "log(1 + exp(x)) for every x.",
        "F.softplus(-real_logits).mean() for HR, F.softplus(fake_logits).mean() for SR.",
    ),
    mistakes=(
        Mistake("sigmoid, then log", says="sigmoid gives exactly 0 or 1", ask="What is log(0)?"),
        Mistake(
            "the mean over both batches together", says="half of the loss", ask="How many means are in the formula?"
        ),
    ),
)
