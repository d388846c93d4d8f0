"""Exercise 8.2: SSIM in one window."""

import math
from collections.abc import Callable

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import apart, recognise
from srgan_lessons.exercises.reading import as_number
from srgan_lessons.exercises.shared.ssim import CONSTANTS, PARTIAL, fractions


def ssim_index(a, b, weights):
    # SOLUTION
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    # STUB
    # c1, c2 = ...  # 1. the two constants
    # END
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    # SOLUTION
    var_a = (weights * (a - mean_a) ** 2).sum()
    var_b = (weights * (b - mean_b) ** 2).sum()
    cov = (weights * (a - mean_a) * (b - mean_b)).sum()
    # STUB
    # var_a = ...  # 2. the weighted variances
    # var_b = ...
    # cov = ...  # 3. and the weighted covariance
    # END
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    # SOLUTION
    contrast_structure = (2 * cov + c2) / (var_a + var_b + c2)
    # STUB
    # contrast_structure = ...  # 4. the second fraction
    # END
    return luminance * contrast_structure


def judge(candidate) -> None:
    windows = ssim_windows()
    found = np.array([_one_index(call(candidate, *window)) for window in windows])
    right = np.array([ssim_of(*window) for window in windows])
    if np.allclose(found, right, rtol=0, atol=1e-6):
        return
    slips = {message: [ssim_of(*window, **slip) for window in windows] for message, slip in SSIM_SLIPS.items()}
    slips["Negative values are cut off. SSIM is below 0 where contrasts are reversed: keep that."] = right.clip(0)
    recognise(found, slips, within=1e-6)
    recognise(found, {m: [fractions(*w, **slip) for w in windows] for m, slip in PARTIAL.items()}, within=1e-6)
    for message, c in CONSTANTS.items():
        values = {m: [fractions(*w, **slip, c=c(*w[:2])) for w in windows] for m, slip in ({"": {}} | PARTIAL).items()}
        recognise(found, {f"{message} {m}".strip(): value for m, value in values.items()}, within=1e-6)
    for digits in range(1, 6):
        if np.allclose(found, right.round(digits), rtol=0, atol=1e-9):
            raise NotYet(f"The result is rounded to {digits} digit{'s' if digits > 1 else ''}. Return all of them.")
    _name_constants(candidate, found, windows)
    _show_smallest(candidate)
    wrong = int(np.argmax(np.abs(found - right) > 1e-6))
    one, other = apart(found[wrong], right[wrong])
    what = ("alike", "negatives of each other", "a ramp and its mirror image", "dark", "flat and dark")[wrong]
    raise NotYet(f"For two windows that are {what}, the result is {one}; {other} is expected.")


def _name_constants(candidate, found: np.ndarray, windows: list) -> None:
    """Raises NotYet if only c1 and c2 are wrong. It computes them from two windows for which the rest is simple."""
    even = np.full((2, 2), 0.25)
    flat = _one_index(call(candidate, np.full((2, 2), 3.0), np.full((2, 2), 9.0), even))  # (54 + c1) / (90 + c1)
    rising = np.array([[10.0, 30.0], [10.0, 30.0]])
    turned = _one_index(call(candidate, rising, 40 - rising, even))  # (-200 + c2) / (200 + c2)
    if flat == 1 or turned == 1:
        return
    c1, c2 = (54 - 90 * flat) / (flat - 1), (-200 - 200 * turned) / (turned - 1)
    if np.allclose(found, [fractions(*window, c=(c1, c2)) for window in windows], rtol=0, atol=1e-6):
        raise NotYet(
            f"Only the constants are wrong. Yours are c1 = {c1:.5g} and c2 = {c2:.5g}; (0.01 * 255) ** 2 = 6.5025 and "
            "(0.03 * 255) ** 2 = 58.5225 are expected."
        )


def _show_smallest(candidate) -> None:
    """Raises NotYet, which shows a window of two pixels where the result differs, and the numbers that go into it."""
    weights = np.array([[0.75, 0.25]])
    for a, b in (([[10.0, 30]], [[10.0, 30]]), ([[10.0, 30]], [[20.0, 20]]), ([[10.0, 30]], [[40.0, 20]])):
        a, b = np.array(a), np.array(b)
        found, right = _one_index(call(candidate, a, b, weights)), ssim_of(a, b, weights)
        if abs(found - right) > 1e-6:
            one, other = apart(found, right)
            means = [(weights * x).sum() for x in (a, b)]
            var_a, var_b, cov = (
                (weights * (x - means[i]) * (y - means[j])).sum()
                for x, i, y, j in ((a, 0, a, 0), (b, 1, b, 1), (a, 0, b, 1))
            )
            raise NotYet(
                f"For a = {a.tolist()}, b = {b.tolist()} and weights {weights.tolist()} it gives {one}; {other} is "
                f"expected. Here, mean_a is {means[0]:g}, mean_b {means[1]:g}, var_a {var_a:g}, var_b {var_b:g} and "
                f"cov {cov:g}. Print yours.{_which_fraction(candidate)}"
            )


def _which_fraction(candidate) -> str:
    """Which of the two fractions is right, by windows in which the other one is 1, and no part is 0."""
    weights, rising = np.array([[0.3, 0.2], [0.3, 0.2]]), np.array([[10.0, 30.0], [10.0, 30.0]])  # the mean is 18

    def index(a: np.ndarray, b: np.ndarray) -> float:
        return _one_index(call(candidate, a, b, weights))

    others = rising + 20, np.array([[10.0, 25.0], [15.0, 27.5]])
    right = [abs(index(rising, other) - ssim_of(rising, other, weights)) < 1e-6 for other in others]
    if all(right):
        return " Each fraction is right by itself: are they multiplied?"
    flat = np.full((2, 2), 18.0)  # it and flat + 20 have the means of rising and rising + 20: the same luminance
    if right == [False, True] and abs(index(flat, flat + 20) - index(rising, rising + 20)) > 1e-6:
        return " It is right where both means are equal: is each mean subtracted from its own window?"
    names = ("luminance", "contrast and structure")
    return f" The wrong part is the fraction of {names[right.index(False)]}." if any(right) else ""


def _one_index(result) -> float:
    array = np.asarray(result)
    if array.dtype.kind == "f" and array.size == 1 and not np.isfinite(array).any():
        raise NotYet(
            "For two flat windows, whose variances are 0, it divides by 0. The constants c1 and c2 are there to "
            "prevent that: add each in the numerator and in the denominator of its fraction, within brackets."
        )
    if array.ndim == 2:
        raise NotYet(
            f"The result has the shape {array.shape}: a number for each pixel. One number per window is expected. Is a "
            ".sum() missing?"
        )
    return as_number(result)


def ssim_windows() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs of windows (k, k), with weights that sum to 1: alike, brighter, with reversed contrast, dark, and flat."""
    rng = np.random.default_rng(8)
    offset = np.arange(-5, 6)
    gauss = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))  # (11, 11)
    gauss = gauss / gauss.sum()
    texture = rng.integers(60, 200, (11, 11)).astype(float)
    ramp = np.linspace(5, 40, 121).reshape(11, 11)
    return [
        (texture, np.rint(0.6 * texture + 30 + rng.normal(0, 12, (11, 11))), gauss),
        (texture, 255 - texture, gauss),
        (ramp, ramp[::-1] + 30, gauss),
        (ramp[:4, :4], ramp[4:8, 2:6] + rng.normal(0, 2, (4, 4)), np.full((4, 4), 1 / 16)),
        (np.full((4, 4), 3.0), np.full((4, 4), 9.0), np.full((4, 4), 1 / 16)),
    ]


def ssim_of(
    a: np.ndarray,
    b: np.ndarray,
    weights: np.ndarray,
    *,
    k: tuple[float, float] = (0.01, 0.03),
    constant: Callable[[float], float] = lambda k: (k * 255) ** 2,
    weighted: bool = True,
    sample: bool = False,
    root: bool = False,
    centred: bool = True,
    twice: float = 2,
    product: bool = False,
    join: Callable[[float, float], float] = lambda luminance, structure: luminance * structure,
) -> float:
    """SSIM of one window, computed with one slip."""
    w = weights if weighted else np.full(a.shape, 1 / a.size)
    mean_a, mean_b = (w * a).sum(), (w * b).sum()
    x, y = (a - mean_a, b - mean_b) if centred else (a, b)
    var_a, var_b, cov = (w * x * x).sum(), (w * y * y).sum(), (w * x * y).sum()
    if sample:
        var_a, var_b, cov = (value * a.size / (a.size - 1) for value in (var_a, var_b, cov))
    if root:
        var_a, var_b = math.sqrt(var_a), math.sqrt(var_b)
    if product:  # of the standard deviations, instead of the covariance
        cov = math.sqrt(var_a * var_b)
    c1, c2 = map(constant, k)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return join(luminance, (twice * cov + c2) / (var_a + var_b + c2))


SSIM_SLIPS = {
    "The weights are not used, or only in part. Means, variances and covariance are all weighted sums: "
    "(weights * a).sum().": {"weighted": False},
    "The constants are 0.01 and 0.03. For a peak of 255, use (0.01 * 255) ** 2 and (0.03 * 255) ** 2.": {
        "constant": lambda k: k
    },
    "The constants are (0.01) ** 2 and (0.03) ** 2, for pixels in 0..1. These are in 0..255: (0.01 * 255) ** 2.": {
        "constant": lambda k: k**2
    },
    "0.01 and 0.03 are swapped: 0.01 goes with the means, 0.03 with the variances.": {"k": (0.03, 0.01)},
    "Variances and covariance are divided by n - 1. Divide by n: with weights that sum to 1, plain weighted sums.": {
        "sample": True
    },
    "Standard deviations are used instead of variances. Leave out the square root.": {"root": True},
    "The means are not subtracted before variances and covariance are taken.": {"centred": False},
    "The covariance lacks its factor of 2: 2 * cov + c2.": {"twice": 1},
    "The product of the standard deviations is used instead of the covariance. It is never negative: a picture with "
    "its contrasts reversed would count as equal.": {"product": True},
    "This is the luminance alone. Multiply it by the second fraction.": {"join": lambda first, second: first},
    "This is contrast and structure alone. Multiply it by the luminance.": {"join": lambda first, second: second},
    "The two fractions are added. SSIM is their product.": {"join": lambda first, second: first + second},
    "This is the mean of the two fractions. SSIM is their product.": {
        "join": lambda first, second: (first + second) / 2
    },
    "This is 1 - SSIM: 1 must mean equal.": {"join": lambda first, second: 1 - first * second},
    "Negative values are cut off or lose their sign. SSIM is below 0 where contrasts are reversed: keep that.": {
        "join": lambda first, second: abs(first * second)
    },
}


EXERCISE = Exercise(
    name="ssim_index",
    lesson=8,
    place=2,
    title="SSIM in one window",
    difficulty="medium",
    minutes=8,
    reference=ssim_index,
    judge=judge,
    hints=(
        "A weighted variance is a weighted mean, too. Of what?",
        "var_a = (weights * (a - mean_a) ** 2).sum(). The covariance has one factor of a and one of b. The "
        "constants are (0.01 * 255) ** 2 and (0.03 * 255) ** 2.",
        "cov = (weights * (a - mean_a) * (b - mean_b)).sum(), and the second fraction is "
        "(2 * cov + c2) / (var_a + var_b + c2).",
    ),
    mistakes=(
        Mistake("c1 and c2 left out", says="to prevent that", ask="Two black windows: what is 0 / 0?"),
        Mistake("the factor 2 left out", says="2 * cov", ask="What must the index of a window with itself be?"),
    ),
)
