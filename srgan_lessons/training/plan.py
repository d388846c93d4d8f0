"""Time instead of updates: how many updates of a recipe fit into a number of minutes on this machine.

`make_plan` divides minutes between SRResNet and SRGAN; `planned.train_plan` carries the plan out.
"""

import dataclasses
import json
import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from srgan_lessons import UserError
from srgan_lessons.datasets.crops import CropSampler
from srgan_lessons.datasets.photos import Photos, Source, load_photos
from srgan_lessons.files import atomic, counted, plural
from srgan_lessons.losses import content_loss
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.memory import is_out_of_memory
from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import Recipe, find_recipe
from srgan_lessons.training.validation import Validation

# Peak learning rates of the one-cycle schedule, with which a short run ends well; the paper's constant 1e-4 needs a
# million updates. The shipped SRResNet and SRGAN were trained with these.
PEAK_RATE, PEAK_RATE_GAN = 4e-4, 1.5e-4

WARM_UP = 14  # updates before the clock starts: compiling, choosing algorithms, recording a CUDA graph
RESERVE = 0.04  # share of a stage's time, in case the machine becomes a little slower
VALIDATIONS = 0.1  # share of a stage's time, at most
MOST_VALIDATIONS = 20
PRETRAINING = 0.45  # share of the time that goes to SRResNet; the rest goes to SRGAN
CHECKPOINT_MINUTES = 2.0
COMPACT = dict(blocks=8, channels=32, batch=8, icnr=True)  # for laptops: a fifth of the arithmetic, half the crops
# In an SRGAN of few updates, or in a compact one, the discriminator wins, and then the pictures get worse. A plan gives
# such a recipe only a share of its adversarial weight. After an hour on two CPU cores, the last update had 28.3 dB on
# Set5 instead of 25.2 with the paper's network (1,295 updates), and 27.7 instead of 27.0 with the compact one (3,151
# and 4,311; benchmarks/results/plans-cpu-2-cores.md). The shipped SRGAN had all of the weight, and 24,403 updates.
FEW_GAN_UPDATES = 5_000
GENTLE = 0.25
LOSSES = ("content", "adversarial", "tv")  # settings of the last stage only: its pretraining keeps SRResNet's MSE
FORMAT = 1  # of plan.json


@dataclass(frozen=True, kw_only=True)
class Speed:
    """The speed of a machine: its updates per second, and the seconds that set-up and the first updates take."""

    updates_per_s: float
    start: float


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One recipe with the updates that fit into `seconds`."""

    recipe: Recipe
    speed: Speed
    seconds: float
    validations: int = 1
    validation: float = 0.0
    """Seconds that one validation takes."""
    saving: float = 0.0
    """Seconds that all checkpoints take together."""

    @property
    def besides(self) -> float:
        """Seconds that are not spent on updates: the start, validations, checkpoints."""
        return self.speed.start + self.validations * self.validation + self.saving

    @property
    def options(self) -> dict[str, int | float]:
        """The options with which `train` is called: 120 lines of log, the validations and the checkpoints."""
        return {
            "log_every": max(1, self.recipe.steps // 120),
            "validate_every": math.ceil(self.recipe.steps / self.validations),
            "checkpoint_minutes": CHECKPOINT_MINUTES,
        }

    def __str__(self) -> str:
        return (
            f"{self.recipe.name}: {self.recipe.steps:,} updates of {self.recipe.batch} crops of {self.recipe.crop} in "
            f"{self.seconds:.0f} s, at {self.speed.updates_per_s:.3g} a second"
        )


def measure(
    recipe: Recipe, photos: Mapping[str, np.ndarray], *, seconds: float = 3.0, options: Options | None = None
) -> Speed:
    """How fast this machine trains a recipe. Makes real updates (real crops, batch, precision), and discards them.

    photos: name -> uint8 (H, W, 3). seconds: how long to measure, after a warm-up. Raises UserError in the same
    cases as `train`.
    """
    began = time.perf_counter()
    options = options or Options()
    machine = options.machine_for(recipe)
    recipe.check_share(machine.world_size)
    learner = Learner(
        recipe,
        recipe.make_generator(),
        content_loss(recipe.content),
        machine,
        graphed=options.records(machine),
    )
    sampler = CropSampler(photos, batch=recipe.batch, crop=recipe.crop, seed=options.seed, device=machine.device)
    update = learner.updates_on(sampler, compile=options.compile)
    warm_up = WARM_UP if machine.device.type == "cuda" else 2
    done = 0
    with machine.tuned():
        for step in range(warm_up):
            update(step)
        learner.mean_losses()  # waits for the GPU
        started = time.perf_counter()
        block = 1
        while (elapsed := time.perf_counter() - started) < seconds:
            for _ in range(block):
                update(warm_up + done)
                done += 1
            learner.mean_losses()
            block = min(2 * block, 100)
    return Speed(updates_per_s=done / elapsed, start=started - began)


def fit_into(recipe: Recipe, seconds: float, speed: Speed, *, validation: float = 0.0) -> Stage:
    """The recipe with as many updates as fit into `seconds`, and a learning rate that reaches 0 at the last update.

    validation: seconds that all its validations take together. Raises UserError if not even ten updates fit.
    """
    left = (seconds - speed.start - validation) * (1 - RESERVE)
    steps = int(left * speed.updates_per_s)
    if steps < 10:
        large = recipe.channels > COMPACT["channels"]
        raise UserError(
            f"{counted(round(seconds), 'second')} {plural(round(seconds), 'is', 'are')} too short for {recipe.name} on "
            f"this machine: it makes {speed.updates_per_s:.3g} updates a second, and needs another "
            f"{speed.start + validation:.0f} s to start and to validate. Give it more minutes (--within; in a "
            "notebook, `minutes`)" + (", or use smaller networks (--compact, `compact=True`)." if large else ".")
        )
    peak = PEAK_RATE_GAN if recipe.adversarial else PEAK_RATE
    return Stage(recipe=recipe.change(steps=steps, schedule="one-cycle", rate=peak), speed=speed, seconds=seconds)


# --- the whole plan --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan for training SRResNet and SRGAN, or one of them, in `minutes` on this machine. `make_plan` returns it.

    stages: in the order in which they are trained; each starts from the weights of the one before. request: what was
    asked for; a plan in a run folder is recognised by it. notes: what was changed, and why.
    """

    minutes: float
    stages: tuple[Stage, ...]
    machine: str
    request: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds of all stages together: the minutes, less the time that measuring took."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def text(self) -> str:
        """The plan as a table."""
        width = max(14, *(len(stage.recipe.name) + 2 for stage in self.stages))
        lines = [
            f"{counted(self.minutes, 'minute')} on {self.machine}",
            f"{'stage':<{width}}{'network':>11}{'crops':>9}{'updates/s':>10}{'updates':>10}{'validations':>13}{'other':>10}"
            f"{'total':>10}",
        ]
        for stage in self.stages:
            recipe = stage.recipe
            network, crops = f"{recipe.blocks} x {recipe.channels}", f"{recipe.batch} x {recipe.crop}"
            lines.append(
                f"{recipe.name:<{width}}{network:>11}{crops:>9}"
                f"{stage.speed.updates_per_s:>10.3g}{recipe.steps:>10,}{stage.validations:>13}{stage.besides:>8.0f} s"
                f"{stage.seconds:>8.0f} s"
            )
        lines.append(
            "network: blocks x maps; crops: number per update x size; other: start, validations, checkpoints. "
            f"{RESERVE:.0%} is kept in reserve. The learning rate of a stage ends at 0."
        )
        return "\n".join([*lines, *self.notes])

    def times(self, factor: float) -> "Plan":
        """A rough plan with `factor` times the updates and the time. Nothing is measured or calculated again."""
        longer = [stage.recipe.change(steps=max(1, round(factor * stage.recipe.steps))) for stage in self.stages]
        stages = tuple(
            dataclasses.replace(stage, recipe=recipe, seconds=factor * stage.seconds)
            for stage, recipe in zip(self.stages, longer, strict=True)
        )
        return dataclasses.replace(self, minutes=factor * self.minutes, stages=stages)

    def __str__(self) -> str:
        return self.text

    def save(self, folder: Path) -> None:
        """Writes plan.json into the folder."""
        with atomic(folder / "plan.json") as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=2) + "\n")


def make_plan(
    recipe: str | Recipe,
    minutes: float,
    photos: Source | Photos,
    *,
    compact: bool = False,
    init: str | None = None,
    folder: str | Path | None = None,
    options: Options | None = None,
    measuring: float = 3.0,
    began: float | None = None,
    **settings: Any,
) -> Plan:
    """Measures this machine for a few seconds and divides the minutes; SRResNet comes first if the recipe needs it.

    recipe: a name, or a Recipe. photos: as for `train`. compact: 8 blocks, 32 maps, batches of 8, for a laptop. init:
    weights that the first stage starts from; None: from scratch. An SRGAN recipe trains SRResNet first even if weights
    are given. folder: where the plan will be carried out. A plan that is already there is returned, or refused if it is
    for other settings. measuring: seconds of measuring for each stage. began: the `time.perf_counter()` from which the
    minutes count, if not from this call. settings: for all stages, such as crop=64; those of the losses, such as
    adversarial=1e-4, for the last stage only.

    The minutes include the measuring. The plan's notes say what it changed: if memory runs out, the batch is halved; an
    SRGAN named by its recipe gets a quarter of the adversarial weight, unless you set the weight, if it is compact or
    has fewer than 5,000 updates. Raises UserError if the time is too short, and in the same cases as `train`.
    """
    began = time.perf_counter() if began is None else began
    options = options or Options()
    if not (math.isfinite(minutes) and minutes > 0):
        raise UserError(f"minutes is {minutes}; it must be a positive number")
    last = find_recipe(recipe) if isinstance(recipe, str) else recipe
    request = _request(last.name, minutes, compact=compact, init=init, seed=options.seed, **settings)
    if folder and (kept := read_plan(folder)):
        check_request(kept, request, folder)
        return kept
    first = (find_recipe(last.starts_from),) if last.starts_from else ()
    common = {name: value for name, value in settings.items() if name not in LOSSES}
    size = COMPACT if compact else {}
    recipes = [*(each.change(**size | common) for each in first), last.change(**size | settings)]
    if not isinstance(photos, Photos):
        photos = load_photos(photos, minimum=last.crop, progress=options.progress)
    training, held_out = photos.split() if len(photos) > 1 else (photos.images, {})
    machine = options.machine_for(last)
    notes: list[str] = []
    measured = []
    for each in recipes:
        each, speed = _measure_what_fits(each, training, measuring, options, notes)
        measured.append((each, speed, *_measure_the_rest(each, held_out, machine)))
    shares = (PRETRAINING, 1 - PRETRAINING) if first else (1.0,)
    left = max(0.0, 60 * minutes - (time.perf_counter() - began))
    try:
        stages = tuple(
            plan_stage(each, share * left, speed, validation=validation, saving=saving)
            for share, (each, speed, validation, saving) in zip(shares, measured, strict=True)
        )
    except UserError as error:
        parts = f"; of the rest, SRResNet gets {PRETRAINING:.0%}" if first else ""
        spent = (
            f"Of your {counted(round(60 * minutes), 'second')}, starting and measuring took {60 * minutes - left:.0f}"
        )
        raise UserError(f"{error} {spent}{parts}.") from None
    if isinstance(recipe, str) and "adversarial" not in settings:  # whoever chose a weight gets that one
        gentle = _gentle(stages[-1].recipe, compact, notes)
        stages = (*stages[:-1], dataclasses.replace(stages[-1], recipe=gentle))
    return Plan(
        minutes=minutes,
        stages=stages,
        machine=f"{machine.name()}, {machine.precision}",
        request=request,
        notes=tuple(notes),
    )


def _gentle(recipe: Recipe, compact: bool, notes: list[str]) -> Recipe:
    """The recipe with a smaller adversarial weight, and a note that says so, if the discriminator would win."""
    if not recipe.adversarial or not (compact or recipe.steps < FEW_GAN_UPDATES):
        return recipe
    changed = recipe.change(adversarial=GENTLE * recipe.adversarial)
    why = "the network is small" if compact else f"{recipe.steps:,} updates are few"
    notes.append(
        f"{recipe.name}: {why}, so its adversarial loss gets {GENTLE:.0%} of the usual weight, "
        f"{changed.adversarial:.3g}. To choose another, set adversarial (--adversarial); the usual "
        f"weight is {recipe.adversarial:g}."
    )
    return changed


def _request(
    recipe: str, minutes: float, *, compact: bool = False, init: str | None = None, seed: int = 0, **settings: Any
) -> dict[str, Any]:
    """The request behind a plan: two plans with the same request are for the same run."""
    changes = (COMPACT if compact else {}) | settings
    return {"recipe": recipe, "minutes": minutes, "init": init, "seed": seed, **changes}


def plan_stage(recipe: Recipe, seconds: float, speed: Speed, *, validation: float, saving: float) -> Stage:
    """A stage with its updates, and with at least one validation and as many as fit into a tenth of its time.

    validation, saving: seconds that one validation and one checkpoint take. Raises UserError as `fit_into` does.
    """
    count = int(min(MOST_VALIDATIONS, max(1, VALIDATIONS * seconds / max(validation + saving, 1e-3))))
    saves = count + seconds / 60 / CHECKPOINT_MINUTES  # the best network is saved when it is found
    stage = fit_into(recipe, seconds, speed, validation=count * validation + saves * saving)
    count = min(count, stage.recipe.steps)
    return dataclasses.replace(stage, validations=count, validation=validation, saving=saves * saving)


def read_plan(folder: str | Path) -> Plan | None:
    """The plan in a run folder; None if there is none. Raises UserError if the plan cannot be read."""
    path = Path(folder) / "plan.json"
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError("it was written by another version")
        stages = tuple(
            Stage(**stage | {"recipe": Recipe(**stage["recipe"]), "speed": Speed(**stage["speed"])})
            for stage in content.pop("stages")
        )
        return Plan(**content | {"stages": stages, "notes": tuple(content["notes"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"the plan {path} cannot be read ({error}). Start a new run in another folder (--folder)."
        ) from None


def check_request(plan: Plan, request: Mapping[str, Any], folder: str | Path) -> None:
    """Raises UserError if a folder's plan is not for what is asked for now."""
    names = [*plan.request, *(name for name in request if name not in plan.request)]
    differs = [
        f"{name} {plan.request.get(name)} then, {request.get(name)} now"
        for name in names
        if plan.request.get(name) != request.get(name)
    ]
    if differs:
        raise UserError(
            f"{folder} holds a plan for other settings: {'; '.join(differs)}. Use those settings, or choose "
            "another folder with --folder."
        )


def _measure_what_fits(
    recipe: Recipe, training: Mapping[str, np.ndarray], seconds: float, options: Options, notes: list[str]
) -> tuple[Recipe, Speed]:
    """The recipe, with a smaller batch if memory is short, and its speed."""
    while True:
        try:
            return recipe, measure(recipe, training, seconds=seconds, options=options)
        except Exception as error:
            if not is_out_of_memory(error) or recipe.batch // 2 < recipe.smallest_share:
                raise
            small = recipe.batch // 2
        notes.append(f"{recipe.name}: a batch of {recipe.batch} does not fit into memory; {small} is used instead.")
        recipe = recipe.change(batch=small)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _measure_the_rest(recipe: Recipe, held_out: Mapping[str, np.ndarray], machine: Machine) -> tuple[float, float]:
    """Seconds that a validation and a checkpoint take."""
    learner = Learner(recipe, recipe.make_generator(), content_loss(recipe.content), machine)
    with tempfile.TemporaryDirectory() as folder:
        validation = Validation(held_out, recipe, learner.content, machine) if held_out else None
        began = time.perf_counter()
        if validation:  # on a GPU the first one is the slowest, so the plan is on the safe side
            validation(learner.average, Path(folder) / "preview.png")
        validated = time.perf_counter()
        torch.save([network.state_dict() for network in _networks(learner) for _ in range(3)], f"{folder}/state.pt")
        return validated - began, time.perf_counter() - validated


def _networks(learner: Learner) -> list[torch.nn.Module]:
    return [network for network in (learner.generator, learner.discriminator) if network is not None]
