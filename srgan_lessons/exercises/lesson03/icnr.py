"""Exercise 3.4: ICNR."""

import numpy as np
import torch
from torch import Tensor

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_tensor


def icnr(weight, r):
    # SOLUTION
    one = weight[:: r**2]  # (C, inputs, k, k): one filter for each tile
    return one.repeat_interleave(r**2, dim=0)  # (C r r, inputs, k, k): the same filter for all pixels of a tile
    # STUB
    # one = ...  # 1. (C, inputs, k, k): one filter for each tile
    # return ...  # 2. (C r r, inputs, k, k): the same filter for all pixels of a tile
    # END


def judge(candidate) -> None:
    for channels, inputs, r in ((3, 8, 2), (2, 6, 3), (3, 8, 4)):
        generator = torch.Generator().manual_seed(r)
        weight = torch.rand(channels * r**2, inputs, 3, 3, generator=generator)  # (C r r, inputs, 3, 3)
        weight = (2 * weight - 1) / (9 * inputs) ** 0.5  # as large as those of a new nn.Conv2d
        value = call(candidate, weight, r)
        result = as_tensor(value).detach().cpu().numpy()
        if result.shape != tuple(weight.shape):
            reason = _icnr_shape(result.shape, tuple(weight.shape), r)
            raise NotYet(f"The shape is {result.shape} for r = {r}; {tuple(weight.shape)} is expected. {reason}")
        recognise(result, _icnr_slips(weight, r), within=1e-5)
        tiles = result.reshape(channels, r**2, -1)  # (C, r r, inputs * 9)
        interleaved = result.reshape(r**2, channels, -1)
        if np.abs(tiles - tiles[:, :1]).max() > 1e-6:
            if np.abs(interleaved - interleaved[:1]).max() <= 1e-6:
                raise NotYet(
                    f"The filters repeat in the order 0, 1, 2, 0, 1, 2, as `repeat` puts them. The {r * r} filters of "
                    "one tile must stand side by side: 0, 0, ... 0, 1, 1, ... 1. See repeat_interleave."
                )
            filters = result.reshape(channels * r**2, -1)
            run = int(np.argmax(np.abs(filters - filters[0]).max(axis=1) > 1e-6))  # so many equal ones at the start
            how = "these differ."
            if run > 1:
                how = f"yours change after {run} channels. A tile has r r = {r * r} pixels."
            raise NotYet(f"Channels 0 to {r * r - 1} make up one tile, so their filters must all be the same; {how}")
        if np.ptp(result) <= 1e-6:
            raise NotYet("All numbers are equal. The filters must still be random: take them from the given weight.")
        if channels > 1 and np.abs(tiles[0] - tiles[1]).max() <= 1e-6:
            raise NotYet("All tiles have the same filter: R, G and B would always be equal. Take one for each tile.")
        for axes, equal in (((2, 3), "in each kernel, the k x k numbers are equal"), ((1,), "all inputs are equal")):
            if np.ptp(result, axis=axes).max() <= 1e-6:
                raise NotYet(f"The filters are less random than they were: {equal}. Take whole filters, as they are.")
        spread, centre = result.std() / weight.std().item(), result.mean() / result.std()
        whole = "Take filters of the given weight as they are, not a mean, a sum or a maximum."
        if abs(centre) > 0.4:
            raise NotYet(f"The given weights lie around 0, but yours lie around {result.mean():.2g}. {whole}")
        if not 0.7 < spread < 3:  # new ones by Kaiming's rule are 2.4 times as large
            raise NotYet(f"The weights are {spread:.2g} times as large as the given ones. Keep their size. {whole}")


def _icnr_shape(shape: tuple[int, ...], right: tuple[int, ...], r: int) -> str:
    if shape == (right[0] // r**2, *right[1:]):
        return "This is one filter for each tile; now repeat each for all pixels of its tile."
    if shape == (right[0] // r, *right[1:]):
        return f"A tile has r r = {r * r} pixels: repeat {r * r} times, not {r}."
    if shape == (right[0] * r**2, *right[1:]):
        return "The weight already has a filter for each pixel. First take one for each tile, then repeat it."
    if r != 4 and shape[1:] == right[1:] and shape[0] % 16 == 0:
        return f"Is 16 written in the code? r is {r} here, so a tile has r r = {r * r} pixels."
    if shape[1:] == right[1:] and shape[0] == 3 * r**2:
        return (
            f"Is a 3, for three colours, written in the code? C is {right[0] // r**2} here; the number of filters is "
            f"{right[0]}."
        )
    if len(shape) == 4 and shape[2:] != right[2:]:
        return "The kernels have grown. Repeat whole filters, along the first axis."
    if len(shape) == 4 and shape[:2] == (right[1], right[0]):
        return "The first two axes have changed places."
    if len(shape) == 4 and shape[1] != right[1]:
        return "The inputs were repeated. The filters are counted along the first axis, dim=0."
    if shape == (r**2, *right[1:]):
        return "This is one tile. There are C tiles, so take C filters."
    if len(shape) == 1:
        return "Without dim, repeat_interleave flattens the tensor. Write dim=0."
    return "The shape must stay as it was."


def _icnr_slips(weight: Tensor, r: int) -> dict[str, np.ndarray]:
    """The result of each usual mistake for this weight."""
    tiles = weight.reshape(-1, r**2, *weight.shape[1:])  # (C, r r, inputs, k, k)
    mean = tiles.mean(dim=1).repeat_interleave(r**2, dim=0)
    spatial = weight.mean(dim=(2, 3), keepdim=True).expand_as(weight)
    slips = {
        f"The weight has not changed: each tile still has {r * r} different filters, which make a pattern.": weight,
        f"All weights are zero: nothing comes through, and no gradient goes back. Take one filter of each {r * r}.": (
            torch.zeros_like(weight)
        ),
        f"The {r * r} filters of a tile are averaged, which makes them {r} times smaller. Take one of them.": mean,
        f"The {r * r} filters of a tile are added up, which makes them {r} times larger. Take one of them.": r
        * r
        * mean,
        "All numbers in each kernel were made equal. The filters of a tile must be equal, not the numbers in a "
        "kernel.": (spatial),
    }
    return {message: outcome.numpy() for message, outcome in slips.items()}


EXERCISE = Exercise(
    name="icnr",
    lesson=3,
    place=4,
    title="ICNR",
    difficulty="medium",
    minutes=7,
    reference=icnr,
    judge=judge,
    hints=(
        "If all pixels of a tile have the same filter, they get the same value. Which filters make up one tile?",
        "Channels 0 to r r - 1 are the first tile, and the next r r are the second. Take one filter of each tile, then "
        "repeat it r r times in a row.",
        "weight[:: r**2] takes the first filter of each tile. repeat gives 0, 1, 2, 0, 1, 2; "
        "repeat_interleave(r**2, dim=0) gives 0, 0, ..., 1, 1, ...",
    ),
    mistakes=(
        Mistake(
            "`repeat` instead of `repeat_interleave`",
            says="as `repeat` puts them",
            ask="Which channels land in the same tile?",
        ),
        Mistake("the mean of the filters", says="times smaller", ask="What does averaging do to random numbers?"),
    ),
)
