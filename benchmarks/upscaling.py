"""Measures megapixels per second of enlarging a photo: the package's way, beside the network used as it was trained.

    python benchmarks/upscaling.py
    python benchmarks/upscaling.py --weights espcn --size 512

- whole: what tutorials show. The weights are unchanged, tensors have torch's usual layout, and the photo is not cut.
- tiles: the same network in channels last and in tiles; each layer is computed for a tile and all of its halo.
- ours: `upscaling.upscaler`. It folds the generator's layers and drops a halo as soon as no layer needs it.
- ours, bf16: the same with `precision="bf16"`, if the device computes in it.

All ways take turns in one run. A cell is the median of the rounds, and a ratio compares a way with tiles in the same
rounds. Megapixels are those of the enlarged photo. On a CPU, the peak is the memory of the whole process beyond what it
used before; each way is measured in a process of its own.
"""

import multiprocessing
import platform
import resource
import statistics
import sys
from collections.abc import Callable
from itertools import pairwise

import common
import numpy as np
import torch
from torch import nn

from srgan_lessons.images import sample_photos, to_image, to_tensor
from srgan_lessons.models import SCALE, Generator
from srgan_lessons.precision import computes_in_bf16
from srgan_lessons.training.machine import Machine
from srgan_lessons.upscaling import upscaler
from srgan_lessons.weights import load_network, shipped_weights

Way = Callable[[np.ndarray], np.ndarray]
TILE = 192  # of the way "tiles", in which a tile and its halo took .8 GB


def photo(size: int) -> np.ndarray:
    """A photo of size x size pixels, uint8 (size, size, 3): the astronaut, repeated if it is too small."""
    one = sample_photos()["astronaut"]  # (512, 512, 3)
    repeats = -(-size // 512)
    return np.tile(one, (repeats, repeats, 1))[:size, :size]


def network_of(name: str) -> nn.Module:
    """A shipped network; "generator" is SRGAN's network with untrained weights, which take the same time."""
    return Generator().eval() if name == "generator" else load_network(name)


def whole(network: nn.Module, device: torch.device) -> Way:
    network = network.to(device)

    @torch.inference_mode()
    def enlarge(image: np.ndarray) -> np.ndarray:
        return to_image(network(to_tensor(image).to(device)).cpu())

    return enlarge


def tiles(network: nn.Module, device: torch.device) -> Way:
    network = network.to(device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def enlarge(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        enlarged = np.empty((SCALE * height, SCALE * width, 3), np.uint8)
        for top, bottom in cuts(height):
            for left, right in cuts(width):
                y, x = max(0, top - network.halo), max(0, left - network.halo)
                piece = to_tensor(image[y : bottom + network.halo, x : right + network.halo])  # (1, 3, h, w)
                result = network(piece.to(device, memory_format=torch.channels_last))  # (1, 3, 4h, 4w)
                inner = result[..., SCALE * (top - y) : SCALE * (bottom - y), SCALE * (left - x) : SCALE * (right - x)]
                enlarged[SCALE * top : SCALE * bottom, SCALE * left : SCALE * right] = to_image(inner)
        return enlarged

    return enlarge


def cuts(size: int) -> list[tuple[int, int]]:
    count = -(-size // TILE)
    return list(pairwise(size * k // count for k in range(count + 1)))


WAYS = {
    "whole": whole,
    "tiles": tiles,
    "ours": lambda network, device: upscaler(network, device=device),
    "ours, bf16": lambda network, device: upscaler(network, device=device, precision="bf16"),
}


def peak(name: str, size: int, way: str, threads: int) -> float:
    """GiB that one way needs for one photo, on the CPU."""
    torch.set_num_threads(threads)
    enlarge, image = WAYS[way](network_of(name), torch.device("cpu")), photo(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    enlarge(image)
    unit = 2**30 if sys.platform == "darwin" else 2**20  # macOS counts bytes, Linux KiB
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def ways_of(name: str, device: torch.device) -> list[str]:
    half = isinstance(network_of(name), Generator) and computes_in_bf16(device)
    return [way for way in WAYS if half or way != "ours, bf16"]


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--weights", nargs="+", default=[*shipped_weights(), "generator"])
    parser.add_argument("--size", type=int, default=384, help="side of the LR photo in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    image = photo(options.size)
    megapixels = SCALE**2 * image.shape[0] * image.shape[1] / 1e6
    say = common.Printed(options.out)
    say(
        f"# Enlarging on {options.machine or Machine(options.device, 'fp32').name()}",
        "",
        f"Python {platform.python_version()}, torch {torch.__version__}; a photo of {options.size}x{options.size} "
        f"pixels to {megapixels:.1f} megapixels; median of {options.rounds} rounds; all ways took turns.",
        "",
        "| network | way | MP/s | times tiles | peak GiB |",
        "|---|---|---|---|---|",
    )
    plan = {name: ways_of(name, device) for name in options.weights}
    memory = {}
    if device.type == "cpu":  # before this process does any work: a child's peak includes its parent's memory
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            jobs = [(name, options.size, way, torch.get_num_threads()) for name, ways in plan.items() for way in ways]
            memory = {job[::2]: found for job, found in zip(jobs, pool.starmap(peak, jobs, chunksize=1), strict=True)}
    for name, names in plan.items():
        ways = [WAYS[way](network_of(name), device) for way in names]
        for way in ways:
            way(image)
        rounds = [
            [common.seconds(lambda way=way: way(image), 1, device) for way in ways] for _ in range(options.rounds)
        ]
        times = dict(zip(names, zip(*rounds, strict=True), strict=True))  # way -> seconds of each round
        for way in names:
            ratio = statistics.median(base / own for base, own in zip(times["tiles"], times[way], strict=True))
            speed = megapixels / statistics.median(times[way])
            gibibytes = f"{memory[name, way]:.2f}" if memory else ""
            say(f"| {name} | {way} | {speed:.3g} | {ratio:.2f} | {gibibytes} |")


if __name__ == "__main__":
    main()
