"""The data sets that the course uses: what they are, where they are published, and which of their files are here."""

import json
from dataclasses import dataclass
from functools import cache
from os.path import isfile  # unlike Path.is_file, False for a file that one is not allowed to look at
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from unicodedata import normalize

from srgan_lessons import UserError
from srgan_lessons.files import counted, data_root, plural, shipped
from srgan_lessons.images import SUFFIXES, pictures_in


@dataclass(frozen=True, kw_only=True)
class File:
    """One picture of a data set; `path` is relative to the data folder. None means "not known"."""

    path: str
    url: str | None = None  # None: the picture comes in an archive
    sha256: str | None = None
    size: int | None = None  # bytes
    pixels: tuple[int, int] | None = None  # width, height


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip file whose pictures go to `folder` (relative to the data folder)."""

    folder: str
    url: str
    sha256: str
    md5: str
    size: int
    files: tuple[File, ...]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What data/catalogue.json says about one set. `role` is "benchmark" (measure only) or "training"."""

    name: str
    role: str
    description: str
    licence: str
    citation: str
    home: str
    singles: tuple[File, ...]  # pictures that are published one by one
    archives: tuple[Archive, ...]
    benchmark_images: dict[str, str]  # known benchmark images in a training set: path -> benchmark image

    @property
    def files(self) -> tuple[File, ...]:
        """All pictures."""
        return self.singles + tuple(file for archive in self.archives for file in archive.files)

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of its pictures, relative to the data folder."""
        return tuple(dict.fromkeys(str(PurePosixPath(file.path).parent) for file in self.files))

    @property
    def download_bytes(self) -> int | None:
        """How many bytes a download of the whole set transfers, or None if sizes are not known."""
        sizes = [file.size for file in self.singles] + [archive.size for archive in self.archives]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None


@cache
def _catalogue() -> dict[str, DataSet]:
    text = json.loads(shipped("catalogue.json").read_text(encoding="utf-8"))
    return {name: _read_set(name, entry) for name, entry in text.items()}


def _read_set(name: str, entry: dict) -> DataSet:
    singles: list[File] = []
    archives: list[Archive] = []
    for part in entry["parts"]:
        folder = f"{name}/{part['folder']}".rstrip("/")
        if "archive" in part:
            first, last = (int(part[key].removesuffix(".png")) for key in ("first", "last"))
            files = tuple(File(path=f"{folder}/{number:04}.png") for number in range(first, last + 1))
            known = {key: part[key] for key in ("sha256", "md5", "size")}
            archives.append(Archive(folder=folder, url=part["archive"], files=files, **known))
            continue
        for file, sha256, size, *pixels in part["files"]:
            url = part["url"].format(stem=Path(file).stem)
            path = f"{folder}/{file}"
            singles.append(File(path=path, url=url, sha256=sha256, size=size, pixels=tuple(pixels) or None))
    about = {key: entry[key] for key in ("role", "description", "licence", "citation", "home")}
    return DataSet(
        name=name,
        **about,
        singles=tuple(singles),
        archives=tuple(archives),
        benchmark_images=entry.get("benchmark_images", {}),
    )


def catalogue() -> dict[str, DataSet]:
    """The data sets that `get` can fetch, by name."""
    return dict(_catalogue())


def find(name: str) -> DataSet:
    """The data set of this name. Raises UserError, with the known names, for any other name."""
    if name not in _catalogue():
        raise UserError(f"there is no data set named {name}. Known data sets: {', '.join(_catalogue())}.")
    return _catalogue()[name]


def pictures_below(root: Path, folder: str) -> list[str]:
    """All picture files below `root`/`folder`, relative to `root`, sorted. Hidden files and folders are left out."""
    paths = ((path, path.relative_to(root / folder)) for path in (root / folder).rglob("*"))
    return sorted(
        path.relative_to(root).as_posix()
        for path, inside in paths
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in inside.parts) and isfile(path)
    )


def some(paths: list[str], shown: int = 4) -> str:
    """The first few of many names, for a message: "a, b, c, d and 96 more"."""
    rest = len(paths) - shown
    return ", ".join(paths[:shown]) + (f" and {rest} more" if rest > 0 else "")


class Status(NamedTuple):
    """A row of `srgan-lessons data list`."""

    name: str
    role: str  # "benchmark", "training", or "own": a set that is not in the catalogue
    present: int  # files that exist with the right size; `verify` also checks their contents
    total: int
    megabytes: float | None  # of a complete download; None: not known
    licence: str
    note: str


def status(root: str | Path | None = None) -> list[Status]:
    """The sets of the catalogue, with how much of each is here, and your own sets (<data>/<Name>/HR/*.png)."""
    root = Path(root or data_root())
    rows = []
    for data_set in _catalogue().values():
        total = len(data_set.files)
        present = sum(_has(root / file.path, file.size) for file in data_set.files)
        notes = [] if data_set.archives or all(f.sha256 for f in data_set.files) else ["no SHA-256 is published"]
        if strays := len(pictures_below(root, data_set.name)) - sum(isfile(root / f.path) for f in data_set.files):
            notes.append(f"{counted(strays, 'other picture')} in its folder")
        size = data_set.download_bytes
        megabytes = None if size is None else size / 1e6
        rows.append(Status(data_set.name, data_set.role, present, total, megabytes, data_set.licence, "; ".join(notes)))
    for folder in sorted(root.glob("*/HR")):
        if folder.parent.name not in _catalogue() and (count := len(pictures_in(folder))):
            rows.append(Status(folder.parent.name, "own", count, count, None, "", ""))
    return rows


def _has(path: Path, size: int | None) -> bool:
    return isfile(path) and size in (None, path.stat().st_size)


class BenchmarkImage(NamedTuple):
    """One image to measure on. `lr` is the published LR file. If it is None, LR is made from HR."""

    name: str
    hr: Path
    lr: Path | None


def benchmark(name: str, root: str | Path | None = None) -> list[BenchmarkImage]:
    """The images of a benchmark set, or of any set of your own in <data>/<Name>/HR, sorted by name.

    All pictures in that folder count, whatever their format. LR images come from <data>/<Name>/LR_bicubic_x4 if that
    folder exists; each image must then have one there, with the same name apart from the ending. Raises UserError if
    the set is missing or incomplete: a mean over fewer images would look like a result. Raises it also for a path, and
    for the name of a published set in other letters, such as set5: such a set would not be checked.
    """
    root = Path(root or data_root())
    if Path(name).name != name:  # as a path, an incomplete benchmark would not be recognised
        raise UserError(f"{name} is a path. A set is given by its name, that of its folder in {root}.")
    if other := next((known for known in _catalogue() if known.casefold() == name.casefold() and known != name), None):
        raise UserError(f"there is no set named {name}; its name is {other}.")
    hr, lr = root / name / "HR", root / name / "LR_bicubic_x4"
    images = _by_stem(hr)
    data_set = _catalogue().get(name)
    if not images:
        raise UserError(_missing(name, hr, data_set))
    if data_set is not None and data_set.role == "benchmark":
        published = {Path(file.path).name for file in data_set.files if file.path.startswith(f"{name}/HR/")}
        here = {path.name for path in images.values()}
        if absent := sorted(published - here):
            raise UserError(f"{hr} lacks {some(absent)}. Fetch what is missing: srgan-lessons data get {name}")
        if strays := sorted(here - published):
            do, them = plural(len(strays), "does", "do"), plural(len(strays), "it", "them")
            raise UserError(
                f"{hr} contains {some(strays)}, which {do} not belong to {name}. Move {them} to a set of its own."
            )
    if not lr.is_dir():
        return [BenchmarkImage(stem, path, None) for stem, path in images.items()]
    reduced = _by_stem(lr)
    if alone := sorted(set(images) ^ set(reduced)):
        raise UserError(
            f"{root / name}: HR and LR_bicubic_x4 must contain the same file names, but only one of them has "
            f"{some(alone)}. Add what is missing, or remove the folder LR_bicubic_x4: LR images are then made from HR."
        )
    return [BenchmarkImage(stem, path, reduced[stem]) for stem, path in images.items()]


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their names without the endings. Raises UserError if two have the same name.

    An é may be stored as one character or as e and an accent; it counts as the same.
    """
    found: dict[str, Path] = {}
    for path in pictures_in(folder) if folder.is_dir() else ():
        name = normalize("NFC", path.stem)
        if name in found:
            raise UserError(f"{found[name]} and {path.name} would be the same image, {name!r}. Remove one.")
        found[name] = path
    return found


def _missing(name: str, folder: Path, data_set: DataSet | None) -> str:
    looked = f"there are no pictures in {folder}. The data folder is set by SRGAN_LESSONS_DATA"
    if data_set is None:
        offered = ", ".join(other.name for other in _catalogue().values() if other.role == "benchmark")
        return f"{name} is not here: {looked}. Put your own set there, or get one of {offered}: srgan-lessons data get"
    if data_set.role == "training":
        return f"{name} is a training set, not a benchmark: {looked}. Benchmarks have a folder HR."
    return f"{name} is not here: {looked}. Fetch it: srgan-lessons data get {name}"


def training_folders(name: str, root: str | Path | None = None) -> list[Path]:
    """The folders of a training set that may be trained on (for BSDS500 train and test, never val).

    Raises UserError for an unknown set, for a benchmark, and for a set that is missing or incomplete. A picture also
    counts as present if its format is not the published one.
    """
    data_set, root = find(name), Path(root or data_root())
    if data_set.role != "training":
        raise UserError(
            f"{name} is a benchmark: training on it would make its numbers worthless. Use BSDS500 or DIV2K."
        )
    for folder in data_set.folders:
        total = sum(str(PurePosixPath(file.path).parent) == folder for file in data_set.files)
        here = len(pictures_below(root, folder))
        if here < total:
            raise UserError(
                f"{name} is incomplete: {root / folder} has {here} of {total} pictures. The data folder is "
                f"set by SRGAN_LESSONS_DATA. Fetch the rest: srgan-lessons data get {name}"
            )
    return [root / folder for folder in data_set.folders]
