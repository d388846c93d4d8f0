"""Exercise 7.1: the perceptual loss."""

import itertools
import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.reading import as_number
from srgan_lessons.exercises.shared.adversarial import WEIGHT, name_sizes, run
from srgan_lessons.files import counted
from srgan_lessons.losses import mse_loss


def perceptual_loss(sr, hr, logits):
    # SOLUTION
    content = mse_loss(sr, hr)
    adversarial = F.softplus(-logits).mean()  # -log D(SR), without a log of 0
    return content + 1e-3 * adversarial
    # STUB
    # content = ...  # 1. how far is SR from HR?
    # adversarial = ...  # 2. -log D(SR), from the logits, mean over the batch
    # return ...  # 3. the sum, with the paper's weight
    # END


def judge(candidate) -> None:
    generator = torch.Generator().manual_seed(7)
    for name, logits in (
        ("of an untrained D", torch.tensor([[0.3], [-0.4], [0.1], [-0.2]])),
        ("of a D that is sure", torch.tensor([[-2.0], [-5.0], [1.0], [-4.0], [-3.0]])),
        ("of a D that is very sure, down to -300", torch.tensor([[-300.0], [-120.0], [9.0], [-150.0]])),
    ):
        hr = torch.rand(len(logits), 3, 8, 8, generator=generator)
        sr = (hr + 0.02 * torch.randn(hr.shape, generator=generator)).requires_grad_()
        logits.requires_grad_()
        target = hr.clone().requires_grad_()  # a gradient here shows that sr and hr were swapped
        try:
            result = run(candidate, sr, target, logits, no_path="no gradient")
        except RuntimeError as error:
            name_sizes(
                error,
                {8: f"images of shape {tuple(sr.shape)}", len(logits): f"logits of shape {tuple(logits.shape)}"},
                "mse_loss takes sr and hr; the logits are for the adversarial part alone.",
            )
            raise
        sure = logits.min() < -100
        if isinstance(result, Tensor) and result.numel() == 1 and not torch.isfinite(result):
            reason = (
                "a sigmoid has become exactly 0, and its log is not finite, or an exp has become infinite"
                if sure
                else "is this the log of the logits? They may be negative, and the log of a negative number is nan"
            )
            raise NotYet(
                f"For logits {name}, the loss is {float(result.detach()):g}: {reason}. Work on the logits: "
                "-log sigmoid(x) is softplus(-x), which is finite for every x."
            )
        _name_perceptual(candidate, result, sr, hr, logits, sure)
        _name_perceptual_gradients(result, sr, target, logits)
    call(candidate, sr.detach(), hr, logits.detach())  # without gradients, as when a network is only measured


def _name_perceptual(candidate, result: Any, sr: Tensor, hr: Tensor, logits: Tensor, sure: bool) -> None:
    if isinstance(result, tuple | list):
        raise NotYet(
            f"A {type(result).__name__} of {counted(len(result), 'value')} comes back. A single number is expected: "
            "the sum of both parts."
        )
    if isinstance(result, Tensor | np.ndarray) and len(result.shape) and result.shape[0] == len(logits):
        raise NotYet(
            f"The loss has the shape {tuple(result.shape)}: a number for each image. Take the mean over the batch."
        )
    value = as_number(result, "the loss")
    bce = F.binary_cross_entropy_with_logits
    with torch.no_grad():
        content, plain = mse_loss(sr, hr).item(), F.mse_loss(sr, hr).item()
        good, bad = F.softplus(-logits).mean().item(), F.softplus(logits).mean().item()
        p = torch.sigmoid(logits)
        count = len(logits)
        slips = {
            "This is the content loss alone. Add 1e-3 times the adversarial loss.": content,
            "This is the adversarial loss alone. Add the content loss, and give this one its weight of 1e-3.": good,
            "This is 1e-3 times the adversarial loss. Add the content loss.": WEIGHT * good,
            "Both parts count the same. The adversarial loss has a weight of 1e-3.": content + good,
            "The content loss is a square root. mse_loss is the mean of squares, without a root.": content**0.5
            + WEIGHT * good,
            "The label is 0.9 (label smoothing). -log D(SR) has the label 1.": content
            + WEIGHT * (good + 0.1 * logits.mean().item()),
            "This is half of the loss. Add both parts, and do not divide.": (content + WEIGHT * good) / 2,
            "Only the first logit is used. Take the mean over the batch.": content
            + WEIGHT * F.softplus(-logits[0]).item(),
            "The weight is on the wrong part: 1e-3 belongs to the adversarial loss.": WEIGHT * content + good,
            "The weight of 1e-3 is on the whole sum. It belongs to the adversarial loss alone; the content loss has a "
            "weight of 1.": WEIGHT * (content + good),
            "The weight is 1e-2. The paper's is 1e-3. (10e-3 is 1e-2.)": content + 1e-2 * good,
            "The content loss has a weight of 0.999. Its weight is 1: the two weights need not sum to 1.": 0.999
            * content
            + WEIGHT * good,
            "The two parts are multiplied. Add them: content plus 1e-3 times adversarial.": content * WEIGHT * good,
            "The adversarial part is multiplied by the content loss. Add the two parts.": content * (1 + WEIGHT * good),
            "The sum contains both -log D(SR) and -log(1 - D(SR)). The generator's loss has only -log D(SR).": content
            + WEIGHT * (good + bad),
            "The content loss is a logarithm of the error, as in PSNR. Take mse_loss(sr, hr) itself.": math.log10(
                content
            )
            + WEIGHT * good,
            "The sum over the batch is divided by 4, whatever the batch size. Take the mean.": content
            + WEIGHT * count * good / 4,
            "The adversarial part has the sign of D's own loss: it is small where D finds SR out. The generator wants "
            "D(SR) to be 1: -log D(SR) = softplus(-logit).": content + WEIGHT * bad,
            "The adversarial part is log(1 - D(SR)). The paper uses -log D(SR): softplus(-logit).": content
            - WEIGHT * bad,
            "The adversarial part falls where D finds SR out: the minus sign of -log D(SR) is missing.": content
            - WEIGHT * good,
            "softplus takes logits, but here it is given probabilities: the sigmoid is already in the formula.": content
            + WEIGHT * F.softplus(-p).mean().item(),
            "The content loss is subtracted. Both parts are losses: add them.": WEIGHT * good - content,
            "The sign of the whole loss is wrong: training makes a loss small, and would drive SR away from HR.": (
                -content - WEIGHT * good
            ),
            "The adversarial part uses 1 - logit instead of -logit. -log D(SR) is softplus(-logit).": content
            + WEIGHT * F.softplus(1 - logits).mean().item(),
            "The adversarial part: logits and labels of binary_cross_entropy_with_logits have changed places. The "
            "logits come first.": content + WEIGHT * bce(torch.ones_like(logits), logits).item(),
            "The adversarial part is made from sr, not from D's answer. Take softplus(-logits).": content
            + WEIGHT * F.softplus(-sr).mean().item(),
            "The adversarial part is made from hr, not from D's answer. Take softplus(-logits).": content
            + WEIGHT * F.softplus(-hr).mean().item(),
            "The adversarial part is the mean logit: it falls as D(SR) falls. The generator wants D(SR) to be 1: "
            "-log D(SR) = softplus(-logit).": content + WEIGHT * logits.mean().item(),
            "The adversarial part is 1 - D(SR), without a log.": content + WEIGHT * (1 - p).mean().item(),
            "The adversarial part is -D(SR), without a log.": content - WEIGHT * p.mean().item(),
            "The adversarial part is a squared error (LSGAN). The paper's is -log D(SR).": content
            + WEIGHT * ((logits - 1) ** 2).mean().item(),
            "The logits are averaged before softplus. Take softplus of each logit, then the mean.": content
            + WEIGHT * F.softplus(-logits.mean()).item(),
            "The adversarial part is the mean of -logit (as in a Wasserstein GAN). The paper's is -log D(SR): "
            "softplus(-logit), then the mean.": content - WEIGHT * logits.mean().item(),
            "The adversarial loss is summed over the batch. Take the mean, because otherwise its weight depends on the "
            "batch size.": content + WEIGHT * count * good,
            "The content loss is measured on [0, 1]. mse_loss measures it on [-1, 1], as the paper does.": plain
            + WEIGHT * good,
            "In the content loss, the range is changed twice. mse_loss changes it by itself: give it sr and hr as they "
            "are, in [0, 1].": 4 * content + WEIGHT * good,
            "In the content loss, SR is clamped to [0, 1]. Values outside are a fault to learn from: use sr as it "
            "is.": (mse_loss(sr.clamp(0, 1), hr).item() + WEIGHT * good),
            "The content loss is the mean absolute error (L1). Take mse_loss(sr, hr).": F.l1_loss(sr, hr).item()
            + WEIGHT * good,
            "The logarithm has base 10. -log D(SR) is a natural logarithm.": content + WEIGHT * good / math.log(10),
            "The logarithm has base 2. -log D(SR) is a natural logarithm.": content + WEIGHT * good / math.log(2),
        }
    right = content + WEIGHT * good
    if abs(value - right) <= 1e-4 * WEIGHT * good + 1e-6 * content:
        return
    for message, outcome in slips.items():
        if abs(value - outcome) <= 1e-4 * WEIGHT * good + 1e-6 * abs(outcome):
            raise NotYet(message)
    also = {"It also lacks its weight of 1e-3.": 1 / WEIGHT, "It is also summed over the batch: take the mean.": count}
    for (message, outcome), (second, times) in itertools.product(slips.items(), also.items()):
        both = content + times * (outcome - content)
        if message.startswith("The adversarial part") and abs(value - both) <= 1e-5 * abs(both):
            raise NotYet(f"{message} {second}")
    if sure and value < right:  # for other logits it was right
        raise NotYet(
            f"For logits down to {logits.min().item():.0f}, the adversarial part is {(value - content) / WEIGHT:.1f}; "
            f"{good:.1f} is right. It is finite, but capped: by a clamp, by a small number inside the log, or by "
            "binary_cross_entropy, which cuts its logs off at -100. Where D is sure, a capped loss has no slope, and G "
            "learns nothing. Take softplus(-logits), which needs no cap."
        )
    _name_part(candidate, value, content, good, sr.detach(), hr, logits.detach())
    raise NotYet(
        f"The loss is {value:.7f}; content {content:.7f} plus 1e-3 times adversarial {good:.4f} gives {right:.7f}. "
        f"Yours minus the content loss is {value - content:.7f}."
    )


def _name_part(candidate, value: float, content: float, good: float, sr: Tensor, hr: Tensor, logits: Tensor) -> None:
    """Raises NotYet and names the wrong part. To find it, it changes one part and keeps the other."""
    other = 0.5 - logits
    change = as_number(call(candidate, sr, hr, other), "the loss") - value
    wanted = F.softplus(-other).mean().item() - good
    mine = value - WEIGHT * good
    if abs(change - WEIGHT * wanted) <= 1e-4 * WEIGHT * good:
        raise NotYet(
            f"The adversarial part is right, but the content loss is not: yours is {mine:.5f}, but mse_loss(sr, hr) is "
            f"{content:.5f}."
        )
    weight = change / wanted
    if abs(value - content - weight * good) <= 1e-3 * abs(weight) * good:
        raise NotYet(f"The adversarial loss has a weight of {weight:.2g}. The paper's is 1e-3.")
    further = hr + 2 * (sr - hr)
    change = as_number(call(candidate, further, hr, logits), "the loss") - value
    if abs(change - mse_loss(further, hr).item() + content) <= 1e-4 * content:
        raise NotYet(
            f"The content loss is right, but the adversarial part is not: yours adds {value - content:.6f}; 1e-3 times "
            f"{good:.4f}, the mean of softplus(-logits), is expected."
        )


def _name_perceptual_gradients(result: Any, sr: Tensor, hr: Tensor, logits: Tensor) -> None:
    if not isinstance(result, Tensor) or not result.requires_grad:
        raise NotYet(
            "The number is right, but it has no gradient: was it made with .item(), float() or numpy? Training needs "
            "the tensor."
        )
    *found, at_hr = torch.autograd.grad(result, (sr, logits, hr), allow_unused=True)
    if found[0] is None and at_hr is not None:
        raise NotYet(
            "The number is right, but the gradient goes to hr, and none to sr: in mse_loss they have changed places. "
            "The order is (sr, hr): hr is the fixed target and gets no gradient."
        )
    wanted = torch.autograd.grad(perceptual_loss(sr, hr, logits), (sr, logits))
    for what, mine, theirs in zip(("sr", "logits"), found, wanted, strict=True):
        if mine is None or not torch.allclose(mine, theirs, rtol=1e-3, atol=1e-9):
            raise NotYet(
                f"The number is right, but no gradient, or a wrong one, reaches {what}. Is there a detach, a clamp or "
                "a no_grad on the way? The generator learns from both parts."
            )


EXERCISE = Exercise(
    name="perceptual_loss",
    lesson=7,
    place=1,
    title="the perceptual loss",
    difficulty="easy",
    minutes=5,
    reference=perceptual_loss,
    judge=judge,
    hints=(
        "Each part is one line. For the second, do not compute D(SR): there is a formula that goes straight from the "
        "logit to -log D(SR).",
        "-log sigmoid(x) = log(1 + exp(-x)) = softplus(-x). torch has F.softplus. The content loss is mse_loss.",
        "content = mse_loss(sr, hr); adversarial = F.softplus(-logits).mean(); the sum is content + 1e-3 * "
        "adversarial.",
    ),
    mistakes=(
        Mistake(
            "the sum without the weight",
            says="Both parts count the same",
            ask="Which of the two is larger, and by how much?",
        ),
        Mistake(
            "the weight on the content loss",
            says="The weight is on the wrong part",
            ask="Which part should lead, and which should only nudge?",
        ),
    ),
)
