"""Answers to exercise train_step as students write them, and its reference against numbers from outside."""

import copy

import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.datasets import CropSampler
from srgan_lessons.exercises.lesson04.train_step import train_step
from srgan_lessons.images import sample_photos
from srgan_lessons.losses import MSELoss, mse_loss
from srgan_lessons.models import Generator
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import pretrain_step

answers = Answers(
    "train_step",
    sentences="""
one update of the network on one batch :: no step; two steps
`lr` (N, 3, h, w) and `hr` :: lr and hr swapped
`optimizer.zero_grad()` is line 1, `optimizer.step()` is line 5 :: no zero_grad; step before backward
The loss is `mse_loss(sr, hr)` :: l1; sum
on the paper's range [-1, 1] :: F mse on 0..1
the loss of the batch before the weights moved :: loss after
detached from its graph :: with graph
Leave the network's mode (training or evaluation) as it is :: eval; train
""",
)


@answers.right
def gradients_dropped_at_the_end(network, optimizer, lr, hr):
    difference = 2 * (network(lr) - hr)
    loss = (difference * difference).mean()
    loss.backward()
    optimizer.step()
    for parameter in network.parameters():
        parameter.grad = None
    return loss.item()


@answers.right
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


@answers.wrong(says="backward() adds to the gradients that are there")
def no_zero_grad(network, optimizer, lr, hr):
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="without loss.backward(), no weight has a gradient")
def no_backward(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    optimizer.step()
    return loss.detach()


@answers.wrong(says="Call optimizer.step()")
def no_step(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    return loss.detach()


@answers.wrong(says="Call backward first, then step")
def step_before_backward(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    optimizer.step()
    loss.backward()
    return loss.detach()


@answers.wrong(says="throws the new gradients away")
def zeroed_too_late(network, optimizer, lr, hr):
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="no path from the loss back to the weights")
def detached(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr).detach(), hr)
    loss.backward()
    optimizer.step()
    return loss


@answers.wrong(says="or the arguments are exchanged")
def arguments_exchanged(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(hr, network(lr))
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="no path from the loss back to the weights")
def without_gradients(network, optimizer, lr, hr):
    optimizer.zero_grad()
    with torch.no_grad():
        loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss


@answers.wrong(says="Is that LR")
def compared_with_lr(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = ((network(lr) - lr) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="given HR")
def fed_with_hr(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(hr), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="evaluation mode")
def evaluation_mode(network, optimizer, lr, hr):
    network.eval()
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="left in evaluation mode")
def left_in_evaluation_mode(network, optimizer, lr, hr):
    loss = train_step(network, optimizer, lr, hr)
    network.eval()
    return loss


@answers.wrong(says="sum")
def summed(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = F.mse_loss(network(lr), hr, reduction="sum")
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="measured on [0, 1]")
def torchs_mse(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = F.mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="clamped to [0, 1]")
def clamped(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr).clamp(0, 1), hr)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="still holds its graph")
def with_its_graph(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss


@answers.wrong(says="from a second pass, after the update")
def loss_afterwards(network, optimizer, lr, hr):
    train_step(network, optimizer, lr, hr)
    return mse_loss(network(lr), hr).item()


@answers.wrong(says="the optimiser that was given does not move them")
def optimiser_of_its_own(network, optimizer, lr, hr):
    return train_step(network, torch.optim.Adam(network.parameters()), lr, hr)


@answers.wrong(says="2 calls of step")
def two_steps(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="right direction, but it is 0.123 times")
def gradients_clipped(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 0.1)
    optimizer.step()
    return loss.detach()


@answers.wrong(says="Is the `return` missing?")
def nothing_returned(network, optimizer, lr, hr):
    train_step(network, optimizer, lr, hr)


@answers.wrong(says="The range is changed twice")
def range_changed_twice(network, optimizer, lr, hr):
    optimizer.zero_grad()
    loss = mse_loss(2 * network(lr) - 1, 2 * hr - 1)
    loss.backward()
    optimizer.step()
    return loss.detach()


@answers.wrong(says="Is it rounded? Return it with all its digits.")
def nearly_the_loss(network, optimizer, lr, hr):
    return 1.0005 * train_step(network, optimizer, lr, hr)


TestAnswers = answers.tests()


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
