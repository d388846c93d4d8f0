"""Enlarges picture files: how the results are named, and what they keep of their sources."""

import glob
import os
import re
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from unicodedata import normalize

import numpy as np
import torch
from torch import nn

from srgan_lessons import UserError, processes
from srgan_lessons.files import check_name, expand, is_there, list_folder
from srgan_lessons.images import (
    SUFFIXES,
    WRITABLE,
    check_target,
    pictures_in,
    read_picture,
    save_image,
    upright_size,
)
from srgan_lessons.images.formats import is_picture
from srgan_lessons.models import SCALE
from srgan_lessons.upscaling.tiles import TILE, Bicubic, check_tile, enlarge, prepare

REACH = 64  # pixels: more than a network or bicubic sees on each side of a pixel
UNEVEN = timedelta(days=7)  # how long processes wait for another whose pictures are larger


def upscale_file(
    source: str | Path,
    target: str | Path,
    weights: str | Path | nn.Module = "srgan",
    *,
    device: str | torch.device | None = None,
    tile: int = TILE,
    precision: str = "fp32",
    progress: bool = False,
) -> None:
    """Enlarges a picture file into another: upright, grey if it was grey, with its colour profile, EXIF and dpi.

    Transparency is enlarged with bicubic interpolation, because the networks have only learnt colours. Colours under
    full transparency would show at the edges, so they are replaced first: see `spread`. Raises UserError as `upscale`,
    `images.read_picture` and `images.save_image` do, and if the target is the source.
    """
    _enlarge_file(expand(source), expand(target), prepare(weights, device, precision), tile=tile, progress=progress)


def _enlarge_file(source: Path, target: Path, network: nn.Module, *, tile: int, progress: bool) -> None:
    check_tile(tile)
    if os.path.exists(target) and os.path.exists(source) and os.path.samefile(source, target):
        raise UserError(f"{target} is the picture to be enlarged. Choose another name for the result.")
    picture = read_picture(source)
    height, width = picture.rgb.shape[:2]
    check_target(  # before the work, not after it
        target, SCALE * height, SCALE * width, alpha=picture.alpha is not None, profile=picture.icc_profile is not None
    )
    colours = picture.rgb if picture.alpha is None else spread(picture.rgb, picture.alpha)
    enlarged = enlarge(colours, network, tile=tile, progress=progress, grey=picture.grey)
    rgb = _as_rgb(enlarged) if picture.grey else enlarged
    alpha = None
    if picture.alpha is not None:
        alpha = enlarge(_as_rgb(picture.alpha), Bicubic(), tile=tile, progress=False, grey=True)
    save_image(target, replace(picture, rgb=rgb, alpha=alpha))


def spread(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Spreads colours up to REACH pixels into the hidden parts, where alpha (H, W) is zero. Returns (H, W, 3).

    A program that saves a logo may leave any colour there, often black or white, and an enlarged pixel also depends on
    its neighbours. In each step a hidden pixel gets the colour of a neighbour that has one: the one above, otherwise
    the one to the left, to the right, or below. The browser page for your own photo does the same.
    """
    known = alpha > 0  # (H, W)
    if known.all() or not known.any():
        return rgb
    rgb, whole, first, last = rgb.copy(), slice(None), slice(None, -1), slice(1, None)
    for _ in range(REACH):
        before = known.copy()
        for to, source in (  # from above, from the left, from the right, from below
            ((last, whole), (first, whole)),
            ((whole, last), (whole, first)),
            ((whole, first), (whole, last)),
            ((first, whole), (last, whole)),
        ):
            taken = ~known[to] & before[source]
            rgb[to][taken] = rgb[source][taken]
            known[to] |= taken
        if known.all():
            break
    return rgb


def _as_rgb(channel: np.ndarray) -> np.ndarray:
    """(H, W) seen as (H, W, 3), without a copy."""
    return np.broadcast_to(channel[..., None], (*channel.shape, 3))


@dataclass(kw_only=True)
class Outcome:
    """What `upscale_many` did. written: the results that it wrote. there: the results that already existed.

    failed: the sources that failed, each with the reason. passed_over: files in the folders that are not pictures,
    judging by the endings of their names.
    """

    written: list[Path] = field(default_factory=list)
    there: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    passed_over: list[Path] = field(default_factory=list)


def upscale_many(
    sources: Iterable[str | Path],
    out: str | Path | None = None,
    weights: str | Path | nn.Module = "srgan",
    *,
    device: str | torch.device | None = None,
    tile: int = TILE,
    precision: str = "fp32",
    overwrite: bool = False,
    progress: bool = True,
) -> Outcome:
    """Enlarges picture files and all pictures in folders (not in subfolders). A bad picture does not stop the others.

    sources: files and folders. A name with * or ? that no file has is a pattern, as in a shell. out: a folder, which
    gets a `<stem>_x4.png` for each picture; for a single source, it can also be the name of a picture file. If it does
    not exist yet and has an ending, this must be the ending of a writable format; to name a new folder like that, add a
    slash. None: each result is written beside its picture; this is refused for folders, where results and pictures
    would mix.
    overwrite: replaces results that already exist. Without it, existing results in a folder stay as they are, whatever
    weights they were made with, and only missing ones are made. So after an interruption, repeat the same call.
    progress: shows a bar over each picture's tiles.

    Under torchrun each of n processes enlarges every n-th picture, on the GPU with its number, and waits for the others
    at the end. Each of them returns what all of them did.

    Raises UserError before any work for a missing source, a folder without pictures, two results of the same name,
    results among the sources, an existing result that is not four times its source, a file `out` that already exists,
    and unknown weights or devices.
    """
    processes.check_environment()
    rank, world = processes.rank(), processes.world_size()
    processes.connect("gloo", UNEVEN)
    if world > 1 and device is None and torch.cuda.is_available():
        device = f"cuda:{processes.local_rank() % torch.cuda.device_count()}"

    def set_up() -> tuple[dict[Path, Path], Outcome, nn.Module]:
        noted = Outcome()
        plan = _plan(_found(sources), out, overwrite, noted)
        check_tile(tile)
        return plan, noted, prepare(weights, device, precision)

    plan, noted, network = processes.together(set_up)
    mine = Outcome()
    for source, target in list(plan.items())[rank::world]:
        try:
            if os.path.exists(target) and not overwrite:
                mine.there.append(target)
                continue
            _enlarge_file(source, target, network, tile=tile, progress=progress and rank == 0)
            mine.written.append(target)
        except UserError as error:
            mine.failed[source] = str(error)
        except MemoryError:
            mine.failed[source] = "there is not enough memory for it. Close other programs, or cut it into parts."
    done = _merge(processes.gather(mine), plan)
    return replace(done, failed=noted.failed | done.failed, passed_over=noted.passed_over)


def _merge(outcomes: list[Outcome], plan: dict[Path, Path]) -> Outcome:
    """What several processes did, in the order of the plan."""
    written, there = ({path for part in outcomes for path in getattr(part, name)} for name in ("written", "there"))
    failed = {source: reason for part in outcomes for source, reason in part.failed.items()}
    return Outcome(
        written=[target for target in plan.values() if target in written],
        there=[target for target in plan.values() if target in there],
        failed={source: failed[source] for source in plan if source in failed},
    )


def _found(sources: Iterable[str | Path]) -> list[Path]:
    """The files and folders that the sources name. On Windows, the program itself has to find the files of *.jpg."""
    found: list[Path] = []
    for source in map(expand, sources):
        pattern = str(source).replace("[", "[[]")  # a bracket is a character like any other
        matches = [] if is_there(source) else sorted(glob.glob(pattern))
        found += map(Path, matches) if matches else [source]
    return found


def _plan(sources: list[Path], out: str | Path | None, overwrite: bool, outcome: Outcome) -> dict[Path, Path]:
    """Source -> result. Files that are passed over or cannot be named are noted in the outcome."""
    files = _files(sources, out, outcome)
    if twice := [file for file, count in Counter(files).items() if count > 1]:
        raise UserError(f"{twice[0]} is given twice, perhaps once with its folder. Give each picture once.")
    if not files:
        raise UserError("there is no picture to enlarge: give files or a folder.")
    targets = _targets(files, out)
    if file := next((parent for parent in targets[0].parents if parent.is_file()), None):
        raise UserError(f"{targets[0]} cannot be written: {file} is a file, but a folder is needed there.")
    by_name: dict[str, Path] = {}
    originals = {os.path.realpath(file) for file in files}
    plan: dict[Path, Path] = {}
    for file, target in zip(files, targets, strict=True):
        other = by_name.setdefault(str(target).casefold(), file)  # A.png and a.png are one file on some disks
        if other is not file:
            raise UserError(
                f"{other} and {file} would both become {target}. Enlarge them separately, into different folders."
            )
        if os.path.realpath(target) in originals:
            raise UserError(f"{target} is one of the pictures to enlarge; it would be lost. Choose another name.")
        if os.path.exists(target) and not overwrite:
            if out is not None and target == expand(out):
                raise UserError(f"{target} already exists. Remove it, choose another name, or add --overwrite.")
            if not _is_enlarged(file, target):
                raise UserError(
                    f"{target} already exists, and it is not four times as wide and high as {file}. Remove it, "
                    "choose another folder, or add --overwrite."
                )
        try:
            check_name(target)
            plan[file] = target
        except UserError as error:
            outcome.failed[file] = f"its result cannot be named: {error}"
    return plan


def _files(sources: list[Path], out: str | Path | None, outcome: Outcome) -> list[Path]:
    """The pictures to enlarge: the files, and those in the folders."""
    files: list[Path] = []
    for source in sources:
        if os.path.isdir(source):
            inside = pictures_in(source)
            others = [path for path in list_folder(source) if not is_picture(path) and not os.path.isdir(path)]
            if not inside:
                raise UserError(f"the folder {source} holds no pictures ({' '.join(SUFFIXES)}).")
            if out is None:
                raise UserError(f"{source} is a folder: its results need a folder of their own. Name one with --out.")
            if os.path.isdir(expand(out)) and os.path.samefile(expand(out), source):
                raise UserError(f"{out} is the folder that the pictures come from. Choose another for the results.")
            files += inside
            outcome.passed_over += others
        elif is_there(source):  # if it cannot be read, only this source fails, later
            files.append(source)
        else:
            raise UserError(f"{source} is not there: no such file or folder.")
    return files


def _targets(files: list[Path], out: str | Path | None) -> list[Path]:
    """The result of each picture. Raises UserError if `out` can be neither a folder nor one picture."""
    if out is None:
        return [file.with_name(f"{file.stem}_x4.png") for file in files]
    named_as_folder = str(out).endswith(("/", os.sep))
    out = expand(out)
    if os.path.isdir(out) or named_as_folder or (not out.suffix and not os.path.exists(out)):
        return [out / f"{file.stem}_x4.png" for file in files]
    if out.suffix.lower() in WRITABLE:
        if len(files) > 1:
            raise UserError(f"{out} is one file, and there are {len(files)} pictures. Name a folder for the results.")
        return [out]
    raise UserError(
        f"{out} is not a folder, and its ending is not that of a picture file that can be written "
        f"({' '.join(WRITABLE)}). Choose another ending, or for a folder write {out}{os.sep}"
    )


def _is_enlarged(source: Path, target: Path) -> bool:
    """Whether a PNG is four times as high and wide as a picture file. Reads only the files' headers."""
    try:
        width, height = upright_size(source)
        with open(target, "rb") as file:
            found = struct.unpack(">II", file.read(24)[16:])  # PNG standard, IHDR
    except (UserError, OSError, struct.error):
        return False
    return found == (SCALE * width, SCALE * height)


# -- how other programs name their results --------------------------------------------------------------------------

_ENDING = r"(?:[ ._-]*(?:x4|4x)|[ ._-]+(?:sr|out))"
_ONE_ENDING, _ENDINGS = (re.compile(pattern, re.IGNORECASE) for pattern in (f"{_ENDING}$", f"{_ENDING}+$"))


def plain_name(stem: str) -> str:
    """The name of an enlarged picture without the usual endings x4, _SR and _out: "baby_x4_SR" -> "baby"."""
    return _ENDINGS.sub("", stem) or stem


def find_results(folder: str | Path, names: Iterable[str]) -> dict[str, list[Path]]:
    """Name -> the pictures in a folder with that name, with or without the usual endings: none, one or several.

    An image may itself be named like that: "cat_out_x4" is a picture of "cat_out", if there is one, and not of "cat".
    An é may be stored as one character or as e and an accent; it counts as the same. So do capitals and small letters,
    unless they tell two images apart.
    """
    found: dict[str, list[Path]] = {name: [] for name in names}
    known = {normalize("NFC", name): name for name in found}
    counts = Counter(name.casefold() for name in known)
    small = {name.casefold(): image for name, image in known.items() if counts[name.casefold()] == 1}

    def image_of(name: str) -> str | None:
        return known.get(name) or small.get(name.casefold())

    for path in pictures_in(folder):
        name = normalize("NFC", path.stem)
        while image_of(name) is None and (shorter := _ONE_ENDING.sub("", name)) != name:
            name = shorter
        if (image := image_of(name)) is not None:
            found[image].append(path)
    return found
