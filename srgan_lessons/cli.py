"""The command srgan-lessons. Each subcommand calls one public function of a room; nothing is decided here."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from srgan_lessons import UserError, __version__
from srgan_lessons.cli_class import add_class
from srgan_lessons.cli_photos import SAMPLES, named_photos
from srgan_lessons.cli_settings import add_device, add_threads, check_threads, default_weights, weights_text
from srgan_lessons.cli_study import add_study, start_lab
from srgan_lessons.cli_train import add_train
from srgan_lessons.endings import ended_by_signals, flush, printable
from srgan_lessons.files import counted, explain_os_error, typed

NO_MEMORY = (
    "this needs more memory than there is. Close other programs, or do less at once: smaller or fewer pictures, a "
    "smaller --batch or --crop."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line. Returns the exit status: 0 if all is done, 1 if only a part is, 2 after a mistake.

    A message explains the mistake.
    """
    with ended_by_signals(), printable():
        try:
            given = [_at_home(word) for word in (sys.argv[1:] if argv is None else argv)]
            if any(word == "" or (word.startswith("--") and word.endswith("=")) for word in given):
                # as a path, it would mean the working folder; as an option's value, that the option is not given
                raise UserError("one of the arguments is empty. Perhaps a variable in the command line has no value.")
            arguments = _parser().parse_args(given)
            status: int = arguments.call(arguments)
            return status
        except UserError as error:
            if not error.told:
                print(f"srgan-lessons: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("srgan-lessons: stopped", file=sys.stderr)
            return 130
        except BrokenPipeError:  # `| head -1` has read enough
            return 128 + 13  # as a shell reports a program ended by SIGPIPE
        except OSError as error:  # a disk or a folder changed in the meantime
            print(f"srgan-lessons: {explain_os_error(error)}", file=sys.stderr)
            return 2
        except (MemoryError, RuntimeError, ImportError) as error:
            # What torch, the system's loader, and Python say if there is no memory, not even for a thread
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


def _at_home(word: str) -> str:
    """~/results and --out=~/results in full. Shells do this only to words that begin with ~, and that of Windows never.

    Otherwise a folder named ~ would be made.
    """
    option, sign, value = word.rpartition("=")
    return option + sign + os.path.expanduser(value)


class _Once(argparse._StoreAction):
    """Refuses an option with several values that is given twice: argparse would silently drop the first values."""

    given = False

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if option and isinstance(values, list) and self.given:
            raise argparse.ArgumentError(self, f"given twice. Give it once, with all its values: {option} A B")
        self.given = True
        super().__call__(parser, namespace, values, option)


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        for name in (None, "store"):
            self.register("action", name, _Once)


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="srgan-lessons", description="From a photo to a trained SRGAN: the tools of the course."
    )
    parser.add_argument("--version", action="version", version=f"srgan-lessons {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("doctor", help="show what this machine has and what is missing")
    command.set_defaults(call=_doctor)

    command = commands.add_parser("lab", help="open the lessons in JupyterLab")
    command.add_argument(
        "--edition", choices=("student", "solutions"), default="student", help="which notebooks (default: student)"
    )
    command.add_argument(
        "--no-browser", action="store_true", help="only start the server and print its address (default: no)"
    )
    command.set_defaults(call=_lab)

    command = commands.add_parser("data", help="list, get, verify and pack the data sets")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser("list", help="show which sets exist and how much of each is here")
    action.set_defaults(call=_data_list)
    for name, text in (
        ("get", "download the missing files of a set and verify them"),
        ("verify", "compare the files on disk with the catalogue, or the pixels of a photo store with its index"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("sets", nargs="+", metavar="SET", help="names, as `data list` shows them")
        action.set_defaults(call=_data_check, action=name)
    action = actions.add_parser("pack", help="decode photos once into a store, for sets that do not fit into memory")
    action.add_argument("photos", nargs="+", metavar="PHOTOS", help="folders of pictures, or names of training sets")
    action.add_argument("-o", "--out", required=True, metavar="FILE.store", help="the store to write")
    add_threads(action)
    action.set_defaults(call=_data_pack)

    add_train(commands)

    command = commands.add_parser("evaluate", help="measure a method on benchmark sets")
    command.add_argument(
        "method",
        metavar="METHOD",
        help=f"bicubic, nearest, a folder of enlarged pictures, {weights_text()}",
    )
    command.add_argument(
        "--sets",
        nargs="+",
        default=["Set5", "Set14", "BSD100"],
        metavar="SET",
        help="benchmark sets, or folders of your own in the data folder (default: Set5 Set14 BSD100)",
    )
    command.add_argument(
        "--protocol",
        choices=("community", "paper", "both"),
        default="community",
        help="how PSNR and SSIM are measured (default: community, as most papers do)",
    )
    command.add_argument(
        "--stlpips", action="store_true", help="add the perceptual metric ST-LPIPS (AlexNet) (default: no)"
    )
    command.add_argument("--json", metavar="FILE", help="also write the table, with a row for each image (default: no)")
    add_device(command)
    command.set_defaults(call=_evaluate)

    command = commands.add_parser("upscale", help="enlarge pictures by a factor of four")
    command.add_argument("pictures", nargs="+", metavar="PICTURE", help="files, or folders of pictures")
    command.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help="a folder, or a file for a single picture (default: beside each picture; photo.jpg becomes photo_x4.png)",
    )
    more = f"; also bicubic, nearest (default: {default_weights()})"
    command.add_argument("--weights", metavar="WEIGHTS", help=weights_text(more))
    add_device(command)
    command.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="bf16 is faster, with nearly the same picture (default: fp32)",
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace results that already exist (default: keep them)"
    )
    command.set_defaults(call=_upscale)

    add_study(commands)
    add_class(commands)

    command = commands.add_parser("progress", help="a table of a class's progress, from the files of its learners")
    command.add_argument(
        "files", nargs="+", metavar="FILES", help='files that progress(export="anna.json") wrote, or folders of them'
    )
    command.add_argument("--csv", metavar="FILE", help="also write a row for each learner and exercise (default: no)")
    command.set_defaults(call=_progress)

    command = commands.add_parser("export", help="write a network as ONNX")
    command.add_argument("weights", metavar="WEIGHTS", help=weights_text())
    command.add_argument("-o", "--out", required=True, metavar="FILE.onnx", help="the file to write")
    command.set_defaults(call=_export)

    command = commands.add_parser(
        "completion", help="print a script that completes commands and options with the Tab key"
    )
    command.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="your shell")
    command.set_defaults(call=_completion)
    return parser


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
        print(f"srgan-lessons: {folder} cannot be written: to keep work, copy it to your own folder", file=sys.stderr)
    first = min(folder.glob("00_*.ipynb"), key=lambda path: len(path.name), default=folder)  # a copy has a longer name
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

    check = datasets.get if arguments.action == "get" else datasets.verify
    for name in arguments.sets:  # a mistyped name stops this before any work
        if not name.endswith(".store"):
            datasets.find(name)
    passed = []
    for name in arguments.sets:
        if arguments.action == "verify" and name.endswith(".store"):
            passed.append(_verify_store(name))
            continue
        result = check(name)
        print(result.report())
        passed.append(result.passed)
    return int(not all(passed))


def _verify_store(path: str) -> bool:
    """Prints what is damaged in a photo store; returns whether nothing is."""
    from srgan_lessons.datasets import open_store

    store = open_store(path)
    damaged = store.damaged()
    print(
        f"{path}: unchanged since they were packed: {len(store.images) - len(damaged)} of "
        + counted(len(store.images), "picture")
    )
    if damaged:
        again = f"srgan-lessons data pack FOLDERS -o {typed(path)}"
        print(f"  damaged: {', '.join(damaged[:10])}\n  Remove the store, and pack it again: {again}")
    return not damaged


def _data_pack(arguments: argparse.Namespace) -> int:
    from srgan_lessons.datasets import load_photos, pack

    if arguments.photos == [SAMPLES]:
        raise UserError(f"{SAMPLES} need no store: they are small and come with scikit-image")
    check_threads(arguments.threads)
    store = pack(named_photos(arguments.photos, "data pack"), arguments.out, threads=arguments.threads)
    print(f"{load_photos(store.path, minimum=1).report()}\ntrain from it: --photos {typed(store.path)}")
    return 0


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

    weights = arguments.weights
    if weights is None:
        weights = default_weights()
        if weights is None:
            raise UserError("this version comes without weights: name some with --weights")
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
    if rank() > 0:  # all processes know all results; the main process prints them
        return int(bool(outcome.failed))
    for path in outcome.written:
        print(path)
    if outcome.there:
        print(f"kept {len(outcome.there)} that already existed; --overwrite replaces them")
    if outcome.passed_over:
        print(f"files whose endings are not those of pictures were not read: {endings(outcome.passed_over)}")
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


def _completion(arguments: argparse.Namespace) -> int:
    try:
        import shtab
    except ModuleNotFoundError:
        raise UserError(
            'shtab, which writes the script, is not installed: pip install "srgan-lessons[completion]"'
        ) from None
    parser = _parser()
    for action in _all_actions(parser):
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        if metavar.startswith(("FILE", "PICTURE", "PLAN", "WEIGHTS", "PHOTOS", "OUT", "METHOD")):
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # which shtab looks for
        elif metavar in ("DIR", "FOLDER"):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # likewise
    print(shtab.complete(parser, arguments.shell))
    return 0


def _all_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of all its subcommands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _all_actions(subparser)
