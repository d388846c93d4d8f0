"""Answers to exercise cubic_kernel as students write them, and its reference against numbers from outside."""

import numpy as np
import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.exercises.lesson01.cubic_kernel import cubic_kernel

answers = Answers(
    "cubic_kernel",
    sentences="""
an array `x` of any shape :: flattened
the formula above :: a of OpenCV; no abs, negative x wrong; forgotten +1
for all elements at once :: python if for an array
an array of the same shape :: flattened
which is 1 where x is 0 :: forgotten +1; normalised
0 where x is any other whole number :: no zero beyond 2; near and far swapped
""",
)


@answers.right
def piecewise(x):
    x = abs(x)
    return np.piecewise(
        x,
        [x <= 1, (x > 1) & (x < 2)],
        [lambda t: 1.5 * t**3 - 2.5 * t**2 + 1, lambda t: -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2, 0],
    )


@answers.right
def place_by_place(x):
    def one(t):
        t = abs(t)
        if t <= 1:
            return (1.5 * t - 2.5) * t * t + 1
        return ((-0.5 * t + 2.5) * t - 4) * t + 2 if t < 2 else 0.0

    return np.vectorize(one)(x)


@answers.wrong(says="changes one of its arguments: `x`")
def in_torch_and_in_place(x):
    x[...] = np.abs(x)  # the caller needs x
    t = torch.from_numpy(x)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return near * (t <= 1) + far * ((t > 1) & (t < 2))


def _kernel(x, a):
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@answers.wrong(says="a = -0.75, the one that torch uses")
def torchs_kernel(x):
    return _kernel(x, -0.75)


@answers.wrong(says="the minus sign of a is lost")
def positive_a(x):
    return _kernel(x, 0.5)


@answers.wrong(says="The piece for 1 < |x| < 2 is missing")
def first_piece_alone(x):
    return np.where(np.abs(x) <= 1, _kernel(x, -0.5), 0)


@answers.wrong(says="not zero beyond |x| = 2")
def never_zero(x):
    x = np.abs(x)
    return np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2)


@answers.wrong(says="the kernel is even")
def no_absolute_value(x):
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@answers.wrong(says="triangle of linear interpolation")
def linear(x):
    return np.maximum(0, 1 - np.abs(x))


@answers.wrong(says="It is wrong where |x| <= 1, and right elsewhere")
def slipped_coefficient(x):
    return np.where(np.abs(x) <= 1, 1.5 * np.abs(x) ** 3 - 2 * x**2 + 1, _kernel(x, -0.5))


@answers.wrong(says="`if abs(x) <= 1:  # one number at a time`")
def for_one_number(x):
    if abs(x) <= 1:  # one number at a time
        return 1.5 * abs(x) ** 3 - 2.5 * x**2 + 1
    return 0.0


@answers.wrong(says="wrong for one with two")
def flat_only(x):
    return _kernel(x, -0.5) if x.ndim == 1 else np.zeros_like(x)


@answers.wrong(says="want one yes or no; x holds many")
def choosing_by_if(x):
    x = np.abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return np.zeros_like(x)


@answers.wrong(says="so both pieces take |x|")
def without_the_bars(x):
    far = np.where(np.abs(x) < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0)
    return np.where(np.abs(x) <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, far)


TestAnswers = answers.tests()


def test_cubic_kernel_is_the_response_of_torchs_antialiased_bicubic():
    """torch uses a = -0.5 where antialias is on: an impulse, enlarged 8 times, gives the kernel at steps of 1/8."""
    impulse = torch.zeros(1, 1, 1, 9, dtype=torch.float64)
    impulse[..., 4] = 1
    wide = F.interpolate(impulse, size=(1, 72), mode="bicubic", antialias=True)[0, 0, 0]  # (72,)
    x = (np.arange(72) + 0.5) / 8 - 0.5 - 4
    assert np.abs(cubic_kernel(x) - wide.numpy())[16:-16].max() < 1e-9
