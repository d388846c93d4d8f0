"""Runs the lessons for the site, and writes what Sphinx shows: a page for each lesson, and a page with its solutions.

The solutions edition is run once, without a network, and with full settings unless SRGAN_LESSONS_FAST=1. Its outputs
are also shown on the page of the lesson, except for those of checks; below a question, the output is folded. Pictures
are moved out of the outputs into files.
"""

import base64
import hashlib
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kernels
import nbformat
from build_lessons import METADATA, fingerprint, notebook
from lesson_source import BRANCH, ROOT, Cell, Lesson, repository
from PIL import Image

from srgan_lessons.files import fast_mode

RAN = ROOT / "build" / "lessons"  # lessons that were run, used as long as their code and the package do not change
WIDGET = "application/vnd.jupyter.widget-view+json"
DATA_URL = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]{2000,})(?=[\"'])")  # matplotlib's SVG breaks lines
BADGE = re.compile(r"\[!\[Open in Colab\].*\n*")  # the badge's line, because the page has buttons of its own
CHECK = re.compile(r"^\w+ = check\(\"(\w+)\"", re.MULTILINE)

Outputs = dict[int, list[Any]]  # cell number -> outputs


def sources() -> list[Path]:
    return sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))


# --- running ---------------------------------------------------------------------------------------------------------


def ran(lesson: Lesson) -> Outputs:
    """The outputs of the solutions edition, which is run if it has changed since the last time."""
    node = notebook(lesson, solved=True, outputs={})
    controls = hashlib.sha256((ROOT / "tools" / "site_controls.py").read_bytes()).hexdigest()[:6]
    kept = RAN / f"{lesson.stem}-{fingerprint(node, fast=fast_mode())}-{controls}.ipynb"
    if not kept.exists():
        print(f"running {lesson.stem} ...", end=" ", flush=True)
        started = time.monotonic()
        _run(node)
        RAN.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".part")
        nbformat.write(node, unfinished)
        unfinished.replace(kept)
        print(f"{time.monotonic() - started:.0f} s", flush=True)
    cells = nbformat.read(kept, as_version=4).cells
    return _by_number(lesson, cells)


def before(lesson: Lesson) -> Outputs:
    """The outputs of the last run, whatever its code was; none if the lesson never ran or now has other cells."""
    for kept in sorted(RAN.glob(f"{lesson.stem}-*.ipynb"), key=lambda file: file.stat().st_mtime, reverse=True):
        cells = nbformat.read(kept, as_version=4).cells
        if len(cells) == len(lesson.edition(solved=True)):
            return _by_number(lesson, cells)
    return {}


def _by_number(lesson: Lesson, cells: list[Any]) -> Outputs:
    pairs = zip(lesson.edition(solved=True), cells, strict=True)
    return {cell.number: there.outputs for cell, there in pairs if there.cell_type == "code"}


def _run(node: nbformat.NotebookNode) -> None:
    """Runs a notebook in place, in an empty folder. Raises nbclient's CellExecutionError."""
    start = nbformat.v4.new_code_cell("import site_controls\n\nsite_controls.prepare()")
    node.cells.insert(0, start)
    kernels.run(node, fast=fast_mode(), timeout=1800)
    del node.cells[0]
    node.metadata.pop("widgets", None)


# --- pages -----------------------------------------------------------------------------------------------------------


def write(lesson: Lesson, outputs: Outputs, folder: Path, terms: Callable[[str], str]) -> None:
    """Writes folder/lessons/NAME.ipynb and folder/solutions/NAME.ipynb; pictures to folder/pictures.

    terms: links the first use of each word of the glossary in a text.
    """
    for place, solved in (("lessons", False), ("solutions", True)):
        node = nbformat.from_dict(
            {"cells": _cells(lesson, solved, outputs, folder, terms), "metadata": METADATA, "nbformat": 4}
        )
        node.nbformat_minor = 5
        target = folder / place / f"{lesson.stem}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(node, target)


def _cells(lesson: Lesson, solved: bool, outputs: Outputs, folder: Path, terms: Callable[[str], str]) -> list[Any]:
    built = notebook(lesson, solved=solved, outputs={}).cells
    asked = {below.number for cell in lesson.cells if cell.answers is not None for below in lesson.below(cell)}
    cells: list[Any] = []
    for cell, made in zip(lesson.edition(solved), built, strict=True):
        if cell.kind == "markdown":
            text = terms(BADGE.sub("", made.source)) if not solved else BADGE.sub("", made.source)
            cells.append(nbformat.v4.new_markdown_cell(text + (_head(lesson, solved) if cell.number == 0 else "")))
            continue
        if solved and "solution" in cell.tags:
            later = (CHECK.search(one.source) for one in lesson.edition(True) if one.number > cell.number)
            name = next((found[1] for found in later if found), str(cell.number))
            cells.append(nbformat.v4.new_markdown_cell(f"({_anchor(lesson, name)})=\n**Solution**"))
        code = nbformat.v4.new_code_cell(made.source.split("\n", 1)[-1] if "fold" in cell.tags else made.source)
        code.metadata["tags"] = _tags(cell, made.source, solved, asked)
        check = CHECK.search(cell.source)
        if not (check and not solved) and "stub" not in cell.tags:
            code.outputs = _shown(outputs.get(cell.number, []), folder)
        cells.append(code)
        if check and not solved:
            words = f"[Show the solution](#{_anchor(lesson, check[1])})"
            cells.append(nbformat.v4.new_markdown_cell(f'{words}, or `hint("{check[1]}")` for a first step.'))
    return cells


def _anchor(lesson: Lesson, name: str) -> str:
    return f"solution-{lesson.stem[:2]}-{name.replace('_', '-')}"


def _tags(cell: Cell, source: str, solved: bool, asked: set[int]) -> list[str]:
    return ["hide-input"] * ("fold" in cell.tags) + ["hide-output"] * (not solved and cell.number in asked)


def _head(lesson: Lesson, solved: bool) -> str:
    """The buttons below the title of a page."""
    place = repository().removeprefix("https://github.com/")
    edition = "notebooks/solutions" if solved else "notebooks"
    file = f"{place}/blob/{BRANCH}/{edition}/{lesson.stem}.ipynb"
    other, words = ("lessons", "The lesson") if solved else ("solutions", "Solutions")
    links = [
        f"[Open in Colab](https://colab.research.google.com/github/{file})",
        f"{{download}}`Download <../notebooks/{'solutions/' if solved else ''}{lesson.stem}.ipynb>`",
        f"[{words}](../{other}/{lesson.stem}.ipynb)",
    ]
    row = "\n\n:::{container} buttons\n" + " ".join(links) + "\n:::\n"
    if solved:
        return row
    return row + (
        "\nThis page shows the lesson after a run. To solve the exercises, open it in Colab or download it: "
        "[how checks and hints work](../exercises.md).\n"
    )


def _shown(outputs: list[Any], folder: Path) -> list[Any]:
    """Outputs for a page without a kernel: still pictures instead of widgets, and pictures in files."""
    shown = []
    for output in outputs:
        output = nbformat.from_dict(output)
        if kernels.is_progress(output):
            continue
        if output.output_type == "stream":
            if output.name == "stdout":
                shown.append(output)
            continue
        output.data.pop(WIDGET, None)
        if "text/html" in output.data:
            page = DATA_URL.sub(lambda match: _moved(match[1], folder), output.data["text/html"])
            output.data["text/html"] = page.replace("<img ", '<img loading="lazy" ')
        if output.data:
            shown.append(output)
    return shown


def _moved(encoded: str, folder: Path) -> str:
    """Writes a picture as a file, without loss. Returns its address, as seen from a page of a lesson."""
    content = base64.b64decode(encoded)
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.webp"
    target = folder / "pictures" / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        Image.open(io.BytesIO(content)).save(buffer, "WEBP", lossless=True, quality=50, method=3)
        target.write_bytes(buffer.getvalue())
    return f"../pictures/{name}"
