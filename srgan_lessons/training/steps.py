"""The two updates of the paper: one of SRResNet, one of SRGAN. Lessons 04 and 07 show this file as it is."""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from srgan_lessons.losses import adversarial_loss, discriminator_loss, perceptual_loss
from srgan_lessons.losses import total_variation as total_variation_of
from srgan_lessons.settings import ADVERSARIAL_WEIGHT
from srgan_lessons.training.machine import Machine


def pretrain_step(
    generator: nn.Module,
    optimizer: Optimizer,
    content_loss: nn.Module,
    lr: Tensor,  # (N, 3, 24, 24), in [0, 1]
    hr: Tensor,  # (N, 3, 96, 96), in [0, 1]
    machine: Machine,
    *,
    total_variation: float = 0.0,
) -> dict[str, Tensor]:
    """One update of the generator alone (paper, section 3.2, SRResNet). Returns its losses, still on the device."""
    optimizer.zero_grad(set_to_none=True)
    with machine.autocast():
        sr = generator(lr)  # (N, 3, 96, 96)
        content = content_loss(sr, hr)
    loss = content
    if total_variation:
        loss = loss + total_variation * total_variation_of(sr)
    machine.scaler.scale(loss).backward()
    machine.average_gradients(generator)  # over all processes, if there are several
    machine.scaler.step(optimizer)
    machine.scaler.update()
    return {"content": content.detach()}


def gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizer_g: Optimizer,
    optimizer_d: Optimizer,
    content_loss: nn.Module,
    lr: Tensor,  # (N, 3, 24, 24), in [0, 1]
    hr: Tensor,  # (N, 3, 96, 96), in [0, 1]
    machine: Machine,
    *,
    adversarial: float = ADVERSARIAL_WEIGHT,
    total_variation: float = 0.0,
) -> dict[str, Tensor]:
    """One update of the generator, then one of the discriminator (paper, section 3.2, k = 1).

    Returns losses and mean probabilities, still on the device. Reading them is left to the caller, because it makes the
    host wait for the GPU.
    """
    # G's turn: SR should resemble HR and be taken for a photo. The gradient passes through D, but D does not learn now.
    discriminator.requires_grad_(False)
    optimizer_g.zero_grad(set_to_none=True)
    with machine.autocast():
        sr = generator(lr)  # (N, 3, 96, 96)
        content = content_loss(sr, hr)
        deception = adversarial_loss(discriminator(sr))
    loss = perceptual_loss(content, deception, adversarial)
    if total_variation:
        loss = loss + total_variation * total_variation_of(sr)
    machine.scaler.scale(loss).backward()
    machine.average_gradients(generator)  # over all processes, if there are several
    machine.scaler.step(optimizer_g)

    # D's turn: it should tell the same SR from HR. SR is detached, so that the generator gets no gradient from this.
    discriminator.requires_grad_(True)
    optimizer_d.zero_grad(set_to_none=True)
    with machine.autocast():
        real = discriminator(hr)  # (N, 1), logits
        fake = discriminator(sr.detach())  # (N, 1), logits
        judgement = discriminator_loss(real, fake)
    machine.scaler.scale(judgement).backward()
    machine.average_gradients(discriminator)
    machine.scaler.step(optimizer_d)
    machine.scaler.update()  # once for both optimisers

    return {
        "content": content.detach(),
        "adversarial": deception.detach(),
        "discriminator": judgement.detach(),
        "d_hr": torch.sigmoid(real.detach().float()).mean(),
        "d_sr": torch.sigmoid(fake.detach().float()).mean(),
    }


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Moves the averaged weights towards the network's: average = decay x average + (1 - decay) x weight.

    BatchNorm's running statistics are averages already, and are copied; nothing needs to be copied if both networks
    share them, as those of a Learner do.
    """
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)


def average_decay(decay: float, step: int) -> float:
    """The decay at update number `step`, counted from 0: small at first, so that the untrained start is forgotten."""
    return min(decay, (1 + step) / (10 + step))
