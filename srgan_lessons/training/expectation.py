"""What a number of updates may achieve, read off the curves of recorded runs. It is an estimate, and says so."""

import csv
import itertools
import math
from dataclasses import dataclass

import numpy as np

from srgan_lessons.files import shipped
from srgan_lessons.training.plan import Plan

CROP = 96  # pixels
BAND = (0.8, 0.4)  # dB, and share of ST-LPIPS. Successive validations of a recorded run differ by up to 0.67 and 0.25


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A recorded run of SRGAN, trained on crops of CROP pixels.

    bicubic: PSNR in dB and ST-LPIPS of bicubic on the run's held-out photos. pretraining: how many crops its SRResNet
    had seen. shorter: plans with less time: crops that SRResNet and SRGAN had seen, PSNR above bicubic's in dB, and
    ST-LPIPS as a share of bicubic's, at the best update of SRGAN.
    """

    file: str
    blocks: int
    channels: int
    batch: int
    bicubic: tuple[float, float]
    pretraining: int
    shorter: tuple[tuple[int, int, float, float], ...]
    about: str


RECORDED = (
    Recorded(
        file="runs/srgan.csv",
        blocks=16,
        channels=64,
        batch=16,
        bicubic=(27.932, 0.3546),
        pretraining=358_000,
        shorter=((16 * 390, 16 * 191, -1.12, 1.05), (16 * 2_815, 16 * 1_295, -0.09, 0.62)),
        about="on an H100 (BSDS500 and SunHays80)",
    ),
    Recorded(
        file="runs/srgan_compact.csv",
        blocks=8,
        channels=32,
        batch=8,
        bicubic=(27.186, 0.3628),
        pretraining=8 * 19_492,
        shorter=((8 * 487, 8 * 116, -1.16, 1.07), (8 * 2_973, 8 * 799, -0.13, 0.69)),
        about="an hour on two CPU cores (BSDS500)",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """Figures on held-out photos, each (low, middle, high).

    gain: PSNR above bicubic's, in dB. stlpips: ST-LPIPS as a share of bicubic's.
    """

    gain: tuple[float, float, float]
    stlpips: tuple[float, float, float]
    about: str

    def __str__(self) -> str:
        low, middle, high = self.gain
        least, half, most = self.stlpips
        return (
            f"about {middle:+.1f} dB over bicubic ({low:+.1f} to {high:+.1f}), ST-LPIPS {half:.0%} of bicubic's "
            f"({least:.0%} to {most:.0%}). This is an estimate from recorded runs, the longest of them {self.about}"
        )


def expect(plan: Plan) -> Expectation | None:
    """What the last stage of a plan may reach on held-out photos; None if no such run was recorded.

    It is what the best update of the recorded run had reached by then, because a plan keeps its best update, too.
    Progress is counted in crops, because batches differ. A plan that is longer than the recorded run gets the values of
    the run's best update. If its SRResNet sees fewer crops than the recorded run's, the values lie between those and
    the ends of shorter plans. None for a plan with fewer than half the crops that were recorded: in SRResNet those of
    the shortest plan; in SRGAN the same, or after a longer pretraining those of the run's first validation.
    """
    *before, recipe = (stage.recipe for stage in plan.stages)
    found = [run for run in RECORDED if (run.blocks, run.channels) == (recipe.blocks, recipe.channels)]
    if not recipe.adversarial or recipe.crop != CROP or not found:
        return None
    (run,) = found
    crops, decibels, perceptual = _curve(run)
    pretrained, *ends = [np.array(column) for column in zip(*run.shorter, strict=True)]
    seen = math.inf if plan.request.get("init") else sum(each.steps * each.batch for each in before)
    least = ends[0][0] if seen <= pretrained[-1] else math.exp(crops[0])
    if seen < pretrained[0] / 2 or recipe.steps * recipe.batch < least / 2:
        return None
    at = math.log(recipe.steps * recipe.batch)

    def between(values: np.ndarray, longest: float) -> float:
        known = np.log([*pretrained, run.pretraining])
        return float(np.interp(math.log(seen), known, [*values, longest]))

    gain = between(ends[1], float(np.interp(at, crops, decibels)) - run.bicubic[0])
    share = between(ends[2], float(np.interp(at, crops, perceptual)) / run.bicubic[1])
    return Expectation(
        gain=(gain - BAND[0], gain, gain + BAND[0]),
        stlpips=(share * (1 - BAND[1]), share, share * (1 + BAND[1])),
        about=run.about,
    )


def _curve(run: Recorded) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The logarithm of the crops seen, and PSNR and ST-LPIPS of the held-out photos at the best update until then."""
    with open(shipped(run.file), newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val_stlpips"]]
    crops = np.log([float(row["step"]) * run.batch for row in rows])
    best = list(itertools.accumulate(rows, lambda *pair: min(pair, key=lambda row: float(row["val_stlpips"]))))
    decibels, perceptual = (np.array([float(row[name]) for row in best]) for name in ("val_psnr", "val_stlpips"))
    return crops, decibels, perceptual
