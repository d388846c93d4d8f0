"""The command srgan-lessons study, and the start of JupyterLab, which rating and the lessons need."""

import argparse
import os
import sys
from pathlib import Path
from urllib.parse import quote

from srgan_lessons import UserError
from srgan_lessons.files import PACKAGE

# The settings of a study that `study new` can change.
STUDY_SETTINGS = {
    "dummies": int,
    "dummies_after_resume": int,
    "repeats": float,
    "gold": int,
    "minutes": float,
    "session_trials": int,
}


def add_study(commands: argparse._SubParsersAction) -> None:
    """Adds `study` with its actions to the parser."""
    command = commands.add_parser("study", help="an opinion study: make it, rate, merge the votes, report")
    actions = command.add_subparsers(required=True, metavar="ACTION")

    action = actions.add_parser("new", help="make the folder of a study")
    action.add_argument(
        "--images",
        required=True,
        metavar="DIR",
        help="a folder of HR pictures, or one with a folder of ready pictures for each method",
    )
    action.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="nearest, bicubic, hr, names of shipped weights, or NAME=FILE.safetensors; for ready pictures which of "
        "their folders to take (default: all)",
    )
    action.add_argument("--out", required=True, metavar="FOLDER", help="the study; it must not be there yet")
    action.add_argument("--paper", action="store_true", help="the paper's design, of ready pictures SET/METHOD/IMAGE")
    action.add_argument("--seed", type=int, default=0)
    action.add_argument("--protocol", choices=("acr", "acr-hr"), help="acr-hr (default) hides the HR picture too")
    action.add_argument("--title")
    action.add_argument("--anchors", metavar="DIR", help="HR pictures for the calibration, not among the rated ones")
    action.add_argument("--crop", type=int, metavar="PIXELS", help="show only the middle of each HR picture")
    action.add_argument("--device", help="cpu, cuda, ...")
    settings = action.add_argument_group("length of the study, and what is added to its pictures")
    for name, kind in STUDY_SETTINGS.items():
        settings.add_argument(f"--{name.replace('_', '-')}", type=kind)
    action.set_defaults(call=_study_new)

    action = actions.add_parser("rate", help="open a study for rating, in JupyterLab")
    action.add_argument("folder", metavar="FOLDER")
    action.add_argument("--no-browser", action="store_true", help="only start the server and print its address")
    action.set_defaults(call=_study_rate)

    action = actions.add_parser("merge", help="join the votes of a class")
    action.add_argument("files", nargs="+", metavar="FILES", help="files of votes (.jsonl), or folders of them")
    action.add_argument("--study", required=True, metavar="FOLDER")
    action.add_argument(
        "-o", "--out", required=True, metavar="FILE", help=".jsonl, .csv, or .json for the package sureal"
    )
    action.set_defaults(call=_study_merge)

    action = actions.add_parser("report", help="analyse the votes: a page, and tables as CSV")
    action.add_argument("folder", metavar="FOLDER", help="the study")
    action.add_argument("--votes", metavar="FILE", help="a file or folder of votes (default: those in the study)")
    action.add_argument("-o", "--out", metavar="FOLDER", help="where the report goes (default: report, in the study)")
    action.set_defaults(call=_study_report)

    action = actions.add_parser("power", help="how many raters it takes to show a difference, by simulation")
    action.add_argument("--differences", nargs="+", type=float, metavar="MOS")
    action.add_argument("--raters", nargs="+", type=int, metavar="COUNT")
    for name, kind in (("images", int), ("methods", int), ("mos", float), ("studies", int), ("seed", int)):
        action.add_argument(f"--{name}", type=kind)
    action.set_defaults(call=_study_power)


def _study_new(arguments: argparse.Namespace) -> int:
    from srgan_lessons.rating import Study

    given = {name: value for name, value in vars(arguments).items() if value is not None}
    options = {name: given[name] for name in (*STUDY_SETTINGS, "anchors", "seed") if name in given} | {"progress": True}
    more = {name: given[name] for name in ("protocol", "title", "crop", "device") if name in given}
    if arguments.paper:
        if arguments.methods or more:
            named = ["methods"] * bool(arguments.methods) + list(more)
            raise UserError(f"--paper fixes the design; leave out {', '.join(f'--{name}' for name in named)}.")
        study = Study.paper(arguments.images, arguments.out, **options)
    else:
        study = Study.create(arguments.images, _study_methods(arguments.methods), arguments.out, **options, **more)
    minutes = max(1, round(study.trials * 4 / 60))  # at four seconds a rating
    print(f"{study.folder}: {len(study.images)} images by {len(study.methods)} methods ({', '.join(study.methods)})")
    print(f"{study.trials} ratings a rater, about {minutes} minute{'' if minutes == 1 else 's'}")
    print(f"rate: srgan-lessons study rate {study.folder}, or open rate.ipynb in a copy of the folder")
    return 0


def _study_methods(names: list[str] | None) -> list[str] | dict[str, str] | None:
    """Names of methods as they are; where one is NAME=WEIGHTS, or a file, a mapping name -> weights."""
    if names is None or not any("=" in name or name.endswith(".safetensors") for name in names):
        return names
    weights = {}
    for given in names:
        name, _, value = given.rpartition("=")
        name = name or Path(given).stem
        if name in weights:
            raise UserError(f"two methods would be named {name}: give them names with NAME=FILE.safetensors.")
        weights[name] = value
    return weights


def _study_rate(arguments: argparse.Namespace) -> int:
    from srgan_lessons.rating import Study
    from srgan_lessons.rating.manifest import NOTEBOOK, write_notebook

    study = Study.open(arguments.folder)
    notebook = study.folder / NOTEBOOK
    return start_lab(notebook if notebook.exists() else write_notebook(study.folder), arguments.no_browser)


def _study_merge(arguments: argparse.Namespace) -> int:
    import warnings

    from srgan_lessons.rating import merge

    out = Path(arguments.out)
    if out.suffix not in (".jsonl", ".csv", ".json"):
        raise UserError(f"{out}: name a .jsonl file, a .csv file, or for sureal a .json file.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are in the report
        votes = merge(arguments.files, arguments.study)
    {".jsonl": votes.write, ".csv": votes.write_csv, ".json": votes.write_sureal}[out.suffix](out)
    print(votes.report())
    print(out)
    return int(bool(votes.problems))


def _study_report(arguments: argparse.Namespace) -> int:
    from srgan_lessons.rating.report import write_report

    print(write_report(arguments.folder, arguments.votes, arguments.out, progress=True))
    return 0


def _study_power(arguments: argparse.Namespace) -> int:
    from srgan_lessons.rating.power import power_table, power_text

    names = ("differences", "raters", "images", "methods", "mos", "studies", "seed")
    print(power_text(power_table(**{name: value for name in names if (value := getattr(arguments, name)) is not None})))
    return 0


def start_lab(target: Path, no_browser: bool) -> int:
    """Becomes JupyterLab, opened at a file or folder. Raises UserError where it is not installed."""
    import importlib.util

    if importlib.util.find_spec("jupyterlab") is None:
        raise UserError('JupyterLab is not installed: pip install "srgan-lessons[notebooks]"')
    command = [sys.executable, "-m", "jupyter", "lab", str(target)]
    if target.is_file():  # also where the address is only printed
        command.append(f"--LabApp.default_url=/lab/tree/{quote(target.name)}")
    if no_browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    # One more folder of settings, for this start alone: no question about news, the sources of the lessons hidden, and
    # no column of dates, so that the lessons' names are not cut off.
    folders = [str(PACKAGE / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, folders))
    sys.stdout.flush()
    os.execv(sys.executable, command)
