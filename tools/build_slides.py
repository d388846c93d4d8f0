"""Makes a reveal.js deck of each lesson, with its figures in place and speaker notes (key S).

    python tools/build_slides.py                    all lessons, to build/slides
    python tools/build_slides.py 02 07              two lessons
    python tools/build_slides.py --fast 07          with the tiny settings of CI: takes seconds instead of minutes
    python tools/build_slides.py --reveal FOLDER    uses reveal.js and MathJax from a folder of npm packages

A deck shows the cells with the tags slide, subslide and fragment, and what follows them; cells tagged skip are run but
not shown. People look at a page while somebody speaks. So a page shows only a part of the text: the headings, the first
paragraph after each heading, questions and everything bold, lists, tables and formulas. The other paragraphs are in the
notes, for the speaker to say. A folded cell shows only its output, and so does code that is longer than LONGEST lines.
The parts that learners read at home are left out. Exercises are shown as stubs, with all of their text. The speaker's
notes also have the instructor's notes and the solutions. Cells that only check an answer are left out. Pages are laid
out in the browser (slides/deck.js), so that nothing is cut off. A deck should have at most one page for each minute of
teaching.

The lessons are run once, and again when their code or the package has changed; build/executed keeps the runs. The
decks need no network, because reveal.js and MathJax are beside them. npm fetches these once, in the versions below, and
they are compared with their hashes.
"""

import argparse
import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import nbformat
from build_lessons import fingerprint, notebook
from kernels import is_progress, run
from lesson_source import ROOT, Cell, Lesson, LessonError, read_lesson
from nbclient.exceptions import CellExecutionError

from srgan_lessons.files import atomic

TEMPLATES = Path(__file__).resolve().parent
BUILD = ROOT / "build"
WIDGET = "application/vnd.jupyter.widget-view+json"
LONGEST = 12  # lines of code on a page
TO_READ = "\n### What this lesson leaves out"  # from here on, a lesson is for readers
SHOWN = re.compile(r"#|[-*] |\d+\. |\||\$\$|<|```|    |>|.*\*\*", re.DOTALL)  # a paragraph that is always shown

# npm's packages: the SHA-512 from `npm view NAME@VERSION dist.integrity`, and where their files go in a deck.
PACKAGES = {
    "reveal.js-5.2.1.tgz": (
        "r7//6mIM5p34hFiDMvYfXgyjXqGRta+/psd9YtytsgRlrpRzFv4RbH76TXd2qD+7ZPZEbpBDhdRhJaFgfQ7zNQ==",
        {
            "package/dist/reveal.js": "reveal/dist/reveal.js",
            "package/dist/reveal.css": "reveal/dist/reveal.css",
            "package/dist/theme/white.css": "reveal/dist/theme/white.css",
            "package/dist/theme/fonts/source-sans-pro/": "reveal/dist/theme/fonts/source-sans-pro/",
            "package/plugin/notes/notes.js": "reveal/plugin/notes/notes.js",
            "package/LICENSE": "reveal/LICENSE",
        },
    ),
    "mathjax-3.2.2.tgz": (
        "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        {"package/es5/tex-svg.js": "mathjax/tex-svg.js", "package/LICENSE": "mathjax/LICENSE"},
    ),
}


class SlidesError(Exception):
    """Says why the decks cannot be made, and what to do."""


# --- reveal.js and MathJax -------------------------------------------------------------------------------------------


def fetch(folder: Path) -> None:
    """Lets npm put the packages into `folder`. Raises SlidesError if there is no npm or no network."""
    names = [name.removesuffix(".tgz") for name in PACKAGES]
    wanted = [f"{name}@{version}" for name, version in (name.rsplit("-", 1) for name in names)]
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", *wanted]
    advice = (
        f"The decks need reveal.js and MathJax. On a machine with npm and a network, run: {' '.join(command)}\n"
        f"Then copy the two .tgz files into a folder here, and run: make slides REVEAL=FOLDER"
    )
    if shutil.which("npm") is None:
        raise SlidesError(f"npm is not installed. {advice}")
    print("npm fetches", " and ".join(wanted), flush=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if "npm error" in line][:3]
        raise SlidesError("\n".join(["npm could not fetch them.", *last, advice]))


def unpack(packages: Path, out: Path) -> None:
    """Copies what the decks need from the packages. Raises SlidesError if a package is missing or is another one."""
    for name, (integrity, members) in PACKAGES.items():
        file = packages / name
        if not file.is_file():
            raise SlidesError(f"{file} is missing; `npm pack {name.removesuffix('.tgz').replace('-', '@')}` makes it.")
        if base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode() != integrity:
            raise SlidesError(f"{file} is not the package it should be: its SHA-512 differs. Delete it and try again.")
        with tarfile.open(file) as archive:
            for member in archive.getmembers():
                source = next((known for known in members if member.name.startswith(known)), None)
                content = archive.extractfile(member) if source and member.isfile() else None
                if source and content:
                    target = out / (members[source] + member.name.removeprefix(source))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content.read())


# --- a lesson as a deck ----------------------------------------------------------------------------------------------


def executed(lesson: Lesson, folder: Path, *, full: bool) -> nbformat.NotebookNode:
    """The solutions edition with all outputs. It is run unless `folder` has a run of the same code and package."""
    node = notebook(lesson, solved=True, outputs={})
    kept = folder / f"{lesson.stem}-{fingerprint(node, fast=not full)}.ipynb"
    if kept.exists():
        return nbformat.read(kept, as_version=4)
    print(f"running {lesson.stem} ({'full' if full else 'fast'} settings) ...", flush=True)
    try:
        run(node, fast=not full, timeout=1800)
    except CellExecutionError as error:
        raise SlidesError(f"{lesson.stem} failed: {error.ename}: {error.evalue}") from None
    kept.parent.mkdir(parents=True, exist_ok=True)
    with atomic(kept) as temporary:
        nbformat.write(node, temporary)
    return node


def deck(lesson: Lesson, ran: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook that nbconvert turns into slides: stubs, outputs of the solved lesson, and notes for the speaker."""
    code = [cell for cell in lesson.edition(solved=True) if cell.kind == "code"]  # text may have changed since the run
    run = [cell for cell in ran.cells if cell.cell_type == "code"]
    outputs = {cell.number: there.get("outputs", []) for cell, there in zip(code, run, strict=True)}
    cells = []
    for cell in lesson.cells:
        shown = _slide(cell, _outputs(outputs.get(cell.number, [])))
        shown["id"] = f"cell-{cell.number:03d}"
        cells.append(shown)
        if cell.kind == "markdown" and "instructor" not in cell.tags and cell.number:
            shown["source"], said = shown_and_said(shown["source"])
            if said:
                cells.append(_notes(said) | {"id": f"said-{cell.number:03d}"})
            if not shown["source"]:
                cells.remove(shown)
    metadata = {"title": lesson.cells[0].source.splitlines()[0].removeprefix("# "), **ran.metadata}
    metadata.pop("widgets", None)
    node = nbformat.from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    nbformat.validate(node)
    return node


def shown_and_said(source: str) -> tuple[str, str]:
    """The part of a text that is shown on the page, and the paragraphs that the speaker says."""
    shown, said = [], []
    whole, first = False, True  # an exercise is shown whole; of other text, only the first paragraph after a heading
    for text in re.findall(r"<details>.*?</details>|```.*?```|(?:[^\n]+\n?)+", source, re.DOTALL):
        if text.startswith("#"):
            whole, first = text.startswith("### Exercise "), True
        elif text.startswith("<details><summary>Answer</summary>"):
            said.append("**Answer.** " + text.partition("</summary>")[2].removesuffix("</details>").strip())
            continue
        elif not (whole or SHOWN.match(text)):
            if text.startswith("*Figure") or not (first or text.rstrip().endswith(":")):
                said.append(text.strip())
                continue
            first = False
        shown.append(text.rstrip())
    return "\n\n".join(shown), "\n\n".join(said)


def _notes(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {"slideshow": {"slide_type": "notes"}}, "source": text}


def _slide(cell: Cell, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    kind, source = cell.kind, cell.source
    part = next(iter(cell.tags & {"slide", "subslide", "fragment", "skip", "notes"}), "-")
    if cell.number == 0:  # badge and requirements are for readers
        source = "\n\n".join(text for text in source.split("\n\n") if not text.startswith(("[![", "**Before.**")))
    if kind == "markdown":
        source = source.partition(TO_READ)[0]
    if "instructor" in cell.tags:
        part = "notes"
    elif "solution" in cell.tags:
        kind, part, source, outputs = "markdown", "notes", f"**Solution.**\n\n```python\n{source}\n```", []
    elif ("check(" in source or source.strip() == "progress()") and kind == "code":
        part = "skip"
    elif kind == "code" and "stub" not in cell.tags:
        if "fold" in cell.tags or len(source.splitlines()) > LONGEST:
            source = ""
        if not source and not outputs:
            part = "skip"
    if kind == "code":
        source = _without_alt(source)
    built = {"cell_type": kind, "metadata": {"slideshow": {"slide_type": part}}, "source": source}
    return built | {"outputs": outputs, "execution_count": None} if kind == "code" else built


def _outputs(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outputs without widgets, each of which also has a still picture; what was printed in several parts is joined."""
    kept: list[dict[str, Any]] = []
    for output in outputs:
        if output.get("name") == "stderr" or is_progress(output):
            continue
        if kept and output["output_type"] == kept[-1]["output_type"] == "stream" and output["name"] == kept[-1]["name"]:
            kept[-1]["text"] += output["text"]
        elif "data" in output:
            kept.append({**output, "data": {kind: value for kind, value in output["data"].items() if kind != WIDGET}})
        else:
            kept.append(dict(output))
    return kept


def _without_alt(source: str) -> str:
    """Code without the lines that describe a figure to those who cannot see it: on a slide, the figure is beside it."""
    text = r'alt=f?"[^"\n]*"'
    return re.sub(rf", {text}(?=\)|\n)", "", re.sub(rf"(?m)^ +{text},\n", "", source))


def as_html(node: nbformat.NotebookNode) -> str:
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        template_name="slides",
        extra_template_basedirs=[str(TEMPLATES)],
        reveal_theme="white",
        reveal_url_prefix="reveal",
    )
    return exporter.from_notebook_node(node, resources={"metadata": {"name": node.metadata["title"]}})[0]


def build(sources: list[Path], out: Path, packages: Path, *, full: bool) -> list[Path]:
    """Decks of these lessons in `out`. Raises SlidesError and LessonError."""
    if packages == BUILD / "npm" and not all((packages / name).is_file() for name in PACKAGES):
        fetch(packages)
    unpack(packages, out)
    shutil.copy(TEMPLATES / "slides" / "deck.js", out)
    made = []
    for source in sources:
        lesson = read_lesson(source)
        ran = executed(lesson, BUILD / "executed", full=full)
        made.append(out / f"{lesson.stem}.html")
        with atomic(made[-1]) as temporary:
            temporary.write_text(as_html(deck(lesson, ran)), encoding="utf-8")
        print(f"wrote {made[-1]}", flush=True)
    return made


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or names, 01 or 01_images_and_scale; all if none is given")
    parser.add_argument("--fast", action="store_true", help="run the lessons with the tiny settings of CI")
    parser.add_argument(
        "--out", type=Path, default=BUILD / "slides", metavar="FOLDER", help="for the decks (default: build/slides)"
    )
    parser.add_argument("--reveal", type=Path, metavar="FOLDER", help=f"where {' and '.join(PACKAGES)} are")
    chosen = parser.parse_args(arguments)
    sources = sorted((ROOT / "notebooks" / "source").glob("*.py"))
    wanted = [s for s in sources if not chosen.lessons or s.stem in chosen.lessons or s.stem[:2] in chosen.lessons]
    try:
        if not wanted:
            raise SlidesError(f"no such lesson. The lessons are: {', '.join(source.stem for source in sources)}")
        build(wanted, chosen.out, chosen.reveal or BUILD / "npm", full=not chosen.fast)
    except (SlidesError, LessonError) as error:
        print(error, file=sys.stderr)
        return 1
    print("Open a deck in a browser. Keys: Space for the next step, S for the speaker's view, F for the full screen.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
