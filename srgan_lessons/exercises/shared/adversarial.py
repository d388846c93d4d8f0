"""How judges examine the two steps of a GAN: whose weights move, and along which gradient."""

import copy
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call_as_it_is, on_cpu
from srgan_lessons.exercises.exercise import NotYet
from srgan_lessons.exercises.shared.logits import wrong_signs
from srgan_lessons.exercises.shared.updates import RATE, Watched, weights_of

WEIGHT = 1e-3  # of the adversarial loss (paper, eq. 3)


def small_discriminator() -> nn.Sequential:
    """Takes images (N, 3, 24, 24). It is so steep that 1e-3 times its gradient shows next to the content loss's."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(8 * 6 * 6, 1),
    )
    with torch.no_grad():
        network.get_parameter("0.weight").mul_(6)
        network.get_parameter("6.weight").mul_(20)
    return network


class Seen:
    """Records the inputs of a network."""

    def __init__(self, network: nn.Module):
        self.inputs: list[Tensor] = []
        self.handle = network.register_forward_pre_hook(lambda module, args: self.inputs.append(args[0].detach().cpu()))

    def saw(self, images: Tensor) -> bool:
        return any(x.shape == images.shape and torch.allclose(x, images, atol=1e-5) for x in self.inputs)


def as_it_is(network: nn.Module, start: nn.Module) -> nn.Module:
    """A copy of a network without its hooks. `start` is a network with the same layers."""
    twin = copy.deepcopy(start)
    twin.load_state_dict(network.state_dict())
    return twin


def after(start: nn.Module, loss_of: Callable[[nn.Module], Tensor], gradients: list[Tensor] | None = None) -> Tensor:
    """The weights after one step of the judge's SGD on that loss. `gradients`: old ones that were not cleared."""
    network = copy.deepcopy(start)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    if gradients:
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            parameter.grad = gradient.clone()
    loss_of(network).backward()
    optimizer.step()
    return weights_of(network)


def same(a: Tensor, b: Tensor, start: Tensor) -> bool:
    """Whether two steps from `start` agree to 3 in 1000. Rounding changes a tenth of that; a slip changes more."""
    return (a - b).norm() <= 0.003 * (b - start).norm()


def name_slip(found: Tensor, start: Tensor, slips: Mapping[str, Callable[[], Tensor]]) -> None:
    """Raises NotYet with the message of the first slip that leads to the weights `found`."""
    for message, outcome in slips.items():
        if same(found, outcome(), start):
            raise NotYet(message)


def name_length(found: Tensor, wanted: Tensor, start: Tensor) -> None:
    """Raises NotYet if a step from `start` has the right direction, but not the right length."""
    step, right = found - start, wanted - start
    if torch.cosine_similarity(step, right, dim=0) > 0.9999:
        raise NotYet(
            f"The step has the right direction, but {(step.norm() / right.norm()).item():.2g} times the right length. "
            "Is the loss multiplied, are gradients clipped or scaled, or is there more than one backward() or step()?"
        )


def name_standstill(optimizer: Watched, whose: str, elsewhere: str = "") -> None:
    """Raises NotYet, which says why the weights have not moved.

    elsewhere: the reason to give if other weights got the gradient.
    """
    events = optimizer.events
    if "backward" not in events and elsewhere:
        raise NotYet(f"{whose} does not move: {elsewhere}")
    if "backward" not in events:
        also = "" if "step" in events else " There is no optimizer.step() either."
        raise NotYet(
            f"{whose} does not move: no gradient reached its weights. Is the backward() missing?{also} Or was the loss "
            "rebuilt from a number, with .item() or torch.tensor? Then the gradient has no path back."
        )
    if "step" not in events:
        raise NotYet(f"{whose} does not move: it has gradients, but nothing uses them. Call optimizer.step().")
    if events.index("step") < events.index("backward"):
        raise NotYet("optimizer.step() comes before backward(). Compute the gradient first, then make the step.")
    raise NotYet(f"{whose} does not move: zero_grad() threw away the new gradients. Call it before backward().")


def run(candidate: Callable, *args: Any, no_path: str) -> Any:
    """Calls candidate(*args) on the judge's own tensors, because their graph is judged, too."""
    try:
        with warnings.catch_warnings():  # torch warns of two shapes, and then stops because they do not fit
            warnings.filterwarnings("ignore", message="Using a target size")
            result = call_as_it_is(candidate, *args)
        on_cpu(args)  # the answer may have moved the networks to another device
        return result
    except (RuntimeError, UserWarning) as error:
        if "does not require grad" in str(error):
            raise NotYet(no_path) from error
        optimizers = [value for value in args if isinstance(value, Watched)]
        if "modified by an inplace operation" in str(error) and any("step" in o.events for o in optimizers):
            raise NotYet(
                "There are two steps in one call, and the second backward() passes through weights that the first step "
                "has moved. Add both losses, then call backward() and step() once each."
            ) from error
        if "second time" in str(error) or "modified by an inplace operation" in str(error):
            raise NotYet(LEAK) from error
        raise


def name_sizes(error: RuntimeError, whose: Mapping[int, str], advice: str) -> None:
    """Raises NotYet if torch could not combine two tensors of different sizes. whose: size -> what has it."""
    found = re.search(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)", str(error))
    one, other = (whose.get(int(size)) for size in found.groups()) if found else (None, None)
    if one and other:
        raise NotYet(f"This combines {one} with {other}, and their shapes do not fit. {advice}") from error


def wrong_losses() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The usual wrong losses of D: message -> a function of the logits of HR and SR."""

    def bce(logits: Tensor, label: float) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    def labels_first(logits: Tensor, label: float) -> Tensor:
        return F.binary_cross_entropy_with_logits(torch.full_like(logits, label), logits)

    return {
        "The labels are swapped: D learns to call SR real, and HR generated. D(HR) should rise and D(SR) fall.": (
            lambda real, fake: bce(real, 0) + bce(fake, 1)
        ),
        "HR and SR are both called real. SR is generated: its loss is -log(1 - D(SR)), softplus(+logit).": (
            lambda real, fake: bce(real, 1) + bce(fake, 1)
        ),
        "HR and SR are both called generated. HR is real: its loss is -log D(HR), softplus(-logit).": (
            lambda real, fake: bce(real, 0) + bce(fake, 0)
        ),
        "Only HR's loss moves D, so it would call everything real. Is SR's loss missing, or does it have a factor such "
        "as 1e-3? Add it, without a factor. If it is there, D gets no gradient from it: detach the images before D, "
        "discriminator(sr.detach()), not D's answer after it.": lambda real, fake: bce(real, 1),
        "Only SR's loss moves D, so it would call everything generated. Is HR's loss missing, or does it have a factor "
        "such as 1e-3? Add it, without a factor. If it is there, D gets no gradient from it: D's answer to HR must "
        "keep its graph.": lambda real, fake: bce(fake, 0),
        "SR's loss is subtracted. Add both losses: D(SR) should fall, and -log(1 - D(SR)) = +softplus(+logit).": (
            lambda real, fake: bce(real, 1) - bce(fake, 0)
        ),
        "HR's loss is subtracted. Add both losses: D(HR) should rise, and -log D(HR) = +softplus(-logit).": (
            lambda real, fake: bce(fake, 0) - bce(real, 1)
        ),
        "The loss is half of what is expected: it should be the sum of both parts, not their mean.": (
            lambda real, fake: (bce(real, 1) + bce(fake, 0)) / 2
        ),
        "The sigmoid is applied twice: the loss is made for logits, but gets probabilities. Give it what D returns.": (
            lambda real, fake: bce(torch.sigmoid(real), 1) + bce(torch.sigmoid(fake), 0)
        ),
        "HR's label is 0.9 (label smoothing). That is a cure for a strong D; the paper's label is 1.": (
            lambda real, fake: bce(real, 0.9) + bce(fake, 0)
        ),
        "SR's label is 0.1 (label smoothing). The paper's label is 0.": (
            lambda real, fake: bce(real, 1) + bce(fake, 0.1)
        ),
        "Logits and labels of binary_cross_entropy_with_logits have changed places: the logits come first.": (
            lambda real, fake: labels_first(real, 1) + labels_first(fake, 0)
        ),
        "On SR, 1 - logit is used. That is not the logit of 1 - D, which is -logit: -log(1 - D) is softplus(logit).": (
            lambda real, fake: bce(real, 1) + bce(1 - fake, 1)
        ),
        "This is a relativistic loss, of the difference of two logits. The paper judges each image by itself: one part "
        "of the loss is for HR, and one is for SR.": lambda real, fake: F.softplus(fake - real).mean(),
        "This is a relativistic loss, of the difference of two logits, and its sign is reversed. The paper judges each "
        "image by itself: one part of the loss is for HR, and one is for SR.": (
            lambda real, fake: F.softplus(real - fake).mean()
        ),
        "The losses are summed over the batch. Take the mean of each.": lambda real, fake: (
            F.softplus(-real).sum() + F.softplus(fake).sum()
        ),
        "The loss is a squared error (LSGAN). The paper's is the cross-entropy: softplus of the logits.": (
            lambda real, fake: ((real - 1) ** 2).mean() + (fake**2).mean()
        ),
        "This is a Wasserstein GAN's loss, a difference of logits. The paper's is the cross-entropy: softplus of the "
        "logits.": lambda real, fake: fake.mean() - real.mean(),
        "This is a difference of logits, as in a Wasserstein GAN, and its sign is reversed. The paper's loss is the "
        "cross-entropy: softplus of the logits.": lambda real, fake: real.mean() - fake.mean(),
        "This is the hinge loss. The paper's is the cross-entropy: softplus of the logits.": (
            lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        ),
        "The factor 1e-3 belongs to the generator's loss alone. D's loss has no factor.": (
            lambda real, fake: WEIGHT * (bce(real, 1) + bce(fake, 0))
        ),
        "This is the generator's loss: it wants SR to be called real. D's loss is -log D(HR) - log(1 - D(SR)).": (
            lambda real, fake: WEIGHT * bce(fake, 1)
        ),
        "The step goes up, not down: the loss has the wrong sign.": lambda real, fake: -bce(real, 1) - bce(fake, 0),
    } | wrong_signs()


OWN_OPTIMISER = "{} moves, but the optimizer that was given does not move it. Call optimizer.step() once."

LEAK = (
    "The gradient runs on from D into the generator: sr is still attached to the graph that made it. Cut this "
    "connection: discriminator(sr.detach())."
)
