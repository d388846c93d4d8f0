"""Answers to exercise perceptual_loss as students write them, and its reference against numbers from outside."""

import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.exercises.lesson07.perceptual_loss import perceptual_loss
from srgan_lessons.losses import adversarial_loss, mse_loss
from srgan_lessons.losses import perceptual_loss as packages_perceptual_loss

answers = Answers(
    "perceptual_loss",
    sentences="""
the formula above, averaged over the batch :: summed; without_weight
(N, 3, H, W) in [0, 1] :: F mse; clamped sr
`logits`, (N, 1), is what D says about `sr` :: sign; shape N 1
The content loss is `mse_loss(sr, hr)` :: l1; no content
it changes the range to [-1, 1] by itself :: range_changed_twice
its second argument is the fixed target and gets no gradient :: argument order
a tensor with one number :: both; item
passes gradients to `sr` and to `logits` :: sr detached; opinion_detached
must be finite, and not capped, even for logits of -300 :: sigmoid log; eps; clamped logits
""",
)


@answers.right
def by_cross_entropy(sr, hr, logits):
    adversarial = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    return ((2 * sr - 2 * hr) ** 2).mean() + 0.001 * adversarial


@answers.right
def by_logsigmoid(sr, hr, logits):
    return 4 * F.mse_loss(sr, hr) - F.logsigmoid(logits).mean() / 1000


@answers.right
def by_logaddexp(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * torch.logaddexp(torch.zeros_like(logits), -logits).mean()


@answers.wrong(says="a sigmoid has become exactly 0, and its log is not finite")
def sigmoid_then_log(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * (-torch.log(torch.sigmoid(logits))).mean()


@answers.wrong(says="sign of D's own loss")
def labels_of_d(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(logits).mean()


@answers.wrong(says="log(1 - D(SR))")
def minimax(sr, hr, logits):
    return mse_loss(sr, hr) - 1e-3 * F.softplus(logits).mean()


@answers.wrong(says="the minus sign of -log D(SR) is missing")
def log_without_minus(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.logsigmoid(logits).mean()


@answers.wrong(says="Both parts count the same")
def without_weight(sr, hr, logits):
    return mse_loss(sr, hr) + F.softplus(-logits).mean()


@answers.wrong(says="The weight is on the wrong part")
def weight_on_content(sr, hr, logits):
    return 1e-3 * mse_loss(sr, hr) + F.softplus(-logits).mean()


@answers.wrong(says="The weight is 1e-2")
def ten_times(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-2 * F.softplus(-logits).mean()


@answers.wrong(says="content loss alone")
def content_alone(sr, hr, logits):
    return mse_loss(sr, hr)


@answers.wrong(says="1e-3 times the adversarial loss. Add")
def adversarial_alone(sr, hr, logits):
    return 1e-3 * F.softplus(-logits).mean()


@answers.wrong(says="the sigmoid is already in the formula")
def sigmoid_twice(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-torch.sigmoid(logits)).mean()


@answers.wrong(says="without a log")
def without_log(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * (1 - torch.sigmoid(logits)).mean()


@answers.wrong(says="squared error")
def least_squares(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * ((logits - 1) ** 2).mean()


@answers.wrong(says="summed over the batch")
def summed(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-logits).sum()


@answers.wrong(says="measured on [0, 1]")
def torchs_mse(sr, hr, logits):
    return F.mse_loss(sr, hr) + 1e-3 * F.softplus(-logits).mean()


@answers.wrong(says="it has no gradient")
def as_a_number(sr, hr, logits):
    return perceptual_loss(sr, hr, logits).item()


@answers.wrong(says="reaches logits")
def opinion_detached(sr, hr, logits):
    return perceptual_loss(sr, hr, logits.detach())


@answers.wrong(says="tuple of 2 values comes back")
def both_parts(sr, hr, logits):
    return mse_loss(sr, hr), F.softplus(-logits).mean()


@answers.wrong(says="tuple of 1 value comes back")
def a_comma_too_many(sr, hr, logits):
    return (perceptual_loss(sr, hr, logits),)


@answers.wrong(says="Is the `return` missing?")
def no_return(sr, hr, logits):
    perceptual_loss(sr, hr, logits)


@answers.wrong(says="or an exp has become infinite")
def log_of_one_plus_exp(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * torch.log(1 + torch.exp(-logits)).mean()


@answers.wrong(says="the log of a negative number is nan")
def log_of_logits(sr, hr, logits):
    return mse_loss(sr, hr) - 1e-3 * torch.log(logits).mean()


@answers.wrong(says="finite, but capped")
def log_with_epsilon(sr, hr, logits):
    return mse_loss(sr, hr) - 1e-3 * torch.log(torch.sigmoid(logits) + 1e-8).mean()


@answers.wrong(says="finite, but capped")
def cross_entropy_of_probabilities(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.binary_cross_entropy(logits.sigmoid(), torch.ones_like(logits))


@answers.wrong(says="finite, but capped")
def logits_clamped(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-logits.clamp(-100, 100)).mean()


@answers.wrong(says="The order is (sr, hr): hr is the fixed target and gets no gradient")
def target_first(sr, hr, logits):
    return mse_loss(hr, sr) + 1e-3 * F.softplus(-logits).mean()


@answers.wrong(says="The weight of 1e-3 is on the whole sum")
def weight_on_the_sum(sr, hr, logits):
    return 1e-3 * (mse_loss(sr, hr) + F.softplus(-logits).mean())


@answers.wrong(says="mean absolute error")
def absolute_error(sr, hr, logits):
    return F.l1_loss(sr, hr) + 1e-3 * F.softplus(-logits).mean()


@answers.wrong(says="The logits are averaged before softplus")
def mean_before_softplus(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-logits.mean())


@answers.wrong(says="the mean of -logit")
def wasserstein(sr, hr, logits):
    return mse_loss(sr, hr) - 1e-3 * logits.mean()


@answers.wrong(says="the range is changed twice")
def range_changed_twice(sr, hr, logits):
    return mse_loss(2 * sr - 1, 2 * hr - 1) + 1e-3 * F.softplus(-logits).mean()


@answers.wrong(says="it is called with (sr, hr, logits), but yours takes (sr, logits, hr)")
def parameters_in_another_order(sr, logits, hr):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-logits).mean()


@answers.wrong(says="logits of shape (4, 1), and their shapes do not fit")
def hr_and_logits_swapped(sr, hr, logits):
    return mse_loss(sr, logits) + 1e-3 * F.softplus(-hr).mean()


@answers.wrong(says="made from sr, not from D's answer")
def opinion_of_pixels(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-sr).mean()


@answers.wrong(says="made from hr, not from D's answer")
def opinion_of_hr(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-hr).mean()


@answers.wrong(says="The content loss is subtracted")
def content_subtracted(sr, hr, logits):
    return 1e-3 * F.softplus(-logits).mean() - mse_loss(sr, hr)


@answers.wrong(says="The sign of the whole loss is wrong")
def reversed_sign(sr, hr, logits):
    return -mse_loss(sr, hr) - 1e-3 * F.softplus(-logits).mean()


@answers.wrong(says="1 - logit instead of -logit")
def one_minus_logits(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(1 - logits).mean()


@answers.wrong(says="have changed places. The logits come first")
def labels_first(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.binary_cross_entropy_with_logits(torch.ones_like(logits), logits)


@answers.wrong(says="the mean logit")
def the_logit(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * logits.mean()


@answers.wrong(says="x.detach().requires_grad_()")
def sr_requires_a_gradient(sr, hr, logits):
    return perceptual_loss(sr.requires_grad_(), hr, logits)


@answers.wrong(says="which would be added to the caller's own")
def backward_called(sr, hr, logits):
    loss = perceptual_loss(sr, hr, logits)
    loss.backward(retain_graph=True)
    return loss


TestAnswers = answers.tests()


def test_perceptual_loss_is_the_packages():
    torch.manual_seed(0)
    sr, hr, logits = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8), 5 * torch.randn(2, 1)
    theirs = packages_perceptual_loss(mse_loss(sr, hr), adversarial_loss(logits))
    assert torch.equal(perceptual_loss(sr, hr, logits), theirs)
