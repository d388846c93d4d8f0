"""Lesson 05, Discriminator: the best one, both losses on logits, the convolution block, the head for a size of crop."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.classroom.judges.discriminator import judge_conv_block, judge_head
from srgan_lessons.classroom.judging import Exercise, NotYet, as_array, as_number, call, recognise

# --- the best discriminator ------------------------------------------------------------------------------------------


def optimal_discriminator(p, q):
    seen = p + q > 0
    share = p / (p + q)  # (n,)
    return torch.where(seen, share, 0.5)


def judge_optimal_discriminator(candidate) -> None:
    p = torch.tensor([0.8, 0.3, 0.1, 0.0, 1.5, 0.25, 0.4])  # (7,): densities may be larger than 1
    q = torch.tensor([0.2, 0.3, 0.7, 0.6, 0.05, 1.75, 0.1])  # (7,)
    result = as_array(call(candidate, p, q), tuple(p.shape))
    right = (p / (p + q)).numpy()
    if np.abs(result - right).max() > 1e-5:
        recognise(result, _optimum_slips(p, q), within=1e-5)
        place = int(np.argmax(np.abs(result - right)))
        raise NotYet(
            f"Where p is {p[place]:.2f} and q is {q[place]:.2f} you return {result[place]:.3g}; {right[place]:.3g} is "
            "expected. Of all samples that fall there, which share is real?"
        )
    p, q = torch.tensor([0.5, 0.0, 0.0]), torch.tensor([0.5, 0.0, 1.0])  # (3,): nothing falls on the second place
    value = call(candidate, p, q)
    empty = np.asarray(value.detach() if isinstance(value, Tensor) else value, dtype=float).ravel()
    if len(empty) == 3 and np.isnan(empty[1]):
        raise NotYet("Right, but for one place: where p and q are both 0 you return NaN, 0 / 0. There 0.5 is expected.")
    empty = as_array(value, (3,))
    if abs(empty[1] - 0.5) > 1e-5:
        raise NotYet(f"Right, but where p and q are both 0 you return {empty[1]:.3g}. Nothing is known there: 0.5.")


def _optimum_slips(p: Tensor, q: Tensor) -> dict[str, Tensor]:
    share = p / (p + q)
    return {
        "This is the share of the generated ones. D is the probability of *real*.": 1 - share,
        "This is the ratio p / q, the odds. It may be any large number; a probability is p out of all, p + q.": p / q,
        "This is the density p. It says how often a real sample falls there, not which share of all samples is real.": (
            p
        ),
        "This says 1 wherever real is more likely, else 0: a verdict. D gives the probability.": (p > q).float(),
        "This says 1 wherever real is at least as likely, else 0: a verdict. D gives the probability.": (
            p >= q
        ).float(),
        "This is p - q. Both fall at the same place: which *share* is real?": p - q,
        "This is the sigmoid of p - q, or the softmax of p and q. Both want logarithms: the logit is log p - log q.": (
            torch.sigmoid(p - q)
        ),
        "This is the sigmoid of p / q, without the log: the sigmoid takes the logit, log p - log q.": torch.sigmoid(
            p / q
        ),
        "This is the mean of p and q. Which share of p + q is real?": (p + q) / 2,
        "This is half of it: p out of p + q, not out of twice as many.": share / 2,
        "p * p is compared with q * q. The densities themselves say how many fall there.": p**2 / (p**2 + q**2),
    }


# --- losses on logits ------------------------------------------------------------------------------------------------


def discriminator_loss(real_logits, fake_logits):
    on_real = F.softplus(-real_logits).mean()  # -log D(HR)
    on_fake = F.softplus(fake_logits).mean()  # -log(1 - D(SR))
    return on_real + on_fake


def adversarial_loss(fake_logits):
    return F.softplus(-fake_logits).mean()  # -log D(SR)


REAL = torch.tensor([[2.0], [-1.0], [0.5], [3.0]])  # (4, 1)
FAKE = torch.tensor([[-2.5], [1.0], [-0.25], [0.75]])  # (4, 1)
LARGE = 200.0  # no sigmoid of float32 survives it
ON_LOGITS = "Work on the logits: softplus(x) = log(1 + exp(x)) knows how."


def judge_discriminator_loss(candidate) -> None:
    right = float(discriminator_loss(REAL, FAKE))
    _judge_value(candidate, (REAL, FAKE), right, _discriminator_slips(REAL, FAKE), "HR and SR")
    sure, wrong = torch.full((4, 1), LARGE), torch.full((4, 1), -LARGE)
    _judge_extreme(candidate, (wrong, wrong), LARGE, "HR is judged -200: wrong, and sure of it")
    _judge_extreme(candidate, (sure, sure), LARGE, "SR is judged +200: wrong, and sure of it")
    _judge_extreme(candidate, (sure, wrong), 0.0, "all is judged right, at +-200")
    _judge_gradient(candidate, (REAL, FAKE), discriminator_loss)
    _judge_gradient(candidate, (wrong, sure), discriminator_loss)


def judge_adversarial_loss(candidate) -> None:
    _judge_value(candidate, (FAKE,), float(adversarial_loss(FAKE)), _adversarial_slips(FAKE), "SR")
    sure, wrong = torch.full((4, 1), LARGE), torch.full((4, 1), -LARGE)
    _judge_extreme(candidate, (wrong,), LARGE, "D is sure, at -200, that SR is generated")
    _judge_extreme(candidate, (sure,), 0.0, "D takes SR for real, at +200")
    _judge_gradient(candidate, (FAKE,), adversarial_loss)
    _judge_gradient(candidate, (wrong,), adversarial_loss)


def _judge_value(
    candidate: Callable, logits: tuple[Tensor, ...], right: float, slips: Mapping[str, Tensor], whose: str
) -> None:
    """Raises NotYet unless moderate logits give the right value."""
    value = call(candidate, *logits)
    if isinstance(value, Tensor) and value.numel() > 1:
        raise NotYet(f"The result has the shape {tuple(value.shape)}. Return one number: the mean over the batch.")
    result = as_number(value, "the loss")
    if abs(result - right) <= 1e-4:
        return
    recognise(result, {message: float(outcome) for message, outcome in slips.items()}, within=1e-4)
    if result < 0:
        raise NotYet(f"The loss is {result:.4g}. The logarithm of a probability is negative: minus log D is expected.")
    raise NotYet(f"For moderate logits of {whose} the loss is {result:.4g}; {right:.4g} is expected.")


def _judge_extreme(candidate: Callable, logits: tuple[Tensor, ...], right: float, where: str) -> None:
    """Raises NotYet unless logits of +-200 give the right value."""
    value = call(candidate, *logits)
    number = float(value.detach()) if isinstance(value, Tensor) else float(value)
    if not np.isfinite(number):
        raise NotYet(
            f"Right for moderate logits. But where {where}, the loss is {number}: sigmoid gives exactly 0 or 1 there, "
            f"and exp may overflow. {ON_LOGITS}"
        )
    if abs(number - right) > 1e-3:
        raise NotYet(
            f"Right for moderate logits. But where {where}, the loss is {number:.4g}, not {right:g}: something limits "
            f"it, a clamp, a small constant in the log, or torch's own limit of 100 in binary_cross_entropy. "
            f"{ON_LOGITS}"
        )


def _judge_gradient(candidate: Callable, logits: tuple[Tensor, ...], right: Callable) -> None:
    """Raises NotYet unless the gradients are those of the right loss."""
    mine, theirs = ([x.clone().requires_grad_(True) for x in logits] for _ in range(2))
    value = call(lambda: candidate(*mine))
    if not isinstance(value, Tensor) or not value.requires_grad:
        raise NotYet("The value is right, but it has no gradient: nothing would learn. Return the tensor as it is.")
    got = torch.autograd.grad(value.sum(), mine, allow_unused=True)
    wanted = torch.autograd.grad(right(*theirs), theirs)
    for one, other in zip(got, wanted, strict=True):
        if one is None:
            raise NotYet("One of the two batches gets no gradient: is there a detach, or a .data?")
        if not torch.isfinite(one).all():
            raise NotYet(f"The value is right, but at logits of +-200 the gradient is NaN. {ON_LOGITS}")
        if (one - other).abs().max() > 1e-4:
            raise NotYet(
                f"The value is right, but the gradient is not: for the first crop it is {one.flatten()[0]:.3g}, not "
                f"{other.flatten()[0]:.3g}. Is a part of it detached, or its gradient limited?"
            )


def _discriminator_slips(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """What each usual mistake gives."""
    plus, minus = F.softplus, lambda x: F.softplus(-x)
    on_real, on_fake = minus(real).mean(), plus(fake).mean()
    right = on_real + on_fake
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    return {
        "Real and generated have changed places: this loss is small if HR is judged below 0 and SR above. -log D is "
        "for HR, -log(1 - D) for SR.": plus(real).mean() + minus(fake).mean(),
        "Both are asked to be real. On SR the discriminator shall be low: -log(1 - D), which is softplus(+x).": (
            on_real + minus(fake).mean()
        ),
        "Both are asked to be generated. On HR the discriminator shall be high: -log D, which is softplus(-x).": (
            plus(real).mean() + on_fake
        ),
        "This is the part on HR alone. SR is missing.": on_real,
        "This is the part on SR alone. HR is missing.": on_fake,
        "This is half of it: the mean over HR *plus* the mean over SR is asked for, not the mean of both.": right / 2,
        "This is the sum over the batch. Take the mean, so that the loss does not depend on the batch's size.": (
            minus(real).sum() + plus(fake).sum()
        ),
        "The sign is wrong: this is log D + log(1 - D), which D should make large. A loss is made small.": -right,
        "The part on SR is subtracted. Both are losses, both are added.": on_real - on_fake,
        "sigmoid is applied twice: F.binary_cross_entropy_with_logits, and softplus, take logits, not probabilities.": (
            minus(d_real).mean() + plus(d_fake).mean()
        ),
        "The log is missing: this is 1 - D(HR) + D(SR). Cross-entropy is asked for.": (
            (1 - d_real).mean() + d_fake.mean()
        ),
        "This is the loss of a Wasserstein GAN, a difference of logits. Cross-entropy is asked for.": (
            fake.mean() - real.mean()
        ),
        "This is the least-squares GAN's loss. Cross-entropy is asked for.": (
            (real - 1).square().mean() + fake.square().mean()
        ),
        "The mean is taken before the softplus. Each crop has its own loss; the mean comes last.": (
            minus(real.mean()) + plus(fake.mean())
        ),
        "log2 was used. The paper's log is the natural one.": right / np.log(2),
    }


def _adversarial_slips(fake: Tensor) -> dict[str, Tensor]:
    right, d_fake = F.softplus(-fake).mean(), torch.sigmoid(fake)
    return {
        "This is the discriminator's loss on SR, -log(1 - D). The generator wants the opposite: to be taken for real, "
        "-log D.": F.softplus(fake).mean(),
        "This is log(1 - D), the first idea, which hardly pulls where D is sure. The paper's equation 6 has -log D.": (
            -F.softplus(fake).mean()
        ),
        "The sign is wrong: log D is made large. A loss is made small: -log D.": -right,
        "This is the sum over the batch. Take the mean, so that the loss does not depend on the batch's size.": (
            F.softplus(-fake).sum()
        ),
        "The weight 1e-3 is in it. It belongs to the perceptual loss, which adds content and adversarial loss.": (
            1e-3 * right
        ),
        "The log is missing: this is 1 - D(SR). The paper's equation 6 has -log D.": (1 - d_fake).mean(),
        "The log is missing: this is -D(SR). The paper's equation 6 has -log D.": -d_fake.mean(),
        "This is a Wasserstein GAN's loss, minus the logit. The paper's equation 6 has -log D.": -fake.mean(),
        "This is the least-squares GAN's loss. The paper's equation 6 has -log D.": (fake - 1).square().mean(),
        "sigmoid is applied twice: softplus, and F.binary_cross_entropy_with_logits, take logits, not probabilities.": (
            F.softplus(-d_fake).mean()
        ),
        "The mean is taken before the log. Each crop has its own loss; the mean comes last.": F.softplus(-fake.mean()),
        "The mean of D is taken before the log. Each crop has its own loss; the mean comes last.": (
            -torch.log(d_fake.mean())
        ),
        "log2 was used. The paper's log is the natural one.": right / np.log(2),
    }


# --- block and head --------------------------------------------------------------------------------------------------


def conv_block(inputs, outputs, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2),
    )


class Head(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        side = crop // 16  # halved four times
        self.dense1 = nn.Linear(8 * channels * side * side, 16 * channels)
        self.dense2 = nn.Linear(16 * channels, 1)

    def forward(self, x):  # (N, 8 channels, side, side)
        x = x.flatten(1)  # (N, 8 channels side side)
        x = F.leaky_relu(self.dense1(x), 0.2)  # (N, 16 channels)
        return self.dense2(x)  # (N, 1), logits


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="optimal_discriminator",
        lesson=5,
        title="the best discriminator",
        difficulty="easy",
        minutes=4,
        stub="""
            def optimal_discriminator(p, q):
                seen = p + q > 0
                share = ...  # 1. of all samples that fall here, the share of the real ones
                return torch.where(seen, share, ...)  # 2. and where nothing ever falls?
            """,
        reference=optimal_discriminator,
        judge=judge_optimal_discriminator,
        hints=(
            "Imagine a thousand real and a thousand generated samples. How many of each fall near x, if the densities "
            "there are 0.3 and 0.1?",
            "Near x, samples come in the ratio p to q. The share of the real ones is p out of all, and all is p + q.",
            "share = p / (p + q). Where both are 0 this is 0 / 0, NaN; torch.where(seen, share, 0.5) puts 0.5 there.",
        ),
    ),
    Exercise(
        name="discriminator_loss",
        lesson=5,
        title="the discriminator's loss, on logits",
        difficulty="medium",
        minutes=6,
        stub="""
            def discriminator_loss(real_logits, fake_logits):
                on_real = ...  # 1. the mean of -log D(HR)
                on_fake = ...  # 2. the mean of -log(1 - D(SR))
                return on_real + on_fake
            """,
        reference=discriminator_loss,
        judge=judge_discriminator_loss,
        hints=(
            "Do not compute D. Write -log(1 / (1 + exp(-x))) without the fraction: it is log(1 + something).",
            "-log sigmoid(x) = log(1 + exp(-x)) = softplus(-x), and 1 - sigmoid(x) = sigmoid(-x). F.softplus computes "
            "log(1 + exp(x)) for every x.",
            "F.softplus(-real_logits).mean() for HR, F.softplus(fake_logits).mean() for SR.",
        ),
    ),
    Exercise(
        name="adversarial_loss",
        lesson=5,
        title="the generator's loss, on logits",
        difficulty="easy",
        minutes=4,
        stub="""
            def adversarial_loss(fake_logits):
                return ...  # the mean of -log D(SR)
            """,
        reference=adversarial_loss,
        judge=judge_adversarial_loss,
        hints=(
            "The generator wants SR to be taken for real. Which part of the discriminator's loss says so?",
            "-log D(SR), from logits, is what the discriminator's loss has for HR.",
            "F.softplus(-fake_logits).mean(); the weight 1e-3 comes later, with the content loss.",
        ),
    ),
    Exercise(
        name="conv_block",
        lesson=5,
        title="a block of the discriminator",
        difficulty="easy",
        minutes=6,
        stub="""
            def conv_block(inputs, outputs, stride):
                return nn.Sequential(
                    nn.Conv2d(...),  # 1. 3x3; stride 1 keeps height and width, stride 2 halves them
                    ...,  # 2. what stands between convolution and activation
                    ...,  # 3. the activation
                )
            """,
        reference=conv_block,
        judge=judge_conv_block,
        hints=(
            "Three layers. Which of them keeps the maps at the same scale, and which lets negative numbers through?",
            "nn.Conv2d(inputs, outputs, 3, ...) needs its stride and a padding of 1; then BatchNorm; then LeakyReLU, "
            "whose slope in the paper is not torch's default.",
            "nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2).",
        ),
    ),
    Exercise(
        name="Head",
        lesson=5,
        title="the head for a size of crop",
        difficulty="medium",
        minutes=7,
        stub="""
            class Head(nn.Module):
                def __init__(self, crop, channels):
                    super().__init__()
                    side = ...  # 1. height and width of the last maps; 6 for crops of 96
                    self.dense1 = ...  # 2. from all numbers of 8 * channels maps to 16 * channels numbers
                    self.dense2 = ...  # 3. from these to one logit

                def forward(self, x):  # (N, 8 channels, side, side)
                    x = x.flatten(1)  # (N, 8 channels side side)
                    x = ...  # 4. the first dense layer and its LeakyReLU
                    return self.dense2(x)  # (N, 1), logits
            """,
        reference=Head,
        judge=judge_head,
        hints=(
            "Count the convolutions of stride 2 in the table. Each halves height and width. What is left of 96, of 32?",
            "side = crop // 16. A dense layer takes a row of numbers: maps x height x width of them.",
            "self.dense1 = nn.Linear(8 * channels * side * side, 16 * channels), self.dense2 = nn.Linear(16 * "
            "channels, 1), and x = F.leaky_relu(self.dense1(x), 0.2). No sigmoid at the end.",
        ),
    ),
)
