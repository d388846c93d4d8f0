"""The command srgan-lessons class: a class's own Table 1."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from srgan_lessons.cli_photos import SAMPLES, named_photos
from srgan_lessons.cli_settings import add_device
from srgan_lessons.cli_study import announce
from srgan_lessons.files import typed

if TYPE_CHECKING:
    from srgan_lessons.class_table.returned import Collected


def add_class(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `class` with its actions to the parser."""
    command = commands.add_parser("class", help="a class's own Table 1: hand out its cells, collect them, measure")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    photos = f"folders of pictures, names of training sets (BSDS500, ...), or {SAMPLES}"

    action = actions.add_parser("new", help="make the plan that everybody gets")
    action.add_argument("--groups", nargs="+", required=True, metavar="GROUP", help="number of groups, or their names")
    action.add_argument("--photos", nargs="+", required=True, metavar="PHOTOS", help=photos)
    time = action.add_mutually_exclusive_group(required=True)
    time.add_argument(
        "--minutes",
        type=float,
        metavar="MINUTES",
        help="time for the slowest cell on this machine; its speed is measured",
    )
    time.add_argument(
        "--updates", type=int, nargs=2, metavar=("FIRST", "OWN"), help="updates of SRResNet, and of the cell"
    )
    action.add_argument(
        "--cells",
        nargs="+",
        metavar="CELL",
        help="one for each group: content:weight, or content:weight:scratch; for example offline:1e-3 mse:0 "
        "(default: chosen for the number of groups)",
    )
    action.add_argument(
        "--vgg", action="store_true", help="content losses with VGG19, whose weights are downloaded (default: no)"
    )
    action.add_argument(
        "--compact", action="store_true", help="8 blocks, 32 maps, batches of 8: for laptops (default: no)"
    )
    add_device(action)
    for name, unit, text in (
        ("blocks", "BLOCKS", "residual blocks of the generator (default: 16, with --compact 8)"),
        ("channels", "MAPS", "feature maps (default: 64, with --compact 32)"),
        ("batch", "CROPS", "crops per update (default: 16, with --compact 8)"),
        ("crop", "PIXELS", "height and width of an HR crop, a multiple of 16 (default: 96)"),
    ):
        action.add_argument(f"--{name}", type=int, metavar=unit, help=text)
    action.add_argument("--out", default="class.json", metavar="FILE", help="the plan (default: class.json)")
    action.set_defaults(call=_new)

    action = actions.add_parser("more", help="add groups to the plan, for example with further seeds")
    action.add_argument("plan", metavar="PLAN", help="the plan so far")
    action.add_argument("--groups", nargs="+", required=True, metavar="GROUP", help="names of the new groups")
    action.add_argument("--cells", nargs="+", required=True, metavar="CELL", help="one for each new group")
    action.add_argument("--out", required=True, metavar="FILE", help="the longer plan")
    action.set_defaults(call=_more)

    action = actions.add_parser("train", help="train a group's cell and pack it; continues where it stopped")
    action.add_argument("plan", metavar="PLAN", help="the file that everybody got")
    action.add_argument("--group", required=True, metavar="GROUP", help="its name in the plan")
    action.add_argument("--photos", nargs="+", required=True, metavar="PHOTOS", help=photos)
    action.add_argument("--folder", metavar="FOLDER", help="folder of the run (default: runs/class-GROUP)")
    add_device(action)
    action.add_argument("-o", "--out", metavar="FILE", help="the file to hand in (default: group-GROUP.zip)")
    action.set_defaults(call=_train)

    def returned(name: str, text: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=text)
        action.add_argument("files", nargs="+", metavar="FILES", help="files that groups handed in, or folders of them")
        action.add_argument("--plan", default="class.json", metavar="PLAN", help="the plan (default: class.json)")
        return action

    returned("check", "check what came back: which recipe, how many updates, which photos").set_defaults(call=_check)

    action = returned("study", "make the opinion study of the class's networks")
    action.add_argument("--images", required=True, metavar="DIR", help="a folder of HR pictures that nobody has seen")
    action.add_argument("--out", required=True, metavar="FOLDER", help="the study; it must not exist yet")
    action.add_argument(
        "--crop", type=int, metavar="PIXELS", help="show only the middle of each HR picture (default: all of it)"
    )
    action.add_argument("--seed", type=int, default=0, metavar="NUMBER", help="seed of the picture orders (default: 0)")
    action.set_defaults(call=_study)

    action = returned("table", "measure all cells, and print the class's table beside the paper's")
    action.add_argument(
        "--sets", nargs="+", default=["Set5", "Set14"], metavar="SET", help="benchmark sets (default: Set5 Set14)"
    )
    action.add_argument(
        "--kept", default="measured", metavar="FOLDER", help="folder of the measurements (default: measured)"
    )
    action.add_argument(
        "--votes",
        nargs="+",
        metavar="FILES",
        help="votes on the class's study, for a column of MOS (default: no votes)",
    )
    action.add_argument("--study", metavar="FOLDER", help="the class's study, with --votes (default: none)")
    action.add_argument("--csv", metavar="FILE", help="also write a row for each cell, set and protocol (default: no)")
    add_device(action)
    action.set_defaults(call=_table)


def _new(arguments: argparse.Namespace) -> int:
    from srgan_lessons.class_table.handout import hand_out
    from srgan_lessons.datasets import load_photos
    from srgan_lessons.training import Options

    names = arguments.groups
    groups = int(names[0]) if len(names) == 1 and names[0].isdecimal() else names
    settings = {
        n: value for n in ("blocks", "channels", "batch", "crop") if (value := getattr(arguments, n)) is not None
    }
    handout = hand_out(
        groups,
        load_photos(named_photos(arguments.photos, "a class"), minimum=settings.get("crop", 96)),
        minutes=arguments.minutes,
        updates=arguments.updates and tuple(arguments.updates),
        cells=arguments.cells,
        compact=arguments.compact,
        vgg=arguments.vgg,
        source=", ".join(arguments.photos),
        options=Options(device=arguments.device),
        **settings,
    )
    handout.write(arguments.out)
    print(handout)
    print(f"{arguments.out} is for everybody. A group trains:")
    print(f"  srgan-lessons class train {typed(arguments.out)} --group NAME --photos {typed(*arguments.photos)}")
    return 0


def _more(arguments: argparse.Namespace) -> int:
    from srgan_lessons.class_table.handout import read_handout

    handout = read_handout(arguments.plan).more(arguments.groups, arguments.cells)
    handout.write(arguments.out)
    print(handout)
    print(f"{arguments.out} replaces {arguments.plan}; files that were handed in before stay valid")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from srgan_lessons.class_table.handout import read_handout
    from srgan_lessons.class_table.homework import pack, train_cell
    from srgan_lessons.datasets import load_photos

    handout = read_handout(arguments.plan)
    crop = handout.recipes(arguments.group)[-1].crop
    photos = load_photos(named_photos(arguments.photos, "a class"), minimum=crop)
    folder = Path(arguments.folder or Path("runs") / f"class-{arguments.group}")
    outcome = train_cell(handout, arguments.group, photos, folder, device=arguments.device)
    if not outcome.finished:
        print("stopped: the same command continues", file=sys.stderr)
        return 130
    print(pack(handout, arguments.group, outcome, photos, arguments.out or f"group-{arguments.group}.zip"))
    return 0


def _collected(arguments: argparse.Namespace) -> "Collected":
    from srgan_lessons.class_table.handout import read_handout
    from srgan_lessons.class_table.returned import collect

    collected = collect(read_handout(arguments.plan), arguments.files)
    print(collected)
    return collected


def _check(arguments: argparse.Namespace) -> int:
    return int(bool(_collected(arguments).problems))


def _study(arguments: argparse.Namespace) -> int:
    from srgan_lessons.class_table.measuring import make_study

    collected = _collected(arguments)
    study = make_study(
        collected, arguments.images, arguments.out, crop=arguments.crop, seed=arguments.seed, progress=True
    )
    announce(study)
    return int(bool(collected.problems))


def _table(arguments: argparse.Namespace) -> int:
    from srgan_lessons import UserError
    from srgan_lessons.class_table.measuring import measure_all
    from srgan_lessons.class_table.report import class_table, read_opinions

    if (arguments.votes is None) != (arguments.study is None):
        raise UserError("--votes and --study belong together: the votes, and the study in which they were given")
    collected = _collected(arguments)
    opinions = read_opinions(arguments.votes, arguments.study) if arguments.votes else None
    say = partial(print, "measuring", file=sys.stderr, flush=True)
    methods = measure_all(collected, arguments.sets, kept=arguments.kept, device=arguments.device, say=say)
    table = class_table(collected.handout, methods, arguments.sets, opinions)
    print(f"\n{table}")
    if arguments.csv:
        table.write_csv(arguments.csv)
        print(f"a row for each cell, set and protocol: {arguments.csv}")
    return int(bool(collected.problems))
