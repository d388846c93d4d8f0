"""Answers to exercise possible as students write them, and its reference against numbers from outside."""

import numpy as np
import torch
from answers import Answers

from srgan_lessons.exercises.lesson10.possible import possible
from srgan_lessons.resize import imresize

answers = Answers(
    "possible",
    sentences="""
`possible(lr, candidates, noise)` -- its signature
a dict name -> HR picture :: hr size
a list of the names :: pictures returned; set; count
at every pixel :: mean; share; border
in every colour :: grey; red
within `noise` grey levels of `lr` :: strict; squared; no abs
""",
)


@answers.right
def in_one_line(lr, candidates, noise):
    return [n for n, hr in candidates.items() if (abs(imresize(hr, 1 / 4).astype(float) - lr) <= noise).all()]


@answers.wrong(says="give a list of names")
def as_a_set_in_torch(lr, candidates, noise):
    lr = torch.from_numpy(lr).int()
    off = {n: (torch.from_numpy(imresize(hr, 0.25)).int() - lr).abs().amax() for n, hr in candidates.items()}
    return {n for n, distance in off.items() if not distance > noise}


@answers.right
def by_ruling_out(lr, candidates, noise):
    left = dict(candidates)
    for name in candidates:
        again = imresize(candidates[name], 1 / 4)
        if np.any(np.maximum(again, lr) - np.minimum(again, lr) > noise):  # never negative, so uint8 will do
            del left[name]
    return left.keys()


def _by(rule):
    """An answer that names the candidates of which rule(LR as int, lr as int, noise) holds."""

    def answer(lr, candidates, noise):
        return [n for n, hr in candidates.items() if rule(imresize(hr, 1 / 4).astype(int), lr.astype(int), noise)]

    return answer


@answers.wrong(says="candidates that are a little darker were ruled out")
def wraps(lr, candidates, noise):
    return [n for n, hr in candidates.items() if np.abs(imresize(hr, 1 / 4) - lr).max() <= noise]


@answers.wrong(says="candidates that are a little brighter were ruled out")
def wraps_the_other_way(lr, candidates, noise):
    return [n for n, hr in candidates.items() if np.abs(lr - imresize(hr, 1 / 4)).max() <= noise]


@answers.wrong(says="These are the ones that are *not* possible")
def the_impossible(lr, candidates, noise):
    return _by(lambda a, b, n: np.abs(a - b).max() > n)(lr, candidates, noise)


@answers.wrong(says="All candidates are named")
def all_of_them(lr, candidates, noise):
    return list(candidates)


@answers.wrong(says="much *darker* are named")
def without_abs(lr, candidates, noise):
    return _by(lambda a, b, n: (a - b).max() <= n)(lr, candidates, noise)


@answers.wrong(says="much *brighter* are named")
def without_abs_reversed(lr, candidates, noise):
    return _by(lambda a, b, n: (b - a).max() <= n)(lr, candidates, noise)


@answers.wrong(says="The *mean* of the difference")
def by_the_mean(lr, candidates, noise):
    return _by(lambda a, b, n: np.abs(a - b).mean() <= n)(lr, candidates, noise)


@answers.wrong(says="taken with their signs")
def by_the_signed_mean(lr, candidates, noise):
    return _by(lambda a, b, n: abs((a - b).mean()) <= n)(lr, candidates, noise)


@answers.wrong(says="root of the mean square")
def by_the_rms(lr, candidates, noise):
    return _by(lambda a, b, n: np.sqrt(((a - b) ** 2).mean()) <= n)(lr, candidates, noise)


@answers.wrong(says="whether *any* pixel is near enough")
def any_pixel(lr, candidates, noise):
    return _by(lambda a, b, n: (np.abs(a - b) <= n).any())(lr, candidates, noise)


@answers.wrong(says="<=, not <")
def strictly_less(lr, candidates, noise):
    return _by(lambda a, b, n: np.abs(a - b).max() < n)(lr, candidates, noise)


@answers.wrong(says="Only exact matches are named")
def exact_matches(lr, candidates, noise):
    return _by(lambda a, b, n: np.array_equal(a, b))(lr, candidates, noise)


@answers.wrong(says="It compares at HR size")
def at_the_size_of_hr(lr, candidates, noise):
    large = imresize(lr, 4).astype(int)
    return [name for name, hr in candidates.items() if np.abs(hr - large).max() <= noise]


@answers.wrong(says="the mean of each tile")
def by_tile_means(lr, candidates, noise):
    def small(hr):
        return hr.reshape(lr.shape[0], 4, lr.shape[1], 4, 3).mean(axis=(1, 3))

    return [name for name, hr in candidates.items() if np.abs(small(hr) - lr).max() <= noise]


@answers.wrong(says="takes every fourth pixel")
def by_every_fourth_pixel(lr, candidates, noise):
    return [name for name, hr in candidates.items() if np.abs(hr[::4, ::4].astype(int) - lr).max() <= noise]


@answers.wrong(says="Only the nearest candidate is named")
def the_best_one(lr, candidates, noise):
    return [min(candidates, key=lambda n: np.abs(imresize(candidates[n], 1 / 4).astype(int) - lr).max())]


@answers.wrong(says="a list of names is expected")
def the_first_one(lr, candidates, noise):
    return possible(lr, candidates, noise)[0]


@answers.wrong(says="a list of True and False")
def yes_and_no(lr, candidates, noise):
    return [name in possible(lr, candidates, noise) for name in candidates]


@answers.wrong(says="a list of numbers")
def their_places(lr, candidates, noise):
    return [i for i, name in enumerate(candidates) if name in possible(lr, candidates, noise)]


@answers.wrong(says="The list contains a value of type ndarray")
def the_pictures(lr, candidates, noise):
    return [candidates[name] for name in possible(lr, candidates, noise)]


@answers.wrong(says="No candidate is named")
def empty(lr, candidates, noise):
    return []


@answers.wrong(says="Missing:")
def one_forgotten(lr, candidates, noise):
    return possible(lr, candidates, noise)[1:]


@answers.wrong(says="It stopped in your line")
def sizes_do_not_fit(lr, candidates, noise):
    return [name for name, hr in candidates.items() if np.abs(hr.astype(int) - lr).max() <= noise]


TestAnswers = answers.tests()
