"""Finds a batch that would fit, after a run has run out of memory."""

import torch

from srgan_lessons import UserError
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.device import is_out_of_memory
from srgan_lessons.training.learner import Learner


def fitting_batch(learner: Learner, sampler: CropSampler) -> int | None:
    """The largest of batch/2, batch/4, ... whose losses and gradients fit into memory; None if no possible one does.

    It tries them without making an update, because the run that ran out of memory is over.
    """
    _release(learner)
    world = learner.machine.world_size
    batch = learner.recipe.batch // world // 2
    while batch >= learner.recipe.smallest_share:
        try:
            _forward_and_backward(learner, sampler, batch)
            return batch * world
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            _release(learner)
            batch //= 2
    return None


class NoMemory(UserError):
    """A run ran out of memory. fits: a batch that would fit; None if none does, or if it is not known."""

    fits: int | None = None


def no_memory(learner: Learner, sampler: CropSampler) -> NoMemory:
    """The error for a run that ran out of memory: it names the batch that fits."""
    name, batch = learner.machine.name(), learner.recipe.batch
    if learner.machine.world_size > 1:  # a probe would wait for the other processes
        return NoMemory(f"a batch of {batch} does not fit into the memory of {name}; use a smaller --batch")
    fits = fitting_batch(learner, sampler)
    none = f"not even a batch of {learner.recipe.smallest_share} fits: use a smaller --crop"
    advice = f"a batch of {fits} fits: --batch {fits}" if fits else none
    error = NoMemory(f"a batch of {batch} does not fit into the memory of {name}; {advice}")
    error.fits = fits
    return error


def _release(learner: Learner) -> None:
    for optimizer in (learner.optimizer_g, learner.optimizer_d):
        if optimizer is not None:
            optimizer.zero_grad(set_to_none=True)
    if learner.machine.device.type == "cuda":
        torch.cuda.empty_cache()


def _forward_and_backward(learner: Learner, sampler: CropSampler, batch: int) -> None:
    lr, hr = sampler.cut(sampler.places(0)[:batch])
    with learner.machine.autocast():
        sr = learner.shuffled_last(lr)
        loss = learner.content(sr, hr)
        if learner.discriminator is not None:
            loss = loss + learner.discriminator(sr).mean() + learner.discriminator(hr).mean()
    loss.float().backward()
