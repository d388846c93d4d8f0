"""Pictures to train on: from any folder, decoded once and kept as uint8, in memory or in a store on the disk."""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from srgan_lessons import UserError, processes
from srgan_lessons.datasets.album import Album, Place, as_album
from srgan_lessons.datasets.decoding import (
    benchmark_images,
    decode,
    decoded_sizes,
    excuse_known,
    find_files,
    pixel_hash,
    reader,
    too_small,
)
from srgan_lessons.datasets.packing import pack
from srgan_lessons.datasets.store import Store, cached_path, is_store, open_store
from srgan_lessons.files import counted, expand
from srgan_lessons.images import AnyPicture, check_image
from srgan_lessons.images.formats import memory


@dataclass(frozen=True, kw_only=True)
class Photos:
    """Pictures, and which ones were left out and why.

    images: name -> uint8 (H, W, 3), sorted by name; kept as an Album, all in one array. left_out: name -> reason.
    not_pictures: how many files of other kinds the folders contain, by their ending. hashes: name -> SHA-256 of the
    pixels; computed if not given. store: the photo store that the pictures are mapped from; None: they are in memory.
    """

    images: Mapping[str, np.ndarray]
    left_out: dict[str, str] = field(default_factory=dict)
    not_pictures: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    store: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", as_album(self.images))
        for name in self.images.keys() - self.hashes.keys():
            self.hashes[name] = pixel_hash(self.images[name])

    @property
    def album(self) -> Album:
        """The pictures as an album, in one array."""
        return as_album(self.images)  # no copy: they are already an album

    def __len__(self) -> int:
        return len(self.images)

    @property
    def megapixels(self) -> float:
        """Pixels of all pictures together, in millions."""
        return sum(image.shape[0] * image.shape[1] for image in self.images.values()) / 1e6

    def report(self) -> str:
        """How many pictures there are, and each one that was left out, with the reason."""
        lines = [f"{counted(len(self), 'picture')}, {self.megapixels:.1f} megapixels"]
        if self.left_out:
            lines[0] += f"; {len(self.left_out)} left out:"
            lines += [f"  {name}: {reason}" for name, reason in self.left_out.items()]
        if self.not_pictures:
            kinds = ", ".join(f"{count} {ending}" for ending, count in self.not_pictures.items())
            lines.append(f"  files with other endings were not read: {kinds}")
        if len(self):
            where = f"mapped from the store {self.store}" if self.store else "in memory"
            lines.append(f"  {where}: {self.album.pixels.nbytes / 1e6:,.1f} MB")
        return "\n".join(lines)

    def split(self, *, validation: int | None = None) -> tuple[Album, Album]:
        """(training, held out): the choice depends only on the pixels, not on names or order.

        validation: how many pictures to hold out; None: one in twenty, at least 1 and at most 10. A single picture
        cannot be held out, and a warning says so. Raises UserError if nothing would be left to train on.
        """
        if validation is None:
            validation = min(10, max(1, round(len(self) / 20))) if len(self) > 1 else 0
            if validation == 0:
                warnings.warn(
                    "there is only one picture: none is held out, so training has no validation", stacklevel=2
                )
        if not 0 <= validation < len(self):
            raise UserError(
                f"validation is {validation}; of {counted(len(self), 'picture')}, 0 to {len(self) - 1} can be held out."
            )
        held_out = set(sorted(self.images, key=self.hashes.__getitem__)[:validation])
        training = [name for name in self.images if name not in held_out]
        return self.album.select(training), self.album.select(name for name in self.images if name in held_out)


# Folders of pictures, a photo store, or pictures by name.
Source = str | Path | Iterable[str | Path] | Mapping[str, AnyPicture]


def load_photos(source: Source, *, minimum: int = 96, progress: bool = True) -> Photos:
    """Reads all pictures of one or several folders (and their subfolders), of a photo store, or of a dict.

    Formats: those of images.SUFFIXES. A picture that cannot be read, is smaller than `minimum` pixels on a
    side, or has the same pixels as another is listed in `left_out`. Pictures are named by their path relative to the
    folder above the given folders. A dict maps names to pictures in any form, see `images.check_image`.

    If the pictures would fill more than half of the memory, or if several processes of a machine train on them, they
    are packed into a store in the data folder, which is mapped into memory. The next call with the same files uses it.

    Raises UserError if a folder is missing, if no picture is left, or if one shows the same as an image of Set5, Set14
    or BSD100 (see leakage.py): training on it would make the benchmark worthless. Only one such picture is known in the
    published training sets, BSDS500/train/302003.jpg; it is left out instead.
    """
    if minimum < 1:
        raise UserError(f"minimum is {minimum}; it must be at least 1 pixel.")
    if isinstance(source, Mapping):
        return _from_arrays(source, minimum, progress)
    try:
        paths = [expand(source)] if isinstance(source, str | Path) else [expand(folder) for folder in source]
    except TypeError:  # a list of arrays, a single picture, None
        raise UserError(
            "photos are given as a folder, several folders, a photo store, or a dict of pictures with names, "
            f'{{"cat": cat, "dog": dog}}; got a {type(source).__name__}.'
        ) from None
    stores = [path for path in paths if path.is_file() and (len(paths) == 1 or is_store(path))]
    if stores and len(paths) > 1:
        raise UserError(
            f"{stores[0]} is a photo store, which must be the only source. Pack all pictures into one store: "
            "srgan-lessons data pack FOLDERS -o PATH"
        )
    if stores or (len(paths) == 1 and paths[0].suffix == ".store" and not paths[0].exists()):
        return _from_store(open_store(paths[0]), minimum)
    return _from_folders(paths, minimum, progress)


def _from_arrays(source: Mapping[str, AnyPicture], minimum: int, progress: bool) -> Photos:
    jobs = {name: (lambda image=image: check_image(image)) for name, image in source.items()}
    sizes = {name: _shape(image)[1::-1] for name, image in source.items()}
    total = 3 * sum(int(np.prod(size)) for size in sizes.values())
    if total > (limit := memory() / 2):
        warnings.warn(
            f"the pictures fill more than half of this machine's memory ({2 * limit / 1e9:.1f} GB), and are copied; "
            "save them as files, and pass their folder instead",
            stacklevel=3,
        )
    return _into_memory(jobs, sizes, {}, "the pictures given", {}, {}, minimum, progress)


def _shape(picture: AnyPicture) -> tuple[int, ...]:
    """(H, W, ...) of an array or a PIL image; () for a path, which is not opened."""
    return picture.size[::-1] if isinstance(picture, Image.Image) else np.shape(np.asarray(picture))


def _from_folders(folders: list[Path], minimum: int, progress: bool) -> Photos:
    files, not_pictures, closed = find_files(folders)
    place = ", ".join(map(str, folders))
    try:
        kept = cached_path(folders, files) if files else None
    except UserError:  # this user has no home folder, and therefore no data folder
        kept = None
    if kept and os.path.exists(kept):  # Path.exists would raise without permission to look there
        return _from_store(open_store(kept), minimum)
    sizes = decoded_sizes(files)
    total, limit = 3 * sum(width * height for width, height in sizes.values()), memory() / 2
    several = processes.local_world_size()
    if files and (total > limit or several > 1):
        try:
            if kept is None:
                raise UserError(f"{place} does not fit into memory. Set SRGAN_LESSONS_DATA to a folder for a store.")
            return _from_store(pack(folders, kept, progress=progress), minimum)
        except UserError:
            if several * total > limit or (kept and os.path.exists(kept)):
                raise
            warnings.warn("no store could be written: each process holds the pictures in its own memory", stacklevel=3)
    jobs = {name: reader(path) for name, path in files.items()}
    return _into_memory(jobs, sizes, files, place, not_pictures, closed, minimum, progress)


def _from_store(store: Store, minimum: int) -> Photos:
    excuse_known(benchmark_images(store.looks), {}, str(store.path))  # packing left the known ones out
    small = {}
    for name, (_, height, width) in store.images.places.items():
        if reason := too_small(height, width, minimum):
            small[name] = reason
    kept = [name for name in store.images if name not in small]
    photos = Photos(
        images=store.images.select(kept),
        left_out=dict(sorted((store.left_out | small).items())),
        not_pictures=store.not_pictures,
        hashes={name: store.hashes[name] for name in kept},
        store=store.path,
    )
    if not kept:
        raise UserError(f"there is no usable picture in {store.path}: {photos.report()}")
    return photos


def _into_memory(
    jobs: Mapping[str, Callable[[], np.ndarray]],
    sizes: Mapping[str, tuple[int, ...]],
    files: Mapping[str, Path],
    place: str,
    not_pictures: dict[str, int],
    closed: dict[str, str],
    minimum: int,
    progress: bool,
) -> Photos:
    """Runs all jobs, and writes each picture to its place in one array as soon as it is decoded.

    sizes: name -> (width, height), as far as they are known in advance.
    """
    room = sum(width * height for width, height in (size for size in sizes.values() if len(size) == 2))
    try:
        pixels = np.empty((room, 3), np.uint8)  # memory is taken only when it is written to
    except MemoryError:
        raise UserError(
            f"{place}: there is not enough memory for {3 * room / 1e9:.1f} GB of pictures. Pack them into a store, and "
            "train from it: srgan-lessons data pack FOLDERS -o photos.store"
        ) from None
    places: dict[str, Place] = {}
    left_out = dict(closed)
    looks: dict[str, bytes] = {}
    seen: dict[str, str] = {}
    end = 0
    for name, decoded in tqdm(decode(jobs), total=len(jobs), desc="read pictures", leave=False, disable=not progress):
        image = decoded.image
        if image is None:
            left_out[name] = decoded.reason
            continue
        looks[name] = decoded.look
        height, width = image.shape[:2]
        if reason := too_small(height, width, minimum):
            left_out[name] = reason
        elif decoded.sha256 in seen:
            left_out[name] = f"has the same pixels as {seen[decoded.sha256]}"
        else:
            if end + height * width > len(pixels):  # the file's header did not give the size
                pixels = np.concatenate([pixels[:end], np.empty((height * width, 3), np.uint8)])
            places[name], seen[decoded.sha256] = Place(end, height, width), name
            pixels[end : end + height * width] = image.reshape(-1, 3)
            end += height * width
    for name, reason in excuse_known(benchmark_images(looks), files, place).items():
        left_out[name] = reason
        places.pop(name, None)
    hashes = {name: hash for hash, name in seen.items() if name in places}
    photos = Photos(
        images=Album(pixels[:end], places),
        left_out=dict(sorted(left_out.items())),
        not_pictures=not_pictures,
        hashes=hashes,
    )
    if not places:
        raise UserError(f"there is no usable picture in {place}: {photos.report()}")
    return photos
