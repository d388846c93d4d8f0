"""Lesson 04, Training SRResNet: one update, overfitting one batch, the learning rate, a checkpoint and its return."""

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.classroom.judges.resuming import judge_checkpoint, judge_restore
from srgan_lessons.classroom.judges.updates import batch_of, judge_train_step, small_network, weights_of
from srgan_lessons.classroom.judging import Exercise, NotYet, as_number, call, recognise
from srgan_lessons.losses import mse_loss

# --- one update ------------------------------------------------------------------------------------------------------


def train_step(network, optimizer, lr, hr):
    optimizer.zero_grad()
    sr = network(lr)
    loss = mse_loss(sr, hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


# --- overfitting one batch -------------------------------------------------------------------------------------------


def overfit(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    lr, hr = sampler(0)
    losses = []
    for _ in range(steps):
        losses.append(float(train_step(network, optimizer, lr, hr)))
    return losses


class WatchedSampler:
    """Stands for a CropSampler: a batch for each step, and a note of which were asked for."""

    def __init__(self):
        self.asked: list[int] = []

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        self.asked.append(int(step))
        return batch_of(100 + int(step))


def judge_overfit(candidate) -> None:
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
        raise NotYet("A second call, with a new network, does not begin anew. Make the optimiser inside the function.")


def _loss_list(result: Any, steps: int) -> np.ndarray:
    if result is None:
        raise NotYet("The result is None. Is the `return` missing?")
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

    def adam(parameters, rate=rate):
        return torch.optim.Adam(parameters, lr=rate)

    slips = {
        f"It takes batch {number} of the sampler. Batch 0 is asked for, so that all see the same.": lambda: run(adam),
        "The optimiser is made anew for each update: Adam forgets its moments, and every step is as long as the first. "
        "Make it once, before the loop.": lambda: run(adam, keep=False),
        "The learning rate is not the one given: this is Adam's default, 1e-3.": lambda: run(lambda p: adam(p, 1e-3)),
        "The learning rate is not the one given: this is the paper's, 1e-4.": lambda: run(lambda p: adam(p, 1e-4)),
        "The learning rate is not the one given: it is a tenth of it.": lambda: run(lambda p: adam(p, rate / 10)),
        "This is plain SGD. The paper, and this exercise, use Adam.": lambda: run(
            lambda p: torch.optim.SGD(p, lr=rate)
        ),
        "Gradients pile up: zero_grad is missing. train_step has it.": lambda: run(adam, zero=False),
        "The loss is measured on [0, 1]. train_step measures it on [-1, 1].": lambda: run(adam, loss=F.mse_loss),
        "The network trains in evaluation mode. Leave the mode alone.": lambda: run(adam, mode=False),
    }
    for message, outcome in slips.items():
        values = outcome()
        if np.abs(losses - values).max() <= 1e-3 * values.max():
            raise NotYet(message)
    raise NotYet(
        f"The losses go from {losses[0]:.4g} to {losses[-1]:.4g}, and they are not those of Adam at this rate on "
        "batch 0."
    )


# --- the learning rate -----------------------------------------------------------------------------------------------


def rate_at(step, steps, peak):
    rise = steps // 10
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + np.cos(np.pi * (step - rise) / (steps - rise)))


def judge_rate_at(candidate) -> None:
    for steps, peak in ((60, 3e-3), (200, 4e-4)):
        at = np.arange(steps)
        result = np.array([as_number(call(candidate, int(step), steps, peak), "the learning rate") for step in at])
        right = np.array([rate_at(step, steps, peak) for step in at])
        if np.abs(result - right).max() <= 1e-6 * peak:
            continue
        recognise(result / peak, {text: rates for text, rates in _schedules(at, steps).items()}, within=1e-4)
        times = result / right
        if np.ptp(times) <= 1e-3 * times.max():
            raise NotYet(f"Everywhere it is {times[0]:.3g} times what is expected; the peak is {peak:g} in this call.")
        rise = steps // 10
        warm, off = np.abs(result - right)[:rise].max(), int(np.abs(result - right).argmax())
        if warm <= 1e-6 * peak:
            raise NotYet(f"The warm-up is right, the cosine is not. {_at(off, steps, result, right, peak)}")
        if np.abs(result - right)[rise:].max() <= 1e-6 * peak:
            raise NotYet(f"The cosine is right, the warm-up is not. {_at(off, steps, result, right, peak)}")
        raise NotYet(_at(off, steps, result, right, peak))


def _at(step: int, steps: int, result: np.ndarray, right: np.ndarray, peak: float) -> str:
    share, wanted = result[step] / peak, right[step] / peak
    return f"In update {step} of {steps} it is {share:.3f} of the peak; {wanted:.3f} is expected."


def _schedules(at: np.ndarray, steps: int) -> dict[str, np.ndarray]:
    """What each usual mistake gives, as a share of the peak, at those steps."""
    rise = steps // 10
    share = (at - rise) / (steps - rise)
    up, down = (at + 1) / rise, 0.5 * (1 + np.cos(np.pi * share))

    def joined(first: np.ndarray, then: np.ndarray) -> np.ndarray:
        return np.where(at < rise, first, then)

    whole = 0.5 * (1 + np.cos(np.pi * at / steps))
    return {
        "It does not change with the step. It must rise over the first tenth, then fall to 0.": np.ones(steps),
        "The first update has a rate of 0, and is wasted: steps count from 0, so take (step + 1) / rise.": joined(
            at / rise, down
        ),
        "There is no warm-up: it must rise over the first tenth of the updates.": whole,
        "The cosine must begin when the warm-up ends: with (step - rise) / (steps - rise), not step / steps.": joined(
            up, whole
        ),
        "The cosine ends too early or too late: from update `rise` to the end there are steps - rise.": joined(
            up, 0.5 * (1 + np.cos(np.pi * (at - rise) / steps))
        ),
        "It falls along a straight line. A cosine is asked for: slow, fast, slow.": joined(up, 1 - share),
        "After the warm-up it stays at the peak. It must fall to 0 along the cosine.": joined(up, np.ones(steps)),
        "It rises without an end: after a tenth of the updates the cosine takes over.": up,
        "It falls to minus the peak, which climbs uphill: the cosine goes from 1 to -1. Add 1 and halve it.": joined(
            up, np.cos(np.pi * share)
        ),
        "It begins its fall at twice the peak: 1 + cos goes from 2 to 0. Halve it.": joined(up, 2 * down),
        "The cosine is upside down: it rises from 0 to the peak. It is 1 + cos, not 1 - cos.": joined(up, 1 - down),
        "np.cos counts in radians: half a turn is np.pi, not 180.": joined(up, 0.5 * (1 + np.cos(180 * share))),
        "This is a quarter of a cosine, pi / 2. Half a turn is pi, and 1 + cos of it goes from 2 to 0.": joined(
            up, np.cos(np.pi / 2 * share)
        ),
        "This is the paper's drop to a tenth. A warm-up and a cosine are asked for.": np.where(at < steps // 2, 1, 0.1),
        "This is the paper's constant rate with a warm-up before it. The cosine is missing.": np.minimum(up, 1),
    }


# --- a checkpoint and its return -------------------------------------------------------------------------------------


def checkpoint(network, optimizer, step):
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    return copy.deepcopy(state)


def restore(state, network, optimizer):
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="train_step",
        lesson=4,
        title="one update",
        difficulty="easy",
        minutes=8,
        stub="""
            def train_step(network, optimizer, lr, hr):
                ...  # 1. drop the gradients of the update before
                sr = ...  # 2. enlarge
                loss = ...  # 3. compare, with mse_loss
                ...  # 4. how does each weight change the loss?
                ...  # 5. move each weight a little
                return loss.detach()
            """,
        reference=train_step,
        judge=judge_train_step,
        hints=(
            "It is the five lines of the small example above, with a network in place of one weight and an optimiser "
            "that does the subtraction.",
            "The optimiser drops the gradients and moves the weights; the loss computes the gradients. Which of them "
            "comes after which?",
            "optimizer.zero_grad(); sr = network(lr); loss = mse_loss(sr, hr); loss.backward(); optimizer.step().",
        ),
    ),
    Exercise(
        name="overfit",
        lesson=4,
        title="overfit one batch",
        difficulty="easy",
        minutes=8,
        stub="""
            def overfit(network, sampler, steps, rate):
                optimizer = ...  # 1. Adam over the network's weights, at this rate
                lr, hr = ...  # 2. batch 0
                losses = []
                for _ in range(steps):
                    losses.append(...)  # 3. one update on that batch; its loss as a number
                return losses
            """,
        reference=overfit,
        judge=judge_overfit,
        hints=(
            "Everything that must be the same in all updates is made before the loop. What is that, besides the batch?",
            "torch.optim.Adam wants the weights, network.parameters(), and lr=... . The batch is sampler(0).",
            "In the loop: losses.append(float(train_step(network, optimizer, lr, hr))).",
        ),
    ),
    Exercise(
        name="rate_at",
        lesson=4,
        title="warm-up and cosine",
        difficulty="medium",
        minutes=7,
        stub="""
            def rate_at(step, steps, peak):
                rise = steps // 10
                if step < rise:
                    return ...  # 1. the warm-up
                return ...  # 2. the cosine
            """,
        reference=rate_at,
        judge=judge_rate_at,
        hints=(
            "Two formulas, and both give the peak where they meet. Try them by hand for steps = 20: what is the rate "
            "of update 0, of update 1, of update 2, and of update 19?",
            "Warm-up: steps count from 0, and update 0 shall move. Cosine: 1 + cos goes from 2 to 0 while its argument "
            "goes from 0 to np.pi.",
            "peak * (step + 1) / rise, then peak * 0.5 * (1 + np.cos(np.pi * (step - rise) / (steps - rise))).",
        ),
    ),
    Exercise(
        name="checkpoint",
        lesson=4,
        title="what a checkpoint holds",
        difficulty="medium",
        minutes=7,
        stub="""
            def checkpoint(network, optimizer, step):
                state = ...  # 1. a dict with "network", "optimizer" and "step"
                return ...  # 2. must stay as it is while training goes on
            """,
        reference=checkpoint,
        judge=judge_checkpoint,
        hints=(
            "What does the next update depend on? The weights, what the optimiser remembers, which crops come next.",
            "Network and optimiser both have state_dict(). But a state dict holds the tensors themselves, not copies.",
            'state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, and then '
            "return copy.deepcopy(state).",
        ),
    ),
    Exercise(
        name="restore",
        lesson=4,
        title="go on from a checkpoint",
        difficulty="easy",
        minutes=5,
        stub="""
            def restore(state, network, optimizer):
                ...  # 1. into the network
                ...  # 2. into the optimiser
                return ...  # 3. the number of the next update
            """,
        reference=restore,
        judge=judge_restore,
        hints=(
            "Whatever checkpoint put in must come out again, into the network and the optimiser that were given.",
            "Both have load_state_dict, which writes into the object. A plain assignment would only give a name away.",
            'network.load_state_dict(state["network"]), the same for the optimiser, and return state["step"].',
        ),
    ),
)
