"""Reports what this machine has and what is missing, one line each. A line that is not "OK" names the next step."""

import importlib
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from srgan_lessons import UserError
from srgan_lessons.files import counted, data_root
from srgan_lessons.surroundings import packages_from, surroundings, system

NOTEBOOKS = ("jupyterlab", "ipywidgets", "anywidget", "jinja2", "pandas", "scipy", "statsmodels", "matplotlib")
MODULES = {"pillow": "PIL", "scikit-image": "skimage"}  # modules whose name differs from the package's


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A line of the report.

    state: "OK", "FAIL" (the course cannot run), or "--" (a part of it cannot). If it is not "OK", text says how to fix
    it.
    """

    state: str
    topic: str
    text: str

    def __str__(self) -> str:
        return f"{self.state:<5}{self.topic:<14}{self.text}"


def examine() -> list[Finding]:
    """Checks the surroundings, Python, packages, processors, disk, data sets, networks and notebooks.

    It downloads nothing.
    """
    return [Finding(state=state, topic=topic, text=text) for state, topic, text in _lines()]


def _lines() -> Iterator[tuple[str, str, str]]:
    place = surroundings()
    yield "OK", "place", f"{place.name}, {system()}: {place.files}"
    yield "OK", "packages", packages_from()
    python = platform.python_version()
    new_enough = tuple(map(int, platform.python_version_tuple()[:2])) >= (3, 11)
    yield (
        ("OK" if new_enough else "FAIL"),
        "Python",
        python + ("" if new_enough else ": the course needs 3.11 or newer; make an environment with it"),
    )
    for package in ("torch", "torchvision", "numpy", "pillow", "scikit-image", "tqdm", "safetensors", "filelock"):
        yield _imported(package, missing="FAIL", how=f"{place.pip} srgan-lessons")
    parts = {"CPU": _processors, "disk": _room, "data sets": _data_sets, "networks": _networks, "lessons": _notebooks}
    for topic, part in parts.items():
        try:
            yield from part()
        except (ImportError, OSError, UserError) as error:  # from a package that is missing or broken
            yield "FAIL", topic, f"could not be checked: {error}"


def _processors() -> Iterator[tuple[str, str, str]]:
    import torch

    from srgan_lessons.precision import computes_in_bf16

    precisions = "fp32, bf16" if computes_in_bf16(torch.device("cpu")) else "fp32"
    cores, threads = counted(os.cpu_count() or 1, "core"), counted(torch.get_num_threads(), "thread")
    yield "OK", "CPU", f"{cores}, torch uses {threads}, {precisions}"
    if not torch.cuda.is_available():
        yield "--", "GPU", f"none that torch can use: {_gpu_step()}"
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        bf16 = computes_in_bf16(torch.device("cuda", index))
        precisions = "fp32, fp16, bf16" if bf16 else "fp32, fp16 (no bf16: training uses fp16 with a scaler)"
        yield "OK", "GPU", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {precisions}"


def _gpu_step() -> str:
    """How to get a GPU. A laptop often has a card, but a version of torch that was built without CUDA."""
    import torch

    if shutil.which("nvidia-smi") and torch.version.cuda is None:
        again = f"{surroundings().pip} --force-reinstall torch torchvision"
        if system() == "Windows":  # where pip's usual torch is built without CUDA, too
            again = 'use the command that PyTorch\'s page "Get Started" shows for Windows, Pip and CUDA'
        return f"there is an NVIDIA card, but torch was built without CUDA; {again}"
    return surroundings().gpu


def _room() -> Iterator[tuple[str, str, str]]:
    root = data_root().absolute()
    place = next((folder for folder in (root, *root.parents) if folder.exists()), None)
    if place is None:
        yield "--", "disk", f"the drive of {root} is missing: connect it, or set SRGAN_LESSONS_DATA to another folder"
        return
    if not place.is_dir():
        yield "--", "disk", f"{place} is a file: set SRGAN_LESSONS_DATA to a folder"
        return
    if not os.access(place, os.W_OK):
        yield "--", "disk", f"{place} cannot be written: to download data, set SRGAN_LESSONS_DATA to another folder"
        return
    free = shutil.disk_usage(place).free / 1e9
    enough = free > 2
    step = "" if enough else ": free some space, or set SRGAN_LESSONS_DATA to a folder on another disk"
    yield ("OK" if enough else "--"), "disk", f"{free:.0f} GB free for data in {data_root()}{step}"


def _data_sets() -> Iterator[tuple[str, str, str]]:
    from srgan_lessons.datasets import status

    for row in status():
        whole = row.present == row.total
        how = "" if whole else f": srgan-lessons data get {row.name}"
        yield ("OK" if whole else "--"), row.name, f"{row.present} of {row.total} files{how}"
    yield from _stores()


def _stores() -> Iterator[tuple[str, str, str]]:
    """Photo stores that were packed because photos did not fit into memory, and unfinished ones."""
    from srgan_lessons.datasets.store import open_store, stores_folder

    for path in sorted(stores_folder().glob("*.store")):
        try:
            images = open_store(path).images
            pictures = counted(len(images), "picture")
            yield "OK", "photo store", f"{path}: {pictures}, {images.pixels.nbytes / 1e9:.2f} GB"
        except UserError as error:
            yield "--", "photo store", str(error)
    for path in sorted(stores_folder().glob(".*.part")):
        size = path.stat().st_size / 1e9
        yield "--", "photo store", f"{path}: unfinished, {size:.2f} GB; training on its photos continues packing"


def _networks() -> Iterator[tuple[str, str, str]]:
    from srgan_lessons.vgg import offline_weights
    from srgan_lessons.weights import shipped_weights

    shipped = ", ".join(shipped_weights())
    yield ("OK" if shipped else "--"), "weights", shipped or "none are shipped with this version: install it again"
    kept = data_root() / "weights" / "vgg19_features.safetensors"
    if kept.exists():
        yield "OK", "VGG19", str(kept)
    else:
        yield "--", "VGG19", "not here: downloaded (548 MB) when vgg22 or vgg54 is first used"
    try:
        yield "OK", "VGG16", f"offline: {offline_weights('vgg')}"
    except UserError:
        yield "--", "VGG16", f'offline network not here: {surroundings().pip} "srgan-lessons[offline]"'


def _notebooks() -> Iterator[tuple[str, str, str]]:
    place = surroundings()
    for package in NOTEBOOKS:
        if place.shows_notebooks and package == "jupyterlab":
            continue
        # where notebooks already run, only this package, because the others may not change
        what = package if place.shows_notebooks else '"srgan-lessons[notebooks]"'
        yield _imported(package, missing="--", how=f"the lessons need it: {place.pip} {what}")


def _imported(package: str, *, missing: str, how: str) -> tuple[str, str, str]:
    """Tries an import. An installed package may still fail, as torchvision does with a torch it was not built for."""
    try:
        found = version(package)
    except PackageNotFoundError:
        return missing, package, f"not installed: {how}"
    try:
        importlib.import_module(MODULES.get(package, package))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return "FAIL", package, f"{found} is installed but cannot be imported ({type(error).__name__}: {reason}): {how}"
    return "OK", package, found
