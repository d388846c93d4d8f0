"""Answers to exercise invisible as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
import torch
from answers import Answers

from srgan_lessons.exercises.lesson10.invisible import invisible, resize_matrix
from srgan_lessons.images import sample_photos
from srgan_lessons.resize import imresize

answers = Answers(
    "invisible",
    sentences="""
that the reduction does not see :: seen returned
all of it except what survives :: zeros; half
along both axes and back up along both :: one axis; columns only
(n, n), for any `reduce` of shape (n/4, n) :: transposed back; imresize; no back
`reduce @ result @ reduce.T` zero :: plus
""",
)


@answers.right
def by_least_squares(detail, reduce):
    lr = reduce @ detail @ reduce.T
    half = np.linalg.lstsq(reduce, lr, rcond=None)[0]  # the smallest picture that reduces to it, along one axis
    return detail - np.linalg.lstsq(reduce, half.T, rcond=None)[0].T


@answers.right
def by_an_orthonormal_basis(detail, reduce):
    basis = np.linalg.svd(reduce, full_matrices=False)[2]  # (n/4, n), rows that span what is seen
    p = basis.T @ basis
    return detail - p @ detail @ p


@answers.right
def as_one_large_matrix_in_torch(detail, reduce):
    both = torch.from_numpy(np.kron(reduce, reduce))  # ((n/4)^2, n^2)
    x = torch.from_numpy(detail).reshape(-1)
    return (x - torch.linalg.pinv(both) @ (both @ x)).reshape(detail.shape)


R = resize_matrix(256, 1 / 4)  # as in the lesson


@answers.wrong(says="Use the argument `reduce`")
def by_the_lessons_matrix(detail, reduce):
    back = np.linalg.pinv(reduce)
    return detail - back @ (R @ detail @ R.T) @ back.T


@answers.wrong(says="Only a square matrix has an inverse")
def by_the_inverse(detail, reduce):
    back = np.linalg.inv(reduce)
    return detail - back @ (reduce @ detail @ reduce.T) @ back.T


@answers.wrong(says="Subtract what the LR image sees of it")
def nothing_removed(detail, reduce):
    return detail


@answers.wrong(says="This is what the LR image *sees*")
def the_visible_part(detail, reduce):
    back = np.linalg.pinv(reduce)
    return back @ reduce @ detail @ reduce.T @ back.T


@answers.wrong(says="The sign is reversed")
def reversed_sign(detail, reduce):
    return -invisible(detail, reduce)


@answers.wrong(says="added, not subtracted")
def added(detail, reduce):
    return 2 * detail - invisible(detail, reduce)


@answers.wrong(says="along one axis only")
def columns_alone(detail, reduce):
    return detail - np.linalg.pinv(reduce) @ reduce @ detail


@answers.wrong(says="the rows were reduced, and the columns were not")
def rows_alone(detail, reduce):
    return detail - detail @ reduce.T @ np.linalg.pinv(reduce).T


@answers.wrong(says="then once more along the rows")
def one_axis_after_the_other(detail, reduce):
    seen = np.linalg.pinv(reduce) @ reduce
    detail = detail - seen @ detail
    return detail - detail @ seen.T


@answers.wrong(says="comes back by `reduce.T`, the transpose")
def back_by_the_transpose(detail, reduce):
    return detail - reduce.T @ (reduce @ detail @ reduce.T) @ reduce


@answers.wrong(says="comes back by 4 * `reduce.T`")
def back_by_four_transposes(detail, reduce):
    return detail - 16 * reduce.T @ (reduce @ detail @ reduce.T) @ reduce


@answers.wrong(says="comes back by repeating each LR pixel")
def back_by_repeating(detail, reduce):
    return detail - (reduce @ detail @ reduce.T).repeat(4, axis=0).repeat(4, axis=1)


@answers.wrong(says="comes back by bicubic enlargement")
def back_by_bicubic(detail, reduce):
    up = resize_matrix(len(detail) // 4, 4)
    return detail - up @ (reduce @ detail @ reduce.T) @ up.T


@answers.wrong(says="Only the mean was subtracted")
def mean_removed(detail, reduce):
    return detail - detail.mean()


@answers.wrong(says="Nothing is left")
def zeros(detail, reduce):
    return detail - detail


@answers.wrong(says="the size of the LR image")
def at_lr_size(detail, reduce):
    return reduce @ detail @ reduce.T


@answers.wrong(says="has not come back")
def reduced_along_one_axis(detail, reduce):
    return reduce @ detail


@answers.wrong(says="This is half of the result")
def half_of_it(detail, reduce):
    return invisible(detail, reduce) / 2


@answers.wrong(says="The reduction (bicubic) still sees the result")
def without_tile_means(detail, reduce):
    n = len(detail) // 8
    coarse = detail.reshape(n, 8, n, 8).mean(axis=(1, 3))
    return detail - np.kron(coarse, np.ones((8, 8)))


@answers.wrong(says="Is the `return` missing?")
def no_return(detail, reduce):
    invisible(detail, reduce)


@answers.wrong(says="To the left of the detail, write back @ reduce")
def wrong_order(detail, reduce):
    back = np.linalg.pinv(reduce)
    return detail - reduce @ back @ detail


TestAnswers = answers.tests()


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
