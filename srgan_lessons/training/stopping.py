"""Stopping a run from outside: Ctrl-C, the stop button, and the signals of job systems."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# SIGTERM comes before a kill, SIGHUP when a terminal closes, and SIGUSR1 from Slurm shortly before a job's time is up.
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)]


class Stop:
    """Records that the run was asked to stop. `number` is the first signal that asked for it, or None."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.in_notebook = in_notebook()

    def is_set(self) -> bool:
        return self.number is not None

    def interrupt(self) -> None:
        """In a notebook, Ctrl-C and the stop button also stop the waiting cells: this raises KeyboardInterrupt."""
        if self.number == signal.SIGINT and self.in_notebook:
            raise KeyboardInterrupt("training was stopped and saved; to continue, run the same cell again")


@contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """A signal asks the loop to stop after the current update, with a checkpoint; a second Ctrl-C stops it at once.

    So the first signal never interrupts a save. Only a second Ctrl-C counts, because other repeated signals are not
    signs of impatience: a closing terminal sends SIGHUP twice (from the kernel and from its shell), torchrun passes a
    Ctrl-C on as SIGTERM, and Slurm sends SIGTERM after SIGUSR1. A signal that was ignored before (nohup ignores SIGHUP)
    stays ignored.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: object) -> None:
        if number == stop.number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.number = stop.number or number

    handled = [n for n in _SIGNALS if n in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in handled}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def in_notebook() -> bool:
    """Whether this runs in a notebook kernel, where further cells may be waiting."""
    import sys

    shell = sys.modules.get("IPython")
    return shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None
