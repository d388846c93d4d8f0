"""The repository's own files are true: versions agree, documents name what there is, the wheel holds what it must."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections import Counter
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from PIL import Image

import srgan_lessons
from srgan_lessons.cli import SAMPLES, _parser
from srgan_lessons.datasets import catalogue
from srgan_lessons.surroundings import PLACES
from srgan_lessons.training import RECIPES

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "srgan_lessons"
FRONT = ROOT / "docs" / "figures" / "front"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
# The repository of these tests is a checkout; tests do not travel in the wheel.
IN_CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def requirements(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for, by canonical name, without the extras' references to each other."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one for one in found if one.name != PROJECT["name"]}


# --- versions --------------------------------------------------------------------------------------------------------


def test_the_versions_agree():
    version = srgan_lessons.__version__
    assert str(Version(version)) == version
    headings = re.findall(r"^## \[(.+?)\]", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[headings[0] == "Unreleased"] == version  # what is not released yet stands above it


def test_pyproject_has_floors_and_no_pins():
    for name, one in requirements(*EXTRAS).items():
        operators = [part.operator for part in one.specifier]
        assert operators in ([">="], []), f"{name}: {one}"
        assert one.url is None


def test_constraints_pin_every_requirement_at_a_version_that_is_allowed():
    lines = [line for line in text("constraints.txt").splitlines() if line and not line.startswith("#")]
    pins = {}
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), f"{line}: only name==version, so no addresses, paths or options"
        name, version = line.split("==")
        pins[canonicalize_name(name)] = Version(version)
    assert len(pins) == len(lines)
    for name, one in requirements("test").items() | requirements("notebooks", "offline", "export", "site").items():
        assert name in pins, f"{name} is not pinned"
        assert one.specifier.contains(pins[name]), f"{one} does not allow {pins[name]}"
    bound_to_a_platform = [name for name in pins if name.startswith(("nvidia-", "cuda-", "triton", "pywin"))]
    assert bound_to_a_platform == []


def test_environment_yml_is_in_step_with_pyproject():
    environment = yaml.safe_load(text("environment.yml"))
    assert environment["name"] == PROJECT["name"]
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    conda = [entry.replace(" ", "") for entry in environment["dependencies"] if isinstance(entry, str)]
    (python,) = (entry.removeprefix("python=") for entry in conda if re.fullmatch(r"python=[\d.]+", entry))
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    assert "pip" in conda
    wanted = {
        IN_CONDA.get(name, name) + str(one.specifier) for name, one in requirements("notebooks", "export").items()
    }
    assert set(conda) - {f"python={python}", "pip"} == wanted
    assert set(pip) == {*EXTRAS["offline"], "-e .[notebooks,offline,export]"}


# --- CI and pre-commit -----------------------------------------------------------------------------------------------


def test_the_workflow_is_valid_and_covers_each_python():
    workflow = ROOT / ".github" / "workflows" / "ci.yml"
    checked("github-workflows", *sorted(workflow.parent.glob("*.yml")))
    matrix = yaml.safe_load(workflow.read_text())["jobs"]["test"]["strategy"]["matrix"]
    announced = [line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert matrix["python"] == announced
    assert {row["versions"] for row in matrix["include"]} == {"oldest", "newest"}
    floors = {name: str(one.specifier).removeprefix(">=") for name, one in requirements().items()}
    oldest = dict(re.findall(r"(torch|torchvision)==([\d.]+)\.\*", workflow.read_text()))
    assert oldest == {name: floors[name] for name in ("torch", "torchvision")}
    targets = set(re.findall(r"\bmake (\w+)", workflow.read_text()))
    assert {"test", "install", "notebooks"} <= targets <= make_targets()


def checked(schema: str, *paths: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_job_that_publishes_the_site_may_publish_and_it_runs_nothing_else():
    workflow = yaml.safe_load(text(".github/workflows/pages.yml"))
    assert workflow["permissions"] == {"contents": "read"}
    publish = workflow["jobs"].pop("publish")
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"].split("@")[0] for step in publish["steps"]] == ["actions/deploy-pages"]
    for job in workflow["jobs"].values():
        assert "write" not in job["permissions"].values()


def test_the_citation_is_valid_and_of_this_version():
    checked("citation-file-format", ROOT / "CITATION.cff")
    citation = yaml.safe_load(text("CITATION.cff"))
    assert citation["version"] == srgan_lessons.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert set(citation["keywords"]) == set(PROJECT["keywords"])


def test_issue_templates_are_valid_and_problems_ask_for_the_doctor():
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    forms = sorted(folder.glob("[0-9]_*.yml"))
    checked("github-issue-forms", *forms)
    checked("github-issue-config", folder / "config.yml")
    asking = {
        form.name
        for form in forms
        for part in yaml.safe_load(form.read_text())["body"]
        if "srgan-lessons doctor" in part["attributes"]["label"] and part["validations"]["required"]
    }
    assert asking == {"1_problem.yml", "2_exercise.yml"}


def test_the_container_of_codespaces_installs_the_course():
    container = json.loads(text(".devcontainer/devcontainer.json"))
    python = re.search(r"/python:(3\.\d+)", container["image"])[1]
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    assert container["postCreateCommand"] == "make install"
    vscode = container["customizations"]["vscode"]["settings"]
    assert vscode["python.defaultInterpreterPath"].endswith("/.venv/bin/python")  # where make installs
    for name in container["customizations"]["codespaces"]["openFiles"]:
        assert (ROOT / name).is_file()


def test_each_place_that_the_doctor_knows_is_in_the_guide():
    guide = text("docs/where_to_run.md")
    assert [place.name for place in PLACES if place.name not in guide] == []
    assert {"Windows", "macOS", "conda"} <= set(re.findall(r"\w+", guide))


def test_pre_commit_is_valid_and_runs_the_tested_ruff():
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    config = yaml.safe_load(text(".pre-commit-config.yaml"))
    (ruff,) = (repo for repo in config["repos"] if "ruff" in repo["repo"])
    assert f"ruff=={ruff['rev'].removeprefix('v')}\n" in text("constraints.txt")
    (gate,) = (hook for repo in config["repos"] if repo["repo"] == "local" for hook in repo["hooks"])
    assert gate["entry"] == "python tools/build_lessons.py --check"


def test_the_guide_installs_the_tested_torch():
    """Then `make lab`, which asks for the tested versions, keeps the torch that the reader has chosen."""
    pins = set(re.findall(r"^(torch(?:vision)?==.+)$", text("constraints.txt"), re.MULTILINE))
    commands = re.findall(r"^ {4}.*install (.*) --index-url INDEX$", text("docs/where_to_run.md"), re.MULTILINE)
    assert len(commands) == 2
    assert [set(command.split()) for command in commands] == [pins] * 2


def make_targets() -> set[str]:
    return set(re.search(r"^\.PHONY: (.+)$", text("Makefile"), re.MULTILINE)[1].split())


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["lab", "test", "notebooks", "lint", "clean"])
def test_make_knows_what_to_do_in_an_empty_environment(target, tmp_path):
    command = ["make", "-n", target, f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if target != "clean":
        assert "-m venv" in done.stdout
        assert "-c constraints.txt -e" in done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_refuses_an_old_python_and_says_so(tmp_path):
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 && exit\nexit 1\n')
    old.chmod(0o755)
    command = ["make", "lab", f"VENV={tmp_path / 'venv'}", f"PYTHON={old}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Python 3.9.1; the course needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_ci_run_is_a_program_and_calls_make_test():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=False).returncode == 0
    assert text(".ci/run").rstrip().splitlines()[-1].startswith("exec make test")


# --- documents -------------------------------------------------------------------------------------------------------


def commands(document: Path) -> list[str]:
    """The srgan-lessons commands in indented and fenced blocks, and in `code`."""
    body = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^(?: {4})?!?(?:\.venv/bin/)?(srgan-lessons [^\n]+)$", body, re.MULTILINE)
    inline = re.findall(r"`(?:\.venv/bin/)?(srgan-lessons \w+ [^`]+|srgan-lessons (?:doctor|lab))`", body)
    return [one for one in [*blocks, *inline] if not re.search(r" [A-Z]{4,}$", one)]


COMMANDS = sorted({one for document in DOCUMENTS for one in commands(document)})


def test_documents_show_each_subcommand():
    shown = {shlex.split(one)[1] for one in COMMANDS}
    assert shown >= {"doctor", "lab", "data", "train", "evaluate", "upscale", "export"}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_in_the_documents_are_understood(command):
    words = shlex.split(command)[1:]
    if "--help" in words:
        with pytest.raises(SystemExit) as ended:
            _parser().parse_args(words)
        assert ended.value.code == 0
        return
    arguments = _parser().parse_args(words)
    stores = {word for word in words if word.endswith(".store")}
    assert not {*getattr(arguments, "sets", [])} - {*catalogue()} - stores
    if words[0] == "train":
        assert arguments.recipe in RECIPES
        assert not {*(arguments.photos or [])} - {*catalogue(), SAMPLES} - stores


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_resolve(document):
    targets = re.findall(r"\]\((?!https?://)([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_and_extras_in_the_documents_exist(document):
    body = document.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", body, re.MULTILINE)) <= make_targets()
    named = {extra for group in re.findall(r"(?:srgan-lessons|\.)\[([a-z,]+)\]", body) for extra in group.split(",")}
    assert named <= set(EXTRAS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_options_named_in_the_documents_exist(document):
    known = set()
    parsers = [_parser()]
    while parsers:
        for action in parsers.pop()._actions:
            known |= set(action.option_strings)
            if isinstance(action.choices, dict):
                parsers += action.choices.values()
    known |= {"--check", "--execute"}  # of tools/build_lessons.py
    known |= {"--max-restarts", "--node_rank", "--nproc_per_node", "--rdzv", "--shutdown-timeout"}  # of torchrun
    named = set(re.findall(r"`(--[a-z][a-z_-]*)", document.read_text(encoding="utf-8")))
    assert named <= known


def test_the_pins_can_be_installed_by_the_oldest_python_promised():
    """A package may ask for a later patch release than the 3.11 that the README promises: Debian 12 has 3.11.2."""
    oldest = PROJECT["requires-python"].removeprefix(">=") + ".0"
    pins = re.findall(r"^([\w.-]+)==", text("constraints.txt"), re.MULTILINE)
    wants = {}
    for name in pins:
        with suppress(PackageNotFoundError):  # only on other systems
            wants[name] = metadata(name)["Requires-Python"] or ""
    assert len(wants) > 100
    assert [f"{name} {want}" for name, want in wants.items() if oldest not in SpecifierSet(want)] == []


def test_contributing_names_every_module_and_nothing_else():
    rooms = text("CONTRIBUTING.md").split("## Conventions")[0]
    named = {name for name in re.findall(r"`(\w+\.py)`", rooms)}
    modules = [path for path in MODULES if not path.parent.name.startswith("lesson")]  # an exercise speaks for itself
    there = {path.name for path in modules if not path.name.startswith("__")}
    assert named == there
    folders = {path.parent.name for path in modules if path.parent != Path(".")}
    assert set(re.findall(r"`(\w+)/`", rooms)) >= folders
    for folder in re.findall(r"`([\w/]+)/`", rooms):
        assert (PACKAGE / folder).is_dir() or (PACKAGE / "exercises" / folder).is_dir() or (ROOT / folder).is_dir()


def test_contributing_names_every_environment_variable_and_nothing_else():
    own = "SRGAN_" + "LESSONS_"
    files = [*PACKAGE.rglob("*.py"), *ROOT.glob("tools/*.py"), *ROOT.glob("notebooks/source/*.py")]
    files += [*ROOT.glob("tests/**/*.py"), ROOT / "Makefile", ROOT / ".ci" / "run"]
    used = {name for file in files for name in re.findall(own + r"[A-Z_]+", file.read_text(encoding="utf-8"))}
    table = set(re.findall(rf"^\| `({own}[A-Z_]+)`", text("CONTRIBUTING.md"), re.MULTILINE))
    assert table == used


def test_the_page_on_measuring_shows_the_golden_numbers():
    """Also held by the tests of metrics: here only that the page says the same as data/tables/golden.csv."""
    import csv

    with open(ROOT / "data" / "tables" / "golden.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = set(re.findall(r"(\d\d\.\d{4}) / (\.\d{4})", text("docs/measuring.md")))
    golden = {(row["psnr"], row["ssim"].removeprefix("0")) for row in rows if row["method"] == "bicubic"}
    assert shown == golden
    assert len(shown) == 6


def test_readme_lists_each_lesson_that_is_there():
    lessons = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert set(re.findall(r"\]\(notebooks/(\w+\.ipynb)\)", text("README.md"))) == lessons


def test_readme_fits_its_first_impression():
    """At most 120 lines; each picture is there and has words for those who do not see it; 1.5 MB together."""
    body = text("README.md")
    assert len(body.splitlines()) <= 120
    pictures = re.findall(r"""!\[[^\]]+\]\(([^):]+)\)|(?:src|srcset)="([^":]+)\"""", body)
    files = {ROOT / (markdown or html) for markdown, html in pictures}
    assert len(files) > 15
    assert [file for file in files if not file.exists()] == []
    assert sum(file.stat().st_size for file in files) < 1_500_000
    assert all("alt=" in tag for tag in re.findall(r"<img [^>]+>", body))
    assert {"    make lab", "    make test"} <= {line.split(" #")[0].rstrip() for line in body.splitlines()}


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """The contrast ratio of two colours in 0 to 255, after WCAG 2.2."""
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (one / 255, other / 255)]
    low, high = sorted(float(c @ [0.2126, 0.7152, 0.0722]) for c in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", sorted(FRONT.glob("*_dark.webp")), ids=lambda path: path.stem)
def test_charts_have_no_background_and_are_legible_in_both_themes(dark):
    """In the colours of GitHub's themes. A theme's own chart differs from the other one's in its ink alone."""
    light = FRONT / dark.name.replace("_dark", "")
    charts = [np.asarray(Image.open(file).convert("RGBA")) for file in (light, dark)]
    assert charts[0].shape == charts[1].shape
    assert np.array_equal(charts[0][..., 3], charts[1][..., 3])
    solid = charts[0][..., 3] == 255
    assert 0.005 < solid.mean() < 0.6
    differing = solid & (charts[0] != charts[1]).any(axis=2)
    assert differing.any()
    for chart, background in zip(charts, ([255, 255, 255], [13, 17, 23]), strict=True):
        assert (chart[[0, 0, -1, -1], [0, -1, 0, -1], 3] == 0).all()
        ink = Counter(map(tuple, chart[differing][:, :3].tolist())).most_common(1)[0][0]
        assert contrast(np.array(ink), np.array(background)) > 7
        for colour, count in Counter(map(tuple, chart[solid][:, :3].tolist())).items():
            assert count < 100 or contrast(np.array(colour), np.array(background)) >= 2.5


def test_readme_shows_each_chart_in_the_theme_of_its_reader():
    body = text("README.md")
    for dark in FRONT.glob("*_dark.webp"):
        light = dark.relative_to(ROOT).as_posix().replace("_dark", "")
        source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark.relative_to(ROOT).as_posix()}">'
        assert f'<picture>{source}<img src="{light}"' in body
        assert body.count(f'"{light}"') == 1


# --- what travels ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy of what the repository holds, with its rules on what is ignored."""
    copy = tmp_path_factory.mktemp("built") / "copy"
    ignore = shutil.ignore_patterns(
        ".git", ".venv", "__pycache__", ".*_cache", "runs", "dist", ".ipynb_checkpoints", ".srgan_lessons_progress.json"
    )
    copy.mkdir()
    for name in ("srgan_lessons", "data", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(copy / "out")]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = (copy / "out").glob("*.whl")
    return built


def test_the_wheel_holds_modules_data_notebooks_and_weights(wheel):
    assert wheel.name == f"srgan_lessons-{srgan_lessons.__version__}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"srgan_lessons/{path.as_posix()}" for path in MODULES}
    wanted |= {f"srgan_lessons/{path.relative_to(ROOT).as_posix()}" for path in ROOT.glob("data/**/*.*")}
    wanted |= {f"srgan_lessons/{path.relative_to(ROOT).as_posix()}" for path in ROOT.glob("notebooks/**/[0-9]*.ipynb")}
    wanted |= {path.relative_to(ROOT).as_posix() for path in PACKAGE.glob("weights/*.*")}
    wanted = {name for name in wanted if "checkpoint" not in name.split("/")[-2] and "/runs/" not in name}
    assert wanted - names == set()
    assert len([name for name in wanted if name.endswith(".ipynb")]) >= 4
    assert [name for name in names if "/.srgan" in name or ".ipynb_checkpoints" in name or "/tests/" in name] == []
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_works_away_from_the_repository(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    (tmp_path / "empty").mkdir()
    code = (
        "import srgan_lessons; from srgan_lessons.datasets import catalogue; from srgan_lessons import files;"
        "print(srgan_lessons.__file__); print(len(catalogue())); folder = files.lessons_folder(); print(folder);"
        "print(sorted(path.name for path in folder.glob('*.ipynb')))"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    module, sets, folder, lessons = done.stdout.splitlines()
    assert Path(module).is_relative_to(tmp_path / "installed")
    assert int(sets) == len(catalogue())
    assert Path(folder) == tmp_path / "empty" / "srgan-lessons"
    assert ast.literal_eval(lessons) == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a git checkout")
def test_git_for_windows_leaves_line_ends_as_they_are(tmp_path):
    """It usually turns them into those of Windows, and then no built file matches its source."""
    files = ["notebooks/00_start_here.ipynb", "docs/drawings/course.svg", "data/results/control.csv", ".ci/run"]
    (tmp_path / "copy").mkdir()
    for command in (
        ["git", "init", "-q", "copy"],
        ["git", "-C", "copy", "config", "core.autocrlf", "true"],
        ["git", f"--git-dir={tmp_path / 'copy' / '.git'}", f"--work-tree={ROOT}", "add", ".gitattributes", *files],
        ["git", "-C", "copy", "checkout-index", "--all"],
    ):
        folder = ROOT if "--git-dir" in command[1] else tmp_path
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    for name in files:
        assert (tmp_path / "copy" / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a git checkout")
def test_git_ignores_no_file_of_the_project():
    command = ["git", "ls-files", "--others", "--ignored", "--exclude-standard", "srgan_lessons", "data", "tools"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if "__pycache__" not in line] == []
