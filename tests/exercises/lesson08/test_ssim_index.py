"""Answers to exercise ssim_index as students write them, and its reference against numbers from outside."""

import numpy as np
import pytest
import torch
from answers import NOTEBOOK, Answers
from skimage.metrics import structural_similarity

from srgan_lessons.exercises.lesson08.psnr_of_set import set_photos
from srgan_lessons.exercises.lesson08.ssim_index import SSIM_SLIPS, ssim_index, ssim_of, ssim_windows
from srgan_lessons.metrics import luma, psnr, ssim
from srgan_lessons.resize import imresize

answers = Answers(
    "ssim_index",
    sentences="""
for one window :: only luminance; sum of fractions
A mean is a weighted sum -- says how to take one
weighted means of products of what is left :: unweighted variance; sample cov
subtract the mean first :: mean not subtracted
1 for equal windows :: 1 minus; no 2 cov
""",
)


NOTEBOOK["psnr"] = psnr  # lesson 08 imports it before its exercises


@answers.right
def by_second_moments(a, b, weights):
    a, b, w = (torch.as_tensor(x) for x in (a, b, weights))
    ma, mb = torch.sum(w * a), torch.sum(w * b)
    va, vb, c = torch.sum(w * a**2) - ma**2, torch.sum(w * b**2) - mb**2, torch.sum(w * a * b) - ma * mb
    return (2 * ma * mb + 6.5025) * (2 * c + 58.5225) / ((ma**2 + mb**2 + 6.5025) * (va + vb + 58.5225))


@answers.right
def with_average(a, b, weights):
    mean = [np.average(x, weights=weights) for x in (a, b)]
    x, y = a - mean[0], b - mean[1]
    spread = np.average(x * x + y * y, weights=weights)
    shared = np.average(x * y, weights=weights)
    c = [(k * 255) ** 2 for k in (0.01, 0.03)]
    first = (2 * mean[0] * mean[1] + c[0]) / (mean[0] ** 2 + mean[1] ** 2 + c[0])
    return np.array([first * (2 * shared + c[1]) / (spread + c[1])])


def _slip(**how):
    return lambda a, b, weights: ssim_of(a, b, weights, **how)


def _wrong_index(called, says, **how):
    answer = _slip(**how)
    answer.__name__ = called
    answers.wrong(says=says)(answer)


_wrong_index("plain_means", "weights are not used", weighted=False)
_wrong_index("bare_constants", "For a peak of 255", constant=lambda k: k)
_wrong_index("constants_for_0_to_1", "for pixels in 0..1", constant=lambda k: k**2)
_wrong_index("constants_not_squared", "are not squared", constant=lambda k: 255 * k)
_wrong_index("constants_swapped", "are swapped", k=(0.03, 0.01))
_wrong_index("divided_by_n_minus_1", "n - 1", sample=True)
_wrong_index("standard_deviations", "Leave out the square root", root=True)
_wrong_index("not_centred", "means are not subtracted", centred=False)
_wrong_index("covariance_once", "2 * cov", twice=1)
_wrong_index("product_of_deviations", "contrasts reversed would count as equal", product=True)
_wrong_index("luminance_alone", "luminance alone", join=lambda first, second: first)
_wrong_index("structure_alone", "contrast and structure alone", join=lambda first, second: second)
_wrong_index("added", "fractions are added", join=lambda first, second: first + second)
_wrong_index("averaged", "mean of the two", join=lambda first, second: (first + second) / 2)
_wrong_index("distance", "1 must mean equal", join=lambda first, second: 1 - first * second)
_wrong_index("cut_off_at_0", "below 0", join=lambda first, second: max(0.0, first * second))
_wrong_index("without_sign", "below 0", join=lambda first, second: abs(first * second))


@answers.wrong(says="to prevent that")
def without_constants(a, b, weights):
    with np.errstate(invalid="ignore"):
        return np.float64(ssim_of(a, b, weights, constant=lambda k: 0.0))


@answers.wrong(says=".sum() missing")
def a_map(a, b, weights):
    return weights * (2 * a * b + 6.5025) / (a**2 + b**2 + 6.5025)


@answers.wrong(says="print yours")
def correlation(a, b, weights):
    cov = (weights * (a - a.mean()) * (b - b.mean())).sum()
    return cov / (a.std() * b.std() + 1e-9)


def _windows_of(a, b, weights):
    n = len(weights)
    places = [(y, x) for y in range(a.shape[0] - n + 1) for x in range(a.shape[1] - n + 1)]
    return np.mean([ssim_index(a[y : y + n, x : x + n], b[y : y + n, x : x + n], weights) for y, x in places])


def _with(var_a="(w * x**2).sum()", var_b="(w * y**2).sum()", cov="(w * x * y).sum()", first="first"):
    """A learner's answer with some expressions replaced; x and y are the windows without their means."""

    def answer(a, b, weights):
        known = {"a": a, "b": b, "w": weights, "mean_a": (weights * a).sum(), "mean_b": (weights * b).sum()}
        known |= {"x": a - known["mean_a"], "y": b - known["mean_b"]}
        known["first"] = ssim_of(a, b, weights, join=lambda first, second: first)
        v, u, c = (eval(part, dict(known)) for part in (var_a, var_b, cov))
        return eval(first, dict(known)) * (2 * c + 58.5225) / (v + u + 58.5225)

    return answer


for called, says, parts in (
    ("var_b_with_mean_a", "the mean of the other window", {"var_b": "(w * (b - mean_a) ** 2).sum()"}),
    ("var_a_with_mean_b", "the mean of the other window", {"var_a": "(w * (a - mean_b) ** 2).sum()"}),
    ("cov_of_a_and_a", "cov is the variance of a", {"cov": "(w * x * x).sum()"}),
    (
        "plain_sums",
        "are plain sums",
        {"var_a": "(x**2).sum()", "var_b": "(y**2).sum()", "cov": "(x * y).sum()"},
    ),
    (
        "weights_squared_in_all_three",
        "weights are squared",
        {"var_a": "((w * x) ** 2).sum()", "var_b": "((w * y) ** 2).sum()", "cov": "(w * x * w * y).sum()"},
    ),
    (
        "weighted_before_the_mean_is_subtracted",
        "Subtract it from a",
        {
            "var_a": "((w * a - mean_a) ** 2).sum()",
            "var_b": "((w * b - mean_b) ** 2).sum()",
            "cov": "((w * a - mean_a) * (w * b - mean_b)).sum()",
        },
    ),
    (
        "means_swapped_in_both_variances",
        "right where both means are equal",
        {"var_a": "(w * (a - mean_b) ** 2).sum()", "var_b": "(w * (b - mean_a) ** 2).sum()"},
    ),
    ("luminance_changed", "fraction of luminance", {"first": "first**2"}),
):
    answer = _with(**parts)
    answer.__name__ = called
    answers.wrong(says=says)(answer)


TestAnswers = answers.tests()


def test_ssim_index_over_all_windows_is_ssim_of_the_package_and_of_scikit_image():
    hr = set_photos()[3][:28, :28]
    sr = imresize(imresize(hr, 1 / 4), 4)
    a, b = luma(sr), luma(hr)
    gauss = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(gauss, gauss) / gauss.sum() ** 2
    assert _windows_of(a, b, window) == pytest.approx(ssim(sr, hr, border=0), abs=1e-9)
    _, similarity = structural_similarity(a, b, data_range=255, use_sample_covariance=False, full=True)
    assert _windows_of(a, b, np.full((7, 7), 1 / 49)) == pytest.approx(similarity[3:-3, 3:-3].mean(), abs=1e-9)


def test_every_slip_of_ssim_shows_in_the_windows():
    right = np.array([ssim_of(*window) for window in ssim_windows()])
    assert np.allclose(right, [ssim_index(*window) for window in ssim_windows()])
    assert right.min() < -0.5
    for message, slip in SSIM_SLIPS.items():
        assert not np.allclose(right, [ssim_of(*window, **slip) for window in ssim_windows()], atol=1e-3), message
