"""Runs a student's code within a time limit, and restores random states, settings and output afterwards.

It guards against mistakes, not against malice: the code runs in the same process and could do anything that Python can.
"""

import builtins
import contextlib
import ctypes
import io
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
import torch

from srgan_lessons.precision import full_float32

PATIENCE = 6  # wall time may be up to this many times the limit: the machine may be busy, or the code may wait


class TimeLimit(BaseException):
    """Raised inside code that ran too long. Not an Exception, so that `except Exception` does not catch it.

    computed: how many of the seconds that passed were spent computing. If that is near 0, the code slept or waited.
    """

    def __init__(self, computed: float = 0.0) -> None:
        super().__init__()
        self.computed = computed


class Tail(io.TextIOBase):
    """A text stream that keeps only its last `limit` characters, so that an endless print cannot fill the memory."""

    def __init__(self, limit: int = 4000) -> None:
        self.limit, self.text = limit, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text = (self.text + text)[-self.limit :]
        return len(text)


def run(function: Callable[[], Any], *, seconds: float) -> tuple[BaseException | None, str]:
    """Calls function() with fixed seeds and a time limit. Returns what it raised (None: nothing) and what it printed.

    The limit is on this thread's computing time, not on that of other processes. The call also ends when PATIENCE times
    the limit has passed in wall time.

    Afterwards the random states of Python, numpy and torch (CPU and GPU), torch's default dtype and device, gradient
    mode, precision, number of threads and determinism, numpy's handling of errors, the recursion limit, the working
    folder and the warning filters are as they were. KeyboardInterrupt passes through: it comes from the person at the
    keyboard.

    Meanwhile torch computes in full float32, and numpy only warns of divisions by 0, whatever the notebook has set:
    judges compare numbers, and compute the results of mistakes, too.

    Output is collected and not shown as it comes, because a judge calls an answer many times, on inputs that the
    student did not choose. check() shows the last part of it if the answer failed, because students print to find out
    why an answer fails.
    """
    printed = Tail()
    plain = np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")
    output = contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed)
    with _state_kept(), plain, torch.inference_mode(False), full_float32(), output[0], output[1], _no_input():
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - what students use
        torch.manual_seed(0)
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        if _default_device().type != "cpu":
            torch.set_default_device(None)
        elsewhere = torch.empty(0).device.type != "cpu"  # the check is inside `with torch.device(...)`
        with torch.device("cpu") if elsewhere else contextlib.nullcontext():
            raised = _limited(function, seconds)
    return raised, printed.text


# --- state -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _state_kept() -> Iterator[None]:
    gpu = torch.cuda.is_available()
    python_random, numpy_random, torch_random = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    gpu_random = torch.cuda.get_rng_state_all() if gpu else []
    dtype, device, threads = torch.get_default_dtype(), _default_device(), torch.get_num_threads()
    gradients, strict = torch.is_grad_enabled(), _determinism()
    recursion, folder = sys.getrecursionlimit(), _working_folder()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        if folder is not None:
            with contextlib.suppress(OSError):  # it was removed in the meantime
                os.chdir(folder)
        sys.setrecursionlimit(recursion)
        if _determinism() != strict:  # asked first, because the setter takes two seconds for its imports
            torch.use_deterministic_algorithms(strict[0], warn_only=strict[1])
        torch.set_grad_enabled(gradients)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if _default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)
        torch.set_default_dtype(dtype)
        if gpu:
            torch.cuda.set_rng_state_all(gpu_random)
        torch.set_rng_state(torch_random)
        np.random.set_state(numpy_random)  # noqa: NPY002
        random.setstate(python_random)


def _default_device() -> torch.device:
    return torch.empty(0).device  # torch 2.4's get_default_device fails once set_default_device(None) was called


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None


def _determinism() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


@contextlib.contextmanager
def _no_input() -> Iterator[None]:
    """Makes input() raise an error, because nobody is there to answer it."""

    def refuse(*_: object) -> str:
        raise RuntimeError("input() cannot be used here: nobody is there to answer during a check")

    kept, builtins.input = builtins.input, refuse
    try:
        yield
    finally:
        builtins.input = kept


# --- time ------------------------------------------------------------------------------------------------------------

_jitter = random.Random()  # its own generator: code that seeds the shared one in a loop would make the times regular


def _arena(function: Callable[[], Any]) -> None:
    """The frame that a strike looks for: code is interrupted only while this frame is on the stack."""
    function()


def _in_arena(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code is not _arena.__code__:
        frame = frame.f_back
    return frame is not None


def _limited(function: Callable[[], Any], seconds: float) -> BaseException | None:
    in_main_thread = threading.current_thread() is threading.main_thread()
    clock = _alarm if in_main_thread and hasattr(signal, "setitimer") else _watcher
    raised: BaseException | None = None
    with clock(seconds) as struck:
        try:
            _arena(function)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: sys.exit() in an answer must not end the kernel
            raised = error
    if struck:  # the first strike shows the line, even if the code caught it and went on
        told = next((strike for strike in struck if strike.__traceback__), None)
        raised = told or (raised if isinstance(raised, TimeLimit) else struck[0])
        raised.computed = struck[0].computed  # missing from a strike that the interpreter made
    return raised


class Stopwatch:
    """Measures computing time and wall time from now on."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds, self.clock = seconds, clock
        self.began, self.since = clock(), time.monotonic()

    def computed(self) -> float:
        return self.clock() - self.began

    def left(self) -> float:
        """How long until the limit can be reached; 0 if it has been reached."""
        waiting = PATIENCE * self.seconds - (time.monotonic() - self.since)
        return max(0.0, min(self.seconds - self.computed(), waiting))


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[list[TimeLimit]]:
    """In the main thread: SIGALRM, which also ends a sleep or a wait.

    `while True: try: ... except: ...` swallows a strike, so the alarm strikes again, at irregular moments, until one
    falls outside the `try`.
    """
    struck: list[TimeLimit] = []
    watch = Stopwatch(seconds, time.thread_time)

    def strike(signum: int, frame: FrameType | None) -> None:
        if not struck and watch.left() > 0:
            signal.setitimer(signal.ITIMER_REAL, max(1e-4, watch.left()))
        elif _in_arena(frame):
            struck.append(TimeLimit(watch.computed()))
            signal.setitimer(signal.ITIMER_REAL, 10 ** _jitter.uniform(-6, -3))
            raise struck[-1]

    handler = signal.signal(signal.SIGALRM, strike)
    started = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield struck
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:  # another alarm was running, such as a test runner's: let it continue
            signal.setitimer(signal.ITIMER_REAL, max(1e-3, left - (time.monotonic() - started)), interval)


@contextlib.contextmanager
def _watcher(seconds: float) -> Iterator[list[TimeLimit]]:
    """Outside the main thread, and on Windows: a second thread makes the interpreter raise TimeLimit in the first.

    The code stays in the calling thread, so no thread is left running. A sleep is not cut short: the error is raised
    when the sleep ends.
    """
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    caller, lock, over = threading.get_ident(), threading.Lock(), threading.Event()
    struck: list[TimeLimit] = []
    if hasattr(time, "pthread_getcpuclockid"):
        clock = time.pthread_getcpuclockid(caller)
        stopwatch = Stopwatch(seconds, lambda: time.clock_gettime(clock))
    else:  # on Windows and macOS there is only wall time
        stopwatch = Stopwatch(seconds, time.monotonic)

    def watch() -> None:
        pause = seconds
        while not over.wait(pause):
            with lock:  # the caller waits for it before it goes on: until then its clock can be read
                if over.is_set():
                    return
                if not struck and (left := stopwatch.left()) > 0:
                    pause = max(1e-4, left)
                    continue
                if _in_arena(sys._current_frames().get(caller)):
                    struck.append(TimeLimit(stopwatch.computed()))
                    raise_in(ctypes.c_ulong(caller), ctypes.py_object(TimeLimit))
            pause = _jitter.uniform(0.001, 0.02)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield struck
    finally:
        while True:
            try:
                over.set()
                with lock:
                    raise_in(ctypes.c_ulong(caller), None)  # withdraws a strike that has not landed yet
                break
            except TimeLimit:  # one landed here
                continue
