"""Lesson 01, Images and scale: the bicubic kernel, its weights, an LR crop without false borders, PSNR on Y."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from srgan_lessons.classroom.judging import Exercise, NotYet, as_array, as_number, call, recognise
from srgan_lessons.resize import imresize

# --- the bicubic kernel ----------------------------------------------------------------------------------------------


def cubic_kernel(x):
    a = -0.5
    x = np.abs(x)
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def keys(x: np.ndarray, a: float) -> tuple[np.ndarray, np.ndarray]:
    """Both pieces of the cubic kernel everywhere, without choosing between them (Keys 1981, eq. 9 to 11)."""
    return (a + 2) * x**3 - (a + 3) * x**2 + 1, a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a


def judge_cubic_kernel(candidate) -> None:
    x = np.arange(-24, 25) / 8  # -3 to 3, with all whole numbers among them
    result = _kernel_of(candidate, x)
    right = cubic_kernel(x)
    far_x = np.abs(x)
    (near, far), (raw_near, raw_far) = keys(far_x, -0.5), keys(x, -0.5)
    half = "It is right for x >= 0 only: the kernel is even"
    both = "The kernel has two pieces: one for |x| <= 1, another for 1 < |x| < 2, and it is zero beyond."
    recognise(
        result,
        {
            "This is the kernel with a = -0.75, the one that torch uses; MATLAB's has a = -0.5.": _chosen(x, -0.75),
            "This is the kernel with a = -1; MATLAB's has a = -0.5.": _chosen(x, -1),
            "This is the kernel with a = +0.5: the sign of a is lost. MATLAB's has a = -0.5.": _chosen(x, 0.5),
            f"The piece for 1 < |x| < 2 is missing. {both}": np.where(far_x <= 1, near, 0),
            f"The piece for |x| <= 1 is missing. {both}": np.where((far_x > 1) & (far_x < 2), far, 0),
            f"It is not zero beyond |x| = 2. {both}": np.where(far_x <= 1, near, far),
            f"The piece for |x| <= 1 is used everywhere. {both}": near,
            f"The two pieces have changed places. {both}": np.where(far_x <= 1, far, np.where(far_x < 2, near, 0)),
            "This is the triangle of linear interpolation. The cubic kernel has overshoots below zero.": np.maximum(
                0, 1 - far_x
            ),
            f"{half}, so it takes |x|.": np.where(x <= 1, raw_near, np.where(x < 2, raw_far, 0)),
            f"{half}, so both pieces take |x|.": np.where(far_x <= 1, raw_near, np.where(far_x < 2, raw_far, 0)),
            f"{half}, so the piece for |x| <= 1 takes |x|, too.": np.where(
                far_x <= 1, raw_near, np.where(far_x < 2, far, 0)
            ),
            f"{half}, so the piece for 1 < |x| < 2 takes |x|, too.": np.where(
                far_x <= 1, near, np.where(far_x < 2, raw_far, 0)
            ),
        },
        within=1e-4,
    )
    if result.dtype.kind in "iu":
        raise NotYet("The result holds whole numbers, so the fractions are cut off. Make it an array of floats.")
    worst = int(np.abs(result - right).argmax())
    if abs(result[worst] - right[worst]) > 1e-4:
        raise NotYet(f"At x = {x[worst]:g} it gives {result[worst]:.4f}; {right[worst]:.4f} is expected. {both}")
    plane = x[:48].reshape(6, 8)
    if np.abs(_kernel_of(candidate, plane) - cubic_kernel(plane)).max() > 1e-4:
        raise NotYet("It is right for an array of one axis and wrong for one of two. Work on all places at once.")


def _kernel_of(candidate, x: np.ndarray) -> np.ndarray:
    """The candidate at x. numpy's complaint about a choice among whole arrays is put in the lesson's words."""
    try:
        return as_array(call(candidate, x), x.shape)
    except ValueError as error:
        if "truth value" not in str(error):
            raise
        more = "`if`, `and` and 1 < x < 2 want one yes or no; x holds many. Choose by np.where, join by (...) & (...)"
        if x.ndim > 1:
            more += ". Here x has two axes, and its items are rows"
        raise ValueError(more).with_traceback(error.__traceback__) from None  # still with the student's line


def _chosen(x: np.ndarray, a: float) -> np.ndarray:
    near, far = keys(np.abs(x), a)
    return np.where(np.abs(x) <= 1, near, np.where(np.abs(x) < 2, far, 0))


# --- its weights where the image shrinks -----------------------------------------------------------------------------


def bicubic_weights(distance, factor):
    weight = cubic_kernel(distance / factor)
    return weight / weight.sum()


def judge_bicubic_weights(candidate) -> None:
    for factor in (4, 2, 3):
        distance = np.arange(-2 * factor, 2 * factor) + 0.5 * (factor % 2 == 0)  # HR pixels to the LR pixel's centre
        wide, narrow, squeezed = (cubic_kernel(distance * by) for by in (1 / factor, 1, factor))
        positive, total = np.maximum(wide, 0), wide.sum()
        wider = f"At a factor of {factor} it reaches {2 * factor} HR pixels to each side: divide the distances by it."
        no_sum = f"The weights are NaN: their sum was 0. Is the kernel too narrow? {wider}"
        result = _finite(as_array, call(candidate, distance, factor), distance.shape, says=no_sum)
        few = "The kernel is not widened: it looks at 4 pixels and skips the rest, which is aliasing."
        slips = {
            f"The weights sum to {total:g}, not to 1: the picture would become {total:g} times as bright.": wide,
            f"{few} {wider}": narrow / narrow.sum(),
            f"{few} {wider} And make the sum of the weights 1.": narrow,
            "The largest weight is 1. It is the sum of the weights that must be 1.": wide / wide.max(),
            f"The kernel has become narrower. {wider}": squeezed / (squeezed.sum() or 1),
            "The negative weights are lost. They keep edges sharp: keep them.": positive / positive.sum(),
        }
        recognise(result, slips, within=1e-6)
        if abs(result.sum() - 1) > 1e-4:
            raise NotYet(f"The weights sum to {result.sum():.4f}, not to 1, at a factor of {factor}.")
        if np.abs(result - bicubic_weights(distance, factor)).max() > 1e-4:
            raise NotYet(f"The weights sum to 1 and have not the kernel's shape. {wider}")


def _finite(read: Callable, value: Any, how: Any, *, says: str) -> Any:
    """read(value, how), with a message of its own where the value holds NaN or infinity."""
    try:
        return read(value, how)
    except NotYet as error:
        raise NotYet(says if "NaN" in str(error) else str(error)) from error


# --- an LR crop without false borders --------------------------------------------------------------------------------


def lr_crop(photo, top, left, size):
    margin = 8
    above, before = min(margin, top), min(margin, left)  # at the photo's own border there is less
    wide = photo[top - above : top + size + margin, left - before : left + size + margin]
    lr = imresize(wide, 1 / 4)
    y, x, n = above // 4, before // 4, size // 4
    return lr[y : y + n, x : x + n]


TOLERANCE = 1.5  # grey levels: Pillow and torch, with antialiasing, are within 1 of MATLAB


def judge_lr_crop(candidate) -> None:
    photo = _test_photo(100, 124)
    top, left, size = 32, 48, 40
    photo[top - 6 : top - 4], photo[top - 4 : top] = 30, 225  # so that a margin of 4, too, shows
    result = _lr_result(call(candidate, photo, top, left, size), size)
    error = np.abs(result - _lr_of_whole(photo, top, left, size))  # (10, 10, 3) in grey levels
    if error.max() > TOLERANCE:
        recognise(result, _lr_slips(photo, top, left, size), within=TOLERANCE)
        if error[3:-3, 3:-3].max() <= TOLERANCE:
            raise NotYet(
                f"The middle is right, the border is up to {error.max():.0f} grey levels off: LR pixels there are made "
                "from HR pixels up to 8 beyond the crop. Is the margin 8?"
            )
        _name_shift(result, photo, top, left, size)
        raise NotYet(f"It differs by up to {error.max():.0f} grey levels from the whole photo's LR image, cut there.")
    corners = {"top left": (0, 0), "bottom right": (60, 84), "top right, 4 pixels from the edge": (4, 84)}
    for place, (top, left) in corners.items():
        where = f"At the photo's own corner ({place})"
        less = "There is less margin there to cut and to trim"
        negative = "numpy counts a negative index from the other end"
        try:
            value = as_array(call(candidate, photo, top, left, size))
        except Exception as error:
            raise NotYet(f"{where} it stops with {type(error).__name__}. {less}; and {negative}.") from error
        if value.shape != (size // 4, size // 4, 3):
            raise NotYet(f"{where} the result has the shape {value.shape}. {less}; and {negative}.")
        if _inner_error(value, _lr_of_whole(photo, top, left, size)) > TOLERANCE:
            raise NotYet(f"{where} it is wrong, elsewhere right. {less}: trim only what was added.")


def _inner_error(result: np.ndarray, right: np.ndarray) -> float:
    """The largest difference in grey levels, 2 LR pixels from the border or more: at a photo's border, tools differ."""
    return np.abs(result - right)[2:-2, 2:-2].max()


def _lr_slips(photo: np.ndarray, top: int, left: int, size: int) -> dict[str, np.ndarray]:
    """What each usual mistake gives for this crop."""
    rows, columns = slice(top, top + size), slice(left, left + size)
    small_rows, small_columns = (slice(s.start // 4, s.stop // 4) for s in (rows, columns))
    crop = photo[rows, columns]

    def padded(mode: str) -> np.ndarray:
        return imresize(np.pad(crop, ((8, 8), (8, 8), (0, 0)), mode), 1 / 4)[2:-2, 2:-2]

    false_border = "its outermost LR pixels are made from pixels invented beyond the crop"
    mirrored = f"The crop is padded with mirrored pixels: {false_border}. The photo holds the true ones: cut wider."
    whole = torch.from_numpy(photo).permute(2, 0, 1)[None].double()  # (1, 3, H, W)
    aliased = F.interpolate(whole, scale_factor=1 / 4, mode="bicubic")[0].permute(1, 2, 0).numpy()  # (H/4, W/4, 3)
    every_pixel = "Every HR pixel must count: use imresize."
    return {
        f"The crop is cut first and reduced then: {false_border}. Cut wider, reduce, then trim.": imresize(crop, 1 / 4),
        mirrored: padded("symmetric"),
        mirrored + " (The pixel at the border is not repeated.)": padded("reflect"),
        f"The crop is padded with zeros: {false_border}. The photo holds the true ones: cut wider.": padded("constant"),
        "Rows and columns are swapped: top counts rows, the first axis.": _lr_of_whole(photo, left, top, size),
        f"It is reduced without antialiasing. {every_pixel}": aliased[small_rows, small_columns].round().clip(0, 255),
        f"It takes every fourth pixel, which is aliasing. {every_pixel}": crop[::4, ::4],
    }


def _name_shift(result: np.ndarray, photo: np.ndarray, top: int, left: int, size: int) -> None:
    """Raises NotYet if the right picture is there, up to 4 LR pixels from its place."""
    for down, right in itertools.product(range(-4, 5), repeat=2):
        if _inner_error(result, _lr_of_whole(photo, top + 4 * down, left + 4 * right, size)) <= TOLERANCE:
            raise NotYet(
                f"The crop is shifted by {abs(down)} LR pixels in height and {abs(right)} in width. A margin of 8 HR "
                "pixels is 2 LR pixels: trim 2 on each side."
            )


def _lr_result(value, size: int) -> np.ndarray:
    """A student's LR crop as float64 (size/4, size/4, 3) in 0..255."""
    n = size // 4
    result = as_array(value)
    sizes = {
        (size, size, 3): "this is still the size of the HR crop. Reduce it by 4",
        (n + 4, n + 4, 3): "the margin is still there. Trim 2 LR pixels on each side",
        (0, 0, 3): "too much is trimmed. The margin of 8 HR pixels has become 2 LR pixels",
    }
    if result.shape != (n, n, 3):
        reason = sizes.get(result.shape, "top, left and size count HR pixels")
        raise NotYet(f"For size {size} the result has the shape {result.shape}, not {(n, n, 3)}: {reason}.")
    if result.dtype != np.uint8:
        raise NotYet(f"The result is {result.dtype}; uint8 in 0..255 is expected, like the photo.")
    return result.astype(np.float64)


def _lr_of_whole(photo: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    lr = imresize(photo, 1 / 4).astype(np.float64)
    return np.roll(lr, (-(top // 4), -(left // 4)), axis=(0, 1))[: size // 4, : size // 4]


# --- PSNR on Y -------------------------------------------------------------------------------------------------------


def psnr_y(sr, hr):
    border = 4

    def luma(image):
        y = 16 + image @ np.array([65.481, 128.553, 24.966]) / 255
        return np.floor(y + 0.5)

    difference = (luma(sr) - luma(hr))[border:-border, border:-border]
    mse = np.mean(difference**2)
    return 10 * np.log10(255**2 / mse)


BT601 = np.array([65.481, 128.553, 24.966]) / 255  # R, G, B in 0..255 -> Y in 16..235 (ITU-R BT.601)
FULL_RANGE = np.array([0.299, 0.587, 0.114])  # -> Y in 0..255
BT709 = np.array([0.2126, 0.7152, 0.0722]) * 219 / 255  # ITU-R BT.709


def judge_psnr_y(candidate) -> None:
    for hr, sr in _test_pairs():
        result = _finite(
            as_number,
            call(candidate, sr, hr),
            "the PSNR",
            says="The PSNR is NaN or infinite: no pixel was left to average, or both lumas are equal. The channels are "
            "the last axis: R is image[..., 0], and image[0] is the first row.",
        )
        right = psnr_y(sr, hr)
        if abs(result - right) <= 0.001:
            continue
        recognise(result, _psnr_slips(sr, hr, result - right), within=0.001)
        raise NotYet(
            f"The PSNR is {_off(result - right)}: {result:.3f} instead of {right:.3f}. The steps are: Y by BT.601, "
            "limited range, whole numbers, 4 pixels cut from each border, peak 255."
        )


def _psnr_slips(sr: np.ndarray, hr: np.ndarray, off: float) -> dict[str, float]:
    """What each usual mistake gives for this pair of images."""

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
    rgb = start + "it is taken over R, G and B. The protocol looks at Y alone."
    full = start + "is Y in the range 16 to 235? This Y goes from 0 to 255 (full range)."
    cut = start + "4 pixels must be cut from each border before the mean."
    return {
        rgb: db(*floats),
        rgb + " And 4 pixels must be cut from each border.": db(*floats, border=0),
        rgb + " " + overflow: 10 * np.log10(255**2 / np.mean(rgb_wrapped.astype(float) ** 2)),
        overflow: 10 * np.log10(255**2 / np.mean(wrapped.astype(float) ** 2)),
        overflow + " So does its square.": 10 * np.log10(255**2 / np.mean(wrapped**2)),
        full: db(y(sr, FULL_RANGE), y(hr, FULL_RANGE)),
        full + " Nor is it rounded.": db(y(sr, FULL_RANGE, unrounded), y(hr, FULL_RANGE, unrounded)),
        full + " And 4 pixels must be cut from each border.": db(y(sr, FULL_RANGE), y(hr, FULL_RANGE), border=0),
        start + "this Y is that of BT.709. The community protocol uses BT.601.": db(y(sr, BT709), y(hr, BT709)),
        start + "R and B are swapped. The photos are in the order R, G, B.": db(y(sr[..., ::-1]), y(hr[..., ::-1])),
        cut: db(a, b, border=0),
        cut + " Nor is Y rounded.": db(y(sr, rounding=unrounded), y(hr, rounding=unrounded), border=0),
        start + "the border is cut at the top and left only.": db(a[4:, 4:], b[4:, 4:], border=0),
        start + "the border is cut at the top and bottom only: columns have one, too.": db(a[4:-4], b[4:-4], border=0),
        start + "the weights of R, G and B are not divided by 255.": db(y(sr, 255 * BT601), y(hr, 255 * BT601)),
        start + "only B's product is divided by 255: put the sum in brackets.": db(y(sr, uneven), y(hr, uneven)),
        start + "8 pixels are cut from each border, not 4.": db(a, b, border=8),
        start + "2 pixels are cut from each border, not 4.": db(a, b, border=2),
        start + "Y is not rounded. An 8-bit file holds whole numbers: round Y before you subtract.": db(
            y(sr, rounding=unrounded), y(hr, rounding=unrounded)
        ),
        start + "Y is cut off to whole numbers, not rounded.": db(y(sr, rounding=np.floor), y(hr, rounding=np.floor)),
        start + "this is the natural logarithm. Decibels take the logarithm to base 10.": right * np.log(10),
        start + "twice too much. It is 10 log10 of the MSE, or 20 log10 of its root.": 2 * right,
        start + "half of it is missing. It is 10 log10 of peak² over MSE, or 20 log10 of peak over its root.": right
        / 2,
        start + "the peak is 1 here, and Y goes up to 235. Take 255 as the peak.": db(a, b, peak=1.0),
        start + "the peak is not squared. It is 10 log10 of peak² over MSE.": 10 * np.log10(255 / mse),
        start + "the peak is 219, the width of Y's range. The protocol takes 255.": db(a, b, peak=219.0),
        start + "the peak is 235, Y's white. The protocol takes 255.": db(a, b, peak=235.0),
        start + "the peak is the largest value of this image. The protocol takes 255.": db(a, b, peak=b.max()),
        "The sign is wrong: the smaller the MSE, the higher the PSNR. It is peak² over MSE, not the reverse.": -right,
        "This is the MSE. The PSNR is 10 log10 of peak² over it, in dB.": mse,
        "This is the root of the MSE. The PSNR is 20 log10 of the peak over it, in dB.": np.sqrt(mse),
    }


def _off(difference: float) -> str:
    """-1.3 -> "1.30 dB low"."""
    digits = 2 if abs(difference) >= 0.1 else 3
    return f"{abs(difference):.{digits}f} dB {'low' if difference < 0 else 'high'}"


def _test_pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Two pairs (hr, sr), coloured, noisier at the border, so that each slip changes the PSNR by more than 0.002 dB."""
    pairs = []
    for height, width, noise in ((44, 60, 3.0), (57, 40, 12.0)):
        hr = _test_photo(height, width)
        rng = np.random.default_rng(height)
        error = rng.normal(0, 1, hr.shape) * [1.0, 0.7, 1.6] * noise
        error[:4] *= 2
        error[:, -4:] *= 2
        pairs.append((hr, np.clip(np.round(hr + error), 0, 255).astype(np.uint8)))
    return pairs


def _test_photo(height: int, width: int) -> np.ndarray:
    """A small coloured picture with gradients, waves and grain, uint8 (height, width, 3), the same each time."""
    rows, columns = np.mgrid[:height, :width]
    red = 128 + 80 * np.sin(rows / 3.1 + columns / 7.3)
    green = 40 + 170 * columns / width + 30 * np.sin(columns / 2.3)
    blue = 220 - 160 * rows / height + 30 * np.cos((rows - columns) / 4.7)
    grain = np.random.default_rng(0).normal(0, 12, (height, width, 3))
    return np.clip(np.stack([red, green, blue], axis=-1) + grain, 0, 255).astype(np.uint8)


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="cubic_kernel",
        lesson=1,
        title="the bicubic kernel",
        difficulty="easy",
        minutes=8,
        stub="""
            def cubic_kernel(x):
                a = -0.5
                near = ...  # 1. the piece for |x| <= 1
                far = ...  # 2. the piece for 1 < |x| < 2
                return ...  # 3. near, far, or zero
            """,
        reference=cubic_kernel,
        judge=judge_cubic_kernel,
        hints=(
            "The kernel is even and both pieces are written in |x|. Take the absolute value once, first.",
            "Compute both pieces at every place, as if each held everywhere; choose between them at the end.",
            "np.where(x <= 1, near, other) takes near where x <= 1. other is itself np.where(x < 2, far, 0).",
        ),
    ),
    Exercise(
        name="bicubic_weights",
        lesson=1,
        title="the weights of one LR pixel",
        difficulty="easy",
        minutes=5,
        stub="""
            def bicubic_weights(distance, factor):
                weight = ...  # 1. the kernel, as wide as the LR pixels are
                return ...  # 2. the same, with a sum of 1
            """,
        reference=bicubic_weights,
        judge=judge_bicubic_weights,
        hints=(
            "The kernel counts in pixels of the coarser grid. How long is an HR pixel, measured in LR pixels?",
            "A distance of 4 HR pixels is a distance of 1 LR pixel: scale the distance, then call cubic_kernel.",
            "weight = cubic_kernel(distance / factor); then divide weight by weight.sum().",
        ),
    ),
    Exercise(
        name="lr_crop",
        lesson=1,
        title="an LR crop without false borders",
        difficulty="medium",
        minutes=12,
        stub="""
            def lr_crop(photo, top, left, size):
                margin = 8
                wide = ...  # 1. margin HR pixels more on each side, as far as the photo goes
                lr = imresize(wide, 1 / 4)
                return ...  # 2. without what was added
            """,
        reference=lr_crop,
        judge=judge_lr_crop,
        hints=(
            "An LR pixel at the crop's border is made from HR pixels up to 8 beyond it. Let imresize see them.",
            "Cut from top - 8 to top + size + 8, reduce, and trim: 8 HR pixels are 2 LR pixels. What if top is 0?",
            "above = min(margin, top) is what was added at the top; trim above // 4 rows, then keep size // 4 of them. "
            "The same for the columns. At the other end a slice stops by itself.",
        ),
    ),
    Exercise(
        name="psnr_y",
        lesson=1,
        title="PSNR on Y",
        difficulty="medium",
        minutes=10,
        stub="""
            def psnr_y(sr, hr):
                border = 4

                def luma(image):
                    y = ...  # 1. BT.601, limited range: from 16 to 235
                    return ...  # 2. whole numbers, as in an 8-bit file

                difference = ...  # 3. between the two lumas, without the border
                mse = np.mean(difference**2)
                return ...  # 4. in dB, for a peak of 255
            """,
        reference=psnr_y,
        judge=judge_psnr_y,
        hints=(
            "Four steps, in this order: luma, rounding, border, logarithm. Print Y's smallest and largest value first.",
            "image @ weights sums over the last axis: (H, W, 3) @ (3,) gives (H, W). Divide the BT.601 weights by 255.",
            "Y is np.floor(16 + image @ np.array([65.481, 128.553, 24.966]) / 255 + 0.5); cut with [border:-border, "
            "border:-border]; the last line is 10 * np.log10(255**2 / mse).",
        ),
    ),
)
