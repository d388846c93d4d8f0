"""How a command speaks and ends: what consoles cannot show, signals, and where nobody reads any more."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM, and SIGHUP of a closed terminal, end a command as Ctrl-C does: what it has begun to write is removed.

    Training asks for more while it trains, see training/stopping.py. What was ignored before (nohup) stays ignored.
    """

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        before = {
            number: signal.signal(number, end) for number in numbers if signal.getsignal(number) == signal.SIG_DFL
        }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def printable() -> Iterator[None]:
    """What is printed cannot fail, and warnings are sentences.

    A pipe on Windows has 256 letters (cp1252), and a file's name may be no text at all: such letters are printed as
    \\N, \\x and \\u. Of a warning the source line says nothing to users. Pillow's remarks on odd metadata are left
    out: they tell no file, and pixels that cannot be read are an error.
    """
    streams = [stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "reconfigure")]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    form = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"srgan-lessons: {message}\n"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    finally:
        warnings.formatwarning = form
        for stream, errors in zip(streams, before, strict=True):
            with suppress(ValueError, OSError):  # closed meanwhile
                stream.reconfigure(errors=errors)


def flush() -> None:
    """Writes out what was printed. Where nobody reads it any more it is dropped, for Python would end with an error."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
