"""The photos that come with scikit-image."""

from functools import cache

import numpy as np

from srgan_lessons.images.arrays import check_image

# The files in scikit-image's wheel that are photographs, not diagrams.
_COLOUR = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "immunohistochemistry", "retina")
_GREY = ("camera", "brick", "grass", "gravel", "coins", "moon")


@cache
def _sample_photos() -> dict[str, np.ndarray]:
    from skimage import data  # takes a second to import

    photos = {name: getattr(data, name)() for name in (*_COLOUR, *_GREY)}
    photos["motorcycle"] = data.stereo_motorcycle()[0]
    return {name: check_image(photo) for name, photo in sorted(photos.items())}


def sample_photos() -> dict[str, np.ndarray]:
    """Fourteen photos that come with scikit-image: name -> uint8 (H, W, 3). No network is needed.

    Grey photos have R = G = B. Licences: public domain or CC0, see scikit-image's data/README.txt.
    """
    return {name: photo.copy() for name, photo in _sample_photos().items()}
