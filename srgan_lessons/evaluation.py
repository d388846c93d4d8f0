"""Benchmark tables: a method's PSNR and SSIM for each image of Set5, Set14 and BSD100, under a named protocol."""

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TypeGuard

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from srgan_lessons import UserError, __version__
from srgan_lessons.datasets import BenchmarkImage, benchmark
from srgan_lessons.datasets.catalogue import some
from srgan_lessons.device import choose_device
from srgan_lessons.files import atomic, expand, shipped
from srgan_lessons.images import AnyPicture, check_image, load_image, pictures_in, read_picture, to_tensor
from srgan_lessons.images.formats import READABLE
from srgan_lessons.metrics import PROTOCOLS, psnr, ssim
from srgan_lessons.models import SCALE
from srgan_lessons.precision import full_float32
from srgan_lessons.resize import imresize
from srgan_lessons.stlpips import STLPIPS
from srgan_lessons.upscaling import METHODS, upscaler
from srgan_lessons.upscaling.files import find_results
from srgan_lessons.weights import shipped_weights

SETS = ("Set5", "Set14", "BSD100")
ABOUT = {
    "community": "Y of ITU-R BT.601, 4 pixels cut from each border, SSIM window 11x11, Gaussian",
    "paper": "Y of ITU-R BT.709 (inferred), 4 pixels cut from each border, SSIM window grows with the image",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image under one protocol. For equal images psnr (in dB) is infinite, ssim is 1 and stlpips is 0."""

    set: str
    image: str
    protocol: str
    psnr: float
    ssim: float
    stlpips: float | None = None


@dataclass(frozen=True, kw_only=True)
class Mean:
    """One set under one protocol: the means of the values in `Row` over the images of the set."""

    set: str
    protocol: str
    images: int
    psnr: float
    ssim: float
    stlpips: float | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """What `evaluate` found. rows: one for each image and protocol. notes: where the LR images of each set come from.

    whole: False if a limit left images out; such numbers are only for trying things out.
    """

    method: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    whole: bool = True

    @property
    def means(self) -> list[Mean]:
        """One `Mean` for each set and protocol, in the order of the rows."""
        return [self.mean(name, protocol) for name, protocol in dict.fromkeys((r.set, r.protocol) for r in self.rows)]

    def mean(self, set: str, protocol: str = "community") -> Mean:
        """The means over the images of a set. Raises UserError for a set or protocol that was not measured."""
        rows = [row for row in self.rows if (row.set, row.protocol) == (set, protocol)]
        if not rows:
            known = ", ".join(dict.fromkeys(f"{row.set} ({row.protocol})" for row in self.rows))
            raise UserError(f"{set} has no results under the protocol {protocol!r}. There are results for: {known}")
        distances = [row.stlpips for row in rows if row.stlpips is not None]
        return Mean(
            set=set,
            protocol=protocol,
            images=len(rows),
            psnr=fmean(row.psnr for row in rows),
            ssim=fmean(row.ssim for row in rows),
            stlpips=fmean(distances) if len(distances) == len(rows) else None,
        )

    @property
    def text(self) -> str:
        """The means as a plain table, with a block for each protocol and everything needed to compare them."""
        lines = [f"{self.method}, x{SCALE}" + ("" if self.whole else ", NOT ALL IMAGES: not a benchmark result")]
        for protocol in dict.fromkeys(row.protocol for row in self.rows):
            means = [mean for mean in self.means if mean.protocol == protocol]
            paper = self._papers_row() if protocol == "paper" else {}
            width = max(12, *(len(mean.set) for mean in means))
            lines += ["", f"protocol {protocol}: {ABOUT[protocol]}"]
            perceptual = means[0].stlpips is not None
            head = f"{'set':<{width}} {'images':>6} {'PSNR [dB]':>10} {'SSIM':>7}" + (" ST-LPIPS" if perceptual else "")
            lines.append(head + ("   paper's Table 2" if any(mean.set in paper for mean in means) else ""))
            for mean in means:
                line = f"{mean.set:<{width}} {mean.images:>6} {mean.psnr:>10.3f} {mean.ssim:>7.4f}"
                line += f" {mean.stlpips:>8.4f}" if perceptual else ""
                if mean.set in paper:
                    line += f"   {paper[mean.set].psnr:.2f} / {paper[mean.set].ssim:.4f}"
                lines.append(line)
        return "\n".join([*lines, "", *self.notes])

    def __str__(self) -> str:
        return self.text

    def _papers_row(self) -> dict[str, "PaperRow"]:
        """Set -> what the paper reports for this method: only for bicubic and nearest, because our networks differ."""
        if not (self.whole and self.method in METHODS):
            return {}
        return {row.set: row for row in paper_table(2) if row.method == self.method}

    def to_json(self) -> str:
        """Means, per-image rows and notes as JSON text. An infinite PSNR (equal images) becomes null."""
        content = {
            "method": self.method,
            "scale": SCALE,
            "whole": self.whole,
            "protocols": {row.protocol: ABOUT[row.protocol] for row in self.rows},
            "means": [_finite(asdict(mean)) for mean in self.means],
            "rows": [_finite(asdict(row)) for row in self.rows],
            "notes": self.notes,
            "srgan_lessons": __version__,
        }
        return json.dumps(content, indent=1, allow_nan=False) + "\n"

    def write_json(self, path: str | Path) -> None:
        """Writes `to_json` to a file, completely or not at all. Raises UserError if it cannot be written."""
        with atomic(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")


def _finite(values: dict) -> dict:
    return {name: None if isinstance(x, float) and not math.isfinite(x) else x for name, x in values.items()}


Method = str | Path | nn.Module | Callable[[np.ndarray], AnyPicture]


def evaluate(
    method: Method,
    sets: Sequence[str] = SETS,
    protocol: str = "community",
    *,
    device: str | torch.device | None = None,
    stlpips: bool = False,
    limit: int | None = None,
    progress: bool = True,
) -> Table:
    """Enlarges the LR images of benchmark sets and measures the results against HR.

    method: "bicubic", "nearest", a name or path of weights, a network, a function uint8 (h, w, 3) -> a picture, or a
    folder of pictures that another program has enlarged. These are named like the HR images, with or without the
    endings x4, _SR and _out; with several sets, each set may have its own subfolder, named like the set.
    sets: names of the catalogue or of your own sets, see `datasets.benchmark`. protocol: "community", "paper" or
    "both". stlpips: adds the perceptual metric ST-LPIPS (AlexNet) on RGB. limit: how many images of each set to use,
    counted from the first; None: all of them.

    LR images are the published ones. If a set has none, they are made: HR is cut at the bottom and right to a multiple
    of 4, then reduced by `imresize`.

    Raises UserError for an unknown method, set or protocol, a set that is missing or incomplete, a picture that cannot
    be read (a benchmark must be complete), LR and HR that do not match, a function that returns another size or
    kind of array, and a folder in which a picture is missing, exists twice, has another size or has transparent parts.
    """
    sets = [sets] if isinstance(sets, str) else [str(name) for name in sets]
    if not sets or len(set(sets)) != len(sets):
        raise UserError(f"sets: give at least one set, and each only once; got {', '.join(sets) or 'none'}")
    if protocol not in (*PROTOCOLS, "both"):
        raise UserError(f"unknown protocol {protocol!r}; known: {', '.join(PROTOCOLS)}, both")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise UserError(f"limit must be a whole number of images, 1 or more; got {limit!r}")
    protocols = PROTOCOLS if protocol == "both" else (protocol,)
    whole = {name: benchmark(name) for name in sets}  # a missing set stops this before any work
    images = {name: found[:limit] for name, found in whole.items()}
    ready = {}
    if _is_folder(method):
        ready = {name: _Pictures(expand(method), name, found) for name, found in images.items()}
    enlarge: Callable[[np.ndarray], AnyPicture] | None = None
    label = str(method)
    if not ready:
        label, enlarge = _as_function(method, device)
    distance = STLPIPSDistance(choose_device(device)) if stlpips else None

    rows: list[Row] = []
    notes: list[str] = []
    with tqdm(total=sum(map(len, images.values())), unit="image", desc=label, disable=not progress) as bar:
        for name, found in images.items():
            cut = 0
            for item in found:
                hr, lr, was_cut = _pair(item)
                cut += was_cut
                sr = _checked(enlarge(lr), hr.shape, label, item) if enlarge else ready[name].read(item, hr.shape)
                shared = None if distance is None else distance(sr, hr)
                for each in protocols:
                    values = _measure(sr, hr, each, item)
                    rows.append(Row(set=name, image=item.name, protocol=each, stlpips=shared, **values))
                bar.update()
            notes.append(_note(name, found, len(whole[name]), cut, ready.get(name)))
    complete = all(len(images[name]) == len(whole[name]) for name in sets)
    return Table(method=label, rows=tuple(rows), notes=tuple(notes), whole=complete)


def _as_function(method: Method, device: str | torch.device | None) -> tuple[str, Callable[[np.ndarray], AnyPicture]]:
    if isinstance(method, nn.Module):
        return type(method).__name__, upscaler(method, device=device)
    if callable(method):
        return getattr(method, "__name__", type(method).__name__), method
    return str(method), upscaler(method, device=device)


def _is_folder(method: Method) -> TypeGuard[str | Path]:
    """Whether a method is a folder of pictures, not the name of a method or of weights, and not a run folder."""
    if not isinstance(method, str | Path) or method in METHODS or method in shipped_weights():
        return False
    folder = expand(method)
    return folder.is_dir() and not (folder / "weights.safetensors").exists()


class _Pictures:
    """Pictures of a set's images made by another program. Raises UserError if one is missing or exists twice."""

    def __init__(self, folder: Path, name: str, images: Sequence[BenchmarkImage]):
        self.folder = folder / name if (folder / name).is_dir() else folder
        found = find_results(self.folder, [item.name for item in images])
        if missing := [image for image, paths in found.items() if not paths]:
            verb = "is" if len(missing) == 1 else "are"
            first, here = missing[0], [path.name for path in pictures_in(self.folder)]
            raise UserError(
                f"{len(missing)} of the {len(found)} images of {name} {verb} missing in {self.folder}: "
                f"{some(missing)}. Their names should look like {first}.png, {first}_x4.png, {first}_SR.png or "
                f"{first}_out.png; "
                + (f"found: {some(here)}. Rename your pictures." if here else "no picture is there.")
            )
        if twice := {image: paths for image, paths in found.items() if len(paths) > 1}:
            image, paths = next(iter(twice.items()))
            raise UserError(
                f"{self.folder} has {len(paths)} pictures of {image}: {', '.join(path.name for path in paths)}. Keep "
                "the one to be measured, and move the others to another folder."
            )
        self.paths = {image: paths[0] for image, paths in found.items()}

    def read(self, item: BenchmarkImage, shape: tuple[int, ...]) -> np.ndarray:
        """The picture of an image. It must have the given shape, (H, W, 3)."""
        path = self.paths[item.name]
        picture = read_picture(path)
        if picture.rgb.shape != shape:
            height, width = picture.rgb.shape[:2]
            raise UserError(
                f"{path} has {width} x {height} pixels, but {item.hr} has {shape[1]} x {shape[0]} (cut to multiples of "
                f"{SCALE} at the right and the bottom). The sizes must be equal, and your picture is not resized "
                f"to fit. Enlarge the set's LR image by {SCALE}."
            )
        if picture.alpha is not None and picture.alpha.min() < 255:
            raise UserError(f"{path} has transparent parts, which cannot be measured. Save it without transparency.")
        return picture.rgb

    @property
    def note(self) -> str:
        lossy = sum(path.suffix.lower() in READABLE["JPEG"] for path in self.paths.values())
        kind = "is a JPEG file" if lossy == 1 else "are JPEG files"
        return f"pictures as they are in {self.folder}" + (
            f"; {lossy} of them {kind}, whose losses are measured too: compare PNG files" if lossy else ""
        )


def _pair(item: BenchmarkImage) -> tuple[np.ndarray, np.ndarray, bool]:
    """HR and LR of one image, and whether HR had to be cut to a multiple of 4."""
    hr = load_image(item.hr)
    height, width = (n - n % SCALE for n in hr.shape[:2])
    if min(height, width) == 0:
        raise UserError(f"{item.hr} has {hr.shape[1]} x {hr.shape[0]} pixels; at least {SCALE} x {SCALE} are needed.")
    was_cut = hr.shape[:2] != (height, width)
    hr = hr[:height, :width]
    lr = imresize(hr, 1 / SCALE) if item.lr is None else load_image(item.lr)
    if (SCALE * lr.shape[0], SCALE * lr.shape[1]) != (height, width):
        raise UserError(
            f"{item.lr} has {lr.shape[1]} x {lr.shape[0]} pixels, but must have a quarter of the width and height "
            f"of {item.hr} ({width} x {height}, cut to a multiple of {SCALE}). The two are not a pair: check the "
            "data set."
        )
    return hr, lr, was_cut


def _checked(sr: AnyPicture, shape: tuple[int, ...], label: str, item: BenchmarkImage) -> np.ndarray:
    try:
        sr = check_image(sr)
    except UserError as error:
        raise UserError(f"{label} on {item.name}: {error}") from None
    if sr.shape != shape:
        raise UserError(
            f"{label} on {item.name}: the result has the shape {sr.shape}, and HR has {shape}; they must be equal"
        )
    return sr


def _measure(sr: np.ndarray, hr: np.ndarray, protocol: str, item: BenchmarkImage) -> dict[str, float]:
    try:
        return {"psnr": psnr(sr, hr, protocol=protocol), "ssim": ssim(sr, hr, protocol=protocol)}
    except UserError as error:  # too small for the border or the window
        raise UserError(f"{item.hr} cannot be measured: {error}") from None


def _note(name: str, found: list[BenchmarkImage], whole: int, cut: int, ready: _Pictures | None) -> str:
    images = f"{whole} image" if whole == 1 else f"{whole} images"
    count = images if len(found) == whole else f"the first {len(found)} of {images}"
    source = "LR as published" if found[0].lr is not None else "LR made from HR by imresize(HR, 1/4)"
    source = ready.note if ready else source
    return f"{name}: {count}, {source}" + (
        f"; {cut} HR image{'' if cut == 1 else 's'} cut to a multiple of {SCALE}" if cut else ""
    )


class STLPIPSDistance:
    """ST-LPIPS (AlexNet) of two uint8 pictures (H, W, 3) of equal size. Raises UserError if its weights are missing."""

    def __init__(self, device: torch.device):
        self.device, self.metric = device, STLPIPS("alex").to(device)

    @torch.inference_mode()
    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        with full_float32():
            return self.metric(to_tensor(sr).to(self.device), to_tensor(hr).to(self.device)).item()


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """A cell of the paper's Table 1 or 2 (x4). None: not stated (for the HR images, only the MOS is stated)."""

    set: str
    method: str
    psnr: float | None
    ssim: float | None
    mos: float


def paper_table(number: int) -> list[PaperRow]:
    """Table 1 (five trained variants) or Table 2 (eight methods and HR) of the paper. Its PSNR and SSIM follow the
    protocol "paper". Raises UserError for another number."""
    if number not in (1, 2):
        raise UserError(f"the paper's tables are 1 and 2, not {number}")
    with open(shipped(f"tables/paper_table{number}.csv"), encoding="utf-8", newline="") as file:
        return [_paper_row(entry) for entry in csv.DictReader(file)]


def _paper_row(entry: dict[str, str]) -> PaperRow:
    decibels, similarity = (float(entry[k]) if entry[k] else None for k in ("psnr", "ssim"))
    return PaperRow(set=entry["set"], method=entry["method"], psnr=decibels, ssim=similarity, mos=float(entry["mos"]))
