"""Trains SRGAN's first updates again, with pictures kept: data/runs/srgan_first_updates, the film of lesson 07.

    python benchmarks/first_updates.py --photos BSDS500          about a quarter of an hour on two CPU cores

No pictures were kept while the shipped SRGAN was trained. This run has its recipe and starts from the same SRResNet,
but is short, with batches of 8. Each picture shows what the moving average of the weights makes of a part of
scikit-image's cat, which is not among the photos; log.csv holds the figures of the whole cat.
"""

import csv
from pathlib import Path

import common
import torch
from PIL import Image

from srgan_lessons.cli_photos import named_photos
from srgan_lessons.datasets import CropSampler, load_photos
from srgan_lessons.files import atomic, shipped
from srgan_lessons.images import sample_photos, to_image, to_tensor
from srgan_lessons.losses import content_loss
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize
from srgan_lessons.stlpips import STLPIPS
from srgan_lessons.training import find_recipe
from srgan_lessons.training.learner import Learner, starting_generator
from srgan_lessons.training.machine import Machine

UPDATES, BATCH = 800, 8
SHOWN = (0, 20, 40, 60, 80, 100, 150, 200, 250, 300, 400, 500, 600, 700, 800)
BOX = (52, 92, 136, 136)  # of the cat: top, left, height, width


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--photos", nargs="+", default=["BSDS500"], help="as for `srgan-lessons train`")
    parser.add_argument("--folder", type=Path, default=shipped("runs") / "srgan_first_updates")
    options = parser.parse_args()
    say = common.Printed(options.out)
    options.folder.mkdir(parents=True, exist_ok=True)

    cat = sample_photos()["chelsea"]
    cat = cat[: cat.shape[0] // 4 * 4, : cat.shape[1] // 4 * 4]  # (300, 448, 3)
    lr = imresize(cat, 1 / 4)  # (75, 112, 3)
    judge = STLPIPS("alex")
    top, left, height, width = BOX

    recipe = find_recipe("srgan-offline").change(
        steps=UPDATES, batch=BATCH, rate=1.5e-4, schedule="one-cycle", ema=0.99
    )
    machine = Machine("cpu", "auto", channels=recipe.channels)
    torch.manual_seed(0)
    generator = starting_generator(recipe, "srresnet")
    learner = Learner(recipe, generator, content_loss(recipe.content), machine)
    photos, _ = load_photos(named_photos(options.photos, recipe.name)).split()
    sampler = CropSampler(photos, batch=BATCH, crop=recipe.crop, seed=0, device=machine.device)
    update = learner.updates_on(sampler)

    rows = []
    for step in range(UPDATES + 1):
        if step in SHOWN:
            learner.average.eval()
            with torch.no_grad():
                sr = to_image(learner.average(to_tensor(lr)))  # (300, 448, 3)
            crop = Image.fromarray(sr[top : top + height, left : left + width])
            with atomic(options.folder / f"{step:04}.webp") as temporary:
                crop.save(temporary, "WEBP", quality=95, method=6)
            figures = {
                "psnr": psnr(sr, cat),
                "stlpips": judge(to_tensor(sr), to_tensor(cat)).item(),
            }
            losses = learner.mean_losses() if learner.counted else {}
            learner.forget_losses()
            rows.append({"step": step} | figures | {name: losses.get(name, "") for name in ("d_hr", "d_sr")})
            say(", ".join(f"{name} {value:.4g}" for name, value in rows[-1].items() if value != ""))
        if step < UPDATES:
            update(step)
    with atomic(options.folder / "log.csv") as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
