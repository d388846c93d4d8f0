"""The command srgan-lessons study, and how JupyterLab is started for rating and for the lessons."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import quote

from srgan_lessons import UserError
from srgan_lessons.cli_settings import add_device
from srgan_lessons.files import PACKAGE, counted, plural, typed

if TYPE_CHECKING:
    from srgan_lessons.rating import Study

# The settings of a study that `study new` can change: type, unit, what it is. Defaults: rating.manifest.Settings.
STUDY_SETTINGS: dict[str, tuple[type, str, str]] = {
    "dummies": (int, "COUNT", "pictures to warm up with, whose ratings do not count (default: 5)"),
    "dummies_after_resume": (int, "COUNT", "the same after a break (default: 3)"),
    "repeats": (float, "SHARE", "share of the pictures that are shown twice, for consistency (default: 0.1)"),
    "gold": (
        int,
        "COUNT",
        "pictures with an obvious answer, to detect careless clicking (default: one in 20, at least 2)",
    ),
    "minutes": (float, "MINUTES", "length of a session, before a break; at most 30 (default: 25)"),
    "session_trials": (int, "COUNT", "length of a session in pictures, if this limit comes first (default: no limit)"),
}

# The settings of `study power`. Defaults: rating.power.power_table.
POWER_SETTINGS: dict[str, tuple[type, str, str]] = {
    "images": (int, "COUNT", "photos in the study (default: 20)"),
    "methods": (int, "COUNT", "methods that are compared with each other (default: 2)"),
    "mos": (float, "MOS", "mean of the two methods' true MOS (default: 3)"),
    "studies": (int, "COUNT", "studies to simulate for each row (default: 200)"),
    "seed": (int, "NUMBER", "seed of the simulation (default: 0)"),
}


def add_study(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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
        help="nearest, bicubic, hr, names of shipped weights, or NAME=FILE.safetensors; for ready pictures, which of "
        "their folders to use (default: all)",
    )
    action.add_argument("--out", required=True, metavar="FOLDER", help="the study; it must not exist yet")
    action.add_argument(
        "--paper", action="store_true", help="the paper's design, from ready pictures SET/METHOD/IMAGE (default: no)"
    )
    action.add_argument("--seed", type=int, default=0, metavar="NUMBER", help="seed of the picture orders (default: 0)")
    action.add_argument(
        "--protocol",
        choices=("acr", "acr-hr"),
        help="acr-hr hides the HR picture among those that are rated (default: acr-hr)",
    )
    action.add_argument("--title", metavar="TITLE", help="the title that raters see (default: its folder's name)")
    action.add_argument(
        "--anchors",
        metavar="DIR",
        help="HR pictures for the calibration, which are not rated (default: photos of scikit-image)",
    )
    action.add_argument(
        "--crop", type=int, metavar="PIXELS", help="show only the middle of each HR picture (default: all of it)"
    )
    add_device(action)
    settings = action.add_argument_group("length of the study, and what is added to its pictures")
    for name, (kind, unit, text) in STUDY_SETTINGS.items():
        settings.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=unit, help=text)
    action.set_defaults(call=_study_new)

    action = actions.add_parser("serve", help="let a class rate through a link; every vote is saved at once")
    action.add_argument("folder", metavar="FOLDER", help="the study")
    action.add_argument(
        "--port",
        type=int,
        metavar="PORT",
        help="port for raters (default: 8765); the instructor's page is on the next one",
    )
    action.add_argument(
        "--screens", choices=("any", "large"), help="large: refuse phones and windows that are too small (default: any)"
    )
    action.add_argument("--most", type=int, metavar="COUNT", help="how many raters may join (default: 200)")
    action.add_argument(
        "--name",
        nargs="+",
        metavar="HOST",
        help="further names of this machine, or a tunnel's address, https://... (default: none)",
    )
    action.add_argument(
        "--instructor-everywhere",
        action="store_true",
        help="open the instructor's page to other machines, too (default: only this one)",
    )
    action.set_defaults(call=_study_serve)

    action = actions.add_parser("rate", help="rate a study alone, on this machine, in the browser")
    action.add_argument("folder", metavar="FOLDER", help="the study")
    action.add_argument("--no-browser", action="store_true", help="only print the address of the page (default: no)")
    action.set_defaults(call=_study_rate)

    action = actions.add_parser("merge", help="join the votes of a class")
    action.add_argument("files", nargs="+", metavar="FILES", help="vote files (.jsonl), or folders of them")
    action.add_argument("--study", required=True, metavar="FOLDER", help="the study that the votes belong to")
    action.add_argument(
        "-o", "--out", required=True, metavar="FILE", help=".jsonl, .csv, or .json for the package sureal"
    )
    action.set_defaults(call=_study_merge)

    action = actions.add_parser("report", help="analyse the votes: a page, and tables as CSV")
    action.add_argument("folder", metavar="FOLDER", help="the study")
    action.add_argument("--votes", metavar="FILE", help="a file or folder of votes (default: those in the study)")
    action.add_argument("-o", "--out", metavar="FOLDER", help="where the report goes (default: report, in the study)")
    action.add_argument(
        "--exclude", nargs="+", metavar="NAME", help="raters to leave out; the report names them (default: none)"
    )
    action.add_argument(
        "--no-screening", action="store_true", help="keep everybody; the checks are still reported (default: no)"
    )
    action.set_defaults(call=_study_report)

    action = actions.add_parser("power", help="simulate how many raters are needed to show a difference")
    action.add_argument(
        "--differences",
        nargs="+",
        type=float,
        metavar="MOS",
        help="differences of MOS to look for (default: 0.1 0.2 0.3 0.5)",
    )
    action.add_argument(
        "--raters", nargs="+", type=int, metavar="COUNT", help="numbers of raters to try (default: 5 10 15 20 26 35 50)"
    )
    for name, (kind, unit, text) in POWER_SETTINGS.items():
        action.add_argument(f"--{name}", type=kind, metavar=unit, help=text)
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
    announce(study)
    return 0


def announce(study: "Study") -> None:
    """Measures a new study's pictures, and prints its size, the minutes per rater, and a warning if it is too small."""
    from srgan_lessons.rating.measures import kept

    kept(study, progress=True)  # now, while nobody waits for the report
    minutes = max(1, round(study.minutes))
    size = f"{counted(len(study.images), 'image')} by {counted(len(study.methods), 'method')}"
    print(f"{study.folder}: {size} ({', '.join(study.methods)})")
    print(
        f"{counted(study.pictures, 'picture')} per rater, about {counted(minutes, 'minute')}; {study.trials} of the "
        f"ratings {plural(study.trials, 'counts', 'count')}, the others are for training and warming up"
    )
    if warning := _too_few(study):
        print(warning)
    print(f"next: srgan-lessons study serve {typed(study.folder)}, for a class; or study rate, for yourself")


def _too_few(study: "Study") -> str:
    """A warning if there are too few photos to show any difference; otherwise "".

    The smallest two-sided p of Wilcoxon's test on n photos is 2 / 2^n; Holm multiplies it by the number of pairs.
    """
    photos, methods = len(study.images), len(study.methods)
    pairs = methods * (methods - 1) // 2
    if not pairs or pairs * 2 / 2**photos < 0.05:
        return ""
    needed = next(n for n in range(photos, 64) if pairs * 2 / 2**n < 0.05)
    return (
        f"too few photos: with {photos}, no number of raters can show a difference between {methods} methods. Take at "
        f"least {needed}; 20 photos by 4 methods are 92 ratings per rater, about 7 minutes"
    )


def _study_methods(names: list[str] | None) -> list[str] | dict[str, str] | None:
    """The names of methods as they are, or a mapping name -> weights if one of them is NAME=WEIGHTS or a file."""
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


def _study_serve(arguments: argparse.Namespace) -> int:
    serving = _serving()
    given = {name: value for name in ("port", "screens", "most") if (value := getattr(arguments, name)) is not None}
    everywhere = arguments.instructor_everywhere
    return serving.serve(arguments.folder, names=arguments.name or (), instructor_everywhere=everywhere, **given)


def _study_rate(arguments: argparse.Namespace) -> int:
    return _serving().rate(arguments.folder, browser=not arguments.no_browser)


def _serving() -> ModuleType:
    """The module that serves. Raises UserError if tornado, which comes with JupyterLab, is not installed."""
    try:
        from srgan_lessons.rating import serving
    except ModuleNotFoundError as error:
        if error.name != "tornado":
            raise
        raise UserError('tornado is not installed: pip install "srgan-lessons[notebooks]"') from None
    return serving


def _study_merge(arguments: argparse.Namespace) -> int:
    import warnings

    from srgan_lessons.datasets.catalogue import some
    from srgan_lessons.rating import Study, Votes, merge

    out = Path(arguments.out)
    if out.suffix not in (".jsonl", ".csv", ".json"):
        raise UserError(f"{out}: name a .jsonl file, a .csv file, or for sureal a .json file.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the report contains them
        votes = merge(arguments.files, arguments.study)
        served = Study.open(arguments.study).votes_folder
        there = Votes.read(served).raters if any(served.glob("*.jsonl")) else []
    {".jsonl": votes.write, ".csv": votes.write_csv, ".json": votes.write_sureal}[out.suffix](out)
    print(votes.report())
    if missing := [rater for rater in there if rater not in votes.raters]:
        raters = f"{counted(len(missing), 'rater')} in {served}: {some(missing)}"
        print(f"not joined: {raters}. To join them as well, name this folder, too.")
    print(out)
    return int(bool(votes.problems))


def _study_report(arguments: argparse.Namespace) -> int:
    from srgan_lessons.rating.report import write_report

    screening, exclude = not arguments.no_screening, arguments.exclude or ()
    how = {"progress": True, "screening": screening}
    print(write_report(arguments.folder, arguments.votes, arguments.out, exclude=exclude, **how))
    return 0


def _study_power(arguments: argparse.Namespace) -> int:
    from srgan_lessons.rating.power import power_table, power_text

    names = ("differences", "raters", "images", "methods", "mos", "studies", "seed")
    print(power_text(power_table(**{name: value for name in names if (value := getattr(arguments, name)) is not None})))
    return 0


def start_lab(target: Path, no_browser: bool) -> int:
    """Replaces this process with JupyterLab, opened at a file or folder. Raises UserError if it is not installed."""
    import importlib.util

    if importlib.util.find_spec("jupyterlab") is None:
        raise UserError('JupyterLab is not installed: pip install "srgan-lessons[notebooks]"')
    command = [sys.executable, "-m", "jupyter", "lab", str(target)]
    if target.is_file():  # also if the address is only printed
        command.append(f"--LabApp.default_url=/lab/tree/{quote(target.name)}")
    if no_browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    # For this start only, JupyterLab gets one more folder of settings. It asks no question about news, hides the
    # sources of the lessons, and shows no column of dates, so that the lessons' names are not cut off.
    folders = [str(PACKAGE / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, folders))
    sys.stdout.flush()
    if os.name == "nt":  # there, exec returns to the shell at once, and both would read the keyboard
        return subprocess.call(command)
    os.execv(sys.executable, command)
