"""Exercise 1.4: PSNR on Y."""

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_number, finite
from srgan_lessons.exercises.shared.pictures import grainy_photo

NOT_ROUNDED = (
    "Y is not rounded. An 8-bit file holds whole numbers: round Y before you subtract. (This test picture was made so "
    "that it shows; on photos it changes little.)"
)


def psnr_y(sr, hr):
    border = 4

    def luma(image):
        # SOLUTION
        y = 16 + image @ np.array([65.481, 128.553, 24.966]) / 255
        return np.floor(y + 0.5)
        # STUB
        # y = ...  # 1. BT.601, limited range: from 16 to 235
        # return ...  # 2. whole numbers, as in an 8-bit file
        # END

    # SOLUTION
    difference = (luma(sr) - luma(hr))[border:-border, border:-border]
    # STUB
    # difference = ...  # 3. between the two lumas, without the border
    # END
    mse = np.mean(difference**2)
    # SOLUTION
    return 10 * np.log10(255**2 / mse)
    # STUB
    # return ...  # 4. in dB, for a peak of 255
    # END


BT601 = np.array([65.481, 128.553, 24.966]) / 255  # R, G, B in 0..255 -> Y in 16..235 (ITU-R BT.601)

FULL_RANGE = np.array([0.299, 0.587, 0.114])  # -> Y in 0..255

BT709 = np.array([0.2126, 0.7152, 0.0722]) * 219 / 255  # ITU-R BT.709


def judge(candidate) -> None:
    for hr, sr in _test_pairs():
        value = call(candidate, sr, hr)
        if getattr(value, "ndim", 0) >= 2:
            raise NotYet(
                f"The PSNR is an array of shape {tuple(value.shape)}. It is one number for the whole picture: first "
                "take the mean of the squares, over all pixels, then the logarithm."
            )
        result = finite(
            as_number,
            value,
            "the PSNR",
            says="The PSNR is NaN or infinite. Either both lumas are equal, because one picture is used twice, or no "
            "pixel is left to average. The channels are the last axis: R is image[..., 0]; image[0] is the first row.",
        )
        right = psnr_y(sr, hr)
        if abs(result - right) <= 0.001:
            continue
        slips = _psnr_slips(sr, hr, result - right)
        nearest = min(slips, key=lambda message: np.nan_to_num(abs(slips[message] - result), nan=np.inf))
        recognise(result, {nearest: slips[nearest]}, within=0.004)  # weights with fewer digits round one pixel up
        raise NotYet(
            f"The PSNR is {_off(result - right)}: {result:.3f} instead of {right:.3f}. The steps are: Y by BT.601 in "
            "limited range, rounded; 4 pixels cut off at each border; the mean of the squares; the peak, 255."
        )


def _psnr_slips(sr: np.ndarray, hr: np.ndarray, off: float) -> dict[str, float]:
    """The result of each usual mistake for this pair of images."""

    def y(image, weights=BT601, rounding=np.round):
        return rounding(16 + image @ weights)

    def db(a, b, border=4, peak=255.0):
        inside = slice(border, -border or None)
        return 10 * np.log10(peak**2 / np.mean((a[inside, inside] - b[inside, inside]) ** 2))

    def unrounded(values):
        return values

    a, b = y(sr), y(hr)
    uneven = BT601 * [255, 255, 1]
    right, mse = db(a, b), np.mean((a - b)[4:-4, 4:-4] ** 2)
    bytes_a, bytes_b = a.astype(np.uint8), b.astype(np.uint8)
    wrapped = (bytes_a - bytes_b)[4:-4, 4:-4]  # uint8: -1 becomes 255
    rgb_wrapped = (sr - hr)[4:-4, 4:-4]
    floats = sr.astype(np.float64), hr.astype(np.float64)
    start = f"The PSNR is {_off(off)}: "
    overflow = "uint8 cannot hold a negative difference: 3 - 5 gives 254. Convert to float before you subtract."
    rgb = start + "it is measured on R, G and B. The protocol measures only Y."
    full = start + "is Y in the range 16 to 235? This Y goes from 0 to 255 (full range)."
    cut = start + "4 pixels must be cut from each border before the mean."
    signed = (a - b)[4:-4, 4:-4]
    exact_a, exact_b = y(sr, rounding=unrounded), y(hr, rounding=unrounded)
    grey = np.full(3, 1 / 3)
    equal = start + "R, G and B count equally here. Y has a weight for each."
    means = start + "it is a mean of decibels. First take one mean of the squares over all pixels, then the logarithm."
    return {
        start + "the border is set to 0, and still counts in the mean. Cut it off.": 10
        * np.log10(255**2 / (np.sum(signed**2) / a.size)),
        start + "the squares are added up. MSE is their mean.": 10 * np.log10(255**2 / np.sum(signed**2)),
        start + "it is the median of the squares. MSE is their mean.": 10 * np.log10(255**2 / np.median(signed**2)),
        start + "the differences are averaged before they are squared, so they cancel. Square each of them first.": 10
        * np.log10(255**2 / signed.mean() ** 2),
        equal: db(y(sr, grey * 219 / 255), y(hr, grey * 219 / 255)),
        equal + " And Y must go from 16 to 235.": db(y(sr, grey), y(hr, grey)),
        equal + " And Y must be rounded.": db(y(sr, grey * 219 / 255, unrounded), y(hr, grey * 219 / 255, unrounded)),
        equal + " And Y must go from 16 to 235 and be rounded.": db(y(sr, grey, unrounded), y(hr, grey, unrounded)),
        start + "the difference is rounded. Round each of the two lumas, and then subtract.": 10
        * np.log10(255**2 / np.mean(np.round(exact_a - exact_b)[4:-4, 4:-4] ** 2)),
        start + "Y goes from 0 to 1 here, and the peak is 255. Keep Y in grey levels.": db(a / 255, b / 255),
        start + "Y goes from 0 to 1 here, is not rounded, and the peak is 255. Keep Y in grey levels.": db(
            exact_a / 255, exact_b / 255
        ),
        means: np.mean(10 * np.log10(255**2 / np.mean(signed**2, axis=1))),
        means + " ": np.mean(10 * np.log10(255**2 / np.mean(signed**2, axis=0))),
        start + "the luma of one picture is compared with the R, G and B of the other. Both need their luma.": 10
        * np.log10(255**2 / np.mean((a[..., None] - hr)[4:-4, 4:-4] ** 2)),
        start + "it is the mean of the absolute differences. MSE squares them.": 10
        * np.log10(255**2 / np.abs(signed).mean()),
        start + "this takes the root of the MSE. 10 log10 takes the MSE itself; 20 log10 takes its root.": 10
        * np.log10(255**2 / mse**0.5),
        start + overflow + " Here the pictures are subtracted before their luma.": db(y(sr - hr), np.zeros(a.shape)),
        rgb: db(*floats),
        rgb + " And 4 pixels must be cut from each border.": db(*floats, border=0),
        rgb + " " + overflow: 10 * np.log10(255**2 / np.mean(rgb_wrapped.astype(float) ** 2)),
        overflow: 10 * np.log10(255**2 / np.mean(wrapped.astype(float) ** 2)),
        overflow + " The square overflows, too.": 10 * np.log10(255**2 / np.mean(wrapped**2)),
        full: db(y(sr, FULL_RANGE), y(hr, FULL_RANGE)),
        full + " It is not rounded either.": db(y(sr, FULL_RANGE, unrounded), y(hr, FULL_RANGE, unrounded)),
        full + " And 4 pixels must be cut from each border.": db(y(sr, FULL_RANGE), y(hr, FULL_RANGE), border=0),
        start + "this Y is that of BT.709. The community protocol uses BT.601.": db(y(sr, BT709), y(hr, BT709)),
        start + "R and B are swapped. The photos are in the order R, G, B.": db(y(sr[..., ::-1]), y(hr[..., ::-1])),
        cut: db(a, b, border=0),
        cut + " Y is not rounded either.": db(y(sr, rounding=unrounded), y(hr, rounding=unrounded), border=0),
        start + "the border is cut off only at the top and on the left.": db(a[4:, 4:], b[4:, 4:], border=0),
        start + "the border is cut off only above and below. Cut the left and the right, too.": db(
            a[4:-4], b[4:-4], border=0
        ),
        start + "the weights of R, G and B are not divided by 255.": db(y(sr, 255 * BT601), y(hr, 255 * BT601)),
        start + "only the term of B is divided by 255: put the sum in brackets.": db(y(sr, uneven), y(hr, uneven)),
        start + "8 pixels are cut from each border, not 4.": db(a, b, border=8),
        start + "2 pixels are cut from each border, not 4.": db(a, b, border=2),
        start + NOT_ROUNDED: db(y(sr, rounding=unrounded), y(hr, rounding=unrounded)),
        start + "the fractions of Y are cut off, not rounded.": db(y(sr, rounding=np.floor), y(hr, rounding=np.floor)),
        start + "this is the natural logarithm. Decibels take the logarithm to base 10.": right * np.log(10),
        start + "it is doubled. It is 10 log10 of peak² over MSE, or 20 log10 of peak over its root.": 2 * right,
        start + "it is halved. It is 10 log10 of peak² over MSE, or 20 log10 of peak over its root.": right / 2,
        start + "the peak is 1 here, and Y goes up to 235. Take 255 as the peak.": db(a, b, peak=1.0),
        start + "the peak is not squared. It is 10 log10 of peak² over MSE.": 10 * np.log10(255 / mse),
        start + "the peak is 219, the width of Y's range. The protocol takes 255.": db(a, b, peak=219.0),
        start + "the peak is 235, Y's white. The protocol takes 255.": db(a, b, peak=235.0),
        start + "the peak is the largest Y of this image. The protocol takes 255.": db(a, b, peak=b.max()),
        start + "the peak is the largest number in hr. The protocol takes 255.": db(a, b, peak=float(hr.max())),
        start + "the peak is the largest number in sr. The protocol takes 255.": db(a, b, peak=float(sr.max())),
        "The sign is wrong: the smaller the MSE, the higher the PSNR. It is peak² over MSE, not the reverse.": -right,
        "This is the MSE. The PSNR is 10 log10 of peak² over it, in dB.": mse,
        "This is the root of the MSE. The PSNR is 20 log10 of the peak over it, in dB.": np.sqrt(mse),
    }


def _off(difference: float) -> str:
    """-1.3 -> "1.30 dB low"."""
    digits = 2 if abs(difference) >= 0.1 else 3
    return f"{abs(difference):.{digits}f} dB {'low' if difference < 0 else 'high'}"


def _test_pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Two coloured pairs (hr, sr), noisier at the border, so that each slip changes the PSNR by more than 0.002 dB."""
    pairs = []
    for height, width, noise in ((44, 60, 3.0), (57, 40, 12.0)):
        hr = (grainy_photo(height, width) * 0.9).astype(np.uint8)  # its brightest pixel is not 255
        rng = np.random.default_rng(height)
        error = rng.normal(0, 1, hr.shape) * [1.0, 0.7, 1.6] * noise
        error[:4] *= 2
        error[:, -4:] *= 2
        pairs.append((hr, np.clip(np.round(hr + error), 0, 255).astype(np.uint8)))
    return pairs


EXERCISE = Exercise(
    name="psnr_y",
    lesson=1,
    place=4,
    title="PSNR on Y",
    difficulty="medium",
    minutes=10,
    reference=psnr_y,
    judge=judge,
    hints=(
        "There are four steps: luma, rounding, border, logarithm. First print the smallest and the largest Y.",
        "image @ weights sums over the last axis: (H, W, 3) @ (3,) gives (H, W). Divide the BT.601 weights by 255.",
        "Y is np.floor(16 + image @ np.array([65.481, 128.553, 24.966]) / 255 + 0.5); cut with [border:-border, "
        "border:-border]; the last line is 10 * np.log10(255**2 / mse).",
    ),
    mistakes=(
        Mistake("full-range luma", says="is Y in the range 16 to 235?", ask="Which Y do published tables use?"),
        Mistake(
            "a difference of two uint8 arrays",
            says="uint8 cannot hold a negative difference",
            ask="What is 3 - 5 in uint8?",
        ),
    ),
)
