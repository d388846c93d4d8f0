"""The command srgan-lessons train. Its options are the settings of `training.Recipe` and `training.Options`."""

import argparse
import time
from pathlib import Path
from typing import Any

from srgan_lessons import UserError
from srgan_lessons.cli_photos import SAMPLES, named_photos
from srgan_lessons.cli_settings import add_settings, add_threads, check_threads, given, shown, weights_text
from srgan_lessons.training import RECIPES, Options, Recipe, find_recipe


def add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `train` to the parser."""
    command = commands.add_parser("train", help="train a network; continues a run that stopped")
    command.add_argument("recipe", metavar="RECIPE", help=f"one of {', '.join(RECIPES)}")
    command.add_argument(
        "--photos",
        nargs="+",
        metavar="PHOTOS",
        help=f"folders of pictures, names of training sets (BSDS500, SunHays80, DIV2K), a photo store made by `data "
        f"pack`, or {SAMPLES}, which come with scikit-image (default: {SAMPLES} for espcn, otherwise none)",
    )
    command.add_argument("--folder", dest="run", metavar="FOLDER", help="the folder of the run (default: runs/RECIPE)")
    start = weights_text("; or scratch (default: as the recipe says)")
    command.add_argument("--init", metavar="WEIGHTS", help=f"what to start from: {start}")
    command.add_argument(
        "--within",
        type=float,
        metavar="MINUTES",
        help="measure, plan and train within this time, SRResNet first (default: no plan)",
    )
    command.add_argument(
        "--compact",
        action="store_true",
        help="with --within: 8 blocks, 32 maps, batches of 8, for a laptop (default: no)",
    )
    command.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="continue the run in that folder (default: if there is one)",
    )
    add_settings(command.add_argument_group("settings of the recipe"), Recipe, _in_recipes)
    options = command.add_argument_group("options that do not change what is learned")
    add_settings(options, Options)
    add_threads(options)
    command.set_defaults(call=_train)


def _in_recipes(name: str) -> str:
    """The recipes' defaults for a setting: first the exceptions, then the usual one."""
    recipes: dict[str, list[str]] = {}
    for recipe in RECIPES.values():
        recipes.setdefault(shown(getattr(recipe, name)), []).append(recipe.name)
    usual = max(recipes, key=lambda value: len(recipes[value]))
    others = [f"{value} in {', '.join(names)}" for value, names in recipes.items() if value != usual]
    return "; ".join([*others, f"else {usual}" if others else usual])


def _train(arguments: argparse.Namespace) -> int:
    began = time.perf_counter()  # importing torch takes seconds
    import torch

    from srgan_lessons.processes import rank
    from srgan_lessons.training.checkpoint import latest_checkpoint
    from srgan_lessons.training.loop import train

    recipe = find_recipe(arguments.recipe)
    settings, options = given(arguments, Recipe), given(arguments, Options)
    check_threads(arguments.threads)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    if arguments.within is not None:
        return _train_within(arguments, settings, options, began)
    if arguments.compact:
        raise UserError("--compact works only with --within. Without it, use --blocks 8 --channels 32.")
    recipe = recipe.change(**settings)
    run = Path(arguments.run or Path("runs") / recipe.name)
    there = latest_checkpoint(run) if rank() == 0 else None  # the other processes have no run folder
    if arguments.resume is True and not there and rank() == 0:
        raise UserError(f"there is no run in {run} to resume. Remove --resume to start one.")
    if arguments.resume is False and there:
        raise UserError(
            f"{run} contains a run, which --no-resume would overwrite. Choose another --folder, or delete {run}."
        )
    photos = named_photos(arguments.photos, recipe.name)
    training = time.perf_counter()  # --minutes count from here, as in a notebook
    result = train(recipe, photos, run=run, init=arguments.init, **options)
    in_time = arguments.minutes is not None and time.perf_counter() - training > 60 * arguments.minutes
    return 0 if result.finished or in_time else 130


def _train_within(
    arguments: argparse.Namespace, settings: dict[str, Any], options: dict[str, Any], began: float
) -> int:
    from srgan_lessons.training.planned import train_within

    photos = named_photos(arguments.photos, arguments.recipe)
    how = {name: getattr(arguments, name) for name in ("recipe", "compact", "init", "resume")} | options
    how |= {"photos": photos, "folder": arguments.run, "settings": settings, "began": began}
    outcome = train_within(minutes=arguments.within, **how)
    return 0 if outcome.finished or outcome.in_time else 130
