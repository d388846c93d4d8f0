"""How a command ends: by signals, and where nobody reads its output any more."""

import os
import signal
import sys
import threading
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


def flush() -> None:
    """Writes out what was printed. Where nobody reads it any more it is dropped, for Python would end with an error."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
