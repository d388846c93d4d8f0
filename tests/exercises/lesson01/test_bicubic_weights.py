"""Answers to exercise bicubic_weights as students write them, and its reference against numbers from outside."""

import math

import numpy as np
from answers import Answers

from srgan_lessons.exercises.lesson01.bicubic_weights import bicubic_weights
from srgan_lessons.exercises.lesson01.cubic_kernel import cubic_kernel
from srgan_lessons.resize import imresize

answers = Answers(
    "bicubic_weights",
    sentences="""
in HR pixels :: no widening; times factor
how many HR pixels fit across an LR pixel :: factor fixed 4; floor division
how much each of them counts :: clipped below 0; rounded
the widened kernel :: no widening
which sum to 1 :: not divided; divided by factor, not sum
""",
)


def _kernel(x, a):
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@answers.right
def written_out(distance, factor):
    weights = [float(_kernel(np.array(d / factor), -0.5)) for d in distance]
    return np.array([w / sum(weights) for w in weights])


@answers.wrong(says="only if the factor is a whole number")
def divided_by_the_factor(distance, factor):
    return _kernel(distance / factor, -0.5) / factor  # the kernel's samples at steps of 1/factor sum to the factor


@answers.wrong(says="The kernel is not widened")
def not_widened(distance, factor):
    return _kernel(distance, -0.5) / _kernel(distance, -0.5).sum()


@answers.wrong(says="sum to 4, not to 1")
def not_normalised(distance, factor):
    return _kernel(distance / factor, -0.5)


@answers.wrong(says="narrower")
def widened_the_wrong_way(distance, factor):
    weight = _kernel(distance * factor, -0.5)
    return weight / (weight.sum() or 1)


@answers.wrong(says="The largest weight is 1")
def divided_by_the_largest(distance, factor):
    weight = _kernel(distance / factor, -0.5)
    return weight / weight.max()


@answers.wrong(says="negative weights are lost")
def no_negative_weights(distance, factor):
    weight = np.maximum(0, _kernel(distance / factor, -0.5))
    return weight / weight.sum()


@answers.wrong(says="sum to 1.3333, not to 1, at a factor of 3")
def four_by_heart(distance, factor):
    return _kernel(distance / factor, -0.5) / min(factor, 4) * (4 / 3 if factor == 3 else 1)


@answers.wrong(says="The smallest example that differs")
def box(distance, factor):
    return np.full(len(distance), 1 / len(distance))


@answers.wrong(says="divided by 0. If it is the sum of the weights, the kernel is too narrow.")
def multiplied(distance, factor):
    weight = cubic_kernel(distance * factor)
    return weight / weight.sum()


@answers.wrong(says="The weights are NaN or infinite: something is divided by 0.")
def by_the_sum_of_the_distances(distance, factor):
    return cubic_kernel(distance / factor) / distance.sum()


TestAnswers = answers.tests()


def test_bicubic_weights_reduce_a_row_as_imresize_does():
    row = np.random.default_rng(0).integers(0, 256, (1, 64)).astype(np.uint8)
    reduced = imresize(np.repeat(row, 4, axis=0), 1 / 4)  # (1, 16)
    centre = 4 * 7 + 1.5  # of LR pixel 7, in HR pixels
    near = np.arange(4 * 7 - 6, 4 * 7 + 10)
    weight = bicubic_weights(near - centre, 4)
    assert math.floor(np.clip(row[0, near] @ weight, 0, 255) + 0.5) == reduced[0, 7]
