"""Carries out a plan: SRResNet, then SRGAN from its weights, in one folder, until the time is up.

<folder>/plan.json            the plan, from which the same call continues
<folder>/<recipe>/            the run folder of each stage, as `train` writes it
<folder>/<last recipe>/best.safetensors      the averaged weights of the best validation, if it is not the last one
"""

import csv
import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from srgan_lessons import UserError, processes
from srgan_lessons.datasets.photos import Photos, Source, load_photos
from srgan_lessons.files import atomic
from srgan_lessons.losses import content_loss
from srgan_lessons.training.absence import refuse_unmounted
from srgan_lessons.training.checkpoint import acquire, latest_checkpoint, read_checkpoint
from srgan_lessons.training.expectation import expect
from srgan_lessons.training.loop import Run, train
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.memory import NoMemory
from srgan_lessons.training.options import read_options
from srgan_lessons.training.plan import COMPACT, Plan, Speed, Stage, check_request, make_plan, plan_stage, read_plan
from srgan_lessons.training.recipes import Recipe, find_recipe
from srgan_lessons.training.validation import Validation, middle
from srgan_lessons.weights import save_network

BEST = "best.safetensors"
PLANNED = ("steps", "rate", "schedule", "minutes", "checkpoint_minutes", "log_every", "validate_every")
LATE = 0.04  # share of the time by which the last stage may be late before it is stopped; its weights are kept
# With fewer updates of SRResNet on a CPU, the compact network is ahead: in an hour, the paper's network made 2,815 of
# them, the compact one 19,492; ST-LPIPS of the SRGANs on Set5 was .163 and .121
# (benchmarks/results/plans-cpu-2-cores.md).
FEW_UPDATES = 10_000
UNHURRIED = 1.25  # SRResNet is stopped when it has taken this many times its share, so that SRGAN gets its turn

OnReport = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What `train_plan` returns.

    plan: as it was carried out. logs: recipe -> rows of its log.csv. finished: False if updates are missing; the same
    call makes them. in_time: True if the clock stopped the run, so that it ended on time. seconds: how long this call
    took. weights: the file of the last stage after its last update. best: the one to use, of the update after which the
    held-out photos were best; the same as weights if that was the last update, or if nothing was measured.
    """

    folder: Path
    plan: Plan
    logs: dict[str, list[dict[str, Any]]]
    finished: bool
    in_time: bool
    seconds: float

    @property
    def weights(self) -> Path:
        return self.folder / self.plan.stages[-1].recipe.name / "weights.safetensors"

    @property
    def best(self) -> Path:
        path = self.weights.with_name(BEST)
        return path if path.exists() else self.weights

    def validated(self, photos: Photos) -> list[np.ndarray]:
        """The held-out pictures, uint8 (H, W, 3), as the validation measures them."""
        return [middle(image) for image in photos.split()[1].values()]

    def preview(self, step: int) -> Path:
        """The picture that the last stage's validation drew after `step` updates: bicubic, network, photo."""
        return self.folder / self.plan.stages[-1].recipe.name / "preview" / f"update_{step:08d}.png"

    def log(self, stage: int = -1) -> list[dict[str, Any]]:
        """The log's rows of a stage, by default of the last one."""
        return self.logs[self.plan.stages[stage].recipe.name]


def train_plan(
    plan: Plan,
    photos: Source | Photos,
    folder: str | Path,
    *,
    on_report: OnReport | None = None,
    **options: Any,
) -> Outcome:
    """Trains what a plan says, or continues where it was stopped. on_report: called with the recipe's name and the row.

    If memory runs out before a stage has a checkpoint, it begins again with a smaller batch, and a warning says so.

    When SRResNet is finished, the number of SRGAN's updates is computed again for the time that is left. If the machine
    has become slower, the last stage ends with fewer updates rather than late: at 4 % over the time it stops, saves,
    and says so. A call that continues an interrupted run makes all the missing updates, without a time limit. options:
    see Options.

    Raises UserError if the folder holds another plan, if another tab or program is training in it, if the options have
    minutes or another seed, which the plan sets, under torchrun, and in the same cases as `train`. In a notebook the
    stop button raises KeyboardInterrupt after a checkpoint was written; to continue, run the cell again.
    """
    refuse_several()
    if "minutes" in options:
        raise UserError(f"the plan sets minutes, to {plan.minutes:g}: leave it out, or make another plan")
    seed = plan.request.get("seed", 0)
    if options.get("seed", seed) != seed:
        raise UserError(f"the plan has the seed {seed}: leave out seed, or make another plan")
    options["seed"] = seed
    with _alone(Path(folder)):
        return _train_plan(plan, photos, Path(folder), on_report, options)


def _train_plan(
    plan: Plan,
    photos: Source | Photos,
    folder: Path,
    on_report: OnReport | None,
    options: dict[str, Any],
) -> Outcome:
    began = time.monotonic()
    kept = read_plan(folder)
    if kept:
        check_request(kept, plan.request, folder)
        plan = kept
    else:
        plan.save(folder)
    if not isinstance(photos, Photos):
        photos = load_photos(photos, minimum=plan.stages[-1].recipe.crop, progress=options.get("progress", True))
    say = print if options.get("progress", True) else lambda text: None
    clock = _Clock(began, plan, going=kept is None)
    init, run = plan.request["init"] or "scratch", None
    for number, stage in enumerate(plan.stages):
        path = folder / stage.recipe.name
        if _is_over(folder, plan, number):
            init = str(path / "weights.safetensors")
            continue
        if number and clock.going:
            stage, note = clock.fit_again(stage)
            plan = _changed(plan, number, stage, note, folder)
            for line in note:
                say(line)
        how: dict[str, Any] = {"run": path, "init": init, **(stage.options | options)}
        if on_report:
            how["on_report"] = partial(on_report, stage.recipe.name)
        while True:
            try:
                run = train(stage.recipe, photos, minutes=clock.minutes_for(number), **how)
                break
            except NoMemory as error:  # another program may have taken memory since the plan was made
                if error.fits is None or latest_checkpoint(path) or "class" in plan.request:  # a class has one batch
                    raise
                fits = f"{stage.recipe.name}: a batch of {error.fits} is used instead."
                stage = dataclasses.replace(stage, recipe=stage.recipe.change(batch=error.fits))
                plan = _changed(plan, number, stage, (fits,), folder)
                warnings.warn(f"{str(error).split('; ')[0]}. {fits}", stacklevel=2)
        clock.ended(stage, run)
        if not run.finished and not (clock.is_over(number) and number + 1 < len(plan.stages)):
            break
        init = str(path / "weights.safetensors")
    in_time = run is not None and not run.finished and clock.is_over(len(plan.stages) - 1)
    if run is not None and in_time:
        steps = plan.stages[-1].recipe.steps
        last = plan.stages[-1].recipe
        _validate_the_end(run, last, photos, read_options(options).machine_for(last))
        say(
            f"the time is up after update {run.step:,} of {steps:,}. The weights are saved and can be used. "
            "The same call would make the remaining updates, too."
        )
    logs = _logs(folder, plan)
    finished = run is None or run.finished
    if (finished or in_time) and (step := _write_best(folder, plan, logs)):
        say(f"the held-out photos were best after update {step:,}: {BEST} has the weights of that update.")
    seconds = time.monotonic() - began
    return Outcome(folder=folder, plan=plan, logs=logs, finished=finished, in_time=in_time, seconds=seconds)


def _changed(plan: Plan, number: int, stage: Stage, notes: tuple[str, ...], folder: Path) -> Plan:
    """The plan with another stage at that place and more notes, saved."""
    stages = (*plan.stages[:number], stage, *plan.stages[number + 1 :])
    changed = dataclasses.replace(plan, stages=stages, notes=(*plan.notes, *notes))
    changed.save(folder)
    return changed


def refuse_several() -> None:
    """Raises UserError under torchrun: a plan measures one process, and is carried out by one."""
    if processes.world_size() > 1:
        raise UserError(
            "a plan (--within, class train) is for one process: start it without torchrun. For several, use train "
            "with --steps, or with --minutes; the log shows how many updates per second there are."
        )


def read_outcome(folder: str | Path) -> Outcome:
    """Reads a run, stopped or finished, without training: for looking at a run that you do not want to continue.

    Raises UserError if there is no planned run, or if its last stage has no weights yet.
    """
    folder = Path(folder)
    plan = read_plan(folder)
    if plan is None:
        raise UserError(f"there is no planned run in {folder}. Train one, or give the folder that contains plan.json.")
    finished = _is_over(folder, plan, len(plan.stages) - 1)
    outcome = Outcome(folder=folder, plan=plan, logs=_logs(folder, plan), finished=finished, in_time=False, seconds=0.0)
    if not (outcome.weights.exists() and outcome.log()):
        raise UserError(
            f"{plan.stages[-1].recipe.name} has no weights in {folder} yet: the run was stopped before its first "
            "checkpoint. Continue it."
        )
    return outcome


def _logs(folder: Path, plan: Plan) -> dict[str, list[dict[str, Any]]]:
    return {stage.recipe.name: read_log(folder / stage.recipe.name / "log.csv") for stage in plan.stages}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps a second tab or program from carrying out a plan in the same folder: its plan would replace this one.

    Raises UserError if another one is already doing so. On a file system without locks, RunFolder warns the user.
    """
    refuse_unmounted(folder)
    lock = FileLock(folder / "plan.lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        acquire(lock)
    except Timeout:
        raise UserError(
            f"another tab or program is training in {folder}. Look at it there, or wait until it ends; this one has "
            "changed nothing. For a second run, choose another folder."
        ) from None
    except (OSError, NotImplementedError):
        pass  # if the folder cannot be written to, writing the plan will raise an error that says why
    try:
        yield
    finally:
        lock.release()


def train_within(
    recipe: str,
    minutes: float,
    photos: Source,
    folder: str | Path | None = None,
    *,
    compact: bool = False,
    init: str | None = None,
    resume: bool | None = None,
    settings: Mapping[str, Any] | None = None,
    began: float | None = None,
    **options: Any,
) -> Outcome:
    """Plans and trains in one call, and prints the plan: what `srgan-lessons train --within` does.

    The minutes include reading the photos. folder: runs/<recipe>-<minutes>-minutes if not given; a plan that is already
    there is continued. resume: True requires such a plan, False forbids it. settings: of the recipes. began: the
    `time.perf_counter()` from which the minutes count, if not from this call. options: see Options. Raises UserError
    as `make_plan` does.
    """
    if named := [f"--{name.replace('_', '-')}" for name in PLANNED if name in {*(settings or {}), *options}]:
        raise UserError(f"--within chooses {', '.join(named)} for you: remove it from the command")
    refuse_several()
    folder = Path(folder or Path("runs") / f"{recipe}-{minutes:g}-minutes")
    there = (folder / "plan.json").exists()
    if there and resume is False:
        raise UserError(f"{folder} holds a run, which --no-resume would overwrite. Choose another --folder.")
    if not there and resume:
        raise UserError(f"there is no planned run in {folder} to resume. Remove --resume to start one.")
    began = time.perf_counter() if began is None else began
    crop = (settings or {}).get("crop", find_recipe(recipe).crop)
    pictures = load_photos(photos, minimum=crop)
    print(f"continuing the plan in {folder}" if there else "measuring this machine ...", flush=True)
    how: dict[str, Any] = {"compact": compact, "init": init, "folder": folder, "began": began, **(settings or {})}
    plan = make_plan(recipe, minutes, pictures, options=read_options(options), **how)
    print(plan.text, expect(plan) or "", sep="\n", flush=True)
    if not there and (advice := _advice(plan)):
        print(advice, flush=True)
    outcome = train_plan(plan, pictures, folder, **options)
    print(f"{outcome.seconds / 60:.1f} minutes; weights: {outcome.best}")
    return outcome


def _advice(plan: Plan) -> str:
    """A sentence for a plan that gives a large network too little time on a CPU; otherwise ""."""
    first, *later = (stage.recipe for stage in plan.stages)
    large = first.channels > COMPACT["channels"]
    if later and large and first.steps < FEW_UPDATES and plan.machine.startswith("CPU"):
        return (
            f"{first.steps:,} updates of SRResNet are few for a network of this size: on this machine, --compact gets "
            "further in the same time. To change, stop here and choose another --folder."
        )
    return ""


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a log.csv: numbers, and None where nothing was measured. [] if there is no such file."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        rows: list[dict[str, Any]] = [
            {name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)
        ]
    return [row | {"step": int(row["step"])} for row in rows]


def _validate_the_end(run: Run, recipe: Recipe, photos: Photos, machine: Machine) -> None:
    """Validates a network that the clock stopped, and writes the figures into the last row of its log.

    If the log has no row for the last update yet, that row gets the losses of the row before.
    """
    held_out = photos.split()[1] if len(photos) > 1 else {}
    rows = read_log(run.folder / "log.csv")
    if not (held_out and rows) or (rows[-1]["step"] == run.step and rows[-1]["val_psnr"] is not None):
        return
    validation = Validation(held_out, recipe, machine.prepare(content_loss(recipe.content)), machine)
    network = machine.prepare(run.network)
    scores = validation(network, run.folder / "preview" / f"update_{run.step:08d}.png")
    last = rows[-1] | {"step": run.step, "rate": recipe.rate_at(run.step - 1)}
    rows = [row for row in rows if row["step"] < run.step] + [last | scores]
    with atomic(run.folder / "log.csv") as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _write_best(folder: Path, plan: Plan, logs: Mapping[str, list[dict[str, Any]]]) -> int | None:
    """Writes the best weights of the last stage, and returns their update. None, and no file, if the last is the best.

    Against a weak generator the discriminator wins in the end, and the pictures get worse (see FEW_GAN_UPDATES).
    """
    recipe = plan.stages[-1].recipe
    path, run = folder / recipe.name / BEST, folder / recipe.name
    path.unlink(missing_ok=True)
    if not (run / "checkpoints" / "best.pt").exists():  # no photo was held out
        return None
    state = read_checkpoint(run / "checkpoints" / "best.pt")
    criterion = state.get("criterion", "")  # older versions did not write it
    last = logs[recipe.name][-1].get(criterion) if logs[recipe.name] else None
    if last is not None and last <= state["best"]:
        return None
    network = recipe.make_generator()
    network.load_state_dict(state["average"])
    save_network(path, network, recipe=recipe.name, updates=str(state["step"]))
    return state["step"]


def _is_over(folder: Path, plan: Plan, number: int) -> bool:
    """Whether a stage is over: its last update was made, or the stage after it has begun."""
    path = folder / plan.stages[number].recipe.name
    after = [folder / stage.recipe.name / "checkpoints" for stage in plan.stages[number + 1 :]]
    if any(any(there.glob("step_*.pt")) for there in after):
        return True
    steps = plan.stages[number].recipe.steps
    return (path / "weights.safetensors").exists() and (path / f"checkpoints/step_{steps:08d}.pt").exists()


class _Clock:
    """The time that a plan has. going: False if an interrupted run is continued; the clock is then ignored."""

    def __init__(self, began: float, plan: Plan, *, going: bool):
        self.began, self.plan, self.going = began, plan, going
        self.slower = 1.0  # how many times as long an update takes as was measured
        self.at = began

    def _end(self, number: int) -> float:
        until = sum(stage.seconds for stage in self.plan.stages[: number + 1])
        if number + 1 < len(self.plan.stages):
            return self.began + UNHURRIED * until
        return self.began + (1 + LATE) * until

    def is_over(self, number: int) -> bool:
        return self.going and time.monotonic() > self._end(number) - self._closing(number) - 1

    def minutes_for(self, number: int) -> float | None:
        """The minutes after which `train` must stop; None: no limit."""
        if not self.going:
            return None
        return max(0.01, (self._end(number) - self._closing(number) - time.monotonic()) / 60)

    def _closing(self, number: int) -> float:
        """Seconds that a last validation and checkpoint take when the clock stops a stage."""
        stage = self.plan.stages[number]
        return stage.validation + stage.saving / (stage.validations + 1)

    def ended(self, stage: Stage, run: Run) -> None:
        now = time.monotonic()
        updating = now - self.at - stage.besides
        if run.step and updating > 0:
            slower = updating / (run.step / stage.speed.updates_per_s)
            # One stage says little about another's speed: in plans of two minutes, SRResNet was 24 % faster than
            # measured, and SRGAN 11 %. So of a gain we expect the square root, and of a loss the whole.
            self.slower = min(4.0, max(0.5, slower if slower > 1 else math.sqrt(slower)))
        self.at = now

    def fit_again(self, stage: Stage) -> tuple[Stage, tuple[str, ...]]:
        """The last stage in the time that is left, and a note if the number of its updates has changed."""
        left = self.began + self.plan.seconds - time.monotonic()
        speed = Speed(updates_per_s=stage.speed.updates_per_s / self.slower, start=stage.speed.start)
        saves = stage.validations + stage.seconds / 120
        try:
            new = plan_stage(stage.recipe, left, speed, validation=stage.validation, saving=stage.saving / saves)
        except UserError:  # the machine has become so slow that nothing fits: the clock ends it
            return stage, (f"{stage.recipe.name}: the time is nearly up; training stops when it is up.",)
        if abs(new.recipe.steps / stage.recipe.steps - 1) < 0.02:
            return new, ()
        steps, more = f"{new.recipe.steps:,}", new.recipe.steps > stage.recipe.steps
        why = "the machine was faster than measured" if more else "the machine was slower than measured"
        return new, (f"{stage.recipe.name}: {steps} updates instead of {stage.recipe.steps:,}, because {why}.",)
