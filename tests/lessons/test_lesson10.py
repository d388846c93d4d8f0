"""Answers to the exercises of lesson 10 as students write them, and its references against numbers from outside."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from skimage.metrics import peak_signal_noise_ratio

from srgan_lessons.classroom.exercises.lesson10 import consistency, invisible, possible, resize_matrix
from srgan_lessons.images import sample_photos
from srgan_lessons.metrics import luma, psnr
from srgan_lessons.resize import imresize

answers = Answers(lesson=10)

# --- invisible -------------------------------------------------------------------------------------------------------


@answers.right("invisible")
def by_least_squares(detail, reduce):
    lr = reduce @ detail @ reduce.T
    half = np.linalg.lstsq(reduce, lr, rcond=None)[0]  # the smallest picture that reduces to it, along one axis
    return detail - np.linalg.lstsq(reduce, half.T, rcond=None)[0].T


@answers.right("invisible")
def by_an_orthonormal_basis(detail, reduce):
    basis = np.linalg.svd(reduce, full_matrices=False)[2]  # (n/4, n), rows that span what is seen
    p = basis.T @ basis
    return detail - p @ detail @ p


@answers.right("invisible")
def as_one_large_matrix_in_torch(detail, reduce):
    both = torch.from_numpy(np.kron(reduce, reduce))  # ((n/4)^2, n^2)
    x = torch.from_numpy(detail).reshape(-1)
    return (x - torch.linalg.pinv(both) @ (both @ x)).reshape(detail.shape)


@answers.wrong("invisible", says="Subtract what the LR image sees of it")
def nothing_removed(detail, reduce):
    return detail


@answers.wrong("invisible", says="This is what the LR image *sees*")
def the_visible_part(detail, reduce):
    back = np.linalg.pinv(reduce)
    return back @ reduce @ detail @ reduce.T @ back.T


@answers.wrong("invisible", says="The sign is reversed")
def reversed_sign(detail, reduce):
    return -invisible(detail, reduce)


@answers.wrong("invisible", says="added, not subtracted")
def added(detail, reduce):
    return 2 * detail - invisible(detail, reduce)


@answers.wrong("invisible", says="along one axis only")
def columns_alone(detail, reduce):
    return detail - np.linalg.pinv(reduce) @ reduce @ detail


@answers.wrong("invisible", says="the rows were done, and the columns not")
def rows_alone(detail, reduce):
    return detail - detail @ reduce.T @ np.linalg.pinv(reduce).T


@answers.wrong("invisible", says="then once more along the rows")
def one_axis_after_the_other(detail, reduce):
    seen = np.linalg.pinv(reduce) @ reduce
    detail = detail - seen @ detail
    return detail - detail @ seen.T


@answers.wrong("invisible", says="comes back by `reduce.T`, the transpose")
def back_by_the_transpose(detail, reduce):
    return detail - reduce.T @ (reduce @ detail @ reduce.T) @ reduce


@answers.wrong("invisible", says="comes back by 4 * `reduce.T`")
def back_by_four_transposes(detail, reduce):
    return detail - 16 * reduce.T @ (reduce @ detail @ reduce.T) @ reduce


@answers.wrong("invisible", says="comes back by repeating each LR pixel")
def back_by_repeating(detail, reduce):
    return detail - (reduce @ detail @ reduce.T).repeat(4, axis=0).repeat(4, axis=1)


@answers.wrong("invisible", says="comes back by bicubic enlargement")
def back_by_bicubic(detail, reduce):
    up = resize_matrix(len(detail) // 4, 4)
    return detail - up @ (reduce @ detail @ reduce.T) @ up.T


@answers.wrong("invisible", says="Only the mean was subtracted")
def mean_removed(detail, reduce):
    return detail - detail.mean()


@answers.wrong("invisible", says="Nothing is left")
def zeros(detail, reduce):
    return detail - detail


@answers.wrong("invisible", says="the size of the LR image")
def at_lr_size(detail, reduce):
    return reduce @ detail @ reduce.T


@answers.wrong("invisible", says="has not come back")
def reduced_along_one_axis(detail, reduce):
    return reduce @ detail


@answers.wrong("invisible", says="something invisible was added, or lost")
def half_of_it(detail, reduce):
    return invisible(detail, reduce) / 2


@answers.wrong("invisible", says="The reduction (bicubic) still sees it")
def without_tile_means(detail, reduce):
    n = len(detail) // 8
    coarse = detail.reshape(n, 8, n, 8).mean(axis=(1, 3))
    return detail - np.kron(coarse, np.ones((8, 8)))


@answers.wrong("invisible", says="Is the `return` missing?")
def no_return(detail, reduce):
    invisible(detail, reduce)


@answers.wrong("invisible", says="It stopped in your line")
def wrong_order(detail, reduce):
    back = np.linalg.pinv(reduce)
    return detail - reduce @ back @ detail


# --- consistency -----------------------------------------------------------------------------------------------------


@answers.right("consistency")
def in_torch(sr, lr):
    again = torch.from_numpy(imresize(sr, 0.25)).double()
    mse = F.mse_loss(again, torch.from_numpy(lr).double())
    return 20 * np.log10(255) - 10 * torch.log10(mse)


@answers.right("consistency")
def by_skimage(sr, lr):
    with np.errstate(divide="ignore"):
        return peak_signal_noise_ratio(lr, imresize(sr, 1 / 4), data_range=255)


@answers.right("consistency")
def with_if(sr, lr):
    again = imresize(sr, 1 / 4)
    if np.array_equal(again, lr):
        return float("inf")
    return 10 * np.log10(65025 / ((again.astype(np.int32) - lr.astype(np.int32)) ** 2).mean())


def _db(a, b, peak=255):
    return 10 * np.log10(peak**2 / np.mean((a.astype(float) - b) ** 2))


@answers.wrong("consistency", says="uint8 cannot hold a negative difference")
def overflow(sr, lr):
    return 10 * np.log10(255**2 / np.mean((imresize(sr, 1 / 4) - lr).astype(float) ** 2))


@answers.wrong("consistency", says="uint8 cannot hold a negative difference")
def overflow_twice(sr, lr):
    difference = imresize(sr, 1 / 4) - lr
    return 10 * np.log10(255**2 / np.mean(difference**2))


@answers.wrong("consistency", says="Reduce `sr` instead")
def at_hr_size(sr, lr):
    return _db(sr, imresize(lr, 4))


@answers.wrong("consistency", says="takes every fourth pixel")
def subsampled(sr, lr):
    return _db(sr[::4, ::4], lr)


@answers.wrong("consistency", says="mean of each tile")
def tile_means(sr, lr):
    h, w = lr.shape[:2]
    return _db(sr.reshape(h, 4, w, 4, 3).mean(axis=(1, 3)), lr)


@answers.wrong("consistency", says="reduces without antialiasing")
def torchs_interpolate(sr, lr):
    x = torch.from_numpy(sr).permute(2, 0, 1)[None].double()
    return _db(F.interpolate(x, scale_factor=1 / 4, mode="bicubic")[0].permute(1, 2, 0).numpy(), lr)


@answers.wrong("consistency", says="as `psnr` counts it")
def the_packages_psnr(sr, lr):
    return psnr(imresize(sr, 1 / 4), lr)


@answers.wrong("consistency", says="This is the PSNR of the luma. Here all pixels and all three colours count")
def of_luma(sr, lr):
    return _db(luma(imresize(sr, 1 / 4)), luma(lr))


@answers.wrong("consistency", says="A border of 4 pixels is cut off")
def border_cut(sr, lr):
    return _db(imresize(sr, 1 / 4)[4:-4, 4:-4], lr[4:-4, 4:-4])


@answers.wrong("consistency", says="This is the mean squared error")
def only_the_mse(sr, lr):
    return np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2)


@answers.wrong("consistency", says="The peak is not squared")
def peak_not_squared(sr, lr):
    return 10 * np.log10(255 / np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2))


@answers.wrong("consistency", says="grey levels go up to 255")
def peak_of_one(sr, lr):
    return _db(imresize(sr, 1 / 4), lr, peak=1)


@answers.wrong("consistency", says="Twice too much")
def factor_twenty(sr, lr):
    return 2 * _db(imresize(sr, 1 / 4), lr)


@answers.wrong("consistency", says="The sign is wrong")
def upside_down(sr, lr):
    return -_db(imresize(sr, 1 / 4), lr)


@answers.wrong("consistency", says="natural logarithm")
def natural_logarithm(sr, lr):
    return 10 * np.log(255**2 / np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2))


@answers.wrong("consistency", says="so it must be infinite")
def zero_where_equal(sr, lr):
    mse = np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2)
    return 10 * np.log10(255**2 / mse) if mse > 0 else 0.0


@answers.wrong("consistency", says="It stopped in your line")
def division_by_zero(sr, lr):
    mse = float(np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2))
    return 10 * np.log10(255**2 / mse)


@answers.wrong("consistency", says="one number is expected, the mean over all")
def one_for_each_colour(sr, lr):
    return 10 * np.log10(255**2 / np.mean((imresize(sr, 1 / 4).astype(float) - lr) ** 2, axis=(0, 1)))


@answers.wrong("consistency", says="and should be")
def a_guess(sr, lr):
    return 40.0


# --- possible --------------------------------------------------------------------------------------------------------


@answers.right("possible")
def in_one_line(lr, candidates, noise):
    return [n for n, hr in candidates.items() if (abs(imresize(hr, 1 / 4).astype(float) - lr) <= noise).all()]


@answers.right("possible")
def as_a_set_in_torch(lr, candidates, noise):
    lr = torch.from_numpy(lr).int()
    off = {n: (torch.from_numpy(imresize(hr, 0.25)).int() - lr).abs().amax() for n, hr in candidates.items()}
    return {n for n, distance in off.items() if not distance > noise}


@answers.right("possible")
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


@answers.wrong("possible", says="candidates that are a little darker were ruled out")
def wraps(lr, candidates, noise):
    return [n for n, hr in candidates.items() if np.abs(imresize(hr, 1 / 4) - lr).max() <= noise]


@answers.wrong("possible", says="candidates that are a little brighter were ruled out")
def wraps_the_other_way(lr, candidates, noise):
    return [n for n, hr in candidates.items() if np.abs(lr - imresize(hr, 1 / 4)).max() <= noise]


@answers.wrong("possible", says="These are the ones that are *not* possible")
def the_impossible(lr, candidates, noise):
    return _by(lambda a, b, n: np.abs(a - b).max() > n)(lr, candidates, noise)


@answers.wrong("possible", says="All candidates are named")
def all_of_them(lr, candidates, noise):
    return list(candidates)


@answers.wrong("possible", says="much *darker* are named")
def without_abs(lr, candidates, noise):
    return _by(lambda a, b, n: (a - b).max() <= n)(lr, candidates, noise)


@answers.wrong("possible", says="much *brighter* are named")
def without_abs_reversed(lr, candidates, noise):
    return _by(lambda a, b, n: (b - a).max() <= n)(lr, candidates, noise)


@answers.wrong("possible", says="The *mean* of the difference")
def by_the_mean(lr, candidates, noise):
    return _by(lambda a, b, n: np.abs(a - b).mean() <= n)(lr, candidates, noise)


@answers.wrong("possible", says="taken with their signs")
def by_the_signed_mean(lr, candidates, noise):
    return _by(lambda a, b, n: abs((a - b).mean()) <= n)(lr, candidates, noise)


@answers.wrong("possible", says="root of the mean square")
def by_the_rms(lr, candidates, noise):
    return _by(lambda a, b, n: np.sqrt(((a - b) ** 2).mean()) <= n)(lr, candidates, noise)


@answers.wrong("possible", says="whether *any* pixel is near enough")
def any_pixel(lr, candidates, noise):
    return _by(lambda a, b, n: (np.abs(a - b) <= n).any())(lr, candidates, noise)


@answers.wrong("possible", says="<=, not <")
def strictly_less(lr, candidates, noise):
    return _by(lambda a, b, n: np.abs(a - b).max() < n)(lr, candidates, noise)


@answers.wrong("possible", says="Only exact matches are named")
def exact_matches(lr, candidates, noise):
    return _by(lambda a, b, n: np.array_equal(a, b))(lr, candidates, noise)


@answers.wrong("possible", says="It compares at HR size")
def at_the_size_of_hr(lr, candidates, noise):
    large = imresize(lr, 4).astype(int)
    return [name for name, hr in candidates.items() if np.abs(hr - large).max() <= noise]


@answers.wrong("possible", says="the mean of each tile")
def by_tile_means(lr, candidates, noise):
    def small(hr):
        return hr.reshape(lr.shape[0], 4, lr.shape[1], 4, 3).mean(axis=(1, 3))

    return [name for name, hr in candidates.items() if np.abs(small(hr) - lr).max() <= noise]


@answers.wrong("possible", says="takes every fourth pixel")
def by_every_fourth_pixel(lr, candidates, noise):
    return [name for name, hr in candidates.items() if np.abs(hr[::4, ::4].astype(int) - lr).max() <= noise]


@answers.wrong("possible", says="Only the nearest candidate is named")
def the_best_one(lr, candidates, noise):
    return [min(candidates, key=lambda n: np.abs(imresize(candidates[n], 1 / 4).astype(int) - lr).max())]


@answers.wrong("possible", says="a list of names is expected")
def the_first_one(lr, candidates, noise):
    return possible(lr, candidates, noise)[0]


@answers.wrong("possible", says="a list of yes and no")
def yes_and_no(lr, candidates, noise):
    return [name in possible(lr, candidates, noise) for name in candidates]


@answers.wrong("possible", says="a list of numbers")
def their_places(lr, candidates, noise):
    return [i for i, name in enumerate(candidates) if name in possible(lr, candidates, noise)]


@answers.wrong("possible", says="The list holds a ndarray")
def the_pictures(lr, candidates, noise):
    return [candidates[name] for name in possible(lr, candidates, noise)]


@answers.wrong("possible", says="No candidate is named")
def empty(lr, candidates, noise):
    return []


@answers.wrong("possible", says="Missing:")
def one_forgotten(lr, candidates, noise):
    return possible(lr, candidates, noise)[1:]


@answers.wrong("possible", says="It stopped in your line")
def sizes_do_not_fit(lr, candidates, noise):
    return [name for name, hr in candidates.items() if np.abs(hr.astype(int) - lr).max() <= noise]


TestLesson10 = answers.tests()


# --- against numbers from outside ------------------------------------------------------------------------------------


def test_the_matrix_is_imresize():
    """Along both axes, on a photo without extremes, to the two roundings of imresize."""
    photo = sample_photos()["coffee"][100:164, 200:264]
    reduce = resize_matrix(64, 1 / 4)
    by_matrix = np.stack([reduce @ photo[..., c] @ reduce.T for c in range(3)], axis=-1)
    assert np.abs(by_matrix - imresize(photo, 1 / 4)).max() < 1.2


def test_fifteen_sixteenths_of_noise_are_invisible():
    noise = np.random.default_rng(0).normal(size=(128, 128))
    left = invisible(noise, resize_matrix(128, 1 / 4))
    assert (left**2).sum() / (noise**2).sum() == pytest.approx(15 / 16, abs=0.01)


def test_invisible_is_a_projection_and_cannot_be_seen():
    detail, reduce = np.random.default_rng(1).normal(size=(32, 32)), resize_matrix(32, 1 / 4)
    left = invisible(detail, reduce)
    assert np.abs(reduce @ left @ reduce.T).max() < 1e-12
    assert np.allclose(invisible(left, reduce), left)
    assert np.sum(left * (detail - left)) == pytest.approx(0, abs=1e-9)  # at a right angle to what is seen


def test_consistency_of_one_grey_level_everywhere():
    """An error of one grey level everywhere is 20 log10(255) dB."""
    sr = np.full((16, 16, 3), 100, np.uint8)
    assert consistency(sr, np.full((4, 4, 3), 101, np.uint8)) == pytest.approx(48.1308, abs=1e-4)
    assert consistency(sr, np.full((4, 4, 3), 100, np.uint8)) == np.inf
