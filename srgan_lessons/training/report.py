"""What a run prints and logs: its first lines, a progress bar, the rows of its log."""

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.datasets.photos import Photos
from srgan_lessons.files import counted, plural
from srgan_lessons.training.checkpoint import RunFolder
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import Recipe
from srgan_lessons.training.stopping import in_notebook
from srgan_lessons.training.validation import FIGURES, Validation

SELDOM = 60.0  # seconds between two lines if there is no terminal to draw a bar in


class Reporter:
    """Prints and writes for the main process of a run. In the other processes it only keeps `log`, the rows.

    folder: None in the other processes. first: the number of updates made before this call.
    """

    def __init__(
        self,
        recipe: Recipe,
        options: Options,
        machine: Machine,
        folder: RunFolder | None,
        on_report: Callable[[dict[str, Any]], None] | None,
        *,
        first: int,
    ):
        self.recipe, self.options, self.machine, self.folder = recipe, options, machine, folder
        self.on_report, self.first = on_report, first
        self.log: list[dict[str, Any]] = folder.rewind_log(first) if folder else []
        if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise UserError("--tensorboard needs the package tensorboard: pip install tensorboard")
        self.speaks = options.progress and machine.is_main
        self.draws = self.speaks and (in_notebook() or _is_terminal(sys.stderr))  # otherwise a line now and then
        self._spoken = time.monotonic()
        self._bar: tqdm | None = None
        self._tensorboard: Any = None
        self.start_clock()

    def say(self, text: str) -> None:
        """Prints a line for the reader. If nobody is listening any more, the run continues all the same."""
        if self.speaks:
            out = _Patient(sys.stdout)
            tqdm.write(text, file=out)
            out.flush()  # so that a file, such as nohup's, shows the line at once

    def announce(
        self,
        photos: Photos,
        sampler: CropSampler,
        held_out: int,
        validation: Validation | None,
        checkpoint: int,
        graphed: bool,
    ) -> None:
        """Prints the first lines: settings, pictures, machine, and disk space. Only for the main process."""
        assert self.folder is not None
        self.say(self.recipe.describe())
        self.say(f"photos: {photos.report()}\n  {len(sampler.sizes)} to train on, {held_out} held out for validation")
        if sampler.whereabouts:
            self.say(f"  {sampler.whereabouts}")
        if validation and validation.note:
            self.say(validation.note)
        processes = f", {self.machine.world_size} processes" if self.machine.world_size > 1 else ""
        graph = ", updates recorded as a CUDA graph" if graphed else ""
        chosen = (
            self.options.precision == "auto" and self.machine.device.type == "cpu" and self.machine.precision != "fp32"
        )
        why = " (in which this processor is faster)" if chosen else ""
        self.say(
            f"on {self.machine.name()}, {self.machine.precision}{why}{processes}{graph}; run folder {self.folder.path}"
        )
        count = self.options.keep + bool(validation)
        free = shutil.disk_usage(self.folder.path).free
        self.say(
            f"{counted(count, 'checkpoint')} of {checkpoint / 1e6:,.0f} MB {plural(count, 'is', 'are')} kept; "
            f"{free / 1e9:.1f} GB of the disk are free"
        )
        if self.folder.put_aside:
            self.say(
                f"{self.folder.log} came from a run without a checkpoint; it was renamed to {self.folder.put_aside}"
            )
        if self.first:
            self.say(f"continuing after update {self.first:,}")

    def count(self) -> None:
        """Counts one more update."""
        self._updates += 1
        if self._bar is None:
            self._bar = tqdm(
                total=self.recipe.steps,
                initial=self.first,
                desc=self.recipe.name,
                unit="update",
                disable=not self.draws,
                dynamic_ncols=True,
                file=None if in_notebook() else _Patient(sys.stderr),
            )
        self._bar.update()

    def start_clock(self) -> None:
        """Starts to count updates per second from here."""
        self._updates, self._began = 0, time.perf_counter()

    def speed(self) -> float:
        """Updates per second since the clock was started. Call it when the GPU has finished them all."""
        return self._updates / (time.perf_counter() - self._began)

    def report(self, row: dict[str, Any], scores: dict[str, float]) -> None:
        """Adds a row to the log: the losses, and the figures of a validation or blanks."""
        row = row | {name: scores.get(name) for name in FIGURES}
        self.log.append(row)
        if not self.folder:
            return
        if problem := self.folder.append_log([row]):
            self.say(f"{problem} Training goes on; this line of the log will be written together with the next one.")
        hidden = ("step", "rate", "updates_per_s")
        shown = {name: f"{value:.4g}" for name, value in row.items() if name not in hidden and value is not None}
        if self._bar is not None:
            self._bar.set_postfix(shown)
        if not self.draws and time.monotonic() - self._spoken > SELDOM:
            self._spoken = time.monotonic()
            figures = ", ".join(f"{name} {value}" for name, value in shown.items())
            self.say(
                f"update {row['step']:,} of {self.recipe.steps:,}, {row['updates_per_s']:.1f} updates/s: {figures}"
            )
        if self.options.tensorboard:
            try:
                self._write_tensorboard(row)
            except OSError as error:
                self.say(f"TensorBoard's file was not written ({error}). Training goes on; log.csv has the same rows.")
        if self.on_report:  # last, because it is not our code and may raise anything
            self.on_report(row)

    def _write_tensorboard(self, row: dict[str, Any]) -> None:
        if self._tensorboard is None and self.folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(self.folder.path / "tensorboard", purge_step=row["step"])
        for name, value in row.items():
            if name != "step" and value is not None:
                self._tensorboard.add_scalar(name, value, row["step"])
        self._tensorboard.flush()

    def finish(self, step: int) -> None:
        """Prints the last line."""
        if self._bar is not None:
            self._bar.close()
        if self.folder:
            if problem := self.folder.append_log([]):
                self.say(f"{problem} The last lines of the log are missing; the weights are complete.")
            self.say(
                f"finished: {self.folder.weights}"
                if step >= self.recipe.steps
                else f"stopped after update {step:,}; the same command continues from here"
            )


class _Patient:
    """A stream whose reader may go away: a dead pipe, a closed terminal, a full disk for `> train.log`.

    Writing to it never raises. Everything else is passed on to the stream, which tqdm asks for its terminal's width.
    """

    def __init__(self, stream: TextIO | None):
        self.stream: Any = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError, AttributeError):  # ValueError: closed; AttributeError: pythonw has no stream
            self.stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __eq__(self, other: object) -> bool:
        return self.stream is getattr(other, "stream", other)

    def __hash__(self) -> int:
        return hash(self.stream)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
