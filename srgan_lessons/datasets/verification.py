"""Are the files of a data set here, and are they the published ones? `verify` checks, `get` fetches."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from os.path import isfile
from pathlib import Path
from threading import Lock

from PIL import Image
from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.datasets.catalogue import Archive, File, find, pictures_below, some
from srgan_lessons.datasets.unzip import unzip_safely
from srgan_lessons.download import Remote, fetch_all, file_hash, need_room, unfinished
from srgan_lessons.files import atomic, data_root, explain_read_error, plural

SUMS = "SHA256SUMS.json"  # in a set's folder: hashes noted at the first download, for files without a published hash


@dataclass(kw_only=True)
class Verification:
    """What `verify` found. Paths are relative to the data folder."""

    name: str
    root: Path
    ok: list[str] = field(default_factory=list)  # have the published SHA-256
    noted: list[str] = field(default_factory=list)  # have the SHA-256 noted at their first download; none is published
    unverified: list[str] = field(default_factory=list)  # readable pictures, but no hash to compare them with
    missing: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)  # path -> what is wrong
    strays: list[str] = field(default_factory=list)  # pictures in the set's folder that are not in the published set
    replaced: list[str] = field(default_factory=list)  # were wrong before `get` fetched them again

    @property
    def passed(self) -> bool:
        """Whether all files are there and none is known to be wrong."""
        return not self.missing and not self.wrong

    def report(self) -> str:
        """The findings in a few lines."""
        total = len(find(self.name).files)
        lines = [f"{self.name} in {self.root / self.name}: {total - len(self.missing)} of {total} files"]
        if self.ok:
            lines.append(f"  {len(self.ok)} {plural(len(self.ok), 'has', 'have')} the published SHA-256")
        if self.noted:
            have = plural(len(self.noted), "has the SHA-256 noted at its", "have the SHA-256 noted at their")
            lines.append(f"  {len(self.noted)} {have} first download; none is published")
        if self.unverified:
            them = plural(len(self.unverified), "it", "them")
            lines.append(f"  {len(self.unverified)} can be read, but there is no SHA-256 to compare {them} with")
        if self.replaced:
            were = plural(len(self.replaced), "was wrong and has", "were wrong and have")
            lines.append(f"  {len(self.replaced)} {were} been fetched again: {some(self.replaced)}")
        lines += [f"  WRONG: {path}: {why}" for path, why in self.wrong.items()]
        if self.missing:
            lines.append(f"  MISSING: {len(self.missing)}: {some(self.missing)}")
        if self.strays:
            are = plural(len(self.strays), "more picture is", "more pictures are")
            lines.append(f"  {len(self.strays)} {are} not in the published set: {some(self.strays)}")
        if not self.passed:
            lines.append(f"  srgan-lessons data get {self.name} fetches what is missing or wrong.")
        return "\n".join(lines)


def verify(name: str, root: str | Path | None = None, *, progress: bool = True) -> Verification:
    """Checks each file of a set against its SHA-256: the published one, or the one noted at the first download.

    A picture that has neither is decoded, and its size is checked. Raises UserError for an unknown name.
    """
    data_set, root = find(name), Path(root or data_root())
    noted = _read_sums(root / name)
    found = Verification(name=name, root=root)

    def look(file: File) -> tuple[File, str, str]:
        return (file, *_look(file, root / file.path, noted.get(_inside(name, file.path))))

    with ThreadPoolExecutor(8) as pool:
        results = pool.map(look, data_set.files)
        for file, finding, why in tqdm(
            results, total=len(data_set.files), desc=f"verify {name}", leave=False, disable=not progress
        ):
            if finding == "wrong":
                found.wrong[file.path] = why
            else:
                getattr(found, finding).append(file.path)
    known = {file.path for file in data_set.files}
    found.strays = [path for path in pictures_below(root, name) if path not in known]
    return found


def _look(file: File, path: Path, noted: str | None) -> tuple[str, str]:
    """The list of Verification that a file belongs to, and why."""
    if not isfile(path):
        return "missing", ""
    try:
        if file.sha256 or noted:
            fault = Remote(url="", path=path, sha256=file.sha256 or noted, size=file.size).fault(path)
            return ("wrong", fault) if fault else ("ok" if file.sha256 else "noted", "")
        _check_picture(path, file.pixels)
    except UserError as error:
        return "wrong", str(error)
    except OSError as error:
        return "wrong", explain_read_error(path, error)
    return "unverified", ""


def get(name: str, root: str | Path | None = None, *, progress: bool = True) -> Verification:
    """Fetches the missing and wrong files of a set, eight at a time, and verifies the set.

    Continues where an earlier call was stopped. Raises UserError for an unknown name, and as `download` and
    `unzip_safely` do.
    """
    data_set, root = find(name), Path(root or data_root())
    before = verify(name, root, progress=progress)
    if before.passed:
        return before
    noted, wanted = _read_sums(root / name), {*before.missing, *before.wrong}
    lock = Lock()

    def first_download(file: File) -> Callable[[Path], None]:
        def check(path: Path) -> None:
            _check_picture(path, file.pixels)
            with lock:  # eight threads write to the same table
                _note(root / name, {_inside(name, file.path): file_hash(path)})

        return check

    remotes = []
    for file in data_set.singles:
        if file.path in wanted:
            known = file.sha256 or noted.get(_inside(name, file.path))
            check = None if known else first_download(file)
            assert file.url is not None  # a picture that is published on its own has one
            room = file.pixels[0] * file.pixels[1] * 3 if file.pixels else 0  # a PNG is smaller than its pixels
            remotes.append(
                Remote(url=file.url, path=root / file.path, sha256=known, size=file.size, check=check, room=room)
            )
    fetch_all(remotes, label=name, progress=progress)
    for archive in data_set.archives:
        if wanted & {file.path for file in archive.files}:
            _get_archive(name, root, archive, progress)
    after = verify(name, root, progress=progress)
    after.replaced = [path for path in before.wrong if path not in after.wrong]
    return after


def _get_archive(name: str, root: Path, archive: Archive, progress: bool) -> None:
    path = root / name / archive.url.rsplit("/", 1)[1]
    there = [path, unfinished(path), *(root / file.path for file in archive.files)]  # from an earlier call
    here = sum(file.stat().st_size for file in there if isfile(file))
    need_room(path.parent, 2 * archive.size - here)  # PNGs do not shrink in a zip: unpacking takes as much again
    fetch_all(
        [Remote(url=archive.url, path=path, sha256=archive.sha256, md5=archive.md5, size=archive.size)],
        progress=progress,
    )
    pictures = unzip_safely(path, root / archive.folder, progress=progress)
    if missing := [file.path for file in archive.files if not isfile(root / file.path)]:
        raise UserError(f"{path} does not contain {some(missing)}. The catalogue and the published archive differ.")
    _note(root / name, {_inside(name, f"{archive.folder}/{picture.name}"): file_hash(picture) for picture in pictures})
    path.unlink()


def _check_picture(path: Path, pixels: tuple[int, int] | None) -> None:
    """Decodes a whole picture file (and checks a PNG's CRCs). Raises UserError if that fails or the size is wrong."""
    try:
        with Image.open(path) as image:
            image.verify()  # PNG: the CRC-32 of each chunk, which decoding alone leaves out
        with Image.open(path) as image:
            image.load()
            size = image.size
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UserError(f"it cannot be decoded ({error})") from None
    if pixels is not None and size != pixels:
        raise UserError(f"it has {size[0]} x {size[1]} pixels, not {pixels[0]} x {pixels[1]}")


def _read_sums(folder: Path) -> dict[str, str]:
    path = folder / SUMS
    if not path.is_file():
        return {}
    try:
        sums = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(text, str) for pair in sums.items() for text in pair):
            raise ValueError("not a table of file names and hashes")
    except (ValueError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({error}). Delete it: the hashes are then noted again.") from None
    return sums


def _note(folder: Path, new: dict[str, str]) -> None:
    with atomic(folder / SUMS) as temporary:
        sums = dict(sorted({**_read_sums(folder), **new}.items()))
        temporary.write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def _inside(name: str, path: str) -> str:
    return path.removeprefix(f"{name}/")
