"""Megapixels a second of enlarging a photo, beside the plain way: the whole photo through the network at once.

    python benchmarks/upscaling.py
    python benchmarks/upscaling.py --weights espcn --size 512

The plain way is what tutorials show: weights as they are, tensors in torch's usual layout, no tiles. Both take turns in
one run; a cell is the median of the rounds. Megapixels are those of the enlarged photo. The peak is the whole process's
memory above what it held before, on a CPU, each way in a process of its own.
"""

import multiprocessing
import platform
import resource
import statistics
import sys

import common
import numpy as np
import torch
from torch import nn

from srgan_lessons.images import sample_photos, to_image, to_tensor
from srgan_lessons.models import Generator
from srgan_lessons.training.machine import Machine
from srgan_lessons.upscaling import upscaler
from srgan_lessons.weights import load_network, shipped_weights


def photo(size: int) -> np.ndarray:
    """A photo of so many pixels a side, uint8 (size, size, 3): the astronaut, repeated where it is too small."""
    one = sample_photos()["astronaut"]  # (512, 512, 3)
    repeats = -(-size // 512)
    return np.tile(one, (repeats, repeats, 1))[:size, :size]


def network_of(name: str) -> nn.Module:
    """Shipped weights; "generator" is SRGAN's with weights that nobody trained, which cost the same time."""
    return Generator().eval() if name == "generator" else load_network(name)


def plain(network: nn.Module, image: np.ndarray, device: torch.device) -> np.ndarray:
    with torch.inference_mode():
        return to_image(network(to_tensor(image).to(device)).cpu())


def peak(name: str, size: int, way: str, threads: int) -> float:
    """GiB that one way needs for one photo, on the CPU."""
    torch.set_num_threads(threads)
    network, image = network_of(name), photo(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    upscaler(network, device="cpu")(image) if way == "ours" else plain(network, image, torch.device("cpu"))
    unit = 2**30 if sys.platform == "darwin" else 2**20  # macOS counts bytes, Linux KiB
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--weights", nargs="+", default=[*shipped_weights(), "generator"])
    parser.add_argument("--size", type=int, default=384, help="pixels a side of the LR photo")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    image = photo(options.size)
    megapixels = 16 * image.shape[0] * image.shape[1] / 1e6
    say = common.Printed(options.out)
    say(
        f"# Enlarging on {options.machine or Machine(options.device, 'fp32').name()}",
        "",
        f"Python {platform.python_version()}, torch {torch.__version__}; a photo of {options.size}x{options.size} "
        f"pixels to {megapixels:.1f} megapixels; median of {options.rounds} rounds, the two ways in turns.",
        "",
        "| network | plain, MP/s | ours, MP/s | ratio | plain, peak GiB | ours, peak GiB |",
        "|---|---|---|---|---|---|",
    )
    for name in options.weights:
        memory = ["", ""]
        if device.type == "cpu":
            with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
                jobs = [(name, options.size, way, torch.get_num_threads()) for way in ("plain", "ours")]
                memory = [f"{gibibytes:.2f}" for gibibytes in pool.starmap(peak, jobs, chunksize=1)]
        network = network_of(name)
        naive, ours = network.to(device), upscaler(network_of(name), device=options.device)
        ways = [lambda naive=naive: plain(naive, image, device), lambda ours=ours: ours(image)]
        for way in ways:
            way()
        rounds = [[common.seconds(way, 1, device) for way in ways] for _ in range(options.rounds)]
        slow, fast = (statistics.median(column) for column in zip(*rounds, strict=True))
        cells = [f"{megapixels / slow:.3g}", f"{megapixels / fast:.3g}", f"{slow / fast:.2f}", *memory]
        say(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
