"""The training loop: `train` takes a recipe and pictures to trained weights, and goes on where a run was stopped."""

import dataclasses
import hashlib
import json
import math
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from tqdm.auto import tqdm

from srgan_lessons import UserError, __version__
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.datasets.photos import Photos, load_photos
from srgan_lessons.losses import content_loss
from srgan_lessons.training.checkpoint import FORMAT, RunFolder, check_same_run, read_checkpoint
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.memory import fitting_batch, is_out_of_memory
from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import Recipe
from srgan_lessons.training.validation import Validation
from srgan_lessons.weights import load_network, save_network


@dataclass(frozen=True, kw_only=True)
class Run:
    """What `train` returns.

    network: the averaged weights, in evaluation mode, on the CPU. log: the rows of log.csv. finished: False if the run
    was stopped (Ctrl-C, `minutes`) and can be resumed.
    """

    folder: Path
    network: nn.Module
    log: list[dict[str, Any]]
    step: int
    finished: bool


def train(
    recipe: Recipe,
    photos: str | Path | Mapping[str, np.ndarray] | Photos,
    *,
    run: str | Path | None = None,
    init: str | Path | None = None,
    on_report: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> Run:
    """Trains a recipe on pictures, or goes on with the run in that folder if it holds a checkpoint.

    photos: a folder, a dict name -> uint8 (H, W, 3), or Photos. One in twenty is held out for validation.
    run: the folder of the run, runs/<recipe> if not given. init: weights that the generator starts from, a shipped
    name or a file, or "scratch"; needed where the recipe starts from another one. on_report: called with each new row
    of the log, for example to draw it. options: see Options.

    Raises UserError for pictures, settings or files that cannot be used, where memory does not suffice (naming the
    batch that would fit), and where a loss is no longer a number.
    """
    options = Options(**options)
    machine = Machine(options.device, options.precision)
    if recipe.batch % machine.world:
        raise UserError(f"a batch of {recipe.batch} cannot be shared by {machine.world} processes evenly")
    if not isinstance(photos, Photos):
        photos = load_photos(photos, minimum=recipe.crop, progress=options.progress and machine.writes)
    path = Path(run or Path("runs") / recipe.name)
    folder = RunFolder(path, keep=options.keep) if machine.writes else None
    try:
        return _Training(recipe, photos, init, options, machine, folder, path, on_report).run()
    finally:
        if folder:
            folder.close()


class _Training:
    """One call of `train`: what learns, its pictures and its position, from the first update or from a checkpoint."""

    def __init__(
        self,
        recipe: Recipe,
        photos: Photos,
        init: str | Path | None,
        options: Options,
        machine: Machine,
        folder: RunFolder | None,  # of the process that writes
        path: Path,
        on_report: Callable[[dict[str, Any]], None] | None,
    ):
        self.recipe, self.options, self.machine = recipe, options, machine
        self.folder, self.path, self.on_report = folder, path, on_report
        self.say = tqdm.write if machine.writes and options.progress else (lambda text: None)
        training, held_out = photos.split() if len(photos) > 1 else (photos.images, {})
        self.identity = {
            "recipe": dataclasses.asdict(recipe),
            "seed": options.seed,
            "photos": _fingerprint(training),
        }
        latest = folder.latest() if folder else None
        checkpoint = self._find_checkpoint(latest)
        torch.manual_seed(options.seed)  # of the first weights; the sampler has its own
        self.learner = Learner(
            recipe,
            self._first_generator(init, resuming=checkpoint is not None),
            content_loss(recipe.content),
            machine,
            compile=options.compile,
            cuda_graph=options.cuda_graph,
        )
        self.step, self.best, self.log = 0, math.inf, []
        self.totals: dict[str, Tensor] = {}  # of the losses since the last line of the log, on the device
        self.counted = 0  # updates in them
        if checkpoint:
            self._restore(checkpoint)
        self.sampler = CropSampler(
            training,
            batch=recipe.batch,
            crop=recipe.crop,
            seed=options.seed,
            device=machine.device,
            rank=machine.rank,
            world=machine.world,
        )
        validates = held_out and machine.writes
        self.validation = Validation(held_out, self.learner.content, machine) if validates else None
        self._announce(photos, len(training), len(held_out), checkpoint, latest)

    # -- beginning ---------------------------------------------------------------------------------------------------

    def _find_checkpoint(self, latest: Path | None) -> dict[str, Any] | None:
        """The checkpoint to go on from. All processes must read the same one, so the writer decides."""
        if self.machine.world > 1:
            box = [latest]
            torch.distributed.broadcast_object_list(box, src=0)
            latest = box[0]
        if latest is None:
            return None
        checkpoint = read_checkpoint(latest)
        check_same_run(checkpoint, self.identity, latest)
        return checkpoint

    def _first_generator(self, init: str | Path | None, *, resuming: bool) -> nn.Module:
        network = self.recipe.make_generator()
        needed = self.recipe.starts_from
        if resuming or init == "scratch" or (init is None and needed is None):
            return network
        if init is None:
            raise UserError(
                f"{self.recipe.name} starts from the weights of {needed}: name them with --init (a file such as "
                f"runs/{needed}/weights.safetensors, or a shipped name), or say --init scratch, which seldom ends well"
            )
        loaded = load_network(init)
        try:
            network.load_state_dict(loaded.state_dict())
        except RuntimeError:
            raise UserError(f"the weights {init} are of another network than {self.recipe.name} trains") from None
        return network

    def _announce(self, photos: Photos, training: int, held_out: int, checkpoint, latest) -> None:
        if not self.machine.writes:
            return
        self.say(self.recipe.describe())
        self.say(f"photos: {photos.report()}\n  {training} to train on, {held_out} held out for validation")
        processes = f", {self.machine.world} processes" if self.machine.world > 1 else ""
        self.say(f"on {self.machine.name()}, {self.machine.precision}{processes}; run folder {self.path}")
        if checkpoint:
            self.say(f"going on after update {self.step:,} from {latest.name}")
            self.log = self.folder.rewind_log(self.step)
        else:
            self.folder.rewind_log(-1)
        self.folder.write_settings(
            self.identity
            | {
                "options": dataclasses.asdict(self.options),
                "machine": self.machine.name(),
                "precision": self.machine.precision,
                "processes": self.machine.world,
                "versions": {
                    "srgan_lessons": __version__,
                    "torch": torch.__version__,
                    "torchvision": torchvision.__version__,
                    "python": platform.python_version(),
                },
            }
        )

    # -- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> Run:
        with _stop_on_signal() as stop:
            try:
                self._loop(stop)
            except Exception as error:
                if is_out_of_memory(error):
                    raise self._explain_memory(error) from None
                raise
        finished = self.step >= self.recipe.steps
        network = self.learner.average.to("cpu", memory_format=torch.contiguous_format)
        if self.machine.writes:
            self.say(
                f"finished: {self.path / 'weights.safetensors'}"
                if finished
                else f"stopped after update {self.step:,}; the same command goes on from here"
            )
        return Run(folder=self.path, network=network, log=self.log, step=self.step, finished=finished)

    def _loop(self, stop: threading.Event) -> None:
        recipe, options, machine = self.recipe, self.options, self.machine
        update = self.learner.updates_on(self.sampler)
        validate_every = options.validate_every or max(1, recipe.steps // 20)
        timed, began = 0, time.perf_counter()  # updates since the clock was started
        started = saved = time.monotonic()
        bar = tqdm(
            total=recipe.steps,
            initial=self.step,
            desc=recipe.name,
            unit="update",
            disable=not (options.progress and machine.writes),
            dynamic_ncols=True,
        )
        first = self.step
        while self.step < recipe.steps:
            for name, loss in update(self.step).items():
                self.totals[name] = self.totals[name] + loss if name in self.totals else loss.clone()
            self.counted += 1
            self.step += 1
            timed += 1
            bar.update()

            last = self.step == recipe.steps
            reports = self.step % options.log_every == 0 or last
            validates = self.validation is not None and (self.step % validate_every == 0 or last)
            too_long = options.minutes is not None and time.monotonic() - started > 60 * options.minutes
            wants_stop = stop.is_set() or too_long
            if machine.world > 1:  # processes stop at the same update: they ask each other when they report
                wants_stop = machine.any(wants_stop) if reports else False
            due = machine.writes and time.monotonic() - saved > 60 * options.checkpoint_minutes
            if not (reports or validates or wants_stop or due):
                continue

            speed = timed / (time.perf_counter() - began)
            means = {name: (total / self.counted).item() for name, total in self.totals.items()}  # the host waits here
            self._check_numbers(means)
            better = False
            if validates:
                scores = self.validation(self.learner.average, self.path / "preview" / f"update_{self.step:08d}.png")
                better, self.best = scores["val_content"] < self.best, min(self.best, scores["val_content"])
            if reports or validates:
                row = {"step": self.step, "lr": recipe.lr_at(self.step - 1), **means, "updates_per_s": speed}
                row |= scores if validates else {"val_psnr": None, "val_content": None}
                self._report(row, bar)
                self.totals, self.counted = {}, 0
                timed, began = 0, time.perf_counter()
            if due or last or wants_stop or better:
                if machine.writes:
                    self._save(best=better)
                saved = time.monotonic()
            if wants_stop:
                break
        bar.close()
        if machine.writes and self.step == first == recipe.steps and not self.folder.weights.exists():
            self._save(best=False)

    def _report(self, row: dict[str, Any], bar: tqdm) -> None:
        self.log.append(row)
        if not self.machine.writes:
            return
        self.folder.append_log(row)
        if self.on_report:
            self.on_report(row)
        shown = {
            name: f"{value:.4g}" for name, value in row.items() if name not in ("step", "lr") and value is not None
        }
        shown.pop("updates_per_s")
        bar.set_postfix(shown)
        if self.options.tensorboard:
            self._tensorboard(row)

    def _tensorboard(self, row: dict[str, Any]) -> None:
        if not hasattr(self, "_writer"):
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise UserError("--tensorboard needs the package tensorboard: pip install tensorboard") from None
            self._writer = SummaryWriter(self.path / "tensorboard", purge_step=row["step"])
        for name, value in row.items():
            if name != "step" and value is not None:
                self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def _check_numbers(self, means: dict[str, float]) -> None:
        broken = [name for name, value in means.items() if not math.isfinite(value)]
        if broken:
            raise self._no_number(f"the {' and '.join(broken)} loss is no longer a number")

    def _no_number(self, what: str) -> UserError:
        latest = self.folder.latest() if self.folder else None
        kept = f"The last good checkpoint, {latest}, is untouched." if latest else "No checkpoint was written yet."
        return UserError(
            f"{what} (after update {self.step:,}, learning rate {self.recipe.lr_at(self.step - 1):.3g}, "
            f"{self.machine.precision}). {kept} "
            "Lower the learning rate (--lr), or train in fp32 or bf16 if this was fp16."
        )

    def _explain_memory(self, error: Exception) -> UserError:
        batch = fitting_batch(self.learner, self.sampler)
        advice = (
            f"a batch of {batch} fits: --batch {batch}" if batch else "not even a batch of 1 fits: use a smaller --crop"
        )
        return UserError(
            f"a batch of {self.recipe.batch} does not fit into the memory of {self.machine.name()}; {advice}"
        )

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def _save(self, *, best: bool) -> None:
        """A checkpoint, and the averaged weights beside it. Refused if any weight is not a number."""
        if broken := self.learner.broken():
            raise self._no_number(f"the weights of the {' and '.join(broken)} are no longer numbers")
        state = self.identity | {
            "format": FORMAT,
            "step": self.step,
            "best": self.best,
            "totals": self.totals,
            "counted": self.counted,
            "rng": torch.get_rng_state(),
            **self.learner.state_dict(),
        }
        if self.machine.device.type == "cuda":
            state["rng_cuda"] = torch.cuda.get_rng_state(self.machine.device)
        self.folder.save(state, best=best)
        save_network(self.folder.weights, self.learner.average, recipe=self.recipe.name, updates=str(self.step))

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.learner.load_state_dict(state)
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(f"the checkpoint does not fit the networks of {self.recipe.name}: {error}") from None
        self.step, self.best, self.counted = state["step"], state["best"], state["counted"]
        self.totals = {name: total.to(self.machine.device) for name, total in state["totals"].items()}
        torch.set_rng_state(state["rng"])
        if "rng_cuda" in state and self.machine.device.type == "cuda":
            torch.cuda.set_rng_state(state["rng_cuda"], self.machine.device)


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """Ctrl-C asks the loop to stop after the update at hand, with a checkpoint; a second one stops at once.

    SIGTERM, which job systems send before they kill, does the same. A save is therefore never cut off by the first.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fingerprint(images: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the training pictures, in their order."""
    digest = hashlib.sha256(json.dumps([[name, image.shape] for name, image in images.items()]).encode())
    for image in images.values():
        digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()
