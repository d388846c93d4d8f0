"""Exercise 1.1: the bicubic kernel."""

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array


def cubic_kernel(x):
    a = -0.5
    # SOLUTION
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
    # STUB
    # near = ...  # 1. the piece for |x| <= 1
    # far = ...  # 2. the piece for 1 < |x| < 2
    # return ...  # 3. near, far, or zero
    # END


def keys(x: np.ndarray, a: float) -> tuple[np.ndarray, np.ndarray]:
    """Both pieces of the cubic kernel, each computed at every place (Keys 1981; eq. 15 is a = -0.5)."""
    return (a + 2) * x**3 - (a + 3) * x**2 + 1, a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a


def judge(candidate) -> None:
    x = np.arange(-24, 25) / 8  # -3 to 3, including all whole numbers
    result = as_array(call(candidate, x), x.shape)
    right = cubic_kernel(x)
    far_x = np.abs(x)
    (near, far), (raw_near, raw_far) = keys(far_x, -0.5), keys(x, -0.5)
    half = "It is right only for x >= 0: the kernel is even"
    both = "The kernel has two pieces: one for |x| <= 1, another for 1 < |x| < 2, and it is zero beyond."
    recognise(
        result,
        {
            "This is the kernel with a = -0.75, the one that torch uses; MATLAB's has a = -0.5.": _chosen(x, -0.75),
            "This is the kernel with a = -1; MATLAB's has a = -0.5.": _chosen(x, -1),
            "This is the kernel with a = +0.5: the minus sign of a is lost. MATLAB's has a = -0.5.": _chosen(x, 0.5),
            "x is converted to whole numbers first. Keep x as it is, or make it an array of floats.": _chosen(
                np.trunc(x), -0.5
            ),
            "The values are divided by their sum. The kernel itself is 1 at 0; the next exercise does the division.": (
                right / right.sum()
            ),
            f"The piece for 1 < |x| < 2 is missing, or its values, which are below zero, are cut off. {both}": (
                np.where(far_x <= 1, near, 0)
            ),
            f"The piece for |x| <= 1 is missing. {both}": np.where((far_x > 1) & (far_x < 2), far, 0),
            f"It is not zero beyond |x| = 2. {both}": np.where(far_x <= 1, near, far),
            f"The piece for |x| <= 1 is used everywhere. {both}": near,
            f"Both pieces are added everywhere. Each counts only where it belongs. {both}": near + far,
            f"The two pieces have changed places. {both}": np.where(far_x <= 1, far, np.where(far_x < 2, near, 0)),
            "This is the triangle of linear interpolation. The cubic kernel dips below zero.": np.maximum(0, 1 - far_x),
            "It is 0 everywhere. Does one `if` decide for the whole array? np.where decides for each number.": 0 * x,
            f"The piece for 1 < |x| < 2 is also used below 1. Choose the piece for |x| <= 1 first. {both}": np.where(
                far_x < 2, far, 0
            ),
            f"Where |x| < 1, both pieces are added: use the far one only where 1 < |x|. {both}": right
            + np.where(far_x < 1, far, 0),
            f"Where 1 < |x| < 2, both pieces are added: use the near one only where |x| <= 1. {both}": right
            + np.where((far_x > 1) & (far_x < 2), near, 0),
            f"{half}, so it takes |x|.": np.where(x <= 1, raw_near, np.where(x < 2, raw_far, 0)),
            f"{half}, so both pieces take |x|.": np.where(far_x <= 1, raw_near, np.where(far_x < 2, raw_far, 0)),
            f"{half}, so the piece for |x| <= 1 takes |x|, too.": np.where(
                far_x <= 1, raw_near, np.where(far_x < 2, far, 0)
            ),
            f"{half}, so the piece for 1 < |x| < 2 takes |x|, too.": np.where(
                far_x <= 1, near, np.where(far_x < 2, raw_far, 0)
            ),
        },
        within=1e-4,
    )
    spots = (np.array([-1.5, -0.5, 0.0, 0.5, 1.5]), np.array([1.0, 1.25, 1.75, 2.0, 2.5]))
    recognise(result, _signs(far_x), within=1e-4)
    pieces = {"|x| <= 1": far_x <= 1, "1 < |x| < 2": (far_x > 1) & (far_x < 2), "|x| >= 2": far_x >= 2}
    wrong = [piece for piece, there in pieces.items() if np.abs(result - right)[there].max() > 1e-4]
    formula = "compare this piece with the formula, term by term."
    where = f"It is wrong where {wrong[0]}, and right elsewhere: {formula}" if len(wrong) == 1 else ""
    at_one = result[far_x == 1].any() and np.abs(result - right)[far_x != 1].max() <= 1e-4
    where = (
        "It is wrong only at |x| = 1, where it must be 0: that place belongs to the near piece." if at_one else where
    )
    show_smallest(candidate, cubic_kernel, [(places,) for places in spots], place=where, advice=both)
    if result.dtype.kind in "iu":
        raise NotYet("The result holds whole numbers: the fractions are cut off. Make it an array of floats.")
    worst = int(np.abs(result - right).argmax())
    if abs(result[worst] - right[worst]) > 1e-4:
        raise NotYet(f"At x = {x[worst]:g}, it gives {result[worst]:.4f}; {right[worst]:.4f} is expected. {both}")
    plane = x[:48].reshape(6, 8)
    try:
        result = as_array(call(candidate, plane), plane.shape)
    except NotYet:
        raise
    except Exception as error:
        raise NotYet(
            f"It is right for an array with one axis, but for one with two, of shape {plane.shape}, it stops with "
            f"{type(error).__name__}: there, x[i] is a whole row, not a number. Work on all numbers at once."
        ) from error
    if np.abs(result - cubic_kernel(plane)).max() > 1e-4:
        raise NotYet("It is right for an array with one axis, and wrong for one with two. Work on all numbers at once.")


def _signs(x: np.ndarray) -> dict[str, np.ndarray]:
    """The results if one term is missing, or has the wrong sign or power, or lacks its a or its brackets. x: |x|."""
    (near, far), a = keys(x, -0.5), -0.5
    terms = {  # text -> piece, factor, power
        "(a + 2) |x|^3": (near, a + 2, 3),
        "-(a + 3) |x|^2": (near, -(a + 3), 2),
        "+1": (near, 1, 0),
        "a |x|^3": (far, a, 3),
        "-5a |x|^2": (far, -5 * a, 2),
        "8a |x|": (far, 8 * a, 1),
        "-4a": (far, -4 * a, 0),
    }
    slips = {}
    for term, (piece, factor, power) in terms.items():
        ways = {"has the wrong sign": -factor * x**power, "is missing": 0 * x}
        if piece is far:
            ways["lacks its factor a"] = factor / a * x**power
        ways |= {f"has |x|^{other} instead": factor * x**other for other in (1, 2, 3) if power and other != power}
        for what, there in ways.items():
            changed = piece - factor * x**power + there
            one, other = (changed, far) if piece is near else (near, changed)
            where = "|x| <= 1" if piece is near else "1 < |x| < 2"
            slips[f"In the piece for {where}, the term {term} {what}."] = np.where(
                x <= 1, one, np.where(x < 2, other, 0)
            )
    brackets = "In the piece for |x| <= 1, brackets are missing: a + 2 and a + 3 are factors, each as a whole."
    cube, square = a + 2 * x**3, -a + 3 * x**2
    for space, bare in enumerate(
        (cube + square + 1, cube - (a + 3) * x**2 + 1, (a + 2) * x**3 + square + 1, (a + 2) * x**3 - a - 3 * x**2 + 1)
    ):
        slips[brackets + " " * space] = np.where(x <= 1, bare, np.where(x < 2, far, 0))
    return slips


def _chosen(x: np.ndarray, a: float) -> np.ndarray:
    near, far = keys(np.abs(x), a)
    return np.where(np.abs(x) <= 1, near, np.where(np.abs(x) < 2, far, 0))


EXERCISE = Exercise(
    name="cubic_kernel",
    lesson=1,
    place=1,
    title="the bicubic kernel",
    difficulty="easy",
    minutes=8,
    reference=cubic_kernel,
    judge=judge,
    hints=(
        "The kernel is even, and both pieces are written in |x|. Begin by taking the absolute value, once.",
        "Compute both pieces for every number, as if each were valid everywhere; choose between them at the end.",
        "np.where(x <= 1, near, other) takes near where x <= 1. Here, other is np.where(x < 2, far, 0).",
    ),
    mistakes=(
        Mistake(
            "a = -0.75, from torch or OpenCV",
            says="a = -0.75, the one that torch uses",
            ask="Why is k(0) = 1 and k(1) = 0?",
        ),
        Mistake(
            "`if abs(x) <= 1`, on an array",
            says="want one yes or no; x holds many",
            ask="How does numpy choose for many numbers at once?",
        ),
    ),
)
