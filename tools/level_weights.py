"""Levels a trained generator: removes the pattern that it adds to every picture.

A generator's two pixel shuffles make 16 kinds of pixels, by row and column modulo 4, in each of three channels. After
training, some kinds are brighter than they should be, by the same amount in every picture: the 48 means of SR - HR are
not quite 0. These means depend almost linearly on the biases of the last three layers. One step of least squares, the
shortest of all that would do, changes these biases so that the means become 0. Nothing else in the network changes.

    python tools/level_weights.py run/weights.safetensors levelled.safetensors

It takes two and a half minutes on two CPU cores. The result is stored in float16.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from srgan_lessons.datasets import load_photos, training_folders
from srgan_lessons.models import SCALE, Generator
from srgan_lessons.resize import imresize
from srgan_lessons.weights import load_network, read_metadata, save_network

CROP = 160  # pixels of HR
BORDER = 32  # pixels on each side that are not counted, because the padding of the convolutions affects them
AT_ONCE = 8  # crops
FOR_SLOPES = 24  # crops with which the slopes are computed: they hardly depend on the picture


def crops(images: Sequence[np.ndarray], seed: int = 0) -> tuple[Tensor, Tensor]:
    """A random crop of each image: lr (N, 3, 40, 40) and hr (N, 3, 160, 160), in [0, 1]. Small images are left out."""
    rng = np.random.default_rng(seed)
    lr, hr = [], []
    for image in images:
        if min(image.shape[:2]) < CROP:
            continue
        y, x = (int(rng.integers(0, side - CROP + 1)) for side in image.shape[:2])
        hr.append(image[y : y + CROP, x : x + CROP])
        lr.append(imresize(hr[-1], 1 / SCALE))
    return tuple(torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2).float() / 255 for side in (lr, hr))


def means_of_kinds(images: Tensor) -> Tensor:
    """(N, 3, H, W) -> (3, 4, 4): the mean over all images of each kind of pixels, in each channel."""
    middle = images[:, :, BORDER:-BORDER, BORDER:-BORDER]  # (N, 3, h, w)
    n, channels, height, width = middle.shape
    return middle.reshape(n, channels, height // SCALE, SCALE, width // SCALE, SCALE).mean(dim=(0, 2, 4))


@torch.no_grad()
def pattern(network: Generator, lr: Tensor, hr: Tensor) -> Tensor:
    """What the network adds to every picture, (3, 4, 4): the means of SR - HR over all crops, by channel and kind."""
    total = torch.zeros(3, SCALE, SCALE, dtype=torch.float64)
    for some_lr, some_hr in zip(lr.split(AT_ONCE), hr.split(AT_ONCE), strict=True):
        total += len(some_lr) * means_of_kinds(network(some_lr) - some_hr)
    return total / len(lr)


def level(network: Generator, lr: Tensor, hr: Tensor) -> None:
    """Changes the biases of the last three layers so that `pattern` becomes nearly 0."""
    biases = [network.upsample[0].conv.bias, network.upsample[1].conv.bias, network.tail.bias]
    slopes = torch.zeros(3 * SCALE**2, sum(bias.numel() for bias in biases), dtype=torch.float64)  # (48, 515)
    for some_lr in lr[:FOR_SLOPES].split(AT_ONCE):
        share = len(some_lr) / len(lr[:FOR_SLOPES])
        for row, mean in zip(slopes, means_of_kinds(network(some_lr)).flatten(), strict=True):
            parts = torch.autograd.grad(mean, biases, retain_graph=True)
            row += share * torch.cat([part.flatten() for part in parts])
    too_much = pattern(network, lr, hr).flatten()  # (48,)
    # Of all the steps with this effect, gelsd returns the shortest: there are 515 biases for 48 means.
    step = torch.linalg.lstsq(slopes, -too_much[:, None], driver="gelsd").solution[:, 0]  # (515,)
    with torch.no_grad():
        for bias, change in zip(biases, step.split([bias.numel() for bias in biases]), strict=True):
            bias += change


def describe(network: Generator, lr: Tensor, hr: Tensor) -> str:
    """The strength of the pattern in words, in grey levels."""
    found = 255 * pattern(network, lr, hr)
    tint = ", ".join(f"{shift:+.2f}" for shift in found.mean(dim=(1, 2)))
    return f"weave {found.mean(dim=0).std(correction=0):.3f}, shift of red, green and blue {tint} grey levels"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="a file of weights, or the name of shipped ones")
    parser.add_argument("out", type=Path, help="where the levelled weights are written")
    parser.add_argument("--photos", default="BSDS500", help="training photos, by name")
    options = parser.parse_args()
    network = load_network(options.weights)
    photos = load_photos(training_folders(options.photos)).images
    lr, hr = crops([np.asarray(photos[name]) for name in photos])
    print(f"in every picture, before: {describe(network, lr, hr)}", flush=True)
    level(network, lr, hr)
    network.half()
    metadata = {key: text for key, text in read_metadata(options.weights).items() if key != "network"}
    save_network(options.out, network, **metadata, levelled=f"{len(lr)} crops of {options.photos}")
    print(f"in every picture, after:  {describe(load_network(options.out), lr, hr)}")


if __name__ == "__main__":
    main()
