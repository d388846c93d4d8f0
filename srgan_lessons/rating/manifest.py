"""What a study's folder contains: settings, stimuli and manifest, and how they are written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from srgan_lessons import UserError
from srgan_lessons.files import atomic, explain_write_error

if TYPE_CHECKING:
    import numpy as np

PROTOCOLS = ("acr", "acr-hr")  # ITU-T P.910: absolute category rating; the same with a hidden reference
MANIFEST = "manifest.json"
NOTEBOOK = "rate.ipynb"
FORMAT = 1  # of the manifest
REPOSITORY = "https://github.com/srgan-lessons/srgan-lessons"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How long a study is, and what is added to its pictures.

    dummies: trials to warm up with, which are not analysed. dummies_after_resume: the same after each break. repeats:
    share of the pictures that are shown twice. gold: trials with an obvious score (anchors) among the others; None
    means one in 20, and at least 2. minutes: length of a session, after which there is a break; at most 30 (ITU-R
    BT.500). session_trials: length of a session in trials; the session ends at whichever limit comes first. Raises
    UserError for values that make no sense.
    """

    dummies: int = 5
    dummies_after_resume: int = 3
    repeats: float = 0.1
    gold: int | None = None
    minutes: float = 25
    session_trials: int | None = None

    def __post_init__(self) -> None:
        for name in ("dummies", "dummies_after_resume"):
            whole(name, getattr(self, name), 0, 20)
        if self.gold is not None:
            whole("gold", self.gold, 0, 100)
        if self.session_trials is not None:
            whole("session_trials", self.session_trials, 1, 10_000)
        if not _number(self.repeats) or not 0 <= self.repeats <= 0.5:
            raise UserError(f"repeats is {self.repeats!r}; it must be a share of the pictures, from 0 to 0.5.")
        if not _number(self.minutes) or not 0 < self.minutes <= 30:
            raise UserError(
                f"minutes is {self.minutes!r}; a session lasts more than 0 and at most 30 minutes (ITU-R BT.500)."
            )


@dataclass(frozen=True, kw_only=True)
class Stimulus:
    """A picture of a study.

    name: a neutral name, which is that of the file without its ending. anchor: its obvious score, 1 or 5, or None.
    """

    name: str
    image: str
    method: str
    anchor: int | None
    sha256: str
    width: int
    height: int


def manifest_hash(manifest: Mapping) -> str:
    """SHA-256 of everything in a manifest except its own "hash". Spaces and line ends in the file do not matter."""
    content = {key: value for key, value in manifest.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def read_manifest(path: Path) -> dict:
    if not path.is_file():
        raise UserError(
            f"{path.parent} is not a study: there is no {path.name} in it. `srgan-lessons study new` makes a study."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8-sig"))
        number, given = manifest["format"], manifest["hash"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path} is damaged ({type(error).__name__}: {error}). Copy the study's folder again."
        ) from None
    if number != FORMAT:
        raise UserError(
            f"{path} has format {number}; this version of srgan-lessons reads format {FORMAT}. Update srgan-lessons."
        )
    if given != manifest_hash(manifest):
        raise UserError(
            f"{path} was changed after the study was made (its hash differs), so its votes could not be told apart "
            "from those of the unchanged study. Copy it again, or make a new study."
        )
    return manifest


def write_png(path: Path, pixels: np.ndarray) -> tuple[str, int, int]:
    """Writes RGB without metadata, flushed to the disk. Returns SHA-256, width and height."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)  # half the time of level 6, and 1 % more bytes
    with open(path, "wb") as file:
        file.write(buffer.getvalue())
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(buffer.getvalue()).hexdigest(), pixels.shape[1], pixels.shape[0]


def write_notebook(folder: Path) -> Path:
    """Writes a notebook that shows the rating widget for the study in this folder. Returns its path."""
    text = "# Rate the pictures\n\nRun the cell below (Shift+Enter) and follow the instructions. Stop at any time; "
    text += "run it again under the same name to continue.\n\nIn Colab, first upload the study's zip file: click the "
    text += "folder symbol on the left, then the arrow. At the end, press the download button, and hand in the file."
    code = f"""try:
    import srgan_lessons
except ModuleNotFoundError:  # as in Colab
    %pip install -q "srgan-lessons @ git+{REPOSITORY}"

from pathlib import Path
from shutil import unpack_archive

from srgan_lessons.rating import RatingWidget

study = Path(".")
if not (study / "manifest.json").exists():  # as in Colab, which opens the notebook without its folder
    for archive in Path().glob("*.zip"):
        unpack_archive(archive, archive.stem)
        study = next((path.parent for path in Path(archive.stem).rglob("manifest.json")), study)
RatingWidget(study)"""
    cells = [
        {"cell_type": "markdown", "id": "welcome", "metadata": {}, "source": text},
        {
            "cell_type": "code",
            "id": "rate",
            "metadata": {},
            "source": code,
            "execution_count": None,
            "outputs": [],
        },
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path = folder / NOTEBOOK
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")
    return path


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`. It is renamed to `folder` in one step, or deleted."""
    if not folder.name:
        raise UserError(f"{folder} cannot become a study: name a new folder in it, such as {folder / 'study'}.")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} already exists and is not empty. Choose another name for the new study.")
        part.mkdir(parents=True)
        yield part
        if folder.exists():
            folder.rmdir()  # it is empty; Windows renames only to a name that is free
        os.replace(part, folder)
    except OSError as error:
        raise UserError(explain_write_error(folder, error)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def settings_of(given: dict) -> Settings:
    known = [field.name for field in fields(Settings)]
    if strange := sorted(set(given) - set(known)):
        raise UserError(f"there is no setting {strange[0]!r}. The settings of a study are: {', '.join(known)}.")
    return Settings(**given)


def whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise UserError(f"{name} is {value!r}; it must be a whole number from {low} to {high}.")


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def some(names: Sequence[str]) -> str:
    """The first few of many names, and how many more there are."""
    return ", ".join(map(str, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
