"""How a command prints and ends: text that consoles cannot show, signals, and output that nobody reads."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM, and SIGHUP from a closed terminal, end a command as Ctrl-C does: unfinished files are removed.

    Training does more when it is stopped; see training/stopping.py. Signals that were ignored before (nohup) stay
    ignored.
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
    """Makes sure that printing cannot fail, and that warnings are sentences.

    A pipe on Windows can carry only 256 different characters (cp1252), and a file name may not be valid text; such
    characters are printed as \\N, \\x and \\u. The source line of a warning means nothing to users, so it is left out.
    So are Pillow's remarks on odd metadata: they name no file, and pixels that cannot be read are an error anyway.
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
            with suppress(ValueError, OSError):  # the stream has been closed in the meantime
                stream.reconfigure(errors=errors)


def flush() -> None:
    """Writes out what was printed, or discards it if nobody is reading. Otherwise Python would end with an error."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
