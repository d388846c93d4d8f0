"""The house in order: who imports whom, what an import costs, and what no file may name."""

import ast
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import srgan_lessons

PACKAGE = Path(srgan_lessons.__file__).parent
ROOT = PACKAGE.parent

# From the ground up. A room imports from its own floor and from those below.
FLOORS = (
    {"files", "download", "endings", "settings"},
    {"images"},
    {"weights", "vgg", "stlpips", "models", "folding", "resize", "precision", "device", "processes"},
    {"losses", "datasets", "metrics"},
    {"rating", "evaluation", "upscaling", "export", "training"},
    {"exercises"},
    {
        "classroom",
        "class_table",
        "cli",
        "cli_class",
        "cli_photos",
        "cli_settings",
        "cli_study",
        "cli_train",
        "doctor",
        "surroundings",
        "__main__",
    },
)
COMPILER = ("torch._dynamo", "sympy")
HEAVY = (
    "torchvision",
    "matplotlib",
    "ipywidgets",
    "pandas",
    "IPython",
    "jupyter",
    "jupyterlab",
    "scipy.stats",
    "statsmodels",
)
# What shows and analyses the opinion study; making it, leading raters through it and keeping votes needs none of them.
ANALYSIS = (
    "analysis",
    "intervals",
    "measures",
    "plots",
    "power",
    "report",
    "screening",
    "synthetic",
    "tables",
    "viewing",
    "widget",
)
# What serves it needs tornado, which comes with JupyterLab.
SERVING = ("server", "serving")
NEEDS_NOTEBOOKS = ("srgan_lessons.classroom", *(f"srgan_lessons.rating.{name}" for name in (*ANALYSIS, *SERVING)))


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of the whole package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, package: str) -> set[str]:
    """Dotted names of everything of this project that a file imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # from . import x
                above = package.split(".")
                base = ".".join([*above[: len(above) - node.level + 1], *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("srgan_lessons.")}


def floor(room: str) -> int:
    return next(k for k, rooms in enumerate(FLOORS) if room in rooms)


@cache
def rooms() -> dict[str, set[str]]:
    """Room -> the other rooms that it imports."""
    found: dict[str, set[str]] = {}
    known = {other.split(".")[1] for other in modules() if "." in other}
    for name, path in modules().items():
        if name == "srgan_lessons":
            continue
        room = name.split(".")[1]
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        others = {other.split(".")[1] for other in imported(path, package)} & known - {room}
        found[room] = found.get(room, set()) | others
    return found


def test_every_room_has_its_floor():
    assert set(rooms()) <= set().union(*FLOORS)
    assert {"cli", "training", "losses", "models", "images", "files"} <= set(rooms())


def test_no_room_imports_upwards():
    upwards = [f"{a} imports {b}" for a, others in rooms().items() for b in others if floor(b) > floor(a)]
    assert upwards == []


def test_the_reader_of_imports_sees_them_all(tmp_path):
    code = "import srgan_lessons.cli\ndef f():\n    from srgan_lessons import vgg\nfrom ..resize import imresize\n"
    (tmp_path / "x.py").write_text(code)
    found = imported(tmp_path / "x.py", "srgan_lessons.datasets")
    assert {"srgan_lessons.cli", "srgan_lessons.vgg", "srgan_lessons.resize"} <= found


def test_no_room_on_a_floor_goes_in_circles():
    graph = rooms()

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        new = graph.get(start, set()) - seen
        return goal in new or any(reaches(room, goal, seen | new) for room in new)

    assert [room for room in graph if reaches(room, room, set())] == []


def test_the_package_itself_imports_nothing():
    """But for type checkers, and, when a name is asked for, its room."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (types,) = (node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(types.test) == "TYPE_CHECKING"
    tree.body.remove(types)
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert modules == ["typing", "importlib"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@cache
def interpreter() -> tuple[str, str]:
    """Of a fresh interpreter: what enlarging imports of COMPILER, then what all modules import of HEAVY."""
    names = [name for name in modules() if not name.startswith(NEEDS_NOTEBOOKS) and "__main__" not in name]
    assert "srgan_lessons.training.loop" in names
    code = "import sys, numpy, torch, skimage.data, skimage.io, srgan_lessons as sl; before = set(sys.modules)\n"
    code += "sl.upscale(numpy.zeros((4, 4, 3), 'uint8'), 'srgan')\n"
    code += f"compiler = [n for n in {COMPILER} if n in sys.modules]\n"
    code += f"import {', '.join(names)}\n"
    code += f"print(compiler, [n for n in {HEAVY} if n in sys.modules and n not in before], sep='; ')"
    compiler, heavy = python(code).split("; ")
    return compiler, heavy


def test_nothing_heavy_is_imported_without_need():
    """A bare GPU box can train: no plotting, no notebook, no statistics but what torch and scikit-image bring along."""
    assert interpreter()[1] == "[]"


def test_only_the_packages_that_are_asked_for_are_imported_at_the_top():
    """Of the code that must run everywhere: torch, numpy, pillow, scikit-image, and three small ones."""
    allowed = {"torch", "numpy", "PIL", "skimage", "tqdm", "safetensors", "filelock", "srgan_lessons"}
    strangers = []
    for name, path in modules().items():
        if name.startswith(NEEDS_NOTEBOOKS):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                tops = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops = {(node.module or "srgan_lessons").split(".")[0]}
            else:
                continue
            strangers += [f"{name}: {top}" for top in tops - allowed - set(sys.stdlib_module_names)]
    assert strangers == []


def test_the_import_costs_little():
    code = "import time; start = time.perf_counter(); import srgan_lessons; print(time.perf_counter() - start)"
    assert any(float(python(code)) <= 0.3 for _ in range(4))  # the best of several: a busy machine may be slow once


def test_enlarging_a_picture_does_not_import_torch_s_compiler():
    """Importing it takes as long as torch itself. Training needs it: torch's optimisers import it.

    Its algebra, sympy, would come with `to_empty` alone.
    """
    assert interpreter()[0] == "[]"


def test_the_command_s_parser_needs_no_torch():
    """`srgan-lessons --help` answers at once."""
    code = "import sys; from srgan_lessons.cli import _parser; _parser().format_help(); print('torch' in sys.modules)"
    assert python(code) == "False"


@cache
def project_files() -> list[Path]:
    """All files of the project: what git tracks, and what it does not ignore."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: its files cannot be told from others")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    files = [ROOT / os.fsdecode(name) for name in names if name]
    return [path for path in files if path.is_file() and not path.is_symlink()]


def test_git_keeps_every_module():
    kept = set(project_files())
    assert [name for name, path in modules().items() if path not in kept] == []


REGISTRIES = [
    "".join(parts)
    for parts in (
        ("pypi.", "org"), ("pypi.", "python.org"), ("files.python", "hosted"), ("download.py", "torch"),
        ("conda.ana", "conda"), ("repo.ana", "conda"), ("ana", "conda.org"), ("whl/", "cpu"), ("npm", "js.org"),
    )
]  # fmt: skip
WORKPLACE = ["".join(parts) for parts in (("/wo", "rk/"), ("../sha", "red"), ("/root", "/"), ("/tmp/b", "rief"))]
TEXT = {".py", ".md", ".ipynb", ".toml", ".txt", ".yml", ".yaml", ".json", ".csv", ".cfg", ".html", ".js", ".css", ""}


def test_no_file_names_a_registry_or_a_workplace():
    """Packages come from where each machine has them, and nothing points at the machine it was written on."""
    found = []
    for path in project_files():
        if path.suffix not in TEXT:
            continue
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            # .ci/run looks for benchmark sets beside the checkout
            patterns = REGISTRIES if name == ".ci/run" else REGISTRIES + WORKPLACE
            found += [f"{name}:{number}: {pattern}" for pattern in patterns if pattern in line]
    assert found == []


def test_whatever_the_type_checker_ignores_has_a_reason():
    ignored = [
        (name, line)
        for name, path in modules().items()
        for line in path.read_text(encoding="utf-8").splitlines()
        if "# type: ignore" in line
    ]
    assert [one for one in ignored if not re.search(r"# type: ignore\[[\w, -]+\]  # \w", one[1])] == []
    assert ignored


def test_no_module_grows_out_of_hand():
    """A room is split when it passes about 400 lines; an exercise has one file, which stays small."""
    long = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    most = {name: 300 if name.startswith("srgan_lessons.exercises.") else 480 for name in long}
    assert {name: count for name, count in long.items() if count > most[name]} == {}
