"""Lesson 03, Pixel shuffle: the shuffle itself, ESPCN, overlap counts of a transposed convolution, ICNR."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.classroom.judges.espcn import judge_espcn
from srgan_lessons.classroom.judging import Exercise, NotYet, as_array, as_tensor, call, recognise

# --- pixel shuffle ---------------------------------------------------------------------------------------------------


def pixel_shuffle(x, r):
    n, channels, h, w = x.shape  # channels is C r r
    x = x.reshape(n, channels // r**2, r, r, h, w)  # (N, C, r, r, H, W)
    x = x.permute(0, 1, 4, 2, 5, 3)  # (N, C, H, r, W, r)
    return x.reshape(n, channels // r**2, h * r, w * r)  # (N, C, H r, W r)


def judge_pixel_shuffle(candidate) -> None:
    for n, c, h, w, r in ((1, 1, 2, 3, 2), (2, 3, 3, 2, 2), (1, 2, 2, 4, 3), (1, 3, 2, 2, 4)):
        x = torch.arange(n * c * r * r * h * w, dtype=torch.float32).reshape(n, c * r * r, h, w)  # all numbers differ
        where = f"for r = {r} and an input of shape {tuple(x.shape)}"
        try:
            value = call(candidate, x, r)
        except RuntimeError as error:
            if "invalid for input of size" not in str(error):
                raise
            if (r, c) != (2, 1):
                raise NotYet(
                    f"It stops {where}: {error}. Take all sizes from x.shape and r as it is given, no fixed numbers."
                ) from error
            more = f"{error}. x is {tuple(x.shape)} and r is {r}: its {c * r * r} channels are C r r, so C is {c}"
            raise RuntimeError(more).with_traceback(error.__traceback__) from None  # still with the student's line
        result = as_tensor(value).detach().cpu().numpy()
        right = pixel_shuffle(x, r).numpy()
        if result.shape == right.shape and np.array_equal(result, right):
            continue
        if result.shape != right.shape:
            raise NotYet(f"The shape is {result.shape} {where}; {right.shape} is expected. {_shape_slip(result, x, r)}")
        recognise(result, _shuffle_slips(x, r), within=1e-6)
        if not np.array_equal(np.sort(result, axis=None), np.sort(right, axis=None)):
            raise NotYet("Some numbers of x are missing, others stand there twice. The shuffle only moves numbers.")
        y, x = np.argwhere(result[0, 0] != right[0, 0])[0] if (result[0, 0] != right[0, 0]).any() else (0, 0)
        raise NotYet(
            f"The shape is right and all numbers are there, at other places. {where.capitalize()}, row {y}, column {x} "
            f"of the first image has {result[0, 0, y, x]:g}, not {right[0, 0, y, x]:g}."
        )


def _shape_slip(result: np.ndarray, x: Tensor, r: int) -> str:
    """Why the result of pixel_shuffle may have this shape."""
    n, c, h, w = x.shape
    if result.ndim == 6:
        return "The last step is missing: merge H with its r, and W with its r."
    if result.shape == (n, c, h, w):
        return "It is the shape of x: nothing was rearranged."
    if result.shape == (n, c, h * r, w * r):
        return "Every channel is still there: r r of them become one. Move numbers, do not repeat them."
    if result.shape == (n, c // r, h * r, w * r) or result.shape == (n, c // r, h * r, w):
        return "A tile has r times r pixels, so the channels become r r times fewer."
    if result.shape == (n, c // r**2, w * r, h * r):
        return "Height and width have changed places."
    if result.shape == (n, c // r**2, h * r * r, w) or result.shape == (n, c // r**2, h, w * r * r):
        return "One axis got both r. Each of H and W is stretched by r."
    return "It must be (N, C, H r, W r) for an x of (N, C r r, H, W)."


def _shuffle_slips(x: Tensor, r: int) -> dict[str, np.ndarray]:
    """What each usual mistake gives for this x, in the right shape."""
    n, c, h, w = x.shape
    shape = (n, c // r**2, h * r, w * r)
    split = x.reshape(n, c // r**2, r, r, h, w)  # (N, C, r, r, H, W)
    colours_last = x.reshape(n, r, r, c // r**2, h, w)  # (N, r, r, C, H, W)
    order = "The order in the channels is C, r, r: channel c r r + i r + j"
    tile = "The shape is right, but the tile is transposed: channel 1 landed below channel 0, not to its right."
    slips = {
        "There is no permute: the numbers stand in the same order in memory as before, cut into other rows.": x,
        f"{tile} Look at the order of the two r axes in step 2.": split.permute(0, 1, 4, 3, 5, 2),
        "Each channel has become a block of its own, like stamps on a sheet. In step 2 each r must stand right *after* "
        "the axis that it stretches: H, r, W, r.": split.permute(0, 1, 2, 4, 3, 5),
        "The blocks are stamps on a sheet, and transposed. Step 2 must give H, r, W, r.": split.permute(
            0, 1, 3, 4, 2, 5
        ),
        "The rows are right, but in a row whole channels stand side by side: step 2 has r and W in the wrong order.": (
            split.permute(0, 1, 4, 2, 3, 5)
        ),
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


# --- ESPCN -----------------------------------------------------------------------------------------------------------


class ESPCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 64, 5, padding=2)
        self.second = nn.Conv2d(64, 32, 3, padding=1)
        self.third = nn.Conv2d(32, 48, 3, padding=1)

    def forward(self, x):  # (N, 3, h, w)
        x = torch.tanh(self.first(x))  # (N, 64, h, w)
        x = torch.tanh(self.second(x))  # (N, 32, h, w)
        return F.pixel_shuffle(self.third(x), 4)  # (N, 3, 4h, 4w)


# --- overlap counts of a transposed convolution ----------------------------------------------------------------------


def overlap_counts(size, kernel, stride):
    counts = np.zeros((size - 1) * stride + kernel, dtype=int)
    for i in range(size):
        counts[i * stride : i * stride + kernel] += 1
    return counts


def judge_overlap_counts(candidate) -> None:
    for size, kernel, stride in ((6, 4, 2), (5, 3, 2), (4, 9, 4), (3, 2, 3), (4, 5, 1)):
        where = f"For size {size}, kernel {kernel}, stride {stride}"
        result = as_array(call(candidate, size, kernel, stride))
        right = overlap_counts(size, kernel, stride)
        if result.shape != right.shape:
            raise NotYet(
                f"{where} the result has the shape {result.shape}, not {right.shape}. "
                + _overlap_shape(result, size, kernel, stride)
            )
        if np.array_equal(result, right):
            continue
        recognise(result, _overlap_slips(size, kernel, stride), within=0)
        place = int(np.argmax(result != right))
        raise NotYet(f"{where} place {place} has the count {result[place]:g}; {right[place]} is expected.")


def _overlap_shape(result: np.ndarray, size: int, kernel: int, stride: int) -> str:
    lengths = {
        size * stride: "Is the kernel's length in it? The last input pixel begins at (size - 1) * stride and writes "
        "kernel places.",
        size * stride + kernel: "The last input pixel begins at (size - 1) * stride, not at size * stride.",
        (size - 1) * stride + 1: "The last input pixel writes kernel places, not one.",
        (size - 1) * stride: "The last input pixel begins there, and then writes kernel places.",
        (size - 1) * kernel + stride: "Kernel and stride have changed places: stride is the step, kernel the length.",
        size + kernel - 1: "The stride is missing: neighbours in the input are stride places apart in the output.",
        size * kernel: "The inputs overlap: they are stride places apart, not kernel.",
        (size - kernel) // stride + 1: "This is an ordinary convolution, which shrinks. The transposed one enlarges.",
        size: "This is the input's length. Count at the places of the output.",
    }
    if result.ndim != 1:
        return "One axis is enough here: a row of counts."
    return lengths.get(len(result), "The last input pixel begins at (size - 1) * stride and writes kernel places.")


def _overlap_slips(size: int, kernel: int, stride: int) -> dict[str, np.ndarray]:
    """What each usual mistake gives, in the right length."""
    length = (size - 1) * stride + kernel

    def counted(begin, width: int, *, add: bool = True) -> np.ndarray:
        counts = np.zeros(length, dtype=int)
        for i in range(size):
            window = slice(max(0, begin(i)), begin(i) + width)
            counts[window] = counts[window] + 1 if add else 1
        return counts

    ones = counted(lambda i: i * stride, kernel, add=False)
    short = np.zeros(length, dtype=int)
    for i in range(size):
        short[i * stride : kernel] += 1
    return {
        "The slice ends at kernel for every i. It is begin:end, not begin:length: the end moves with i, too.": short,
        "Every input pixel counts everywhere: counts[...] is the whole row. Name the places that pixel i writes.": (
            np.full(length, size)
        ),
        "No place counts more than once. Where windows overlap they add up: += 1.": ones,
        "All counts are zero.": np.zeros(length),
        "The stride is missing: pixel i begins at i * stride, not at i.": counted(lambda i: i, kernel),
        "Pixel i begins at i * stride; here it begins at i * kernel.": counted(lambda i: i * kernel, kernel),
        "Each pixel writes kernel places; here it writes one less. The end of a slice does not belong to it.": counted(
            lambda i: i * stride, kernel - 1
        ),
        "Each pixel writes kernel places; here it writes one more. The end of a slice does not belong to it.": counted(
            lambda i: i * stride, kernel + 1
        ),
        "Each pixel writes kernel places; here it writes stride places.": counted(lambda i: i * stride, stride),
        "Each pixel writes kernel places; here it writes one.": counted(lambda i: i * stride, 1),
        "The window is centred on i * stride; without padding it begins there.": counted(
            lambda i: i * stride - kernel // 2, kernel
        ),
        "The first place is i * stride; here it is one further. Python counts from 0.": counted(
            lambda i: i * stride + 1, kernel
        ),
    }


# --- ICNR ------------------------------------------------------------------------------------------------------------


def icnr(weight, r):
    one = weight[:: r**2]  # (C, inputs, k, k): one filter for each tile
    return one.repeat_interleave(r**2, dim=0)  # (C r r, inputs, k, k): the same filter for all pixels of a tile


def judge_icnr(candidate) -> None:
    for channels, inputs, r in ((3, 8, 2), (2, 6, 3), (3, 8, 4)):
        generator = torch.Generator().manual_seed(r)
        weight = 0.1 * torch.randn(channels * r**2, inputs, 3, 3, generator=generator)  # (C r r, inputs, 3, 3)
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
                    f"one tile stand side by side: 0, 0, ... 0, 1, 1, ... 1. Compare repeat_interleave."
                )
            raise NotYet(
                f"Channels 0 to {r * r - 1} make up one tile, so their filters must all be the same; these differ."
            )
        if channels > 1 and np.abs(tiles[0] - tiles[1]).max() <= 1e-6:
            raise NotYet("All tiles have the same filter: R, G and B would always be equal. One filter for each tile.")
        spread = result.std() / weight.std().item()
        if not 1 / 4 < spread < 4:
            raise NotYet(
                f"The weights are {spread:.2g} times as large as those that came in. Keep their size: take filters of "
                "the given weight."
            )


def _icnr_shape(shape: tuple[int, ...], right: tuple[int, ...], r: int) -> str:
    if shape == (right[0] // r**2, *right[1:]):
        return "This is one filter for each tile; now repeat each for all pixels of its tile."
    if shape == (right[0] // r, *right[1:]):
        return f"A tile has r r = {r * r} pixels: repeat {r * r} times, not {r}."
    if shape == (right[0] * r**2, *right[1:]):
        return "The weight has a filter for each pixel already. First take one for each tile, then repeat."
    if len(shape) == 4 and shape[2:] != right[2:]:
        return "The kernels have grown. It is whole filters that are repeated, along the first axis."
    if len(shape) == 4 and shape[1] != right[1]:
        return "The inputs were repeated. The channels of the output are the first axis, dim=0."
    return "The shape must stay as it was."


def _icnr_slips(weight: Tensor, r: int) -> dict[str, np.ndarray]:
    """What each usual mistake gives for this weight."""
    tiles = weight.reshape(-1, r**2, *weight.shape[1:])  # (C, r r, inputs, k, k)
    mean = tiles.mean(dim=1).repeat_interleave(r**2, dim=0)
    spatial = weight.mean(dim=(2, 3), keepdim=True).expand_as(weight)
    slips = {
        f"The weight is as it came in: {r * r} different filters, a pattern in each tile.": weight,
        f"All weights are zero: then nothing comes through, and no gradient goes back. Take one filter of each "
        f"{r * r}.": torch.zeros_like(weight),
        f"The {r * r} filters of a tile are averaged, which makes them {r} times weaker. Take one of them.": mean,
        "Each kernel was made flat. It is the filters of a tile that must be equal, not the places of a kernel.": (
            spatial
        ),
    }
    return {message: outcome.numpy() for message, outcome in slips.items()}


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="pixel_shuffle",
        lesson=3,
        title="your own pixel shuffle",
        difficulty="medium",
        minutes=9,
        stub="""
            def pixel_shuffle(x, r):
                n, channels, h, w = x.shape  # channels is C r r
                x = x.reshape(...)  # 1. split the channels into C, r, r
                x = x.permute(...)  # 2. bring each r right after the axis that it stretches
                return x.reshape(...)  # 3. merge each r with that axis
            """,
        reference=pixel_shuffle,
        judge=judge_pixel_shuffle,
        hints=(
            "No loop is needed. Write down the six axes after step 1 and the six after step 2, with their names.",
            "Step 1 gives (N, C, r, r, H, W): the first r counts rows of a tile, the second its columns. Step 2 must "
            "give (N, C, H, r, W, r), rows with rows and columns with columns.",
            "With C = channels // r**2: x.reshape(n, C, r, r, h, w), then x.permute(0, 1, 4, 2, 5, 3), then one more "
            "reshape to (n, C, h * r, w * r).",
        ),
    ),
    Exercise(
        name="ESPCN",
        lesson=3,
        title="ESPCN",
        difficulty="easy",
        minutes=8,
        stub="""
            class ESPCN(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.first = nn.Conv2d(3, 64, 5, padding=2)
                    self.second = ...  # 1. 3x3, to 32 maps
                    self.third = ...  # 2. 3x3, to as many maps as a tile of 4 x 4 RGB pixels has numbers

                def forward(self, x):  # (N, 3, h, w)
                    x = torch.tanh(self.first(x))  # (N, 64, h, w)
                    x = ...  # 3. the second convolution, and its tanh
                    return ...  # 4. the third convolution, and pixel shuffle: (N, 3, 4h, 4w)
            """,
        reference=ESPCN,
        judge=judge_espcn,
        hints=(
            "Three convolutions at LR size. Each must keep height and width: what padding does a 3x3 kernel need?",
            "One LR pixel becomes 4 x 4 pixels of 3 colours. The third convolution must give all these numbers.",
            "self.second = nn.Conv2d(64, 32, 3, padding=1), self.third = nn.Conv2d(32, 48, 3, padding=1); forward ends "
            "with F.pixel_shuffle(self.third(x), 4).",
        ),
    ),
    Exercise(
        name="overlap_counts",
        lesson=3,
        title="who writes how often",
        difficulty="easy",
        minutes=7,
        stub="""
            def overlap_counts(size, kernel, stride):
                counts = np.zeros(..., dtype=int)  # 1. as many places as the output has
                for i in range(size):
                    counts[...] += 1  # 2. the places that input pixel i writes
                return counts
            """,
        reference=overlap_counts,
        judge=judge_overlap_counts,
        hints=(
            "Draw it: three input pixels, kernel 3, stride 2. Where does each begin to write, where does it end?",
            "Pixel i begins at i * stride and writes `kernel` places. The output ends where the last pixel ends.",
            "The length is (size - 1) * stride + kernel; the places are counts[i * stride : i * stride + kernel].",
        ),
    ),
    Exercise(
        name="icnr",
        lesson=3,
        title="ICNR",
        difficulty="medium",
        minutes=7,
        stub="""
            def icnr(weight, r):
                one = ...  # 1. (C, inputs, k, k): one filter for each tile
                return ...  # 2. (C r r, inputs, k, k): the same filter for all pixels of a tile
            """,
        reference=icnr,
        judge=judge_icnr,
        hints=(
            "If all pixels of a tile have the same filter, they get the same value. Which filters make up one tile?",
            "Channels 0 to r r - 1 are the first tile, the next r r the second. Take one of each, then repeat it r r "
            "times in a row.",
            "weight[:: r**2] takes every r r-th filter. repeat puts 0, 1, 2, 0, 1, 2; repeat_interleave(r**2, dim=0) "
            "puts 0, 0, ..., 1, 1, ...",
        ),
    ),
)
