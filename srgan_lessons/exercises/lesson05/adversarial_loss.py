"""Exercise 5.3: the generator's loss, on logits."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_lessons.exercises.exercise import Exercise, Mistake
from srgan_lessons.exercises.shared.logits import FAKE, LARGE, judge_extreme, judge_gradient, judge_value


def adversarial_loss(fake_logits):
    # SOLUTION
    return F.softplus(-fake_logits).mean()  # -log D(SR)
    # STUB
    # return ...  # the mean of -log D(SR)
    # END


def judge(candidate) -> None:
    judge_value(candidate, (FAKE,), adversarial_loss, _adversarial_slips(FAKE), "SR")
    sure, wrong = torch.full((4, 1), LARGE), torch.full((4, 1), -LARGE)
    judge_extreme(candidate, (wrong,), LARGE, "D is sure that SR is generated (logit -200)")
    judge_extreme(candidate, (sure,), 0.0, "D takes SR for real (logit +200)")
    judge_gradient(candidate, (FAKE,), adversarial_loss)
    judge_gradient(candidate, (wrong,), adversarial_loss)


def _adversarial_slips(fake: Tensor) -> dict[str, Tensor]:
    right, d_fake = F.softplus(-fake).mean(), torch.sigmoid(fake)
    return {
        "This is the discriminator's loss on SR, -log(1 - D). The generator wants the opposite: to be taken for real, "
        "-log D.": F.softplus(fake).mean(),
        "This is log(1 - D), which has hardly any gradient where D is sure. The paper's equation 6 has -log D. If you "
        "wrote -softplus(x): the minus belongs inside.": (-F.softplus(fake).mean()),
        "The sign is wrong: training makes a loss small, and log D should become large. Return -log D.": -right,
        "This is the sum over the batch. Take the mean, so that the loss does not depend on the batch's size.": (
            F.softplus(-fake).sum()
        ),
        "This already has the weight 1e-3. That belongs to the perceptual loss, which adds content and adversarial "
        "loss.": 1e-3 * right,
        "The log is missing: this is 1 - D(SR). The paper's equation 6 has -log D.": (1 - d_fake).mean(),
        "The log is missing: this is -D(SR). The paper's equation 6 has -log D.": -d_fake.mean(),
        "This is a Wasserstein GAN's loss, minus the logit. The paper's equation 6 has -log D.": -fake.mean(),
        "This is the logit itself, without a logarithm: it falls as D(SR) falls, but the generator wants D(SR) to "
        "rise. The paper's equation 6 has -log D, softplus(-logit).": fake.mean(),
        "The log is missing, and the sign is wrong: this is D(SR). The paper's equation 6 has -log D.": d_fake.mean(),
        "1 - logit is used instead of -logit. -log D is softplus(-logit).": F.softplus(1 - fake).mean(),
        "This is 1 - softplus(logit). That is not -log D, which is softplus(-logit): the minus belongs inside.": (
            1 - F.softplus(fake).mean()
        ),
        "Logits and labels of binary_cross_entropy_with_logits have changed places: the logits come first.": (
            F.binary_cross_entropy_with_logits(torch.ones_like(fake), fake)
        ),
        "This is the least-squares GAN's loss. The paper's equation 6 has -log D.": (fake - 1).square().mean(),
        "The log is missing: this is (1 - D(SR)) squared. The paper's equation 6 has -log D.": (
            (1 - d_fake).square().mean()
        ),
        "This is the discriminator's whole loss, with SR in both parts. The generator's loss has one part: -log D.": (
            right + F.softplus(fake).mean()
        ),
        "The sigmoid is applied twice: softplus and F.binary_cross_entropy_with_logits take logits, not "
        "probabilities.": F.softplus(-d_fake).mean(),
        "The mean is taken before the log. Each crop has its own loss; the mean comes last.": F.softplus(-fake.mean()),
        "The mean of D is taken before the log. Each crop has its own loss; the mean comes last.": (
            -torch.log(d_fake.mean())
        ),
        "This is the loss of the first crop alone. Take the mean over the batch.": F.softplus(-fake[0]).mean(),
        "This is the loss of the last crop alone. Take the mean over the batch.": F.softplus(-fake[-1]).mean(),
        "This is the median over the batch. Take the mean.": F.softplus(-fake).median(),
        "This is the largest loss of the batch. Take the mean.": F.softplus(-fake).max(),
        "This is a ReLU of minus the logit, without a logarithm. -log D is softplus(-logit).": F.relu(-fake).mean(),
        "The label is 0.9 (label smoothing). In -log D(SR), it is 1.": F.binary_cross_entropy_with_logits(
            fake, torch.full_like(fake, 0.9)
        ),
        "This is always 0, because a softmax over a single column is always 1. D is the sigmoid of its one logit.": (
            torch.tensor(0.0)
        ),
        "This is a softmax over the batch. Each crop has its own D, the sigmoid of its logit.": (
            -F.log_softmax(fake, dim=0).mean()
        ),
        "The sum is divided by 8, whatever the batch. Take the mean.": F.softplus(-fake).sum() / 8,
        "The sum is divided by 16, whatever the batch. Take the mean.": F.softplus(-fake).sum() / 16,
        "The absolute values of the logits are taken. The sign says whether D takes SR for real: keep it.": (
            F.softplus(fake.abs()).mean()
        ),
        "This uses the sigmoid of twice the logit, with tanh or with beta=2 in softplus. D is the sigmoid of the "
        "logit.": (F.softplus(-2 * fake).mean()),
        "beta of F.softplus is not 1. -log D is softplus(-logit), with no other settings.": (
            F.softplus(-fake, beta=2).mean()
        ),
        "This is the hinge loss. The paper's equation 6 has -log D.": F.relu(1 - fake).mean(),
        "log10 was used. The paper's log is the natural one.": right / np.log(10),
        "log2 was used. The paper's log is the natural one.": right / np.log(2),
    }


EXERCISE = Exercise(
    name="adversarial_loss",
    lesson=5,
    place=3,
    title="the generator's loss, on logits",
    difficulty="easy",
    minutes=4,
    reference=adversarial_loss,
    judge=judge,
    hints=(
        "The generator wants SR to be taken for real. Which part of the discriminator's loss says so?",
        "From logits, -log D(SR) is computed like the discriminator's loss on HR.",
        "F.softplus(-fake_logits).mean(). The weight 1e-3 comes later, with the content loss.",
    ),
    mistakes=(
        Mistake(
            "log(1 - D(SR))",
            says="has hardly any gradient where D is sure",
            ask="D is sure. How steep is the loss there?",
        ),
        Mistake("times 1e-3", says="weight 1e-3", ask="Where does the paper put the weight?"),
    ),
)
