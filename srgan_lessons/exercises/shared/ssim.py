"""SSIM in one window, with one part replaced by a usual mistake."""

from collections.abc import Callable

import numpy as np


def fractions(a, b, weights, *, means=None, variances=None, cov=None, raw=None, c=None, second=None) -> float:
    """SSIM with one part replaced.

    means, variances, cov: functions of (a, b, weights); the last two get a and b without their means. raw: both
    variances and the covariance, from a and b as they are. c: the two constants. second: the second fraction, a
    function of the covariance, the two variances, and c2.
    """
    mean_a, mean_b = means(a, b, weights) if means else ((weights * a).sum(), (weights * b).sum())
    x, y = a - mean_a, b - mean_b
    var_a, var_b = variances(x, y, weights) if variances else ((weights * x**2).sum(), (weights * y**2).sum())
    both = cov(x, y, weights) if cov else (weights * x * y).sum()
    if raw:
        var_a, var_b, both = raw(a, b, weights)
    c1, c2 = c or ((0.01 * 255) ** 2, (0.03 * 255) ** 2)
    first = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return first * (second(both, var_a, var_b, c2) if second else (2 * both + c2) / (var_a + var_b + c2))


def _both(of: Callable[[np.ndarray, np.ndarray], float]) -> Callable:
    """The same slip in both variances. of(a, weights): a without its mean."""
    return lambda a, b, w: (of(a, w), of(b, w))


def _about(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> float:
    """The weighted variance of a, but around the mean of b."""
    return (w * (a - (w * b).sum()) ** 2).sum()


def _shared(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> float:
    """The weighted covariance."""
    return (w * (a - (w * a).sum()) * (b - (w * b).sum())).sum()


def _late(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Weighted before the mean is subtracted."""
    return w * a - (w * a).sum()


PARTIAL: dict[str, dict[str, Callable]] = {  # one part alone is wrong
    "The means are not weighted. Take (weights * a).sum().": {"means": lambda a, b, w: (a.mean(), b.mean())},
    "The covariance is weighted, but the variances are not: (weights * (a - mean_a) ** 2).sum().": {
        "variances": _both(lambda a, w: (a**2).mean())
    },
    "The variances are not weighted, as in a.var(): (weights * (a - mean_a) ** 2).sum().": {
        "variances": _both(lambda a, w: a.var())
    },
    "The variances are weighted, but the covariance is not: (weights * (a - mean_a) * (b - mean_b)).sum().": {
        "cov": lambda a, b, w: (a * b).mean()
    },
    "The means are weighted, but variances and covariance are not: (weights * (a - mean_a) ** 2).sum().": {
        "variances": _both(lambda a, w: a.var()),
        "cov": lambda a, b, w: ((a - a.mean()) * (b - b.mean())).mean(),
    },
    "Variances and covariance are not weighted, and are divided by n - 1, as np.cov does: they are weighted sums, "
    "(weights * (a - mean_a) ** 2).sum().": {
        "variances": _both(lambda a, w: a.var(ddof=1)),
        "cov": lambda a, b, w: np.cov(a.ravel(), b.ravel())[0, 1],
    },
    "In variances and covariance, .mean() divides by the number of pixels. The weights already sum to 1: use .sum().": {
        "variances": _both(lambda a, w: (w * a**2).mean()),
        "cov": lambda a, b, w: (w * a * b).mean(),
    },
    "In the variances, .mean() divides by the number of pixels. The weights already sum to 1: use .sum().": {
        "variances": _both(lambda a, w: (w * a**2).mean())
    },
    "In the variances, the sum is squared. What is left after subtracting the mean sums to 0: square each pixel first, "
    "(weights * (a - mean_a) ** 2).sum().": {"variances": _both(lambda a, w: (w * a).sum() ** 2)},
    "The denominator of the second fraction has c1. It should have c2, as the numerator does.": {
        "second": lambda cov, x, y, c: (2 * cov + c) / (x + y + 2.55**2)
    },
    "In the second fraction, the numerator has no brackets: only c2 is divided. Write (2 * cov + c2) / (...).": {
        "second": lambda cov, x, y, c: 2 * cov + c / (x + y + c)
    },
    "In the denominator, the variances are squared. A variance is already a square: var_a + var_b + c2.": {
        "second": lambda cov, x, y, c: (2 * cov + c) / (x**2 + y**2 + c)
    },
    "The covariance is computed from absolute values. Where a rises and b falls, it must be below 0.": {
        "cov": lambda a, b, w: (w * np.abs(a * b)).sum()
    },
    "In the variance of a, the weights are squared, too. Square only the difference: weights * (a - mean_a) ** 2.": {
        "variances": lambda a, b, w: (((w * a) ** 2).sum(), (w * b**2).sum())
    },
    "In both variances, the weights are squared, too. Square only the difference: a - mean_a.": {
        "variances": _both(lambda a, w: ((w * a) ** 2).sum())
    },
    "The denominator has twice the product of the deviations. Use the sum of the variances, var_a + var_b.": {
        "second": lambda cov, x, y, c: (2 * cov + c) / (2 * np.sqrt(x * y) + c)
    },
    "The variances are multiplied in the denominator. Add them: var_a + var_b + c2.": {
        "second": lambda cov, x, y, c: (2 * cov + c) / (x * y + c)
    },
    "The covariance has lost its sign: where a rises and b falls, it is below 0.": {
        "cov": lambda a, b, w: abs((w * a * b).sum())
    },
    "The second fraction uses the means, like the first. It should use the variances and the covariance.": {
        "raw": lambda a, b, w: ((w * a).sum() ** 2, (w * b).sum() ** 2, (w * a).sum() * (w * b).sum())
    },
    "var_b is the variance of a. It should be that of b: (weights * (b - mean_b) ** 2).sum().": {
        "variances": lambda a, b, w: ((w * a**2).sum(), (w * a**2).sum())
    },
    "One variance is computed with the mean of the other window: var_a needs mean_a, and var_b needs mean_b.": {
        "raw": lambda a, b, w: (_about(a, a, w), _about(b, a, w), _shared(a, b, w))
    },
    "cov is the variance of a. It needs one factor of a and one of b: (a - mean_a) * (b - mean_b).": {
        "cov": lambda a, b, w: (w * a**2).sum()
    },
    "Variances and covariance are plain sums. Multiply by the weights first: (weights * (a - mean_a) ** 2).sum().": {
        "variances": _both(lambda a, w: (a**2).sum()),
        "cov": lambda a, b, w: (a * b).sum(),
    },
    "In variances and covariance, the weights are squared, too. Multiply each product by the weights once.": {
        "variances": _both(lambda a, w: ((w * a) ** 2).sum()),
        "cov": lambda a, b, w: (w * a * w * b).sum(),
    },
    "The mean is subtracted from weights * a. Subtract it from a, then multiply by the weights: "
    "(weights * (a - mean_a) ** 2).sum().": {
        "raw": lambda a, b, w: ((_late(a, w) ** 2).sum(), (_late(b, w) ** 2).sum(), (_late(a, w) * _late(b, w)).sum())
    },
}

CONSTANTS: dict[str, Callable] = {  # the two constants from (a, b)
    "0.01 * 255 ** 2 squares only 255. Square the product: c1 = (0.01 * 255) ** 2.": lambda a, b: tuple(
        k * 255**2 for k in (0.01, 0.03)
    ),
    "The constants are computed from the largest grey level in the windows. Always compute them from 255.": (
        lambda a, b: tuple((k * max(a.max(), b.max())) ** 2 for k in (0.01, 0.03))
    ),
    "The constants are not squared: c1 = (0.01 * 255) ** 2.": lambda a, b: (2.55, 7.65),
}
