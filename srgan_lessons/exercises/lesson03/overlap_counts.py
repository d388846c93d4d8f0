"""Exercise 3.3: who writes how often."""

import itertools

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array


def overlap_counts(size, kernel, stride):
    # SOLUTION
    counts = np.zeros((size - 1) * stride + kernel, dtype=int)
    # STUB
    # counts = np.zeros(..., dtype=int)  # 1. as many places as the output has
    # END
    for i in range(size):
        # SOLUTION
        counts[i * stride : i * stride + kernel] += 1
        # STUB
        # counts[...] += 1  # 2. the places that input pixel i writes
        # END
    return counts


ADVICE = "Each input pixel i adds 1 at `kernel` places, beginning at i * stride."

APART = (3, 2, 3)  # size, kernel, stride: the patches do not touch, which tells some mistakes from others


def judge(candidate) -> None:
    for size, kernel, stride in ((6, 4, 2), (5, 3, 2), (4, 9, 4), (3, 2, 3), (4, 5, 1), (150, 140, 1)):
        where = f"For size {size}, kernel {kernel}, stride {stride}"
        result = as_array(call(candidate, size, kernel, stride))
        right = overlap_counts(size, kernel, stride)
        if result.shape != right.shape:
            raise NotYet(
                f"{where}, the result has the shape {result.shape}, not {right.shape}. "
                + _overlap_shape(result, size, kernel, stride, right)
            )
        if np.array_equal(result, right):
            continue
        if result.min() < 0 or result.max() < right.max() > 127:
            raise NotYet(f"{where}, the counts go up to {right.max()}, and {result.dtype} overflows: take dtype=int.")
        cases = [(size, kernel, stride), APART]
        results = [result, as_array(call(candidate, *APART))]
        slips = zip(*(_overlap_slips(*case).items() for case in cases), strict=True)
        if results[1].shape == overlap_counts(*APART).shape:
            joint = {message: np.concatenate([outcome, apart]) for (message, outcome), (_, apart) in slips}
            recognise(np.concatenate(results), joint, within=0)
        else:
            recognise(result, _overlap_slips(size, kernel, stride), within=0)
        show_smallest(candidate, overlap_counts, itertools.product((1, 2, 3), repeat=3), advice=ADVICE)
        place = int(np.argmax(result != right))
        raise NotYet(f"{where}, place {place} has the count {result[place]:g}; {right[place]} is expected.")


def _overlap_shape(result: np.ndarray, size: int, kernel: int, stride: int, right: np.ndarray) -> str:
    if any(np.array_equal(result, found) for found in (np.bincount(right), np.unique(right))):
        return "You have counted or sorted the counts. Return one count for each place of the output."
    lengths = {
        (size - 1) * stride - kernel + 2: "Both ends are missing. They belong to the output, too.",
        (size - 1) * stride + kernel + 1: "That is one place more than the last input pixel writes.",
        size * stride: "Does it contain the kernel's length? The last input pixel begins at (size - 1) * stride and "
        "writes to `kernel` places.",
        size * stride + kernel: "The last input pixel begins at (size - 1) * stride, not at size * stride.",
        (size - 1) * stride + 1: "The last input pixel writes to `kernel` places, not to one.",
        (size - 1) * stride: "The last input pixel begins at that place, and writes to `kernel` places.",
        (size - 1) * kernel + stride: "Kernel and stride have changed places: stride is the step, kernel the length.",
        size + kernel - 1: "The stride is missing: neighbours in the input are `stride` places apart in the output.",
        size * kernel: "The patches overlap: they begin `stride` places apart, not `kernel` places.",
        (size - kernel) // stride + 1: "An ordinary convolution gives this length; the transposed one enlarges.",
        size: "This is the input's length. Count at the places of the output.",
    }
    if result.ndim == 0:
        return "This is one number. Return one count for each place of the output."
    if result.ndim != 1:
        return "One axis is enough here: a row of counts."
    return lengths.get(len(result), "The last input pixel begins at (size - 1) * stride and writes to `kernel` places.")


def _overlap_slips(size: int, kernel: int, stride: int) -> dict[str, np.ndarray]:
    """The result of each usual mistake, with the right length."""
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
    last = counted(lambda i: i * stride, kernel)
    last[(size - 1) * stride :] -= 1
    first = np.zeros(length)
    first[:kernel] = 1
    middle = "Every place has the count of the middle. Near both ends, fewer patches overlap."
    skipped = sum(np.isin(np.arange(length) - i * stride, range(kernel)) * 1 for i in range(0, size, stride))
    return {
        "Only every stride-th input pixel writes. Loop over range(size), and use the stride only in the "
        "slice.": skipped,
        f"{middle} ": np.full(length, kernel // stride),
        middle: np.full(length, kernel / stride),
        "The first input pixel writes nothing. Loop over range(size), which begins at 0.": counted(
            lambda i: i * stride, kernel
        )
        - counted(lambda i: 0, kernel) // size,
        "Only every stride-th place of a patch is written: the slice has a third number, its step. Leave it out.": (
            np.sum([np.isin(np.arange(length) - i * stride, range(0, kernel, stride)) for i in range(size)], axis=0)
        ),
        "Each input pixel adds its own number, i. Each must add 1.": np.sum(
            [i * np.isin(np.arange(length) - i * stride, range(kernel)) for i in range(size)], axis=0
        ),
        "The last input pixel writes nothing: range(size) goes up to size - 1.": last,
        "Only the first input pixel has written: the `return` is inside the loop, too far to the right.": first,
        "The counts are divided by the largest one. Return the counts themselves.": counted(
            lambda i: i * stride, kernel
        )
        / max(1, counted(lambda i: i * stride, kernel).max()),
        "The slice ends at kernel for every i. A slice is begin:end, not begin:length: the end moves with i, "
        "too.": short,
        "Every input pixel is counted everywhere: counts[...] is the whole row. Give only the places that pixel i "
        "writes to.": (np.full(length, size)),
        "No count is above 1. Where patches overlap, they add up: += 1.": ones,
        "All counts are zero.": np.zeros(length),
        "The stride is missing: pixel i begins at i * stride, not at i.": counted(lambda i: i, kernel),
        "Pixel i must begin at i * stride; yours begins at i * kernel.": counted(lambda i: i * kernel, kernel),
        "Each pixel must write to `kernel` places; yours writes to one fewer. A slice does not include its "
        "end.": counted(lambda i: i * stride, kernel - 1),
        "Each pixel must write to `kernel` places; yours writes to one more. A slice does not include its "
        "end.": counted(lambda i: i * stride, kernel + 1),
        "Each pixel must write to `kernel` places; yours writes to `stride` places.": counted(
            lambda i: i * stride, stride
        ),
        "Each pixel must write to `kernel` places; yours writes to one.": counted(lambda i: i * stride, 1),
        "The patch is centred on i * stride; it must begin there.": counted(lambda i: i * stride - kernel // 2, kernel),
        "The patch is centred on i * stride, and cut off at the end; it must begin there.": counted(
            lambda i: i * stride - kernel // 2, kernel // 2 * 2 + 1
        ),
        "Every stride-th place up to the end of the row is written. Give the slice its end, begin:end, where the patch "
        "ends.": (
            sum(
                (np.arange(length) >= i * stride) & ((np.arange(length) - i * stride) % stride == 0)
                for i in range(size)
            )
        ),
        "The first place must be i * stride; yours is one place further on. Python counts from 0.": counted(
            lambda i: i * stride + 1, kernel
        ),
    }


EXERCISE = Exercise(
    name="overlap_counts",
    lesson=3,
    place=3,
    title="who writes how often",
    difficulty="easy",
    minutes=7,
    reference=overlap_counts,
    judge=judge,
    hints=(
        "Draw three input pixels with kernel 3 and stride 2. Where does each patch begin, and where does it end?",
        "Pixel i begins at i * stride and writes to `kernel` places. The output ends where the last patch ends.",
        "The length is (size - 1) * stride + kernel; the places are counts[i * stride : i * stride + kernel].",
    ),
    mistakes=(
        Mistake(
            "the length without the kernel",
            says="Does it contain the kernel's length?",
            ask="Where does the last patch end?",
        ),
        Mistake(
            "set to 1 instead of added",
            says="Where patches overlap, they add up",
            ask="If two brushes paint the same spot, how much paint is there?",
        ),
    ),
)
