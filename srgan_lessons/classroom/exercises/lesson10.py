"""Lesson 10, Your own photos: detail that no LR image sees, consistency, and what an LR image leaves possible."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from srgan_lessons.classroom.judging import Exercise, NotDone, NotYet, as_array, call, recognise
from srgan_lessons.metrics import luma
from srgan_lessons.resize import imresize, taps

# --- detail that the reduction does not see --------------------------------------------------------------------------


def invisible(detail, reduce):
    back = np.linalg.pinv(reduce)  # (n, n/4)
    seen = back @ reduce @ detail @ reduce.T @ back.T  # (n, n)
    return detail - seen


def resize_matrix(size: int, scale: float) -> np.ndarray:
    """(size * scale, size): bicubic resampling along one axis, without rounding."""
    index, weight = taps(size, round(size * scale), scale)
    matrix = np.zeros((len(index), size))
    np.add.at(matrix, (np.arange(len(index))[:, None], index.numpy()), weight.numpy())
    return matrix


def judge_invisible(candidate) -> None:
    box = np.kron(np.eye(4), np.full((1, 4), 0.25))  # (4, 16): the mean of four pixels
    for name, reduce in (("bicubic", resize_matrix(24, 1 / 4)), ("the mean of 4 x 4 pixels", box)):
        n = reduce.shape[1]
        rng = np.random.default_rng(n)
        # Rough at some places and smooth at others, and its mean is not 0: so each slip is off by several grey levels.
        detail = rng.normal(0, 20, (n, n)) + 30 * np.add.outer(np.sin(np.arange(n) / 3), np.cos(np.arange(n) / 5)) + 7
        result = as_array(call(candidate, detail, reduce))
        if result.shape != detail.shape:
            raise NotYet(_invisible_shape(result.shape, n))
        if np.abs(result - invisible(detail, reduce)).max() <= 1e-3:
            continue
        recognise(result, _invisible_slips(detail, reduce), within=1e-3)
        left = np.abs(reduce @ result @ reduce.T).max()
        if left > 0.01:
            raise NotYet(
                f"The reduction ({name}) still sees it: up to {left:.2g} grey levels are left in the LR image. "
                "Subtract what comes back when the detail is reduced along both axes."
            )
        raise NotYet(
            f"The reduction ({name}) does not see it, and that is right. But it is not the detail without its visible "
            "part: something invisible was added, or lost."
        )


def _invisible_shape(shape: tuple[int, ...], n: int) -> str:
    if shape == (n // 4, n // 4):
        return "The result has the size of the LR image. Come back to HR size (with `back`), then subtract."
    if shape in ((n // 4, n), (n, n // 4)):
        return f"The result has the shape {shape}: it is reduced along one axis and has not come back."
    return f"The result has the shape {shape}; it must be that of the detail, {(n, n)}."


def _invisible_slips(detail: np.ndarray, reduce: np.ndarray) -> dict[str, np.ndarray]:
    """What each usual mistake gives for this detail and this reduction."""
    back = np.linalg.pinv(reduce)
    n = len(detail)
    keep = back @ reduce  # (n, n)
    lr = reduce @ detail @ reduce.T  # (n/4, n/4)
    seen = keep @ detail @ keep.T
    bicubic = resize_matrix(n // 4, 4)  # (n, n/4)
    gram = reduce.T @ reduce  # (n, n)
    not_back = "reduced once more, what came back is not the LR image any more. Come back with `back`, the pinv."
    one_axis = (
        "Invisible it is, but too little is left: the reduction was applied along one axis only, and it sees what is "
        "smooth along *both*. A matrix on the left works on the columns; for the rows put its transpose on the right."
    )
    slips = {
        "This is the detail as it was. Subtract what the LR image sees of it.": detail,
        "This is what the LR image *sees*. The task asks for the rest: detail minus this.": seen,
        "The sign is reversed: detail minus seen, not seen minus detail.": seen - detail,
        "The visible part was added, not subtracted.": detail + seen,
        "Nothing is left: everything was subtracted. Only what the LR image sees must go.": np.zeros_like(detail),
        one_axis: detail - keep @ detail,
        one_axis + " Here the rows were done, and the columns not.": detail - detail @ keep.T,
        "Invisible it is, but too little is left: it was removed along the columns, and then once more along the rows. "
        "The reduction sees what is smooth along *both* axes: reduce along both, come back, and subtract once.": (
            detail - keep @ detail - detail @ keep.T + seen
        ),
        f"It comes back by `reduce.T`, the transpose, and {not_back}": detail - gram @ detail @ gram,
        f"It comes back by 4 * `reduce.T`, the transpose, and {not_back}": detail - 16 * gram @ detail @ gram,
        f"It comes back by repeating each LR pixel, and {not_back}": detail - np.kron(lr, np.ones((4, 4))),
        f"It comes back by bicubic enlargement, and {not_back}": detail - bicubic @ lr @ bicubic.T,
        "Only the mean was subtracted. The LR image sees more than the mean: all that is smooth.": (
            detail - detail.mean()
        ),
        "The way back is applied along one axis, the reduction along both.": detail - keep @ detail @ gram,
    }
    # For the mean of 4 x 4 some ways back are the right one.
    return {message: outcome for message, outcome in slips.items() if np.abs(outcome - detail + seen).max() > 1e-2}


# --- consistency -----------------------------------------------------------------------------------------------------


def consistency(sr, lr):
    again = imresize(sr, 1 / 4)
    difference = again.astype(float) - lr
    mse = np.mean(difference**2)
    return 10 * np.log10(255**2 / mse) if mse > 0 else np.inf


def judge_consistency(candidate) -> None:
    for seed, size in ((1, (48, 64)), (2, (40, 40))):
        sr, lr = _pair(seed, *size)
        result, right = _decibels(call(candidate, sr, lr)), consistency(sr, lr)
        if abs(result - right) <= 1e-3:
            continue
        recognise(result, _consistency_slips(sr, lr), within=1e-3)
        raise NotYet(
            f"It is {result:.2f} dB and should be {right:.2f} dB: reduce the enlargement with imresize, subtract the "
            "LR picture as floats, take the mean of the squares over all pixels and colours, peak 255."
        )
    sr, _ = _pair(3, 24, 24)
    same = _decibels(call(candidate, sr, imresize(sr, 1 / 4)))
    if not same > 100:
        raise NotYet(
            f"For a picture that reduces exactly to the LR picture it is {same:.2f} dB. There is no difference at all, "
            "so it must be infinite: np.inf."
        )


def _decibels(value: Any) -> float:
    """A student's number of decibels, which may be infinite."""
    plain = value.item() if isinstance(value, torch.Tensor | np.ndarray) and np.prod(value.shape) == 1 else value
    if isinstance(plain, float) and np.isinf(plain):
        return plain
    number = as_array(value)
    if number.size != 1:
        raise NotYet(f"The result is an array of shape {number.shape}; one number is expected, the mean over all.")
    return float(number.reshape(()))


def _consistency_slips(sr: np.ndarray, lr: np.ndarray) -> dict[str, float]:
    """What each usual mistake gives for this pair."""

    def db(a: np.ndarray, b: np.ndarray, peak: float = 255.0) -> float:
        return 10 * np.log10(peak**2 / np.mean((a.astype(float) - b.astype(float)) ** 2))

    again = imresize(sr, 1 / 4)
    right, mse = db(again, lr), np.mean((again.astype(float) - lr) ** 2)
    wrapped = again - lr  # uint8: -1 becomes 255
    tiles = sr.reshape(lr.shape[0], 4, lr.shape[1], 4, 3).mean(axis=(1, 3))
    x = torch.from_numpy(sr).permute(2, 0, 1)[None].double()  # (1, 3, H, W)
    aliased = F.interpolate(x, scale_factor=1 / 4, mode="bicubic")[0].permute(1, 2, 0).numpy()
    y, y_lr = luma(again), luma(lr)
    made = "The LR picture was made by imresize; reduce with the same."
    overflow = "uint8 cannot hold a negative difference: 3 - 5 gives 254. Turn one of them into floats first."
    every = "Here all pixels and all three colours count, for the LR picture is all that we know."
    at_hr = "This compares at HR size: it asks how far the enlargement is from bicubic's. Reduce `sr` instead."
    return {
        overflow: 10 * np.log10(255**2 / np.mean(wrapped.astype(float) ** 2)),
        overflow + " So does its square.": 10 * np.log10(255**2 / np.mean(wrapped**2)),
        at_hr: db(sr, imresize(lr, 4)),
        at_hr + " (And the LR pixels were only repeated.)": db(sr, lr.repeat(4, axis=0).repeat(4, axis=1)),
        f"It takes every fourth pixel. {made}": db(sr[::4, ::4], lr),
        f"It takes the mean of each tile of 4 x 4 pixels. {made}": db(tiles, lr),
        f"It takes the mean of each tile of 4 x 4 pixels, rounded. {made}": db(np.round(tiles), lr),
        f"It reduces without antialiasing. {made}": db(aliased, lr),
        f"This is the PSNR of the luma with 4 pixels cut off, as `psnr` counts it. {every}": db(
            y[4:-4, 4:-4], y_lr[4:-4, 4:-4]
        ),
        f"This is the PSNR of the luma. {every}": db(y, y_lr),
        f"A border of 4 pixels is cut off. {every}": db(again[4:-4, 4:-4], lr[4:-4, 4:-4]),
        "This is the mean squared error. The consistency is 10 log10(255² / mse), in dB.": mse,
        "This is the mean absolute difference. The consistency is 10 log10(255² / mse), in dB.": (
            np.abs(again.astype(float) - lr).mean()
        ),
        "The peak is 1 here; grey levels go up to 255.": db(again, lr, peak=1.0),
        "The peak is not squared: it is 10 log10(255² / mse).": 10 * np.log10(255 / mse),
        "Twice too much: it is 10 log10 of the mean square, or 20 log10 of its root.": 2 * right,
        "The sign is wrong: 255² stands above, the mean squared error below.": -right,
        "This is the natural logarithm; decibels take log10.": right * np.log(10),
    }


def _pair(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A coloured picture (height, width, 3), and an LR picture that it nearly reduces to, uint8 both."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([np.sin(rows / 5), np.cos(columns / 7), np.sin((rows + columns) / 4)], axis=-1)
    sr = np.clip(128 + 60 * waves + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)
    off = rng.normal(0, 1, (height // 4, width // 4, 3)) * [2.0, 1.0, 9.0]
    return sr, np.clip(np.round(imresize(sr, 1 / 4) + off), 0, 255).astype(np.uint8)


# --- what an LR image leaves possible --------------------------------------------------------------------------------


def possible(lr, candidates, noise):
    names = []
    for name, hr in candidates.items():
        difference = imresize(hr, 1 / 4).astype(int) - lr
        if np.abs(difference).max() <= noise:
            names.append(name)
    return names


def judge_possible(candidate) -> None:
    for noise in (4, 9):
        lr, candidates = _suspects(noise)
        given = _names(call(candidate, lr, candidates, noise), candidates)
        right = set(possible(lr, candidates, noise))
        if given == right:
            continue
        for message, rule in _possible_slips(lr, noise).items():
            if given == {name for name, hr in candidates.items() if rule(hr)}:
                raise NotYet(message)
        nearest = min(candidates, key=lambda name: np.abs(imresize(candidates[name], 1 / 4) - lr.astype(int)).max())
        if given == {nearest}:
            raise NotYet("Only the nearest candidate is named. The others that fit are as possible: name them all.")
        if not given:
            raise NotYet(f"No candidate is named; {len(right)} of them fit, to within {noise} grey levels.")
        wrong, missing = sorted(given - right), sorted(right - given)
        raise NotYet(
            " ".join(
                [f"{text}: {', '.join(names)}." for text, names in (("Too many", wrong), ("Missing", missing)) if names]
            )
            + f" A candidate is possible if no number of its LR picture is more than {noise} away."
        )


def _names(value: Any, candidates: Mapping[str, np.ndarray]) -> set[str]:
    """A student's collection of names."""
    if value is None:
        raise NotYet("The result is None. Is the `return` missing?")
    if value is ...:
        raise NotDone("The result is `...`, the placeholder.")
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise NotYet(f"The result is {value!r:.40}; a list of names is expected, also where only one is possible.")
    items = list(value)
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        raise NotYet("The result is a list of yes and no. Return the names of those that are possible.")
    if items and all(isinstance(item, int | np.integer) for item in items):
        raise NotYet("The result is a list of numbers. Return the names, the keys of `candidates`.")
    if any(not isinstance(item, str) for item in items):
        raise NotYet(f"The list holds a {type(items[0]).__name__}. Return the names, the keys of `candidates`.")
    if strange := [item for item in items if item not in candidates]:
        raise NotYet(f"There is no candidate {strange[0]!r}.")
    return set(items)


def _possible_slips(lr: np.ndarray, noise: int) -> dict[str, Callable[[np.ndarray], bool]]:
    """Each usual mistake as a rule: HR picture -> is it named?"""

    def off(hr: np.ndarray) -> np.ndarray:
        return imresize(hr, 1 / 4).astype(int) - lr

    def tiles(hr: np.ndarray) -> np.ndarray:
        return hr.reshape(lr.shape[0], 4, lr.shape[1], 4, 3).mean(axis=(1, 3))

    everywhere = "It must hold everywhere: one pixel that differs by more is enough to rule a candidate out."
    wraps = "uint8 cannot hold a negative difference: 3 - 5 gives 254. Turn one of them into int first."
    made = "The LR picture was made by imresize; reduce the candidates with the same."
    return {
        "These are the ones that are *not* possible. Keep the others.": lambda hr: np.abs(off(hr)).max() > noise,
        "All candidates are named. Rule out those whose LR picture is too far away.": lambda hr: True,
        f"{wraps} So candidates that are a little darker were ruled out.": lambda hr: (
            (imresize(hr, 1 / 4) - lr).max() <= noise
        ),
        f"{wraps} So candidates that are a little brighter were ruled out.": lambda hr: (
            (lr - imresize(hr, 1 / 4)).max() <= noise
        ),
        "Candidates that are much *darker* are named, too: take the absolute value of the difference.": lambda hr: (
            off(hr).max() <= noise
        ),
        "Candidates that are much *brighter* are named, too: take the absolute value of the difference.": lambda hr: (
            (-off(hr)).max() <= noise
        ),
        f"The *mean* of the difference is held against the noise. {everywhere}": lambda hr: (
            np.abs(off(hr)).mean() <= noise
        ),
        f"The mean of the differences is taken with their signs. {everywhere}": lambda hr: abs(off(hr).mean()) <= noise,
        f"The root of the mean square is held against the noise. {everywhere}": lambda hr: (
            np.sqrt((off(hr) ** 2).mean()) <= noise
        ),
        f"It asks whether *any* pixel is near enough. {everywhere}": lambda hr: np.abs(off(hr)).min() <= noise,
        "A difference of exactly the noise is still possible: <=, not <.": lambda hr: np.abs(off(hr)).max() < noise,
        "Only exact matches are named. The camera added noise: differences up to `noise` are possible.": lambda hr: (
            np.abs(off(hr)).max() == 0
        ),
        "It compares at HR size, with the enlarged LR picture. Reduce the candidates instead: what they become can be "
        "known, what the LR picture was cannot.": lambda hr: np.abs(hr.astype(int) - imresize(lr, 4)).max() <= noise,
        f"It takes the mean of each tile of 4 x 4 pixels. {made}": lambda hr: np.abs(tiles(hr) - lr).max() <= noise,
        f"It takes every fourth pixel. {made}": lambda hr: np.abs(hr[::4, ::4].astype(int) - lr).max() <= noise,
    }


def _suspects(noise: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """An LR picture (6, 6, 3), and HR pictures (24, 24, 3) of which some could have made it and each slip errs in one.

    Flat pictures that are brighter or darker by the noise or a little more; one spot; fine chequers; a slope.
    """
    rows, columns = np.mgrid[:24, :24]
    base = np.repeat((100 + 2 * rows + columns)[..., None], 3, axis=2)  # (24, 24, 3)
    lr = imresize(base.astype(np.uint8), 1 / 4)
    chequers = np.where((rows + columns) % 2, 60, -60)[..., None]
    spot = np.zeros((24, 24, 1), int)
    spot[8:16, 8:16] = 1
    halves = np.where(columns < 12, 1, -1)[..., None]
    every_fourth = np.where((rows % 4 == 0) & (columns % 4 == 0), 1, 0)[..., None]
    changes = {
        "as it was": 0,
        "a little brighter": noise,
        "a little darker": -noise,
        "brighter": noise + 1,
        "darker": -noise - 1,
        "much brighter": 3 * noise,
        "much darker": -3 * noise,
        "a bright spot": 3 * noise * spot,
        "a dark spot": -3 * noise * spot,
        "a faint spot": noise * spot // 2,
        "two halves": 2 * noise * halves,
        "fine chequers": chequers,
        "one pixel": 2 * ((rows == 0) & (columns == 0))[..., None],
        "fine dots": 60 * every_fourth - 4,
        "a black half": -3 * noise * (columns < 12)[..., None],
        "a dark half": -(8 * noise // 5) * (columns < 12)[..., None],
    }
    return lr, {name: np.clip(base + change, 0, 255).astype(np.uint8) for name, change in changes.items()}


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="invisible",
        lesson=10,
        title="detail that no LR image sees",
        difficulty="medium",
        minutes=8,
        stub="""
            def invisible(detail, reduce):
                back = np.linalg.pinv(reduce)  # (n, n/4)
                seen = ...  # 1. (n, n): reduce the detail along both axes, and come back along both
                return ...  # 2. the rest
            """,
        reference=invisible,
        judge=judge_invisible,
        hints=(
            "Split the detail in two: what survives the way down and back up, and the rest. You want the rest.",
            "Down along both axes is `reduce @ detail @ reduce.T`, an LR image. The way up has the same shape, with "
            "`back` in place of `reduce`.",
            "seen = back @ (reduce @ detail @ reduce.T) @ back.T, and the result is detail - seen.",
        ),
    ),
    Exercise(
        name="consistency",
        lesson=10,
        title="does it fit the LR picture?",
        difficulty="easy",
        minutes=5,
        stub="""
            def consistency(sr, lr):
                again = ...  # 1. the LR picture of the enlargement
                difference = ...  # 2. between it and the true LR picture, with a sign
                mse = np.mean(difference**2)
                return ...  # 3. in dB, for a peak of 255; np.inf where nothing differs
            """,
        reference=consistency,
        judge=judge_consistency,
        hints=(
            "You cannot compare with HR: nobody has it. You can make `sr` as small as `lr` and compare there.",
            "imresize(sr, 1 / 4) makes it small. Both are uint8, so turn one of them into floats before you subtract.",
            "difference = imresize(sr, 1 / 4).astype(float) - lr; the last line is 10 * np.log10(255**2 / mse) if "
            "mse > 0 else np.inf.",
        ),
    ),
    Exercise(
        name="possible",
        lesson=10,
        title="what the LR picture leaves possible",
        difficulty="easy",
        minutes=6,
        stub="""
            def possible(lr, candidates, noise):
                names = []
                for name, hr in candidates.items():
                    difference = ...  # 1. between the LR picture of this candidate and ours, with a sign
                    if ...:  # 2. nowhere more than the noise
                        names.append(name)
                return names
            """,
        reference=possible,
        judge=judge_possible,
        hints=(
            "Do not enlarge. Ask of each candidate: had it been in front of the camera, what would the LR picture be?",
            "imresize(hr, 1 / 4) is its LR picture. Turn it into int before you subtract, then look at the largest "
            "absolute difference.",
            "difference = imresize(hr, 1 / 4).astype(int) - lr, and the test is np.abs(difference).max() <= noise.",
        ),
    ),
)
