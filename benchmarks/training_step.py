"""Measures images per second for each recipe, beside a textbook loop; the two take turns in one run.

    python benchmarks/training_step.py                      every recipe: about a quarter of an hour on two CPU cores
    python benchmarks/training_step.py --recipes espcn --updates 20

The textbook loop is what tutorials show: a DataLoader that decodes photos and cuts crops with PIL, contiguous (NCHW)
tensors, plain Adam, `.item()` on every loss, and a second pass through the generator for the discriminator. Both loops
train the same networks with the same losses on the same crop sizes. Here VGG19 has random weights, which take the same
time. The two loops take turns, so that a machine that slows down affects both; a cell is the median of the rounds.
"""

import io
import itertools
import platform
import statistics
from collections.abc import Callable

import common
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from srgan_lessons.datasets import CropSampler
from srgan_lessons.images import sample_photos
from srgan_lessons.losses import VGGLoss, content_loss, total_variation
from srgan_lessons.training import RECIPES, Recipe
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine
from srgan_lessons.vgg import random_features


def content_for(recipe: Recipe) -> nn.Module:
    """The recipe's content loss. VGG19 has random weights, so that nothing is downloaded."""
    if recipe.content not in ("vgg22", "vgg54"):
        return content_loss(recipe.content)
    loss = VGGLoss("random")
    loss.features = random_features(*((2, 2) if recipe.content == "vgg22" else (5, 4)))
    return loss


class JPEGCrops(Dataset):
    """Random crops as tutorials cut them: decode a file, cut a crop, downscale it with PIL, convert it."""

    def __init__(self, photos: dict[str, np.ndarray], crop: int):
        self.crop = crop
        self.files = []
        for photo in photos.values():
            buffer = io.BytesIO()
            Image.fromarray(photo).save(buffer, "JPEG", quality=95)
            self.files.append(buffer.getvalue())

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, index: int):
        image = Image.open(io.BytesIO(self.files[index % len(self.files)])).convert("RGB")
        left = int(torch.randint(image.width - self.crop + 1, ()))
        top = int(torch.randint(image.height - self.crop + 1, ()))
        hr = image.crop((left, top, left + self.crop, top + self.crop))
        lr = hr.resize((self.crop // 4, self.crop // 4), Image.Resampling.BICUBIC)
        return to_tensor(lr), to_tensor(hr)


def textbook(recipe: Recipe, photos: dict[str, np.ndarray], device: torch.device) -> Callable[[], None]:
    """One update of the textbook loop."""
    workers = 0 if device.type == "cpu" else 8
    loader = iter(DataLoader(JPEGCrops(photos, recipe.crop), recipe.batch, num_workers=workers, shuffle=False))
    generator = recipe.make_generator().to(device)
    discriminator = recipe.make_discriminator().to(device) if recipe.adversarial else None
    content = content_for(recipe).to(device)
    adam_g = torch.optim.Adam(generator.parameters(), 1e-4)
    adam_d = torch.optim.Adam(discriminator.parameters(), 1e-4) if discriminator else None
    bce = F.binary_cross_entropy_with_logits

    def update() -> None:
        lr, hr = (x.to(device) for x in next(loader))
        if discriminator:
            adam_d.zero_grad()
            real, fake = discriminator(hr), discriminator(generator(lr).detach())
            loss_d = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
            loss_d.backward()
            adam_d.step()
            loss_d.item()
        adam_g.zero_grad()
        sr = generator(lr)
        loss = content(sr, hr)
        if recipe.tv:
            loss = loss + recipe.tv * total_variation(sr)
        if discriminator:
            logits = discriminator(sr)
            loss = loss + recipe.adversarial * bce(logits, torch.ones_like(logits))
        loss.backward()
        adam_g.step()
        loss.item()

    return update


def ours(recipe: Recipe, photos: dict[str, np.ndarray], machine: Machine, options) -> Callable[[], None]:
    """One update as `train` makes it, crops and moving average included."""
    learner = Learner(recipe, recipe.make_generator(), content_for(recipe), machine, graphed=options.cuda_graph)
    sampler = CropSampler(photos, batch=recipe.batch, crop=recipe.crop, device=machine.device)
    update = learner.updates_on(sampler, compile=options.compile)
    steps = itertools.count()
    return lambda: update(next(steps))


def measure(recipe: Recipe, machine: Machine, options) -> tuple[float, float]:
    """Median seconds of an update: (textbook, ours)."""
    photos = sample_photos()
    loops = [textbook(recipe, photos, machine.device), ours(recipe, photos, machine, options)]
    updates = options.updates * (10 if recipe.network == "espcn" else 1)
    for update in loops:
        common.seconds(update, options.warm_up, machine.device)
    rounds = [[common.seconds(update, updates, machine.device) for update in loops] for _ in range(options.rounds)]
    return tuple(statistics.median(column) for column in zip(*rounds, strict=True))


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--updates", type=int, default=2, help="updates in a round; ten times as many for espcn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--device", help="cpu, cuda")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--cuda-graph", action="store_true")
    options = parser.parse_args()
    machine = Machine(options.device, options.precision)
    cpu = options.machine or f"{machine.name()}, {platform.machine()}"
    how = [machine.precision] + [name for name in ("compile", "cuda_graph") if getattr(options, name)]
    say = common.Printed(options.out)
    say(
        f"Training updates on {cpu}; Python {platform.python_version()}, torch {torch.__version__}; {', '.join(how)}.",
        f"Batches of 16 crops of 96x96; median of {options.rounds} rounds, in which the two loops took turns.",
        "",
        "| recipe | textbook, images/s | ours, images/s | ours, s/update | ratio |",
        "|---|---|---|---|---|",
    )
    for name in options.recipes:
        slow, fast = measure(RECIPES[name], machine, options)
        batch = RECIPES[name].batch
        say(f"| {name} | {batch / slow:.1f} | {batch / fast:.1f} | {fast:.3g} | {slow / fast:.2f} |")


if __name__ == "__main__":
    main()
