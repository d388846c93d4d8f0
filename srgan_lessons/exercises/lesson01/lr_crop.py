"""Exercise 1.3: an LR crop without false borders."""

import itertools
import time
import traceback

import numpy as np
import torch
import torch.nn.functional as F

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array
from srgan_lessons.exercises.shared.pictures import grainy_photo
from srgan_lessons.files import counted
from srgan_lessons.resize import imresize


def lr_crop(photo, top, left, size):
    margin = 8
    # SOLUTION
    above, before = min(margin, top), min(margin, left)  # at the photo's own border there is less
    wide = photo[top - above : top + size + margin, left - before : left + size + margin]
    # STUB
    # wide = ...  # 1. margin HR pixels more on each side, as far as the photo goes
    # END
    lr = imresize(wide, 1 / 4)
    # SOLUTION
    y, x, n = above // 4, before // 4, size // 4
    return lr[y : y + n, x : x + n]
    # STUB
    # return ...  # 2. without what was added
    # END


TOLERANCE = 1.5  # grey levels: Pillow and torch, with antialiasing, are within 1 of MATLAB


def judge(candidate) -> None:
    photo = grainy_photo(100, 124)
    top, left, size = 32, 48, 40
    photo[top - 6 : top - 4], photo[top - 4 : top] = 30, 225  # so that a margin of 4 is noticed, too
    result = _lr_result(call(candidate, photo, top, left, size), size)
    error = np.abs(result - _lr_of_whole(photo, top, left, size))  # (10, 10, 3) in grey levels
    exact = not error.any()  # it uses imresize, not another tool
    most = counted(round(error.max()), "grey level")
    if error.max() > TOLERANCE:
        recognise(result, _lr_slips(photo, top, left, size), within=TOLERANCE)
        if error[3:-3, 3:-3].max() <= TOLERANCE:
            raise NotYet(
                f"The middle is right, but the border is off by up to {most}: LR pixels there "
                "are made from HR pixels up to 8 beyond the crop. Is the margin 8, on all four sides?"
            )
        _name_shift(result, photo, top, left, size)
        raise NotYet(f"It differs from the same part of the whole photo's LR image by up to {most}.")
    corners = {"top left": (0, 0), "bottom right": (60, 84), "top right, 4 pixels from the edge": (4, 84)}
    for place, (top, left) in corners.items():
        where = f"In a corner of the photo ({place})"
        less = "There are fewer pixels to add and to trim in a corner"
        negative = (
            "a slice that begins below 0 counts from the other end" if top < 8 else "a slice stops there by itself"
        )
        try:
            value = as_array(call(candidate, photo, top, left, size))
        except NotYet as error:
            raise NotYet(f"{where}, there is a problem: {error}") from error
        except Exception as error:
            raise NotYet(f"{where}, it stops with {type(error).__name__}. {less}, and {negative}.") from error
        if value.shape != (size // 4, size // 4, 3):
            if top >= 8 and value.shape[:1] == (size // 4,):
                negative = "columns end at photo.shape[1], the width, not at photo.shape[0]"
            raise NotYet(f"{where}, the result has the shape {value.shape}. {less}, and {negative}.")
        if _inner_error(value, _lr_of_whole(photo, top, left, size)) > TOLERANCE:
            _name_shift(value, photo, top, left, size, f"{where}, it is wrong, but right elsewhere: ", CORNER)
            raise NotYet(f"{where}, it is wrong, but right elsewhere. {less}: trim only what was added.")
        if not np.array_equal(value, _lr_of_whole(photo, top, left, size)):
            recognise(
                value, _continued(photo, top, left, size, where), within=0
            )  # the results of other tools equal none of these
            if exact:
                raise NotYet(
                    f"{where}, the outermost pixels are wrong. Use every row and column up to the photo's border, and "
                    "none that the photo does not have."
                )
    check_whole_photo(candidate)


def check_whole_photo(candidate) -> None:
    """Raises NotYet if the whole photo is reduced. The photo used here is larger than any memory.

    Padding the photo and cutting from the result is allowed: the exercise only forbids reducing the whole photo.
    """
    endless = np.broadcast_to(np.full((1, 1, 3), 90, np.uint8), (2**30, 2**30, 3))
    try:
        candidate(endless, 4096, 8192, 16)
    except (MemoryError, RuntimeError, ValueError) as error:
        if any(frame.name == "pad" for frame in traceback.extract_tb(error.__traceback__)) and _is_quick(candidate):
            return
        raise NotYet(
            "The result is right, but the whole photo is reduced for it: on a photo of a billion by a billion pixels, "
            f"this fails with {type(error).__name__}. First cut, with the margin; then reduce what was cut."
        ) from error


def _is_quick(candidate) -> bool:
    """Whether an answer needs much less time for a small crop of a large photo than reducing the whole photo does."""
    large, times = np.full((1600, 1600, 3), 90, np.uint8), []
    for work in (lambda: candidate(large, 64, 128, 16), lambda: imresize(large, 1 / 4)):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return times[0] < times[1] / 2


def _inner_error(result: np.ndarray, right: np.ndarray) -> float:
    """The largest difference in grey levels. It ignores 2 LR pixels at each border, because there the tools differ."""
    return np.abs(result - right)[2:-2, 2:-2].max()


def _lr_slips(photo: np.ndarray, top: int, left: int, size: int) -> dict[str, np.ndarray]:
    """The result of each usual mistake for this crop."""
    rows, columns = slice(top, top + size), slice(left, left + size)
    small_rows, small_columns = (slice(s.start // 4, s.stop // 4) for s in (rows, columns))
    crop = photo[rows, columns]

    def padded(mode: str) -> np.ndarray:
        return imresize(np.pad(crop, ((8, 8), (8, 8), (0, 0)), mode), 1 / 4)[2:-2, 2:-2]

    false_border = "its outermost LR pixels are made from invented pixels"
    mirrored = f"The crop is padded with mirrored pixels: {false_border}. The true pixels are in the photo: cut wider."
    whole = torch.from_numpy(photo).permute(2, 0, 1)[None].double()  # (1, 3, H, W)
    aliased = F.interpolate(whole, scale_factor=1 / 4, mode="bicubic")[0].permute(1, 2, 0).numpy()  # (H/4, W/4, 3)
    every_pixel = "Every HR pixel must count: use imresize."
    lr = imresize(wide := photo[top - 8 : top + size + 8, left - 8 : left + size + 8], 1 / 2)
    n = size // 4
    wrong_size = "imresize(wide, 1 / 4) gives the LR image: yours is"
    one_end = "The margin is missing"
    slips = {}
    for margin in (2, 6, 10, 14):
        odd = imresize(photo[top - margin : top + size + margin, left - margin : left + size + margin], 1 / 4)
        text = f"The margin is {margin}, not a multiple of 4: the LR pixels lie between those of the whole photo."
        slips[text] = odd[margin // 4 : margin // 4 + n, margin // 4 : margin // 4 + n]
    return slips | {
        "The three colours are averaged. Keep all three, as in the photo.": (
            np.repeat(_lr_of_whole(photo, top, left, size).mean(axis=2, keepdims=True), 3, axis=2)
        ),
        f"{one_end} below and on the right.": imresize(wide[:-8, :-8], 1 / 4)[2:, 2:],
        f"{one_end} above and on the left.": imresize(wide[8:, 8:], 1 / 4)[:n, :n],
        f"{one_end} on the left and on the right.": imresize(wide[:, 8:-8], 1 / 4)[2:-2],
        f"{one_end} above and below.": imresize(wide[8:-8], 1 / 4)[:, 2:-2],
        f"{wrong_size} reduced by 2.": lr[2 : 2 + n, 2 : 2 + n],
        f"{wrong_size} enlarged by 4.": imresize(wide, 4)[2 : 2 + n, 2 : 2 + n],
        f"The crop is cut first and reduced afterwards: {false_border}. Cut wider, reduce, then trim.": imresize(
            crop, 1 / 4
        ),
        mirrored: padded("symmetric"),
        mirrored + " (The pixel at the border is not repeated.)": padded("reflect"),
        f"The crop is padded with zeros: {false_border}. The true pixels are in the photo: cut wider.": padded(
            "constant"
        ),
        "Rows and columns are swapped: top counts rows, the first axis.": _lr_of_whole(photo, left, top, size),
        f"It is reduced without antialiasing. {every_pixel}": aliased[small_rows, small_columns].round().clip(0, 255),
        f"It takes only every fourth pixel, which causes aliasing. {every_pixel}": crop[::4, ::4],
    }


INSIDE = "A margin of 8 HR pixels is 2 LR pixels: trim 2 on each side."

CORNER = "Trim only what was added. In HR pixels, that is min(margin, top) above and min(margin, left) on the left."


def _continued(photo: np.ndarray, top: int, left: int, size: int, where: str) -> dict[str, np.ndarray]:
    """The results if the photo is continued beyond its border in a wrong way."""
    ways = {"black": "constant", "mirrored": "symmetric", "mirrored ": "reflect"}
    advice = "Cut only as far as the photo goes: imresize repeats the border pixel by itself."
    end = "left out. A slice does not include its end, so rows may end at photo.shape[0] and columns at photo.shape[1]."
    margin = "is missing. Treat rows and columns separately: one may be at the photo's border when the other is not."
    return (
        {
            f"{where}, the outermost pixels are wrong: the photo's last {line} {end}": _lr_of_whole(
                part, top, left, size
            )
            for line, part in (
                ("row and column are", photo[:-1, :-1]),
                ("row is", photo[:-1]),
                ("column is", photo[:, :-1]),
            )
        }
        | {
            f"{where}, the outermost pixels are wrong: the margin above {margin}": _lr_of_whole(
                photo[top:], 0, left, size
            ),
            f"{where}, the outermost pixels are wrong: the margin on the left {margin}": _lr_of_whole(
                photo[:, left:], top, 0, size
            ),
            f"{where}, the outermost pixels are wrong: the margin above and on the left {margin}": _lr_of_whole(
                photo[top:, left:], 0, 0, size
            ),
        }
        | {
            f"{where}, the outermost pixels are wrong: the photo is continued with {pixels.strip()} pixels. {advice}"
            + " " * pixels.count(" "): _lr_of_whole(
                np.pad(photo, ((8, 8), (8, 8), (0, 0)), mode), top + 8, left + 8, size
            )
            for pixels, mode in ways.items()
        }
    )


def _name_shift(
    result: np.ndarray, photo: np.ndarray, top: int, left: int, size: int, says: str = "", advice: str = INSIDE
) -> None:
    """Raises NotYet if the result is the right picture, shifted by up to 4 LR pixels."""
    for down, right in itertools.product(range(-4, 5), repeat=2):
        if _inner_error(result, _lr_of_whole(photo, top + 4 * down, left + 4 * right, size)) <= TOLERANCE:
            pixels = f"{abs(down)} LR pixel{'' if abs(down) == 1 else 's'}"
            shifted = f"The crop is shifted by {pixels} in height and {abs(right)} in width."
            raise NotYet(f"{says}{shifted[:1].lower() if says else 'T'}{shifted[1:]} {advice}")


def _lr_result(value, size: int) -> np.ndarray:
    """A student's LR crop as float64 (size/4, size/4, 3) in 0..255."""
    n = size // 4
    result = as_array(value)
    sizes = {
        (size, size, 3): "this is still the size of the HR crop. Reduce it by 4",
        (n + 4, n + 4, 3): "the margin is still there. Trim 2 LR pixels on each side",
        (n + 2, n + 2, 3): "the margin is still there at one end. Keep size / 4 pixels along each axis",
        (n - 2, n - 2, 3): "the wide cut must end at top + size + margin, and size / 4 pixels must be kept",
        (n - 4, n - 4, 3): "what is trimmed must be counted in LR pixels: 8 HR pixels are 2 LR pixels",
        (n, n): "the colours are missing. Cut only height and width, and keep the last axis",
        (0, 0, 3): "too much is trimmed. The margin of 8 HR pixels has become 2 LR pixels",
    }
    if result.shape != (n, n, 3):
        reason = sizes.get(result.shape, "top, left and size count HR pixels, but what you keep are LR pixels")
        raise NotYet(f"For size {size}, the result has the shape {result.shape}, not {(n, n, 3)}: {reason}.")
    if result.dtype != np.uint8:
        raise NotYet(f"The result is {result.dtype}; uint8 in 0..255 is expected, like the photo.")
    return result.astype(np.float64)


def _lr_of_whole(photo: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    lr = imresize(photo, 1 / 4).astype(np.float64)
    return np.roll(lr, (-(top // 4), -(left // 4)), axis=(0, 1))[: size // 4, : size // 4]


EXERCISE = Exercise(
    name="lr_crop",
    lesson=1,
    place=3,
    title="an LR crop without false borders",
    difficulty="medium",
    minutes=12,
    reference=lr_crop,
    judge=judge,
    hints=(
        "An LR pixel at the crop's border is made from HR pixels up to 8 beyond it. Let imresize see them.",
        "Cut from top - 8 to top + size + 8, reduce, and trim: 8 HR pixels are 2 LR pixels. What if top is 0?",
        "above = min(margin, top) is what was added at the top; trim above // 4 rows, then keep size // 4 of them. "
        "Do the same with the columns. At the other end, a slice stops by itself.",
    ),
    mistakes=(
        Mistake(
            "cut first, then reduced",
            says="cut first and reduced afterwards",
            ask="What does imresize see beyond the border?",
        ),
        Mistake(
            "the margin trimmed at one end only",
            says="shifted by 2 LR pixels in height and 2 in width",
            ask="Where was the margin added?",
        ),
    ),
)
