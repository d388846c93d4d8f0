"""Compares updates per second from pinned memory, with windows cut in advance, and from GPU memory. Needs a GPU.

    python benchmarks/pinned_memory.py --seconds 10

It trains the paper's SRResNet on 16 crops of 96 pixels. Each update is a CUDA graph, as in training, and the two ways
take turns.
"""

import time

import common
import torch

from srgan_lessons.datasets import CropSampler, crops
from srgan_lessons.images import sample_photos
from srgan_lessons.losses import content_loss
from srgan_lessons.training import find_recipe
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine

ROUNDS = 3


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--recipe", default="srresnet-mse")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each way, in all rounds together")
    options = parser.parse_args()
    machine, recipe = Machine("cuda"), find_recipe(options.recipe)
    room = crops.room_for_photos
    ways = {}
    for name, enough in (("device memory", True), ("pinned memory", False)):
        crops.room_for_photos = room if enough else (lambda device: 0)
        sampler = CropSampler(sample_photos(), batch=recipe.batch, crop=recipe.crop, device=machine.device)
        assert sampler.staged is not enough
        learner = Learner(recipe, recipe.make_generator(), content_loss("mse"), machine, graphed=True)
        ways[name] = [learner, learner.updates_on(sampler), 0, []]
    with machine.tuned():
        for number in range(ROUNDS + 1):  # the first is a warm-up, in which the graph is recorded
            for way in ways.values():
                learner, update, step, speeds = way
                began, done = time.perf_counter(), 0
                while time.perf_counter() - began < options.seconds / ROUNDS:
                    for _ in range(50):
                        update(step + done)
                        done += 1
                    learner.mean_losses()  # waits for the GPU
                way[2] += done
                if number:
                    speeds.append(done / (time.perf_counter() - began))
    say = common.Printed(options.out)
    say(f"{recipe.name} on {options.machine or machine.name()}, {machine.precision}; torch {torch.__version__}.")
    fastest = {name: max(speeds) for name, (_, _, _, speeds) in ways.items()}
    for name, speed in fastest.items():
        say(f"{name}: {speed:.1f} updates/s")
    say(f"pinned memory reaches {fastest['pinned memory'] / fastest['device memory']:.1%} of device memory's speed")


if __name__ == "__main__":
    main()
