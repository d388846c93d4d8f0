"""Compares two ways in which two processes average gradients: one message (ours), and torch's DistributedDataParallel.

    torchrun --standalone --nproc_per_node=2 benchmarks/several_processes.py
    torchrun --standalone --nproc_per_node=2 benchmarks/several_processes.py --blocks 4 --channels 32 --crop 48

Each process has half of a batch. "Silent" makes the same updates without averaging: the time that it saves is the time
spent on communication ("talking" in the table). "One" is one process that has the whole batch and all threads, while
the other one waits. The ways take turns, and a cell shows the fastest round, because other work on the machine can only
make a round slower.
"""

import copy
import itertools
import platform
import time
from collections.abc import Callable

import common
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from srgan_lessons.datasets import CropSampler
from srgan_lessons.images import sample_photos
from srgan_lessons.losses import content_loss
from srgan_lessons.training import RECIPES, Recipe
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import gan_step, pretrain_step

WAYS = ("one", "silent", "flat", "DDP")


class Frozen(nn.Module):
    """A discriminator in DDP. In passes in which it does not learn, it bypasses DDP.

    DDP expects a gradient for every forward pass. The generator's update passes through the discriminator without
    giving it one.
    """

    def __init__(self, discriminator: nn.Module):
        super().__init__()
        self.ddp = DistributedDataParallel(discriminator, broadcast_buffers=False)

    def forward(self, x: Tensor) -> Tensor:
        learns = next(self.ddp.parameters()).requires_grad
        return self.ddp(x) if learns else self.ddp.module(x)


def update_of(
    recipe: Recipe, machine: Machine, way: str, *, frozen: bool = True
) -> tuple[Callable[[], None], list[nn.Module]]:
    """One update with this process's half of a batch, and the networks.

    frozen: DDP is bypassed in the pass in which D does not learn.
    """
    torch.manual_seed(0)
    networks = [machine.prepare(recipe.make_generator()).train()]
    if recipe.adversarial:
        networks.append(machine.prepare(recipe.make_discriminator()))
    if way == "DDP":
        networks[0] = DistributedDataParallel(networks[0], broadcast_buffers=False)
        if recipe.adversarial:
            wrap = Frozen if frozen else DistributedDataParallel
            networks[1] = wrap(networks[1])
    if way != "flat":
        machine = copy.copy(machine)
        machine.world_size = 1  # averages nothing
    optimizers = [torch.optim.Adam(network.parameters(), 1e-4, fused=True) for network in networks]
    content = content_loss("mse")
    rank, world = (0, 1) if way == "one" else (dist.get_rank(), 2)
    sampler = CropSampler(
        sample_photos(), batch=recipe.batch, crop=recipe.crop, device=machine.device, rank=rank, world=world
    )
    steps = itertools.count()
    if recipe.adversarial:
        return lambda: gan_step(*networks, *optimizers, content, *sampler(next(steps)), machine), networks
    return lambda: pretrain_step(*networks, *optimizers, content, *sampler(next(steps)), machine), networks


def measure(updates: dict[str, Callable[[], None]], count: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Way -> (seconds, CPU seconds of this process) per update in the fastest round; rounds begin together."""
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in updates}
    threads = torch.get_num_threads()
    for number in range(rounds + 1):
        for way, update in updates.items():
            torch.set_num_threads(2 * threads if way == "one" else threads)
            dist.barrier()
            began, worked = time.perf_counter(), time.process_time()
            if way != "one" or dist.get_rank() == 0:
                for _ in range(count):
                    update()
            worked = time.process_time() - worked
            dist.barrier()
            if number:  # the first round is a warm-up
                seconds[way].append(((time.perf_counter() - began) / count, worked / count))
    return {way: tuple(map(min, zip(*values, strict=True))) for way, values in seconds.items()}


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--recipes", nargs="+", default=["srresnet-mse", "srgan-mse"], choices=list(RECIPES))
    parser.add_argument("--updates", type=int, default=1, help="updates in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device")
    for name in ("blocks", "channels", "crop", "batch"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    changes = {name: getattr(options, name) for name in ("blocks", "channels", "crop", "batch")}
    changes = {name: value for name, value in changes.items() if value is not None}
    machine = Machine(options.device, "fp32")
    say = common.Printed(options.out) if machine.is_main else lambda *lines: None
    say(
        f"Two processes ({dist.get_backend()}) on {options.machine or machine.name()}; Python "
        f"{platform.python_version()}, torch {torch.__version__}; fastest of {options.rounds} rounds.",
        "",
        "| recipe | blocks x maps | gradients | one: s/update (CPU) | silent | flat | DDP | talking: flat | DDP |",
        "|---|---|---|---|---|---|---|---|---|",
    )
    for name in options.recipes:
        recipe = RECIPES[name].change(**changes)
        parameters = [recipe.make_generator(), *([recipe.make_discriminator()] if recipe.adversarial else [])]
        size = 4 * sum(p.numel() for network in parameters for p in network.parameters()) / 1e6
        found = measure({way: update_of(recipe, machine, way)[0] for way in WAYS}, options.updates, options.rounds)
        talking = {way: max(0.0, 1 - found["silent"][0] / found[way][0]) for way in WAYS}
        cells = [f"{wall:.3g} ({work:.3g})" for wall, work in found.values()]
        say(
            f"| {name} | {recipe.blocks} x {recipe.channels} | {size:.1f} MB | {' | '.join(cells)} | "
            f"{talking['flat']:.0%} | {talking['DDP']:.0%} |"
        )
        compare(recipe, machine, say)


def compare(recipe: Recipe, machine: Machine, say: Callable[..., None]) -> None:
    """Says how far DDP's weights after three updates are from those of the flat message, with and without `Frozen`."""
    ways = {"flat": ("flat", True), "DDP": ("DDP", True)}
    if recipe.adversarial:
        ways["DDP that is not bypassed in the frozen pass"] = ("DDP", False)
    found = {}
    for name, (way, frozen) in ways.items():
        try:
            update, networks = update_of(recipe, machine, way, frozen=frozen)
            for _ in range(3):
                update()
        except RuntimeError as error:
            say("", f"{recipe.name}, {name} raises: {' '.join(str(error).split())[:160]}")
            return  # these processes can no longer communicate
        found[name] = torch.cat([p.detach().flatten() for network in networks for p in network.parameters()])
    for name, weights in found.items():
        if name != "flat":
            say("", f"{recipe.name}, {name}: weights differ from flat's by {(weights - found['flat']).abs().max():.1e}")


if __name__ == "__main__":
    main()
