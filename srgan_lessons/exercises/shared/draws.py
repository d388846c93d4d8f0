"""For exercises that resample raters and images: a generator that records its draws, and results of wrong draws."""

from typing import Any

import numpy as np

DRAWS = 4000


class Noted(np.random.Generator):
    """A generator that records the whole numbers it draws, and whether anything is drawn without replacement."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed))
        self.start = str(self.bit_generator.state)
        self.numbers: list[np.ndarray] = []
        self.without_replacement = False

    @property
    def used(self) -> bool:
        return str(self.bit_generator.state) != self.start

    def integers(self, *args: Any, **kwargs: Any) -> Any:
        self.numbers.append(np.asarray(drawn := super().integers(*args, **kwargs)))
        return drawn

    def choice(self, a: Any, size: Any = None, replace: bool = True, *args: Any, **kwargs: Any) -> Any:
        before = len(self.numbers)  # numpy's choice draws its places with `integers`
        drawn = super().choice(a, size, replace, *args, **kwargs)
        if np.asarray(drawn).dtype.kind in "iu":
            self.numbers[before:] = [np.asarray(drawn)]
        self.without_replacement |= not replace
        return drawn

    def permutation(self, *args: Any, **kwargs: Any) -> Any:
        self.without_replacement = True
        return super().permutation(*args, **kwargs)

    def permuted(self, *args: Any, **kwargs: Any) -> Any:
        self.without_replacement = True
        return super().permuted(*args, **kwargs)


def what_is_wrong(rng: Noted, raters: int, images: int) -> str:
    """What is wrong with the numbers that were drawn for studies with these counts; empty if nothing was found."""
    if rng.without_replacement:
        return (
            "Something is drawn without replacement, so nothing comes up twice. Draw "
            "raters and images with replacement: some come up twice, some not at all."
        )
    if {numbers.size for numbers in rng.numbers} <= {1, 1000} and 1000 <= sum(n.size for n in rng.numbers) <= 2000:
        return (
            "A single rater or a single image is drawn for each sample. Draw as many of each as there are: "
            f"{raters} raters and {images} images here. The size is an argument of rng.integers and rng.choice."
        )
    rows: dict[int, list[np.ndarray]] = {}  # the draws by length, because all draws of raters have the same length
    for numbers in rng.numbers:
        if numbers.ndim in (1, 2) and numbers.size:
            rows.setdefault(numbers.shape[-1], []).append(numbers.reshape(-1, numbers.shape[-1]))
    drawn = {length: np.concatenate(parts) for length, parts in rows.items()}
    if len(drawn) == 2 and set(drawn) != {raters, images}:
        fewer, more = sorted(drawn)
        return (
            f"In each round, {fewer} and {more} numbers are drawn, but there are {raters} raters and {images} images. "
            "Draw as many of each as there are."
        )
    for count, other, one, many in ((raters, images, "images", "raters"), (images, raters, "raters", "images")):
        if set(drawn) == {count} and count != other and _of(drawn[count], other, count):
            return (
                f"As many {one} are drawn as there are {many}, {count}. There are {other} {one}: draw as many. "
                "(scores[who, what] needs equal counts, because it takes one vote for each pair. For all votes, write "
                "scores[who][:, what].)"
            )
    if set(drawn) != {raters, images}:
        return ""
    who, what = drawn[raters], drawn[images]
    if len(what) >= raters * len(who):
        return (
            "Each rater gets different images. Draw the images once for each study: all its raters rate the same ones."
        )
    if what.max() < raters <= who.max():
        return (
            f"The two counts have changed places: {images} raters and {raters} images are drawn, but there are "
            f"{raters} raters and {images} images."
        )
    for numbers, count, name in ((who, raters, "rater"), (what, images, "image")):
        if numbers.size > 20 * count and numbers.min() > 0:
            return f"The first {name} is never drawn: rows and columns are counted from 0."
        if numbers.size > 20 * count and numbers.max() < count - 1:
            return f"The last {name} is never drawn: rng.integers(0, n) ends at n - 1 by itself."
    if 1 < len(who) < 500:
        return (
            f"Only {len(who)} samples are drawn. The task asks for 1000: with "
            "fewer, chance decides where the ends of the interval are."
        )
    return ""


def _of(drawn: np.ndarray, most: int, length: int) -> bool:
    """Whether some of the draws (draws, length) are numbers below `most`, and not numbers below `length`."""
    if most > length:
        return bool((drawn >= length).any())
    return len(drawn) > 20 and bool(np.mean((drawn < most).all(axis=1)) > 0.1)  # chance hardly ever does that


def two_way(scores: np.ndarray, who: bool = True, what: bool = True, raters: int | None = None) -> np.ndarray:
    """The MOS (DRAWS,) of studies in which raters, images or both are drawn again. raters: how many, if not all."""
    rng = np.random.default_rng(1)
    counts = (raters or scores.shape[0], scores.shape[1])
    weights = [
        rng.multinomial(count, np.full(n, 1 / n), size=DRAWS) / count if drawn else np.full((DRAWS, n), 1 / n)
        for n, count, drawn in zip(scores.shape, counts, (who, what), strict=True)
    ]
    return np.einsum("br,ri,bi->b", weights[0], scores, weights[1], optimize=True)


def pairs(scores: np.ndarray) -> np.ndarray:
    """The MOS (DRAWS,) of n pairs (rater, image), where n is the smaller of the two counts."""
    rng, count = np.random.default_rng(1), min(scores.shape)
    rows, columns = (rng.integers(0, n, (DRAWS, count)) for n in scores.shape)
    return scores[rows, columns].mean(axis=1)


def single_votes(scores: np.ndarray, count: int) -> np.ndarray:
    """The MOS (DRAWS,) of `count` votes drawn from all votes, whoever gave them."""
    return np.random.default_rng(1).choice(scores.ravel(), (DRAWS, count)).mean(axis=1)


def image_means(scores: np.ndarray) -> np.ndarray:
    """The mean votes (DRAWS,) of drawn raters, each on one drawn image."""
    rng, (raters, images) = np.random.default_rng(1), scores.shape
    weights = rng.multinomial(raters, np.full(raters, 1 / raters), size=DRAWS) / raters
    return (weights @ scores)[np.arange(DRAWS), rng.integers(images, size=DRAWS)]


def medians(scores: np.ndarray) -> np.ndarray:
    """The medians (1000,) of the votes of drawn raters on drawn images."""
    rng, (raters, images) = np.random.default_rng(1), scores.shape
    draws = ((rng.integers(raters, size=raters), rng.integers(images, size=images)) for _ in range(1000))
    return np.array([np.median(scores[np.ix_(who, what)]) for who, what in draws])
