"""Answers to exercise receptive_field as students write them, and its reference against numbers from outside."""

import pytest
import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons import models
from srgan_lessons.exercises.lesson02.receptive_field import STACKS, receptive_field

answers = Answers(
    "receptive_field",
    sentences="""
a list of pairs (kernel, stride) :: pairs swapped
from the input to the output :: reversed
the width of one output pixel's field, in input pixels :: half kernel; step returned
A pixel shuffle by 2 is written (1, 1/2) :: int step
`[(3, 1), (3, 1)]` gives 5 :: kernel without -1
`[(3, 2), (5, 1)]` gives 11 :: stride ignored; step first
the empty list gives 1 :: starts at 0
""",
)


@answers.right
def backwards(layers):
    """From one output pixel back to the input."""
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return field


@answers.right
def as_one_sum(layers):
    total = torch.tensor(1.0)
    for i, (kernel, _) in enumerate(layers):
        total = total + (kernel - 1) * torch.tensor([stride for _, stride in layers[:i]]).prod()
    return total


@answers.wrong(says="The strides are ignored")
def no_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


@answers.wrong(says="adds its whole kernel. The centre")
def whole_kernels(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field, step = field + kernel * step, step * stride
    return field


@answers.wrong(says="and the count begins with 0")
def sum_of_kernels(layers):
    field, step = 0, 1
    for kernel, stride in layers:
        field, step = field + kernel * step, step * stride
    return field


@answers.wrong(says="The count begins with 0. Without any layer")
def begins_with_zero(layers):
    return receptive_field(layers) - 1


@answers.wrong(says="The step grows too early")
def stride_first(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        field += (kernel - 1) * step
    return field


@answers.wrong(says="The step is only the last stride")
def last_stride(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step = stride
    return field


@answers.wrong(says="from the output to the input")
def wrong_end_first(layers):
    return receptive_field(layers[::-1])


@answers.wrong(says="A kernel reaches to both sides")
def radius(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field, step = field + kernel // 2 * step, step * stride
    return field


@answers.wrong(says="This is the area")
def area(layers):
    return receptive_field(layers) ** 2


@answers.wrong(says="The kernels are multiplied")
def product(layers):
    field = 1
    for kernel, _ in layers:
        field *= kernel
    return field


@answers.wrong(says="A stride below 1 is lost")
def no_fractions(layers):
    return receptive_field([(kernel, max(1, stride)) for kernel, stride in layers])


@answers.wrong(says="receptive_field([]) gives 0; 1 is expected")
def no_empty_list(layers):
    return receptive_field(layers) if layers else 0


@answers.wrong(says="`(kernel, stride), *rest = layers`")
def unpacked(layers):
    (kernel, stride), *rest = layers
    return kernel + stride * (unpacked(rest) - 1)


def seen(layers: list[tuple[int, float]]) -> int:
    """How many input pixels one output pixel sees, measured: those with a gradient. One dimension."""
    x = torch.ones(1, 1, 200, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride in layers:
        if stride < 1:  # a pixel shuffle: each place becomes 1/stride places
            y = y.repeat_interleave(round(1 / stride), dim=-1)
        else:
            ones = torch.ones(1, 1, kernel, dtype=torch.float64)
            y = F.conv1d(y, ones, stride=stride)
    y[0, 0, y.shape[-1] // 2].backward()
    return int((x.grad != 0).sum())


class NoLayersError(Exception):
    def __init__(self, layers, why):
        super().__init__(f"{layers}: {why}")


@answers.wrong(says="with NoLayersError: []: why not?, where layers is [], the empty list: its field is 1")
def with_an_error_of_its_own(layers):
    if not layers:
        raise NoLayersError(layers, "why not?")
    return receptive_field(layers)


@answers.wrong(says="with ValueError: where layers is [], the empty list: its field is 1")
def with_an_error_that_says_nothing(layers):
    if not layers:
        raise ValueError
    return receptive_field(layers)


TestAnswers = answers.tests()


@pytest.mark.parametrize("stack", STACKS.values(), ids=map(str, STACKS.values()))
def test_receptive_field_is_what_a_pixel_sees(stack):
    """Where a pixel shuffle leaves a fraction, whole pixels are seen: at most one more."""
    field, measured = receptive_field(stack), seen(stack)
    assert measured == field if field == int(field) and len(stack) < 4 else field <= measured < field + 1


def test_receptive_field_of_the_generator_is_what_its_gradient_reaches():
    network = models.Generator(channels=2).double().eval()
    x = torch.rand(1, 3, 99, 99, dtype=torch.float64, requires_grad=True)
    network(x)[0, 0, 201, 202].backward()
    columns = x.grad.abs().sum(dim=(0, 1, 2)).nonzero()
    layers = [(9, 1)] + [(3, 1)] * 33 + [(3, 1), (1, 1 / 2), (3, 1), (1, 1 / 2), (9, 1)]
    assert receptive_field(layers) == len(columns) == 80
