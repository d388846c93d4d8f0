"""Picture files, enlarged: what they are called, and what they keep of their formats."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from srgan_lessons import UserError
from srgan_lessons.images import SUFFIXES, Picture, check_target, read_picture, save_image
from srgan_lessons.models import SCALE
from srgan_lessons.upscaling.tiles import TILE, Bicubic, check_tile, enlarge, prepare


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
    """Enlarges a picture file into another: upright, grey where it was grey, with its colour profile.

    Transparency is enlarged by bicubic interpolation: the networks have learnt colours only. Raises UserError as
    `upscale`, `images.read_picture` and `images.save_image` do, and where the target is the source.
    """
    _enlarge_file(Path(source), Path(target), prepare(weights, device, precision), tile=tile, progress=progress)


def _enlarge_file(source: Path, target: Path, network: nn.Module, *, tile: int, progress: bool) -> None:
    check_tile(tile)
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"{target} is the picture that is to be enlarged. Choose another name for the result.")
    picture = read_picture(source)
    height, width = picture.rgb.shape[:2]
    check_target(  # before the work, not after it
        target, SCALE * height, SCALE * width, alpha=picture.alpha is not None, profile=picture.icc_profile is not None
    )
    enlarged = enlarge(picture.rgb, network, tile=tile, progress=progress, grey=picture.grey)
    rgb = _as_rgb(enlarged) if picture.grey else enlarged
    alpha = None
    if picture.alpha is not None:
        alpha = enlarge(_as_rgb(picture.alpha), Bicubic(), tile=tile, progress=False, grey=True)
    save_image(target, Picture(rgb=rgb, alpha=alpha, grey=picture.grey, icc_profile=picture.icc_profile))


def _as_rgb(channel: np.ndarray) -> np.ndarray:
    """(H, W) seen as (H, W, 3), without a copy."""
    return np.broadcast_to(channel[..., None], (*channel.shape, 3))


@dataclass(kw_only=True)
class Outcome:
    """What `upscale_many` did: the files it wrote, and for each source that it could not enlarge the reason."""

    written: list[Path] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)


def upscale_many(
    sources: Iterable[str | Path],
    out: str | Path,
    weights: str | Path | nn.Module = "srgan",
    *,
    device: str | torch.device | None = None,
    tile: int = TILE,
    precision: str = "fp32",
    overwrite: bool = False,
    progress: bool = True,
) -> Outcome:
    """Enlarges picture files and all pictures of folders (not of folders in them). One bad picture stops no other.

    out: a folder, which gets `<stem>_x4.png` of each; for a single file also the name of a picture file.
    overwrite: replaces results that are there already. progress: a bar over each picture's tiles.

    Raises UserError before any work for a source that is not there, a folder without pictures, two results of one name,
    results among the sources, a result that is there already, unknown weights or device.
    """
    plan = _plan([Path(source) for source in sources], Path(out), overwrite)
    check_tile(tile)
    network = prepare(weights, device, precision)
    outcome = Outcome()
    for source, target in plan.items():
        try:
            _enlarge_file(source, target, network, tile=tile, progress=progress)
            outcome.written.append(target)
        except UserError as error:
            outcome.failed[source] = str(error)
    return outcome


def _plan(sources: list[Path], out: Path, overwrite: bool) -> dict[Path, Path]:
    """Which file becomes which."""
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            inside = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
            if not inside:
                raise UserError(f"the folder {source} holds no pictures ({' '.join(SUFFIXES)}).")
            if out.is_dir() and out.samefile(source):
                raise UserError(f"{out} is the folder that the pictures come from. Choose another for the results.")
            files += inside
        elif source.is_file():
            files.append(source)
        else:
            raise UserError(f"{source} is not there: no such file or folder.")
    if not files:
        raise UserError("there is no picture to enlarge: name files or a folder.")
    if out.suffix.lower() in SUFFIXES and not out.is_dir():
        if len(files) > 1:
            raise UserError(f"{out} is one file, and there are {len(files)} pictures. Name a folder for the results.")
        targets = [out]
    elif out.exists() and not out.is_dir():
        raise UserError(f"{out} is neither a folder nor the name of a picture file ({' '.join(SUFFIXES)}).")
    else:
        targets = [out / f"{file.stem}_x4.png" for file in files]
    by_name: dict[str, Path] = {}
    originals = {file.resolve() for file in files}
    for file, target in zip(files, targets, strict=True):
        other = by_name.setdefault(target.name.casefold(), file)  # some file systems take A.png and a.png for one
        if other is not file:
            raise UserError(f"{other} and {file} would both become {target}. Enlarge them into two folders.")
        if target.resolve() in originals:
            raise UserError(f"{target} is one of the pictures to enlarge; it would be lost. Choose another name.")
        if target.exists() and not overwrite:
            raise UserError(f"{target} is there already. Remove it, choose another name, or ask for overwriting.")
    return dict(zip(files, targets, strict=True))
