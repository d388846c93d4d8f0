"""Exercise 8.1: the PSNR of a set."""

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
                f"psnr says: {error}. One is 4 times as large: the method enlarges the LR image, not HR, and its "
                "result is compared with HR: psnr(enlarge(lr), hr)."
            ) from error
        if "differ in size" in str(error):
            raise NotYet(
                f"psnr says: {error}. A photo of 51 x 65 pixels has an LR image of 13 x 17, and that is enlarged to "
                "52 x 68. Cut HR to a multiple of 4 first (rows are the first axis, hr[:height, :width]), "
                "then make LR from what is left."
            ) from error
        raise
    values = as_array(result)
    if values.shape == (len(photos),):
        raise NotYet("One value for each photo came back. One number is expected: their mean.")
    found = as_number(result)
    right = set_psnr(photos)
    if abs(found - right) <= 1e-4:
        return
    recognise(found, {message: set_psnr(photos, **slip) for message, slip in SET_SLIPS.items()}, within=1e-4)
    if abs(found - round(right)) < 1e-9 or abs(found - round(right, 1)) < 1e-9:
        raise NotYet("The result is rounded. Return all its digits, and round only where you print it.")
    for photo in sorted(photos, key=np.size):
        mine, theirs = as_number(call(candidate, blocks, [photo])), set_psnr([photo])
        if abs(mine - theirs) > 1e-4:
            one, other = apart(mine, theirs)
            height, width = photo.shape[:2]
            raise NotYet(
                f"With one photo of {height} x {width} pixels alone it gives {one} dB; {other} is expected. That "
                f"photo is cut "
                f"to {height // 4 * 4} x {width // 4 * 4} first, on all sides where that is needed, then reduced."
            )
    one, other = apart(found, right)
    raise NotYet(
        f"Each photo alone is right; four together give {one} dB, and {other} is expected: the mean of the four, each "
        "counted once."
    )


def set_photos() -> list[np.ndarray]:
    """Four small photos. The easiest is neither the first nor the last, and two do not consist of whole tiles."""
    photos = sample_photos()
    return [
        photos["coffee"][40:80, 60:124],
        photos["chelsea"][88:139, 40:105],
        photos["astronaut"][20:72, 150:198],
        photos["motorcycle"][200:262, 420:478],
    ]


def blocks(lr: np.ndarray) -> np.ndarray:
    """The method that is measured. Each pixel becomes a square of 4 x 4 pixels, a little brighter."""
    return np.minimum(lr, 250).repeat(4, axis=0).repeat(4, axis=1) + np.uint8(5)


def cut(photo: np.ndarray) -> np.ndarray:
    height, width = (n // 4 * 4 for n in photo.shape[:2])
    return photo[:height, :width]


def _mean(values: list[float], photos: list[np.ndarray]) -> float:
    return float(np.mean(values))


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
    collect: Callable = _mean,
) -> float:
    """The PSNR of a set, computed with one slip."""
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
    "This is the value of the last photo alone. Collect the values of all, and take their mean after the loop.": {
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
        "What does 50 // 4 * 4 give? And which is taken first, the mean or the logarithm?",
        "Cut with slices: hr[:height, :width]. LR is imresize(hr, 1 / 4), made from the cut photo. psnr(sr, hr) "
        "gives the decibels of one photo.",
        "height, width = (n // 4 * 4 for n in hr.shape[:2]); values.append(psnr(enlarge(lr), hr)); at the end "
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
            ask="How large is SR of a photo with 481 columns?",
        ),
    ),
)
