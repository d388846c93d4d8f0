"""Exercise 4.2: overfit one batch."""

import copy
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


class WatchedSampler:
    """Stands in for a CropSampler: returns a batch for each step and records which batches were asked for."""

    def __init__(self):
        self.asked: list[int] = []

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        self.asked.append(int(step))
        return batch_of(100 + int(step))


def judge(candidate) -> None:
    steps, rate = 12, 4e-3
    start, sampler = small_network(), WatchedSampler()
    network = copy.deepcopy(start)
    result = call(candidate, network, sampler, steps, rate)
    if len(set(sampler.asked)) > 1:
        raise NotYet(
            f"It asks the sampler for {len(set(sampler.asked))} different batches. To overfit, take one batch, before "
            "the loop, and show it to the network again and again."
        )
    if not sampler.asked:
        raise NotYet("The sampler is never asked. sampler(0) gives the batch: lr and hr.")
    losses = _loss_list(result, steps)
    wanted_network = copy.deepcopy(start)
    wanted = np.array(overfit(wanted_network, WatchedSampler(), steps, rate))
    if np.abs(losses - wanted).max() > 1e-3 * wanted.max():
        _name_losses(losses, start, steps, rate, sampler.asked[0])
    if torch.equal(weights_of(network), weights_of(start)):
        raise NotYet("The losses are right, but the network that was given has not learned: you trained a copy of it.")
    if (weights_of(network) - weights_of(wanted_network)).abs().max() > 0.02:
        raise NotYet(
            "The losses are right, the weights at the end are not. Was something changed after the last update?"
        )
    again = _loss_list(call(candidate, copy.deepcopy(start), WatchedSampler(), 5, rate), 5)
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
        raise NotYet(f"For steps={steps} it returns {len(losses)} losses; {steps} are expected, one for each update.")
    return losses


def _name_losses(losses: np.ndarray, start: nn.Module, steps: int, rate: float, number: int) -> None:
    if np.ptp(losses) <= 1e-6 * losses.max():
        raise NotYet(
            f"The loss stays at {losses[0]:.4g}: nothing is learned. Each turn of the loop needs a train_step."
        )

    def run(make_optimizer, *, keep: bool = True, zero: bool = True, loss=mse_loss, mode=True) -> np.ndarray:
        network, (lr, hr) = copy.deepcopy(start).train(mode), batch_of(100 + number)
        optimizer, values = make_optimizer(network.parameters()), []
        for _ in range(steps):
            if not keep:
                optimizer = make_optimizer(network.parameters())
            if zero:
                optimizer.zero_grad()
            value = loss(network(lr), hr)
            value.backward()
            optimizer.step()
            values.append(value.item())
        return np.array(values)

    right = run(lambda p: torch.optim.Adam(p, lr=rate))
    if number == 0 and np.allclose(np.sort(losses), np.sort(right), rtol=1e-3):
        raise NotYet("These are the right losses in another order. Return them as the updates gave them.")

    def adam(parameters, rate=rate):
        return torch.optim.Adam(parameters, lr=rate)

    slips = {
        f"It takes batch {number} of the sampler. Batch 0 is asked for, so that all see the same.": lambda: run(adam),
        "A new optimiser is made for each update: Adam forgets its moments, and every step is as long as the first. "
        "Make it once, before the loop.": lambda: run(adam, keep=False),
        "The learning rate is not the one given: this is Adam's default, 1e-3.": lambda: run(lambda p: adam(p, 1e-3)),
        "The learning rate is not the one given: this is the paper's, 1e-4.": lambda: run(lambda p: adam(p, 1e-4)),
        "The learning rate is not the one given: it is a tenth of it.": lambda: run(lambda p: adam(p, rate / 10)),
        "The learning rate is not the one given: it is half of it.": lambda: run(lambda p: adam(p, rate / 2)),
        "The learning rate is not the one given: it is twice that.": lambda: run(lambda p: adam(p, rate * 2)),
        "This is RMSprop. The paper, and this exercise, use Adam.": lambda: run(
            lambda p: torch.optim.RMSprop(p, lr=rate)
        ),
        "This is plain SGD. The paper, and this exercise, use Adam.": lambda: run(
            lambda p: torch.optim.SGD(p, lr=rate)
        ),
        "This is AdamW, which also shrinks the weights. Plain Adam is asked for.": lambda: run(
            lambda p: torch.optim.AdamW(p, lr=rate)
        ),
        "Gradients pile up: zero_grad is missing. train_step has it.": lambda: run(adam, zero=False),
        "The loss is measured on [0, 1]. train_step measures it on [-1, 1].": lambda: run(adam, loss=F.mse_loss),
        "The network trains in evaluation mode. Leave the mode alone.": lambda: run(adam, mode=False),
    }
    for message, outcome in slips.items():
        values = outcome()
        if np.abs(losses - values).max() <= 1e-3 * values.max():
            raise NotYet(message)
    if np.abs(losses - np.round(losses, 2)).max() == 0:
        raise NotYet("The losses are rounded. Keep all their digits, and round only where you show them.")
    raise NotYet(
        f"The losses go from {losses[0]:.4g} to {losses[-1]:.4g}, and they are not those of Adam at this rate on "
        "batch 0."
    )


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
        "Everything that must be the same in all updates is made before the loop. What is that, besides the batch?",
        "torch.optim.Adam wants the weights, network.parameters(), and lr=... . The batch is sampler(0).",
        "In the loop: losses.append(float(train_step(network, optimizer, lr, hr))).",
    ),
    mistakes=(
        Mistake("a new batch at each update", says="12 different batches", ask="What is this a test of?"),
        Mistake(
            "the optimiser is made in the loop",
            says="new optimiser is made for each update",
            ask="What does Adam remember?",
        ),
    ),
)
