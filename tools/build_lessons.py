"""Builds the student edition and the solutions edition of each lesson from notebooks/source/.

    python tools/build_lessons.py               builds all lessons, and runs those whose code has changed
    python tools/build_lessons.py 01 --execute  builds one lesson, and runs it in any case
    python tools/build_lessons.py --check       changes nothing; fails if a built file does not match its source

The same sources always give the same bytes. Only cells with the tag check-output keep their output. The solutions
edition is run once, with SRGAN_LESSONS_FAST=1 and SRGAN_LESSONS_STRICT=1 as in CI, and its output is stored in both
editions; nbval later compares new runs with it. Right below a question, the student edition has no output, because it
would be the answer.

Folded cells are closed in JupyterLab (source_hidden) and in Colab (the form view), and run like all others. The
drawings of the lessons are written to docs/drawings/, for the README and other pages.
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from kernels import run
from lesson_rules import problems
from lesson_source import ROOT, SLIDES, Cell, Lesson, LessonError, colab_badge, picture_names, read_lesson
from nbclient.exceptions import CellExecutionError

from srgan_lessons.classroom.drawings import DRAWINGS, as_file
from srgan_lessons.files import atomic

MARK = "nbval-check-output"  # a tag that nbval looks for
TITLES = {  # the title of a folded cell: that of the first pattern found in its code
    r"(?m)^# @title ": "",
    r"(?m)^(import|from) ": "Imports and settings",
    r"(?m)^(play|zoom|upload_photo|film|\w+_film)\(": "Something to move",
    r"(?m)^compare\(": "Two pictures and a slider",
    r"(?m)^ *(show\w*|curves|bars|feature_grid|number_cells|draw\w*|put)\(": "Figure",
    r"(?m)^ *assert ": "Checked: what the text says",
    r"": "Preparation",
}
METADATA = {
    "accelerator": "GPU",
    "colab": {"gpuType": "T4", "provenance": []},
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
README_BLOCK = re.compile(r"(<!-- lessons:begin -->\n).*?(<!-- lessons:end -->)", re.DOTALL)

Outputs = dict[int, list[dict[str, Any]]]  # cell number -> what it printed


def notebook(lesson: Lesson, *, solved: bool, outputs: Outputs) -> nbformat.NotebookNode:
    """One edition. Raises nbformat's ValidationError if the result is not a valid notebook."""
    cells, count = [], 0
    secret = (
        set()
        if solved
        else {below.number for cell in lesson.cells if cell.answers is not None for below in lesson.below(cell)}
    )
    for cell in lesson.edition(solved):
        metadata: dict[str, Any] = {}
        if slide := cell.tags & set(SLIDES):
            metadata["slideshow"] = {"slide_type": next(iter(slide))}
        if "fold" in cell.tags:
            metadata |= {"jupyter": {"source_hidden": True}, "cellView": "form"}
        compared = "check-output" in cell.tags and cell.number not in secret
        if compared:
            metadata["tags"] = [MARK]
        built = {
            "cell_type": cell.kind,
            "id": f"{lesson.stem.replace('_', '-')[:60]}-{cell.number:03d}",
            "metadata": metadata,
            "source": _shown(cell, solved),
        }
        if cell.kind == "code":
            count += 1  # the number that the cell gets in a run from top to bottom
            kept = [dict(output) for output in outputs.get(cell.number, [])] if compared else []
            for output in kept:
                if output["output_type"] == "execute_result":
                    output["execution_count"] = count
            built |= {"outputs": kept, "execution_count": count if compared else None}
        cells.append(built)
    node = nbformat.from_dict({"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5})
    nbformat.validate(node)
    return node


def _shown(cell: Cell, solved: bool) -> str:
    if "fold" in cell.tags:
        title = next(title for pattern, title in TITLES.items() if re.search(pattern, cell.source))
        return f"# @title {title}\n{cell.source}" if title else cell.source
    if "instructor" in cell.tags:
        return "\n".join(f"> {line}".rstrip() for line in f"**For the instructor.** {cell.source}".splitlines())
    if solved and cell.number == 0:
        title, rest = (cell.source + "\n").split("\n", 1)
        note = "> The exercises are solved here, and notes for the instructor are shown."
        return f"{title}: solutions\n\n{note}\n{rest}".rstrip()
    return cell.source


def as_bytes(node: nbformat.NotebookNode) -> bytes:
    """The file, always in the same form: keys sorted, text as lists of lines."""
    text = nbformat.writes(node, version=4, indent=1, sort_keys=True, ensure_ascii=False)
    return (text.rstrip("\n") + "\n").encode("utf-8")


# --- outputs ---------------------------------------------------------------------------------------------------------


def committed_outputs(lesson: Lesson, built: Path) -> Outputs | None:
    """The outputs in the built solutions edition; None if its code is no longer that of the source."""
    try:
        old = nbformat.reads(built.read_text(encoding="utf-8"), as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        return None
    new = notebook(lesson, solved=True, outputs={})
    old_code, new_code = ([c for c in nb.cells if c.cell_type == "code"] for nb in (old, new))
    marked = [cell for cell in lesson.edition(solved=True) if cell.kind == "code"]
    if [cell.source for cell in old_code] != [cell.source for cell in new_code]:
        return None
    kept = {
        cell.number: there.outputs for cell, there in zip(marked, old_code, strict=True) if "check-output" in cell.tags
    }
    return kept if all(kept.values()) else None


def fingerprint(node: nbformat.NotebookNode, *, fast: bool) -> str:
    """A name for what a run of the notebook depends on: its code, the package, the shipped weights, the settings."""
    code = "\0".join(cell.source for cell in node.cells if cell.cell_type == "code")
    digest = hashlib.sha256(code.encode() + b"fast" * fast)
    package = ROOT / "srgan_lessons"
    for file in [*sorted(package.rglob("*.py")), *sorted((package / "weights").glob("*.safetensors"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def executed_outputs(lesson: Lesson) -> Outputs:
    """Runs the solutions edition in an empty folder.

    Raises LessonError if a cell fails, or if a marked cell outputs anything except printed text.
    """
    node = notebook(lesson, solved=True, outputs={})
    cells = lesson.edition(solved=True)
    try:
        run(node, fast=True, timeout=600)
    except CellExecutionError as error:
        failed = next(
            (i for i, c in enumerate(node.cells) if any(o.output_type == "error" for o in c.get("outputs", []))), 0
        )
        raise LessonError([lesson.at(cells[failed].line, f"this cell failed: {error.ename}: {error.evalue}")]) from None
    pairs = [(cell, ran) for cell, ran in zip(cells, node.cells, strict=True) if "check-output" in cell.tags]
    return {cell.number: _comparable(lesson, cell, ran.outputs) for cell, ran in pairs}


def _comparable(lesson: Lesson, cell: Cell, outputs: list) -> list[dict[str, Any]]:
    """Only text is compared, so only text is kept; anything else in such a cell is a mistake."""
    kept: list[dict[str, Any]] = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stdout":
            if kept and kept[-1]["output_type"] == "stream":
                kept[-1]["text"] += output.text
            else:
                kept.append({"output_type": "stream", "name": "stdout", "text": output.text})
        elif output.output_type == "execute_result" and set(output.data) == {"text/plain"}:
            kept.append(
                {"output_type": "execute_result", "data": dict(output.data), "metadata": {}, "execution_count": 0}
            )
        else:
            what = output.get("name", output.output_type)
            raise LessonError(
                [lesson.at(cell.line, f"check-output: only printed text is compared; this cell outputs {what}")]
            )
    if not kept:
        raise LessonError([lesson.at(cell.line, "check-output: this cell prints nothing")])
    return kept


# --- building --------------------------------------------------------------------------------------------------------


def build(path: Path, folder: Path, *, execute: bool | None = None) -> dict[Path, bytes]:
    """Both editions of one lesson: file -> bytes, for notebooks/ at `folder`. Writes nothing.

    execute: True runs the lesson; False uses the outputs in `folder` and never runs the lesson; None runs it if these
    outputs do not belong to the source. Raises LessonError.
    """
    lesson = read_lesson(path)
    if found := problems(lesson):
        raise LessonError(found)
    student, solutions = folder / f"{lesson.stem}.ipynb", folder / "solutions" / f"{lesson.stem}.ipynb"
    outputs = None if execute else committed_outputs(lesson, solutions)
    if outputs is None:
        if execute is False:
            raise LessonError(
                [lesson.at(1, "the outputs in the built notebook are from other code; run tools/build_lessons.py")]
            )
        print(f"running {lesson.stem} ...", flush=True)
        outputs = executed_outputs(lesson)
    editions = {student: False, solutions: True}
    return {file: as_bytes(notebook(lesson, solved=solved, outputs=outputs)) for file, solved in editions.items()}


def readme(text: str, lessons: list[Lesson]) -> str:
    """README.md with its list of lessons, made from the sources. tools/pictures.py makes the pictures.

    The words flow around the pictures: in a table, a phone would leave them a column of two words. The badges stand
    above the words, because below them a long claim would move its badge under the picture.
    """
    rows = []
    for lesson in lessons:
        first = lesson.cells[0].source
        title, claim = (
            first.splitlines()[0].removeprefix("# "),
            re.search(r"\*\*Claim\.\*\* (.+?)(?:\n\n|\Z)", first, re.DOTALL),
        )
        words = " ".join(claim[1].split()) if claim else ""
        light, dark = picture_names(lesson.stem)
        picture = f'<img src="docs/figures/front/{light}" width="140" align="left" hspace="12" alt="">'
        if dark:
            source = f'<source media="(prefers-color-scheme: dark)" srcset="docs/figures/front/{dark}">'
            picture = f"<picture>{source}{picture}</picture>"
        name = f"**{lesson.stem[:2]} · [{title}](notebooks/{lesson.stem}.ipynb)**"
        rows.append(f'{picture} {name} {colab_badge(lesson.stem)}<br>{words}<br clear="left"><br>')
    return README_BLOCK.sub(lambda block: block[1] + "\n".join(rows) + "\n" + block[2], text)


def main(
    arguments: list[str] | None = None, *, notebooks: Path = ROOT / "notebooks", readme_file: Path = ROOT / "README.md"
) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or names, 01 or 01_images_and_scale; all if none is given")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a built file is out of date")
    parser.add_argument("--execute", action="store_true", help="run the lessons even if their code has not changed")
    chosen = parser.parse_args(arguments)
    sources = sorted((notebooks / "source").glob("*.py"))
    wanted = [s for s in sources if not chosen.lessons or s.stem in chosen.lessons or s.stem[:2] in chosen.lessons]
    if not wanted:
        print(
            f"no such lesson in {notebooks / 'source'}. The lessons are: {', '.join(s.stem for s in sources)}",
            file=sys.stderr,
        )
        return 1
    found: list[str] = []
    files: dict[Path, bytes] = {}
    for source in wanted:
        try:
            files |= build(source, notebooks, execute=False if chosen.check else chosen.execute or None)
        except LessonError as error:
            found += error.problems
    if not found and readme_file.exists():
        text = readme_file.read_text(encoding="utf-8")
        try:
            files[readme_file] = readme(text, [read_lesson(source) for source in sources]).encode("utf-8")
        except LessonError as error:  # in a lesson that was not asked for
            found += error.problems
    drawings_folder = readme_file.parent / "docs" / "drawings"
    if drawings_folder.is_dir():
        files |= {drawings_folder / f"{name}.svg": as_file(name).encode("utf-8") for name in DRAWINGS}
    for file, content in files.items():
        if file.exists() and file.read_bytes() == content:
            continue
        if chosen.check:
            found.append(f"{file}: differs from what its source gives; run tools/build_lessons.py")
            continue
        with atomic(file) as temporary:
            temporary.write_bytes(content)
        print(f"wrote {file}")
    built = [*notebooks.glob("*.ipynb"), *notebooks.glob("solutions/*.ipynb")]
    found += [
        f"{file}: has no source; delete it" for file in sorted(built) if file.stem not in {s.stem for s in sources}
    ]
    print(*found, sep="\n", file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
