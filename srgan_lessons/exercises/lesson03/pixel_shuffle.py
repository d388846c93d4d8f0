"""Exercise 3.1: your own pixel shuffle."""

import itertools

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_tensor


def pixel_shuffle(x, r):
    n, channels, h, w = x.shape  # channels is C r r
    # SOLUTION
    x = x.reshape(n, channels // r**2, r, r, h, w)  # (N, C, r, r, H, W)
    x = x.permute(0, 1, 4, 2, 5, 3)  # (N, C, H, r, W, r)
    return x.reshape(n, channels // r**2, h * r, w * r)  # (N, C, H r, W r)
    # STUB
    # x = x.reshape(...)  # 1. split the channels into C, r, r
    # x = x.permute(...)  # 2. bring each r right after the axis that it stretches
    # return x.reshape(...)  # 3. merge each r with that axis
    # END


def judge(candidate) -> None:
    for n, c, h, w, r in ((1, 1, 2, 3, 2), (2, 3, 3, 2, 2), (1, 2, 2, 4, 3), (1, 3, 2, 2, 4)):
        x = torch.arange(n * c * r * r * h * w, dtype=torch.float32).reshape(n, c * r * r, h, w)  # all numbers differ
        learns = r < 4  # the last input needs no gradient: an answer must not change that
        where = f"for r = {r} and an input of shape {tuple(x.shape)}"
        try:
            with Names() as names:
                value = call(candidate, x.requires_grad_(learns), r)
            x = x.detach()
        except RuntimeError as error:
            names.check()
            if "invalid for input of size" not in str(error):
                raise
            if (r, c) != (2, 1):
                raise NotYet(
                    f"It stops {where}: {error}. Take all sizes from x.shape and r, and write no fixed numbers."
                ) from error
            more = f"{error}. x is {tuple(x.shape)} and r is {r}: its {c * r * r} channels are C r r, so C is {c}"
            if f"'[{n}, 3, " in str(error) or f", {r}, {r}, 3, " in str(error):
                more += ", not 3, as it would be for three colours"
            raise RuntimeError(more).with_traceback(error.__traceback__) from None  # it keeps the student's line
        result = as_tensor(value).detach().cpu().numpy()
        right = pixel_shuffle(x, r).numpy()
        if result.shape == right.shape and np.array_equal(result, right):
            names.check()
            if learns and not value.requires_grad:
                raise NotYet(
                    "The numbers are right, but the gradient is lost: a network is trained through this shuffle. "
                    "Leave out detach, .data, no_grad and numpy."
                )
            continue
        if result.shape != right.shape:
            raise NotYet(f"The shape is {result.shape} {where}; {right.shape} is expected. {_shape_slip(result, x, r)}")
        recognise(result, _shuffle_slips(x, r), within=1e-6)
        _name_axes(result, x, r)
        if not np.array_equal(np.sort(result, axis=None), np.sort(right, axis=None)):
            raise NotYet("Some numbers of x are missing, and others are there twice. The shuffle only moves numbers.")
        place = tuple(np.argwhere(result != right)[0])
        image, channel, row, column = place
        raise NotYet(
            f"The shape is right, and all numbers are there, but in the wrong places. {where.capitalize()}, row {row}, "
            f"column {column} of channel {channel} in image {image} has {result[place]:g}, not {right[place]:g} (all "
            "counted from 0)."
        )


class Names(TorchFunctionMode):
    """Records which of torch's functions are called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: set[str] = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.called.add(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))

    def check(self) -> None:
        if ready := self.called & {"pixel_shuffle", "pixel_unshuffle"}:
            raise NotYet(
                f"torch's own {ready.pop()} does the work here. Write the shuffle with reshape and permute alone."
            )


def _name_axes(result: np.ndarray, x: Tensor, r: int) -> None:
    """Raises NotYet if step 2 puts the six axes in a wrong order, but the rest is right."""
    n, c, h, w = x.shape
    split = x.reshape(n, c // r**2, r, r, h, w)
    axes = {1: "C", 2: "r (rows)", 3: "r (columns)", 4: "H", 5: "W"}
    for order in itertools.permutations(axes):
        if np.array_equal(split.permute(0, *order).reshape(result.shape).numpy(), result):
            raise NotYet(
                f"Step 2 has the axes in the order N, {', '.join(axes[axis] for axis in order)}. Each r must come "
                "right after the axis that it stretches: N, C, H, r (rows), W, r (columns)."
            )
    for shape in sorted(set(itertools.permutations((c // r**2, r, r, h, w)))):
        for order in itertools.permutations(range(1, 6)):
            if np.array_equal(x.reshape(n, *shape).permute(0, *order).reshape(result.shape).numpy(), result):
                raise NotYet(
                    f"Step 1 splits x into {(n, *shape)}. It must split only the channels, into C, r, r, and keep H "
                    f"and W last: {(n, c // r**2, r, r, h, w)}."
                )


def _shape_slip(result: np.ndarray, x: Tensor, r: int) -> str:
    """A likely reason why the result of pixel_shuffle has this wrong shape."""
    n, c, h, w = x.shape
    if result.ndim == 6:
        return "The last step is missing: merge H with its r, and W with its r."
    if result.shape == (n, c, h, w):
        return "This is still the shape of x. The last step merges H with its r, and W with its r: both get longer."
    if result.shape == (n, c, h * r, w * r):
        return "Every channel is still there, but r r of them must become one. Move numbers; do not repeat them."
    if result.shape == (n, c // r, h * r, w * r) or result.shape == (n, c // r, h * r, w):
        return "A tile has r times r pixels, so there are r r times fewer channels afterwards."
    if result.shape == (n, c // r**2, w * r, h * r):
        return "Height and width have changed places."
    if result.shape == (n, c // r**2, h * r * r, w) or result.shape == (n, c // r**2, h, w * r * r):
        return "One axis got both r. Each of H and W is stretched by r."
    return "It must be (N, C, H r, W r) for an x of (N, C r r, H, W)."


def _shuffle_slips(x: Tensor, r: int) -> dict[str, np.ndarray]:
    """The result of each usual mistake for this x, in the right shape."""
    n, c, h, w = x.shape
    shape = (n, c // r**2, h * r, w * r)
    split = x.reshape(n, c // r**2, r, r, h, w)  # (N, C, r, r, H, W)
    colours_last = x.reshape(n, r, r, c // r**2, h, w)  # (N, r, r, C, H, W)
    order = "The order in the channels is C, r, r: channel c r r + i r + j"
    tile = "The shape is right, but the tile is transposed: channel 1 landed below channel 0, not to its right."
    slips = {
        "There is no permute: the numbers are in the same order in memory as before, only cut into different rows.": x,
        f"{tile} Look at the order of the two r axes in step 2.": split.permute(0, 1, 4, 3, 5, 2),
        "Each channel has become a block of its own, like stamps on a sheet. In step 2, each r must come right *after* "
        "the axis that it stretches: H, r, W, r.": split.permute(0, 1, 2, 4, 3, 5),
        "The blocks lie like stamps on a sheet, and they are transposed. Step 2 must give H, r, W, r.": split.permute(
            0, 1, 3, 4, 2, 5
        ),
        "The rows are right, but within a row, whole channels lie side by side: step 2 has r and W in the wrong "
        "order.": (split.permute(0, 1, 4, 2, 3, 5)),
        "The columns are right, but each channel has its own rows: step 2 has r and H in the wrong order.": (
            split.permute(0, 1, 2, 4, 5, 3)
        ),
        "Height and width are swapped in step 2: it must give H, r, W, r.": split.permute(0, 1, 5, 2, 4, 3),
        f"The channels are split as r, r, C. {order} belongs to image channel c (step 1).": colours_last.permute(
            0, 3, 4, 1, 5, 2
        ),
        f"The channels are split as r, r, C, and the tile is transposed. {order} is row i, column j.": (
            colours_last.permute(0, 3, 4, 2, 5, 1)
        ),
    }
    return {message: outcome.reshape(shape).numpy() for message, outcome in slips.items()}


EXERCISE = Exercise(
    name="pixel_shuffle",
    lesson=3,
    place=1,
    title="your own pixel shuffle",
    difficulty="medium",
    minutes=9,
    reference=pixel_shuffle,
    judge=judge,
    hints=(
        "You need no loop. Write down the names of the six axes after step 1, and of the six after step 2.",
        "Step 1 gives (N, C, r, r, H, W): the first r counts the rows of a tile, the second its columns. Step 2 must "
        "give (N, C, H, r, W, r): put rows with rows, and columns with columns.",
        "With C = channels // r**2: x.reshape(n, C, r, r, h, w), then x.permute(0, 1, 4, 2, 5, 3), then one more "
        "reshape to (n, C, h * r, w * r).",
    ),
    mistakes=(
        Mistake(
            "reshape without permute",
            says="There is no permute",
            ask="Draw the six axes. Which two must become neighbours?",
        ),
        Mistake(
            "the two r swapped",
            says="the tile is transposed: channel 1 landed below channel 0",
            ask="Where must channel 1 go?",
        ),
    ),
)
