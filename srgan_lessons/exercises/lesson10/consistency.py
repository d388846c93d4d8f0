"""Exercise 10.2: does it fit the LR picture?"""

import re
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array
from srgan_lessons.metrics import luma
from srgan_lessons.resize import imresize


def consistency(sr, lr):
    # SOLUTION
    again = imresize(sr, 1 / 4)
    difference = again.astype(float) - lr
    # STUB
    # again = ...  # 1. the LR picture of the enlargement
    # difference = ...  # 2. between it and the true LR picture, with a sign
    # END
    mse = np.mean(difference**2)
    # SOLUTION
    return 10 * np.log10(255**2 / mse) if mse > 0 else np.inf
    # STUB
    # return ...  # 3. in dB, for a peak of 255; np.inf where nothing differs
    # END


def judge(candidate) -> None:
    for seed, size in ((1, (48, 64)), (2, (40, 40)), (0, (24, 32))):
        sr, lr = _pair(seed, *size)
        if not seed:  # black on white: small types cannot hold the differences and squares
            lr = np.where(lr > 128, 0, 255).astype(np.uint8)
        try:
            result, right = _decibels(call(candidate, sr, lr)), consistency(sr, lr)
        except ValueError as error:
            _name_sizes(error, sr, lr)
            raise
        if abs(result - right) <= 1e-3:
            continue
        if not seed:
            raise NotYet(
                f"Where the LR pictures differ by up to 255, the result is {result:.2f} dB; {right:.2f} is expected. "
                "The numbers overflow their type: int8 ends at 127, and int16 cannot hold 255². Use floats."
            )
        recognise(result, _consistency_slips(sr, lr), within=1e-3)
        flat = [
            np.full((size, size, 3), level, np.uint8) for size, level in ((16, 10), (4, 12), (4, 7), (16, 60), (4, 50))
        ]
        cases = ((flat[0], flat[1]), (flat[0], flat[2]), (flat[3], flat[4]))
        show_smallest(candidate, consistency, cases, within=1e-3)
        raise NotYet(
            f"The result is {result:.2f} dB, but should be {right:.2f} dB: reduce the enlargement with imresize, "
            "subtract the LR picture as floats, average the squares over all pixels and colours, and use a peak of 255."
        )
    _judge_hardly_any(candidate)


def _judge_hardly_any(candidate) -> None:
    """Judges a picture that reduces exactly to the LR picture, and one that does so except for one level."""
    sr, _ = _pair(3, 24, 24)
    lr = imresize(sr, 1 / 4)
    exact = "For a picture that reduces exactly to the LR picture,"
    infinite = "There is no difference at all, so the result must be infinite: np.inf."
    try:
        same = call(candidate, sr, lr)
    except ZeroDivisionError as error:
        raise NotYet(f"{exact} it divides by the mean squared error, which is 0. {infinite}") from error
    if same is None:
        raise NotYet(f"{exact} the result is None. {infinite}")
    if _decibels(same) != np.inf:
        raise NotYet(f"{exact} the result is {_decibels(same):.2f} dB. {infinite}")
    lr[2, 3, 1] += 1 if lr[2, 3, 1] < 255 else -1
    if _decibels(call(candidate, sr, lr)) == np.inf:
        raise NotYet(
            "The result is np.inf although one number of the LR picture differs by one level. It is infinite only "
            "if nothing at all differs: compare the mse with exactly 0."
        )


def _name_sizes(error: ValueError, sr: np.ndarray, lr: np.ndarray) -> None:
    """Raises NotYet if the error is that two pictures of different sizes were subtracted."""
    found = re.search(r"broadcast together with shapes \((\d+),(\d+),3\) \((\d+),(\d+),3\)", str(error))
    if not found:
        return
    sizes = {(int(found[1]), int(found[2])), (int(found[3]), int(found[4]))}
    one, other = (" x ".join(map(str, size)) for size in sorted(sizes))
    (height, width), (h, w) = sr.shape[:2], lr.shape[:2]
    why = f"Is the scale 1 / 4? `sr` has {height} x {width} pixels here, and `lr` {h} x {w}."
    if (4 * height, 4 * width) in sizes:
        why = "`sr` is enlarged once more. Reduce it: imresize(sr, 1 / 4)."
    elif (h // 4, w // 4) in sizes:
        why = "`lr` is reduced, but it is small already. Reduce `sr`."
    elif (height, width) in sizes:
        why = "`sr` is still large. Reduce it: imresize(sr, 1 / 4)."
    raise NotYet(f"Pictures of {one} and of {other} pixels cannot be subtracted from each other. {why}")


def _decibels(value: Any) -> float:
    """A student's number of decibels, which may be infinite."""
    plain = value.item() if isinstance(value, torch.Tensor | np.ndarray) and np.prod(value.shape) == 1 else value
    if isinstance(plain, float | np.floating) and np.isinf(plain):
        return float(plain)
    number = as_array(value)
    if number.size != 1:
        raise NotYet(f"The result is an array of shape {number.shape}; one number is expected, the mean over all.")
    return float(number.reshape(()))


def _consistency_slips(sr: np.ndarray, lr: np.ndarray) -> dict[str, float]:
    """The result of each usual mistake for this pair."""

    def db(a: np.ndarray, b: np.ndarray, peak: float = 255.0) -> float:
        return 10 * np.log10(peak**2 / np.mean((a.astype(float) - b.astype(float)) ** 2))

    again = imresize(sr, 1 / 4)
    off = again.astype(float) - lr
    right, mse = db(again, lr), np.mean((again.astype(float) - lr) ** 2)
    wrapped = again - lr  # uint8: -1 becomes 255
    tiles = sr.reshape(lr.shape[0], 4, lr.shape[1], 4, 3).mean(axis=(1, 3))
    x = torch.from_numpy(sr).permute(2, 0, 1)[None].double()  # (1, 3, H, W)
    aliased = F.interpolate(x, scale_factor=1 / 4, mode="bicubic")[0].permute(1, 2, 0).numpy()
    y, y_lr = luma(again), luma(lr)
    made = "The LR picture was made by imresize: reduce with imresize, too."
    overflow = "uint8 cannot hold a negative difference: 3 - 5 gives 254. Turn one of them into floats first."
    every = "Here all pixels and all three colours count, because the LR picture is all that we know."
    peak = "Grey levels go up to 255, so the peak is 255 for every picture."
    at_hr = "This compares at HR size: it asks how far the enlargement is from bicubic's. Reduce `sr` instead."
    return {
        "int8 holds only -128 to 127, so grey levels overflow. Use floats.": 10
        * np.log10(255**2 / max(np.mean((again.astype(np.int8) - lr.astype(np.int8)) ** 2), 1e-9)),
        overflow: 10 * np.log10(255**2 / np.mean(wrapped.astype(float) ** 2)),
        overflow + " Its square overflows, too.": 10 * np.log10(255**2 / np.mean(wrapped**2)),
        at_hr: db(sr, imresize(lr, 4)),
        at_hr + " (And the LR pixels were just repeated.)": db(sr, lr.repeat(4, axis=0).repeat(4, axis=1)),
        f"It takes every fourth pixel. {made}": db(sr[::4, ::4], lr),
        f"It takes the mean of each tile of 4 x 4 pixels. {made}": db(tiles, lr),
        f"It takes the mean of each tile of 4 x 4 pixels, rounded. {made}": db(np.round(tiles), lr),
        f"It reduces without antialiasing. {made}": db(aliased, lr),
        f"This is the PSNR of the luma with 4 pixels cut off, as `psnr` computes it. {every}": db(
            y[4:-4, 4:-4], y_lr[4:-4, 4:-4]
        ),
        f"This is the PSNR of the luma. {every}": db(y, y_lr),
        f"A border of 4 pixels is cut off. {every}": db(again[4:-4, 4:-4], lr[4:-4, 4:-4]),
        "The absolute differences are averaged. The mse is the mean of the squares.": 10
        * np.log10(255**2 / np.abs(off).mean()),
        "The squares are added up. The mse is their mean.": 10 * np.log10(255**2 / (off**2).sum()),
        "The squares of the three colours are added up. The mse is the mean over the colours, too.": 10
        * np.log10(255**2 / (off**2).sum(axis=2).mean()),
        "The largest square is taken. The mse is the mean of all squares.": 10 * np.log10(255**2 / (off**2).max()),
        "The median is taken. The mse is the mean of all squares.": 10 * np.log10(255**2 / np.median(off**2)),
        "The mean is taken before squaring, so differences of opposite sign cancel out. Square first.": 10
        * np.log10(255**2 / off.mean() ** 2),
        f"It reduces in two steps. {made}": db(imresize(imresize(sr, 1 / 2), 1 / 2), lr),
        f"This is the mean of three PSNRs, one for each colour. Take one mean of all squares. {every}": np.mean(
            [db(again[..., c], lr[..., c]) for c in range(3)]
        ),
        f"The three colours are averaged before they are compared. {every}": 10
        * np.log10(255**2 / np.mean(off.mean(axis=2) ** 2)),
        **{
            f"Only {colour} is compared. {every}": db(again[..., c], lr[..., c])
            for c, colour in enumerate(("red", "green", "blue"))
        },
        f"Only the luma is compared. {every}": 10 * np.log10(255**2 / np.mean((off @ [0.299, 0.587, 0.114]) ** 2)),
        f"The peak is 256 here. {peak}": db(again, lr, peak=256.0),
        **{
            f"The peak is the largest number in {name}{also}. {peak}": db(again, lr, peak=(top**2 % size) ** 0.5)
            for name, top in (
                ("`lr`", int(lr.max())),
                ("`sr`", int(sr.max())),
                ("the reduced picture", int(again.max())),
            )
            for also, size in (("", 256**2), (", and its square overflows uint8", 256))
            if top < 255 and top**2 % size
        },
        f"A border of 1 pixel is cut off. {every}": db(again[1:-1, 1:-1], lr[1:-1, 1:-1]),
        f"A border of 2 pixels is cut off. {every}": db(again[2:-2, 2:-2], lr[2:-2, 2:-2]),
        "The root of the mse is taken. 10 log10 takes the mse itself, 20 log10 its root.": 10
        * np.log10(255**2 / np.sqrt(mse)),
        "This is the mean squared error. The consistency is 10 log10(255² / mse), in dB.": mse,
        "This is the mean absolute difference. The consistency is 10 log10(255² / mse), in dB.": (np.abs(off).mean()),
        f"The peak is 1 here. {peak}": db(again, lr, peak=1.0),
        "The peak is not squared: it is 10 log10(255² / mse).": 10 * np.log10(255 / mse),
        "This is twice the right number: take 10 log10 of the mean square, or 20 log10 of its root.": 2 * right,
        "The sign is wrong: divide 255² by the mean squared error, not the other way round.": -right,
        "This is the natural logarithm; decibels use log10.": right * np.log(10),
        "This is the logarithm to base 2; decibels use log10.": right / np.log10(2),
    }


def _pair(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A coloured picture (height, width, 3) and an LR picture that nearly equals its reduction, both uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([np.sin(rows / 5), np.cos(columns / 7), np.sin((rows + columns) / 4)], axis=-1)
    sr = np.clip(128 + 60 * waves + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)
    off = rng.normal(0, 1, (height // 4, width // 4, 3)) * [2.0, 1.0, 9.0]
    return sr, np.clip(np.round(imresize(sr, 1 / 4) + off), 0, 255).astype(np.uint8)


EXERCISE = Exercise(
    name="consistency",
    lesson=10,
    place=2,
    title="does it fit the LR picture?",
    difficulty="easy",
    minutes=5,
    reference=consistency,
    judge=judge,
    hints=(
        "You cannot compare with HR, because nobody has it. But you can make `sr` as small as `lr` and compare them.",
        "imresize(sr, 1 / 4) makes it small. Both are uint8, so turn one of them into floats before you subtract.",
        "difference = imresize(sr, 1 / 4).astype(float) - lr; the last line is 10 * np.log10(255**2 / mse) if "
        "mse > 0 else np.inf.",
    ),
    mistakes=(
        Mistake("every fourth pixel", says="takes every fourth pixel", ask="How was the LR picture made?"),
        Mistake("the mean squared error", says="This is the mean squared error", ask="In which unit is it?"),
    ),
)
