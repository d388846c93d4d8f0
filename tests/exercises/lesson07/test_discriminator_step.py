"""Answers to exercise discriminator_step as students write them, and its reference against numbers from outside."""

import copy

import pytest
import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.exercises.lesson07.discriminator_step import discriminator_step
from srgan_lessons.exercises.lesson07.generator_step import generator_step
from srgan_lessons.exercises.shared.adversarial import small_discriminator
from srgan_lessons.exercises.shared.updates import batch_of, small_network
from srgan_lessons.losses import MSELoss, discriminator_loss
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import gan_step

answers = Answers(
    "discriminator_step",
    sentences="""
one update of the discriminator :: no step; two updates
the mean D(HR) and the mean D(SR) :: return order; max
of this step :: after the step
as plain numbers between 0 and 1 :: logits returned; tensors returned
The generator must not get any gradient :: no detach
the caller's `sr` must stay as it is :: detach in place
even a D that is very sure must get a finite gradient :: log sigmoid; eps
""",
)


def update(optimizer, loss):
    """The three lines with which every step ends."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@answers.right
def with_labels(discriminator, optimizer, sr, hr):
    optimizer.zero_grad()
    fake, real = discriminator(sr.detach()), discriminator(hr)
    bce = torch.nn.BCEWithLogitsLoss()
    loss = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        return real.sigmoid().mean(), fake.sigmoid().mean()


@answers.right
def one_backward_each(discriminator, optimizer, sr, hr):
    discriminator.zero_grad()
    real = discriminator(hr)
    (-F.logsigmoid(real).mean()).backward()
    fake = discriminator(sr.data)
    (-F.logsigmoid(-fake).mean()).backward()
    optimizer.step()
    return [torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()]


def a_step(discriminator, optimizer, loss, real, fake):
    update(optimizer, loss)
    return torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()


@answers.wrong(says="sr is still attached to the graph")
def no_detach(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr)
    return a_step(discriminator, optimizer, F.softplus(-real).mean() + F.softplus(fake).mean(), real, fake)


@answers.wrong(says="Detach only sr")
def opinion_detached_instead(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr).detach(), discriminator(sr).detach()
    return a_step(discriminator, optimizer, F.softplus(-real).mean() + F.softplus(fake).mean(), real, fake)


@answers.wrong(says="The labels are swapped")
def labels_swapped(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(real).mean() + F.softplus(-fake).mean(), real, fake)


@answers.wrong(says="HR and SR are both called real")
def both_real(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(-real).mean() + F.softplus(-fake).mean(), real, fake)


@answers.wrong(says="Only HR's loss moves D")
def hr_alone(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(-real).mean(), real, fake)


@answers.wrong(says="Only SR's loss moves D")
def sr_alone(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(fake).mean(), real, fake)


@answers.wrong(says="detach the images before D")
def answer_detached(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr).detach()
    return a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)


@answers.wrong(says="detach the images before D")
def answer_without_gradient(discriminator, optimizer, sr, hr):
    with torch.no_grad():
        fake = discriminator(sr)
    real = discriminator(hr)
    return a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)


@answers.wrong(says="SR's loss is subtracted")
def difference(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(-real).mean() - F.softplus(fake).mean(), real, fake)


@answers.wrong(says="SR is clamped")
def sr_clamped(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach().clamp(0, 1))
    return a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)


@answers.wrong(says="changes one of its arguments: `sr`")
def detached_in_place(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach_())
    return a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)


@answers.wrong(says="its weights become nan")
def logs_of_sigmoids(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, -(real.sigmoid().log() + (1 - fake.sigmoid()).log()).mean(), real, fake)


@answers.wrong(says="or an exp has become infinite")
def logs_of_exp(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = torch.log(1 + torch.exp(-real)).mean() + torch.log(1 + torch.exp(fake)).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong(says="finite, but capped")
def bce_of_sigmoids(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    bce = torch.nn.BCELoss()
    loss = bce(real.sigmoid(), torch.ones_like(real)) + bce(fake.sigmoid(), torch.zeros_like(fake))
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong(says="D takes 2 steps")
def two_updates(discriminator, optimizer, sr, hr):
    real = discriminator(hr)
    optimizer.zero_grad()
    F.softplus(-real).mean().backward()
    optimizer.step()
    fake = discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(fake).mean(), real, fake)


@answers.wrong(says="the optimizer that was given does not move it")
def ds_own_optimiser(discriminator, optimizer, sr, hr):
    return discriminator_step(discriminator, torch.optim.SGD(discriminator.parameters(), lr=0.02), sr, hr)


@answers.wrong(says="The loss is half")
def half(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2, real, fake)


@answers.wrong(says="as one batch")
def one_batch(discriminator, optimizer, sr, hr):
    real, fake = discriminator(torch.cat([hr, sr.detach()])).chunk(2)
    return a_step(discriminator, optimizer, F.softplus(-real).mean() + F.softplus(fake).mean(), real, fake)


@answers.wrong(says="The sigmoid is applied twice")
def sigmoid_twice_in_d(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = F.softplus(-real.sigmoid()).mean() + F.softplus(fake.sigmoid()).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong(says="label smoothing")
def smoothed(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9)) + F.softplus(fake).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong(says="The factor 1e-3 belongs")
def weighted(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, 1e-3 * discriminator_loss(real, fake), real, fake)


@answers.wrong(says="The step goes up")
def minimised_what_it_should_maximise(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong(says="evaluation mode")
def d_evaluates(discriminator, optimizer, sr, hr):
    discriminator.eval()
    return discriminator_step(discriminator, optimizer, sr, hr)


@answers.wrong(says="The generator's step has passed through D")
def stale_gradients(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    (F.softplus(-real).mean() + F.softplus(fake).mean()).backward()
    optimizer.step()
    return torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()


@answers.wrong(says="Call optimizer.step()")
def d_does_not_step(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    optimizer.zero_grad()
    discriminator_loss(real, fake).backward()
    return torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()


@answers.wrong(says="in the wrong order")
def order_of_results(discriminator, optimizer, sr, hr):
    d_hr, d_sr = discriminator_step(discriminator, optimizer, sr, hr)
    return d_sr, d_hr


@answers.wrong(says="These are logits")
def returns_logits(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)
    return real.mean().item(), fake.mean().item()


@answers.wrong(says="1 number came back")
def returns_the_loss_of_d(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = discriminator_loss(real, fake)
    a_step(discriminator, optimizer, loss, real, fake)
    return loss.item()


@answers.wrong(says="still carry their graph")
def results_with_their_graph(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)
    return torch.sigmoid(real).mean(), torch.sigmoid(fake).mean()


@answers.wrong(
    says="On SR, your loss is -softplus(-x), which is log D. It should be softplus(x), which is -log(1 - D). "
    "Both become smaller as D(SR) falls. But log D has no lower limit"
)
def minus_outside_on_sr(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(-real).mean() - F.softplus(-fake).mean(), real, fake)


@answers.wrong(says="On HR, your loss is -softplus(x), which is log(1 - D). It should be softplus(-x), which is -log D")
def minus_outside_on_hr(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(fake).mean() - F.softplus(real).mean(), real, fake)


@answers.wrong(
    says="which is log(1 - D). It should be softplus(-x), which is -log D. On SR, your loss is -softplus(-x)"
)
def minus_outside(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, -F.softplus(real).mean() - F.softplus(-fake).mean(), real, fake)


@answers.wrong(says="HR's loss is subtracted")
def other_difference(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(fake).mean() - F.softplus(-real).mean(), real, fake)


@answers.wrong(says="On SR, 1 - logit is used")
def one_minus_logit(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = -F.logsigmoid(real).mean() - F.logsigmoid(1 - fake).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong(says="Logits and labels of binary_cross_entropy_with_logits have changed places")
def labels_first(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    bce = F.binary_cross_entropy_with_logits
    return a_step(discriminator, optimizer, bce(torch.ones(3, 1), real) + bce(torch.zeros(3, 1), fake), real, fake)


@answers.wrong(says="its sign is reversed")
def difference_of_logits(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, real.mean() - fake.mean(), real, fake)


@answers.wrong(says="and its sign is reversed. The paper judges each image by itself")
def relativistic_reversed(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(real - fake).mean(), real, fake)


@answers.wrong(says="This is the generator's loss")
def generators_loss(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = ((sr.detach() - hr) ** 2).mean() + 1e-3 * F.softplus(-fake).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong(says="`discriminator` is left frozen")
def left_frozen(discriminator, optimizer, sr, hr):
    result = discriminator_step(discriminator, optimizer, sr, hr)
    discriminator.requires_grad_(False)
    return result


TestAnswers = answers.tests()


def test_the_two_steps_are_gan_step():
    mine = [small_network(), small_discriminator()]
    theirs = copy.deepcopy(mine)
    adams = [[torch.optim.Adam(n.parameters(), lr=1e-3) for n in pair] for pair in (mine, theirs)]
    for seed in range(3):
        lr, hr = batch_of(seed)
        sr = generator_step(*mine, adams[0][0], lr, hr)
        d_hr, d_sr = discriminator_step(mine[1], adams[0][1], sr, hr)
        row = gan_step(*theirs, *adams[1], MSELoss(), lr, hr, Machine("cpu", "fp32"))
        assert d_hr == pytest.approx(row["d_hr"].item(), abs=1e-6)
        assert d_sr == pytest.approx(row["d_sr"].item(), abs=1e-6)
    for a, b in zip(mine, theirs, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
        assert all(torch.equal(p, q) for p, q in zip(a.buffers(), b.buffers(), strict=True))
