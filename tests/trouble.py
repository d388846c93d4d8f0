"""What happens to a machine, made for real: a small disk, a read-only one, and system calls that fail."""

import ctypes
import os
import platform
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CALLS = {"x86_64": {"flock": 73, "fsync": 74}, "aarch64": {"flock": 32, "fsync": 82}}  # Linux's numbers


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own in that folder. Skips the test where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here: that takes Linux, and root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # where a failed test left a file open, too


def make_read_only(folder: Path) -> None:
    """A disk that was mounted by `disk`: nothing can be written to it from now on, by root neither."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    path = folder / "filler"
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return path


def refuse(call: str, error: int) -> bool:
    """From now on, in this process, the system answers a call with that error (seccomp). False where it cannot."""
    number = CALLS.get(platform.machine(), {}).get(call)
    if number is None or platform.system() != "Linux":
        return False
    program = [  # load the call's number; if it is that one, return the error, else let it pass
        (0x20, 0, 0, 0),
        (0x15, 0, 1, number),
        (0x06, 0, 0, 0x00050000 | error),
        (0x06, 0, 0, 0x7FFF0000),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    return libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filter_, 0, 0) == 0


@contextmanager
def pipes() -> Iterator:
    """Standard output and error go into one pipe; calling what is yielded ends its reader, as Ctrl-C ends tee."""
    import sys

    reader, writer = os.pipe()
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = open(writer, "w", buffering=1)  # noqa: SIM115 - closed below, where it may fail
    try:
        yield lambda: os.close(reader)
    finally:
        dead, (sys.stdout, sys.stderr) = sys.stdout, before
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
        dead.close()
