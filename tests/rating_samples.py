"""Small studies for the tests of the rating room."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srgan_lessons.rating.study import Study

METHODS = ("bicubic", "hr", "nearest", "srgan", "srresnet")


def pixels(seed: int, height: int = 16, width: int = 20) -> np.ndarray:
    """A picture of noise, another for each seed."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def given_versions(images: int = 6, methods=METHODS, size=(16, 20)) -> dict[str, dict[str, np.ndarray]]:
    """Image -> method -> picture, as a study takes versions that are ready. size: height and width."""
    return {
        f"image{i}": {method: pixels(1000 * i + k, *size) for k, method in enumerate(methods)} for i in range(images)
    }


def anchors(count: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Anchors of images that are not rated."""
    return {f"anchor{i}": {"nearest": pixels(90_000 + i), "hr": pixels(95_000 + i)} for i in range(count)}


def small_study(folder: Path, images: int = 6, methods=METHODS, size=(16, 20), **settings) -> Study:
    """A study of noise, made in a moment."""
    given = {"anchors": anchors(), "seed": 1, **settings}
    return Study.create(given_versions(images, methods, size), None, folder / "study", **given)


def noise_study(folder: Path, images: int, sizes: Sequence[tuple[int, int]], **settings) -> Study:
    """A study of noise: a picture that is scaled, or shifted by a part of a pixel, is another picture.

    images: of three methods each. sizes: height and width of even ones, of odd ones, and of the anchors.
    """
    methods = ("hr", "soft", "hard")
    versions = {
        f"i{k}": {method: pixels(1000 * k + n, *sizes[k % 2]) for n, method in enumerate(methods)}
        for k in range(images)
    }
    marks = {f"a{k}": {"nearest": pixels(90_000 + k, *sizes[2]), "hr": pixels(95_000 + k, *sizes[2])} for k in range(2)}
    return Study.create(versions, None, folder, seed=5, anchors=marks, **settings)
