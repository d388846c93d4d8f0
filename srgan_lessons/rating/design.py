"""The design of the paper's opinion study (Ledig et al. 2017, section 3.3): which versions of which images."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.rating.manifest import some
from srgan_lessons.rating.stimuli import Version, given_versions, named_otherwise
from srgan_lessons.rating.vote import HIDDEN_REFERENCE

SETS = {"Set5": 5, "Set14": 14, "BSD100": 100}
METHODS = ("nearest", "bicubic", "SRCNN", "SelfExSR", "DRCN", "ESPCN", "SRResNet", "SRGAN", HIDDEN_REFERENCE)
VARIANTS = ("SRResNet-VGG22", "SRGAN-MSE", "SRGAN-VGG22")  # of Table 1; rated on Set5 and Set14 only
MADE = ("nearest", "bicubic")

# Set -> names of the methods. SRResNet is SRResNet-MSE, SRGAN is SRGAN-VGG54, as in the paper's Table 2.
PAPER_METHODS: dict[str, tuple[str, ...]] = {
    "Set5": METHODS + VARIANTS,
    "Set14": METHODS + VARIANTS,
    "BSD100": METHODS,
}


def paper_versions(images: str | Path | Mapping[str, str | Path | Mapping]) -> list[Version]:
    """The 1,128 versions of the paper's study. See `Study.paper`.

    Raises UserError that lists all that is missing: sets, images of a set, and methods of an image.
    """
    if isinstance(images, str | Path):
        folder = Path(images)
        if not folder.is_dir():
            raise UserError(f"{folder} does not exist: the paper's study needs a folder <set>/<method>/<image>.png.")
        images = {name: folder / name for name in SETS if (folder / name).is_dir()}
    if missing := [name for name in SETS if name not in images]:
        raise UserError(f"the paper's study rates Set5, Set14 and BSD100; missing: {', '.join(missing)}.")
    found: list[Version] = []
    problems: list[str] = []
    hint = ""
    for name, methods in PAPER_METHODS.items():
        by_image: dict[str, dict[str, Version]] = {}
        names: dict[str, dict[str, Version]] = {}
        for version in given_versions(images[name]):
            method = _spelt(version.method, methods)
            by_image.setdefault(f"{name} {version.image}", {})[method] = version
            names.setdefault(version.image, {})[method] = version
        hint = hint or named_otherwise(names)
        if len(by_image) != SETS[name]:
            problems.append(f"{name} has {len(by_image)} images instead of {SETS[name]}")
        for image, given in by_image.items():
            if HIDDEN_REFERENCE in given:
                _add_made(given)
            problems += [f"{method} of {image}" for method in methods if method not in given]
            found += [
                Version(image=image, method=method, pixels=given[method].pixels)
                for method in methods
                if method in given
            ]
    if problems:
        raise UserError(f"the paper's study is not complete, {len(problems)} missing: {some(problems)}.{hint}")
    return found


def _spelt(method: str, methods: Sequence[str]) -> str:
    """The paper's spelling of a method, whatever the case of its letters."""
    return next((known for known in methods if known.casefold() == method.casefold()), method)


def _add_made(given: dict[str, Version]) -> None:
    for method in MADE:
        if method not in given:
            given[method] = Version(image="", method=method, pixels=partial(_make, given[HIDDEN_REFERENCE], method))


def _make(hr: Version, method: str) -> np.ndarray:
    from srgan_lessons.resize import imresize
    from srgan_lessons.upscaling import upscale

    return upscale(imresize(hr.pixels(), 1 / 4), method)
