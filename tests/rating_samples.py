"""Small studies for the tests of the rating room."""

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
