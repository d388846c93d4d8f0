"""When memory runs out: which batch would fit."""

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from srgan_lessons.training.loop import _Training


def is_out_of_memory(error: Exception) -> bool:
    """True for what torch raises when a GPU, or the CPU's allocator, has no memory left."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or "can't allocate memory" in str(error)


def fitting_batch(training: "_Training") -> int | None:
    """The largest of batch/2, batch/4, ... whose losses and gradients fit into memory; None if not even 1 does.

    Tries them, without an update: the run that asked is over.
    """
    _release(training)
    batch = training.recipe.batch // training.machine.world // 2
    while batch >= 1:
        try:
            _forward_and_backward(training, batch)
            return batch * training.machine.world
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            _release(training)
            batch //= 2
    return None


def _release(training: "_Training") -> None:
    for optimizer in (training.optimizer_g, training.optimizer_d):
        if optimizer is not None:
            optimizer.zero_grad(set_to_none=True)
    if training.machine.device.type == "cuda":
        torch.cuda.empty_cache()


def _forward_and_backward(training: "_Training", batch: int) -> None:
    lr, hr = training.sampler.cut(training.sampler.places(0)[:batch])
    with training.machine.autocast():
        sr = training.generator(lr)
        loss = training.content(sr, hr)
        if training.discriminator is not None:
            loss = loss + training.discriminator(sr).mean() + training.discriminator(hr).mean()
    loss.float().backward()
