"""Exercise 10.3: what the LR picture leaves possible."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from srgan_lessons.exercises.calling import call, why_none
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet
from srgan_lessons.resize import imresize


def possible(lr, candidates, noise):
    names = []
    for name, hr in candidates.items():
        # SOLUTION
        difference = imresize(hr, 1 / 4).astype(int) - lr
        if np.abs(difference).max() <= noise:
            # STUB
            # difference = ...  # 1. between the LR picture of this candidate and ours, with a sign
            # if ...:  # 2. nowhere more than the noise
            # END
            names.append(name)
    return names


def judge(candidate) -> None:
    for noise in (4, 9, 20):
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
        raise NotYet(f"The result is None. {why_none()}")
    if value is ...:
        raise NotDone("The result is `...`, the placeholder.")
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise NotYet(f"The result is {value!r:.40}; a list of names is expected, also where only one is possible.")
    if isinstance(value, set | dict):
        raise NotYet(f"A {type(value).__name__} came back; a list of names is asked for, which keeps its order.")
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
    """Each usual mistake as a rule: HR picture -> whether it is named."""

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
        f"The *mean* of the difference is compared with the noise. {everywhere}": lambda hr: (
            np.abs(off(hr)).mean() <= noise
        ),
        f"The mean of the differences is taken with their signs. {everywhere}": lambda hr: abs(off(hr).mean()) <= noise,
        f"The root of the mean square is compared with the noise. {everywhere}": lambda hr: (
            np.sqrt((off(hr) ** 2).mean()) <= noise
        ),
        f"It asks whether *any* pixel is near enough. {everywhere}": lambda hr: np.abs(off(hr)).min() <= noise,
        "A difference of exactly the noise is still possible: <=, not <.": lambda hr: np.abs(off(hr)).max() < noise,
        "Only exact matches are named. The camera added noise: differences up to `noise` are possible.": lambda hr: (
            np.abs(off(hr)).max() == 0
        ),
        "The differences of the three colours are added up. Each colour counts by itself.": lambda hr: (
            np.abs(off(hr)).sum(axis=2).max() <= noise
        ),
        "It compares at HR size, with the enlarged LR picture. Reduce the candidates instead: what they become can be "
        "known, what the LR picture was cannot.": lambda hr: np.abs(hr.astype(int) - imresize(lr, 4)).max() <= noise,
        "Only one colour is looked at. It must hold in all three.": lambda hr: np.abs(off(hr))[..., 0].max() <= noise,
        "Only the green is looked at. It must hold in all three colours.": lambda hr: (
            np.abs(off(hr))[..., 1].max() <= noise
        ),
        "The mean of the three colours is looked at: one may be too far where another is too far the other way. In no "
        "colour more than the noise.": lambda hr: np.abs(off(hr).mean(axis=2)).max() <= noise,
        "One of the three colours within the noise is enough here. It must hold in all three.": lambda hr: bool(
            (np.abs(off(hr)) <= noise).all(axis=(0, 1)).any()
        ),
        f"A share of the pixels is enough here, such as 95 %. {everywhere}": lambda hr: (
            (np.abs(off(hr)) <= noise).mean() >= 0.95
        ),
        f"A share of the pixels is enough here, such as 99 %. {everywhere}": lambda hr: (
            np.percentile(np.abs(off(hr)), 99) <= noise
        ),
        "The border is left out. Nowhere, at no edge, may it be more than the noise.": lambda hr: (
            np.abs(off(hr))[1:-1, 1:-1].max() <= noise
        ),
        "The squares are compared with the noise. It is in grey levels: take the absolute value.": lambda hr: (
            (off(hr) ** 2).max() <= noise
        ),
        "The noise is taken for 16, whatever it is: use the number that is given.": lambda hr: (
            np.abs(off(hr)).max() <= 16
        ),
        "int8 holds -128 to 127 alone, and grey levels overflow in it. Take int.": lambda hr: (
            np.abs(imresize(hr, 1 / 4).astype(np.int8) - lr.astype(np.int8)).max() <= noise
        ),
        f"It takes the mean of each tile of 4 x 4 pixels. {made}": lambda hr: np.abs(tiles(hr) - lr).max() <= noise,
        f"It takes every fourth pixel. {made}": lambda hr: np.abs(hr[::4, ::4].astype(int) - lr).max() <= noise,
    }


def _suspects(noise: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """An LR picture (6, 6, 3) and HR pictures (24, 24, 3). Some of them fit it, and each slip is wrong about one.

    Some pictures are brighter or darker by the noise or a little more; others have a spot, fine chequers or a slope.
    """
    rows, columns = np.mgrid[:24, :24]
    start = 100 if noise < 20 else 5  # dark, so that a difference may be 250
    base = np.repeat((start + (2 * rows + columns) * (noise < 20))[..., None], 3, axis=2)  # (24, 24, 3)
    lr = imresize(base.astype(np.uint8), 1 / 4)
    chequers = np.where((rows + columns) % 2, 60, -60)[..., None]
    spot = np.zeros((24, 24, 1), int)
    spot[8:16, 8:16] = 1
    halves = np.where(columns < 12, 1, -1)[..., None]
    every_fourth = np.where((rows % 4 == 0) & (columns % 4 == 0), 1, 0)[..., None]
    tile = ((rows // 4 == 2) & (columns // 4 == 2))[..., None] * [0, 0, 1]
    least = next(
        n
        for n in range(1, 200)
        if (imresize((base + n * tile).clip(0, 255).astype(np.uint8), 1 / 4).astype(int) - lr).max() == noise + 1
    )
    changes = {
        "one number, one level too far": least * tile,
        "as it was": 0,
        "a little brighter": noise,
        "one level less": noise - 1,
        "a little darker": -noise,
        "a little redder": noise * np.array([1, 0, 0]) * np.ones_like(spot),
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
        "blue in one pixel": 6 * noise * spot * (rows < 12)[..., None] * [0, 0, 1],
        "red and blue": 2 * noise * halves[..., :1] * [1, 0, -1],
        "red alone": -3 * noise * np.array([1, 0, 0]) * np.ones_like(spot),
        "green alone": 3 * noise * np.array([0, 1, 0]) * np.ones_like(spot),
        "a corner": 6 * noise * ((rows < 4) & (columns < 4))[..., None],
        "an edge": 4 * noise * (rows > 21)[..., None],
        "white": 255,
        "a black half": -3 * noise * (columns < 12)[..., None],
        "a dark half": -(8 * noise // 5) * (columns < 12)[..., None],
    }
    return lr, {name: np.clip(base + change, 0, 255).astype(np.uint8) for name, change in changes.items()}


EXERCISE = Exercise(
    name="possible",
    lesson=10,
    place=3,
    title="what the LR picture leaves possible",
    difficulty="easy",
    minutes=6,
    reference=possible,
    judge=judge,
    hints=(
        "Do not enlarge. Ask of each candidate: had it been in front of the camera, what would the LR picture be?",
        "imresize(hr, 1 / 4) is its LR picture. Turn it into int before you subtract, then look at the largest "
        "absolute difference.",
        "difference = imresize(hr, 1 / 4).astype(int) - lr, and the test is np.abs(difference).max() <= noise.",
    ),
    mistakes=(
        Mistake(
            "the nearest one alone",
            says="Only the nearest candidate is named",
            ask="May two plates give the same LR picture?",
        ),
        Mistake("exact matches alone", says="Only exact matches are named", ask="What did the camera add?"),
    ),
)
