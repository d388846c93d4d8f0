"""Exercise 10.1: detail that no LR image sees."""

import numpy as np

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
        # It is rough here and smooth there, and its mean is not 0, so that each slip is off by several grey levels.
        detail = rng.normal(0, 20, (n, n)) + 30 * np.add.outer(np.sin(np.arange(n) / 3), np.cos(np.arange(n) / 5)) + 7
        result = as_array(call(candidate, detail, reduce))
        if result.shape != detail.shape:
            raise NotYet(_invisible_shape(result.shape, n))
        if np.abs(result - invisible(detail, reduce)).max() <= 1e-3:
            continue
        recognise(result, _invisible_slips(detail, reduce), within=1e-3)
        mean, corner = np.full((1, 4), 0.25), np.zeros((4, 4))
        corner[0, :2] = 16.0, 32.0
        show_smallest(
            candidate,
            invisible,
            [(corner, mean), (corner, np.array([[0.5, 0.5, 0.0, 0.0]]))],
            advice="The detail, less what comes back when it is reduced along both axes.",
        )
        left = np.abs(reduce @ result @ reduce.T).max()
        if left > 0.01:
            raise NotYet(
                f"The reduction ({name}) still sees it: up to {left:.2g} grey levels are left in the LR image. "
                "Subtract what comes back when the detail is reduced along both axes."
            )
        raise NotYet(
            f"The reduction ({name}) does not see it, and that is right. But it is not the detail without its visible "
            "part: something invisible was added, or lost."
        )


def _invisible_shape(shape: tuple[int, ...], n: int) -> str:
    if shape == (n // 4, n // 4):
        return "The result has the size of the LR image. Come back to HR size (with `back`), then subtract."
    if shape in ((n // 4, n), (n, n // 4)):
        return f"The result has the shape {shape}: it is reduced along one axis and has not come back."
    return f"The result has the shape {shape}; it must be that of the detail, {(n, n)}."


def _invisible_slips(detail: np.ndarray, reduce: np.ndarray) -> dict[str, np.ndarray]:
    """The result of each usual mistake for this detail and this reduction."""
    back = np.linalg.pinv(reduce)
    n = len(detail)
    keep = back @ reduce  # (n, n)
    lr = reduce @ detail @ reduce.T  # (n/4, n/4)
    seen = keep @ detail @ keep.T
    bicubic = resize_matrix(n // 4, 4)  # (n, n/4)
    gram = reduce.T @ reduce  # (n, n)
    not_back = "reduced once more, what came back is not the LR image any more. Come back with `back`, the pinv."
    one_axis = (
        "It is invisible, but too little is left: the reduction was applied along one axis only, and it sees what is "
        "smooth along *both*. A matrix on the left works on the columns; for the rows put its transpose on the right."
    )
    slips = {
        "This is the detail as it was. Subtract what the LR image sees of it.": detail,
        "This is what the LR image *sees*. The task asks for the rest: detail minus this.": seen,
        "Half of what the LR image sees is left. Subtract all of it.": detail - seen / 2,
        "Here the mean of the detail is subtracted, too. The LR image sees it: it is gone with the rest.": (
            detail - seen - detail.mean()
        ),
        "This is half of it. Return all that the LR image does not see.": (detail - seen) / 2,
        "Rows and columns of the detail have changed places: reduce @ detail @ reduce.T, without detail.T.": (
            detail - seen.T
        ),
        "The sign is reversed: detail minus seen, not seen minus detail.": seen - detail,
        "The visible part was added, not subtracted.": detail + seen,
        "Nothing is left: everything was subtracted. Only what the LR image sees must go.": np.zeros_like(detail),
        one_axis: detail - keep @ detail,
        one_axis + " Here the rows were done, and the columns not.": detail - detail @ keep.T,
        "It is invisible, but too little is left: it was removed along the columns, and then once more along the rows. "
        "The reduction sees what is smooth along *both* axes: reduce along both, come back, and subtract once.": (
            detail - keep @ detail - detail @ keep.T + seen
        ),
        f"It comes back by `reduce.T`, the transpose, and {not_back}": detail - gram @ detail @ gram,
        f"It comes back by 4 * `reduce.T`, the transpose, and {not_back}": detail - 16 * gram @ detail @ gram,
        f"It comes back by repeating each LR pixel, and {not_back}": detail - np.kron(lr, np.ones((4, 4))),
        f"It comes back by bicubic enlargement, and {not_back}": detail - bicubic @ lr @ bicubic.T,
        "Only the mean was subtracted. The LR image sees more than the mean: all that is smooth.": (
            detail - detail.mean()
        ),
        "The way back is applied along one axis, the reduction along both.": detail - keep @ detail @ gram,
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
        "Down along both axes is `reduce @ detail @ reduce.T`, an LR image. The way up has the same shape, with "
        "`back` in place of `reduce`.",
        "seen = back @ (reduce @ detail @ reduce.T) @ back.T, and the result is detail - seen.",
    ),
    mistakes=(
        Mistake(
            "back by the transpose",
            says="comes back by `reduce.T`, the transpose",
            ask="Is `reduce @ reduce.T` the identity?",
        ),
        Mistake(
            "along the rows alone",
            says="along one axis only",
            ask="What does the LR image see: rows, columns, or both?",
        ),
    ),
)
