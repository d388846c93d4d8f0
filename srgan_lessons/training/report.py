"""What a run tells: its first lines, a progress bar, the rows of its log."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.datasets.photos import Photos
from srgan_lessons.training.checkpoint import RunFolder
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import Recipe
from srgan_lessons.training.validation import FIGURES, Validation


class Reporter:
    """Speaks and writes for the main process of a run; in the others it only keeps `log`, the rows.

    folder: None in the others. first: updates that were made before this call.
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
        self.speaks = options.progress and machine.is_main
        self._bar: tqdm | None = None
        self._tensorboard = None
        self.start_clock()

    def say(self, text: str) -> None:
        """A line for the reader. A pipe that nobody reads any more is no reason to end a run."""
        if self.speaks:
            with suppress(BrokenPipeError):
                tqdm.write(text)

    def announce(
        self,
        photos: Photos,
        training: int,
        held_out: int,
        validation: Validation | None,
        checkpoint: int,
        graphed: bool,
    ) -> None:
        """The first lines: settings, pictures, machine, and what the disk will hold."""
        self.say(self.recipe.describe())
        self.say(f"photos: {photos.report()}\n  {training} to train on, {held_out} held out for validation")
        if validation and validation.note:
            self.say(validation.note)
        processes = f", {self.machine.world_size} processes" if self.machine.world_size > 1 else ""
        graph = ", each update a CUDA graph" if graphed else ""
        self.say(f"on {self.machine.name()}, {self.machine.precision}{processes}{graph}; run folder {self.folder.path}")
        count = self.options.keep + bool(validation)
        free = shutil.disk_usage(self.folder.path).free
        self.say(
            f"{count} checkpoints of {checkpoint / 1e6:,.0f} MB are kept; {free / 1e9:.1f} GB of the disk are free"
        )
        if self.first:
            self.say(f"going on after update {self.first:,}")

    def count(self) -> None:
        """One more update was made."""
        self._updates += 1
        if self._bar is None:
            self._bar = tqdm(
                total=self.recipe.steps,
                initial=self.first,
                desc=self.recipe.name,
                unit="update",
                disable=not self.speaks,
                dynamic_ncols=True,
            )
        with suppress(BrokenPipeError):
            self._bar.update()

    def start_clock(self) -> None:
        """Updates a second are counted from here."""
        self._updates, self._began = 0, time.perf_counter()

    def speed(self) -> float:
        """Updates a second since the clock was started. To be asked when the GPU has done them all."""
        return self._updates / (time.perf_counter() - self._began)

    def report(self, row: dict[str, Any], scores: dict[str, float]) -> None:
        """Adds a row to the log: the losses, and the figures of a validation or blanks."""
        row = row | {name: scores.get(name) for name in FIGURES}
        self.log.append(row)
        if not self.folder:
            return
        if problem := self.folder.append_log(row):
            self.say(problem)
        if self.on_report:
            self.on_report(row)
        hidden = ("step", "rate", "updates_per_s")
        shown = {name: f"{value:.4g}" for name, value in row.items() if name not in hidden and value is not None}
        with suppress(BrokenPipeError):
            self._bar.set_postfix(shown)
        if self.options.tensorboard:
            self._write_tensorboard(row)

    def _write_tensorboard(self, row: dict[str, Any]) -> None:
        if self._tensorboard is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise UserError("--tensorboard needs the package tensorboard: pip install tensorboard") from None
            self._tensorboard = SummaryWriter(self.folder.path / "tensorboard", purge_step=row["step"])
        for name, value in row.items():
            if name != "step" and value is not None:
                self._tensorboard.add_scalar(name, value, row["step"])
        self._tensorboard.flush()

    def finish(self, step: int) -> None:
        """The last line."""
        if self._bar is not None:
            with suppress(BrokenPipeError):
                self._bar.close()
        if self.folder:
            self.say(
                f"finished: {self.folder.weights}"
                if step >= self.recipe.steps
                else f"stopped after update {step:,}; the same command goes on from here"
            )
