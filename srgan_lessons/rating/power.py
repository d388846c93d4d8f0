"""How many raters a study needs, found by simulating studies and judging them by the analysis's own rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from srgan_lessons import UserError
from srgan_lessons.files import plural
from srgan_lessons.rating.analysis import wilcoxon_p
from srgan_lessons.rating.intervals import difference_interval, image_means
from srgan_lessons.rating.synthetic import DEFAULT, Population, synthetic_scores
from srgan_lessons.rating.wording import ALPHA

RATERS = (5, 10, 15, 20, 26, 35, 50)
DIFFERENCES = (0.1, 0.2, 0.3, 0.5)
POWER = 0.8


def power_table(
    differences: Sequence[float] = DIFFERENCES,
    *,
    raters: Sequence[int] = RATERS,
    images: int = 20,
    methods: int = 2,
    mos: float = 3.0,
    studies: int = 200,
    seed: int = 0,
    population: Population = DEFAULT,
) -> pd.DataFrame:
    """Share of simulated studies that show a difference: columns difference, raters, images, power, low, high.

    Two methods have true MOS `mos` - d/2 and `mos` + d/2, and belong to `methods` methods that are compared with each
    other: the p-value is multiplied by the number of pairs, which is Holm's first and strictest step. A study shows the
    difference if it meets the analysis's rule, with a corrected p < 0.05 and an interval without 0, and has the two
    methods in the right order. low and high: 95 % interval of the share (Wilson), because `studies` is finite. The same
    seed gives the same table. Raises UserError for numbers with which no study is possible.
    """
    if (
        not (differences and all(difference >= 0 for difference in differences))
        or min(raters, default=0) < 2
        or images < 2
        or methods < 2
        or studies < 1
        or seed < 0
    ):
        raise UserError(
            "power needs differences of 0 or more, at least 2 raters, images and methods, 1 study, and a seed from 0"
        )
    if not 1 < mos - max(differences) / 2 < mos + max(differences) / 2 < 5:
        raise UserError(f"power: MOS {mos} with a difference of {max(differences)} goes beyond the scale of 1 to 5")
    pairs = methods * (methods - 1) // 2
    rows = []
    for d, difference in enumerate(dict.fromkeys(differences)):
        truth = {"worse": mos - difference / 2, "better": mos + difference / 2}
        for count in dict.fromkeys(raters):
            shown = 0
            for study in range(studies):
                draw = int(np.random.SeedSequence([seed, d, count, study]).generate_state(1)[0])
                scores = synthetic_scores(truth, raters=count, images=images, seed=draw, population=population)
                shown += _shows(scores, pairs)
            low, high = proportion_confint(shown, studies, method="wilson")
            rows.append((difference, count, images, shown / studies, low, high))
    return pd.DataFrame(rows, columns=["difference", "raters", "images", "power", "low", "high"])


def _shows(scores: np.ndarray, pairs: int) -> bool:
    """Whether a study of two methods (raters, images, 2) shows that the second is better."""
    by_image = image_means(scores, np.ones((1, len(scores))))[0]  # (images, 2)
    differences = by_image[:, 1] - by_image[:, 0]
    if differences.mean() <= 0 or min(1.0, pairs * wilcoxon_p(differences)) >= ALPHA:
        return False
    return difference_interval(scores[:, :, 1], scores[:, :, 0])[0] > 0


def raters_needed(table: pd.DataFrame, *, power: float = POWER) -> dict[float, int | None]:
    """Difference -> the number of raters in the table from which the power is always reached; None if it is not."""
    needed: dict[float, int | None] = {}
    for difference, rows in table.groupby("difference"):
        rows = rows.sort_values("raters")
        short = rows.loc[rows["power"] < power, "raters"]
        enough = rows[rows["raters"] > short.max()] if len(short) else rows
        needed[float(difference)] = int(enough["raters"].min()) if len(enough) else None
    return needed


def power_text(table: pd.DataFrame, *, power: float = POWER) -> str:
    """The table as text, with a line per difference and a column per number of raters, and the raters needed."""
    wide = table.pivot(index="difference", columns="raters", values="power")
    numbers = sorted(table["images"].unique())
    images = f"{', '.join(map(str, numbers))} {plural(max(numbers), 'image', 'images')}"
    lines = [f"Share of simulated studies ({images}) that show a difference in MOS, by number of raters:", ""]
    lines.append("difference " + "".join(f"{count:>7}" for count in wide.columns) + f"   raters for {power:.0%}")
    for difference, count in raters_needed(table, power=power).items():
        shares = "".join(f"{share:7.0%}" for share in wide.loc[difference])
        beyond = f"more than {wide.columns.max()}, or more images" if difference else "never: there is no difference"
        lines.append(f"{difference:10.2f} {shares}   {count or beyond}")
    lines += ["", "These raters are synthetic; your people and pictures may differ more. Plan with a margin."]
    return "\n".join(lines)
