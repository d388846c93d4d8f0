"""The file for one rater's votes: locked, repaired when it is opened, and flushed to the disk with each vote."""

import errno
import hashlib
import os
import re
import stat
import unicodedata
import warnings
from contextlib import suppress
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.files import explain_write_error, lock
from srgan_lessons.rating.vote import Vote, as_line, parse_line
from srgan_lessons.rating.votes import parse

LONGEST_NAME = 200
CLOSED = -1  # no file has this number


def rater_name(name: object) -> str:
    """The name of a rater as votes contain it: in Unicode's composed form, without spaces around it.

    Any printable text will do, including a pseudonym. Raises UserError for a name that is empty, has more than 200
    characters, or contains control characters.
    """
    if not isinstance(name, str):
        raise UserError(f"a rater's name must be a string, not {type(name).__name__}.")
    clean = unicodedata.normalize("NFC", name).strip()
    if not clean:
        raise UserError("a rater needs a name. A pseudonym will do, as long as nobody else in the study has it.")
    if len(clean) > LONGEST_NAME:
        raise UserError(f"the rater's name has {len(clean)} characters; at most {LONGEST_NAME} are allowed.")
    if not clean.isprintable():
        raise UserError(f"the rater's name {clean!r} has characters that cannot be shown, such as line ends.")
    return clean


def name_key(name: str) -> str:
    """A key that all spellings of a name share. Outer and double spaces, case, and width of letters do not matter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def vote_file_name(rater: str, study: str) -> str:
    """A file name that is safe on every system and different for each rater and study, however similar the names look.

    rater: as returned by `rater_name`. study: the study's hash.
    """
    digest = hashlib.sha256(f"{study} {rater}".encode()).hexdigest()[:12]
    plain = unicodedata.normalize("NFKD", rater).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain)[:40].strip("-")
    return f"{slug or 'rater'}-{digest}.jsonl"


class VoteFile:
    """A vote file, opened for appending by this process only.

    Opening takes a lock that ends with the process, however that ends, and repairs the last line: if it is cut off, it
    is moved to a file named `.damaged` beside this one. The attributes are path, votes (of all intact lines), and
    problems (sentences).

    Raises UserError if another process has the file open, or if it cannot be written.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._file = os.open(self.path, flags, 0o644)
        except OSError as error:
            raise UserError(explain_write_error(self.path, error)) from None
        try:
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise UserError(f"{self.path} is not an ordinary file. Choose another folder for the votes.")
            self._locked = self._lock()
            found, self.problems = self._repaired()
            self.votes: list[Vote] = [vote for _, vote in found]
            _flush_folder(self.path.parent)
        except OSError as error:
            self.close()
            raise UserError(explain_write_error(self.path, error)) from None
        except BaseException:
            self.close()
            raise

    def _lock(self) -> bool:
        """True if the file is locked now, False where the system has no locks. Raises UserError if it is in use."""
        try:
            locked = lock(self._file)
        except BlockingIOError:
            raise UserError(
                f"{self.path} is in use: this rater's session is open in another notebook or program. Close that one "
                "(shut down its kernel), or choose another name."
            ) from None
        if not locked:
            warnings.warn(
                f"{self.path.parent} is on a file system without locks: do not rate under the same name in two "
                "windows at once",
                stacklevel=4,
            )
        return locked

    def _repaired(self) -> tuple[list[tuple[int, Vote]], list[str]]:
        data = self.path.read_bytes()
        start = data.rfind(b"\n") + 1
        tail = data[start:]
        if not tail:
            return parse(data, self.path)
        try:
            parse_line(tail)
        except ValueError:
            aside = self.path.with_name(f"{self.path.name}.damaged")
            with open(aside, "ab") as file:
                file.write(tail + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.ftruncate(self._file, start)
            os.fsync(self._file)
            votes, problems = parse(data[:start], self.path)
            cut = (
                f"{self.path}: the last line was cut off, so the last vote is lost. What is left of it is in "
                f"{aside.name}"
            )
            return votes, [*problems, cut]
        self._write(b"\n")  # a whole vote; only the end of the line is missing
        return parse(data + b"\n", self.path)

    def append(self, vote: Vote) -> None:
        """Writes a vote. When this returns, it is on the disk.

        Raises UserError if that fails; the file is then as it was before, and the vote can be cast again.
        """
        try:
            if self._file == CLOSED:
                raise UserError(f"{self.path} was closed; open the session again.")
            if not os.path.samestat(os.stat(self.path), os.fstat(self._file)):
                raise FileNotFoundError
        except FileNotFoundError:
            raise UserError(
                f"{self.path} was moved, deleted or replaced while the session was open, so the vote was not kept. Put "
                "the file back, and open the session again."
            ) from None
        except OSError as error:  # the disk, or the network that leads to it
            raise UserError(f"the vote was not kept: {explain_write_error(self.path, error)}") from None
        try:
            self._write(as_line(vote).encode("utf-8"))
        except OSError as error:
            raise UserError(f"the vote was not kept: {explain_write_error(self.path, error)}") from None
        self.votes.append(vote)

    def _write(self, data: bytes) -> None:
        end = os.fstat(self._file).st_size
        try:
            # One call: with O_APPEND, lines of two processes do not mix even where there are no locks.
            if os.write(self._file, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError:
            if self._locked:  # nobody else has written in the meantime
                with suppress(OSError):
                    os.ftruncate(self._file, end)
            raise

    def close(self) -> None:
        """Releases the file. What was written stays."""
        if self._file != CLOSED:
            os.close(self._file)
            self._file = CLOSED


def _flush_folder(folder: Path) -> None:
    """Flushes a folder, so that a new file's name is on the disk, too. Windows cannot do it, and need not."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems cannot
                os.fsync(handle)
        finally:
            os.close(handle)
