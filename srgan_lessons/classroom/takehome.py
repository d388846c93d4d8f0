"""A trained network to take home: one file with its weights, how it was trained, and how well it does."""

import importlib.util
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from srgan_lessons import __version__
from srgan_lessons.classroom.figures import DOTS, STYLE
from srgan_lessons.datasets import Photos
from srgan_lessons.files import atomic, counted
from srgan_lessons.training.planned import Outcome
from srgan_lessons.weights import read_metadata


def card(outcome: Outcome, photos: Photos, figures: Mapping[str, str], *, title: str = "My SRGAN") -> str:
    """What a user must know about a network, in Markdown: data, updates, machine, measurements.

    figures: what was measured -> its value, as text.
    """
    recipe = outcome.plan.stages[-1].recipe
    rows = {"network": f"generator, {counted(recipe.blocks, 'block')} of {recipe.channels} maps, x4"}
    for stage in outcome.plan.stages:
        made = outcome.logs[stage.recipe.name][-1]["step"] if outcome.logs[stage.recipe.name] else 0
        of = "" if made == stage.recipe.steps else f" of {stage.recipe.steps:,} planned"
        rows[stage.recipe.name] = (
            f"{made:,}{of} updates, each with {counted(stage.recipe.batch, 'crop')} of {stage.recipe.crop}, content "
            f"loss {stage.recipe.content}, highest rate {stage.recipe.rate:g}"
        )
    rows["weights"] = f"those after update {int(read_metadata(outcome.best)['updates']):,} of {recipe.name}"
    rows["started from"] = outcome.plan.request["init"] or "random weights"
    rows["data"] = f"{counted(len(photos), 'photo')}, {photos.megapixels:.1f} megapixels"
    rows["machine"] = f"{outcome.plan.machine}; planned for {counted(outcome.plan.minutes, 'minute')}"
    rows["version"] = f"srgan-lessons {__version__}, seed {outcome.plan.request['seed']}"
    lines = [f"# {title}", "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    lines += ["", "| measured | |", "|---|---|", *(f"| {name} | {value} |" for name, value in figures.items())]
    return "\n".join(lines) + "\n"


def card_picture(pictures: Mapping[str, np.ndarray], lines: list[str]) -> bytes:
    """The card as a PNG: versions of one photo side by side, name -> uint8 (H, W, 3), and lines of text below."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 10 / len(pictures) + 0.3 * len(lines) + 0.5), layout="constrained")
        axes = figure.subplots(1, len(pictures), squeeze=False)[0]
        for axis, (name, picture) in zip(axes, pictures.items(), strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set_title(name)
            axis.set_axis_off()
        figure.supxlabel("\n".join(lines), fontsize=13, x=0.02, ha="left")
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DOTS, facecolor="white")
        return file.getvalue()


def take_home(outcome: Outcome, path: str | Path, text: str, picture: bytes) -> list[str]:
    """Writes a zip file: weights.safetensors, card.md, card.png, plan and logs; also model.onnx if onnx is installed.

    Returns the names of its files. Raises UserError if it cannot be written.
    """
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(outcome.best, "weights.safetensors")
        file.writestr("card.md", text)
        file.writestr("card.png", picture)
        file.write(outcome.folder / "plan.json", "plan.json")
        for name in outcome.logs:
            file.write(outcome.folder / name / "log.csv", f"{name}.csv")
        if importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxscript"):
            from srgan_lessons.export import export_onnx

            with tempfile.TemporaryDirectory() as folder:
                export_onnx(outcome.best, Path(folder) / "model.onnx")
                file.write(Path(folder) / "model.onnx", "model.onnx")
        return file.namelist()
