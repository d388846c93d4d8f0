"""Parts of tools/colab_check.sh: runs lessons in another environment, reads pip's plan, shares packages by links."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path


def run(python: str, lessons: list[str]) -> int:
    """Runs the notebooks of an installed wheel with that Python's kernel, each in an empty folder.

    The solutions edition is run with SRGAN_LESSONS_STRICT=1. Prints a line for each notebook, and returns how many
    failed.
    """
    import nbformat
    from kernels import sockets_in_files
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    sockets_in_files()
    with tempfile.TemporaryDirectory() as home:
        code = "import srgan_lessons; print(srgan_lessons.__path__[0])"
        done = subprocess.run([python, "-c", code], cwd=home, capture_output=True, text=True, check=True)
        notebooks = Path(done.stdout.strip()) / "notebooks"
        kernel = Path(home) / "kernels" / "elsewhere"
        kernel.mkdir(parents=True)
        # With frozen modules, the debugger would print warnings.
        command = [python, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "elsewhere", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec))
        os.environ["JUPYTER_PATH"] = home
        failed = 0
        files = sorted(notebooks.glob("[0-9][0-9]_*.ipynb")) + sorted(notebooks.glob("solutions/[0-9][0-9]_*.ipynb"))
        files = [file for file in files if not lessons or file.name[:2] in lessons]
        if not files:
            print(f"no lessons in {notebooks}", file=sys.stderr)
            return 1
        for file in files:
            name = file.relative_to(notebooks).with_suffix("").as_posix()
            node = nbformat.read(file, as_version=4)
            strict = "1" if file.parent.name == "solutions" else "0"
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as empty:
                client = NotebookClient(
                    node, timeout=600, kernel_name="elsewhere", resources={"metadata": {"path": empty}}
                )
                try:
                    client.execute(env=os.environ | {"SRGAN_LESSONS_STRICT": strict})
                    said = "passed"
                except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                    failed += 1
                    said = f"FAILED\n{str(error)[-2500:]}"
            print(f"{name:45} {time.monotonic() - started:5.0f} s  {said}", flush=True)
    print(f"{len(files) - failed} passed, {failed} failed")
    return failed


def plan(report: Path, only: list[str]) -> list[str]:
    """The packages that pip would install and that are not in `only`, as "name version"."""
    planned = [item["metadata"] for item in json.loads(report.read_text(encoding="utf-8"))["install"]]
    mine = {_normal(name) for name in only}
    return [f"{item['name']} {item['version']}" for item in planned if _normal(item["name"]) not in mine]


def link(names: list[str], environment: Path) -> list[str]:
    """Links packages of this Python, with their dependencies, into another environment. Returns their names.

    Each file is linked separately, in folders of the other environment: if pip later writes or removes something there,
    the files of this Python do not change.
    """
    from packaging.requirements import Requirement

    (target,) = environment.glob("lib/python*/site-packages")
    wanted, seen = [Requirement(name) for name in names], {}
    while wanted:
        need = wanted.pop()
        key = (_normal(need.name), frozenset(need.extras))
        if key in seen:
            continue
        seen[key] = found = metadata.distribution(need.name)
        for line in found.requires or []:
            new = Requirement(line)
            if new.marker is None or any(new.marker.evaluate({"extra": extra}) for extra in ("", *need.extras)):
                wanted.append(new)
    for found in seen.values():
        for file in found.files or []:
            source = Path(str(found.locate_file(file)))
            if ".." in file.parts or file.suffix == ".pyc" or (target / file).exists() or not source.exists():
                continue
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            (target / file).symlink_to(source)
    return sorted({name for name, _ in seen})


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    actions = parser.add_subparsers(required=True, dest="action")
    action = actions.add_parser("run")
    action.add_argument("python")
    action.add_argument("lessons", nargs="*")
    action = actions.add_parser("plan")
    action.add_argument("report", type=Path)
    action.add_argument("--only", nargs="+", required=True)
    action = actions.add_parser("link")
    action.add_argument("names", nargs="+")
    action.add_argument("--into", type=Path, required=True)
    chosen = parser.parse_args()
    if chosen.action == "run":
        return int(bool(run(chosen.python, chosen.lessons)))
    if chosen.action == "link":
        print("linked:", ", ".join(link(chosen.names, chosen.into)))
        return 0
    if more := plan(chosen.report, chosen.only):
        print("pip would also install or change:", ", ".join(more), file=sys.stderr)
        return 1
    print("pip's plan: no package of Colab's changes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
