"""Answers to the exercises of lesson 08 as students write them, and its references against other implementations."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from answers import NOTEBOOK, Answers
from skimage.metrics import structural_similarity

from srgan_lessons.classroom import grade
from srgan_lessons.classroom.exercises.lesson08 import TABLE2_READING, pareto_front, psnr_of_set, ssim_index
from srgan_lessons.classroom.judges.measuring import (
    FRONT_SLIPS,
    PLANES,
    SET_SLIPS,
    SSIM_SLIPS,
    cut,
    pooled,
    set_photos,
    set_psnr,
    ssim_of,
    ssim_windows,
)
from srgan_lessons.evaluation import evaluate
from srgan_lessons.images import save_image
from srgan_lessons.metrics import luma, psnr, ssim
from srgan_lessons.resize import imresize

NOTEBOOK["psnr"] = psnr  # lesson 08 imports it before its exercises
answers = Answers(lesson=8)

# --- psnr_of_set -----------------------------------------------------------------------------------------------------


def _values(enlarge, photos, measure=psnr):
    return [measure(enlarge(imresize(hr, 1 / 4)), hr) for hr in map(cut, photos)]


@answers.right("psnr_of_set")
def running_sum(enlarge, photos):
    total = 0.0
    for photo in photos:
        h, w, _ = photo.shape
        photo = photo[: h - h % 4, : w - w % 4]
        total += psnr(enlarge(imresize(photo, 0.25)), photo)
    return total / len(photos)


@answers.right("psnr_of_set")
def luma_by_hand_in_torch(enlarge, photos):
    def one(hr):
        errors = luma(enlarge(imresize(hr, 1 / 4)))[4:-4, 4:-4] - luma(hr)[4:-4, 4:-4]
        return 20 * math.log10(255) - 10 * math.log10((errors**2).mean())

    return torch.tensor([one(cut(photo)) for photo in photos], dtype=torch.float64).mean()


@answers.wrong("psnr_of_set", says="hardest photo then decides")
def one_logarithm(enlarge, photos):
    errors = [255**2 / 10 ** (value / 10) for value in _values(enlarge, photos)]
    return 10 * np.log10(255**2 / np.mean(errors))


@answers.wrong("psnr_of_set", says="All pixels of the set")
def all_pixels_together(enlarge, photos):
    errors = []
    for hr in map(cut, photos):
        difference = luma(enlarge(imresize(hr, 1 / 4))) - luma(hr)
        errors.append(difference[4:-4, 4:-4].ravel())
    return 10 * np.log10(255**2 / np.mean(np.concatenate(errors) ** 2))


@answers.wrong("psnr_of_set", says="more pixels count more")
def weighted_by_size(enlarge, photos):
    return np.average(_values(enlarge, photos), weights=[cut(photo).size for photo in photos])


@answers.wrong("psnr_of_set", says="the median")
def median(enlarge, photos):
    return np.median(_values(enlarge, photos))


@answers.wrong("psnr_of_set", says="the sum over the photos")
def not_divided(enlarge, photos):
    return sum(_values(enlarge, photos))


@answers.wrong("psnr_of_set", says="the last photo alone")
def overwritten(enlarge, photos):
    for value in _values(enlarge, photos):
        mean = np.mean(value)
    return mean


@answers.wrong("psnr_of_set", says="inside the loop")
def returns_too_early(enlarge, photos):
    for value in _values(enlarge, photos):
        return value


@answers.wrong("psnr_of_set", says="Call `enlarge(lr)`")
def always_bicubic(enlarge, photos):
    return np.mean(_values(lambda lr: imresize(lr, 4), photos))


@answers.wrong("psnr_of_set", says="every fourth pixel")
def subsampled(enlarge, photos):
    return np.mean([psnr(enlarge(hr[::4, ::4]), hr) for hr in map(cut, photos)])


@answers.wrong("psnr_of_set", says="Cut HR to a multiple of 4 first")
def not_cut(enlarge, photos):
    return np.mean([psnr(enlarge(imresize(hr, 1 / 4)), hr) for hr in photos])


@answers.wrong("psnr_of_set", says="Cut HR to a multiple of 4 first")
def cut_behind_the_reduction(enlarge, photos):
    return np.mean([psnr(enlarge(imresize(hr, 1 / 4)), cut(hr)) for hr in photos])


@answers.wrong("psnr_of_set", says="cut at the top")
def cut_at_the_wrong_end(enlarge, photos):
    return np.mean(_values(enlarge, [hr[hr.shape[0] % 4 :, hr.shape[1] % 4 :] for hr in photos]))


@answers.wrong("psnr_of_set", says='protocol "paper"')
def the_papers_protocol(enlarge, photos):
    return np.mean(_values(enlarge, photos, lambda a, b: psnr(a, b, protocol="paper")))


@answers.wrong("psnr_of_set", says="borders were not cut")
def with_borders(enlarge, photos):
    return np.mean(_values(enlarge, photos, lambda a, b: psnr(a, b, border=0)))


@answers.wrong("psnr_of_set", says="R, G and B")
def in_rgb(enlarge, photos):
    def rgb(a, b):
        return 10 * np.log10(255**2 / np.mean((a[4:-4, 4:-4].astype(float) - b[4:-4, 4:-4]) ** 2))

    return np.mean(_values(enlarge, photos, rgb))


@answers.wrong("psnr_of_set", says="One value for each photo")
def a_list(enlarge, photos):
    return _values(enlarge, photos)


@answers.wrong("psnr_of_set", says="Is the `return` missing")
def forgets_to_return(enlarge, photos):
    np.mean(_values(enlarge, photos))


@answers.wrong("psnr_of_set", says="should be")
def something_else(enlarge, photos):
    return np.mean(_values(enlarge, photos)) - 1


def test_psnr_of_set_is_what_the_package_measures(tmp_path, monkeypatch):
    """The whole path: HR files of a set without LR images, cut, reduced, enlarged, measured, averaged."""
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path))
    for number, photo in enumerate(set_photos()):
        save_image(tmp_path / "Mine" / "HR" / f"{number}.png", photo)
    found = evaluate("bicubic", ["Mine"], progress=False).mean("Mine")
    assert psnr_of_set(lambda lr: imresize(lr, 4), set_photos()) == pytest.approx(found.psnr, abs=1e-9)


def test_pooling_never_gives_more_than_the_mean():
    """By Jensen's inequality: the logarithm of a mean is at least the mean of the logarithms."""
    assert pooled([30.0, 20.0], []) == pytest.approx(10 * math.log10(2 / (10**-3 + 10**-2)))
    assert pooled([30.0, 20.0], []) < 25
    assert pooled([25.0, 25.0], []) == pytest.approx(25)


# --- ssim_index ------------------------------------------------------------------------------------------------------


@answers.right("ssim_index")
def by_second_moments(a, b, weights):
    a, b, w = (torch.as_tensor(x) for x in (a, b, weights))
    ma, mb = torch.sum(w * a), torch.sum(w * b)
    va, vb, c = torch.sum(w * a**2) - ma**2, torch.sum(w * b**2) - mb**2, torch.sum(w * a * b) - ma * mb
    return (2 * ma * mb + 6.5025) * (2 * c + 58.5225) / ((ma**2 + mb**2 + 6.5025) * (va + vb + 58.5225))


@answers.right("ssim_index")
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
    answers.wrong("ssim_index", says=says)(answer)


_wrong_index("plain_means", "weights are not used", weighted=False)
_wrong_index("bare_constants", "grow with the peak", constant=lambda k: k)
_wrong_index("constants_for_0_to_1", "for pixels in 0..1", constant=lambda k: k**2)
_wrong_index("constants_not_squared", "are not squared", constant=lambda k: 255 * k)
_wrong_index("constants_swapped", "are swapped", k=(0.03, 0.01))
_wrong_index("divided_by_n_minus_1", "n - 1", sample=True)
_wrong_index("standard_deviations", "no square root", root=True)
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


@answers.wrong("ssim_index", says="to prevent that")
def without_constants(a, b, weights):
    with np.errstate(invalid="ignore"):
        return np.float64(ssim_of(a, b, weights, constant=lambda k: 0.0))


@answers.wrong("ssim_index", says=".sum() missing")
def a_map(a, b, weights):
    return weights * (2 * a * b + 6.5025) / (a**2 + b**2 + 6.5025)


@answers.wrong("ssim_index", says="Print the means")
def correlation(a, b, weights):
    cov = (weights * (a - a.mean()) * (b - b.mean())).sum()
    return cov / (a.std() * b.std() + 1e-9)


def _windows_of(a, b, weights):
    n = len(weights)
    places = [(y, x) for y in range(a.shape[0] - n + 1) for x in range(a.shape[1] - n + 1)]
    return np.mean([ssim_index(a[y : y + n, x : x + n], b[y : y + n, x : x + n], weights) for y, x in places])


def test_ssim_index_over_all_windows_is_ssim_of_the_package_and_of_scikit_image():
    hr = set_photos()[2][:28, :28]
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


# --- table2_reading --------------------------------------------------------------------------------------------------

KEYS = list(TABLE2_READING)


def _reading(**changed):
    """The right answers, some of them changed: a for the first, b for the second, and so on."""
    return TABLE2_READING | {KEYS["abcde".index(letter)]: value for letter, value in changed.items()}


answers.right("table2_reading")(_reading(c=6.0, d=2.5133, e=("BSD100", "Set14")))
answers.right("table2_reading")(_reading(d=np.float32(2.51), e={"Set14", "BSD100"}))
for says, changed in {
    "Did you read the MOS": {"a": "SRGAN"},
    "One has more": {"a": "DRCN"},
    "Write the name as it stands": {"a": "SRResNet-MSE"},
    "HR is the photo itself": {"b": "HR"},
    "although its PSNR is lower": {"b": "SRResNet"},
    "look at nearest": {"c": 7},
    "is *below*": {"c": 1},
    "count the PSNRs": {"c": 5},
    "the loss on Set5": {"d": 2.65},
    "the loss on BSD100": {"d": 2.42},
    "Divide it by 3": {"d": 7.54},
    "above 0": {"d": -2.51},
    "For each set, subtract": {"d": 3.1},
    "The others are asked for": {"e": ["Set5"]},
    "about SSIM": {"e": ["BSD100"]},
    "Were you thinking of SRResNet": {"e": ["Set5", "Set14", "BSD100"]},
    "is not one of the sets": {"e": ["Urban100"]},
    "expected as a list": {"e": "Set14"},
    "Compare two numbers a set": {"e": []},
}.items():
    answers.wrong("table2_reading", says=says)(_reading(**changed))


@pytest.mark.parametrize("key", KEYS)
def test_one_answer_missing_or_left_open(key):
    without = {name: value for name, value in TABLE2_READING.items() if name != key}
    assert "is missing" in grade("table2_reading", without).message
    assert "1 of 5 answers" in grade("table2_reading", TABLE2_READING | {key: ...}).message


def test_another_type_than_a_dict():
    assert "a dict with five answers" in grade("table2_reading", list(TABLE2_READING.values())).message


# --- pareto_front ----------------------------------------------------------------------------------------------------


@answers.right("pareto_front")
def sorted_by_psnr(methods):
    kept, best = [], np.inf
    for psnr_ in sorted({p for p, _ in methods.values()}, reverse=True):
        least = min(d for p, d in methods.values() if p == psnr_)
        if least < best:
            kept += [name for name, pair in methods.items() if pair == (psnr_, least)]
            best = least
    return kept


@answers.right("pareto_front")
def with_arrays(methods):
    p, d = np.array(list(methods.values())).T
    as_good = (p[:, None] >= p) & (d[:, None] <= d)
    better = (p[:, None] > p) | (d[:, None] < d)
    return {name for name, beaten in zip(methods, (as_good & better).any(axis=0), strict=True) if not beaten}


def _wrong_front(called, says, beats):
    def answer(methods):
        return {
            name
            for name, mine in methods.items()
            if not any(beats(*theirs, *mine) for other, theirs in methods.items() if other != name)
        }

    answer.__name__ = called
    answers.wrong("pareto_front", says=says)(answer)


_wrong_front("strictly", "equal in one number", lambda p, d, q, e: p > q and d < e)
_wrong_front("or", "not or", lambda p, d, q, e: p > q or d < e)
_wrong_front("equals_thrown_out", "both stay", lambda p, d, q, e: p >= q and d <= e)
_wrong_front("distance_upwards", "lower is better", lambda p, d, q, e: p >= q and d >= e and (p, d) != (q, e))
_wrong_front("psnr_downwards", "Higher is better", lambda p, d, q, e: p <= q and d <= e and (p, d) != (q, e))
_wrong_front("both_turned", "turned round", lambda p, d, q, e: p <= q and d >= e and (p, d) != (q, e))


@answers.wrong("pareto_front", says="that *are* dominated")
def the_losers(methods):
    return set(methods) - pareto_front(methods)


@answers.wrong("pareto_front", says="Only the best of each number")
def best_of_each(methods):
    return {max(methods, key=lambda n: methods[n][0]), min(methods, key=lambda n: methods[n][1])}


@answers.wrong("pareto_front", says="highest PSNR is here")
def one_winner(methods):
    return [max(methods, key=lambda n: methods[n][0])]


@answers.wrong("pareto_front", says="neighbour only")
def along_the_row(methods):
    order = sorted(methods, key=lambda n: methods[n][0])
    kept = {order[-1]}
    for name, after in pairwise(order):
        (p, d), (q, e) = methods[name], methods[after]
        if not (q >= p and e <= d and (p, d) != (q, e)):
            kept.add(name)
    return kept


@answers.wrong("pareto_front", says="compared with itself")
def beaten_by_itself(methods):
    return {n for n, (p, d) in methods.items() if not [q for q, e in methods.values() if q >= p and e <= d]}


@answers.wrong("pareto_front", says="Every method is on the front")
def everybody(methods):
    return set(methods)


@answers.wrong("pareto_front", says="Return names")
def pairs(methods):
    return [methods[name] for name in pareto_front(methods)]


@answers.wrong("pareto_front", says="a set of names is expected")
def how_many(methods):
    return len(pareto_front(methods))


@answers.wrong("pareto_front", says="is on your front. It is dominated")
def one_too_many(methods):
    return pareto_front(methods) | {"c", "a"} & set(methods)


@answers.wrong("pareto_front", says="is missing")
def one_too_few(methods):
    return pareto_front(methods) - {"d"}


def test_every_slip_of_the_front_shows():
    right = [pareto_front(methods) for methods in PLANES]
    outcomes = [[slip(methods) for methods in PLANES] for slip in FRONT_SLIPS.values()]
    assert right not in outcomes
    assert right[0] == {"d", "b", "c", "f"}


def test_every_slip_of_the_set_shows():
    right = set_psnr(set_photos())
    values = [set_psnr(set_photos(), **slip) for slip in SET_SLIPS.values()]
    assert min(abs(value - right) for value in values) > 0.005
    assert min(np.diff(sorted(values))) > 2e-4


TestLesson08 = answers.tests()
