"""Exercise 4.2: overfit one batch."""

import copy
import functools
import itertools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call, why_none
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.lesson04.train_step import train_step
from srgan_lessons.exercises.reading import as_number
from srgan_lessons.exercises.shared.updates import batch_of, small_network, weights_of
from srgan_lessons.losses import mse_loss


def overfit(network, sampler, steps, rate):
    # SOLUTION
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    lr, hr = sampler(0)
    # STUB
    # optimizer = ...  # 1. Adam over the network's weights, at this rate
    # lr, hr = ...  # 2. batch 0
    # END
    losses = []
    for _ in range(steps):
        # SOLUTION
        losses.append(float(train_step(network, optimizer, lr, hr)))
        # STUB
        # losses.append(...)  # 3. one update on that batch; its loss as a number
        # END
    return losses


STEPS, RATE = 12, 4e-3


class WatchedSampler:
    """Stands in for a CropSampler: returns a batch for each step and records which batches were asked for."""

    def __init__(self):
        self.asked: list[int] = []

    def __iter__(self):
        raise NotYet("The sampler is not a loader to iterate over. Call it with a number, as in sampler(5).")

    def __getitem__(self, step: int):
        raise NotYet("The sampler is not a list. Call it with a number in round brackets, as in sampler(5).")

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        self.asked.append(int(step))
        return batch_of(100 + int(step))


class WithIdleWeight(nn.Module):
    """The small network, and a weight whose gradient is 0: Adam leaves it alone, but weight decay does not."""

    def __init__(self):
        super().__init__()
        self.network, self.idle = small_network(), nn.Parameter(torch.ones(1))

    def __iter__(self):
        raise NotYet("An optimiser takes the network's weights, not the network itself: network.parameters().")

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x) + 0 * self.idle


@functools.cache
def _right() -> tuple[np.ndarray, Tensor]:
    """The right losses, and the weights at the end."""
    network = WithIdleWeight()
    return np.array(overfit(network, WatchedSampler(), STEPS, RATE)), weights_of(network)


def judge(candidate) -> None:
    wanted, trained = _right()  # first: the answer may change torch's settings
    start, sampler = WithIdleWeight(), WatchedSampler()
    network = copy.deepcopy(start)
    try:
        result = call(candidate, network, sampler, STEPS, RATE)
    except RuntimeError as error:
        if "must match the size" in str(error):
            more = f"{error}. The sampler returns lr and hr in this order, and train_step takes them in this order, too"
            raise RuntimeError(more).with_traceback(error.__traceback__) from None  # it keeps the student's line
        raise
    if len(set(sampler.asked)) > 1:
        raise NotYet(
            f"It asks the sampler for {len(set(sampler.asked))} different batches. To overfit, take one batch, before "
            "the loop, and show it to the network again and again."
        )
    if not sampler.asked:
        raise NotYet("The sampler is never called. sampler(0) gives the batch: lr and hr.")
    losses = _loss_list(result, STEPS)
    if not 0.9 < network.idle.item() <= 1:
        raise NotYet("The network's weights were drawn again, or set to other numbers. Train them as they are.")
    if network.idle.item() != 1:
        raise NotYet(
            "A weight without a gradient has shrunk: this is AdamW, or Adam with a weight_decay. Use plain Adam."
        )
    if np.abs(losses - wanted).max() > 1e-3 * wanted.max():
        still = [name for name, weight in network.named_parameters() if torch.equal(weight, start.get_parameter(name))]
        still = [name for name in still if name != "idle"]
        learns = len(still) < len(list(network.parameters())) - 1
        _name_losses(losses, wanted, sampler.asked[0], still if learns else [])
    if torch.equal(weights_of(network), weights_of(start)):
        raise NotYet("The losses are right, but the network that was given has not learned. You trained a copy of it.")
    if (weights_of(network) - trained).abs().max() > 0.02:
        raise NotYet(
            "The losses are right, but the weights at the end are not. Was something changed after the last update?"
        )
    again = _loss_list(call(candidate, copy.deepcopy(start), WatchedSampler(), 5, RATE), 5)
    if np.abs(again - wanted[:5]).max() > 1e-3 * wanted.max():
        raise NotYet(
            "A second call, with a new network, does not start from scratch. Make the optimiser inside the function."
        )


def _loss_list(result: Any, steps: int) -> np.ndarray:
    if result is None:
        raise NotYet(f"The result is None. {why_none()}")
    if not isinstance(result, list | tuple | np.ndarray | Tensor) or getattr(result, "ndim", 1) != 1:
        raise NotYet("The result is not a list. Return all losses, one for each update.")
    losses = np.array([as_number(loss, "a loss") for loss in result])
    if len(losses) != steps:
        noun = "loss" if len(losses) == 1 else "losses"
        inside = " Is the `return` inside the loop, too far to the right?" if len(losses) == 1 else ""
        raise NotYet(
            f"For steps={steps} it returns {len(losses)} {noun}; {steps} are expected, one for each update.{inside}"
        )
    return losses


def _name_losses(losses: np.ndarray, right: np.ndarray, number: int, still: list[str]) -> None:
    """Raises NotYet, which says how the losses came about. `right`: the right losses, on batch 0.

    number: the batch that was asked for. still: the names of the weights that have not moved.
    """
    if np.ptp(losses) <= 1e-6 * losses.max():
        raise NotYet(
            f"The loss stays at {losses[0]:.4g}: nothing is learned. Call train_step in each turn of the loop."
        )
    if np.abs(losses - np.round(losses, 2)).max() == 0:
        raise NotYet("The losses are rounded. Keep all their digits, and round only where you show them.")
    if number == 0 and np.allclose(np.sort(losses), np.sort(right), rtol=1e-3):
        raise NotYet("These are the right losses in a different order. Return them in the order of the updates.")
    if still:
        raise NotYet(
            f"{len(still)} of the network's weights did not move. Give Adam all of them: network.parameters()."
        )

    for message in SLIPS:
        if all(_close(_slip_losses(message, number, turns), losses[:turns], losses.max()) for turns in (3, STEPS)):
            raise NotYet(message.format(number=number))
    same = int(np.argmax(np.abs(losses - right) > 1e-3 * right.max()))
    if number == 0 and same > 0:
        raise NotYet(
            f"The first {'loss is' if same == 1 else f'{same} losses are'} right, but the others are not. Does "
            "something change from one update to the next, such as the learning rate, or does Adam have other settings?"
        )
    raise NotYet(
        f"The losses go from {losses[0]:.4g} to {losses[-1]:.4g}, and they are not those of Adam at this rate on "
        "batch 0."
    )


def _adam(parameters, rate=RATE, **options) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=rate, **options)


def _losses_by(
    number: int,
    turns: int,
    *,
    make_optimizer=_adam,
    keep=True,
    zero=True,
    loss=mse_loss,
    mode=True,
    part=slice(None),
    falls=False,
    each=1,
    skip=0,
) -> np.ndarray:
    """The losses (turns,) of a run on that batch with one slip or two."""
    network, (lr, hr) = WithIdleWeight().train(mode), batch_of(100 + number)
    lr, hr, losses = lr[part], hr[part], []
    optimizer = make_optimizer(network.parameters())
    for step in range(skip + 1 + each * (turns - 1)):
        if falls:
            optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        if not keep:
            optimizer = make_optimizer(network.parameters())
        if zero:
            optimizer.zero_grad()
        value = loss(network(lr), hr)
        losses.append(value.item())
        value.backward()
        optimizer.step()
    return np.array(losses[skip::each])


@functools.cache
def _slip_losses(message: str, number: int, turns: int) -> np.ndarray:
    """The first losses (turns,) of the run with that slip. They are kept, so the answer's settings must not count."""
    torch.set_default_dtype(torch.float32)
    with torch.enable_grad(), torch.device("cpu"):
        return _losses_by(number, turns, **SLIPS[message])


def _close(losses: np.ndarray, others: np.ndarray, largest: float) -> bool:
    return bool(np.abs(losses - others).max() <= 1e-3 * largest)


TWICE = "train_step is called twice in each turn of the loop. Make one update for each loss."
SLIPS = {
    "It takes batch {number} of the sampler. Take batch 0, so that everybody sees the same.": {},
    "A new optimiser is made for each update: Adam forgets its moments, and every step is as long as the first. "
    "Make it once, before the loop.": {"keep": False},
    "The learning rate is not the one given: this is Adam's default, 1e-3.": {
        "make_optimizer": lambda p: _adam(p, 1e-3)
    },
    "The learning rate is not the one given: this is the paper's, 1e-4.": {"make_optimizer": lambda p: _adam(p, 1e-4)},
    "The learning rate is not the one given: it is a tenth of it.": {"make_optimizer": lambda p: _adam(p, RATE / 10)},
    "The learning rate is not the one given: it is half of it.": {"make_optimizer": lambda p: _adam(p, RATE / 2)},
    "The learning rate is not the one given: it is twice as high.": {"make_optimizer": lambda p: _adam(p, RATE * 2)},
    "This is RMSprop. The paper, and this exercise, use Adam.": {
        "make_optimizer": lambda p: torch.optim.RMSprop(p, lr=RATE)
    },
    "This is plain SGD. The paper, and this exercise, use Adam.": {
        "make_optimizer": lambda p: torch.optim.SGD(p, lr=RATE)
    },
    "Gradients pile up: zero_grad is missing. train_step has it.": {"zero": False},
    "The loss is measured on [0, 1]. train_step measures it on [-1, 1].": {"loss": F.mse_loss},
    "The network trains in evaluation mode. Leave the mode alone.": {"mode": False},
    TWICE: {"each": 2, "skip": 1},
    f"{TWICE} The first loss of each pair is kept.": {"each": 2},
    "These are the losses after each update. train_step returns the loss before it: keep that one.": {"skip": 1},
    "Only the first crop of the batch is used. Show the network the whole batch.": {"part": slice(1)},
    "The learning rate falls during the run. It must stay the same in all updates.": {"falls": True},
    "Adam's betas are not the usual ones. Leave them out: only lr is given.": {
        "make_optimizer": lambda p: _adam(p, betas=(0.5, 0.999))
    },
}
PARTS = {
    "zero_grad is missing, so gradients pile up": {"zero": False},
    "the loss is measured on [0, 1], not on [-1, 1]": {"loss": F.mse_loss},
    "the network trains in evaluation mode": {"mode": False},
    "a new optimiser is made for each update": {"keep": False},
    "the learning rate is Adam's default, 1e-3": {"make_optimizer": lambda p: _adam(p, 1e-3)},
    "the optimiser is plain SGD, not Adam": {"make_optimizer": lambda p: torch.optim.SGD(p, lr=RATE)},
}
SLIPS |= {
    f"Two things are wrong: {one}, and {other}.": first | second
    for (one, first), (other, second) in itertools.combinations(PARTS.items(), 2)
}


EXERCISE = Exercise(
    name="overfit",
    lesson=4,
    place=2,
    title="overfit one batch",
    difficulty="easy",
    minutes=8,
    reference=overfit,
    judge=judge,
    hints=(
        "What must be the same in all updates is made before the loop. What is that, besides the batch?",
        "torch.optim.Adam needs network.parameters() and the learning rate, lr=rate. The batch is sampler(0).",
        "In the loop, write losses.append(float(train_step(network, optimizer, lr, hr))).",
    ),
    mistakes=(
        Mistake("a new batch in each update", says="12 different batches", ask="What does this exercise test?"),
        Mistake(
            "the optimiser is made in the loop",
            says="new optimiser is made for each update",
            ask="What does Adam remember?",
        ),
    ),
)
