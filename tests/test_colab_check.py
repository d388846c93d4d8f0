# ruff: noqa: E402 - tools/ is not a package: its folder is put on the path first
"""The parts of tools/colab_check.sh that need no new environment: options, pip's plan, links, and running lessons."""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import run_lessons
from lesson_source import SETUP

SCRIPT = ROOT / "tools" / "colab_check.sh"


def plan_file(folder: Path, *packages: tuple[str, str]) -> Path:
    """What `pip install --dry-run --report` writes, as far as it is read."""
    items = [{"metadata": {"name": name, "version": version}} for name, version in packages]
    (folder / "plan.json").write_text(json.dumps({"version": "1", "install": items}))
    return folder / "plan.json"


def test_a_plan_that_changes_something_is_refused(tmp_path):
    only = ["srgan-lessons", "stlpips-pytorch"]
    ours = [("srgan_lessons", "0.1.0"), ("stlpips_pytorch", "0.0.2")]
    assert run_lessons.plan(plan_file(tmp_path, *ours), only) == []
    more = plan_file(tmp_path, *ours, ("ipywidgets", "8.1.9"), ("numpy", "2.4.0"))
    assert run_lessons.plan(more, only) == ["ipywidgets 8.1.9", "numpy 2.4.0"]
    command = [sys.executable, str(ROOT / "tools" / "run_lessons.py"), "plan", str(more), "--only", *only]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip would also install or change: ipywidgets 8.1.9, numpy 2.4.0" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--wheel", "no.whl"], "there is no wheel no.whl"),
        (["--torch-from", "nowhere"], "no environment in nowhere"),
        (["--folder"], "--folder needs a value"),
        (["--fast"], "unknown argument --fast"),
        (["7"], "unknown argument 7"),
    ],
)
def test_a_wrong_command_line_ends_before_anything_is_made(arguments, says, tmp_path):
    done = subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
    )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_shows_the_usage_and_makes_nothing(tmp_path):
    command = ["bash", str(SCRIPT), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0
    assert "tools/colab_check.sh 00 09" in done.stdout
    assert "--torch-from VENV" in done.stdout
    assert "set -euo" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_may_be_installed_is_what_the_first_cell_installs():
    """The extras that the script plans with are those that a lesson's first cell names, and their packages."""
    script = SCRIPT.read_text(encoding="utf-8")
    extras = set(re.findall(r'"\$wheel\[([a-z,]+)\]"', script)) - {"notebooks,offline"}
    (named,) = re.findall(r'"srgan-lessons(\[[a-z,]+\])? @', SETUP)
    assert {f"[{extra}]" for extra in extras} == {named}
    (ours,) = re.findall(r'^OURS="([^"]+)"', script, re.MULTILINE)
    needs = [re.split(r"[>; ]", need)[0] for need in metadata.requires("srgan-lessons") or [] if "'offline'" in need]
    assert set(ours.split()) == {"srgan-lessons", *needs}


def test_links_lend_a_package_and_leave_it_alone(tmp_path):
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    names = run_lessons.link(["scikit-image"], environment)
    assert {"scikit-image", "numpy", "scipy", "lazy-loader"} <= set(names)
    assert "pytest" not in names  # of an extra that nobody asked for
    python = environment / "bin" / "python"
    code = "import skimage, numpy; print(skimage.__file__, numpy.ones(2).sum())"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("2.0")
    (packages,) = environment.glob("lib/python*/site-packages")
    assert not any(path.is_symlink() for path in packages.rglob("*") if path.is_dir())
    lent = packages / "skimage" / "__init__.py"
    original = lent.resolve()
    assert original != lent
    lent.unlink()  # as pip does before it writes
    lent.write_text("changed")
    assert original.read_text() != "changed"


def test_lessons_run_elsewhere_strictly_for_solutions_and_in_empty_folders(tmp_path, monkeypatch, capfd):
    """In place of a wheel: a package of that name with two editions of two lessons, one of which fails."""
    notebooks = tmp_path / "installed" / "srgan_lessons" / "notebooks"
    (notebooks / "solutions").mkdir(parents=True)
    (notebooks.parent / "__init__.py").write_text("")
    good = "import os; assert os.listdir() == [] and os.environ['SRGAN_LESSONS_STRICT'] == '%s'"
    for folder, strict in ((notebooks, 0), (notebooks / "solutions", 1)):
        for name, code in (("00_good", good % strict), ("01_bad", "1 / 0")):
            node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
            nbformat.write(node, folder / f"{name}.ipynb")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    monkeypatch.setenv("JUPYTER_PATH", "")
    assert run_lessons.run(sys.executable, ["00"]) == 0
    assert run_lessons.run(sys.executable, []) == 2
    said = capfd.readouterr().out
    assert re.search(r"^00_good +\d+ s  passed$", said, re.MULTILINE)
    assert re.search(r"^solutions/01_bad +\d+ s  FAILED$", said, re.MULTILINE)
    assert "ZeroDivisionError" in said
    assert said.endswith("2 passed, 2 failed\n")
    assert run_lessons.run(sys.executable, ["07"]) == 1
