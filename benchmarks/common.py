"""What the benchmarks share: a stopwatch, two options, and a table that is printed line by line and saved in a file."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch

from srgan_lessons.files import atomic


def seconds(work: Callable[[], object], times: int, device: torch.device) -> float:
    """The mean seconds that `work` takes over `times` calls; on a GPU, until its last kernel has ended."""
    synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    synchronise()
    began = time.perf_counter()
    for _ in range(times):
        work()
    synchronise()
    return (time.perf_counter() - began) / times


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have; `description` is the docstring of the script."""
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    made.add_argument("--machine", help="the machine in words, for the heading")
    made.add_argument("--out", type=Path, help="also write the table to this file")
    return made


class Printed:
    """Prints lines as they come. With `out`, it also writes the file each time, so that no line is lost."""

    def __init__(self, out: Path | None):
        self.out, self.lines = out, []

    def __call__(self, *lines: str) -> None:
        print(*lines, sep="\n", flush=True)
        self.lines += lines
        if self.out:
            with atomic(self.out) as temporary:
                temporary.write_text("\n".join(self.lines) + "\n", encoding="utf-8")
