"""Exercise 4.1: one update."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import apart, recognise
from srgan_lessons.exercises.reading import as_number
from srgan_lessons.exercises.shared.updates import RATE, Watched, batch_of, small_network, update, weights_of
from srgan_lessons.losses import mse_loss


def train_step(network, optimizer, lr, hr):
    # SOLUTION
    optimizer.zero_grad()
    sr = network(lr)
    loss = mse_loss(sr, hr)
    loss.backward()
    optimizer.step()
    # STUB
    # ...  # 1. drop the gradients of the update before
    # sr = ...  # 2. enlarge
    # loss = ...  # 3. compare, with mse_loss
    # ...  # 4. how does each weight change the loss?
    # ...  # 5. move each weight a little
    # END
    return loss.detach()


def judge(candidate) -> None:
    (first, last), slips = _right(), _slip_weights()  # at the beginning: the answer may change torch's settings
    start, batches = small_network(), [batch_of(seed) for seed in range(3)]
    network = copy.deepcopy(start)
    optimizer = Watched(network)
    try:
        loss = call(candidate, network, optimizer, *batches[0])
    except (RuntimeError, UserWarning) as error:  # it is a warning if warnings are errors
        _name_stop(str(error), optimizer, batches[0])
        raise
    if torch.equal(weights_of(network), weights_of(start)):
        _name_standstill(optimizer)
    _name_parts(optimizer, batches[0])
    _name_loss(loss, start, batches[0])
    if optimizer.events.count("step") == 0:
        raise NotYet("The weights move, but the optimiser that was given does not move them. Call its step(), once.")
    for event in ("step", "backward", "forward"):
        if optimizer.events.count(event) > 1:
            raise NotYet(f"There are {optimizer.events.count(event)} calls of {event} in one update. One is enough.")
    if (weights_of(network) - first).abs().max() > 1e-5:
        recognise(weights_of(network), slips, within=1e-5)
        if "zero_grad" in optimizer.events[1:] and optimizer.events.index("backward") > optimizer.events.index("step"):
            raise NotYet(_STEP_FIRST)
        _name_length(*(weights - weights_of(start) for weights in (weights_of(network), first)))
        raise NotYet(
            "After one update, the weights are not where a step down the gradient of mse_loss(sr, hr) leads. The order "
            "is: zero_grad, network, loss, backward, step."
        )
    if not network.training:
        raise NotYet(
            "The network is left in evaluation mode. The next update would use BatchNorm's running statistics."
        )
    for batch in batches[1:]:
        call(candidate, network, optimizer, *batch)
    if (weights_of(network) - last).abs().max() > 1e-5:
        if "zero_grad" not in optimizer.events:
            raise NotYet(
                "The first update is right, but the later ones are not: backward() adds to the gradients that are "
                "there. Call optimizer.zero_grad() in each update, before backward()."
            )
        raise NotYet("The first update is right, but the later ones are not. Is anything kept from one to the next?")
    call(candidate, network.eval(), optimizer, *batches[0])  # `call` checks the mode afterwards


def _name_parts(optimizer: Watched, batch: tuple[Tensor, Tensor]) -> None:
    """Raises NotYet if the network has not seen the whole batch, either at once or part by part."""
    seen, images = [shape[0] for shape in optimizer.inputs if shape], len(batch[0])
    if len(seen) > 1 and max(seen) < images:
        raise NotYet(
            f"The network is called {len(seen)} times, each time with {max(seen)} image of the {images} in the batch. "
            "One update takes the whole batch: sr = network(lr)."
        )
    if len(seen) == 1 and seen[0] < images:
        raise NotYet(f"The network sees only {seen[0]} image of the {images} in the batch. Give it all of lr.")


def _name_length(step: Tensor, wanted: Tensor) -> None:
    """Raises NotYet if the step has the right direction and the wrong length."""
    times = float(step @ wanted / wanted.square().sum())
    if (step - times * wanted).abs().max() <= 1e-3 * step.abs().max() + 2e-7 and times > 0:  # float32 has 7 digits
        raise NotYet(
            f"The step has the right direction, but it is {times:.3g} times as long as it should be. Are the gradients "
            "clipped or scaled, is the loss multiplied, or is the learning rate changed? Leave them as they are."
        )


_STEP_FIRST = (
    "optimizer.step() comes before loss.backward(): it uses the gradients of "
    "the previous update, or none at all. Call backward first, then step."
)


def _name_stop(error: str, optimizer: Watched, batch: tuple[Tensor, Tensor]) -> None:
    """Raises NotYet for an error from torch if its cause is known."""
    lr, hr = batch
    if "Boolean value of Tensor" in error:
        raise NotYet("nn.MSELoss is a class: sr and hr are not what it is made with. Use mse_loss(sr, hr).")
    if "does not require grad" in error:
        raise NotYet(
            "There is no path from the loss back to the weights: something was detached, turned into a number, or "
            "computed under torch.no_grad(), or the arguments are exchanged. mse_loss(sr, hr) gives a gradient to its "
            "first argument only, and backward() needs the loss as it comes from there."
        )
    if optimizer.inputs and optimizer.inputs[-1] == tuple(hr.shape):
        raise NotYet("The network is given HR. It enlarges by 4: give it lr, and compare what comes out with hr.")
    if ("must match" in error or "target size" in error) and optimizer.inputs:
        raise NotYet(
            f"SR is {tuple(hr.shape)}, but it is compared with a tensor of a different size. Is that LR, "
            f"{tuple(lr.shape)}? The loss compares SR with HR."
        )


def _name_standstill(optimizer: Watched) -> None:
    """Raises NotYet, which says why the weights have not moved."""
    events = optimizer.events
    if "forward" not in events:
        raise NotYet("The network is never called. sr = network(lr) comes first.")
    if optimizer.copied:
        raise NotYet("A copy of the network is trained, and the network that was given learns nothing.")
    if "backward" not in events:
        also = " There is no optimizer.step() either." if "step" not in events else ""
        raise NotYet(f"No weight has moved: without loss.backward(), no weight has a gradient.{also}")
    if "step" not in events:
        raise NotYet("No weight has moved: the gradients are there, but nothing uses them. Call optimizer.step().")
    if events.index("step") < events.index("backward"):
        raise NotYet(_STEP_FIRST)
    if "zero_grad" in events[events.index("backward") : events.index("step")]:
        raise NotYet(
            "No weight has moved: zero_grad() comes between backward() and step(), and throws the new gradients away. "
            "It must come before backward()."
        )
    raise NotYet("No weight has moved. The order is: zero_grad, network, loss, backward, step.")


def _name_loss(loss: Any, start: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    """Judges what is returned. It must be the loss of the batch before the weights moved, without its graph."""
    value = as_number(loss, "the loss")
    lr, hr = batch
    network = copy.deepcopy(start)
    with torch.no_grad():
        right = mse_loss(network(lr), hr).item()  # in training mode, as it was given
        after = copy.deepcopy(start)
    update(after, torch.optim.SGD(after.parameters(), lr=RATE), lr, hr)
    with torch.no_grad():
        later = mse_loss(after(lr), hr).item()
    if abs(value - right) <= 1e-4 * right:
        if isinstance(loss, Tensor) and loss.requires_grad:
            raise NotYet(
                "The loss that is returned still holds its graph, and with it all feature maps of the update: a list "
                "of such losses fills the memory. Return loss.detach(), or loss.item()."
            )
        return
    count = hr.numel()
    slips = {
        "The loss is a sum over each picture, and a mean only over the batch. Use mse_loss, the mean of all numbers.": (
            right * count / len(hr)
        ),
        "The loss is a sum over the batch, and a mean only over each picture. Use mse_loss, the mean of all numbers.": (
            right * len(hr)
        ),
        "The loss is measured on [0, 1]. mse_loss measures it on [-1, 1], as the paper does.": right / 4,
        f"The loss is a sum: {count:,} times the mean. Its gradient grows with batch and crop. Use mse_loss.": right
        * count,
        "The loss is a sum on [0, 1]. Its gradient grows with batch and crop. Use mse_loss.": right * count / 4,
        "The range is changed twice: mse_loss already changes it. Give it sr and hr as they are, in [0, 1].": right * 4,
        "The loss is the root of the MSE. Use mse_loss as it is.": right**0.5,
        "The sign of the loss is reversed: a step down would then make the MSE larger.": -right,
        "The loss returned is from a second pass, after the update. Return the loss that the update was made "
        "with.": later,
    }
    for message, outcome in slips.items():
        if abs(value - outcome) <= 1e-4 * abs(outcome):
            raise NotYet(message)
    with torch.no_grad():
        variants = {text: slip(copy.deepcopy(start), *batch).item() for text, slip in SLIPS.items()}
    for message, outcome in variants.items():
        if abs(value - outcome) <= 1e-4 * abs(outcome):
            raise NotYet(message)
    one, other = apart(value, right)
    if abs(value / right - 1) < 0.005:
        raise NotYet(
            f"The loss returned is {one}; mse_loss(sr, hr) before the update is {other}. Is it rounded? Return it with "
            "all its digits."
        )
    raise NotYet(
        f"The loss returned is {value:.4g}, which is {value / right:.3g} times mse_loss(sr, hr) before the update, "
        f"{right:.4g}. Return that number as it is."
    )


def _clamped(network: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    return mse_loss(network(lr).clamp(0, 1), hr)


def _in_evaluation_mode(network: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    return mse_loss(network.eval()(lr), hr)


def _absolute(network: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    return F.l1_loss(2 * network(lr), 2 * hr)


def _plain(network: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    return F.mse_loss(network(lr), hr)


def _negative(network: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    return -mse_loss(network(lr), hr)


def _summed(network: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    return mse_loss(network(lr), hr) * hr.numel()


def _summed_on_01(network: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    return F.mse_loss(network(lr), hr, reduction="sum")


_SUM = "The loss is a sum over all pixels. Its gradient grows with batch and crop: use mse_loss, which is a mean."

SLIPS: dict[str, Callable[[nn.Module, Tensor, Tensor], Tensor]] = {
    "SR is clamped to [0, 1] before the loss: where it is clamped, the gradient is zero. Leave SR as it is.": _clamped,
    "The network is in evaluation mode: BatchNorm uses its running statistics, not the batch's. Leave the mode "
    "alone.": _in_evaluation_mode,
    "The loss is the mean absolute error (L1). The content loss here is the MSE: use mse_loss.": _absolute,
    "The loss is measured on [0, 1]. mse_loss measures it on [-1, 1], as the paper does.": _plain,
    "The step goes up, not down: the sign of the loss is reversed.": _negative,
    _SUM: _summed,
    _SUM + " And it is measured on [0, 1].": _summed_on_01,
}


@functools.cache
def _right() -> tuple[Tensor, Tensor]:
    """The weights after one update, and after three."""
    network = small_network()
    first, _, last = (_updated(network, lambda n, lr, hr: mse_loss(n(lr), hr), seed) for seed in range(3))
    return first, last


@functools.cache
def _slip_weights() -> dict[str, Tensor]:
    """For each slip, the weights after one update with it."""
    return {message: _updated(small_network(), slip, 0) for message, slip in SLIPS.items()}


def _updated(network: nn.Module, loss: Callable, seed: int) -> Tensor:
    """The weights after one more update, on that batch."""
    network.zero_grad()
    loss(network, *batch_of(seed)).backward()
    torch.optim.SGD(network.parameters(), lr=RATE).step()
    return weights_of(network)


EXERCISE = Exercise(
    name="train_step",
    lesson=4,
    place=1,
    title="one update",
    difficulty="easy",
    minutes=8,
    reference=train_step,
    judge=judge,
    hints=(
        "These are the five lines of the small example above, with a network instead of one weight, and an optimiser "
        "that subtracts.",
        "The optimiser drops the gradients and moves the weights; the loss computes the gradients. Which of them "
        "comes after which?",
        "optimizer.zero_grad(); sr = network(lr); loss = mse_loss(sr, hr); loss.backward(); optimizer.step().",
    ),
    mistakes=(
        Mistake(
            "no zero_grad",
            says="backward() adds to the gradients that are there",
            ask="With Adam, the loss still falls. Why is it wrong?",
        ),
        Mistake(
            "the loss with its graph is returned",
            says="still holds its graph",
            ask="What does a list of a million such losses hold?",
        ),
    ),
)
