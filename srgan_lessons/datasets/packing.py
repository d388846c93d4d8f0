"""Packs photos into a store, on all cores. If the process is killed, what was packed is not lost.

.<name>.store.part      the store while it is being packed: pixels without head and index
.<name>.store.jsonl     the journal: one line per picture, from which packing continues after a stop

A line is written only when its pixels are safely on the disk. Head and index are written last, and then the file gets
its name. So a file that has the name of a store is complete.
"""

import errno
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock, SoftFileLock, Timeout
from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.datasets.decoding import benchmark_images, decode, decoded_sizes, excuse_known, find_files, reader
from srgan_lessons.datasets.store import HEAD, MAGIC, VERSION, Store, is_store, open_store, source_key, stamp
from srgan_lessons.files import explain_write_error, plural, typed

SYNC = 256e6  # bytes of pixels that are collected before they are flushed to the disk and their lines are written
FIRST_LINE = f'{{"version": {VERSION}}}\n'.encode()  # of the journal


def pack(
    folders: Iterable[str | Path],
    path: str | Path,
    *,
    threads: int | None = None,
    progress: bool = True,
) -> Store:
    """Decodes all pictures of folders into a store. Continues if an earlier call was stopped, for whatever reason.

    Pictures that cannot be read, or have the same pixels as another, are listed in the store's `left_out`. If another
    process is packing the same store, this one waits for it. If the store already contains exactly these files, it is
    only opened.

    threads: how many threads decode; None: one per core. Raises UserError if a folder is missing or is a store, if no
    picture is left, if one is a benchmark image, if the disk has too little space, or if `path` is another file or a
    folder, or does not end in .store.
    """
    path, places = Path(path), [Path(folder) for folder in folders]
    if path.suffix != ".store" or path.is_dir():
        raise UserError(f"{path} cannot be a photo store: choose the name of a new file that ends in .store.")
    for packed in filter(is_store, places):
        raise UserError(
            f"{packed} is already a photo store. Train from it with --photos {typed(packed)}, or name the folders "
            "whose pictures are to be packed."
        )
    files, not_pictures, closed = find_files(places)
    place = ", ".join(map(str, places))
    say = tqdm.write if progress else (lambda text: None)
    source = source_key(files)
    try:
        if path.exists():
            return _open_same(path, source, say)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _held(path, say) as part:
            if path.exists():  # the process that we waited for has made the store
                return _open_same(path, source, say)
            reasons = _fill(part, files, path, threads, progress, say)
            try:
                index = _judge(part, files, reasons | closed, place)
            except UserError as error:
                raise UserError(
                    f"{error} What was packed so far is in {part.pixels}; packing continues from there."
                ) from None
            if not index["pictures"]:
                part.remove()
                raise UserError(f"there is no usable picture in {place}: {_list(index['left_out'])}")
            part.finish(index | {"not_pictures": not_pictures, "source": source})
    except OSError as error:
        kept = " What was packed so far is kept." if error.errno == errno.ENOSPC else ""
        raise UserError(explain_write_error(path, error) + kept) from error
    return open_store(path)


def _open_same(path: Path, source: str, say: Callable[[str], None]) -> Store:
    store = open_store(path)
    if store.source != source:
        raise UserError(f"{path} holds other pictures, or older versions of these. Remove it, or choose another name.")
    say(f"{path} already holds these pictures")
    return store


def _list(left_out: Mapping[str, str]) -> str:
    return "".join(f"\n  {name}: {reason}" for name, reason in left_out.items()) or "no picture files"


def _fill(
    part: "_Part",
    files: Mapping[str, Path],
    path: Path,
    threads: int | None,
    progress: bool,
    say: Callable[[str], None],
) -> dict[str, str]:
    """Decodes the pictures that are not in the part yet. Returns name -> reason for the files that cannot be read."""
    there = part.open(files)
    missing = {name: file for name, file in files.items() if name not in there}
    sizes = {name: 3 * width * height for name, (width, height) in decoded_sizes(missing).items()}
    todo, free = sum(sizes.values()), shutil.disk_usage(path.parent).free
    pictures = f"{len(missing):,} {plural(len(missing), 'picture', 'pictures')}"
    say(
        f"packing {pictures}, {todo / 1e9:.2f} GB decoded, into {path}; "
        f"{free / 1e9:.1f} GB of the disk are free"
        + (f". {len(there):,} {plural(len(there), 'picture was', 'pictures were')} packed before" if there else "")
    )
    if todo > free:
        raise UserError(
            f"{path} was not packed: its decoded pictures take {todo / 1e9:.2f} GB, and the disk has {free / 1e9:.2f} "
            "GB free. Free some space, or choose another disk: srgan-lessons data pack FOLDERS -o PATH"
        )
    reasons = {}
    jobs = {name: reader(file) for name, file in missing.items()}
    with tqdm(total=todo, desc="pack", unit="B", unit_scale=True, leave=False, disable=not progress) as bar:
        for name, decoded in decode(jobs, threads):
            bar.update(sizes[name])
            if decoded.image is None:
                reasons[name] = decoded.reason
            else:
                part.add(name, files[name], decoded.image, decoded.sha256, decoded.look)
    return reasons


def _judge(part: "_Part", files: Mapping[str, Path], reasons: Mapping[str, str], place: str) -> dict[str, Any]:
    """The index: which pictures stay, which are left out, and why. Raises UserError for benchmark images."""
    left_out = dict(reasons)
    pictures: dict[str, Any] = {}
    seen: dict[str, str] = {}
    facts = {name: part.facts[name] for name in files if name in part.facts}
    looks = {name: bytes.fromhex(fact["look"]) for name, fact in facts.items()}
    left_out |= excuse_known(benchmark_images(looks), files, place)
    for name, fact in facts.items():
        if name in left_out:
            continue
        if (first := seen.setdefault(fact["sha256"], name)) != name:
            left_out[name] = f"has the same pixels as {first}"
        else:
            pictures[name] = [*fact["place"], fact["sha256"], fact["look"]]
    return {"pictures": pictures, "left_out": dict(sorted(left_out.items()))}


@contextmanager
def _held(path: Path, say: Callable[[str], None]) -> Iterator["_Part"]:
    """Locks the unfinished store for this process. If the file system has no locks, the part gets a name of its own."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    Path(lock.lock_file).touch()  # raises in a folder that cannot be written to; filelock would wait for ever
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # filelock's warning; without locks, packing cannot be continued later
            try:
                lock.acquire(timeout=0)
            except Timeout:
                say(f"another process is packing {path}: waiting for it")
                lock.acquire()
        alone = not isinstance(lock, SoftFileLock)
    except NotImplementedError:
        alone = False
    if not alone and lock.is_locked:
        lock.release()
    part = _Part(path, "" if alone else f".{os.getpid()}")
    try:
        yield part
    finally:
        part.close()
        if alone:
            lock.release()


class _Part:
    """A store that is being packed: its pixels, and a journal of the pictures that are safely on the disk.

    facts: name -> {"name", "file": size and time of the picture file, "place", "sha256", "look"}.
    """

    def __init__(self, path: Path, mine: str):
        self.path = path
        self.pixels = path.with_name(f".{path.name}{mine}.part")
        self.journal = path.with_name(f".{path.name}{mine}.jsonl")
        self.facts: dict[str, dict[str, Any]] = {}
        self._places: dict[str, list[int]] = {}  # SHA-256 -> place, so that equal pixels are written once
        self._pending: list[dict[str, Any]] = []  # facts that are not in the journal yet
        self._end = 0  # pixels
        self._synced = 0
        self._file: Any = None  # opened by `start`, closed by `close`
        self._lines: Any = None

    def open(self, files: Mapping[str, Path]) -> set[str]:
        """Takes over what an earlier process packed. Returns the names of the files that are unchanged since then."""
        self.pixels.touch()
        size = (self.pixels.stat().st_size - HEAD) // 3
        kept = b""
        for line in self._read_journal():
            try:
                fact = json.loads(line)
                first, height, width = fact["place"]
            except ValueError:  # a line that was only partly written
                break
            if first + height * width > size:  # the power failed before its pixels were on the disk
                break
            kept += line
            self._end = max(self._end, first + height * width)
            self._places[fact["sha256"]] = fact["place"]
            if fact["name"] in files and fact["file"] == stamp(files[fact["name"]]):
                self.facts[fact["name"]] = fact
        self._file = open(self.pixels, "rb+")  # noqa: SIM115 - closed by `close`
        self._file.truncate(0 if not kept else HEAD + 3 * self._end)
        self._file.write(bytes(HEAD))  # the head is written at the end
        self._file.seek(HEAD + 3 * self._end)
        self._synced = self._end
        self.journal.touch()
        self._lines = open(self.journal, "rb+")  # noqa: SIM115
        self._lines.truncate(len(FIRST_LINE + kept) if kept else 0)  # not rewritten: a kill could lose it all
        self._lines.seek(0, os.SEEK_END)
        if not kept:
            self._lines.write(FIRST_LINE)
        self._flush(self._lines)
        return set(self.facts)

    def _read_journal(self) -> list[bytes]:
        """The complete lines after the first; none if the journal is missing or was written by another version."""
        try:
            lines = self.journal.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [line for line in lines[1:] if line.endswith(b"\n")] if lines[:1] == [FIRST_LINE] else []

    def add(self, name: str, file: Path, image: np.ndarray, sha256: str, look: bytes) -> None:
        place = self._places.get(sha256)
        if place is None:
            place = [self._end, *image.shape[:2]]
            self._file.write(np.ascontiguousarray(image))
            self._end += image.shape[0] * image.shape[1]
            self._places[sha256] = place
        fact = {"name": name, "file": stamp(file), "place": place, "sha256": sha256, "look": look.hex()}
        self.facts[name] = fact
        self._pending.append(fact)
        if 3 * (self._end - self._synced) > SYNC:
            self.sync()

    def sync(self) -> None:
        """Flushes the pixels first, then the lines that list them."""
        self._flush(self._file)
        self._lines.write("".join(json.dumps(fact) + "\n" for fact in self._pending).encode())
        self._flush(self._lines)
        self._pending.clear()
        self._synced = self._end

    def finish(self, index: dict[str, Any]) -> None:
        """Writes index, head and name in this order, so that nothing looks complete before it is."""
        self.sync()
        text = json.dumps(index).encode()
        self._file.write(text)
        self._flush(self._file)
        head = {
            "version": VERSION,
            "bytes": HEAD + 3 * self._end + len(text),
            "pixels": self._end,
            "index_sha256": hashlib.sha256(text).hexdigest(),
        }
        self._file.seek(0)
        self._file.write(f"{MAGIC}\n{json.dumps(head)}\n".encode().ljust(HEAD))
        self._flush(self._file)
        self.close()
        os.replace(self.pixels, self.path)
        self.journal.unlink(missing_ok=True)

    @staticmethod
    def _flush(file: IO[bytes]) -> None:
        file.flush()
        os.fsync(file.fileno())

    def close(self) -> None:
        """Keeps what is packed so far for the next call, as far as it can be written."""
        if self._file is not None:
            with suppress(OSError):
                if self._pending:
                    self.sync()
            for file in (self._file, self._lines):
                with suppress(OSError):
                    file.close()
        self._file = self._lines = None

    def remove(self) -> None:
        self.close()
        for path in (self.pixels, self.journal):
            path.unlink(missing_ok=True)
