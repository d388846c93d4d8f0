"""Answers to exercise rate_at as students write them, and its reference against numbers from outside."""

import math

import pytest
import torch
from answers import Answers

from srgan_lessons.exercises.lesson04.rate_at import rate_at
from srgan_lessons.training import RECIPES

answers = Answers(
    "rate_at",
    sentences="""
the learning rate of update number `step` :: peak forgotten; linear fall
counted from 0 :: no +1
out of `steps` :: cosine over steps; steps and peak swapped
Expected: a number -- arrays are refused by the reader of all judges
in the last update of the warm-up it is the peak :: rise plus one; no +1
""",
)


@answers.right
def one_formula(step, steps, peak):
    rise = steps // 10
    warm = min(1.0, (step + 1) / rise)
    turned = max(0.0, step - rise) / (steps - rise)
    return torch.tensor(peak * warm * math.cos(math.pi * turned / 2) ** 2)


@answers.right
def by_torchs_scheduler(step, steps, peak):
    rise = steps // 10
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=peak)
    warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: (k + 1) / rise if k < rise else 1)
    if step < rise:
        return peak * warm.lr_lambdas[0](step)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.zeros(1)], lr=peak), T_max=steps - rise)
    cosine.last_epoch = step - rise
    return cosine._get_closed_form_lr()[0]


def _cosine(step, steps, peak, rise):
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


@answers.wrong(says="does not change with the step")
def constant(step, steps, peak):
    return peak


@answers.wrong(says="the paper's drop")
def drop(step, steps, peak):
    return peak if step < steps // 2 else peak / 10


@answers.wrong(says="rate of 0, so it is wasted")
def begins_at_zero(step, steps, peak):
    rise = steps // 10
    return peak * step / rise if step < rise else _cosine(step, steps, peak, rise)


@answers.wrong(says="Does // cut off its fractions?")
def floored(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) // rise if step < rise else _cosine(step, steps, peak, rise)


@answers.wrong(says="There is no warm-up")
def no_warm_up(step, steps, peak):
    return _cosine(step, steps, peak, 0)


@answers.wrong(says="must begin when the warm-up ends")
def cosine_of_the_whole(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else _cosine(step, steps, peak, 0)


@answers.wrong(says="straight line")
def linear(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else peak * (steps - step) / (steps - rise)


@answers.wrong(says="Add 1, and halve it")
def bare_cosine(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else peak * math.cos(math.pi * (step - rise) / (steps - rise))


@answers.wrong(says="Halve it")
def not_halved(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else 2 * _cosine(step, steps, peak, rise)


@answers.wrong(says="upside down")
def upside_down(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else peak - _cosine(step, steps, peak, rise)


@answers.wrong(says="radians")
def in_degrees(step, steps, peak):
    rise = steps // 10
    share = (step - rise) / (steps - rise)
    return peak * (step + 1) / rise if step < rise else peak * 0.5 * (1 + math.cos(180 * share))


@answers.wrong(says="stays at the peak")
def stays_up(step, steps, peak):
    return peak * min(1, (step + 1) / (steps // 10))


@answers.wrong(says="the peak is 0.0004 in this call")
def peak_by_heart(step, steps, peak):
    return rate_at(step, steps, 3e-3)


@answers.wrong(says="The warm-up is right, but the cosine is not")
def ends_at_a_tenth(step, steps, peak):
    rise = steps // 10
    return peak * (step + 1) / rise if step < rise else 0.1 * peak + 0.9 * _cosine(step, steps, peak, rise)


def with_pi(pi, step, steps, peak):
    rise = steps // 10
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(pi * (step - rise) / (steps - rise)))


@answers.right
def five_digits_of_pi(step, steps, peak):
    return with_pi(3.1416, step, steps, peak)


@answers.wrong(says="pi is rounded")
def four_digits_of_pi(step, steps, peak):
    return with_pi(3.142, step, steps, peak)


@answers.wrong(says="Every number is 1.001 times what is expected")
def a_little_too_high(step, steps, peak):
    return 1.001 * rate_at(step, steps, peak)


TestAnswers = answers.tests()


def test_rate_at_is_the_recipes_schedule():
    recipe = RECIPES["espcn"]
    assert recipe.schedule == "one-cycle"
    for step in range(recipe.steps):
        assert rate_at(step, recipe.steps, recipe.rate) == pytest.approx(recipe.rate_at(step), rel=1e-9, abs=1e-15)
