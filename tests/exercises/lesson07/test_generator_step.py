"""Answers to exercise generator_step as students write them, and its reference against numbers from outside."""

import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.exercises.lesson07.generator_step import generator_step
from srgan_lessons.exercises.lesson07.perceptual_loss import perceptual_loss
from srgan_lessons.losses import adversarial_loss, discriminator_loss, mse_loss

answers = Answers(
    "generator_step",
    sentences="""
one update of the generator :: no step; two steps
`optimizer` holds the generator's weights :: D updated too
Use your `perceptual_loss` :: no content; only content
its order is (sr, hr) :: order of arguments
`sr` as the generator made it :: second sr; sr clamped; loss returned
Both networks are in training mode and stay there :: eval; D eval
""",
)


def update(optimizer, loss):
    """The three lines with which every step ends."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@answers.right
def with_a_frozen_d(generator, discriminator, optimizer, lr, hr):
    discriminator.requires_grad_(False)
    sr = generator(lr)
    optimizer.zero_grad(set_to_none=True)
    loss = mse_loss(sr, hr) + 0.001 * F.softplus(-discriminator(sr)).mean()
    loss.backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return sr.detach()


@answers.right
def two_backwards(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    mse_loss(sr, hr).backward(retain_graph=True)
    (1e-3 * adversarial_loss(discriminator(sr))).backward()
    optimizer.step()
    generator.zero_grad()
    discriminator.zero_grad()
    return sr


@answers.right
def sets_training_mode(generator, discriminator, optimizer, lr, hr):
    generator.train()
    discriminator.train()
    return generator_step(generator, discriminator, optimizer, lr, hr)


@answers.wrong(says="its opinion does not reach the generator")
def detached_to_be_safe(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(sr.detach()))
    update(optimizer, loss)
    return sr


@answers.wrong(says="its opinion does not reach the generator")
def d_without_gradient(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    with torch.no_grad():
        logits = discriminator(sr)
    loss = perceptual_loss(sr, hr, logits)
    update(optimizer, loss)
    return sr


@answers.wrong(says="The discriminator is never asked")
def content_only(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    optimizer.zero_grad()
    mse_loss(sr, hr).backward()
    optimizer.step()
    return sr


@answers.wrong(says="The discriminator is shown HR")
def d_of_hr(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(hr))
    update(optimizer, loss)
    return sr


@answers.wrong(says="The discriminator is given lr")
def d_of_lr(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(lr))
    update(optimizer, loss)
    return sr


@answers.wrong(says="rewarded for being found out")
def wrong_side(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = mse_loss(sr, hr) + 1e-3 * F.softplus(discriminator(sr)).mean()
    update(optimizer, loss)
    return sr


@answers.wrong(says="The adversarial loss has a weight of 1")
def weight_forgotten(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = mse_loss(sr, hr) + F.softplus(-discriminator(sr)).mean()
    update(optimizer, loss)
    return sr


@answers.wrong(says="Here, a sigmoid is applied first")
def probabilities_for_logits(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, torch.sigmoid(discriminator(sr)))
    update(optimizer, loss)
    return sr


@answers.wrong(says="adds to the gradients of the step before")
def no_zero_grad(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    perceptual_loss(sr, hr, discriminator(sr)).backward()
    optimizer.step()
    return sr


@answers.wrong(says="Is the backward() missing?")
def no_backward(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    perceptual_loss(sr, hr, discriminator(sr))
    optimizer.zero_grad()
    optimizer.step()
    return sr


@answers.wrong(says="Call optimizer.step()")
def no_step(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    optimizer.zero_grad()
    perceptual_loss(sr, hr, discriminator(sr)).backward()
    return sr


@answers.wrong(says="Compute the gradient first, then make the step")
def step_first(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(sr))
    optimizer.zero_grad()
    optimizer.step()
    loss.backward()
    return sr


@answers.wrong(says="The discriminator has also learned")
def d_learns_too(generator, discriminator, optimizer, lr, hr):
    sr = generator_step(generator, discriminator, optimizer, lr, hr)
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter -= 0.01 * parameter.grad
    return sr


@answers.wrong(says="left frozen")
def never_thawed(generator, discriminator, optimizer, lr, hr):
    discriminator.requires_grad_(False)
    return generator_step(generator, discriminator, optimizer, lr, hr)


@answers.wrong(says="The discriminator is in evaluation mode")
def d_in_evaluation_mode(generator, discriminator, optimizer, lr, hr):
    discriminator.eval()
    sr = generator_step(generator, discriminator, optimizer, lr, hr)
    discriminator.train()
    return sr


@answers.wrong(says="left in evaluation mode: `generator`")
def g_in_evaluation_mode(generator, discriminator, optimizer, lr, hr):
    generator.eval()
    return generator_step(generator, discriminator, optimizer, lr, hr)


@answers.wrong(says="clamped to [0, 1]")
def clamped(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr).clamp(0, 1)
    optimizer.zero_grad()
    perceptual_loss(sr, hr, discriminator(sr)).backward()
    optimizer.step()
    return sr


@answers.wrong(says="The discriminator's loss is added")
def both_losses(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    fake = discriminator(sr)
    loss = perceptual_loss(sr, hr, fake) + discriminator_loss(discriminator(hr), fake)
    update(optimizer, loss)
    return sr


@answers.wrong(says="The order is (sr, hr): hr is the fixed target and gets no gradient")
def target_before_sr(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(hr, sr, discriminator(sr))
    update(optimizer, loss)
    return sr


@answers.wrong(says="Only the adversarial loss moves the generator, with a weight of 1")
def adversarial_only(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = adversarial_loss(discriminator(sr))
    update(optimizer, loss)
    return sr


@answers.wrong(says="SR and HR go through D as one batch")
def one_batch_for_d(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(torch.cat([sr, hr]))[: len(sr)])
    update(optimizer, loss)
    return sr


@answers.wrong(says="backward() runs, but its gradient ends in D")
def sr_detached(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr).detach()
    loss = perceptual_loss(sr, hr, discriminator(sr))
    update(optimizer, loss)
    return sr


@answers.wrong(says="backward() runs, but its gradient ends in D")
def sr_without_gradient(generator, discriminator, optimizer, lr, hr):
    with torch.no_grad():
        sr = generator(lr)
    optimizer.zero_grad()
    perceptual_loss(sr, hr, discriminator(sr)).backward()
    optimizer.step()
    return sr


@answers.wrong(says="the optimizer that was given does not move it")
def own_optimiser(generator, discriminator, optimizer, lr, hr):
    own = torch.optim.SGD(generator.parameters(), lr=0.02)
    return generator_step(generator, discriminator, own, lr, hr)


@answers.wrong(says="It returns the loss")
def returns_the_loss(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(sr))
    update(optimizer, loss)
    return loss.detach()


@answers.wrong(says="a second pass, after the step")
def enlarges_again(generator, discriminator, optimizer, lr, hr):
    generator_step(generator, discriminator, optimizer, lr, hr)
    return generator(lr)


@answers.wrong(says="The generator runs twice")
def two_passes(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    loss = mse_loss(sr, hr) + 1e-3 * adversarial_loss(discriminator(generator(lr)))
    update(optimizer, loss)
    return sr


@answers.wrong(says="no path back to the generator")
def without_gradients(generator, discriminator, optimizer, lr, hr):
    with torch.no_grad():
        sr = generator(lr)
        loss = perceptual_loss(sr, hr, discriminator(sr))
    update(optimizer, loss)
    return sr


@answers.wrong(says="Is the `return` missing?")
def sr_not_returned(generator, discriminator, optimizer, lr, hr):
    generator_step(generator, discriminator, optimizer, lr, hr)


def a_step(optimizer, loss, sr):
    update(optimizer, loss)
    return sr


@answers.wrong(says="D's answer, of shape (2, 1), and their shapes do not fit. Are the arguments in another order")
def logits_second(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    return a_step(optimizer, perceptual_loss(sr, discriminator(sr), hr), sr)


@answers.wrong(says="The order is perceptual_loss(sr, hr, logits)")
def logits_first(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    return a_step(optimizer, perceptual_loss(discriminator(sr), sr, hr), sr)


@answers.wrong(says="with lr, of shape (2, 3, 6, 6)")
def lr_as_target(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    return a_step(optimizer, perceptual_loss(sr, lr, discriminator(sr)), sr)


@answers.wrong(says="The adversarial loss is subtracted")
def adversarial_subtracted(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    return a_step(optimizer, mse_loss(sr, hr) - 1e-3 * F.softplus(-discriminator(sr)).mean(), sr)


@answers.wrong(says="The content loss is subtracted")
def content_subtracted(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    return a_step(optimizer, 1e-3 * F.softplus(-discriminator(sr)).mean() - mse_loss(sr, hr), sr)


@answers.wrong(says="changed to 1 - logits")
def one_minus_logits(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    return a_step(optimizer, perceptual_loss(sr, hr, 1 - discriminator(sr)), sr)


@answers.wrong(says="This is D's own loss")
def ds_loss(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    real, fake = discriminator(hr), discriminator(sr)
    return a_step(optimizer, F.softplus(-real).mean() + F.softplus(fake).mean(), sr)


@answers.wrong(says="This is minus D's loss")
def minus_ds_loss(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    real, fake = discriminator(hr), discriminator(sr)
    return a_step(optimizer, -F.softplus(-real).mean() - F.softplus(fake).mean(), sr)


@answers.wrong(says="minus the logit (as in a Wasserstein GAN)")
def minus_the_logit(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    return a_step(optimizer, mse_loss(sr, hr) - 1e-3 * discriminator(sr).mean(), sr)


@answers.wrong(says="the logit itself")
def plus_the_logit(generator, discriminator, optimizer, lr, hr):
    sr = generator(lr)
    return a_step(optimizer, mse_loss(sr, hr) + 1e-3 * discriminator(sr).mean(), sr)


TestAnswers = answers.tests()
