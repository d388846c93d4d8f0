"""Answers to exercise optimal_discriminator as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
import torch
from answers import Answers

from srgan_lessons.exercises.lesson05.optimal_discriminator import optimal_discriminator

answers = Answers(
    "optimal_discriminator",
    sentences="""
`optimal_discriminator(p, q)` -- its signature
tensors of the same shape :: mean
the densities of real and generated samples at some places :: normalised densities
the probability that a sample found there is real :: q on top; ratio p q; greater
nothing is known: return 0.5 :: zero where nothing; nan
0.5 where p and q are equal :: ratio p q
p = 0.3 and q = 0.1 :: q on top
""",
)


@answers.right
def from_log_odds(real, generated):
    return torch.sigmoid(torch.log(real) - torch.log(generated)).nan_to_num(0.5)


@answers.right
def in_numpy(p, q):
    p, q = np.asarray(p), np.asarray(q)
    total = np.where(p + q > 0, p + q, 1)
    return np.where(p + q > 0, p / total, 0.5)


@answers.right
def in_a_loop(p, q):
    return [0.5 if a + b == 0 else float(a / (a + b)) for a, b in zip(p, q, strict=True)]


@answers.wrong(says="share of the generated ones")
def generated_share(p, q):
    return torch.where(p + q > 0, q / (p + q), 0.5)


@answers.wrong(says="the odds")
def odds(p, q):
    return p / q.clamp(min=1e-9)


@answers.wrong(says="This is the density p")
def density(p, q):
    return p


@answers.wrong(says="a verdict")
def hard(p, q):
    return (p > q).float()


@answers.wrong(says="and 0.5 in between. That is a verdict")
def hard_with_a_draw(p, q):
    return torch.where(p > q, 1.0, torch.where(p < q, 0.0, 0.5))


@answers.wrong(says="This is p - q")
def difference(p, q):
    return p - q


@answers.wrong(says="This is the sigmoid of p - q")
def sigmoid_of_the_difference(p, q):
    return torch.sigmoid(p - q)


@answers.wrong(says="without the log")
def sigmoid_of_the_ratio(p, q):
    return torch.sigmoid(p / q)


@answers.wrong(says="0 / 0")
def undefined(p, q):
    return p / (p + q)


@answers.wrong(says="Nothing is known there")
def zero_where_empty(p, q):
    return torch.where(p + q > 0, p / (p + q), 0.0)


@answers.wrong(says="Nothing is known there")
def small_constant(p, q):
    return p / (p + q + 1e-12)


@answers.wrong(says="half of the share")
def halved(p, q):
    return p / (p + q) / 2


@answers.wrong(says="the softmax of p and q")
def softmax(p, q):
    return torch.softmax(torch.stack([p, q]), dim=0)[0]


@answers.wrong(says="(8,) is expected")
def one_number(p, q):
    return p.sum() / (p + q).sum()


@answers.wrong(says="divided by the difference, p - q")
def divided_by_the_difference(p, q):
    return torch.where(p + q > 0, p / (p - q), 0.5)


@answers.wrong(says="the share is upside down")
def upside_down(p, q):
    return torch.where(p + q > 0, (p + q) / p, 0.5)


@answers.wrong(says="This is (p - q) / (p + q), which lies between -1 and 1")
def difference_over_sum(p, q):
    return torch.where(p + q > 0, (p - q) / (p + q), 0.5)


TestAnswers = answers.tests()


def test_optimum_against_counting():
    """Of a thousand real and a thousand generated samples in each place, this share is real."""
    p, q = torch.tensor([0.3, 0.1, 0.0, 0.25]), torch.tensor([0.1, 0.3, 0.5, 0.25])
    counts = [(300, 100), (100, 300), (0, 500), (250, 250)]
    wanted = [real / (real + generated) for real, generated in counts]
    assert optimal_discriminator(p, q).tolist() == pytest.approx(wanted)
