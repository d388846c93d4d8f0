"""Answers to the exercises of lesson 07 as students write them, and its references against the package."""

import copy
import csv
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.classroom.exercises import lesson07
from srgan_lessons.classroom.exercises.lesson07 import (
    SIGNS,
    diagnoses,
    discriminator_step,
    generator_step,
    perceptual_loss,
)
from srgan_lessons.classroom.judges.adversarial import small_discriminator
from srgan_lessons.classroom.judges.updates import batch_of, small_network
from srgan_lessons.files import shipped
from srgan_lessons.losses import MSELoss, adversarial_loss, discriminator_loss, mse_loss
from srgan_lessons.losses import perceptual_loss as packages_perceptual_loss
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import gan_step

ROOT = Path(__file__).resolve().parents[2]
answers = Answers(lesson=7)

# --- perceptual_loss -------------------------------------------------------------------------------------------------


@answers.right("perceptual_loss")
def by_cross_entropy(sr, hr, logits):
    adversarial = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
    return ((2 * sr - 2 * hr) ** 2).mean() + 0.001 * adversarial


@answers.right("perceptual_loss")
def by_logsigmoid(sr, hr, logits):
    return 4 * F.mse_loss(sr, hr) - F.logsigmoid(logits).mean() / 1000


@answers.right("perceptual_loss")
def by_logaddexp(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * torch.logaddexp(torch.zeros_like(logits), -logits).mean()


@answers.wrong("perceptual_loss", says="a sigmoid has become exactly 0, and its log is not finite")
def sigmoid_then_log(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * (-torch.log(torch.sigmoid(logits))).mean()


@answers.wrong("perceptual_loss", says="sign of D's own loss")
def labels_of_d(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(logits).mean()


@answers.wrong("perceptual_loss", says="log(1 - D(SR))")
def minimax(sr, hr, logits):
    return mse_loss(sr, hr) - 1e-3 * F.softplus(logits).mean()


@answers.wrong("perceptual_loss", says="the sign is missing")
def log_without_minus(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.logsigmoid(logits).mean()


@answers.wrong("perceptual_loss", says="Both parts count the same")
def without_weight(sr, hr, logits):
    return mse_loss(sr, hr) + F.softplus(-logits).mean()


@answers.wrong("perceptual_loss", says="The weight is on the wrong part")
def weight_on_content(sr, hr, logits):
    return 1e-3 * mse_loss(sr, hr) + F.softplus(-logits).mean()


@answers.wrong("perceptual_loss", says="The weight is 1e-2")
def ten_times(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-2 * F.softplus(-logits).mean()


@answers.wrong("perceptual_loss", says="content loss alone")
def content_alone(sr, hr, logits):
    return mse_loss(sr, hr)


@answers.wrong("perceptual_loss", says="1e-3 times the adversarial loss. Add")
def adversarial_alone(sr, hr, logits):
    return 1e-3 * F.softplus(-logits).mean()


@answers.wrong("perceptual_loss", says="the sigmoid is in the formula already")
def sigmoid_twice(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-torch.sigmoid(logits)).mean()


@answers.wrong("perceptual_loss", says="without a log")
def without_log(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * (1 - torch.sigmoid(logits)).mean()


@answers.wrong("perceptual_loss", says="squared error")
def least_squares(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * ((logits - 1) ** 2).mean()


@answers.wrong("perceptual_loss", says="summed over the batch")
def summed(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-logits).sum()


@answers.wrong("perceptual_loss", says="measured on [0, 1]")
def torchs_mse(sr, hr, logits):
    return F.mse_loss(sr, hr) + 1e-3 * F.softplus(-logits).mean()


@answers.wrong("perceptual_loss", says="it has no gradient")
def as_a_number(sr, hr, logits):
    return perceptual_loss(sr, hr, logits).item()


@answers.wrong("perceptual_loss", says="reaches logits")
def opinion_detached(sr, hr, logits):
    return perceptual_loss(sr, hr, logits.detach())


@answers.wrong("perceptual_loss", says="2 values come back")
def both_parts(sr, hr, logits):
    return mse_loss(sr, hr), F.softplus(-logits).mean()


@answers.wrong("perceptual_loss", says="Is the `return` missing?")
def no_return(sr, hr, logits):
    perceptual_loss(sr, hr, logits)


@answers.wrong("perceptual_loss", says="or an exp has become infinite")
def log_of_one_plus_exp(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * torch.log(1 + torch.exp(-logits)).mean()


@answers.wrong("perceptual_loss", says="the log of a negative number is nan")
def log_of_logits(sr, hr, logits):
    return mse_loss(sr, hr) - 1e-3 * torch.log(logits).mean()


@answers.wrong("perceptual_loss", says="finite, but capped")
def log_with_epsilon(sr, hr, logits):
    return mse_loss(sr, hr) - 1e-3 * torch.log(torch.sigmoid(logits) + 1e-8).mean()


@answers.wrong("perceptual_loss", says="finite, but capped")
def cross_entropy_of_probabilities(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.binary_cross_entropy(logits.sigmoid(), torch.ones_like(logits))


@answers.wrong("perceptual_loss", says="finite, but capped")
def logits_clamped(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-logits.clamp(-100, 100)).mean()


@answers.wrong("perceptual_loss", says="The order is (sr, hr): hr is the fixed target and gets no gradient")
def target_first(sr, hr, logits):
    return mse_loss(hr, sr) + 1e-3 * F.softplus(-logits).mean()


@answers.wrong("perceptual_loss", says="The weight of 1e-3 is on the whole sum")
def weight_on_the_sum(sr, hr, logits):
    return 1e-3 * (mse_loss(sr, hr) + F.softplus(-logits).mean())


@answers.wrong("perceptual_loss", says="mean absolute error")
def absolute_error(sr, hr, logits):
    return F.l1_loss(sr, hr) + 1e-3 * F.softplus(-logits).mean()


@answers.wrong("perceptual_loss", says="of the logits, before softplus")
def mean_before_softplus(sr, hr, logits):
    return mse_loss(sr, hr) + 1e-3 * F.softplus(-logits.mean())


@answers.wrong("perceptual_loss", says="the mean of -logit")
def wasserstein(sr, hr, logits):
    return mse_loss(sr, hr) - 1e-3 * logits.mean()


def test_perceptual_loss_is_the_packages():
    torch.manual_seed(0)
    sr, hr, logits = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8), 5 * torch.randn(2, 1)
    theirs = packages_perceptual_loss(mse_loss(sr, hr), adversarial_loss(logits))
    assert torch.equal(perceptual_loss(sr, hr, logits), theirs)


# --- generator_step --------------------------------------------------------------------------------------------------


def update(optimizer, loss):
    """The three lines with which every step ends."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@answers.right("generator_step")
def with_a_frozen_d(generator, discriminator, optimizer, lr, hr):
    discriminator.requires_grad_(False)
    sr = generator(lr)
    optimizer.zero_grad(set_to_none=True)
    loss = mse_loss(sr, hr) + 0.001 * F.softplus(-discriminator(sr)).mean()
    loss.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return sr.detach()


@answers.right("generator_step")
def two_backwards(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    mse_loss(sr, hr).backward(retain_graph=True)
    (1e-3 * adversarial_loss(discriminator(sr))).backward()
    optimizer.step()
    generator.zero_grad()
    discriminator.zero_grad()
    return sr


@answers.right("generator_step")
def sets_training_mode(generator, discriminator, optimizer, lr, hr):
    generator.train()
    discriminator.train()
    return generator_step(generator, discriminator, optimizer, lr, hr)


@answers.wrong("generator_step", says="its opinion does not reach the generator")
def detached_to_be_safe(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(sr.detach()))
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="its opinion does not reach the generator")
def d_without_gradient(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    with torch.no_grad():
        logits = discriminator(sr)
    loss = perceptual_loss(sr, hr, logits)
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="The discriminator is never asked")
def content_only(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    optimizer.zero_grad()
    mse_loss(sr, hr).backward()
    optimizer.step()
    return sr


@answers.wrong("generator_step", says="The discriminator is shown HR")
def d_of_hr(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(hr))
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="rewarded for being found out")
def wrong_side(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = mse_loss(sr, hr) + 1e-3 * F.softplus(discriminator(sr)).mean()
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="The adversarial loss counts fully")
def weight_forgotten(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = mse_loss(sr, hr) + F.softplus(-discriminator(sr)).mean()
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="Here a sigmoid comes before it")
def probabilities_for_logits(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, torch.sigmoid(discriminator(sr)))
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="adds to the gradients of the step before")
def no_zero_grad(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    perceptual_loss(sr, hr, discriminator(sr)).backward()
    optimizer.step()
    return sr


@answers.wrong("generator_step", says="Is the backward() missing?")
def no_backward(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    perceptual_loss(sr, hr, discriminator(sr))
    optimizer.zero_grad()
    optimizer.step()
    return sr


@answers.wrong("generator_step", says="Call optimizer.step()")
def no_step(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    optimizer.zero_grad()
    perceptual_loss(sr, hr, discriminator(sr)).backward()
    return sr


@answers.wrong("generator_step", says="First the gradient, then the step")
def step_first(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(sr))
    optimizer.zero_grad()
    optimizer.step()
    loss.backward()
    return sr


@answers.wrong("generator_step", says="The discriminator has learned, too")
def d_learns_too(generator, discriminator, optimizer, lr, hr):
    sr = generator_step(generator, discriminator, optimizer, lr, hr)
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter -= 0.01 * parameter.grad
    return sr


@answers.wrong("generator_step", says="left frozen")
def never_thawed(generator, discriminator, optimizer, lr, hr):
    discriminator.requires_grad_(False)
    return generator_step(generator, discriminator, optimizer, lr, hr)


@answers.wrong("generator_step", says="The discriminator is in evaluation mode")
def d_in_evaluation_mode(generator, discriminator, optimizer, lr, hr):
    discriminator.eval()
    sr = generator_step(generator, discriminator, optimizer, lr, hr)
    discriminator.train()
    return sr


@answers.wrong("generator_step", says="The generator is in evaluation mode")
def g_in_evaluation_mode(generator, discriminator, optimizer, lr, hr):
    generator.eval()
    return generator_step(generator, discriminator, optimizer, lr, hr)


@answers.wrong("generator_step", says="clamped to [0, 1]")
def clamped(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr).clamp(0, 1)
    optimizer.zero_grad()
    perceptual_loss(sr, hr, discriminator(sr)).backward()
    optimizer.step()
    return sr


@answers.wrong("generator_step", says="The discriminator's loss is in it")
def both_losses(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    fake = discriminator(sr)
    loss = perceptual_loss(sr, hr, fake) + discriminator_loss(discriminator(hr), fake)
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="The order is (sr, hr): hr is the fixed target and gets no gradient")
def target_before_sr(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(hr, sr, discriminator(sr))
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="Only the adversarial loss moves the generator, and it counts fully")
def adversarial_only(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = adversarial_loss(discriminator(sr))
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="SR and HR go through D as one batch")
def one_batch_for_d(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(torch.cat([sr, hr]))[: len(sr)])
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="backward() runs, and its gradient ends in D")
def sr_detached(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr).detach()
    loss = perceptual_loss(sr, hr, discriminator(sr))
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="backward() runs, and its gradient ends in D")
def sr_without_gradient(generator, discriminator, optimizer, lr, hr):
    with torch.no_grad():
        sr = generator(lr)
    optimizer.zero_grad()
    perceptual_loss(sr, hr, discriminator(sr)).backward()
    optimizer.step()
    return sr


@answers.wrong("generator_step", says="not by the optimizer that was given")
def own_optimiser(generator, discriminator, optimizer, lr, hr):
    own = torch.optim.SGD(generator.parameters(), lr=0.02)
    return generator_step(generator, discriminator, own, lr, hr)


@answers.wrong("generator_step", says="It returns the loss")
def returns_the_loss(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(sr))
    update(optimizer, loss)
    return loss.detach()


@answers.wrong("generator_step", says="a second pass, after the step")
def enlarges_again(generator, discriminator, optimizer, lr, hr):
    generator_step(generator, discriminator, optimizer, lr, hr)
    return generator(lr)


@answers.wrong("generator_step", says="The generator runs twice")
def two_passes(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = mse_loss(sr, hr) + 1e-3 * adversarial_loss(discriminator(generator(lr)))
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="no path back to the generator")
def without_gradients(generator, discriminator, optimizer, lr, hr):
    with torch.no_grad():
        sr = generator(lr)
        loss = perceptual_loss(sr, hr, discriminator(sr))
    update(optimizer, loss)
    return sr


@answers.wrong("generator_step", says="Is the `return` missing?")
def sr_not_returned(generator, discriminator, optimizer, lr, hr):
    generator_step(generator, discriminator, optimizer, lr, hr)


# --- discriminator_step ----------------------------------------------------------------------------------------------


@answers.right("discriminator_step")
def with_labels(discriminator, optimizer, sr, hr):
    optimizer.zero_grad()
    fake, real = discriminator(sr.detach()), discriminator(hr)
    bce = torch.nn.BCEWithLogitsLoss()
    loss = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        return real.sigmoid().mean(), fake.sigmoid().mean()


@answers.right("discriminator_step")
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


@answers.wrong("discriminator_step", says="sr still hangs on the graph")
def no_detach(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr)
    return a_step(discriminator, optimizer, F.softplus(-real).mean() + F.softplus(fake).mean(), real, fake)


@answers.wrong("discriminator_step", says="What is detached is sr")
def opinion_detached_instead(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr).detach(), discriminator(sr).detach()
    return a_step(discriminator, optimizer, F.softplus(-real).mean() + F.softplus(fake).mean(), real, fake)


@answers.wrong("discriminator_step", says="The labels are swapped")
def labels_swapped(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(real).mean() + F.softplus(-fake).mean(), real, fake)


@answers.wrong("discriminator_step", says="Both are called real")
def both_real(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(-real).mean() + F.softplus(-fake).mean(), real, fake)


@answers.wrong("discriminator_step", says="Only HR's loss moves D")
def hr_alone(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(-real).mean(), real, fake)


@answers.wrong("discriminator_step", says="Only SR's loss moves D")
def sr_alone(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(fake).mean(), real, fake)


@answers.wrong("discriminator_step", says="detach the images before D")
def answer_detached(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr).detach()
    return a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)


@answers.wrong("discriminator_step", says="detach the images before D")
def answer_without_gradient(discriminator, optimizer, sr, hr):
    with torch.no_grad():
        fake = discriminator(sr)
    real = discriminator(hr)
    return a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)


@answers.wrong("discriminator_step", says="SR's loss is subtracted")
def difference(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(-real).mean() - F.softplus(fake).mean(), real, fake)


@answers.wrong("discriminator_step", says="SR is clamped")
def sr_clamped(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach().clamp(0, 1))
    return a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)


@answers.wrong("discriminator_step", says="changes the caller's own tensor")
def detached_in_place(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach_())
    return a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)


@answers.wrong("discriminator_step", says="its weights become nan")
def logs_of_sigmoids(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, -(real.sigmoid().log() + (1 - fake.sigmoid()).log()).mean(), real, fake)


@answers.wrong("discriminator_step", says="or an exp has become infinite")
def logs_of_exp(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = torch.log(1 + torch.exp(-real)).mean() + torch.log(1 + torch.exp(fake)).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong("discriminator_step", says="finite, but capped")
def bce_of_sigmoids(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    bce = torch.nn.BCELoss()
    loss = bce(real.sigmoid(), torch.ones_like(real)) + bce(fake.sigmoid(), torch.zeros_like(fake))
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong("discriminator_step", says="D takes 2 steps")
def two_updates(discriminator, optimizer, sr, hr):
    real = discriminator(hr)
    optimizer.zero_grad()
    F.softplus(-real).mean().backward()
    optimizer.step()
    fake = discriminator(sr.detach())
    return a_step(discriminator, optimizer, F.softplus(fake).mean(), real, fake)


@answers.wrong("discriminator_step", says="not by the optimizer that was given")
def ds_own_optimiser(discriminator, optimizer, sr, hr):
    return discriminator_step(discriminator, torch.optim.SGD(discriminator.parameters(), lr=0.02), sr, hr)


@answers.wrong("discriminator_step", says="The loss is half")
def half(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2, real, fake)


@answers.wrong("discriminator_step", says="as one batch")
def one_batch(discriminator, optimizer, sr, hr):
    real, fake = discriminator(torch.cat([hr, sr.detach()])).chunk(2)
    return a_step(discriminator, optimizer, F.softplus(-real).mean() + F.softplus(fake).mean(), real, fake)


@answers.wrong("discriminator_step", says="The sigmoid is taken twice")
def sigmoid_twice_in_d(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = F.softplus(-real.sigmoid()).mean() + F.softplus(fake.sigmoid()).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong("discriminator_step", says="label smoothing")
def smoothed(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9)) + F.softplus(fake).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong("discriminator_step", says="The factor 1e-3 belongs")
def weighted(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    return a_step(discriminator, optimizer, 1e-3 * discriminator_loss(real, fake), real, fake)


@answers.wrong("discriminator_step", says="The step goes up")
def minimised_what_it_should_maximise(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()
    return a_step(discriminator, optimizer, loss, real, fake)


@answers.wrong("discriminator_step", says="evaluation mode")
def d_evaluates(discriminator, optimizer, sr, hr):
    discriminator.eval()
    return discriminator_step(discriminator, optimizer, sr, hr)


@answers.wrong("discriminator_step", says="The generator's step has passed through D")
def stale_gradients(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    (F.softplus(-real).mean() + F.softplus(fake).mean()).backward()
    optimizer.step()
    return torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()


@answers.wrong("discriminator_step", says="Call optimizer.step()")
def d_does_not_step(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    optimizer.zero_grad()
    discriminator_loss(real, fake).backward()
    return torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()


@answers.wrong("discriminator_step", says="in the wrong order")
def order_of_results(discriminator, optimizer, sr, hr):
    d_hr, d_sr = discriminator_step(discriminator, optimizer, sr, hr)
    return d_sr, d_hr


@answers.wrong("discriminator_step", says="These are logits")
def returns_logits(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)
    return real.mean().item(), fake.mean().item()


@answers.wrong("discriminator_step", says="1 value(s) come back")
def returns_the_loss_of_d(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    loss = discriminator_loss(real, fake)
    a_step(discriminator, optimizer, loss, real, fake)
    return loss.item()


@answers.wrong("discriminator_step", says="still hold their graph")
def results_with_their_graph(discriminator, optimizer, sr, hr):
    real, fake = discriminator(hr), discriminator(sr.detach())
    a_step(discriminator, optimizer, discriminator_loss(real, fake), real, fake)
    return torch.sigmoid(real).mean(), torch.sigmoid(fake).mean()


# --- both steps are the package's ------------------------------------------------------------------------------------


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


# --- diagnoses -------------------------------------------------------------------------------------------------------

answers.right("diagnoses")({str(number): name.upper() for number, name in diagnoses.items()})

swapped = {
    "begins_well": {1: "discriminator too strong", 3: "no detach"},
    "nothing_wrong": {2: "healthy", 5: "LR kernel mismatch"},
    "climbs": {6: "no pretraining", 4: "adversarial weight too high"},
    "undecided": {5: "adversarial weight too high", 6: "healthy"},
}
answers.wrong("diagnoses", says="Run 1 is not 'discriminator too strong'")(diagnoses | swapped["begins_well"])
answers.wrong("diagnoses", says="a healthy run begins above bicubic")(diagnoses | swapped["nothing_wrong"])
answers.wrong("diagnoses", says="Run 4 is not 'adversarial weight too high'")(diagnoses | swapped["climbs"])
answers.wrong("diagnoses", says="Run 5 is not 'adversarial weight too high'")(diagnoses | swapped["undecided"])
answers.wrong("diagnoses", says="each occurs once")(dict.fromkeys(diagnoses, "no detach"))
answers.wrong("diagnoses", says="there is no diagnosis 'overfitting'")(diagnoses | {2: "overfitting"})
answers.wrong("diagnoses", says="Run 6 is missing")({number: diagnoses[number] for number in range(1, 6)})
answers.wrong("diagnoses", says="Keys and values are exchanged")({name: n for n, name in diagnoses.items()})
answers.wrong("diagnoses", says="falls by many dB and does not come back")(
    diagnoses | {4: "adversarial weight too high"}
)
answers.wrong("diagnoses", says="A dict is expected")(list(diagnoses.values()))
answers.wrong("diagnoses", says="Run 3 has no diagnosis yet")(diagnoses | {3: ...})


@pytest.fixture(scope="module")
def logs():
    with open(shipped("results/sick_runs.csv"), newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return {diagnoses[n]: {row["step"]: row for row in rows if row["run"] == n} for n in diagnoses}


def test_each_log_shows_what_its_diagnosis_says(logs):
    assert set(logs) == set(SIGNS)
    first, last = ({name: rows[step] for name, rows in logs.items()} for step in (10, 200))
    assert min(first, key=lambda name: first[name]["gain"]) == "no pretraining"
    assert first["no pretraining"]["gain"] < last["no pretraining"]["gain"] - 3
    assert {name for name, row in last.items() if row["d_sr"] < 0.15} == {
        "no pretraining",
        "no detach",
        "discriminator too strong",
    }
    assert logs["no detach"][20]["gain"] < -3 < 0 < logs["discriminator too strong"][20]["gain"]
    assert min(row["gain"] for row in logs["discriminator too strong"].values()) < -1
    assert min(last, key=lambda name: last[name]["gain"]) == "adversarial weight too high"
    assert all(row["gain"] < 0 for row in logs["LR kernel mismatch"].values())
    assert first["healthy"]["gain"] > 0.5
    assert min(row["gain"] for row in logs["healthy"].values()) > -0.6


def test_the_bill_quotes_the_benchmark():
    """Each measured line of the lesson's bill stands in the table that it names, with the same seconds."""
    measured = 0
    with open(shipped("results/training_cost.csv"), newline="") as file:
        for row in csv.DictReader(file):
            if not row["seconds"]:
                assert not row["source"]
                continue
            table = (ROOT / row["source"]).read_text(encoding="utf-8")
            cells = next(line for line in table.splitlines() if line.startswith(f"| {row['recipe']} |")).split("|")
            assert float(cells[4]) == float(row["seconds"])
            measured += 1
    assert measured >= 3


def test_the_solution_shown_is_the_reference():
    names = {}
    exec(next(e for e in lesson07.EXERCISES if e.name == "diagnoses").solution, names)
    assert names["diagnoses"] == diagnoses


TestLesson07 = answers.tests()
