"""Validation on pictures that were held out of training, never on a benchmark set."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from srgan_lessons.images import save_image, to_image, to_tensor
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import downscale, upscale
from srgan_lessons.training.machine import Machine

LARGEST = 384  # pixels on a side: of larger pictures the middle is used
FIGURES = ("val_psnr", "val_content")
SHOWN = 3  # pictures in a preview


class Validation:
    """Called with a network, measures it on the held-out pictures (name -> uint8 (H, W, 3)) and draws a preview.

    Returns val_psnr, in dB by the community protocol, mean over pictures, and val_content, the recipe's own content
    loss, by which the best checkpoint is chosen: PSNR would choose the blurriest SRGAN.
    """

    criterion, note = "val_content", ""

    def __init__(self, held_out: Mapping[str, np.ndarray], recipe, content: nn.Module, machine: Machine):
        self.pairs: list[tuple[Tensor, Tensor]] = []
        for image in held_out.values():
            hr = to_tensor(_middle(image))  # (1, 3, H, W)
            self.pairs.append((downscale(hr), hr))
        self.content, self.machine = content, machine

    @torch.no_grad()
    def __call__(self, network: nn.Module, preview: Path) -> dict[str, float]:
        psnrs, contents, rows = [], [], []
        for lr, hr in self.pairs:
            hr_there = hr.to(self.machine.device)
            with self.machine.autocast():
                sr = network(lr.to(self.machine.device))  # (1, 3, H, W)
                contents.append(self.content(sr, hr_there).float().item())
            sr = sr.float().cpu()
            psnrs.append(psnr(sr, hr))
            if len(rows) < SHOWN:
                rows.append(np.hstack([to_image(x) for x in (upscale(lr), sr, hr)]))
        save_image(preview, _stack(rows))
        return {"val_psnr": float(np.mean(psnrs)), "val_content": float(np.mean(contents))}


def _middle(image: np.ndarray) -> np.ndarray:
    """The middle of a picture, at most LARGEST on a side, each side a multiple of 16 (VGG halves it four times)."""
    height, width = (min(n, LARGEST) // 16 * 16 for n in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _stack(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of different width one below the other, on grey."""
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=128) for r in rows])
