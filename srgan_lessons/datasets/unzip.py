"""Unpacks archives of pictures in such a way that nothing in them can do harm."""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.download import CHUNK, need_room
from srgan_lessons.files import atomic
from srgan_lessons.images import SUFFIXES


def unzip_safely(archive: str | Path, folder: str | Path, *, progress: bool = True) -> list[Path]:
    """Unpacks the pictures of a zip archive directly into `folder` and returns their paths, sorted.

    Folders inside the archive are ignored, and files that are not pictures are not unpacked. A picture gets its name
    only when it is complete and its CRC-32 is right. A picture that already exists with that CRC is kept, so after an
    interruption the same call continues where it stopped. The free disk space is checked first.

    Raises UserError, before anything is written, for a member that would leave the folder (absolute path, "..", drive
    letter, symbolic link), an encrypted member, two members of the same name, or a file that is not a zip archive; also
    for a damaged member or a full disk.
    """
    archive, folder = Path(archive), Path(folder)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _pictures(archive, opened.infolist())
            need_room(folder, sum(m.file_size for name, m in members.items() if not (folder / name).exists()))
            size = sum(member.file_size for member in members.values())
            with tqdm(
                total=size, desc=f"unpack {archive.name}", unit="B", unit_scale=True, disable=not progress
            ) as bar:
                for name, member in members.items():
                    if not _is_there(folder / name, member):
                        _extract(opened, member, folder / name)
                    bar.update(member.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(
            f"{archive} is not a complete zip archive ({error}). Delete it and download it again."
        ) from None
    return [folder / name for name in members]


def _pictures(archive: Path, members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The pictures of an archive by their bare names, sorted. All members are checked, pictures or not."""
    pictures: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or PureWindowsPath(member.filename).drive:
            raise UserError(f"{archive}: the member {member.filename!r} would leave the folder. Nothing was unpacked.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UserError(f"{archive}: the member {member.filename!r} is a symbolic link. Nothing was unpacked.")
        if member.flag_bits & 1:
            raise UserError(f"{archive}: the member {member.filename!r} is encrypted. Nothing was unpacked.")
        if member.is_dir() or path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue  # beside each file, macOS adds one whose name begins with a dot
        if path.name in pictures:
            raise UserError(f"{archive}: two members are named {path.name}. Nothing was unpacked.")
        pictures[path.name] = member
    return dict(sorted(pictures.items()))


def _is_there(path: Path, member: zipfile.ZipInfo) -> bool:
    return path.is_file() and path.stat().st_size == member.file_size and zlib.crc32(path.read_bytes()) == member.CRC


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    with atomic(path) as temporary, opened.open(member) as source, open(temporary, "wb") as target:
        while chunk := source.read(CHUNK):  # the last read compares the CRC-32 and raises BadZipFile
            target.write(chunk)
