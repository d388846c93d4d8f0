"""The processes of a command that torchrun started: which of them this one is, and how they communicate.

torchrun starts them, on one or several machines, watches them, and restarts all of them if one has ended. This module
is for everything that they send each other besides gradients. Without torchrun there is one process, and nothing is
sent.
"""

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from srgan_lessons import UserError
from srgan_lessons.device import is_out_of_memory

T = TypeVar("T")


def rank() -> int:
    """The number of this process among all of them: 0 is the main one, which logs, saves and shows progress."""
    return _number("RANK", 0)


def world_size() -> int:
    """How many processes there are on all machines together."""
    return _number("WORLD_SIZE", 1)


def local_rank() -> int:
    """The number of this process among those on its machine. The process uses the GPU with that number."""
    return _number("LOCAL_RANK", 0)


def local_world_size() -> int:
    """How many of the processes are on this machine."""
    return _number("LOCAL_WORLD_SIZE", 1)


def _number(variable: str, otherwise: int) -> int:
    """The value of an environment variable that torchrun sets."""
    text = os.environ.get(variable, "")
    if not text:
        return otherwise
    if not text.isdecimal():
        raise UserError(
            f"the environment variable {variable} is {text!r}; it must be a whole number. Only torchrun should "
            f"set it: unset {variable}."
        )
    return int(text)


def check_environment() -> None:
    """Raises UserError if another command left torchrun's environment variables behind, all or some of them."""
    if world_size() > 1 and not {"MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        raise UserError(
            f"WORLD_SIZE is {world_size()}, but the other processes cannot be found: MASTER_ADDR or MASTER_PORT "
            "is not set. To train in one process, unset WORLD_SIZE and RANK; to train in several, start with "
            "torchrun."
        )
    if rank() >= world_size():  # such a process would train, but write nothing
        raise UserError(
            f"RANK is {rank()}, but with WORLD_SIZE {world_size()} it must be from 0 to {world_size() - 1}. "
            "To train in one process, unset WORLD_SIZE and RANK; to train in several, start with torchrun."
        )


def connect(backend: str, patience: timedelta) -> None:
    """Connects to the other processes, if there are any. patience: how long they may wait for each other."""
    if world_size() == 1 or dist.is_initialized():
        return
    try:
        dist.init_process_group(backend, timeout=patience)
    except (RuntimeError, ValueError) as error:  # torch's DistError is a RuntimeError
        reason = str(error).splitlines()[0]
        raise UserError(
            f"WORLD_SIZE is {world_size()}, but the other processes were not found ({reason}). To "
            "train in one process, unset WORLD_SIZE and RANK; to train in several, start with torchrun."
        ) from None


@contextmanager
def talking() -> Iterator[None]:
    """Turns torch's error about a lost process into a UserError."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0][:200]
        raise UserError(
            f"process {rank()} of {world_size()} has lost the others ({reason}). One of them has ended; look for its "
            "own message. The same command continues from the last checkpoint; with torchrun --max-restarts all "
            "processes do so by themselves."
        ) from None


def gather(value: Any) -> list[Any]:
    """Returns, in each process, the values that all processes passed, in the order of their ranks."""
    if world_size() == 1:
        return [value]
    found = [None] * world_size()
    with talking():
        dist.all_gather_object(found, value)
    return found


def from_main(state: Any) -> Any:
    """Returns, in each process, what the main process passed: tensors, or containers of tensors and plain values.

    The other processes pass None, and receive tensors on the CPU. The data is sent like a checkpoint file, and no code
    in it is run.
    """
    if world_size() == 1:
        return state
    device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    buffer = io.BytesIO()
    if rank() == 0:
        torch.save(state, buffer)
    with talking():
        size = torch.tensor(buffer.tell(), device=device)
        dist.broadcast(size, src=0)
        data = torch.empty(int(size), dtype=torch.uint8)
        if rank() == 0:
            data = torch.frombuffer(buffer.getbuffer(), dtype=torch.uint8)
        data = data.to(device)
        dist.broadcast(data, src=0)
    if rank() == 0:
        return state
    return torch.load(io.BytesIO(data.cpu().numpy().tobytes()), map_location="cpu", weights_only=True)


def together(work: Callable[[], T]) -> T:
    """Does the same work in each process, and returns its result here. If it fails in one process, it fails in all.

    Raises the UserError of the first process that failed. `told` is set in all other processes, so only one prints it.
    """
    if world_size() == 1:
        return work()
    result: Any = None
    said: str | None = None
    try:
        result = work()
    except UserError as found:
        said = str(found)
    failed = {number: text for number, text in enumerate(gather(said)) if text}
    if failed:
        number = min(failed)
        alone = f"process {number} of {world_size()}: " if len(failed) < world_size() else ""
        error = UserError(f"{alone}{failed[number]}")
        error.told = rank() != number
        raise error
    done: T = result
    return done


class Watch:
    """Ends this process with a message if it has made no update for `seconds`, because then another process hangs.

    A process that is waiting for another one cannot check the time, so a thread does it. beat: called after each
    update. end: the function that ends the process.
    """

    def __init__(self, seconds: float, end: Callable[[int], None] = os._exit):
        self.seconds, self.end = seconds, end
        self._last = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def beat(self) -> None:
        self._last = time.monotonic()

    def __enter__(self) -> "Watch":
        if world_size() > 1:
            self.beat()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()

    def _look(self) -> None:
        while not self._stopped.wait(min(5.0, self.seconds / 10)):
            if time.monotonic() - self._last > self.seconds:
                print(
                    f"srgan-lessons: process {rank()} of {world_size()} has made no update for {self.seconds / 60:.3g} "
                    "minutes, so it ends. Another process hangs or was cut off: the one that does not print this line. "
                    "Check its machine. The same command continues from the last checkpoint (--wait-minutes sets how "
                    "long to wait).",
                    file=sys.stderr,
                    flush=True,
                )
                self.end(1)
                return
