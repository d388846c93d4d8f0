"""Exercise 10.3: what the LR picture leaves possible."""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
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
    trials = [(*_suspects(noise), noise) for noise in (4, 9, 20)]
    expected = [_expected(noise) for *_, noise in trials]
    given = []
    for lr, candidates, noise in trials:
        names = _names(call(candidate, lr, candidates, noise), candidates)
        if not given and _names(call(candidate, lr, candidates, noise), candidates) != names:
            raise NotYet(
                "On the same input, the second call gives a different result from the first. Is a list kept from one "
                "call to the next, as a default argument or outside the function? Begin with a new list in each call."
            )
        if len(set(names)) < len(names):
            raise NotYet(f"{max(names, key=names.count)!r} is named more than once. Name each candidate once.")
        given.append(set(names))
    if given != expected:
        slips = [_possible_slips(noise) for *_, noise in trials]
        for message in slips[0]:
            if all(names == rules[message]() for names, rules in zip(given, slips, strict=True)):
                raise NotYet(message)
    for names, right, (*_, noise) in zip(given, expected, trials, strict=True):
        if names == right:
            continue
        if not names:
            raise NotYet(f"No candidate is named; {len(right)} of them fit to within {noise} grey levels.")
        lists = (("Too many", sorted(names - right)), ("Missing", sorted(right - names)))
        raise NotYet(
            " ".join(f"{text}: {', '.join(some)}." for text, some in lists if some)
            + f" A candidate is possible if no number of its LR picture is more than {noise} away."
        )
    _judge_other_sizes(candidate)


def _judge_other_sizes(candidate) -> None:
    """Judges a larger picture, in which only the last pixel differs, and a case in which nothing fits."""
    hr = np.full((80, 144, 3), 100, np.uint8)
    other = hr.copy()
    other[-4:, -4:] = 160
    lr = imresize(hr, 1 / 4)
    if "other" in _names(call(candidate, lr, {"other": other, "same": hr}, 5), ("other", "same")):
        raise NotYet(
            "For an LR picture of 20 x 36 pixels, a candidate is named although its last pixel is too far away. "
            "Does the answer assume a fixed size? It should look at the whole picture, however large it is."
        )
    if found := _names(call(candidate, lr, {"other": other}, 5), ("other",)):
        raise NotYet(f"If no candidate fits, the list should be empty: []. Here it contains {found[0]!r}.")


def _names(value: Any, candidates: Collection[str]) -> list[str]:
    """A student's list of names."""
    if value is None:
        raise NotYet(f"The result is None. {why_none()}")
    if value is ...:
        raise NotDone("The result is `...`, the placeholder.")
    if isinstance(value, str) or not isinstance(value, Iterable):
        shown = repr(value) if len(repr(value)) < 40 else f"of type {type(value).__name__}"
        raise NotYet(f"The result is {shown}; a list of names is expected, even if only one is possible.")
    if isinstance(value, set | dict):
        raise NotYet(f"The result is a {type(value).__name__}; give a list of names, because a list keeps its order.")
    items = list(value)
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        raise NotYet("The result is a list of True and False. Return the names of the candidates that are possible.")
    if items and all(isinstance(item, int | np.integer) for item in items):
        raise NotYet("The result is a list of numbers. Return the names, the keys of `candidates`.")
    if any(not isinstance(item, str) for item in items):
        other = next(item for item in items if not isinstance(item, str))
        raise NotYet(
            f"The list contains a value of type {type(other).__name__}. It should contain names, keys of `candidates`."
        )
    if strange := [item for item in items if item not in candidates]:
        raise NotYet(f"There is no candidate {strange[0]!r}.")
    return items


@functools.cache
def _possible_slips(noise: int) -> dict[str, Callable[[], set[str]]]:
    """For each usual mistake, a function that returns what an answer with this mistake names of `_suspects`."""
    lr, candidates = _suspects(noise)
    reduced = {name: imresize(hr, 1 / 4) for name, hr in candidates.items()}
    off = {name: small.astype(int) - lr for name, small in reduced.items()}
    fits = {name: np.abs(each).max() <= noise for name, each in off.items()}
    order = list(candidates)
    fitting = [name for name in order if fits[name]]
    first_out = next(i for i, name in enumerate(order) if not fits[name])
    nearest = min(off, key=lambda name: np.abs(off[name]).max())

    def where(rule: Callable[[np.ndarray], bool], pictures: Mapping[str, np.ndarray] = off) -> Callable[[], set[str]]:
        """The candidates whose difference from the LR picture (or whose HR or LR picture) obeys a rule."""
        return functools.cache(lambda: {name for name in order if rule(pictures[name])})

    def walked() -> set[str]:
        """What is left of a list from which a loop over the same list removes what does not fit."""
        names = list(order)
        for name in names:
            if not fits[name]:
                names.remove(name)
        return set(names)

    def tiles(hr: np.ndarray) -> np.ndarray:
        return hr.reshape(lr.shape[0], 4, lr.shape[1], 4, 3).mean(axis=(1, 3))

    def between(small: np.ndarray) -> bool:
        """Whether all pixels lie within bounds that are computed in uint8, and so wrap round below 0 and above 255."""
        return bool(((small >= lr - np.uint8(noise)) & (small <= lr + np.uint8(noise))).all())

    everywhere = "The limit applies everywhere: one pixel that differs by more is enough to rule a candidate out."
    wraps = "uint8 cannot hold a negative difference: 3 - 5 gives 254. Turn one of them into int first."
    made = "The LR picture was made by imresize: reduce the candidates with imresize, too."
    absolute = "take the absolute value of the difference."
    return {
        "These are the ones that are *not* possible. Keep the others.": where(lambda d: np.abs(d).max() > noise),
        "All candidates are named. Rule out those whose LR picture is too far away. (Both pictures and the noise are "
        "in grey levels, 0 to 255.)": where(lambda d: True),
        "Only the first candidate that fits is named, but the others are possible as well. Does the loop end too "
        "early, by a `break` or by a `return` inside it?": lambda: {fitting[0]},
        "The loop ends at the first candidate that does not fit, and never looks at those after it. Is there a "
        "`break`, or a `return` inside the loop?": lambda: set(order[:first_out]),
        "Only the nearest candidate is named. The others that fit are possible, too: name all.": lambda: {nearest},
        "Only the last candidate that fits is named. The others are possible, too: name all.": lambda: {fitting[-1]},
        "A list is changed while a loop walks over it, so the candidate after each removed one is skipped. Make a new "
        "list of those that fit.": walked,
        f"{wraps} So candidates that are a little darker were ruled out.": where(
            lambda small: (small - lr).max() <= noise, reduced
        ),
        f"{wraps} So candidates that are a little brighter were ruled out.": where(
            lambda small: (lr - small).max() <= noise, reduced
        ),
        "In uint8, lr - noise and lr + noise wrap round: 3 - 5 gives 254. Turn `lr` into int first.": where(
            between, reduced
        ),
        f"Candidates that are much *darker* are named, too: {absolute}": where(lambda d: d.max() <= noise),
        f"Candidates that are much *brighter* are named, too: {absolute}": where(lambda d: (-d).max() <= noise),
        "The span from the lowest to the highest difference is compared. Each difference counts by itself: "
        f"{absolute}": where(lambda d: np.ptp(d) <= 2 * noise),
        f"The *mean* of the difference is compared. {everywhere}": where(lambda d: np.abs(d).mean() <= noise),
        f"The mean of the differences is taken with their signs. {everywhere}": where(lambda d: abs(d.mean()) <= noise),
        f"A mean, or the root of the mean square, is compared. {everywhere}": where(
            lambda d: (d**2).mean() <= noise**2
        ),
        f"It asks whether *any* pixel is near enough. {everywhere}": where(lambda d: np.abs(d).min() <= noise),
        "A difference of exactly the noise is still possible: use <=, not <.": where(lambda d: np.abs(d).max() < noise),
        "Twice the noise is allowed here. Compare with `noise`.": where(lambda d: np.abs(d).max() <= 2 * noise),
        "Only half the noise is allowed here. Compare with `noise`.": where(lambda d: 2 * np.abs(d).max() <= noise),
        "Only exact matches are named. The camera added noise: differences up to `noise` are possible.": where(
            lambda d: np.abs(d).max() == 0
        ),
        "The differences of all pixels are added up. Each of them counts by itself: take the largest.": where(
            lambda d: np.abs(d).sum() <= noise
        ),
        "The differences of the three colours are added up. Each colour counts by itself.": where(
            lambda d: np.abs(d).sum(axis=2).max() <= noise
        ),
        "It compares at HR size, with the LR picture enlarged. Reduce the candidates instead: we know what they become "
        "in LR, but not what the LR picture was in HR.": where(
            lambda hr: np.abs(hr.astype(int) - imresize(lr, 4)).max() <= noise, candidates
        ),
        "Only red is looked at. All three colours must fit.": where(lambda d: np.abs(d)[..., 0].max() <= noise),
        "Only green is looked at. All three colours must fit.": where(lambda d: np.abs(d)[..., 1].max() <= noise),
        "The mean of the three colours is compared: one may be too high where another is too low. No colour may be "
        "off by more than the noise.": where(lambda d: np.abs(d.mean(axis=2)).max() <= noise),
        "Here it is enough that one of the three colours is within the noise. All three must be.": where(
            lambda d: bool((np.abs(d) <= noise).all(axis=(0, 1)).any())
        ),
        f"A share of the pixels is enough here, such as 95 %. {everywhere}": where(
            lambda d: (np.abs(d) <= noise).mean() >= 0.95
        ),
        f"A share of the pixels is enough here, such as 99 %. {everywhere}": where(
            lambda d: np.percentile(np.abs(d), 99) <= noise
        ),
        "The border is left out. No pixel may be off by more than the noise, not even at an edge.": where(
            lambda d: np.abs(d)[1:-1, 1:-1].max() <= noise
        ),
        "The squares are compared with the noise. It is in grey levels: take the absolute value.": where(
            lambda d: (d**2).max() <= noise
        ),
        "The noise is always taken to be 16. Use the argument `noise`.": where(lambda d: np.abs(d).max() <= 16),
        "The noise is taken as a share of the grey level (rtol). It is a number of grey levels: rtol=0, atol=noise.": (
            where(lambda d: bool((np.abs(d) <= noise * lr.astype(int)).all()))
        ),
        "int8 holds only -128 to 127, so grey levels overflow. Use int.": where(
            lambda small: np.abs(small.astype(np.int8) - lr.astype(np.int8)).max() <= noise, reduced
        ),
        f"It takes the mean of each tile of 4 x 4 pixels. {made}": where(
            lambda hr: np.abs(tiles(hr) - lr).max() <= noise, candidates
        ),
        f"It takes every fourth pixel. {made}": where(
            lambda hr: np.abs(hr[::4, ::4].astype(int) - lr).max() <= noise, candidates
        ),
    }


@functools.cache
def _suspects(noise: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """An LR picture (6, 6, 3) and HR pictures (24, 24, 3). Some of them fit it, and each slip is wrong about some."""
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

    def needed(levels: int) -> int:
        """How much brighter a tile must be for one number of the LR picture to differ by this many levels."""
        reduced = (
            imresize((base + n * tile).clip(0, 255).astype(np.uint8), 1 / 4).astype(int) - lr for n in range(200)
        )
        return next(n for n, d in enumerate(reduced) if d.max() == levels)

    least, one = needed(noise + 1), needed(1)
    changes = {
        "one level more": 1,
        "a little brighter": noise,
        "one number, one level too far": least * tile,
        "as it was": 0,
        "one number, one level off": one * tile,
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


_expected = functools.cache(lambda noise: frozenset(possible(*_suspects(noise), noise)))

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
        "Do not enlarge. Ask for each candidate: if it had been in front of the camera, what would the LR picture be?",
        "imresize(hr, 1 / 4) is its LR picture. Turn it into int before you subtract, then look at the largest "
        "absolute difference.",
        "difference = imresize(hr, 1 / 4).astype(int) - lr, and the test is np.abs(difference).max() <= noise.",
    ),
    mistakes=(
        Mistake(
            "the nearest one only",
            says="Only the nearest candidate is named",
            ask="Can two house numbers give the same LR picture?",
        ),
        Mistake("exact matches only", says="Only exact matches are named", ask="What did the camera add?"),
    ),
)
