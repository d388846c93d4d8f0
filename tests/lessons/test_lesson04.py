"""Answers to the exercises of lesson 04 as students write them, and its references against the package and torch."""

import copy
import io
import math

import pytest
import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.classroom.exercises.lesson04 import checkpoint, overfit, rate_at, restore, train_step
from srgan_lessons.datasets import CropSampler
from srgan_lessons.images import sample_photos
from srgan_lessons.losses import MSELoss, mse_loss
from srgan_lessons.models import Generator
from srgan_lessons.training import RECIPES
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import pretrain_step

answers = Answers(lesson=4)

# --- train_step ------------------------------------------------------------------------------------------------------


@answers.right("train_step")
def gradients_dropped_at_the_end(network, optimizer, lr, hr):
    difference = 2 * (network(lr) - hr)
    loss = (difference * difference).mean()
    loss.backward()
    optimizer.step()
    for parameter in network.parameters():
        parameter.grad = None
    return loss.item()


@answers.right("train_step")
def gradients_by_hand(network, optimizer, lr, hr):
    sr = network(lr)
    loss = 4 * F.mse_loss(sr, hr)
    parameters = list(network.parameters())
    total = torch.zeros(())
    loss.backward(inputs=parameters)
    with torch.no_grad():
        total += loss
    optimizer.step()
    network.zero_grad(set_to_none=False)
    return total.numpy()


@answers.wrong("train_step", says="backward() adds to the gradients that are there")
def no_zero_grad(network, optimizer, lr, hr):
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="without loss.backward() no weight has a gradient")
def no_backward(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="Call optimizer.step()")
def no_step(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    return loss.detach()


@answers.wrong("train_step", says="First backward, then step")
def step_before_backward(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    optimizer.step()
    loss.backward()
    return loss.detach()


@answers.wrong("train_step", says="throws the new gradients away")
def zeroed_too_late(network, optimizer, lr, hr):
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="no path back to the weights")
def detached(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr).detach(), hr)
    loss.backward()
    optimizer.step()
    return loss


@answers.wrong("train_step", says="no path back to the weights")
def without_gradients(network, optimizer, lr, hr):
    optimizer.zero_grad()
    with torch.no_grad():
        loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss


@answers.wrong("train_step", says="Is it LR")
def compared_with_lr(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = ((network(lr) - lr) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="fed with HR")
def fed_with_hr(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(hr), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="evaluation mode")
def evaluation_mode(network, optimizer, lr, hr):
    network.eval()
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="left in evaluation mode")
def left_in_evaluation_mode(network, optimizer, lr, hr):
    loss = train_step(network, optimizer, lr, hr)
    network.eval()
    return loss


@answers.wrong("train_step", says="sum")
def summed(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = F.mse_loss(network(lr), hr, reduction="sum")
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="measured on [0, 1]")
def torchs_mse(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = F.mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="clamped to [0, 1]")
def clamped(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr).clamp(0, 1), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="still holds its graph")
def with_its_graph(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss


@answers.wrong("train_step", says="the one after the update")
def loss_afterwards(network, optimizer, lr, hr):
    train_step(network, optimizer, lr, hr)
    return mse_loss(network(lr), hr).item()


@answers.wrong("train_step", says="not by the optimiser that was given")
def optimiser_of_its_own(network, optimizer, lr, hr):
    return train_step(network, torch.optim.Adam(network.parameters()), lr, hr)


@answers.wrong("train_step", says="2 calls of step")
def two_steps(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="not those of a step down the gradient")
def gradients_clipped(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 0.1)
    optimizer.step()
    return loss.detach()


@answers.wrong("train_step", says="Is the `return` missing?")
def nothing_returned(network, optimizer, lr, hr):
    train_step(network, optimizer, lr, hr)


def test_train_step_is_the_packages_step():
    torch.manual_seed(0)
    mine, theirs = [Generator(1, 8)], []
    theirs = [copy.deepcopy(mine[0])]
    losses = []
    machine = Machine("cpu", "fp32")
    sampler = CropSampler({"cat": sample_photos()["chelsea"]}, batch=2, crop=32)
    optimizers = [torch.optim.Adam(n.parameters(), lr=1e-3) for n in (mine[0], theirs[0])]
    for step in range(3):
        lr, hr = sampler(step)
        a = train_step(mine[0], optimizers[0], lr, hr)
        b = pretrain_step(theirs[0], optimizers[1], MSELoss(), lr, hr, machine)["content"]
        losses.append((a, b))
    assert all(torch.equal(a, b) for a, b in losses)
    assert all(torch.equal(a, b) for a, b in zip(mine[0].parameters(), theirs[0].parameters(), strict=True))


# --- overfit ---------------------------------------------------------------------------------------------------------


@answers.right("overfit")
def written_out(network, sampler, steps, rate):
    lr, hr = sampler(0)
    adam = torch.optim.Adam(network.parameters(), rate, foreach=False)
    losses = torch.zeros(steps)
    for step in range(steps):
        loss = mse_loss(network(lr), hr)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses[step] = loss.detach()
    return losses


@answers.right("overfit")
def asks_each_time_for_the_same(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    return [train_step(network, optimizer, *sampler(0)) for _ in range(steps)]


@answers.wrong("overfit", says="12 different batches")
def new_batch_each_time(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    return [train_step(network, optimizer, *sampler(step)).item() for step in range(steps)]


@answers.wrong("overfit", says="made anew for each update")
def optimiser_in_the_loop(network, sampler, steps, rate):
    lr, hr = sampler(0)
    return [train_step(network, torch.optim.Adam(network.parameters(), lr=rate), lr, hr).item() for _ in range(steps)]


@answers.wrong("overfit", says="Adam's default")
def rate_forgotten(network, sampler, steps, rate):
    return overfit(network, sampler, steps, 1e-3)


@answers.wrong("overfit", says="the paper's, 1e-4")
def rate_of_the_paper(network, sampler, steps, rate):
    return overfit(network, sampler, steps, 1e-4)


@answers.wrong("overfit", says="plain SGD")
def with_sgd(network, sampler, steps, rate):
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    lr, hr = sampler(0)
    return [train_step(network, optimizer, lr, hr).item() for _ in range(steps)]


@answers.wrong("overfit", says="you trained a copy")
def trains_a_copy(network, sampler, steps, rate):
    return overfit(copy.deepcopy(network), sampler, steps, rate)


@answers.wrong("overfit", says="Gradients pile up")
def gradients_pile_up(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    lr, hr = sampler(0)
    losses = []
    for _ in range(steps):
        loss = mse_loss(network(lr), hr)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@answers.wrong("overfit", says="returns 1 losses")
def return_in_the_loop(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        losses.append(train_step(network, optimizer, *sampler(0)).item())
        return losses


@answers.wrong("overfit", says="is not a list")
def last_loss_only(network, sampler, steps, rate):
    return overfit(network, sampler, steps, rate)[-1]


@answers.wrong("overfit", says="takes batch 1 of the sampler")
def other_batch(network, sampler, steps, rate):
    return overfit(network, lambda step: sampler(1), steps, rate)


@answers.wrong("overfit", says="nothing is learned")
def loss_without_update(network, sampler, steps, rate):
    lr, hr = sampler(0)
    return [mse_loss(network(lr), hr).item() for _ in range(steps)]


@answers.wrong("overfit", says="in evaluation mode")
def trains_in_evaluation_mode(network, sampler, steps, rate):
    return overfit(network.eval(), sampler, steps, rate)


_kept = {}


@answers.wrong("overfit", says="Make the optimiser inside the function")
def optimiser_kept_outside(network, sampler, steps, rate):
    optimizer = _kept.setdefault("optimizer", torch.optim.Adam(network.parameters(), lr=rate))
    if len(optimizer.state) and optimizer.param_groups[0]["params"][0] is not next(network.parameters()):
        _kept.clear()  # so that the next test begins anew
    return [train_step(network, optimizer, *sampler(0)).item() for _ in range(steps)]


# --- rate_at ----------------------------------------------------------------------------------------------------------


@answers.right("rate_at")
def one_formula(step, steps, peak):
    rise = steps // 10
    warm = min(1.0, (step + 1) / rise)
    turned = max(0.0, step - rise) / (steps - rise)
    return torch.tensor(peak * warm * math.cos(math.pi * turned / 2) ** 2)


@answers.right("rate_at")
def by_torchs_scheduler(step, steps, peak):
    rise = steps // 10
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=peak)
    warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: (k + 1) / rise if k < rise else 1)
    if step < rise:
        return peak * warm.lr_lambdas[0](step)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.zeros(1)], lr=peak), T_max=steps - rise)
    cosine.last_epoch = step - rise
    return cosine._get_closed_form_lr()[0]


def _cosine(step, steps, peak, rise):
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


@answers.wrong("rate_at", says="does not change with the step")
def constant(step, steps, peak):
    return peak


@answers.wrong("rate_at", says="the paper's drop")
def drop(step, steps, peak):
    return peak if step < steps // 2 else peak / 10


@answers.wrong("rate_at", says="rate of 0, and is wasted")
def begins_at_zero(step, steps, peak):
    rise = steps // 10
    return peak * step / rise if step < rise else _cosine(step, steps, peak, rise)


@answers.wrong("rate_at", says="There is no warm-up")
def no_warm_up(step, steps, peak):
    return _cosine(step, steps, peak, 0)


@answers.wrong("rate_at", says="must begin when the warm-up ends")
def cosine_of_the_whole(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else _cosine(step, steps, peak, 0)


@answers.wrong("rate_at", says="straight line")
def linear(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else peak * (steps - step) / (steps - rise)


@answers.wrong("rate_at", says="Add 1 and halve it")
def bare_cosine(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else peak * math.cos(math.pi * (step - rise) / (steps - rise))


@answers.wrong("rate_at", says="Halve it")
def not_halved(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else 2 * _cosine(step, steps, peak, rise)


@answers.wrong("rate_at", says="upside down")
def upside_down(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else peak - _cosine(step, steps, peak, rise)


@answers.wrong("rate_at", says="radians")
def in_degrees(step, steps, peak):
    rise = steps // 10
    share = (step - rise) / (steps - rise)
    return peak * (step + 1) / rise if step < rise else peak * 0.5 * (1 + math.cos(180 * share))


@answers.wrong("rate_at", says="stays at the peak")
def stays_up(step, steps, peak):
    return peak * min(1, (step + 1) / (steps // 10))


@answers.wrong("rate_at", says="the peak is 0.0004 in this call")
def peak_by_heart(step, steps, peak):
    return rate_at(step, steps, 3e-3)


@answers.wrong("rate_at", says="The warm-up is right, the cosine is not")
def ends_at_a_tenth(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else 0.1 * peak + 0.9 * _cosine(step, steps, peak, rise)


def test_rate_at_is_the_recipes_schedule():
    recipe = RECIPES["espcn"]
    assert recipe.schedule == "one-cycle"
    for step in range(recipe.steps):
        assert rate_at(step, recipe.steps, recipe.rate) == pytest.approx(recipe.rate_at(step), rel=1e-9, abs=1e-15)


# --- checkpoint ------------------------------------------------------------------------------------------------------


@answers.right("checkpoint")
def through_a_file(network, optimizer, step):
    file = io.BytesIO()
    torch.save({"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@answers.right("checkpoint")
def cloned_by_hand(network, optimizer, step):
    moments = optimizer.state_dict()
    return {
        "recipe": "srresnet-mse",
        "step": torch.tensor(step),
        "network": {name: value.detach().clone() for name, value in network.state_dict().items()},
        "optimizer": {
            "state": {i: {k: v.clone() for k, v in s.items()} for i, s in moments["state"].items()},
            "param_groups": [dict(group) for group in moments["param_groups"]],
        },
    }


@answers.wrong("checkpoint", says="not copies")
def references_only(network, optimizer, step):
    return {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}


@answers.wrong("checkpoint", says='state["network"] changed with it')
def shallow_copy(network, optimizer, step):
    return {"network": dict(network.state_dict()), "optimizer": copy.deepcopy(optimizer.state_dict()), "step": step}


@answers.wrong("checkpoint", says='state["optimizer"] changed with it')
def network_copied_alone(network, optimizer, step):
    return {"network": copy.deepcopy(network.state_dict()), "optimizer": optimizer.state_dict(), "step": step}


@answers.wrong("checkpoint", says="the weights alone")
def weights_alone(network, optimizer, step):
    return copy.deepcopy(network.state_dict())


@answers.wrong("checkpoint", says="Adam would begin with empty moments")
def no_optimiser(network, optimizer, step):
    return copy.deepcopy({"network": network.state_dict(), "step": step})


@answers.wrong("checkpoint", says="the crops would begin again from the first")
def no_position(network, optimizer, step):
    return copy.deepcopy({"network": network.state_dict(), "optimizer": optimizer.state_dict()})


@answers.wrong("checkpoint", says="running statistics are not")
def parameters_only(network, optimizer, step):
    return copy.deepcopy(
        {"network": dict(network.named_parameters()), "optimizer": optimizer.state_dict(), "step": step}
    )


@answers.wrong("checkpoint", says="is the Generator itself")
def the_network_itself(network, optimizer, step):
    return copy.deepcopy({"network": network, "optimizer": optimizer.state_dict(), "step": step})


@answers.wrong("checkpoint", says='the moments ("state") and the settings')
def settings_without_moments(network, optimizer, step):
    return copy.deepcopy({"network": network.state_dict(), "optimizer": optimizer.param_groups[0], "step": step})


@answers.wrong("checkpoint", says="Keep the step as it is given")
def one_too_many(network, optimizer, step):
    return checkpoint(network, optimizer, step + 1)


@answers.wrong("checkpoint", says="has changed the network")
def left_in_evaluation(network, optimizer, step):
    network.eval()
    return checkpoint(network, optimizer, step)


@answers.wrong("checkpoint", says="rounded")
def in_half_precision(network, optimizer, step):
    state = checkpoint(network, optimizer, step)
    state["network"] = {name: value.half() for name, value in state["network"].items()}
    return state


@answers.wrong("checkpoint", says="no objects of classes")
def as_arrays(network, optimizer, step):
    state = checkpoint(network, optimizer, step)
    return state | {"network": {name: value.numpy() for name, value in state["network"].items()}}


# --- restore ---------------------------------------------------------------------------------------------------------


@answers.right("restore")
def copied_by_hand(state, network, optimizer):
    optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.copy_(state["network"][name])
    return torch.tensor(state["step"])


@answers.wrong("restore", says="the optimiser is empty")
def weights_only(state, network, optimizer):
    network.load_state_dict(state["network"])
    return state["step"]


@answers.wrong("restore", says="Only the optimiser was restored")
def optimiser_only(state, network, optimizer):
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong("restore", says="a new name for another object")
def assigned(state, network, optimizer):
    network, optimizer = state["network"], state["optimizer"]  # noqa: F841 - the mistake
    return state["step"]


@answers.wrong("restore", says="It returns None")
def no_return(state, network, optimizer):
    restore(state, network, optimizer)


@answers.wrong("restore", says="One batch would be left out")
def the_step_after(state, network, optimizer):
    return restore(state, network, optimizer) + 1


@answers.wrong("restore", says="come twice, or never")
def from_the_start(state, network, optimizer):
    restore(state, network, optimizer)
    return 0


@answers.wrong("restore", says="buffers, not parameters")
def without_buffers(state, network, optimizer):
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(state["network"][name])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong("restore", says="still has its first weights")
def not_strict(state, network, optimizer):
    network.load_state_dict(state, strict=False)
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong("restore", says="the optimiser is empty")
def new_optimiser(state, network, optimizer):
    network.load_state_dict(state["network"])
    optimizer = torch.optim.Adam(network.parameters())
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong("restore", says="its learning rate is still")
def moments_without_settings(state, network, optimizer):
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state["optimizer"]["state"]})
    return state["step"]


@answers.wrong("restore", says="no longer holds this network's weights")
def other_weights(state, network, optimizer):
    other = copy.deepcopy(network)
    network.load_state_dict(state["network"])
    optimizer.__init__(other.parameters())
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong("restore", says="count of steps")
def bias_correction_restarted(state, network, optimizer):
    restore(state, network, optimizer)
    for moments in optimizer.state.values():
        moments["step"].zero_()
    return state["step"]


@answers.wrong("restore", says="left in evaluation mode")
def for_evaluation(state, network, optimizer):
    step = restore(state, network, optimizer)
    network.eval()
    return step


def test_a_run_that_was_stopped_ends_with_the_same_bits():
    """Through a file, into a new network, twice: the exercise's answer does what the lesson claims."""
    sampler = CropSampler({"cat": sample_photos()["chelsea"]}, batch=2, crop=32)

    def new():
        network = Generator(1, 8)
        return network, torch.optim.Adam(network.parameters(), lr=1e-3)

    torch.manual_seed(0)
    network, optimizer = new()
    stored = io.BytesIO()
    for step in range(6):
        if step == 3:
            torch.save(checkpoint(network, optimizer, step), stored)
        train_step(network, optimizer, *sampler(step))
    for _ in range(2):
        stored.seek(0)
        resumed, its_optimizer = new()
        first = restore(torch.load(stored, weights_only=True), resumed, its_optimizer)
        for step in range(first, 6):
            train_step(resumed, its_optimizer, *sampler(step))
        same = zip(network.state_dict().values(), resumed.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in same)


TestLesson04 = answers.tests()
