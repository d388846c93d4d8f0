"""Writes data/results/sick_runs.csv: the logs of six short GAN runs, which learners diagnose in lesson 07.

    python benchmarks/sick_runs.py          takes about two minutes on one CPU core

Each run trains the shipped ESPCN against a small discriminator, as the clinic of lesson 07 does, but with another seed,
lower learning rates and more updates. One run is healthy; in each of the others, one thing is wrong.
"""

import csv
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from srgan_lessons.datasets import CropSampler
from srgan_lessons.exercises.lesson07.diagnoses import diagnoses
from srgan_lessons.files import atomic, shipped
from srgan_lessons.images import sample_photos, to_image, to_tensor
from srgan_lessons.losses import MSELoss, adversarial_loss, discriminator_loss, mse_loss, perceptual_loss
from srgan_lessons.metrics import psnr
from srgan_lessons.models import ESPCN, Discriminator
from srgan_lessons.resize import imresize
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import gan_step
from srgan_lessons.weights import load_network

SEED, UPDATES, EVERY = 5, 200, 10
UNSEEN = ("astronaut", "chelsea", "coffee")
PHOTOS = sample_photos()
HR = {name: PHOTOS[name][100:228, 150:278] for name in UNSEEN}  # (128, 128, 3)
LR = {name: imresize(hr, 1 / 4) for name, hr in HR.items()}  # (32, 32, 3)
COLUMNS = ("run", "step", "content", "adversarial", "discriminator", "d_hr", "d_sr", "gain")


def other_kernel(hr: Tensor) -> Tensor:
    """LR crops made with a bicubic kernel without antialiasing: (N, 3, H, W) -> (N, 3, H/4, W/4)."""
    return F.interpolate(hr, scale_factor=1 / 4, mode="bicubic").clamp(0, 1)


def leaking_step(generator, discriminator, adam_g, adam_d, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
    """D's step comes first, without detach, and gradients are set to zero only once, at the beginning."""
    adam_g.zero_grad()
    adam_d.zero_grad()
    sr = generator(lr)
    real, fake = discriminator(hr), discriminator(sr)
    judgement = discriminator_loss(real, fake)
    judgement.backward(retain_graph=True)
    adam_d.step()
    content, deception = mse_loss(sr, hr), adversarial_loss(discriminator(sr))
    perceptual_loss(content, deception).backward()
    adam_g.step()
    probabilities = {"d_hr": torch.sigmoid(real).mean(), "d_sr": torch.sigmoid(fake).mean()}
    return {"content": content, "adversarial": deception, "discriminator": judgement} | probabilities


def train(
    *,
    start: str | None = "espcn",
    weight: float = 1e-3,
    rate_d: float = 3e-4,
    extra: int = 0,
    leaks: bool = False,
    reduce: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[dict[str, float]]:
    """One run. Every EVERY updates, yields their means and the gain in PSNR over bicubic on unseen photos, in dB."""
    torch.manual_seed(SEED)
    generator, discriminator = ESPCN(icnr=True), Discriminator(crop=32, channels=8)
    if start:
        generator.load_state_dict(load_network(start).state_dict())
    adam_g = torch.optim.Adam(generator.parameters(), lr=3e-4, fused=True)
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=rate_d, fused=True)
    sampler = CropSampler({n: p for n, p in PHOTOS.items() if n not in UNSEEN}, batch=8, crop=32, seed=SEED)
    machine, recent = Machine("cpu"), []
    for step in range(UPDATES):
        lr, hr = sampler(step)
        if reduce:
            lr = reduce(hr)
        for _ in range(extra):
            adam_d.zero_grad()
            discriminator_loss(discriminator(hr), discriminator(generator(lr).detach())).backward()
            adam_d.step()
        if leaks:
            row = leaking_step(generator, discriminator, adam_g, adam_d, lr, hr)
        else:
            row = gan_step(generator, discriminator, adam_g, adam_d, MSELoss(), lr, hr, machine, adversarial=weight)
        recent.append({name: float(value.detach()) for name, value in row.items()})
        if (step + 1) % EVERY == 0:
            means = {name: np.mean([row[name] for row in recent]) for name in row}
            yield {"step": step + 1} | means | {"gain": gain(generator)}
            recent = []


@torch.no_grad()
def gain(generator) -> float:
    """Mean gain in PSNR over bicubic on the unseen photos, in dB."""
    sr = {name: to_image(generator(to_tensor(lr))) for name, lr in LR.items()}
    return float(np.mean([psnr(sr[n], HR[n]) - psnr(imresize(LR[n], 4), HR[n]) for n in UNSEEN]))


RUNS = {
    "healthy": {},
    "no pretraining": {"start": None},
    "no detach": {"leaks": True},
    "discriminator too strong": {"rate_d": 5e-4, "extra": 2},
    "adversarial weight too high": {"weight": 0.1},
    "LR kernel mismatch": {"reduce": other_kernel},
}


def main() -> None:
    path = shipped("results") / "sick_runs.csv"
    with atomic(path) as temporary, open(temporary, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number, name in diagnoses.items():
            for row in train(**RUNS[name]):
                rows.writerow([number, row["step"], *(f"{row[column]:.4g}" for column in COLUMNS[2:])])
            print(f"run {number}: gain over bicubic at the end {row['gain']:+.2f} dB", flush=True)
    print(path)


if __name__ == "__main__":
    main()
