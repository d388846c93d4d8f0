"""Pictures to train on: any folder, decoded once and kept in memory as uint8."""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.datasets.catalogue import catalogue, some
from srgan_lessons.datasets.leakage import find_benchmark, perceptual_hash
from srgan_lessons.download import file_hash
from srgan_lessons.files import explain_read_error
from srgan_lessons.images import SUFFIXES, check_image, load_image
from srgan_lessons.images.formats import memory


@dataclass(frozen=True, kw_only=True)
class Photos:
    """Pictures in memory, what was left out of them and why.

    images: name -> uint8 (H, W, 3), sorted by name. left_out: name -> reason. not_pictures: how many files of other
    kinds the folders hold, by their ending. hashes: name -> SHA-256 of the pixels; computed where not given.
    """

    images: dict[str, np.ndarray]
    left_out: dict[str, str] = field(default_factory=dict)
    not_pictures: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        for name in self.images.keys() - self.hashes.keys():
            self.hashes[name] = _pixel_hash(self.images[name])

    def __len__(self) -> int:
        return len(self.images)

    @property
    def megapixels(self) -> float:
        """Pixels of all pictures together, in millions."""
        return sum(image.shape[0] * image.shape[1] for image in self.images.values()) / 1e6

    def report(self) -> str:
        """How many pictures there are, and each one that was left out, with the reason."""
        lines = [f"{len(self)} pictures, {self.megapixels:.1f} megapixels"]
        if self.left_out:
            lines[0] += f"; {len(self.left_out)} left out:"
            lines += [f"  {name}: {reason}" for name, reason in self.left_out.items()]
        if self.not_pictures:
            kinds = ", ".join(f"{count} {ending}" for ending, count in self.not_pictures.items())
            lines.append(f"  files that are not pictures, by their ending, were not read: {kinds}")
        return "\n".join(lines)

    def split(self, *, validation: int | None = None) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """(training, held out): which is which depends on the pixels alone, not on names or order.

        validation: how many to hold out; None: one in twenty, at least 1 and at most 10. With a single picture none
        can be held out, and a warning says so. Raises UserError if nothing would be left to train on.
        """
        if validation is None:
            validation = min(10, max(1, round(len(self) / 20))) if len(self) > 1 else 0
            if validation == 0:
                warnings.warn(
                    "there is only one picture: none is held out, so training has no validation", stacklevel=2
                )
        if not 0 <= validation < len(self):
            raise UserError(
                f"validation is {validation}; of {len(self)} pictures 0 to {len(self) - 1} can be held out."
            )
        held_out = set(sorted(self.images, key=self.hashes.__getitem__)[:validation])
        training = {name: image for name, image in self.images.items() if name not in held_out}
        return training, {name: self.images[name] for name in self.images if name in held_out}


def load_photos(
    source: str | Path | Iterable[str | Path] | Mapping[str, np.ndarray], *, minimum: int = 96, progress: bool = True
) -> Photos:
    """Reads all pictures of a folder (and the folders in it), of several folders, or of a dict name -> uint8 array.

    Formats: those of images.SUFFIXES. A picture that cannot be read, is smaller than `minimum` pixels on a
    side, or has the same pixels as another is named in `left_out`. Pictures are named by their path from the folder
    that holds the folders given.

    Raises UserError if a folder is missing, if no picture is left, or if one shows what an image of Set5, Set14 or
    BSD100 shows (see leakage.py): training on it would make the benchmark worthless. The one such picture that is known
    among the published training sets, BSDS500/train/302003.jpg, is left out instead.
    """
    if minimum < 1:
        raise UserError(f"minimum is {minimum}; it must be at least 1 pixel.")
    if isinstance(source, Mapping):
        jobs: dict[str, Callable[[], np.ndarray]] = {
            name: (lambda image=image: check_image(image)) for name, image in source.items()
        }
        files, not_pictures, closed, place = {}, {}, {}, "the pictures given"
    else:
        folders = [Path(source)] if isinstance(source, str | Path) else [Path(folder) for folder in source]
        files, not_pictures, closed = _find_files(folders)
        jobs = {name: (lambda path=path: load_image(path)) for name, path in files.items()}
        place = ", ".join(map(str, folders))
    images, hashes, left_out, leaks = _decode(jobs, minimum, progress)
    for name, leak in list(leaks.items()):
        if name in files and file_hash(files[name]) in _known_leaks():
            left_out[name] = f"shows what {leak} shows, at another size (a known overlap of the published sets)"
            del leaks[name]
    if leaks:
        pairs = [f"{name} is {leak}" for name, leak in leaks.items()]
        raise UserError(
            f"{len(leaks)} of the pictures in {place} are benchmark images: {some(pairs)}. Training on them would leak "
            "the test into the training. Take them out (of BSDS500, use only train and test)."
        )
    left_out |= closed
    photos = Photos(images=images, left_out=dict(sorted(left_out.items())), not_pictures=not_pictures, hashes=hashes)
    if not images:
        raise UserError(f"there is no usable picture in {place}: {photos.report()}")
    return photos


def _find_files(folders: list[Path]) -> tuple[dict[str, Path], dict[str, int], dict[str, str]]:
    """Picture files by name, sorted, how many others there are by their ending, and folders that cannot be read.

    Hidden files and folders are not looked at.
    """
    if not folders:
        raise UserError("no folder was given. Name at least one folder with pictures.")
    for folder in folders:
        if not folder.is_dir():
            what = "is a file, not a folder" if folder.exists() else "does not exist"
            raise UserError(f"{folder} {what}. Give a folder with pictures.")
    roots = [Path(os.path.realpath(folder)) for folder in folders]
    above = Path(os.path.commonpath([root.parent for root in roots]))
    files, others, visited, unreadable = {}, Counter(), set(), []
    for root in roots:
        for parent, below, names in os.walk(root, followlinks=True, onerror=unreadable.append):
            if (real := os.path.realpath(parent)) in visited:  # a folder given twice, or a link back up
                below.clear()
                continue
            visited.add(real)
            below[:] = [name for name in below if not name.startswith(".")]
            for path in (Path(parent, name) for name in names if not name.startswith(".")):
                if path.suffix.lower() in SUFFIXES:
                    files[path.relative_to(above).as_posix()] = path
                else:
                    others[path.suffix.lower() or "(no ending)"] += 1
    closed = {str(error.filename): explain_read_error(Path(error.filename), error) for error in unreadable}
    return dict(sorted(files.items())), dict(sorted(others.items())), closed


def _decode(
    jobs: dict[str, Callable[[], np.ndarray]], minimum: int, progress: bool
) -> tuple[dict[str, np.ndarray], dict[str, str], dict[str, str], dict[str, str]]:
    """Runs all jobs on all cores: (images, their hashes, left out with the reason, benchmark images with their names).

    The hash is the SHA-256 of the pixels.
    """

    def run(job: Callable[[], np.ndarray]) -> tuple[np.ndarray | None, str, str | None]:
        try:
            image = job()
        except UserError as error:
            return None, str(error), None
        if min(image.shape[:2]) < minimum:
            height, width = image.shape[:2]
            return (
                None,
                f"{width} x {height} pixels is smaller than {minimum} on a side",
                find_benchmark(perceptual_hash(image)),
            )
        return image, _pixel_hash(image), find_benchmark(perceptual_hash(image))

    images: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}
    leaks: dict[str, str] = {}
    seen: dict[str, str] = {}
    limit, taken = memory() / 2, 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = zip(jobs, pool.map(run, jobs.values()), strict=True)
        bar = tqdm(results, total=len(jobs), desc="read pictures", leave=False, disable=not progress)
        try:
            for name, (image, text, leak) in bar:
                if leak is not None:
                    leaks[name] = leak
                elif image is None:
                    left_out[name] = text
                elif text in seen:
                    left_out[name] = f"has the same pixels as {seen[text]}"
                else:
                    images[name], seen[text] = image, name
                    if taken <= limit < taken + image.nbytes:
                        warnings.warn(
                            f"the pictures fill more than half of this machine's memory ({2 * limit / 1e9:.1f} GB); "
                            "train on fewer or smaller ones if it runs out",
                            stacklevel=3,
                        )
                    taken += image.nbytes
        except BaseException:  # Ctrl-C must not wait for the pictures that are still to come
            pool.shutdown(cancel_futures=True)
            raise
    return images, {name: hash for hash, name in seen.items()}, left_out, leaks


def _known_leaks() -> set[str | None]:
    """SHA-256 of the published training pictures that are known to be benchmark images."""
    return {
        file.sha256
        for data_set in catalogue().values()
        for file in data_set.files
        if file.path in data_set.benchmark_images
    }


def _pixel_hash(image: np.ndarray) -> str:
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()
