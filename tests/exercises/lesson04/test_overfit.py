"""Answers to exercise overfit as students write them, and its reference against numbers from outside."""

import copy

import torch
from answers import Answers

from srgan_lessons.exercises.lesson04.overfit import overfit
from srgan_lessons.exercises.lesson04.train_step import train_step
from srgan_lessons.losses import mse_loss

answers = Answers(
    "overfit",
    sentences="""
`steps` updates :: one step too many; steps ignored
by Adam :: SGD; RMSprop
at the learning rate `rate` :: default rate; rate halved
all of them on batch 0 of the sampler :: batch 1; new batch each
Use your `train_step` -- advice: a loop that does the same is as right
a list of the losses :: last loss only; losses sorted
one number for each update :: mean; generator of losses
""",
)


@answers.right
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


@answers.right
def asks_each_time_for_the_same(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    return [train_step(network, optimizer, *sampler(0)) for _ in range(steps)]


@answers.wrong(says="12 different batches")
def new_batch_each_time(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    return [train_step(network, optimizer, *sampler(step)).item() for step in range(steps)]


@answers.wrong(says="new optimiser is made for each update")
def optimiser_in_the_loop(network, sampler, steps, rate):
    lr, hr = sampler(0)
    return [train_step(network, torch.optim.Adam(network.parameters(), lr=rate), lr, hr).item() for _ in range(steps)]


@answers.wrong(says="not the network itself: network.parameters().")
def optimiser_of_the_network(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network, lr=rate)
    lr, hr = sampler(0)
    return [train_step(network, optimizer, lr, hr).item() for _ in range(steps)]


@answers.wrong(says="Adam's default")
def rate_forgotten(network, sampler, steps, rate):
    return overfit(network, sampler, steps, 1e-3)


@answers.wrong(says="the paper's, 1e-4")
def rate_of_the_paper(network, sampler, steps, rate):
    return overfit(network, sampler, steps, 1e-4)


@answers.wrong(says="plain SGD")
def with_sgd(network, sampler, steps, rate):
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    lr, hr = sampler(0)
    return [train_step(network, optimizer, lr, hr).item() for _ in range(steps)]


@answers.wrong(says="You trained a copy")
def trains_a_copy(network, sampler, steps, rate):
    return overfit(copy.deepcopy(network), sampler, steps, rate)


@answers.wrong(says="Gradients pile up")
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


@answers.wrong(says="returns 1 loss;")
def return_in_the_loop(network, sampler, steps, rate):
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        losses.append(train_step(network, optimizer, *sampler(0)).item())
        return losses


@answers.wrong(says="is not a list")
def last_loss_only(network, sampler, steps, rate):
    return overfit(network, sampler, steps, rate)[-1]


@answers.wrong(says="takes batch 1 of the sampler")
def other_batch(network, sampler, steps, rate):
    return overfit(network, lambda step: sampler(1), steps, rate)


@answers.wrong(says="nothing is learned")
def loss_without_update(network, sampler, steps, rate):
    lr, hr = sampler(0)
    return [mse_loss(network(lr), hr).item() for _ in range(steps)]


@answers.wrong(says="in evaluation mode")
def trains_in_evaluation_mode(network, sampler, steps, rate):
    return overfit(network.eval(), sampler, steps, rate)


_kept = {}


@answers.wrong(says="Make the optimiser inside the function")
def optimiser_kept_outside(network, sampler, steps, rate):
    optimizer = _kept.setdefault("optimizer", torch.optim.Adam(network.parameters(), lr=rate))
    if len(optimizer.state) and optimizer.param_groups[0]["params"][0] is not next(network.parameters()):
        _kept.clear()  # so that the next test starts from the beginning
    return [train_step(network, optimizer, *sampler(0)).item() for _ in range(steps)]


@answers.wrong(says="weights were drawn again")
def drawn_again(network, sampler, steps, rate):
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return overfit(network, sampler, steps, rate)


TestAnswers = answers.tests()
