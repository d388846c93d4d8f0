"""Finds picture files in folders and decodes them on all cores. `load_photos` and photo stores both begin with this."""

import hashlib
import os
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.datasets.catalogue import catalogue, some
from srgan_lessons.datasets.leakage import find_benchmark, from_bytes, perceptual_hash, to_bytes
from srgan_lessons.download import file_hash
from srgan_lessons.files import explain_read_error
from srgan_lessons.images import SUFFIXES, load_image
from srgan_lessons.images.reading import opened


def find_files(folders: list[Path]) -> tuple[dict[str, Path], dict[str, int], dict[str, str]]:
    """Picture files by name, sorted; the number of other files by their ending; and folders that cannot be read.

    Pictures are named by their path relative to the folder above the given folders; in full if Windows has these on
    several drives. Hidden files and folders are ignored.
    """
    if not folders:
        raise UserError("no folder was given. Name at least one folder with pictures.")
    for folder in folders:
        if not folder.is_dir():
            what = "is a file, not a folder" if folder.exists() else "does not exist"
            raise UserError(f"{folder} {what}. Give a folder with pictures.")
    roots = [Path(os.path.realpath(folder)) for folder in folders]
    above = folder_above([root.parent for root in roots])
    files: dict[str, Path] = {}
    others: Counter[str] = Counter()
    visited: set[str] = set()
    unreadable: list[OSError] = []
    for root in roots:
        for parent, below, names in os.walk(root, followlinks=True, onerror=unreadable.append):
            if (real := os.path.realpath(parent)) in visited:  # a folder given twice, or a link back up
                below.clear()
                continue
            visited.add(real)
            below[:] = [name for name in below if not name.startswith(".")]
            for path in (Path(parent, name) for name in names if not name.startswith(".")):
                if path.suffix.lower() in SUFFIXES:
                    files[(path.relative_to(above) if above else path).as_posix()] = path
                else:
                    others[path.suffix.lower() or "(no ending)"] += 1
    closed = {str(error.filename): explain_read_error(Path(error.filename), error) for error in unreadable}
    return dict(sorted(files.items())), dict(sorted(others.items())), closed


def folder_above(folders: list[Path]) -> Path | None:
    """The deepest folder that contains all these folders; None if Windows has them on several drives."""
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:
        return None


def decoded_sizes(files: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """Width and height according to each file's header, not yet turned upright; (0, 0) if it cannot be read."""
    sizes = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoding warns later
        for name, path in files.items():
            sizes[name] = (0, 0)
            with suppress(Exception):  # damaged files may raise anything; decoding reports them
                if path.is_file():  # opening a pipe would wait for ever
                    with opened(path) as image:
                        sizes[name] = image.size
    return sizes


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A picture, or the reason why there is none.

    image: uint8 (H, W, 3). sha256: hash of shape and pixels. look: perceptual hash, as leakage.to_bytes stores it.
    """

    image: np.ndarray | None = None
    sha256: str = ""
    look: bytes = b""
    reason: str = ""


def decode(jobs: Mapping[str, Callable[[], np.ndarray]], threads: int | None = None) -> Iterator[tuple[str, Decoded]]:
    """Runs all jobs on all cores and yields their results in the order of the jobs.

    At most two decoded pictures per core wait at any time, so that a slow consumer does not fill the memory.
    """
    threads = threads or os.cpu_count() or 1
    waiting: deque = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for name, job in jobs.items():
                waiting.append((name, pool.submit(_run, job)))
                if len(waiting) > 2 * threads:
                    first, result = waiting.popleft()
                    yield first, result.result()
            while waiting:
                first, result = waiting.popleft()
                yield first, result.result()
        except BaseException:  # Ctrl-C must not wait for the remaining pictures
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def reader(path: Path) -> Callable[[], np.ndarray]:
    """The job that decodes a file."""
    return lambda: load_image(path)


def _run(job: Callable[[], np.ndarray]) -> Decoded:
    try:
        image = job()
    except UserError as error:
        return Decoded(reason=str(error))
    return Decoded(image=image, sha256=pixel_hash(image), look=to_bytes(perceptual_hash(image)))


def pixel_hash(image: np.ndarray) -> str:
    """SHA-256 of a picture's shape and pixels."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def too_small(height: int, width: int, minimum: int) -> str | None:
    """Why a picture of that size is left out, or None."""
    return f"{width} x {height} pixels; each side needs at least {minimum}" if min(height, width) < minimum else None


def benchmark_images(looks: Mapping[str, bytes]) -> dict[str, str]:
    """Finds pictures that show benchmark images. looks: name -> perceptual hash. Returns name -> benchmark image."""
    found = ((name, find_benchmark(from_bytes(look))) for name, look in looks.items())
    return {name: leak for name, leak in found if leak is not None}


def excuse_known(leaks: dict[str, str], files: Mapping[str, Path], place: str) -> dict[str, str]:
    """Name -> why it is left out, for the published training pictures that are known to be benchmark images.

    Raises UserError if there are any others: training on them would make the benchmark worthless.
    """
    known = {name for name in leaks if name in files and file_hash(files[name]) in _known_leaks()}
    if unknown := [f"{name} is {leak}" for name, leak in leaks.items() if name not in known]:
        are = "1 picture is a benchmark image" if len(unknown) == 1 else f"{len(unknown)} pictures are benchmark images"
        raise UserError(
            f"in {place}, {are}: {some(unknown)}. What a network has been trained on says nothing about it as a test. "
            "Take such pictures out. (BSD100's are in BSDS500's folder val: train on its folders train and test.)"
        )
    return {
        name: f"shows the same as {leaks[name]}, at another size (a known overlap of the published sets)"
        for name in sorted(known)
    }


def _known_leaks() -> set[str | None]:
    """SHA-256 of the published training pictures that are known to be benchmark images."""
    return {
        file.sha256
        for data_set in catalogue().values()
        for file in data_set.files
        if file.path in data_set.benchmark_images
    }
