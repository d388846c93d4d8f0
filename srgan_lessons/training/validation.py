"""Validation on pictures that were held out of training, never on a benchmark set."""

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from srgan_lessons import UserError
from srgan_lessons.images import save_image, to_image, to_tensor
from srgan_lessons.metrics import psnr, tint, weave
from srgan_lessons.precision import full_float32
from srgan_lessons.resize import downscale, upscale
from srgan_lessons.stlpips import STLPIPS
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.recipes import Recipe

FIGURES = ("val_psnr", "val_content", "val_weave", "val_tint", "val_stlpips")
LARGEST = 384  # pixels on a side; of larger pictures only the middle is used
SHOWN = 3  # pictures in a preview


class Validation:
    """Measures a network on the held-out pictures (name -> uint8 (H, W, 3)) when called, and draws a preview.

    Returns means over the pictures: val_psnr, in dB under the community protocol; val_content, the recipe's own content
    loss; val_weave and val_tint, in grey levels; and val_stlpips, which is ST-LPIPS (Alex), if the recipe has an
    adversarial loss.

    previews: where to write the preview; the first path that can be written to is used.
    names: the FIGURES that are measured. note: what is not measured and why, or "". criterion: the figure whose
    lowest value marks the best checkpoint: val_stlpips if it is measured, otherwise val_content. It is never PSNR,
    because PSNR would choose the blurriest SRGAN; a content loss would choose nearly the blurriest.
    """

    def __init__(self, held_out: Mapping[str, np.ndarray], recipe: Recipe, content: nn.Module, machine: Machine):
        self.content, self.machine = content, machine
        self.pictures: list[np.ndarray] = [middle(image) for image in held_out.values()]  # uint8 (H, W, 3)
        self.pairs: list[tuple[Tensor, Tensor]] = []  # LR and HR on the device, copied only once
        for picture in self.pictures:
            hr = to_tensor(picture)  # (1, 3, H, W)
            self.pairs.append((downscale(hr).to(machine.device), hr.to(machine.device)))
        self.perceptual: STLPIPS | None = None
        notes = []
        smallest = min(min(picture.shape[:2]) for picture in self.pictures)
        weaves = smallest >= 48  # pixels: 36 are needed, and sides are multiples of 16
        if not weaves:
            notes.append(f"val_weave is not measured: a held-out picture has only {smallest} pixels on a side")
        if recipe.adversarial:
            if smallest < 32:  # 21 are needed
                notes.append(f"val_stlpips is not measured: a held-out picture has only {smallest} pixels on a side")
            else:
                try:
                    self.perceptual = STLPIPS("alex").to(machine.device)
                except UserError as error:
                    notes.append(f"val_stlpips is not measured, and val_content chooses the best checkpoint: {error}")
        measured = {"val_weave": weaves, "val_stlpips": self.perceptual is not None}
        self.names = tuple(name for name in FIGURES if measured.get(name, True))
        self.criterion = "val_stlpips" if self.perceptual else "val_content"
        self.note = "\n".join(notes)

    @torch.no_grad()
    def __call__(self, network: nn.Module, *previews: Path) -> dict[str, float]:
        found: dict[str, list[float]] = {name: [] for name in self.names}
        rows: list[np.ndarray] = []
        with full_float32():  # except for the network, which runs in the precision it is trained in
            for (lr, hr), picture in zip(self.pairs, self.pictures, strict=True):
                with self.machine.autocast():
                    sr = network(lr)  # (1, 3, H, W)
                sr = sr.float()
                image = to_image(sr)  # (H, W, 3), rounded
                found["val_psnr"].append(psnr(image, picture))
                found["val_content"].append(self.content(sr, hr).item())
                found["val_tint"].append(tint(image, picture))
                if "val_weave" in found:
                    found["val_weave"].append(weave(image))
                if self.perceptual:
                    found["val_stlpips"].append(self.perceptual(to_tensor(image).to(hr), hr).item())
                if len(rows) < SHOWN:
                    rows.append(np.hstack([to_image(upscale(lr.cpu())), image, picture]))
        problem = None
        for preview in previews:
            try:
                save_image(preview, _stack(rows))
                break
            except UserError as error:  # for example a full disk
                problem = problem or error
        else:  # a preview is not worth an hour of training
            if problem:
                warnings.warn(f"{problem} Training goes on without this preview.", stacklevel=2)
        return {name: float(np.mean(values)) for name, values in found.items()}


def middle(image: np.ndarray) -> np.ndarray:
    """The middle of a picture, at most LARGEST on a side, each side a multiple of 16 (VGG halves it four times)."""
    height, width = (min(n, LARGEST) // 16 * 16 for n in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _stack(rows: list[np.ndarray]) -> np.ndarray:
    """Stacks rows of different width on a grey background."""
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=128) for r in rows])
