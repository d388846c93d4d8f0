"""What judges of lesson 08 share: small photos and windows on which each slip shows, and what a slip makes of them."""

import math
from collections.abc import Callable

import numpy as np

from srgan_lessons.images import sample_photos
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize

# --- the PSNR of a set -----------------------------------------------------------------------------------------------


def set_photos() -> list[np.ndarray]:
    """Four small photos, none of them the easiest or the middle by its place; two are no whole number of tiles."""
    photos = sample_photos()
    return [
        photos["coffee"][40:80, 60:124],
        photos["chelsea"][88:139, 40:105],
        photos["astronaut"][20:72, 150:198],
        photos["motorcycle"][200:262, 420:478],
    ]


def blocks(lr: np.ndarray) -> np.ndarray:
    """The method that is measured: each pixel a little brighter, as a square of 4 x 4."""
    return np.minimum(lr, 250).repeat(4, axis=0).repeat(4, axis=1) + np.uint8(5)


def cut(photo: np.ndarray) -> np.ndarray:
    height, width = (n // 4 * 4 for n in photo.shape[:2])
    return photo[:height, :width]


def _mean(values: list[float], photos: list[np.ndarray]) -> float:
    return float(np.mean(values))


def pooled(values: list[float], photos: list[np.ndarray]) -> float:
    """One MSE for all photos, then one logarithm."""
    return 10 * math.log10(255**2 / np.mean([255**2 / 10 ** (value / 10) for value in values]))


def pooled_pixels(values: list[float], photos: list[np.ndarray]) -> float:
    """The same over all pixels inside the borders: large photos count more."""
    sizes = [(h - 8) * (w - 8) for h, w, _ in map(np.shape, photos)]
    errors = [255**2 / 10 ** (value / 10) for value in values]
    return 10 * math.log10(255**2 / np.average(errors, weights=sizes))


def set_psnr(
    photos: list[np.ndarray],
    *,
    enlarge: Callable = blocks,
    reduce: Callable = lambda hr: imresize(hr, 1 / 4),
    cut: Callable = cut,
    measure: Callable = psnr,
    collect: Callable = _mean,
) -> float:
    """The value of a set with one slip."""
    photos = [cut(photo) for photo in photos]
    return collect([measure(enlarge(reduce(hr)), hr) for hr in photos], photos)


def _end(photo: np.ndarray) -> np.ndarray:
    height, width = photo.shape[:2]
    return photo[height % 4 :, width % 4 :]


def _rgb(a: np.ndarray, b: np.ndarray) -> float:
    error = a[4:-4, 4:-4].astype(float) - b[4:-4, 4:-4]
    return 10 * math.log10(255**2 / np.mean(error**2))


SET_SLIPS = {
    "All errors went into one MSE, and the logarithm was taken once. The hardest photo then decides alone. Take the "
    "PSNR of each photo, then the mean of these decibels.": {"collect": pooled},
    "All pixels of the set went into one MSE, so that hard and large photos decide. Take the PSNR of each photo, then "
    "the mean of these decibels.": {"collect": pooled_pixels},
    "Photos with more pixels count more. In a set each photo counts the same: a plain mean.": {
        "collect": lambda v, p: float(np.average(v, weights=[x.shape[0] * x.shape[1] for x in p]))
    },
    "This is the median over the photos. Papers report the mean.": {"collect": lambda v, p: float(np.median(v))},
    "This is the sum over the photos. Divide it by their number.": {"collect": lambda v, p: float(sum(v))},
    "This is the value of the last photo alone. Collect the values of all, and take their mean behind the loop.": {
        "collect": lambda v, p: v[-1]
    },
    "This is the value of the first photo alone. Does the `return` stand inside the loop?": {
        "collect": lambda v, p: v[0]
    },
    "This is the best of the values. The mean over the photos is expected.": {"collect": lambda v, p: max(v)},
    "The LR image is enlarged by bicubic, whatever the method. Call `enlarge(lr)`: that is what is measured.": {
        "enlarge": lambda lr: imresize(lr, 4)
    },
    "The LR image was made by taking every fourth pixel, without antialiasing. Use imresize(hr, 1 / 4).": {
        "reduce": lambda hr: hr[::4, ::4]
    },
    "HR was cut at the top and on the left. All others keep the top left corner and cut at the bottom and on the "
    "right: hr[:height, :width].": {"cut": _end},
    'This is the protocol "paper". The community\'s is asked for, which psnr(sr, hr) takes by itself.': {
        "measure": lambda a, b: psnr(a, b, protocol="paper")
    },
    "The borders were not cut. psnr(sr, hr) cuts 4 pixels by itself.": {"measure": lambda a, b: psnr(a, b, border=0)},
    "This is the PSNR of R, G and B. The protocol looks at luma: use psnr(sr, hr).": {"measure": _rgb},
}

# --- SSIM in one window ----------------------------------------------------------------------------------------------


def ssim_windows() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs of windows (k, k) and weights that sum to 1: alike, brighter, with contrasts reversed, dark and flat."""
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
    """SSIM of one window with one slip."""
    w = weights if weighted else np.full(a.shape, 1 / a.size)
    mean_a, mean_b = (w * a).sum(), (w * b).sum()
    x, y = (a - mean_a, b - mean_b) if centred else (a, b)
    var_a, var_b, cov = (w * x * x).sum(), (w * y * y).sum(), (w * x * y).sum()
    if sample:
        var_a, var_b, cov = (value * a.size / (a.size - 1) for value in (var_a, var_b, cov))
    if root:
        var_a, var_b = math.sqrt(var_a), math.sqrt(var_b)
    if product:  # of the standard deviations, in place of the covariance
        cov = math.sqrt(var_a * var_b)
    c1, c2 = map(constant, k)
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return join(luminance, (twice * cov + c2) / (var_a + var_b + c2))


SSIM_SLIPS = {
    "The weights are not used, or only in part. Means, variances and covariance are all weighted sums: "
    "(weights * a).sum().": {"weighted": False},
    "The constants are 0.01 and 0.03. They grow with the peak: (0.01 * 255) ** 2 and (0.03 * 255) ** 2.": {
        "constant": lambda k: k
    },
    "The constants are (0.01) ** 2 and (0.03) ** 2, for pixels in 0..1. These are in 0..255: (0.01 * 255) ** 2.": {
        "constant": lambda k: k**2
    },
    "The constants are not squared: c1 = (0.01 * 255) ** 2.": {"constant": lambda k: k * 255},
    "0.01 and 0.03 are swapped: 0.01 goes with the means, 0.03 with the variances.": {"k": (0.03, 0.01)},
    "Variances and covariance are divided by n - 1. Divide by n: with weights that sum to 1, plain weighted sums.": {
        "sample": True
    },
    "The standard deviations stand where the variances belong: no square root.": {"root": True},
    "The means are not subtracted before variances and covariance are taken.": {"centred": False},
    "The covariance lacks its factor: 2 * cov + c2.": {"twice": 1},
    "The product of the standard deviations stands where the covariance belongs. It is never negative: a picture with "
    "its contrasts reversed would count as equal.": {"product": True},
    "This is the luminance alone. Multiply it by the second fraction.": {"join": lambda first, second: first},
    "This is contrast and structure alone. Multiply it by the luminance.": {"join": lambda first, second: second},
    "The two fractions are added. SSIM is their product.": {"join": lambda first, second: first + second},
    "This is the mean of the two fractions. SSIM is their product.": {
        "join": lambda first, second: (first + second) / 2
    },
    "This is 1 - SSIM: 1 must mean equal.": {"join": lambda first, second: 1 - first * second},
    "Negative values are cut off or lose their sign. SSIM is below 0 where contrasts are reversed: let it be.": {
        "join": lambda first, second: abs(first * second)
    },
}

# --- the front -------------------------------------------------------------------------------------------------------

PLANES: tuple[dict[str, tuple[float, float]], ...] = (  # (PSNR in dB, ST-LPIPS)
    {"a": (25.0, 0.30), "b": (27.0, 0.20), "c": (28.0, 0.25), "d": (26.0, 0.10), "e": (24.0, 0.40), "f": (28.5, 0.45)},
    {"a": (30.0, 0.20), "b": (30.0, 0.30), "c": (29.0, 0.20), "d": (31.0, 0.35)},
    {"a": (28.0, 0.20), "twin of a": (28.0, 0.20), "b": (27.0, 0.15), "c": (26.0, 0.15)},
    {"a": (26.0, 0.20), "b": (27.0, 0.19), "c": (27.5, 0.30), "d": (26.5, 0.29), "e": (28.0, 0.33)},
    {"alone": (20.0, 0.90)},
)


def front(methods: dict[str, tuple[float, float]], beats: Callable[..., bool]) -> set[str]:
    """The names that no other one beats. beats(p, d, psnr, distance): does (p, d) beat (psnr, distance)?"""
    return {
        name
        for name, (psnr, distance) in methods.items()
        if not any(beats(p, d, psnr, distance) for other, (p, d) in methods.items() if other != name)
    }


def dominates(p: float, d: float, psnr: float, distance: float) -> bool:
    return p >= psnr and d <= distance and (p, d) != (psnr, distance)


def _best_two(methods: dict[str, tuple[float, float]]) -> set[str]:
    return {max(methods, key=lambda n: methods[n][0]), min(methods, key=lambda n: methods[n][1])}


def _neighbours(methods: dict[str, tuple[float, float]]) -> set[str]:
    """Compared with the next method in the order of PSNR only."""
    names = sorted(methods, key=lambda n: methods[n][0])
    pairs = zip(names, [*names[1:], None], strict=True)
    return {name for name, after in pairs if after is None or not dominates(*methods[after], *methods[name])}


FRONT_SLIPS: dict[str, Callable[[dict[str, tuple[float, float]]], set[str]]] = {
    "These are the methods that *are* dominated. Keep those for which no better one is found.": lambda m: (
        set(m) - front(m, dominates)
    ),
    "ST-LPIPS is taken as if higher were better. It is a distance: 0 is equal, lower is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p >= psnr and d >= distance and (p, d) != (psnr, distance)
    ),
    "PSNR is taken as if lower were better. Higher is better.": lambda m: front(
        m, lambda p, d, psnr, distance: p <= psnr and d <= distance and (p, d) != (psnr, distance)
    ),
    "Both directions are turned round: PSNR is better where it is higher, ST-LPIPS where it is lower.": lambda m: front(
        m, lambda p, d, psnr, distance: p <= psnr and d >= distance and (p, d) != (psnr, distance)
    ),
    "A method that is equal in one number and worse in the other is on your front. It is dominated, too: at least as "
    "good in both (>= and <=), and better in one.": lambda m: front(
        m, lambda p, d, psnr, distance: p > psnr and d < distance
    ),
    "Two methods with the same two numbers throw each other out. Neither is better: both stay.": lambda m: front(
        m, lambda p, d, psnr, distance: p >= psnr and d <= distance
    ),
    "A method is thrown out as soon as another is better in *one* number. To dominate, it must be at least as good in "
    "both: and, not or.": lambda m: front(m, lambda p, d, psnr, distance: p > psnr or d < distance),
    "Only the best of each number is here. A method between them that nobody beats in both is on the front, too.": (
        _best_two
    ),
    "Each method is compared with its neighbour only. A better one may stand farther away: compare with all.": (
        _neighbours
    ),
    "Only the method with the highest PSNR is here. The front weighs both numbers.": lambda m: {
        max(m, key=lambda n: m[n][0])
    },
    "Only the method with the lowest ST-LPIPS is here. The front weighs both numbers.": lambda m: {
        min(m, key=lambda n: m[n][1])
    },
}
