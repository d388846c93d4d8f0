"""A group's homework: training its cell by the class's plan, and the one file to hand in."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from srgan_lessons import UserError, __version__
from srgan_lessons.class_table.handout import Handout
from srgan_lessons.datasets.catalogue import some
from srgan_lessons.datasets.leakage import hash_as_text, perceptual_hash
from srgan_lessons.datasets.photos import Photos
from srgan_lessons.files import atomic, counted
from srgan_lessons.training.memory import is_out_of_memory
from srgan_lessons.training.options import Options, read_options
from srgan_lessons.training.plan import MOST_VALIDATIONS, Plan, Stage, measure, read_plan
from srgan_lessons.training.planned import Outcome, refuse_several, train_plan

FORMAT = 2
RECORD = "cell.json"
WEIGHTS = "weights.safetensors"


def plan_of(
    handout: Handout,
    group: str,
    photos: Photos,
    folder: str | Path,
    *,
    options: Options | None = None,
    measuring: float = 3.0,
) -> Plan:
    """A group's part as a Plan, which can be drawn, watched and trained.

    The class's plan sets the number of updates; the time for them is measured. The plan is kept in the folder,
    and the same call returns it again. Raises UserError for a group that is not in the class, photos that are not the
    class's, a folder with another plan, and a machine with too little memory.
    """
    refuse_several()
    seed = handout.of(group)[1]
    if differs := other_photos(handout, {photos.hashes[name]: name for name in photos.images}):
        raise UserError(
            f"these are not the class's photos: {differs}. Use the class's ({handout.source}); cells that saw "
            "different photos cannot be compared."
        )
    request = {"class": handout.id, "group": group, "init": None, "seed": seed}
    if kept := read_plan(folder):
        if kept.request != request:
            raise UserError(f"{folder} contains another plan. Choose another folder with --folder.")
        return kept
    options = options or Options(seed=seed)
    training = photos.split()[0]
    stages = []
    for recipe in handout.recipes(group):
        try:
            speed = measure(recipe, training, seconds=measuring, options=options)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise UserError(
                f"a batch of {recipe.batch} does not fit into the memory of {options.machine_for(recipe).name()}, and "
                "all groups must use that batch. Train on another machine, or ask for a plan with a smaller batch."
            ) from None
        seconds = speed.start + recipe.steps / speed.updates_per_s
        validations = min(MOST_VALIDATIONS, recipe.steps, max(1, round(seconds / 60)))
        stages.append(Stage(recipe=recipe, speed=speed, seconds=seconds, validations=validations))
    machine = options.machine_for(stages[-1].recipe)
    plan = Plan(
        minutes=round(sum(stage.seconds for stage in stages) / 60, 1),
        stages=tuple(stages),
        machine=f"{machine.name()}, {machine.precision}",
        request=request,
    )
    plan.save(Path(folder))  # the time does not matter when a saved plan is carried out
    return plan


def train_cell(
    handout: Handout,
    group: str,
    photos: Photos,
    folder: str | Path,
    *,
    on_report: Callable[[str, dict[str, Any]], None] | None = None,
    measuring: float = 3.0,
    **options: Any,
) -> Outcome:
    """Trains a group's cell, or continues where the training stopped. `pack` then makes the file.

    on_report, options: as for `train_plan`; the seed is the class's. Raises UserError as `plan_of` and `train_plan` do.
    """
    seed = handout.of(group)[1]
    if options.get("seed", seed) != seed:
        raise UserError(f"the class's plan gives group {group} the seed {seed}; leave out --seed")
    options = {**options, "seed": seed}
    plan = plan_of(handout, group, photos, folder, options=read_options(options), measuring=measuring)
    if options.get("progress", True):
        print(f"group {group}: {handout.label(group)}, seed {seed}; the number of updates is the same on every machine")
        print(*plan.stages, sep="\n", flush=True)
    return train_plan(plan, photos, folder, on_report=on_report, **options)


def pack(handout: Handout, group: str, outcome: Outcome, photos: Photos, path: str | Path) -> Path:
    """Writes the file to hand in, a zip of weights, logs and `cell.json`. Returns its path.

    cell.json says what was trained, as recorded in the run folders. It lists the photos by SHA-256 and perceptual hash
    and never contains them. Raises UserError if the training has not ended, or if the file cannot be written.
    """
    if not outcome.finished:
        done = outcome.log()[-1]["step"] if outcome.log() else 0
        raise UserError(
            f"the run in {outcome.folder} has not ended: {done:,} of {outcome.plan.stages[-1].recipe.steps:,} updates. "
            "Run the same command again; it continues."
        )
    stages = []
    for stage in outcome.plan.stages:
        settings = json.loads((outcome.folder / stage.recipe.name / "settings.json").read_text(encoding="utf-8"))
        log = outcome.logs[stage.recipe.name]
        stages.append(
            {name: settings[name] for name in ("recipe", "seed", "photos", "held_out", "machine", "precision")}
            | {"updates": log[-1]["step"] if log else 0}
        )
    weights = outcome.weights.read_bytes()
    seen = {digest for stage in stages for name in ("photos", "held_out") for digest in stage[name]}
    named = {photos.hashes[name]: image for name, image in photos.images.items()}
    if strange := seen - named.keys():
        raise UserError(
            f"the run in {outcome.folder} used {counted(len(strange), 'photo')} not among these. Use the same "
            "photos as the run."
        )
    record = {
        "format": FORMAT,
        "class": handout.id,
        "group": group,
        "cell": asdict(handout.of(group)[0]),
        "stages": stages,
        "weights": sha256(weights).hexdigest(),
        "shows": {digest: hash_as_text(perceptual_hash(named[digest])) for digest in sorted(seen)},
        "srgan_lessons": __version__,
    }
    path = Path(path)
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(RECORD, json.dumps(record, indent=1, ensure_ascii=False))
        file.writestr(WEIGHTS, weights)
        for name in outcome.logs:
            file.write(outcome.folder / name / "log.csv", f"{name}.csv")
    return path


def other_photos(handout: Handout, found: dict[str, str]) -> str:
    """How photos (SHA-256 of the pixels -> name) differ from the class's, in words; "" if they are the same."""
    gone = sorted(handout.photos[digest] for digest in handout.photos.keys() - found.keys())
    new = sorted(found[digest] for digest in found.keys() - handout.photos.keys())
    parts = [f"{len(names)} {what} ({some(names)})" for what, names in (("missing", gone), ("unknown", new)) if names]
    return ", ".join(parts)
