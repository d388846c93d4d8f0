"""Downloads that survive a bad network: resumed, retried, and verified before a file gets its name."""

import hashlib
import http.client
import os
import shutil
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tqdm.auto import tqdm

from srgan_lessons import UserError, __version__
from srgan_lessons.files import explain_write_error, lock, plural

CHUNK = 1 << 18  # bytes read at a time: few enough that Ctrl-C or an error elsewhere stops a download at once
TRIES = 6  # in total, for one file
PAUSE = 1.0  # seconds before the second try; the pause doubles before each further try
RESERVE = 1.1  # free disk space that is needed, as a multiple of what will be written


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A file to fetch: where it is published, where it goes, and how to tell that it is the right one.

    sha256: all 64 hex digits, or only the first few if the rest is unknown. md5, size (bytes): None if unknown.
    check: called with the path of the complete file before it gets its name; raises UserError if the file is bad.
    room: bytes to keep free for a file whose size is not known.
    """

    url: str
    path: Path
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    check: Callable[[Path], None] | None = None
    room: int = 0

    def fault(self, path: Path) -> str | None:
        """What is wrong with the file at `path`, or None. Only the size and the hashes are checked."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"it has {size:,} bytes, not {self.size:,}"
        for kind in ("sha256", "md5"):
            expected = getattr(self, kind)
            if expected and not (actual := file_hash(path, kind)).startswith(expected.lower()):
                return f"its {kind.upper()} is {actual}, not {expected}"
        return None

    def to_come(self) -> int:
        """How many bytes are still to be written, as far as sizes tell. The hashes are checked later."""
        if self.size and (self.sha256 or self.md5) and _size(self.path) == self.size:
            return 0  # it is probably kept
        return max(0, (self.size or self.room) - _size(unfinished(self.path)))


def file_hash(path: Path, kind: str = "sha256") -> str:
    """The SHA-256 (or "md5") of a file in hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def download(
    url: str,
    path: str | Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    progress: bool = True,
    timeout: float = 30.0,
) -> Path:
    """Downloads `url` to `path` and returns the path. A file that already exists and has the right hash is kept.

    The bytes go to `<name>.part`, which gets its final name only after its size (in bytes) and hashes have been
    verified. A broken download is resumed where it stopped, by this call or by a later one. A server that fails or
    sends nothing for `timeout` seconds is tried again, six times in total, with increasing pauses.

    Raises UserError, with what to do next, for an unknown address (404), a server that keeps failing, wrong bytes, a
    full disk or a folder that cannot be written to.
    """
    fetch_all([Remote(url=url, path=Path(path), sha256=sha256, md5=md5, size=size)], progress=progress, timeout=timeout)
    return Path(path)


def fetch_all(
    remotes: Iterable[Remote], *, workers: int = 8, label: str = "", progress: bool = True, timeout: float = 30.0
) -> None:
    """Downloads many files at once, each as `download` does, with one progress bar in bytes.

    Before it starts, it checks that the disk has room for what is still to come, plus 10 %. The first error stops the
    other downloads; what they have received so far is kept for the next run, as it is after Ctrl-C. Raises UserError as
    `download` does.
    """
    remotes = list(remotes)
    if not remotes:
        return
    for folder in {remote.path.parent for remote in remotes}:
        with _disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
    need_room(remotes[0].path.parent, sum(remote.to_come() for remote in remotes))
    sizes = [remote.size for remote in remotes]
    known = [size for size in sizes if size is not None]
    total = sum(known) if len(known) == len(sizes) else None
    label = label or (remotes[0].path.name if len(remotes) == 1 else "download")
    with (
        tqdm(total=total, desc=label, unit="B", unit_scale=True, disable=not progress) as bar,
        ThreadPoolExecutor(workers) as pool,
    ):
        run = _Run(bar=bar, timeout=timeout)
        futures = []
        try:
            futures += [pool.submit(_fetch, remote, run) for remote in remotes]
            for future in as_completed(futures):
                future.result()
        except BaseException as error:  # the first failure, or Ctrl-C: the others stop at their next chunk
            run.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            done = sum(not future.cancelled() and future.exception() is None for future in futures)
            if isinstance(error, UserError) and len(remotes) > 1:
                are = plural(done, "is complete and is", "are complete and are")
                raise UserError(f"{error}\n{done} of {len(remotes)} files {are} kept.") from error
            raise


def need_room(folder: str | Path, needed: int) -> None:
    """Raises UserError if `folder` does not have `needed` bytes free, plus 10 %. The folder need not exist yet."""
    folder = Path(folder).absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed * RESERVE > free:
        raise UserError(
            f"{folder} needs {_bytes(needed * RESERVE)} of free disk space (including a reserve of 10 %), but has "
            f"{_bytes(free)}. Free some space, or set SRGAN_LESSONS_DATA to a folder on another disk."
        )


@dataclass(kw_only=True)
class _Run:
    """What the threads of one call share."""

    bar: tqdm
    timeout: float
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, n: int) -> None:
        """Adds n bytes to the progress bar. A negative n means that bytes were thrown away."""
        with self.lock:
            self.bar.update(n)

    def say(self, line: str) -> None:
        if not self.bar.disable:
            self.bar.write(line, file=sys.stderr)


class _Stopped(Exception):
    """Another file failed, or the user pressed Ctrl-C."""


class _TryAgain(Exception):
    """A fault that may be temporary. `wait`: how many seconds the server asked us to wait."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def _fetch(remote: Remote, run: _Run) -> None:
    """Downloads one file, in at most TRIES tries."""
    if run.stop.is_set():
        raise _Stopped
    path, part, counted = remote.path, unfinished(remote.path), 0

    def reached(n: int) -> None:
        nonlocal counted
        run.count(n - counted)
        counted = n

    with _claim(path) as etag_file:
        if (remote.sha256 or remote.md5) and path.is_file() and remote.fault(path) is None:
            part.unlink(missing_ok=True)
            return reached(_size(path))
        resumed = _size(part) > 0
        for attempt in range(1, TRIES + 1):
            try:
                _receive(remote, part, etag_file, reached, run)
                fault = _finish(remote, part)
                if fault is None:
                    return
                reached(0)
                if not resumed:
                    raise UserError(
                        f"{remote.url} sent the wrong bytes: {fault}. They were deleted. Run this again. If it happens "
                        "again, the published file has changed, or a proxy changes it on the way."
                    )
                reason, wait = f"the resumed file was wrong: {fault}", 0.0
            except _TryAgain as error:
                reason, wait = str(error), error.wait
            resumed = _size(part) > 0
            if attempt < TRIES:
                wait = min(max(wait, PAUSE * 2 ** (attempt - 1)), 60.0)
                run.say(f"{path.name}: {reason}; try {attempt + 1} of {TRIES} in {wait:g} s")
                if run.stop.wait(wait):
                    raise _Stopped
        advice = "Run this again later."
        if _size(part) and _can_resume(remote, etag_file):
            advice = f"{_bytes(_size(part))} are kept in {part}; run this again to continue from there."
        raise UserError(f"{remote.url}: {reason} ({TRIES} tries). {advice}")


def _receive(remote: Remote, part: Path, etag_file: IO[str], reached: Callable[[int], None], run: _Run) -> None:
    """One try: appends what is missing to `part`. Raises _TryAgain for temporary faults, UserError for others."""
    have = _size(part)
    etag = _recall(etag_file)
    if not _can_resume(remote, etag_file) or (remote.size is not None and have > remote.size):
        have = 0
    reached(have)
    if have and have == remote.size:
        return
    headers = {"User-Agent": f"srgan-lessons/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"  # RFC 9110, section 14.2
        if etag:
            headers["If-Range"] = etag  # a file that has changed since then is sent whole (section 13.1.5)
    try:
        request = urllib.request.Request(remote.url, headers=headers)
        with urllib.request.urlopen(request, timeout=run.timeout) as response:
            have, total = _agree(remote, response, have)
            _remember(etag_file, response.headers.get("ETag", ""))
            reached(have)
            have = _append(response, part, have, reached, run)
    except urllib.error.HTTPError as error:
        return _explain_status(remote, error, part, have)
    except TimeoutError:
        raise _TryAgain(f"the server sent nothing for {run.timeout:g} s") from None
    except urllib.error.URLError as error:
        raise _explain_connection(remote, error.reason, run.timeout) from None
    except (http.client.HTTPException, OSError) as error:
        raise _TryAgain(f"the connection broke ({str(error) or type(error).__name__})") from None
    if total is not None and have < total:
        raise _TryAgain(f"the connection ended after {_bytes(have)} of {_bytes(total)}")


def _append(
    response: http.client.HTTPResponse, part: Path, have: int, reached: Callable[[int], None], run: _Run
) -> int:
    """Writes the answer after the first `have` bytes of `part`; returns the new length."""
    with _disk_errors(part):
        file = open(part, "r+b" if have else "wb", buffering=0)  # noqa: SIM115 - unbuffered: what we have is on disk
    with file:
        file.seek(have)
        while chunk := response.read1(CHUNK):
            if run.stop.is_set():
                raise _Stopped
            with _disk_errors(part):
                left = memoryview(chunk)
                while left:  # an unbuffered write may write only part of it
                    left = left[file.write(left) :]
            have += len(chunk)
            reached(have)
        with _disk_errors(part):
            os.fsync(file.fileno())
    return have


def _agree(remote: Remote, response: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """Where the answer starts, and how long the whole file is (None if the server does not say)."""
    total: int | None
    page = response.status == 200 and response.headers.get_content_type() == "text/html"
    if page and (response.length is None or response.length != remote.size):
        raise UserError(
            f"{remote.url} sent a web page instead of the file. Perhaps the network asks for a login first, or a proxy "
            "refuses the download. Open the address in a browser to see the page."
        )
    if response.status == 206:  # "bytes 1000-1999/2000", RFC 9110, section 14.4
        unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
        first, _, whole = rest.partition("-")
        size = whole.partition("/")[2]
        if unit != "bytes" or first != str(have) or not size.isdigit():
            unfinished(remote.path).unlink(missing_ok=True)
            raise _TryAgain(f"the server answered with a range that was not asked for ({unit} {rest})")
        total = int(size)
    else:  # the server ignores ranges, or the file has changed: start from the beginning
        have, total = 0, remote.size if response.length is None else response.length
    if remote.size is not None and total != remote.size:
        raise UserError(
            f"{remote.url} offers {total:,} bytes, not {remote.size:,}, so it is not the expected file. Either the "
            "network asks for a login first, or the published file has changed."
        )
    return have, total


def _explain_status(remote: Remote, error: urllib.error.HTTPError, part: Path, have: int) -> None:
    """Returns if `part` was already complete; otherwise raises _TryAgain or UserError."""
    code = error.code
    if code == 416:  # we asked for bytes after the end: nothing is missing, or the part belongs to another file
        if error.headers.get("Content-Range", "") == f"bytes */{have}":
            return
        part.unlink(missing_ok=True)
        raise _TryAgain("the part that was already here did not belong to this file")
    if code in (408, 425, 429) or code >= 500:
        wait = error.headers.get("Retry-After", "")
        raise _TryAgain(f"the server answered {code} ({error.reason})", float(wait) if wait.isdigit() else 0.0)
    if code in (404, 410):
        raise UserError(
            f"{remote.url} answered {code}: the file is no longer there. A newer version of srgan-lessons may have its "
            f"new address. You can also get the file elsewhere and save it as {remote.path}."
        )
    raise UserError(
        f"{remote.url} answered {code} ({error.reason}). Try to download the file in a browser, and save it as "
        f"{remote.path}."
    )


def _explain_connection(remote: Remote, reason: object, timeout: float) -> Exception:
    host = urllib.parse.urlsplit(remote.url).hostname
    if isinstance(reason, TimeoutError):
        return _TryAgain(f"{host} did not answer within {timeout:g} s")
    if isinstance(reason, socket.gaierror):
        return UserError(f"{remote.url}: the host {host} was not found. Is this machine online? Does it need a proxy?")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return UserError(
            f"{remote.url}: the certificate of {host} was refused ({reason.verify_message}). Is the date "
            "of this machine right? Does the network ask for a login first, or does a proxy replace certificates?"
        )
    return _TryAgain(f"no connection to {host} ({reason})")


def _finish(remote: Remote, part: Path) -> str | None:
    """Gives a complete file its name. If the file is wrong, deletes it and returns what is wrong."""
    fault = remote.fault(part)
    if fault is None and remote.check is not None:
        try:
            remote.check(part)
        except UserError as error:
            fault = str(error)
    if fault is not None:
        part.unlink()
        return fault
    with _disk_errors(remote.path):
        os.replace(part, remote.path)
    return None


@contextmanager
def _claim(path: Path) -> Iterator[IO[str]]:
    """Opens `<name>.part.etag`, which names the version that a part belongs to, and locks it.

    The lock makes sure that only one process downloads the file.
    """
    note = path.with_name(path.name + ".part.etag")
    with _disk_errors(note):
        file = open(note, "a+", encoding="ascii")  # noqa: SIM115 - closed below, before it is deleted (Windows)
    try:
        try:
            lock(file.fileno())  # on a disk without locks, only the hash guards against two processes writing one file
        except BlockingIOError:
            raise UserError(
                f"{path} is being downloaded by another process. Wait for it, then run this again."
            ) from None
        yield file
    finally:
        file.close()
        if not unfinished(path).exists():
            note.unlink(missing_ok=True)


def _can_resume(remote: Remote, etag_file: IO[str]) -> bool:
    """Whether it would be noticed if two halves of a file came from different versions."""
    return bool(remote.sha256 or remote.md5 or _recall(etag_file))


def _recall(etag_file: IO[str]) -> str:
    etag_file.seek(0)
    return etag_file.read()


def _remember(etag_file: IO[str], etag: str) -> None:
    strong = etag if etag.isascii() and not etag.startswith("W/") else ""  # for If-Range only strong ETags count
    etag_file.seek(0)
    etag_file.truncate()
    etag_file.write(strong)
    etag_file.flush()


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(explain_write_error(path, error)) from error


def unfinished(path: Path) -> Path:
    """Where the bytes of an unfinished download are kept."""
    return path.with_name(path.name + ".part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _bytes(n: float) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.1f} MB" if n >= 1e5 else f"{n:,.0f} bytes"
