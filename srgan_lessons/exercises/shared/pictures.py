"""Synthetic pictures for judges."""

import re

import numpy as np
import torch
from torch import Tensor


def grainy_photo(height: int, width: int) -> np.ndarray:
    """A small coloured picture with gradients, waves and grain, uint8 (height, width, 3). It is the same each time."""
    rows, columns = np.mgrid[:height, :width]
    red = 128 + 80 * np.sin(rows / 3.1 + columns / 7.3)
    green = 40 + 170 * columns / width + 30 * np.sin(columns / 2.3)
    blue = 220 - 160 * rows / height + 30 * np.cos((rows - columns) / 4.7)
    grain = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    return np.clip(np.stack([red, green, blue], axis=-1) + grain, 0, 255).astype(np.uint8)


def pictures(n: int, height: int, width: int, *, seed: int = 0) -> Tensor:
    """Images (n, 3, height, width) of random numbers in [0, 1]."""
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def wrong_axis(error: RuntimeError, axes: tuple[str, str, str, str]) -> str:
    """The axis along which two sizes do not match: "axis 1, the channels". `axes`: the names of the axes, in order.

    Raises `error` again if it is about something else.
    """
    found = re.search(r"must match the size .* at non-singleton dimension ([0-3])$", str(error))
    if not found:
        raise error
    axis = int(found[1])
    return f"the last axis, {axes[3]}" if axis == 3 else f"axis {axis}, {axes[axis]}"
