"""How judges check losses on logits: their value, their value for extreme logits, and their gradient."""

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_lessons.exercises.calling import call, call_as_it_is
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_number

FAKE = torch.tensor([[1.0], [-2.5], [-0.25], [0.75]])  # (4, 1): the largest loss is neither the first nor the last

LARGE = 200.0  # in float32, its sigmoid is exactly 1, and that of -200 exactly 0

FORMS: dict[str, Callable[[Tensor], Tensor]] = {  # of one part of D's loss, whose signs are easily mixed up
    "softplus(x), which is -log(1 - D)": F.softplus,
    "softplus(-x), which is -log D": lambda x: F.softplus(-x),
    "-softplus(x), which is log(1 - D)": lambda x: -F.softplus(x),
    "-softplus(-x), which is log D": lambda x: -F.softplus(-x),
}

ON_LOGITS = "Work on the logits: softplus(x) is log(1 + exp(x)), exact for every x."


def judge_value(
    candidate: Callable, logits: tuple[Tensor, ...], reference: Callable, slips: Mapping[str, Tensor], whose: str
) -> None:
    """Raises NotYet unless moderate logits give the right value."""
    value = call(candidate, *logits)
    if isinstance(value, Tensor) and value.numel() > 1:
        raise NotYet(f"The result has the shape {tuple(value.shape)}. Return one number: the mean over the batch.")
    result = as_number(value, "the loss")
    right = float(reference(*logits))
    if abs(result - right) <= 1e-4:
        return
    values = {message: float(outcome) for message, outcome in slips.items()}
    recognise(result, values, within=1e-4)
    _name_two(result, values, len(logits[0]))
    if result < 0:
        raise NotYet(f"The loss is {result:.4g}. The logarithm of a probability is negative: minus log D is expected.")
    rows = itertools.product(([[0.0]], [[1.0]], [[-1.0]], [[2.0], [-1.0]]), repeat=len(logits))
    show_smallest(
        candidate,
        reference,
        [tuple(map(torch.tensor, row)) for row in rows],
        place=_part(candidate, logits, reference),
    )
    raise NotYet(f"For moderate logits of {whose}, the loss is {result:.4g}; {right:.4g} is expected.")


def _name_two(result: float, values: Mapping[str, float], count: int) -> None:
    """Raises NotYet if one usual mistake and a wrong average come together. values: message -> result."""
    averages = {
        "It is also summed over the batch: take the mean.": count,
        "It is also halved: each part has its own mean, and the two are added.": 0.5,
    }
    pairs = itertools.product(values.items(), averages.items())
    both = {f"{message} {also}": times * value for (message, value), (also, times) in pairs if value}
    recognise(result, both, within=1e-5)


def _part(candidate: Callable, logits: tuple[Tensor, ...], reference: Callable) -> str:
    """Says which of the two parts of a sum is right and which is not. It changes one part and keeps the other."""
    if len(logits) != 2:
        return ""
    real, fake = logits
    before, wanted = as_number(call(candidate, real, fake)), float(reference(real, fake))
    for changed, fine, wrong in (((real, 0.5 - fake), "SR", "HR"), ((1.5 - real, fake), "HR", "SR")):
        if abs(as_number(call(candidate, *changed)) - before - (float(reference(*changed)) - wanted)) <= 1e-4:
            formula = "-log D is softplus(-logit)" if wrong == "HR" else "-log(1 - D) is softplus(logit)"
            return f"The part on {fine} is right, but the part on {wrong} is not: {formula}. Then take the mean."
    return ""


def wrong_signs() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """D's losses (real, fake) -> loss with a wrong sign, or with two or three: the message names the wrong parts."""

    def sum_of(on_real: Callable[[Tensor], Tensor], on_fake: Callable[[Tensor], Tensor]) -> Callable:
        return lambda real, fake: on_real(real).mean() + on_fake(fake).mean()

    slips = {}
    on_hr, on_sr = "softplus(-x), which is -log D", "softplus(x), which is -log(1 - D)"
    for (a, real_part), (b, fake_part) in itertools.product(FORMS.items(), repeat=2):
        parts = [
            f"On {kind}, your loss is {form}. It should be {right}."
            for kind, form, right in (("HR", a, on_hr), ("SR", b, on_sr))
            if form != right
        ]
        if parts == [f"On SR, your loss is -softplus(-x), which is log D. It should be {on_sr}."]:
            parts.append(
                "Both become smaller as D(SR) falls. But log D has no lower limit, and where D is wrong and sure, it "
                "has hardly any slope."
            )
        if parts:
            slips[" ".join(parts)] = sum_of(real_part, fake_part)
    return slips


def judge_extreme(candidate: Callable, logits: tuple[Tensor, ...], right: float, where: str) -> None:
    """Raises NotYet unless logits of +-200 give the right value."""
    value = call(candidate, *logits)
    number = float(value.detach()) if isinstance(value, Tensor) else float(value)
    if not np.isfinite(number):
        raise NotYet(
            f"The loss is right for moderate logits. But where {where}, the loss is {number}: sigmoid gives exactly 0 "
            f"or 1 there, and exp may overflow. {ON_LOGITS}"
        )
    if abs(number - right) > 1e-3:
        raise NotYet(
            f"The loss is right for moderate logits. But where {where}, the loss is {number:.4g}, not {right:g}. "
            "Something limits it: a clamp, a small constant in the log, or torch's own limit of 100 in "
            f"binary_cross_entropy. {ON_LOGITS}"
        )


def judge_gradient(candidate: Callable, logits: tuple[Tensor, ...], right: Callable) -> None:
    """Raises NotYet unless the gradients are those of the right loss."""
    mine, theirs = ([x.clone().requires_grad_(True) for x in logits] for _ in range(2))
    value = call_as_it_is(candidate, *mine)
    if not isinstance(value, Tensor) or not value.requires_grad:
        raise NotYet("The value is right, but it has no gradient, so nothing could learn. Return the tensor as it is.")
    got = torch.autograd.grad(value.sum(), mine, allow_unused=True)
    wanted = torch.autograd.grad(right(*theirs), theirs)
    for one, other in zip(got, wanted, strict=True):
        if one is None:
            whose = "the logits get" if len(logits) == 1 else "one of the two batches gets"
            raise NotYet(
                f"The value is right, but {whose} no gradient. Is there a detach, a .data or numpy on the way, or is "
                "the loss wrapped in a new tensor?"
            )
        if not torch.isfinite(one).all():
            raise NotYet(f"The value is right, but at logits of +-200 the gradient is NaN. {ON_LOGITS}")
        if (one - other).abs().max() > 1e-4:
            raise NotYet(
                f"The value is right, but the gradient is not: for the first crop it is {one.flatten()[0]:.3g}, not "
                f"{other.flatten()[0]:.3g}. Is a part of the loss detached, or its gradient limited?"
            )
