"""Answers to exercise overlap_counts as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.exercises.lesson03.overlap_counts import overlap_counts

answers = Answers(
    "overlap_counts",
    sentences="""
a row of `size` input pixels :: stops one early; begins at one
pixel i writes `kernel` output pixels :: single place; kernel minus one
starting at i * stride :: stride ignored in places
how many input pixels write to it :: set instead of add
No padding :: borders trimmed
the output ends where the last patch ends :: one too long; size times stride
""",
)


def by_torch(size, kernel, stride):
    return F.conv_transpose1d(torch.ones(1, 1, size), torch.ones(1, 1, kernel), stride=stride)[0, 0]


answers.right(by_torch)


@answers.right
def a_list(size, kernel, stride):
    places = range((size - 1) * stride + kernel)
    return [sum(0 <= place - i * stride < kernel for i in range(size)) for place in places]


def _count(size, length, begin, width):
    counts = np.zeros(length, dtype=int)
    for i in range(size):
        counts[begin(i) : begin(i) + width] += 1
    return counts


def _length(size, kernel, stride):
    return (size - 1) * stride + kernel


@answers.wrong(says="Does it contain the kernel's length?")
def length_without_kernel(size, kernel, stride):
    return _count(size, size * stride, lambda i: i * stride, kernel)


@answers.wrong(says="not at size * stride")
def length_too_long(size, kernel, stride):
    return _count(size, size * stride + kernel, lambda i: i * stride, kernel)


@answers.wrong(says="Kernel and stride have changed places")
def kernel_as_step(size, kernel, stride):
    return _count(size, (size - 1) * kernel + stride, lambda i: i * kernel, stride)


@answers.wrong(says="An ordinary convolution gives this length")
def convolution(size, kernel, stride):
    return np.full((size - kernel) // stride + 1, kernel) if size >= kernel else np.zeros(0)


@answers.wrong(says="counts[...] is the whole row")
def placeholder_left(size, kernel, stride):
    counts = np.zeros((size - 1) * stride + kernel, dtype=int)
    for _ in range(size):
        counts[...] += 1
    return counts


@answers.wrong(says="Where patches overlap, they add up")
def set_to_one(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i * stride, kernel).clip(0, 1)


@answers.wrong(says="begins at i * stride, not at i")
def without_stride(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i, kernel)


@answers.wrong(says="yours writes to one fewer")
def one_short(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i * stride, kernel - 1)


@answers.wrong(says="yours writes to one more")
def one_too_many(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i * stride, kernel + 1)


@answers.wrong(says="yours writes to one.")
def a_point(size, kernel, stride):
    return _count(size, _length(size, kernel, stride), lambda i: i * stride, 1)


@answers.wrong(says="a row of counts")
def in_two_axes(size, kernel, stride):
    row = overlap_counts(size, kernel, stride)
    return np.outer(row, row)


@answers.wrong(says="Every place has the count of the middle")
def ignores_the_ends(size, kernel, stride):
    return np.full(_length(size, kernel, stride), kernel / stride)


@answers.wrong(says="The slice ends at kernel for every i")
def ends_too_early(size, kernel, stride):
    counts = np.zeros((size - 1) * stride + kernel, dtype=int)
    for i in range(size):
        counts[i * stride : kernel] += 1
    return counts


@answers.wrong(says="The smallest example that differs: overlap_counts(2, 1, 1)")
def stride_less_one(size, kernel, stride):
    counts = np.zeros((size - 1) * stride + kernel, dtype=int)
    for i in range(size):
        counts[i * (stride - 1) : i * (stride - 1) + kernel] += 1
    return counts


TestAnswers = answers.tests()


@pytest.mark.parametrize(("kernel", "stride"), [(9, 4), (8, 4), (3, 2), (2, 3)])
def test_overlap_counts_are_what_a_transposed_convolution_of_ones_gives(kernel, stride):
    assert overlap_counts(7, kernel, stride).tolist() == by_torch(7, kernel, stride).tolist()
