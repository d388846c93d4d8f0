"""The pictures of a study: ready versions, or versions that the package makes from HR pictures."""

import io
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from srgan_lessons import UserError
from srgan_lessons.files import counted, list_folder, plural
from srgan_lessons.images import SUFFIXES, check_image, pictures_in, read_picture, sample_photos
from srgan_lessons.models import SCALE
from srgan_lessons.rating.manifest import some
from srgan_lessons.rating.vote import HIDDEN_REFERENCE
from srgan_lessons.resize import imresize

ANCHOR_SCORES = {"nearest": 1, HIDDEN_REFERENCE: 5}  # raters are calibrated on these (paper, section 3.3)
LARGEST = (1920, 1080)  # width and height, in pixels: what a screen shows at 1:1

Source = np.ndarray | str | Path
Images = str | Path | Mapping[str, Source] | Mapping[str, Mapping[str, Source]]
Methods = Sequence[str] | Mapping[str, object] | None


@dataclass(frozen=True, kw_only=True)
class Version:
    """One picture to rate. pixels: a function that is called when they are needed; it returns uint8 (H, W, 3)."""

    image: str
    method: str
    pixels: Callable[[], np.ndarray]


def versions(images: Images, methods: Methods, *, crop: int | None = None, device: str | None = None) -> list[Version]:
    """All versions of all images, sorted by image and method. Pictures are read or made only when they are needed.

    images: ready versions (a mapping image -> method -> array or file, or a folder with a folder of pictures for each
    method), or HR pictures (a mapping image -> array or file, or a folder of pictures), from which the versions are
    made. methods: for HR pictures, names that `upscaling.upscale` accepts and "hr", or a mapping name -> weights; for
    ready versions, the methods to use, by default all. crop: see `Study.create`.

    Raises UserError for a folder or file that does not exist, a list without methods, unknown weights, and a missing
    version.
    """
    if methods is not None and not methods:
        raise UserError('a study needs methods: for example "nearest", "bicubic", "hr".')
    if isinstance(methods, str):
        raise UserError(f"methods is a single string, {methods!r}; it must be a list of names.")
    if isinstance(images, str | Path):
        images = _read_folder(Path(images))
    if not images:
        raise UserError("there are no images to rate: the mapping is empty.")
    given: Mapping[str, Any] = images
    ready = [isinstance(value, Mapping) for value in given.values()]
    if any(ready) and not all(ready):
        raise UserError(
            "some images are mappings of methods to pictures, others are single pictures. Use one form for all."
        )
    if all(ready):
        return _ready(given, methods, crop)
    return _made(given, methods, crop, device)


def _read_folder(folder: Path) -> dict[str, Path] | dict[str, dict[str, Path]]:
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist: no such folder of pictures.")
    if direct := _pictures(folder):
        return direct
    found: dict[str, dict[str, Path]] = {}
    for inner in (path for path in list_folder(folder) if path.is_dir()):
        for image, path in _pictures(inner).items():
            found.setdefault(image, {})[
                HIDDEN_REFERENCE if inner.name.casefold() == HIDDEN_REFERENCE else inner.name
            ] = path
    if not found:
        raise UserError(
            f"{folder} contains no pictures ({' '.join(SUFFIXES)}): neither HR pictures, nor folders of pictures named "
            "by method."
        )
    return found


def _pictures(folder: Path) -> dict[str, Path]:
    """Picture files by their name without the ending, sorted by name."""
    found: dict[str, Path] = {}
    for path in pictures_in(folder):
        if path.stem in found:
            raise UserError(f"{found[path.stem]} and {path.name} would be one image, {path.stem!r}. Rename one.")
        found[path.stem] = path
    return found


def _ready(images: Mapping[str, Mapping[str, Source]], methods: Methods, crop: int | None) -> list[Version]:
    if isinstance(methods, Mapping):
        raise UserError("the versions are given, so methods must be a list of names, without weights.")
    if crop is not None:
        raise UserError("crop works only for versions made from HR pictures. Crop ready versions beforehand.")
    found = given_versions(images)
    known = list(dict.fromkeys(version.method for version in found))
    wanted = known if methods is None else list(methods)
    check_names(wanted, "method")
    missing = [(method, image) for image, given in images.items() for method in wanted if method not in given]
    if missing:
        listed = some([f"{method} of {image}" for method, image in missing])
        are = plural(len(missing), "is", "are")
        raise UserError(f"{counted(len(missing), 'version')} {are} missing: {listed}.{named_otherwise(images)}")
    return [version for version in found if version.method in wanted]


def named_otherwise(images: Mapping[str, Mapping[str, object]]) -> str:
    """What to do if names of one image differ by the usual endings: a sentence that begins with a space, or ""."""
    from srgan_lessons.upscaling.files import plain_name

    for image, given in images.items():
        plain = plain_name(image)
        if plain != image and plain in images and (method := next(iter(given), None)):
            return (
                f" An image must have the same name in each method's folder: there is no {plain} in {method}, "
                f"only {image}. Rename such files, {image} to {plain}."
            )
    return ""


def given_versions(images: str | Path | Mapping[str, Mapping[str, Source]]) -> list[Version]:
    """Ready versions, from a mapping image -> method -> picture or from a folder of folders; some may be missing."""
    by_image: Mapping[str, Any] = _read_folder(Path(images)) if isinstance(images, str | Path) else images
    if not all(isinstance(given, Mapping) for given in by_image.values()):
        raise UserError("versions are needed: a mapping image -> method -> picture, or a folder for each method.")
    known = list(dict.fromkeys(method for given in by_image.values() for method in given))
    if not known:
        raise UserError('a study needs methods: each image is a mapping of methods ("nearest", "hr", ...) to pictures.')
    check_names(known, "method")
    check_names(by_image, "image")
    found = []
    for image in sorted(by_image):
        for method in sorted(by_image[image]):
            pixels = partial(_cut, by_image[image][method], None, 1, f"{method} of {image}")
            found.append(Version(image=image, method=method, pixels=pixels))
    return found


def _made(images: Mapping[str, Source], methods: Methods, crop: int | None, device: str | None) -> list[Version]:
    from srgan_lessons.upscaling import upscaler

    if methods is None:
        raise UserError('a study needs methods: for example methods=["nearest", "bicubic", "espcn", "hr"].')
    weights: dict[str, Any] = dict(methods) if isinstance(methods, Mapping) else {name: name for name in methods}
    check_names(list(methods), "method")
    check_names(images, "image")
    # All weights are loaded before any picture is written.
    makers = {name: upscaler(value, device=device) for name, value in weights.items() if name != HIDDEN_REFERENCE}
    found = []
    for image in sorted(images):
        hr = _Photo(images[image], crop, image)
        for method in sorted(weights):
            pixels = hr.hr if method == HIDDEN_REFERENCE else partial(hr.enlarged, makers[method])
            found.append(Version(image=image, method=method, pixels=pixels))
    return found


class _Photo:
    """An HR picture and its versions. Versions come image by image, so only the picture in use is in memory."""

    def __init__(self, source: Source, crop: int | None, label: str):
        self._read = partial(_cut, source, crop, SCALE, label)
        self._lr: np.ndarray | None = None

    def hr(self) -> np.ndarray:
        return self._read()

    def enlarged(self, maker: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        if self._lr is None:  # a sixteenth of the HR picture
            self._lr = imresize(self._read(), 1 / SCALE)
        return maker(self._lr)


def _cut(source: Source, crop: int | None, multiple: int, label: str) -> np.ndarray:
    """The picture, or its middle of at most `crop` x `crop` pixels, cut to sides that are multiples of `multiple`."""
    if isinstance(source, np.ndarray):
        pixels = check_image(source)
    elif isinstance(source, str | Path):
        picture = read_picture(source)
        if picture.alpha is not None and picture.alpha.min() < 255:
            raise UserError(f"{source} has transparent parts, which each page shows differently. Save it without them.")
        pixels = _as_srgb(picture.rgb, picture.icc_profile, source)
    else:
        raise UserError(f"the picture of {label} is a {type(source).__name__}; a uint8 array or a file is needed.")
    height, width = pixels.shape[:2]
    if crop is not None:
        top, left = max(0, (height - crop) // 2), max(0, (width - crop) // 2)
        pixels = pixels[top : top + crop, left : left + crop]
    height, width = pixels.shape[:2]
    if width > LARGEST[0] or height > LARGEST[1]:
        raise UserError(
            f"{label} is {width} x {height} pixels. Raters see pictures at 1:1, and a screen can show only "
            f"{LARGEST[0]} x {LARGEST[1]}. Use crop to cut out the middle, for example crop=400."
        )
    if min(height, width) < 4 * multiple:
        raise UserError(f"{label} is {width} x {height} pixels, too small to be rated.")
    return np.ascontiguousarray(pixels[: height - height % multiple, : width - width % multiple])


def _as_srgb(pixels: np.ndarray, profile: bytes | None, source: str | Path) -> np.ndarray:
    """The same colours in sRGB, which browsers assume for a PNG without a profile. uint8 (H, W, 3).

    It converts with the file's own profile and the relative colorimetric intent, so that white stays white. Raises
    UserError if the profile cannot be used, because the numbers alone do not define colours.
    """
    if profile is None:
        return pixels
    try:
        there = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        picture = Image.fromarray(pixels)
        if there.profile.xcolor_space.strip() == "GRAY":
            picture = picture.convert("L")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        srgb = ImageCms.createProfile("sRGB")
        return np.asarray(ImageCms.profileToProfile(picture, there, srgb, renderingIntent=intent, outputMode="RGB"))
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise UserError(
            f"{source}: its colour profile cannot be used ({error}), so its colours are not known. Open it in a photo "
            "program and save it as sRGB."
        ) from None


def anchor_versions(anchors: Images | None, rated: Sequence[str], *, crop: int | None) -> list[Version]:
    """Nearest neighbour and HR versions of images that are not rated; by default, four photos from scikit-image.

    Raises UserError in the same cases as `versions`, and for an anchor with the name of a rated image.
    """
    if anchors is None:
        photos = sample_photos()
        names = [name for name in ("chelsea", "coffee", "rocket", "astronaut", "motorcycle") if name not in rated]
        if not names:
            raise UserError(
                "all photos that raters could be calibrated on are themselves rated. Name others with "
                "--anchors FOLDER or anchors=."
            )
        anchors, crop = {name: photos[name] for name in names[:4]}, min(crop or 256, 256)
    made = versions(anchors, list(ANCHOR_SCORES), crop=crop)
    if both := sorted({version.image for version in made} & set(rated)):
        raise UserError(f"{some(both)} would be both an anchor and rated. Use other images as anchors, or other names.")
    return made


def check_names(names: Collection[str], what: str) -> None:
    """Raises UserError for names of images or methods that are not strings, empty, or differ only in upper case.

    Control characters and unusual or outer spaces are refused, too, because tables of votes would lose them.
    """
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"the {what} {name!r} needs a name: a string of at least one letter.")
        if not name.isprintable() or name != name.strip():
            raise UserError(
                f"the name of the {what} {name!r} has characters that cannot be seen, or begins or ends with a space. "
                "Rename it."
            )
        if what == "method" and name != HIDDEN_REFERENCE and name.casefold() == HIDDEN_REFERENCE:
            raise UserError(
                f'the method {name!r} must be written "{HIDDEN_REFERENCE}", the name of the hidden reference.'
            )
    folded = Counter(name.casefold() for name in names)
    if twice := [name for name in names if folded[name.casefold()] > 1]:
        raise UserError(f"the {what} {twice[0]!r} appears twice (upper and lower case count as one).")


def sizes_checked(made: Iterator[tuple[Version, np.ndarray]]) -> Iterator[tuple[Version, np.ndarray]]:
    """Passes pictures on. Raises UserError if a version of an image differs in size from the one before."""
    first: dict[str, tuple[str, tuple[int, int]]] = {}
    for version, pixels in made:
        height, width = pixels.shape[:2]
        method, (h, w) = first.setdefault(version.image, (version.method, (height, width)))
        if (height, width) != (h, w):
            raise UserError(
                f"the versions of {version.image!r} differ in size: {method} is {w} x {h}, {version.method} is "
                f"{width} x {height} pixels. Nothing is scaled here. Crop them, or make them again."
            )
        yield version, pixels
