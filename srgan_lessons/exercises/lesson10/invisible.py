"""Exercise 10.1: detail that no LR image sees."""

import re

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array
from srgan_lessons.resize import taps


def invisible(detail, reduce):
    back = np.linalg.pinv(reduce)  # (n, n/4)
    # SOLUTION
    seen = back @ reduce @ detail @ reduce.T @ back.T  # (n, n)
    return detail - seen
    # STUB
    # seen = ...  # 1. (n, n): reduce the detail along both axes, and come back along both
    # return ...  # 2. the rest
    # END


def resize_matrix(size: int, scale: float) -> np.ndarray:
    """The matrix (size * scale, size) of bicubic resampling along one axis, without rounding."""
    index, weight = taps(size, round(size * scale), scale)
    matrix = np.zeros((len(index), size))
    np.add.at(matrix, (np.arange(len(index))[:, None], index.numpy()), weight.numpy())
    return matrix


def judge(candidate) -> None:
    box = np.kron(np.eye(4), np.full((1, 4), 0.25))  # (4, 16): the mean of four pixels
    for name, reduce in (("bicubic", resize_matrix(24, 1 / 4)), ("the mean of 4 x 4 pixels", box)):
        n = reduce.shape[1]
        rng = np.random.default_rng(n)
        # It is rough and smooth at once, and its mean is not 0, so that each slip is off by several grey levels.
        detail = rng.normal(0, 20, (n, n)) + 30 * np.add.outer(np.sin(np.arange(n) / 3), np.cos(np.arange(n) / 5)) + 7
        try:
            result = as_array(call(candidate, detail, reduce))
        except UserError as error:
            raise NotYet(
                "`imresize` takes pictures in whole grey levels. Here, the reduction is the matrix `reduce`: an LR "
                "picture is reduce @ picture @ reduce.T."
            ) from error
        except np.linalg.LinAlgError as error:  # a ValueError, too
            if "must be square" not in str(error):
                raise
            raise NotYet(
                f"Only a square matrix has an inverse, and `reduce` is {reduce.shape} here. Its "
                "pseudo-inverse, `back`, is the way back."
            ) from error
        except ValueError as error:
            _name_sizes(str(error), n)
            raise
        if result.shape != detail.shape:
            raise NotYet(_invisible_shape(result.shape, n))
        if np.abs(result - invisible(detail, reduce)).max() <= 1e-3:
            continue
        recognise(result, _invisible_slips(detail, reduce), within=1e-3)
        _name_share(result, detail, reduce)
        mean, corner = np.full((1, 4), 0.25), np.zeros((4, 4))
        corner[0, :2] = 16.0, 32.0
        show_smallest(
            candidate,
            invisible,
            [(corner, mean), (corner, np.array([[0.5, 0.5, 0.0, 0.0]]))],
            advice="The result is the detail minus what comes back after it was reduced along both axes.",
        )
        left = np.abs(reduce @ result @ reduce.T).max()
        if left > 0.01:
            raise NotYet(
                f"The reduction ({name}) still sees the result: up to {left:.2g} grey levels are left in the LR image. "
                "Subtract what comes back after the detail was reduced along both axes."
            )
        raise NotYet(
            f"The reduction ({name}) does not see the result, and that is right. But something invisible was added to "
            "the detail, or lost: subtract its visible part, and nothing else."
        )


def _name_sizes(error: str, n: int) -> None:
    """Raises NotYet if the error is that a matrix does not fit, or that something is still reduced."""
    if "matmul" in error and "mismatch" in error:
        strange = sorted({int(size) for size in re.findall(r"\d+", error.partition("(size ")[2])} - {n, n // 4})
        if strange:
            raise NotYet(
                f"A matrix with {strange[-1]} rows or columns is used, but here the detail is {(n, n)} and `reduce` is "
                f"{(n // 4, n)}. Is it `R`, which is made for one size only? Use the argument `reduce`."
            )
        raise NotYet(
            f"Two matrices do not fit: `reduce` is {(n // 4, n)} here, and `back` is {(n, n // 4)}. To the left of the "
            "detail, write back @ reduce. To its right, both are transposed, and their order is reversed: reduce.T @ "
            "back.T. In both cases, `reduce` comes next to the detail. Is a .T missing, or is the order wrong?"
        )
    found = re.search(r"with shapes \((\d+),(\d+)\) \((\d+),(\d+)\)", error)
    small = (int(found[3]), int(found[4])) if found and (int(found[1]), int(found[2])) == (n, n) else None
    if small == (n // 4, n // 4):
        raise NotYet(
            f"What is subtracted has the shape {small}, the size of the LR image: it does not come back. Come back to "
            "HR size along both axes, back @ ... @ back.T, before you subtract."
        )
    if small in ((n // 4, n), (n, n // 4)):
        raise NotYet(
            f"{(n, n)} and {small} do not fit together: one axis is reduced, and has not come back. Reduce along both "
            "axes and come back along both, before you subtract. (A product of matrices is @, not *.)"
        )


def _name_share(result: np.ndarray, detail: np.ndarray, reduce: np.ndarray) -> None:
    """Raises NotYet if there is a factor: in the result, or in what was subtracted, such as 1/16."""
    right = invisible(detail, reduce)
    scale = (result * right).sum() / (right**2).sum()
    if np.abs(scale * right - result).max() <= 1e-3:
        raise NotYet(f"The result is {scale:.4g} times what it should be. Return what is left, without a factor.")
    seen = detail - right
    times = ((detail - result) * seen).sum() / (seen**2).sum()
    if np.abs(detail - times * seen - result).max() <= 1e-3:
        raise NotYet(f"What the LR image sees is subtracted {times:.4g} times. Subtract it once, without a factor.")


def _invisible_shape(shape: tuple[int, ...], n: int) -> str:
    if shape == (n // 4, n // 4):
        return "The result has the size of the LR image. Come back to HR size with `back`, then subtract."
    if shape in ((n // 4, n), (n, n // 4)):
        return f"The result has the shape {shape}: one axis is reduced, and has not come back."
    return f"The result has the shape {shape}; it must be that of the detail, {(n, n)}."


def _invisible_slips(detail: np.ndarray, reduce: np.ndarray) -> dict[str, np.ndarray]:
    """The result of each usual mistake for this detail and this reduction."""
    back = np.linalg.pinv(reduce)
    n = len(detail)
    other = resize_matrix(n, 1 / 4) if np.ptp(reduce[reduce != 0]) < 1e-9 else np.kron(np.eye(n // 4), np.full(4, 0.25))
    not_this = np.linalg.pinv(other) @ other  # (n, n)
    keep = back @ reduce  # (n, n)
    lr = reduce @ detail @ reduce.T  # (n/4, n/4)
    seen = keep @ detail @ keep.T
    bicubic = resize_matrix(n // 4, 4)  # (n, n/4)
    gram = reduce.T @ reduce  # (n, n)
    not_back = "if you reduce that again, you do not get the same LR image. Come back with `back`, the pseudo-inverse."
    one_axis = (
        "The result is invisible, but too little is left: the reduction was applied along one axis only, and it sees "
        "what is smooth along *both*. A matrix on the left works on the columns; for the rows, put its transpose on "
        "the right."
    )
    rounded = (
        "The result has real numbers, positive and negative: they are not grey levels yet. Return them as they are, not"
    )
    with np.errstate(invalid="ignore"):
        wrapped = (detail - seen).astype(np.int64).astype(np.uint8)
    slips = {
        "This is the detail as it was. Subtract what the LR image sees of it.": detail,
        "This is what the LR image *sees*. The task asks for the rest: detail minus this.": seen,
        "Half of what the LR image sees is left. Subtract all of it.": detail - seen / 2,
        f"{rounded} rounded to whole numbers.": np.round(detail - seen),
        f"{rounded} as uint8.": wrapped,
        f"{rounded} cut off at 0 and 255.": np.clip(detail - seen, 0, 255),
        f"{rounded} as absolute values.": np.abs(detail - seen),
        "The mean of the detail is subtracted as well. The LR image sees the mean, so it is already gone.": (
            detail - seen - detail.mean()
        ),
        "The mean of the detail is missing: it was taken off first, and never came back. Work with the detail as it "
        "is; the reduction takes out what it sees.": (
            detail - detail.mean() - keep @ (detail - detail.mean()) @ keep.T
        ),
        "The mean of the result is subtracted as well. Return what is left, without any change.": (
            detail - seen - (detail - seen).mean()
        ),
        "The mean of the detail is still there: it was taken out before the detail was reduced. The LR image sees the "
        "mean, too. Reduce the detail as it is.": detail - seen + keep @ np.full((n, n), detail.mean()) @ keep.T,
        "What comes back along the rows and what comes back along the columns are both subtracted. Reduce along both "
        "axes, come back along both, and subtract once.": detail - keep @ detail - detail @ keep.T,
        "This is the mean of two results, one for each axis. Reduce along both axes, come back along both, and "
        "subtract once.": detail - (keep @ detail + detail @ keep.T) / 2,
        "It is invisible to a different reduction. Use the matrix `reduce`, which is not always the same.": (
            detail - not_this @ detail @ not_this.T
        ),
        "This is half of the result. Return everything that the LR image does not see.": (detail - seen) / 2,
        "Rows and columns of what is seen have changed places: is a .T superfluous, or in the wrong place?": (
            detail - seen.T
        ),
        "Rows and columns of the result have changed places. Is it transposed?": (detail - seen).T,
        "The sign is reversed: detail minus seen, not seen minus detail.": seen - detail,
        "The visible part was added, not subtracted.": detail + seen,
        "Nothing is left, because everything was subtracted. Only what the LR image sees should go.": (
            np.zeros_like(detail)
        ),
        one_axis: detail - keep @ detail,
        one_axis + " Here, the rows were reduced, and the columns were not.": detail - detail @ keep.T,
        "The result is invisible, but too little is left: something was removed along the columns, and then once more "
        "along the rows. The reduction sees what is smooth along *both* axes: reduce along both, come back, and "
        "subtract once.": (detail - keep @ detail - detail @ keep.T + seen),
        f"It comes back by `reduce.T`, the transpose, but {not_back}": detail - gram @ detail @ gram,
        f"It comes back by 4 * `reduce.T`, the transpose, but {not_back}": detail - 16 * gram @ detail @ gram,
        f"It comes back by repeating each LR pixel, but {not_back}": detail - np.kron(lr, np.ones((4, 4))),
        f"It comes back by bicubic enlargement, but {not_back}": detail - bicubic @ lr @ bicubic.T,
        "Only the mean was subtracted. The LR image sees more than the mean: everything that is smooth.": (
            detail - detail.mean()
        ),
        "The way back is applied along one axis only. Come back along both.": detail - keep @ detail @ gram,
    }
    # If the reduction is the mean of 4 x 4 pixels, some of these ways back are right.
    return {message: outcome for message, outcome in slips.items() if np.abs(outcome - detail + seen).max() > 1e-2}


EXERCISE = Exercise(
    name="invisible",
    lesson=10,
    place=1,
    title="detail that no LR image sees",
    difficulty="medium",
    minutes=8,
    reference=invisible,
    judge=judge,
    hints=(
        "Split the detail in two: what survives the way down and back up, and the rest. You want the rest.",
        "Down along both axes is `reduce @ detail @ reduce.T`, an LR image. The way up looks the same, with "
        "`back` instead of `reduce`.",
        "seen = back @ (reduce @ detail @ reduce.T) @ back.T, and the result is detail - seen.",
    ),
    mistakes=(
        Mistake(
            "back by the transpose",
            says="comes back by `reduce.T`, the transpose",
            ask="Is `reduce @ reduce.T` the identity?",
        ),
        Mistake(
            "along one axis only",
            says="along one axis only",
            ask="What does the LR image see: rows, columns, or both?",
        ),
    ),
)
