"""The command srgan-lessons. Each subcommand calls one public function of a room; nothing is decided here."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from srgan_lessons import UserError, __version__
from srgan_lessons.cli_class import add_class
from srgan_lessons.cli_photos import SAMPLES, named_photos
from srgan_lessons.cli_study import add_study, start_lab
from srgan_lessons.endings import ended_by_signals, flush, printable

NO_MEMORY = (
    "this takes more memory than there is. Close other programs, or take less at once: smaller or fewer pictures, a "
    "smaller --batch or --crop."
)

# The settings of a recipe that `train` can change.
SETTINGS = {
    "steps": int,
    "batch": int,
    "crop": int,
    "blocks": int,
    "channels": int,
    "rate": float,
    "schedule": str,
    "content": str,
    "adversarial": float,
    "ema": float,
    "shuffled": bool,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line. Returns the exit status: 0 done, 1 done in part, 2 a mistake that is explained."""
    with ended_by_signals(), printable():
        try:
            if "" in (sys.argv[1:] if argv is None else argv):  # as a path it would stand for the working folder
                raise UserError("one of the arguments is empty. Perhaps a variable in the command line has no value.")
            arguments = _parser().parse_args(argv)
            return arguments.call(arguments) or 0
        except UserError as error:
            if not error.told:
                print(f"srgan-lessons: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("srgan-lessons: stopped", file=sys.stderr)
            return 130
        except BrokenPipeError:  # `| head -1` has read enough
            return 128 + 13  # as a shell reports a program that SIGPIPE ended
        except OSError as error:  # of a disk or a folder that changed meanwhile
            print(f"srgan-lessons: {error}", file=sys.stderr)
            return 2
        except (MemoryError, RuntimeError, ImportError) as error:
            # The words of torch, of the system's loader, and of Python where a thread has no room
            short = (
                "can't allocate memory",
                "failed to map segment",
                "Cannot allocate memory",
                "can't start new thread",
            )
            if not isinstance(error, MemoryError) and not any(words in str(error) for words in short):
                raise
            print(f"srgan-lessons: {NO_MEMORY}", file=sys.stderr)
            return 2
        finally:
            flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="srgan-lessons", description="From a photo to a trained SRGAN: the tools of the course."
    )
    parser.add_argument("--version", action="version", version=f"srgan-lessons {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("doctor", help="what is there and what is missing on this machine")
    command.set_defaults(call=_doctor)

    command = commands.add_parser("lab", help="open the lessons in JupyterLab")
    command.add_argument(
        "--edition", choices=("student", "solutions"), default="student", help="which notebooks (default: student)"
    )
    command.add_argument("--no-browser", action="store_true", help="only start the server and print its address")
    command.set_defaults(call=_lab)

    command = commands.add_parser("data", help="list, get, verify and pack the data sets")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser("list", help="which sets there are and how much of each is here")
    action.set_defaults(call=_data_list)
    for name, text in (
        ("get", "download what is missing of a set, and verify it"),
        ("verify", "compare the files on disk with the catalogue, or the pixels of a photo store with its index"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("sets", nargs="+", metavar="SET")
        action.set_defaults(call=_data_check, action=name)
    action = actions.add_parser("pack", help="decode photos once into a store, for sets that memory does not hold")
    action.add_argument("photos", nargs="+", metavar="PHOTOS", help="folders of pictures, or names of training sets")
    action.add_argument("-o", "--out", required=True, metavar="FILE.store")
    action.add_argument("--threads", type=int, help="that decode (default: all cores)")
    action.set_defaults(call=_data_pack)

    _add_train(commands)

    command = commands.add_parser("evaluate", help="measure a method on benchmark sets")
    command.add_argument(
        "method",
        help="bicubic, nearest, a name of shipped weights, a .safetensors file, or a folder of enlarged pictures",
    )
    command.add_argument("--sets", nargs="+", default=["Set5", "Set14", "BSD100"], metavar="SET")
    command.add_argument("--protocol", choices=("community", "paper", "both"), default="community")
    command.add_argument("--stlpips", action="store_true", help="add the perceptual metric ST-LPIPS (AlexNet)")
    command.add_argument("--json", metavar="FILE", help="also write the table, with a row for each image")
    command.add_argument("--device", help="cpu, cuda, ...")
    command.set_defaults(call=_evaluate)

    command = commands.add_parser("upscale", help="enlarge pictures four times")
    command.add_argument("pictures", nargs="+", metavar="PICTURE", help="files, or folders of pictures")
    command.add_argument("-o", "--out", required=True, help="a folder, or for one picture a file")
    command.add_argument("--weights", help="a shipped name or a .safetensors file; also bicubic, nearest")
    command.add_argument("--device", help="cpu, cuda, ...")
    command.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="bf16: faster, nearly the same")
    command.add_argument("--overwrite", action="store_true", help="replace results that are there already")
    command.set_defaults(call=_upscale)

    add_study(commands)
    add_class(commands)

    command = commands.add_parser("progress", help="a table of a class's progress, from the files of its learners")
    command.add_argument(
        "files", nargs="+", metavar="FILES", help='files that progress(export="anna.json") wrote, or folders of them'
    )
    command.add_argument("--csv", metavar="FILE", help="also write a row for each learner and exercise")
    command.set_defaults(call=_progress)

    command = commands.add_parser("export", help="write a network as ONNX")
    command.add_argument("weights", help="a shipped name or a .safetensors file")
    command.add_argument("-o", "--out", required=True, metavar="FILE.onnx")
    command.set_defaults(call=_export)
    return parser


def _add_train(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("train", help="train a network; goes on where a run was stopped")
    command.add_argument("recipe", help="espcn, srresnet-mse, srresnet-vgg22, srgan-mse, srgan-vgg22, srgan-vgg54, ...")
    command.add_argument(
        "--photos",
        nargs="+",
        metavar="PHOTOS",
        help=f"folders of pictures, names of training sets (BSDS500, SunHays80, DIV2K), a photo store that `data "
        f"pack` has made, or {SAMPLES}, which come with scikit-image; espcn takes {SAMPLES} if nothing is named",
    )
    command.add_argument("--folder", dest="run", metavar="FOLDER", help="the folder of the run (default: runs/RECIPE)")
    command.add_argument("--init", metavar="WEIGHTS", help="weights to start from, or scratch")
    text = "measure, plan and train, SRResNet first, in so many minutes"
    command.add_argument("--within", type=float, metavar="MINUTES", help=text)
    command.add_argument("--compact", action="store_true", help="with --within: 8 blocks, 32 maps, batches of 8")
    command.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="go on with the run in that folder (default: if it holds one)",
    )
    settings = command.add_argument_group("settings of the recipe")
    for name, kind in SETTINGS.items():
        how = {"action": "store_true", "default": None} if kind is bool else {"type": kind}
        settings.add_argument(f"--{name}", **how)
    options = command.add_argument_group("options that do not change what is learned")
    options.add_argument("--seed", type=int)
    options.add_argument("--device", help="cpu, cuda, ...")
    options.add_argument("--precision", choices=("auto", "fp32", "bf16", "fp16"))
    options.add_argument("--compile", action="store_true", default=None, help="through torch.compile")
    options.add_argument(
        "--cuda-graph",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="record an update once and replay it (default: on a GPU, in one process)",
    )
    options.add_argument("--minutes", type=float, help="stop after so many minutes, with a checkpoint")
    options.add_argument("--checkpoint-minutes", type=float, help="minutes between checkpoints (default: 5)")
    options.add_argument(
        "--wait-minutes", type=float, help="minutes for which processes wait for one that hangs (default: 10)"
    )
    options.add_argument("--keep", type=int, help="how many of the last checkpoints stay (default: 2)")
    options.add_argument("--log-every", type=int, help="updates between lines of the log (default: 50)")
    options.add_argument("--validate-every", type=int, help="updates between validations (default: 20 in a run)")
    options.add_argument("--tensorboard", action="store_true", default=None)
    options.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    command.set_defaults(call=_train)


def _doctor(arguments: argparse.Namespace) -> int:
    from srgan_lessons.doctor import examine

    findings = examine()
    print("\n".join(str(finding) for finding in findings))
    return int(any(finding.state == "FAIL" for finding in findings))


def _lab(arguments: argparse.Namespace) -> int:
    from srgan_lessons.files import lessons_folder

    folder = lessons_folder()
    if arguments.edition == "solutions":
        folder /= "solutions"
        if not folder.is_dir():
            raise UserError(
                f"there is no {folder}. Move {folder.parent} to another place, then run srgan-lessons lab again: "
                "it copies the lessons again."
            )
    if not os.access(folder, os.W_OK):
        print(
            f"srgan-lessons: {folder} cannot be written: copy it to a folder of your own to keep work", file=sys.stderr
        )
    first = next(folder.glob("00_*.ipynb"), folder)
    return start_lab(first, arguments.no_browser)


def _data_list(arguments: argparse.Namespace) -> int:
    from srgan_lessons.datasets import status
    from srgan_lessons.files import data_root

    print(f"data sets in {data_root()} (SRGAN_LESSONS_DATA chooses another folder)\n")
    print(f"{'set':<12}{'role':<11}{'files here':>12}  {'MB':>6}  licence")
    for row in status():
        size = "?" if row.megabytes is None else f"{row.megabytes:,.0f}"
        print(f"{row.name:<12}{row.role:<11}{f'{row.present} of {row.total}':>12}  {size:>6}  {row.licence}")
        if row.note:
            print(f"{'':<12}{row.note}")
    return 0


def _data_check(arguments: argparse.Namespace) -> int:
    from srgan_lessons import datasets

    if arguments.action == "verify" and any(name.endswith(".store") for name in arguments.sets):
        return max([_verify_store(name) for name in arguments.sets])
    check = datasets.get if arguments.action == "get" else datasets.verify
    results = [check(name) for name in arguments.sets]
    print("\n".join(result.report() for result in results))
    return int(not all(result.passed for result in results))


def _verify_store(path: str) -> int:
    from srgan_lessons.datasets import open_store

    store = open_store(path)
    damaged = store.damaged()
    print(f"{path}: {len(store.images) - len(damaged)} of {len(store.images)} pictures are as they were packed")
    if damaged:
        again = f"srgan-lessons data pack FOLDERS -o {path}"
        print(f"  damaged: {', '.join(damaged[:10])}\n  Remove the store, and pack it again: {again}")
    return int(bool(damaged))


def _data_pack(arguments: argparse.Namespace) -> int:
    from srgan_lessons.datasets import load_photos, pack

    if arguments.photos == [SAMPLES]:
        raise UserError(f"{SAMPLES} need no store: they are small, and come with scikit-image")
    if arguments.threads is not None and arguments.threads < 1:
        raise UserError(f"--threads is {arguments.threads}; it must be at least 1")
    store = pack(named_photos(arguments.photos, "data pack"), arguments.out, threads=arguments.threads)
    print(f"{load_photos(store.path, minimum=1).report()}\ntrain from it: --photos {store.path}")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    import torch

    from srgan_lessons.processes import rank
    from srgan_lessons.training import Options, find_recipe, train
    from srgan_lessons.training.checkpoint import latest_checkpoint

    recipe = find_recipe(arguments.recipe)
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    settings = {name: given[name] for name in SETTINGS if name in given}
    options = {field.name: given[field.name] for field in dataclasses.fields(Options) if field.name in given}
    if arguments.threads is not None:
        if arguments.threads < 1:
            raise UserError(f"--threads is {arguments.threads}; it must be at least 1")
        torch.set_num_threads(arguments.threads)
    if arguments.within is not None:
        return _train_within(arguments, settings, options)
    if arguments.compact:
        raise UserError("--compact works only with --within. Without it, use --blocks 8 --channels 32.")
    recipe = recipe.change(**settings)
    run = Path(arguments.run or Path("runs") / recipe.name)
    there = latest_checkpoint(run) if rank() == 0 else None  # the other processes have no run folder
    if arguments.resume is True and not there and rank() == 0:
        raise UserError(f"there is no run in {run} to resume. Remove --resume to start one.")
    if arguments.resume is False and there:
        raise UserError(
            f"{run} holds a run, which --no-resume would overwrite. Choose another --folder, or delete {run}."
        )
    photos = named_photos(arguments.photos, recipe.name)
    result = train(recipe, photos, run=run, init=arguments.init, **options)
    return 0 if result.finished or arguments.minutes else 130


def _train_within(arguments: argparse.Namespace, settings: dict, options: dict) -> int:
    from srgan_lessons.training.planned import train_within

    photos = named_photos(arguments.photos, arguments.recipe)
    how = {name: getattr(arguments, name) for name in ("recipe", "compact", "init", "resume")} | options
    outcome = train_within(minutes=arguments.within, photos=photos, folder=arguments.run, settings=settings, **how)
    return 0 if outcome.finished or outcome.in_time else 130


def _evaluate(arguments: argparse.Namespace) -> int:
    from srgan_lessons.evaluation import evaluate

    table = evaluate(
        arguments.method,
        arguments.sets,
        arguments.protocol,
        device=arguments.device,
        stlpips=arguments.stlpips,
    )
    print(table.text)
    if arguments.json:
        table.write_json(arguments.json)
        print(f"per-image rows: {arguments.json}")
    return 0


def _upscale(arguments: argparse.Namespace) -> int:
    from srgan_lessons.images.formats import endings
    from srgan_lessons.processes import rank
    from srgan_lessons.upscaling import upscale_many
    from srgan_lessons.weights import shipped_weights

    weights = arguments.weights
    if weights is None:
        weights = next((name for name in ("srgan", "srresnet", "espcn") if name in shipped_weights()), None)
        if weights is None:
            raise UserError("this version comes without weights: give some with --weights")
        if rank() == 0:
            print(f"weights: {weights}")
    outcome = upscale_many(
        arguments.pictures,
        arguments.out,
        weights,
        device=arguments.device,
        precision=arguments.precision,
        overwrite=arguments.overwrite,
    )
    if rank() > 0:  # all know how all fared, and the main process says so
        return int(bool(outcome.failed))
    for path in outcome.written:
        print(path)
    if outcome.there:
        print(f"{len(outcome.there)} were there already and stay as they are; --overwrite makes them anew")
    if outcome.passed_over:
        print(f"files that are not pictures, by their ending, were not read: {endings(outcome.passed_over)}")
    for path, reason in outcome.failed.items():
        print(f"srgan-lessons: {path} was not enlarged: {reason}", file=sys.stderr)
    return int(bool(outcome.failed))


def _progress(arguments: argparse.Namespace) -> int:
    from srgan_lessons.classroom.gradebook import gradebook

    book = gradebook(arguments.files)
    if book.learners:
        print(book.text)
    for note in book.notes:
        print(note)
    for problem in book.problems:
        print(f"srgan-lessons: {problem}", file=sys.stderr)
    if arguments.csv and book.learners:
        book.write_csv(arguments.csv)
        print(f"a row for each learner and exercise: {arguments.csv}")
    return int(bool(book.problems))


def _export(arguments: argparse.Namespace) -> int:
    from srgan_lessons.export import export_onnx

    export_onnx(arguments.weights, arguments.out)
    print(arguments.out)
    return 0
