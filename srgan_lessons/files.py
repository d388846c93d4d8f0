"""Where files are, and how they are written so that a crash never leaves half a file."""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from srgan_lessons import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # on other systems it is a module
try:
    import msvcrt
except ImportError:  # everywhere else
    msvcrt = None  # type: ignore[assignment]  # on Windows it is a module

_FAR = 1 << 40  # Windows locks bytes, and a locked byte cannot be read, so lock one that no file reaches
_QUOTA = getattr(errno, "EDQUOT", -1)
_TAKEN = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}  # errors if another process has the lock

PACKAGE = Path(__file__).resolve().parent
WEIGHTS = PACKAGE / "weights"  # the files that come with the course, each with a card


def shipped(name: str) -> Path:
    """The path of a file or folder in the project's own `data/`, in a checkout or in an installed wheel.

    Raises FileNotFoundError if neither has it, because then the installation is incomplete.
    """
    for root in (PACKAGE / "data", PACKAGE.parent / "data"):  # wheel, checkout
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"data/{name} is missing from this installation of srgan-lessons; install it again")


def shipped_weights() -> list[str]:
    """The names of the weights that come with the course, sorted."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def lessons_folder() -> Path:
    """The folder of the notebooks: notebooks/ in a checkout. An installed wheel copies them once to ./srgan-lessons.

    What a learner has changed there is never overwritten. If ./srgan-lessons is a checkout, its notebooks are meant.
    """
    copy = Path.cwd() / "srgan-lessons"
    for checkout in (PACKAGE.parent, copy):
        if (checkout / "notebooks").is_dir():
            return checkout / "notebooks"
    if not copy.exists():
        part = part_of(copy)  # an incomplete copy would be mistaken for the lessons
        try:
            shutil.copytree(PACKAGE / "notebooks", part, ignore=shutil.ignore_patterns("source"))
            part.rename(copy)
        except OSError as error:
            reason = explain_write_error(copy, error)
            raise UserError(
                f"the lessons could not be copied to the current folder. {reason} Change to a folder that you can "
                "write to (cd), and run the command again."
            ) from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return copy


def data_root() -> Path:
    """The folder of the data sets: SRGAN_LESSONS_DATA, or ~/.cache/srgan_lessons/data if that is not set.

    It need not exist yet. Layout: `<root>/<Set>/HR/*.png` and, where published, `<root>/<Set>/LR_bicubic_x4/*.png`.
    """
    return expand(os.environ.get("SRGAN_LESSONS_DATA") or "~/.cache/srgan_lessons/data")


def expand(path: str | os.PathLike[str]) -> Path:
    """The path with ~ expanded. Raises UserError if this user has no home folder, as in some containers.

    A name such as ~draft, which is no user's, stays as it is, as in a shell.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        if Path(path).parts[0] != "~":
            return Path(path)
        raise UserError(
            f"{path} is in the home folder (~), but HOME is not set. Set SRGAN_LESSONS_DATA to a folder for data sets, "
            "without ~, and write all other paths in full."
        ) from None


def typed(*words: object) -> str:
    """Words as they are typed in the shell of any system: names with a space, a bracket or & are in quotation marks."""
    plain = re.compile(r"[\w./\\:=+,@%~-]+")
    return " ".join(str(word) if plain.fullmatch(str(word)) else f'"{word}"' for word in words)


def counted(count: float, what: str) -> str:
    """A number of things: 1 vote, 2 votes; 1 minute, 0.2 minutes."""
    number = f"{count:g}" if isinstance(count, float) else str(count)
    return f"{number} {plural(count, what, f'{what}s')}"


def plural(count: float, one: str, many: str) -> str:
    """The word that agrees with a number: "is" with 1, "are" with every other."""
    return one if count == 1 else many


def fast_mode() -> bool:
    """True if SRGAN_LESSONS_FAST=1 asks for tiny settings, as in CI."""
    return os.environ.get("SRGAN_LESSONS_FAST", "") not in ("", "0")


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`. What is written there becomes `path` in one step, or not at all.

    The file is flushed to the disk before it is renamed. So readers see either the old content or the new content,
    never a part of it, even after a crash or a power cut. Raises UserError if the disk is full or the folder cannot be
    written to.
    """
    path = expand(path)
    temporary = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(explain_write_error(path, error)) from error
    finally:
        with suppress(OSError):  # if there is no such folder, there is nothing to remove
            temporary.unlink()


def lock(file: int) -> bool:
    """Locks an open file for this process, until it is closed or the process ends, however it ends.

    file: its descriptor. Returns False if the file system, or the operating system, has no locks. Raises
    BlockingIOError if another process has locked the file.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            os.lseek(file, _FAR, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            return False
    except OSError as error:
        if error.errno in _TAKEN:
            raise BlockingIOError(error.errno, error.strerror) from None
        return False  # network file systems without locks report that in different ways
    return True


LONGEST_NAME = 255  # bytes on Linux, characters on Windows and macOS; a character has at least one byte


def part_of(path: Path) -> Path:
    """The temporary path, beside `path`, to which a file is written first.

    A long name is replaced by a hash, to stay within the limit.
    """
    name = os.fsencode(path.name)
    known = path.name if len(name) <= 200 else hashlib.sha256(name).hexdigest()[:32]
    return path.with_name(f".{known}.{os.getpid()}.part")


def check_name(path: Path) -> None:
    """Raises UserError for a file name that is too long for common disks."""
    if (length := len(os.fsencode(path.name))) > LONGEST_NAME:
        raise UserError(
            f"the name {path.name} has {length} bytes, but at most {LONGEST_NAME} are allowed. Choose a shorter one."
        )


def list_folder(folder: str | Path) -> list[Path]:
    """The content of a folder, sorted, without hidden names. Raises UserError if it cannot be read."""
    try:
        return sorted(path for path in Path(folder).iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UserError(explain_read_error(Path(folder), error)) from None


def explain_write_error(path: Path, error: OSError) -> str:
    """Says why `path` could not be written, and what to do next."""
    if error.errno == _QUOTA:  # common in the home folders of universities
        return (
            f"{path} was not written: your share of this disk (quota) is used up. Delete something, or choose a folder "
            "on another disk, and run this again."
        )
    if error.errno == errno.ENOSPC:
        parent = next((p for p in [path.parent, *path.parent.parents] if p.exists()), Path("/"))
        free = shutil.disk_usage(parent).free / 1e9
        return f"{path} was not written: the disk is full ({free:.1f} GB free). Free some space and run this again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        how = "Choose another folder."
        with suppress(UserError, OSError):
            if path.absolute().is_relative_to(data_root().absolute()):
                how = (
                    "You can read the folder of data sets, but not write to it. Set "
                    "SRGAN_LESSONS_DATA to a folder of your own, and copy or link the sets that you use into it."
                )
        return f"{path} was not written: no permission ({error.strerror}). {how}"
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        if path.is_dir():
            return f"{path} was not written: there is a folder with that name. Choose another name."
        if file := next((p for p in [path, *path.parents] if p.is_file()), None):
            return f"{path} was not written: {file} is a file, but a folder is needed there. Choose another folder."
    return f"{path} was not written: {error}."


def is_there(path: str | Path) -> bool:
    """Whether a file, a folder or a link has this name. True if that cannot be seen, for want of permission."""
    try:
        os.lstat(path)
    except PermissionError:
        return True  # whoever opens it will be told the reason
    except (OSError, ValueError):  # ValueError: a name with a null byte
        return False
    return True


def explain_os_error(error: OSError) -> str:
    """What a command says when the system refuses something where nobody expected it."""
    if error.errno in (errno.EACCES, errno.EPERM) and error.filename is not None:
        return f"{error.filename}: no permission to read or write it. Ask its owner, or choose another place."
    return str(error)


def explain_read_error(path: Path, error: OSError) -> str:
    """Says why `path` could not be read, and what to do next."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path} cannot be read: no permission. Ask its owner, or copy it to a folder of your own."
    if error.errno == errno.ELOOP:
        return f"{path} cannot be read: it is a link that leads back to itself. Remove it."
    if error.errno == errno.ENOENT:
        return f"{path} does not exist any more. Check the name."
    return f"{path} cannot be read: {error.strerror or error}."
