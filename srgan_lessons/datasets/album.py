"""Pictures that lie one after another in one array, in memory or in a memory-mapped file."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srgan_lessons import UserError
from srgan_lessons.images import check_image


class Place(NamedTuple):
    """Where a picture lies in an album's pixels: the number of its first pixel, and its height and width in pixels."""

    first: int
    height: int
    width: int


class Album(Mapping[str, np.ndarray]):
    """Name -> uint8 (H, W, 3), a view of `pixels`, uint8 (all pixels, 3). Getting a picture copies nothing.

    places: name -> Place. Two names may share a place, and some pixels may belong to no name.
    """

    def __init__(self, pixels: np.ndarray, places: Mapping[str, Place]):
        self.pixels, self.places = pixels, dict(places)

    def __getitem__(self, name: str) -> np.ndarray:
        first, height, width = self.places[name]
        return self.pixels[first : first + height * width].reshape(height, width, 3)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def select(self, names: Iterable[str]) -> "Album":
        """The pictures of these names, in this order, in the same array."""
        return Album(self.pixels, {name: self.places[name] for name in names})


def as_album(images: Mapping[str, np.ndarray]) -> Album:
    """Returns an album unchanged; copies other pictures into a new one.

    Raises UserError, with the name, for what is not a picture, such as an array of floats.
    """
    if isinstance(images, Album):
        return images
    places, first = {}, 0
    checked = {name: _checked(name, image) for name, image in images.items()}
    for name, image in checked.items():
        places[name] = Place(first, *image.shape[:2])
        first += image.shape[0] * image.shape[1]
    pixels = np.empty((first, 3), np.uint8)
    album = Album(pixels, places)
    for name, image in checked.items():
        album[name][:] = image
    return album


def _checked(name: str, image: np.ndarray) -> np.ndarray:
    try:
        return check_image(image)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None


def as_tensor(pixels: np.ndarray) -> Tensor:
    """The same memory as a tensor. If the memory is a mapped file, only read it: writing to it kills the process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's warning that the array cannot be written to
        return torch.from_numpy(pixels)
