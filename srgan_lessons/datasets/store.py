"""Photo stores: pictures decoded once into one file, which is then mapped into memory instead of being read.

A store has a head of 4096 bytes (text), the pixels of all pictures one after another, and an index (JSON).
packing.py makes stores.

A mapped file takes none of the process's own memory. The system keeps the parts in use in its page cache, once for all
processes, and drops them when memory is short.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.datasets.album import Album, Place
from srgan_lessons.datasets.decoding import folder_above, pixel_hash
from srgan_lessons.files import data_root, typed

MAGIC = "SRGAN Lessons photo store"
VERSION = 1
HEAD = 4096  # bytes, so that the pixels begin at a page boundary


@dataclass(frozen=True, kw_only=True)
class Store:
    """An open photo store.

    images: mapped, not read. hashes: name -> SHA-256 of shape and pixels. looks: name -> perceptual hash, as
    leakage.to_bytes stores it. left_out: name -> reason. not_pictures: how many files of other kinds the folders had.
    source: the key of the files that the store was packed from, see `source_key`.
    """

    path: Path
    images: Album
    hashes: dict[str, str]
    looks: dict[str, bytes]
    left_out: dict[str, str]
    not_pictures: dict[str, int]
    source: str

    def damaged(self, *, progress: bool = True) -> list[str]:
        """The pictures whose pixels have changed since they were packed. Reads the whole file."""
        bar = tqdm(self.images.items(), desc="verify", leave=False, disable=not progress)
        return [name for name, image in bar if pixel_hash(image) != self.hashes[name]]


# -- reading ---------------------------------------------------------------------------------------------------------


def open_store(path: str | Path) -> Store:
    """Maps a store into memory. Reads only its head and its index; `Store.damaged` checks the pixels.

    Raises UserError for a file that is missing, is not a store, was cut short, or was packed by another version.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = _read_head(path, file.read(HEAD))
            there = os.fstat(file.fileno()).st_size
            if there != head["bytes"]:
                raise UserError(
                    f"the photo store {path} is cut short: it has {there:,} of {head['bytes']:,} bytes. "
                    "If it is a copy, copy it again. " + _again(path)
                )
            file.seek(HEAD + 3 * head["pixels"])
            text = file.read()
            if hashlib.sha256(text).hexdigest() != head["index_sha256"]:
                raise UserError(f"the photo store {path} is damaged: its index has changed. {_again(path)}")
            index = json.loads(text)
        pixels = np.memmap(path, np.uint8, "r", HEAD, (head["pixels"], 3))
    except FileNotFoundError:
        make = f"srgan-lessons data pack FOLDERS -o {typed(path)}"
        raise UserError(f"there is no photo store {path}. Make it: {make}") from None
    except OSError as error:
        raise UserError(
            f"the photo store {path} cannot be read ({error}). Check its permissions and its disk."
        ) from None
    pictures = index["pictures"]
    return Store(
        path=path,
        images=Album(pixels, {name: Place(*entry[:3]) for name, entry in pictures.items()}),
        hashes={name: entry[3] for name, entry in pictures.items()},
        looks={name: bytes.fromhex(entry[4]) for name, entry in pictures.items()},
        left_out=index["left_out"],
        not_pictures=index["not_pictures"],
        source=index["source"],
    )


def _again(path: Path) -> str:
    return f"Remove it, and pack the pictures again: srgan-lessons data pack FOLDERS -o {typed(path)}"


def is_store(path: Path) -> bool:
    """Whether a file begins like a photo store of any version."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC.encode()
    except OSError:
        return False


def _read_head(path: Path, head: bytes) -> dict[str, Any]:
    magic, _, text = head.partition(b"\n")
    if magic != MAGIC.encode():
        raise UserError(
            f"{path} is a file, not a folder, and it is not a photo store. Give a folder with pictures, or a store "
            "that `srgan-lessons data pack` has made."
        )
    try:
        found = json.loads(text)
        version = found["version"]
        if version == VERSION:
            return {name: found[name] for name in ("bytes", "pixels", "index_sha256")}
    except (ValueError, KeyError, TypeError):
        raise UserError(f"the photo store {path} is damaged: its head cannot be read. {_again(path)}") from None
    raise UserError(
        f"the photo store {path} has format {version}, but this version of the course reads format {VERSION}. "
        + _again(path)
    )


# -- which store belongs to which files -------------------------------------------------------------------------------


def source_key(files: Mapping[str, Path]) -> str:
    """A hash of the files' names, sizes and modification times, but not of where they are."""
    stamps = {name: stamp(path) for name, path in files.items()}
    return hashlib.sha256(json.dumps([VERSION, stamps]).encode()).hexdigest()


def stamp(path: Path) -> list[int]:
    """Size and modification time of a file."""
    try:
        found = path.stat()
    except OSError:  # a dead link: decoding reports it
        return [0, 0]
    return [found.st_size, found.st_mtime_ns]


def cached_path(folders: Iterable[Path], files: Mapping[str, Path]) -> Path:
    """Where in the data folder the store of those files belongs. Raises UserError if there is no home folder."""
    above = folder_above([folder.resolve() for folder in folders])
    return stores_folder() / f"{above.name if above else ''}-{source_key(files)[:16]}.store"


def stores_folder() -> Path:
    """The folder for stores that `load_photos` packs by itself."""
    return data_root() / "stores"
