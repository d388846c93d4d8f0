"""Exercise 8.1: the PSNR of a set."""

import functools
import math
import re
from collections.abc import Callable

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import apart, recognise
from srgan_lessons.exercises.reading import as_array, as_number
from srgan_lessons.images import sample_photos
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize


def psnr_of_set(enlarge, photos):
    values = []
    # SOLUTION
    for hr in photos:
        height, width = (n // 4 * 4 for n in hr.shape[:2])
        hr = hr[:height, :width]  # whole tiles of 4 x 4
        lr = imresize(hr, 1 / 4)
        values.append(psnr(enlarge(lr), hr))
    return np.mean(values)
    # STUB
    # for hr in photos:
    #     hr = ...  # 1. cut at the bottom and on the right, to a multiple of 4
    #     lr = ...  # 2. the LR image
    #     values.append(...)  # 3. the method's PSNR on this photo
    # return ...  # 4. one number
    # END


def judge(candidate) -> None:
    photos = set_photos()
    try:
        result = call(candidate, blocks, photos)
    except UserError as error:
        said = re.findall(r"(\d+)x(\d+)", str(error))
        if len(said) == 2 and any(int(a) >= 4 * int(b) for a, b in zip(*said, strict=True)):
            raise NotYet(
                f"psnr says: {error}. One is 4 times as large as the other. The method enlarges the LR image, not HR, "
                "and its result is compared with HR: psnr(enlarge(lr), hr)."
            ) from error
        if "differ in size" in str(error) and len(said) == 2:
            raise NotYet(f"psnr says: {error}. {_why_sizes_differ(*[(int(a), int(b)) for a, b in said])}") from error
        if re.search(r"\(0, |, 0, 3\)", str(error)):
            raise NotYet(
                "Nothing is left of a photo whose sides are multiples of 4: there the remainder is 0, and hr[:-0] is "
                "empty. Say where to stop instead: hr[: h // 4 * 4, : w // 4 * 4]."
            ) from error
        raise
    values = as_array(result)
    if values.shape == (len(photos),):
        raise NotYet("It returns one value for each photo. One number is expected: their mean.")
    found = as_number(result)
    right = set_psnr(photos)
    if abs(found - right) <= 1e-4:
        _judge_another_number(candidate, photos[:3])
        return
    recognise(found, slips_found(), within=1e-4)
    if any(abs(found - round(right, digits)) < 1e-9 for digits in range(4)):
        raise NotYet("The result is rounded. Return all its digits, and round only where you print it.")
    for photo in sorted(photos, key=np.size):
        mine, theirs = as_number(call(candidate, blocks, [photo])), set_psnr([photo])
        if abs(mine - theirs) > 1e-4:
            one, other = apart(mine, theirs)
            height, width = photo.shape[:2]
            cut_to = f"is cut to {height // 4 * 4} x {width // 4 * 4} first, at the bottom and on the right, and then"
            what = (
                "consists of whole tiles of 4 x 4, so nothing is cut. It" if cut(photo).shape == photo.shape else cut_to
            )
            raise NotYet(
                f"For a single photo of {height} x {width} pixels, it gives {one} dB; {other} is expected. That photo "
                f"{what} is reduced by imresize(hr, 1 / 4), enlarged by `enlarge`, and compared by psnr(sr, hr). "
                "Nothing else happens to it."
            )
    one, other = apart(found, right)
    raise NotYet(
        f"The PSNR of each single photo is right, but the four together give {one} dB; {other} is expected: the mean "
        "of the four, each counted once."
    )


def _judge_another_number(candidate: Callable, photos: list[np.ndarray]) -> None:
    found, right = as_number(call(candidate, blocks, photos)), set_psnr(photos)
    if abs(found - right) > 1e-4:
        raise NotYet(
            f"The result is right for four photos, but for {len(photos)} it is {found:.4g} dB; {right:.4g} is expected."
            " Is the sum divided by a fixed number? Divide it by the number of photos."
        )


def _why_sizes_differ(sr: tuple[int, int], hr: tuple[int, int]) -> str:
    """What is wrong if SR and HR have these sizes when they are compared."""
    height, width = hr
    if sr[0] != height and abs(sr[0] / height - sr[1] / width) < 0.01 and sr[0] >= 1.5 * height:
        return "SR is much larger than HR. LR should have a quarter of HR's height and width: imresize(hr, 1 / 4)."
    if any((min(w // 4 * 4, h), min(h // 4 * 4, w)) == hr != (h, w) for h, w, _ in map(np.shape, set_photos())):
        return (
            f"HR was cut to {height} x {width} pixels: height and width have changed places. The height is "
            "hr.shape[0], and rows are the first axis: hr[:height, :width]."
        )
    uncut = [name for name, n in (("rows", height), ("columns", width)) if n % 4]
    if uncut:
        return (
            f"HR has {height} x {width} pixels here: its {' and '.join(uncut)} do not fill whole tiles of 4 x 4. Cut "
            "HR to a multiple of 4 first, its height and its width (rows are the first axis, hr[:height, :width]). "
            "Then make LR from what is left."
        )
    return (
        "A photo of 51 x 65 pixels has an LR image of 13 x 17, which is enlarged to 52 x 68. Cut HR to a multiple of 4 "
        "first (rows are the first axis, hr[:height, :width]). Then make LR from what is left."
    )


@functools.cache
def set_photos() -> list[np.ndarray]:
    """Four small photos. Neither the easiest nor the hardest is first or last, and two have incomplete tiles."""
    photos = sample_photos()
    return [
        photos["coffee"][40:91, 60:125],
        photos["chelsea"][88:140, 40:104],
        photos["motorcycle"][200:262, 420:478],
        photos["astronaut"][20:72, 150:198],
    ]


def blocks(lr: np.ndarray) -> np.ndarray:
    """The method that is measured. Each pixel becomes a square of 4 x 4 pixels, a little brighter."""
    return np.minimum(lr, 250).repeat(4, axis=0).repeat(4, axis=1) + np.uint8(5)


def cut(photo: np.ndarray) -> np.ndarray:
    height, width = (n // 4 * 4 for n in photo.shape[:2])
    return photo[:height, :width]


def pooled(values: list[float], photos: list[np.ndarray]) -> float:
    """The PSNR of one MSE for all photos, with one logarithm."""
    return 10 * math.log10(255**2 / np.mean([255**2 / 10 ** (value / 10) for value in values]))


def pooled_pixels(values: list[float], photos: list[np.ndarray]) -> float:
    """The same, but the MSE is that of all pixels inside the borders, so large photos count more."""
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
    collect: Callable = lambda values, photos: float(np.mean(values)),
) -> float:
    """The PSNR of a set, computed with one slip."""
    photos = [cut(photo) for photo in photos]
    return collect([measure(enlarge(reduce(hr)), hr) for hr in photos], photos)


@functools.cache
def slips_found() -> dict[str, float]:
    """What each usual mistake gives for the four photos, alone and together with a sum that is not divided."""
    also = " And divide the sum by the number of photos."
    summed = {m + also: s | {"collect": lambda v, p: sum(v)} for m, s in SET_SLIPS.items() if "collect" not in s}
    late = {LATE: {"cut": lambda photo: photo, "measure": _cut_late}}
    return {message: set_psnr(set_photos(), **slip) for message, slip in (SET_SLIPS | late | summed).items()}


def _end(photo: np.ndarray) -> np.ndarray:
    height, width = photo.shape[:2]
    return photo[height % 4 :, width % 4 :]


def _middle(photo: np.ndarray) -> np.ndarray:
    (height, top), (width, left) = ((n // 4 * 4, n % 4 // 2) for n in photo.shape[:2])
    return photo[top : top + height, left : left + width]


def _padded(photo: np.ndarray) -> np.ndarray:
    return np.pad(photo, [(0, -photo.shape[0] % 4), (0, -photo.shape[1] % 4), (0, 0)], mode="edge")


def _square(photo: np.ndarray) -> np.ndarray:
    side = min(photo.shape[:2]) // 4 * 4
    return photo[:side, :side]


def _cut_late(sr: np.ndarray, hr: np.ndarray) -> float:
    height, width = cut(hr).shape[:2]
    return psnr(sr[:height, :width], hr[:height, :width])


def _rgb(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


SET_SLIPS = {
    "All errors went into one MSE, and the logarithm was taken once. The hardest photo then decides alone. Take the "
    "PSNR of each photo, then the mean of these decibels.": {"collect": pooled},
    "All pixels of the set went into one MSE, so that hard and large photos decide. Take the PSNR of each photo, then "
    "the mean of these decibels.": {"collect": pooled_pixels},
    "Photos with more pixels count more. All photos of a set have equal weight: take a plain mean.": {
        "collect": lambda v, p: float(np.average(v, weights=[x.shape[0] * x.shape[1] for x in p]))
    },
    "Photos whose sides are not multiples of 4 are left out. Cut them, and count all.": {
        "collect": lambda v, p: float(
            np.mean([x for x, photo in zip(v, set_photos(), strict=True) if cut(photo).shape == photo.shape])
        )
    },
    "The sum is divided by one less than the number of photos. Divide it by their number.": {
        "collect": lambda v, p: sum(v) / max(1, len(v) - 1)
    },
    "This is the smallest of the values. The mean over the photos is expected.": {"collect": lambda v, p: min(v)},
    "This is the median of the values. Papers report the mean.": {"collect": lambda v, p: float(np.median(v))},
    "This is the sum of the values. Divide it by the number of photos.": {"collect": lambda v, p: float(sum(v))},
    "This is the value of the last photo alone. Collect the values of all photos, and average them after the loop.": {
        "collect": lambda v, p: v[-1]
    },
    "This is the value of the first photo alone. Is the `return` inside the loop?": {"collect": lambda v, p: v[0]},
    "This is the best of the values. The mean over the photos is expected.": {"collect": lambda v, p: max(v)},
    "The LR image is enlarged by bicubic, whatever the method. Call `enlarge(lr)`, the method to be measured.": {
        "enlarge": lambda lr: imresize(lr, 4)
    },
    "The LR image was made by taking every fourth pixel, without antialiasing. Use imresize(hr, 1 / 4).": {
        "reduce": lambda hr: hr[::4, ::4]
    },
    "HR was cut at the top and on the left. Everybody keeps the top left corner, and cuts at the bottom and on the "
    "right: hr[:height, :width].": {"cut": _end},
    "HR was cut on all sides, and its middle was kept. Keep the top left corner: hr[:height, :width].": {
        "cut": _middle
    },
    "HR was cut to a square. Keep all whole tiles: height and width are cut separately, hr[:height, :width].": {
        "cut": _square
    },
    "HR was padded to whole tiles. Cut off what does not fill a tile: hr[:height, :width].": {"cut": _padded},
    "The method enlarges HR. Give it the LR image: enlarge(lr).": {
        "reduce": lambda hr: hr,
        "measure": lambda sr, hr: psnr(sr[: hr.shape[0], : hr.shape[1]], hr),
    },
    "SR is reduced again, and compared with LR. Compare it with HR: psnr(enlarge(lr), hr).": {
        "measure": lambda sr, hr: psnr(imresize(sr, 1 / 4), imresize(hr, 1 / 4))
    },
    'This is the protocol "paper". The task asks for the community\'s, which is the default of psnr(sr, hr).': {
        "measure": lambda a, b: psnr(a, b, protocol="paper")
    },
    "The borders were not cut. psnr(sr, hr) cuts 4 pixels by itself.": {"measure": lambda a, b: psnr(a, b, border=0)},
    "The borders were cut twice. psnr(sr, hr) cuts 4 pixels by itself: give it the whole pictures.": {
        "measure": lambda a, b: psnr(a[4:-4, 4:-4], b[4:-4, 4:-4])
    },
    "This is the PSNR of R, G and B. The protocol looks at luma: use psnr(sr, hr).": {
        "measure": lambda a, b: _rgb(a[4:-4, 4:-4], b[4:-4, 4:-4])
    },
    "This is the PSNR of R, G and B, borders and all. The protocol looks at luma, without borders: use psnr(sr, hr).": {
        "measure": _rgb
    },
}
LATE = (
    "LR was made from the uncut photo, and HR and SR were cut afterwards. The rows and columns that are cut off "
    "still have an effect on LR. Cut HR first, and make LR from what is left."
)


EXERCISE = Exercise(
    name="psnr_of_set",
    lesson=8,
    place=1,
    title="the PSNR of a set",
    difficulty="medium",
    minutes=7,
    reference=psnr_of_set,
    judge=judge,
    hints=(
        "What does 50 // 4 * 4 give? And which comes first, the mean or the logarithm?",
        "Cut with slices: hr[:height, :width]. LR is imresize(hr, 1 / 4), made from the cut photo. psnr(sr, hr) "
        "gives the decibels of one photo.",
        "height, width = (n // 4 * 4 for n in hr.shape[:2]); values.append(psnr(enlarge(lr), hr)); finally "
        "np.mean(values).",
    ),
    mistakes=(
        Mistake(
            "one logarithm for the whole set",
            says="hardest photo then decides",
            ask="What would the pooled number reward?",
        ),
        Mistake(
            "LR from the uncut photo",
            says="Cut HR to a multiple of 4 first",
            ask="How large is the SR of a photo with 481 columns?",
        ),
    ),
)
