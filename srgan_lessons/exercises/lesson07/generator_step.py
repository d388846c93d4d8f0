"""Exercise 7.2: the generator's step."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.lesson07.perceptual_loss import perceptual_loss
from srgan_lessons.exercises.reading import as_tensor
from srgan_lessons.exercises.shared.adversarial import (
    OWN_OPTIMISER,
    WEIGHT,
    Seen,
    after,
    as_it_is,
    name_length,
    name_sizes,
    name_slip,
    name_standstill,
    run,
    same,
    small_discriminator,
)
from srgan_lessons.exercises.shared.updates import Watched, batch_of, small_network, weights_of
from srgan_lessons.files import counted
from srgan_lessons.losses import mse_loss


def generator_step(generator, discriminator, optimizer, lr, hr):
    # SOLUTION
    sr = generator(lr)
    loss = perceptual_loss(sr, hr, discriminator(sr))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    # STUB
    # sr = ...  # 1. enlarge
    # loss = ...  # 2. ask D what it thinks of SR, and take the perceptual loss
    # ...  # 3. one update of the generator: three calls
    # END
    return sr


def judge(candidate) -> None:
    start, discriminator = small_network(), small_discriminator()
    opponent, opponents_weights = copy.deepcopy(discriminator), weights_of(discriminator)
    lr, hr = batch_of(0)
    network = copy.deepcopy(start)
    optimizer, seen, through_d = Watched(network), Seen(discriminator), []
    hook = next(discriminator.parameters()).register_hook(lambda gradient: through_d.append("backward"))
    no_path = (
        "The loss has no path back to the generator: it was detached, turned into a number, or computed under "
        "torch.no_grad()."
    )
    try:
        result = run(candidate, network, discriminator, optimizer, lr, hr, no_path=no_path)
    except RuntimeError as error:
        if seen.saw(lr):
            raise NotYet(
                "The discriminator is given lr. It judges what the generator made: discriminator(sr)."
            ) from error
        order = "The order is perceptual_loss(sr, hr, logits); the logits are discriminator(sr)."
        name_sizes(
            error,
            {
                24: f"images of shape {tuple(hr.shape)}",
                6: f"lr, of shape {tuple(lr.shape)}",
                2: "D's answer, of shape (2, 1)",
            },
            f"Are the arguments in another order, or is one of them the wrong one? {order}",
        )
        if tuple(hr.shape) not in optimizer.inputs:
            raise
        raise NotYet("The generator is given hr. It enlarges LR images: generator(lr).") from error
    seen.handle.remove()
    hook.remove()
    if torch.equal(weights_of(network), weights_of(start)):
        cut = (
            "backward() runs, but its gradient ends in D. sr has no path back to the generator: it was made under "
            "torch.no_grad(), or detached. Use it as generator(lr) returns it."
        )
        name_standstill(optimizer, "The generator", elsewhere=cut if through_d else "")
    if "step" not in optimizer.events:
        raise NotYet(OWN_OPTIMISER.format("The generator"))
    if not torch.equal(weights_of(discriminator), opponents_weights):
        raise NotYet("The discriminator has also learned. This is the generator's step: D is used, but stays as it is.")
    if optimizer.events.count("step") > 1:
        raise NotYet(
            f"optimizer.step() is called {optimizer.events.count('step')} times. One update is one backward() and one "
            "step()."
        )
    with torch.no_grad():
        sr = copy.deepcopy(start)(lr)  # (2, 3, 24, 24)
    found = weights_of(network)
    _name_generators_weights(found, start, opponent, lr, hr, seen)
    _name_sr(result, sr, as_it_is(network, start)(lr).detach(), hr)
    if optimizer.events.count("forward") > 1:
        raise NotYet("The generator runs twice. One SR is enough for both losses and for the discriminator's step.")
    if not (network.training and discriminator.training):
        raise NotYet("A network is left in evaluation mode. Leave the modes alone.")
    stale = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    before = as_it_is(network, start)
    lr, hr = batch_of(1)
    run(candidate, network, discriminator, optimizer, lr, hr, no_path=no_path)
    wanted = after(before, lambda g: _perceptual(g, opponent, lr, hr))
    if not same(weights_of(network), wanted, weights_of(before)):
        piled = after(before, lambda g: _perceptual(g, opponent, lr, hr), stale)
        if stale and same(weights_of(network), piled, weights_of(before)):
            raise NotYet(
                "The first step is right, the second is not: backward() adds to the gradients of the step before. Call "
                "optimizer.zero_grad() before backward()."
            )
        raise NotYet("The first step is right, the second is not. Is anything kept from the first?")


def _perceptual(g: nn.Module, d: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    sr = g(lr)
    return mse_loss(sr, hr) + WEIGHT * F.softplus(-d(sr)).mean()


def _name_generators_weights(found: Tensor, start: nn.Module, d: nn.Module, lr: Tensor, hr: Tensor, seen: Seen) -> None:
    first = weights_of(start)

    def by(loss: Callable[[Tensor, nn.Module], Tensor], mode: bool = True) -> Callable[[], Tensor]:
        return lambda: after(start.train(mode), lambda g: loss(g(lr), copy.deepcopy(d)))

    if same(found, by(lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d(sr)).mean())(), first):
        return
    only_content = by(lambda sr, d: mse_loss(sr, hr))
    if same(found, only_content(), first):
        if not seen.inputs:
            raise NotYet("The discriminator is never asked: only the content loss moves the generator.")
        if seen.saw(hr) and len(seen.inputs) == 1:
            raise NotYet("The discriminator is shown HR. The generator needs to know what D says about its own SR.")
        raise NotYet(
            "D is asked, but its opinion does not reach the generator: only the content loss moves the weights. "
            "The gradient must pass through D, so in this step nothing may be detached, rounded, or run under no_grad."
        )
    slips = {
        "Only the adversarial loss moves the generator. perceptual_loss also has the content loss. The order is (sr, "
        "hr): hr is the fixed target and gets no gradient.": by(lambda sr, d: WEIGHT * F.softplus(-d(sr)).mean()),
        "Only the adversarial loss moves the generator, with a weight of 1. Take perceptual_loss(sr, hr, D(sr)): the "
        "content loss plus 1e-3 times this one.": by(lambda sr, d: F.softplus(-d(sr)).mean()),
        "SR and HR go through D as one batch, and BatchNorm mixes their statistics. In this step, show D only SR.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d(torch.cat([sr, hr]))[: len(sr)]).mean()
        ),
        "The adversarial loss has a weight of 1. Its weight should be 1e-3, as in perceptual_loss.": by(
            lambda sr, d: mse_loss(sr, hr) + F.softplus(-d(sr)).mean()
        ),
        "The generator is rewarded for being found out: this is D's own loss, not the adversarial one.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(d(sr)).mean()
        ),
        "The adversarial loss is the opposite of D's, log(1 - D(SR)). The paper uses -log D(SR), whose gradient does "
        "not fade where D is sure. Use perceptual_loss.": by(
            lambda sr, d: mse_loss(sr, hr) - WEIGHT * F.softplus(d(sr)).mean()
        ),
        "The adversarial loss is subtracted, so the generator is rewarded for being found out. Add it: content loss "
        "plus 1e-3 times -log D(SR).": by(lambda sr, d: mse_loss(sr, hr) - WEIGHT * F.softplus(-d(sr)).mean()),
        "The content loss is subtracted, which drives SR away from HR. Both parts are losses: add them.": by(
            lambda sr, d: WEIGHT * F.softplus(-d(sr)).mean() - mse_loss(sr, hr)
        ),
        "The logits are changed to 1 - logits. perceptual_loss takes them as D returns them.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(d(sr) - 1).mean()
        ),
        "The adversarial part is minus the logit (as in a Wasserstein GAN). The paper's is -log D(SR): use "
        "perceptual_loss.": by(lambda sr, d: mse_loss(sr, hr) - WEIGHT * d(sr).mean()),
        "The adversarial part is the logit itself: it falls as D(SR) falls. The generator wants D(SR) to be 1: use "
        "perceptual_loss.": by(lambda sr, d: mse_loss(sr, hr) + WEIGHT * d(sr).mean()),
        "This is D's own loss: the generator learns to be found out. Its own loss is perceptual_loss(sr, hr, "
        "discriminator(sr)).": by(lambda sr, d: F.softplus(d(sr)).mean()),
        "This is minus D's loss. The generator's loss is perceptual_loss(sr, hr, discriminator(sr)): it has a content "
        "loss, too, and -log D(SR) instead of log(1 - D(SR)).": by(lambda sr, d: -F.softplus(d(sr)).mean()),
        "perceptual_loss takes logits, which the network returns. Here, a sigmoid is applied first.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-torch.sigmoid(d(sr))).mean()
        ),
        "The discriminator is in evaluation mode in this step. Leave the modes alone.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d.eval()(sr)).mean()
        ),
        "The generator is in evaluation mode in this step. Leave the modes alone.": by(
            lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d(sr)).mean(), mode=False
        ),
        "SR is clamped to [0, 1]: where it is clamped, the gradient is zero. Leave SR as it is.": by(
            lambda sr, d: mse_loss(sr.clamp(0, 1), hr) + WEIGHT * F.softplus(-d(sr.clamp(0, 1))).mean()
        ),
        "The step goes up, not down: the loss has the wrong sign.": by(
            lambda sr, d: -mse_loss(sr, hr) - WEIGHT * F.softplus(-d(sr)).mean()
        ),
        "The discriminator's loss is added, so the generator also helps D. The generator's loss is "
        "perceptual_loss(sr, hr, D(sr)), and nothing else.": by(
            lambda sr, d: (
                mse_loss(sr, hr)
                + WEIGHT * F.softplus(-d(sr)).mean()
                + F.softplus(-d(hr)).mean()
                + F.softplus(d(sr)).mean()
            )
        ),
    }
    with torch.no_grad():
        sr = copy.deepcopy(start)(lr)
    try:
        name_slip(found, first, slips)
        if not seen.saw(sr):
            raise NotYet(
                "The discriminator is not shown sr as the generator made it. Is it scaled, cut, mixed or rounded "
                "first? Ask for discriminator(sr)."
            )
        if len(seen.inputs) > 1:
            raise NotYet(
                f"The discriminator is asked {len(seen.inputs)} times. In this step, its answer to sr is enough: "
                "discriminator(sr)."
            )
        name_length(found, by(lambda sr, d: mse_loss(sr, hr) + WEIGHT * F.softplus(-d(sr)).mean())(), first)
    finally:
        start.train()
    raise NotYet(
        "The generator's weights are not those of one step down perceptual_loss(sr, hr, discriminator(sr)). D is shown "
        "the right images, so look at the loss: is only a part of D's answer used, or is something added? The order "
        "is: sr, loss, zero_grad, backward, step."
    )


def _name_sr(result: Any, sr: Tensor, later: Tensor, hr: Tensor) -> None:
    if isinstance(result, tuple | list):
        raise NotYet(
            f"A {type(result).__name__} of {counted(len(result), 'value')} comes back. Return sr alone: the images "
            "that the discriminator judges next."
        )
    if isinstance(result, float | int | np.number):
        raise NotYet(
            f"It returns a number, {result:.4g}. Is it the loss? Return sr: the discriminator judges the same images "
            "next."
        )
    result = as_tensor(result).detach()
    if result.shape != sr.shape:
        text = "the loss" if result.numel() == 1 else f"a tensor of shape {tuple(result.shape)}"
        raise NotYet(f"It returns {text}. Return sr, {tuple(sr.shape)}: the discriminator judges the same images next.")
    if torch.allclose(result, sr, atol=1e-5):
        return
    if torch.allclose(result, later, atol=1e-5):
        raise NotYet(
            "It returns the SR of a second pass, after the step. Return the sr from which the loss was computed."
        )
    if torch.allclose(result, hr):
        raise NotYet("It returns HR. Return sr.")
    raise NotYet("The images returned are not the generator's sr of this step. Return sr as it is.")


EXERCISE = Exercise(
    name="generator_step",
    lesson=7,
    place=2,
    title="the generator's step",
    difficulty="medium",
    minutes=7,
    reference=generator_step,
    judge=judge,
    hints=(
        "It is train_step of lesson 04 with another loss. The optimizer has only the generator's weights.",
        "discriminator(sr) gives the logits. Its gradient must reach the generator: no detach here.",
        "loss = perceptual_loss(sr, hr, discriminator(sr)); then optimizer.zero_grad(), loss.backward(), "
        "optimizer.step().",
    ),
    mistakes=(
        Mistake(
            "perceptual_loss(sr, logits, hr)",
            says="Are the arguments in another order",
            ask="Which two of the arguments are images?",
        ),
        Mistake(
            "detach, to be safe",
            says="its opinion does not reach the generator",
            ask="How does G find out that it has not fooled D?",
        ),
        Mistake("D's optimiser steps too", says="The discriminator has also learned", ask="Whose turn is it?"),
    ),
)
