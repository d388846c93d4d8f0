"""Time instead of updates: how many updates of a recipe fit into the minutes that there are, on the machine at hand."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.losses import content_loss
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import Recipe

# Peaks of the one-cycle schedule with which a short run ends well; the paper's constant 1e-4 needs its million updates.
# Found by trying, see docs/results.md.
PEAK_RATE, PEAK_RATE_GAN = 4e-4, 1.5e-4

WARM_UP = 14  # updates before the clock is started: compiling, choosing algorithms, recording a CUDA graph
RESERVE = 0.04  # of a stage's time, for a machine that becomes a little slower
VALIDATIONS = 0.1  # of a stage's time at most


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What a machine does: updates a second, and the seconds that the first updates take before it reaches that."""

    updates_per_s: float
    start: float


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One recipe with the updates that fit into `seconds`."""

    recipe: Recipe
    speed: Speed
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.recipe.name}: {self.recipe.steps:,} updates of {self.recipe.batch} crops of {self.recipe.crop} in "
            f"{self.seconds:.0f} s, at {self.speed.updates_per_s:.3g} a second"
        )


def measure(
    recipe: Recipe, photos: Mapping[str, np.ndarray], *, seconds: float = 3.0, options: Options | None = None
) -> Speed:
    """How fast this machine trains a recipe: real updates with real crops, batch and precision, then thrown away.

    photos: name -> uint8 (H, W, 3). seconds: how long to measure, after a warm-up. Raises UserError as `train` does.
    """
    options = options or Options()
    machine = options.machine_for(recipe)
    learner = Learner(
        recipe,
        recipe.make_generator(),
        content_loss(recipe.content),
        machine,
        graphed=options.records(machine),
    )
    sampler = CropSampler(photos, batch=recipe.batch, crop=recipe.crop, seed=options.seed, device=machine.device)
    update = learner.updates_on(sampler, compile=options.compile)
    warm_up = WARM_UP if machine.device.type == "cuda" else 2
    done = 0
    with machine.tuned():
        began = time.perf_counter()
        for step in range(warm_up):
            update(step)
        learner.mean_losses()  # waits
        started = time.perf_counter()
        block = 1
        while (elapsed := time.perf_counter() - started) < seconds:
            for _ in range(block):
                update(warm_up + done)
                done += 1
            learner.mean_losses()
            block = min(2 * block, 100)
    return Speed(updates_per_s=done / elapsed, start=started - began)


def fit_into(recipe: Recipe, seconds: float, speed: Speed, *, validation: float = 0.0) -> Stage:
    """The recipe with as many updates as fit into so many seconds, and a learning rate that reaches 0 with the last.

    validation: seconds that all its validations take together. Raises UserError where not even ten updates fit.
    """
    left = (seconds - speed.start - validation) * (1 - RESERVE)
    steps = int(left * speed.updates_per_s)
    if steps < 10:
        raise UserError(
            f"{seconds:.0f} seconds are too short for {recipe.name} on this machine: it makes "
            f"{speed.updates_per_s:.3g} updates a second and takes {speed.start + validation:.0f} s besides. "
            "Give it more time, or take smaller networks (--blocks, --channels)."
        )
    peak = PEAK_RATE_GAN if recipe.adversarial else PEAK_RATE
    return Stage(recipe=recipe.change(steps=steps, schedule="one-cycle", rate=peak), speed=speed, seconds=seconds)
