"""The training loop: `train` trains a recipe on pictures, and continues a run that was stopped.

It has three parts, in this order: set up, fit, report.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from srgan_lessons import UserError, processes
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.datasets.photos import Photos, Source, load_photos
from srgan_lessons.files import expand
from srgan_lessons.losses import content_loss
from srgan_lessons.training.absence import shelter
from srgan_lessons.training.checkpoint import (
    FORMAT,
    RunFolder,
    check_processes,
    check_run_is_here,
    check_same_run,
    read_checkpoint,
)
from srgan_lessons.training.learner import Learner, starting_generator
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.memory import is_out_of_memory, no_memory
from srgan_lessons.training.options import Options, read_options
from srgan_lessons.training.recipes import Recipe, find_recipe
from srgan_lessons.training.report import Reporter
from srgan_lessons.training.schedule import Schedule
from srgan_lessons.training.stopping import Stop, stop_on_signal
from srgan_lessons.training.validation import Validation


@dataclass(frozen=True, kw_only=True)
class Run:
    """What `train` returns.

    network: the network with the averaged weights, in evaluation mode, on the CPU. log: the rows of log.csv. finished:
    False if the run was stopped (Ctrl-C, `minutes`) and can be resumed.
    """

    folder: Path
    network: nn.Module
    log: list[dict[str, Any]]
    step: int
    finished: bool


def train(
    recipe: str | Recipe,
    photos: Source | Photos,
    *,
    run: str | Path | None = None,
    init: str | Path | None = None,
    on_report: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> Run:
    """Trains a recipe on pictures, or continues the run in the folder `run` if there is a checkpoint in it.

    recipe: a name of RECIPES, or a Recipe. photos: a folder, folders, a photo store, a dict name -> picture in any form
    (see `images.check_image`), or Photos; one in twenty is held out for validation. run: the folder of the run,
    runs/<recipe> if not given. init: weights that the generator starts from: a shipped name, a file, or "scratch";
    needed if the recipe starts from another one. on_report: called with each row of the log. options: see Options.

    Raises UserError for pictures, settings or files that cannot be used, if memory runs out (naming the batch that
    would fit), and if a loss is no longer a number.
    """
    recipe = find_recipe(recipe) if isinstance(recipe, str) else recipe
    chosen = read_options(options)
    machine = chosen.machine_for(recipe)
    recipe.check_share(machine.world_size)
    if not isinstance(photos, Photos):
        source, shown = photos, chosen.progress and machine.is_main
        photos = processes.together(lambda: load_photos(source, minimum=recipe.crop, progress=shown))
    path = expand(run or Path("runs") / recipe.name)
    folder = processes.together(lambda: RunFolder(path, keep=chosen.keep) if machine.is_main else None)
    with folder or nullcontext():
        return _Training(recipe, photos, init, chosen, machine, folder, path, on_report).run()


class _Training:
    """One call of `train`: what learns, its pictures and its position, from the first update or from a checkpoint."""

    # -- set up ------------------------------------------------------------------------------------------------------

    def __init__(
        self,
        recipe: Recipe,
        photos: Photos,
        init: str | Path | None,
        options: Options,
        machine: Machine,
        folder: RunFolder | None,  # None except in the main process
        path: Path,
        on_report: Callable[[dict[str, Any]], None] | None,
    ):
        self.recipe, self.options, self.machine, self.folder, self.path = recipe, options, machine, folder, path
        training, held_out = photos.split() if len(photos) > 1 else (photos.images, {})
        self.identity = {
            "recipe": dataclasses.asdict(recipe),
            "seed": options.seed,
            "photos": {photos.hashes[name]: name for name in training},  # pixels and order matter
            "held_out": {photos.hashes[name]: name for name in held_out},
        }
        check_processes(self.identity, options, machine)
        check_run_is_here(path)
        checkpoint = processes.from_main(processes.together(self._find_checkpoint))
        if checkpoint:
            names = {hash: name for name, hash in photos.hashes.items()}
            training = photos.album.select(names[hash] for hash in checkpoint["photos"])
            self.identity["photos"] = checkpoint["photos"]
        torch.manual_seed(options.seed)  # for the first weights; the sampler has its own random numbers
        graphed = options.records(machine)
        untrained = checkpoint or not folder  # the weights then come from the checkpoint or the main process
        generator = processes.together(
            lambda: recipe.make_generator() if untrained else starting_generator(recipe, init)
        )
        self.learner = Learner(recipe, generator, content_loss(recipe.content), machine, graphed=graphed)
        self.sampler = CropSampler(
            training,
            batch=recipe.batch,
            crop=recipe.crop,
            seed=options.seed,
            device=machine.device,
            rank=machine.rank,
            world=machine.world_size,
        )
        self.validation = Validation(held_out, recipe, self.learner.content, machine) if held_out and folder else None
        self.step, self.best = 0, math.inf
        if checkpoint:
            self._restore(checkpoint)
        elif machine.world_size > 1:
            self.learner.load_state_dict(processes.from_main(self.learner.state_dict() if folder else None))
        self.reporter = Reporter(recipe, options, machine, folder, on_report, first=self.step)
        processes.together(lambda: self._announce(folder, photos, len(held_out), graphed) if folder else None)

    def _announce(self, folder: RunFolder, photos: Photos, held_out: int, graphed: bool) -> None:
        size = self.learner.checkpoint_bytes()
        folder.check_space(size)
        folder.write_settings(self.identity, self.options, self.machine)
        self.reporter.announce(photos, self.sampler, held_out, self.validation, size, graphed)

    def _find_checkpoint(self) -> dict[str, Any] | None:
        """The checkpoint to continue from. Only the main process has the run folder; the others get None here."""
        latest = self.folder.latest() if self.folder else None
        if not latest:
            return None
        checkpoint = read_checkpoint(latest)
        check_same_run(checkpoint, self.identity, self.path)
        return checkpoint

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.learner.load_state_dict(state)
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(
                f"the checkpoint does not match the networks of {self.recipe.name} ({error}). Start a new run in "
                "another folder (--folder)."
            ) from None
        self.step = state["step"]
        if not self.validation or state.get("criterion", self.validation.criterion) == self.validation.criterion:
            self.best = state["best"]  # with a different criterion, it would be the value of a different figure
        torch.set_rng_state(state["rng"])
        if "rng_cuda" in state and self.machine.device.type == "cuda":
            torch.cuda.set_rng_state(state["rng_cuda"], self.machine.device)

    # -- fit ---------------------------------------------------------------------------------------------------------

    def run(self) -> Run:
        short_of_memory = False
        watch = processes.Watch(60 * self.options.wait_minutes)
        with stop_on_signal() as stop, self.machine.tuned(), watch:
            try:
                self._fit(stop, watch)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                short_of_memory = True  # after this block, what the traceback refers to (activations, too) is freed
        if short_of_memory:
            raise no_memory(self.learner, self.sampler)
        self.reporter.finish(self.step)
        network = self.learner.average.to("cpu").to(memory_format=torch.contiguous_format)
        finished = self.step >= self.recipe.steps
        stop.interrupt()  # the stop button also ends what comes after this call
        return Run(folder=self.path, network=network, log=self.reporter.log, step=self.step, finished=finished)

    def _fit(self, stop: Stop, watch: processes.Watch) -> None:
        options, machine, learner = self.options, self.machine, self.learner
        schedule = Schedule(
            steps=self.recipe.steps,
            log_every=options.log_every,
            validate_every=(options.validate_every or max(1, self.recipe.steps // 20)) if self.validation else None,
            checkpoint_seconds=60 * options.checkpoint_minutes,
            seconds=options.minutes and 60 * options.minutes,
            now=time.monotonic(),
        )
        update = learner.updates_on(self.sampler, compile=options.compile)
        if self.step >= schedule.steps and self.folder and not self.folder.publishes(self.step):
            self.folder.publish(self.learner.average, self.recipe.name, self.step)
        while self.step < schedule.steps:
            update(self.step)
            self.step += 1
            self.reporter.count()
            watch.beat()
            asked = stop.is_set() or schedule.out_of_time(time.monotonic())
            # Processes must stop at the same update, so they ask each other: on CPUs at every update, because torchrun
            # kills them 30 s after a SIGTERM; on GPUs only at reports, because the host must wait for the answer.
            if machine.world_size > 1:
                asks = machine.device.type == "cpu" or schedule.reports_at(self.step)
                asked = machine.any(asked) if asks else False
            due = schedule.after(self.step, time.monotonic(), stop=asked)
            if not due:
                continue
            losses = learner.mean_losses()  # in one process, the host waits for the GPU here, and nowhere else
            speed = self.reporter.speed()
            self._check_numbers(losses)
            better, scores = self._validate() if due.validate else (False, {})
            if due.report:
                learner.forget_losses()
                row = {"step": self.step, "rate": self.recipe.rate_at(self.step - 1), **losses, "updates_per_s": speed}
                try:
                    self.reporter.report(row, scores)
                except BaseException:  # from on_report, or a second Ctrl-C: the training so far is saved first
                    self._save(best=better)
                    raise
            if due.save or better or (self.folder and self.folder.is_gone()):
                self._save(best=better)
                schedule.saved = time.monotonic()
            self.reporter.start_clock()
            if due.stop:
                break

    def _validate(self) -> tuple[bool, dict[str, float]]:
        """Validates the averaged network: returns whether it is the best so far, and its figures."""
        if not (self.folder and self.validation):  # only the main process has them
            return False, {}
        places = [shelter(self.path)] if self.folder.is_gone() else [self.path, shelter(self.path)]
        name = f"update_{self.step:08d}.png"
        scores = self.validation(self.learner.average, *(place / "preview" / name for place in places))
        score = scores[self.validation.criterion]
        better, self.best = score < self.best, min(self.best, score)
        return better, scores

    def _save(self, *, best: bool) -> None:
        """Writes a checkpoint, and the averaged weights beside it. Refuses if any weight is not a number."""
        state = self._state()
        if not self.folder:
            return
        try:
            if self.folder.is_gone():
                raise UserError(f"{self.path} is gone: its disk was unmounted while the run went on (in Colab: Drive).")
            self.folder.save(state, best=best)
        except UserError as error:
            try:
                rescued = self.folder.rescue(state, best=best, why=str(error))
            except UserError:  # this machine's disk cannot store it either
                raise error from None
            raise rescued from None
        self.folder.publish(self.learner.average, self.recipe.name, self.step)

    def _state(self) -> dict[str, Any]:
        """What a checkpoint contains. Raises UserError if any weight is not a number."""
        if broken := self.learner.broken():
            raise self._no_number(f"the weights of the {' and '.join(broken)} are no longer numbers")
        state = self.identity | self.learner.state_dict()
        state |= {"format": FORMAT, "step": self.step, "best": self.best, "rng": torch.get_rng_state()}
        if self.validation:
            state["criterion"] = self.validation.criterion
        if self.machine.device.type == "cuda":
            state["rng_cuda"] = torch.cuda.get_rng_state(self.machine.device)
        return state

    # -- report: what went wrong; the rest is in report.py -------------------------------------------------------------

    def _check_numbers(self, means: dict[str, float]) -> None:
        if broken := [name for name, value in means.items() if not math.isfinite(value)]:
            raise self._no_number(f"the {' and '.join(broken)} loss is no longer a number")

    def _no_number(self, what: str) -> UserError:
        latest = self.folder.latest() if self.folder else None
        kept = f"The last good checkpoint, {latest}, is untouched." if latest else "No checkpoint was written yet."
        weights = self.folder.weights if self.folder else None
        start = f", from this run's weights if you like (--init {weights})" if weights and weights.exists() else ""
        other = " Or use --precision fp32." if self.machine.precision == "fp16" else ""
        return UserError(
            f"{what} (after update {self.step:,}, learning rate {self.recipe.rate_at(self.step - 1):.3g}, "
            f"{self.machine.precision}). {kept} Train again in a new folder (--folder) with a lower learning rate "
            f"(--rate){start}.{other}"
        )
