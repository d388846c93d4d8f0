"""The class's table beside the paper's Table 1, and conclusions computed from the measurements."""

import csv
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.class_table.cells import Cell
from srgan_lessons.class_table.columns import aligned
from srgan_lessons.class_table.handout import Handout
from srgan_lessons.class_table.measuring import BASELINE, Measured
from srgan_lessons.evaluation import PaperRow, paper_table
from srgan_lessons.files import atomic
from srgan_lessons.training.recipes import RECIPES

LEVEL = 0.95
MEASURES = {"psnr": ("PSNR", "dB", 2), "stlpips": ("ST-LPIPS", "", 4)}  # the measures by which cells are compared

Interval = tuple[float, float, float]  # low, middle, high
Opinions = Mapping[str, Interval]  # method -> MOS


def mean_interval(values: np.ndarray, level: float = LEVEL) -> Interval:
    """Student's t interval of the mean of values (images,). Its ends are NaN for a single image."""
    from scipy import stats

    middle = float(np.mean(values))
    if len(values) < 2:
        return math.nan, middle, math.nan
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return middle - half, middle, middle + half


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two cells that differ in one thing. psnr, stlpips: the first minus the second, over all images, paired.

    chance: measure -> how much two runs of one cell may differ because of their seeds alone; None if no cell was
    trained twice.
    """

    first: str
    second: str
    what: str
    psnr: Interval
    stlpips: Interval
    chance: Mapping[str, float] | None

    def sentence(self, measure: str) -> str:
        name, unit, digits = MEASURES[measure]
        low, middle, high = getattr(self, measure)
        unit = f" {unit}" if unit else ""
        if math.isnan(low):
            return f"{name} {middle:+.{digits}f}{unit}: one image gives no interval, so no difference is shown"
        said = f"{name} {middle:+.{digits}f}{unit} [{_end(low, digits)}, {_end(high, digits)}]: "
        if not (low > 0 or high < 0):
            return said + "no difference shown between these two networks"
        if self.chance is None:
            return said + "these two networks differ; with one seed each, nobody can tell whether their recipes do"
        if abs(middle) > self.chance[measure]:
            return said + "these two networks differ by more than seeds may explain"
        return said + "these two networks differ, but by no more than seeds may explain"


@dataclass(frozen=True, kw_only=True)
class ClassTable:
    """What a class has measured. methods: bicubic first. opinions: method -> MOS, if the study was rated."""

    handout: Handout
    methods: tuple[Measured, ...]
    sets: tuple[str, ...]
    opinions: Opinions | None = None

    @property
    def text(self) -> str:
        """The table, the comparisons, and what cannot be concluded."""
        return "\n".join([*self._rows(), "", *self._papers_rows(), "", *self.conclusions()])

    def __str__(self) -> str:
        return self.text

    def _cells(self) -> list[tuple[Measured, Cell]]:
        """What the class has trained, with its cells: all methods but bicubic."""
        return [(each, each.returned.cell) for each in self.methods if each.returned is not None]

    def gain(self, method: Measured, name: str) -> Interval:
        """PSNR over bicubic on a set, paired image by image. The interval is for other images of this kind."""
        return mean_interval(method.values("psnr", [name]) - self.methods[0].values("psnr", [name]))

    def chance(self) -> dict[str, float] | None:
        """How much the means of two runs of one cell may differ because of their seeds, in 95 % of cases.

        It comes from the cells that were trained more than once: the pooled standard deviation s between seeds, with f
        degrees of freedom, gives t(f) x s x sqrt(2). With one repeated cell, f is 1, t is 12.7, and the bound is wide,
        because two runs tell so little.
        """
        from scipy import stats

        by_cell: dict[Cell, list[Measured]] = {}
        for each, cell in self._cells():
            by_cell.setdefault(cell, []).append(each)
        several = [runs for runs in by_cell.values() if len(runs) > 1]
        if not several:
            return None
        freedom = sum(len(runs) - 1 for runs in several)
        t = float(stats.t.ppf((1 + LEVEL) / 2, freedom))
        bounds = {}
        for measure in MEASURES:
            means = [[float(np.mean(run.values(measure, self.sets))) for run in runs] for runs in several]
            squares = sum(float(np.sum((np.array(of_cell) - np.mean(of_cell)) ** 2)) for of_cell in means)
            bounds[measure] = t * math.sqrt(squares / freedom) * math.sqrt(2)
        return bounds

    def comparisons(self) -> list[Comparison]:
        """All pairs of cells that differ in one thing, using the first run of each cell.

        All their intervals together have a level of 95 %: each has the level 1 - 0.05 / (number of intervals), after
        Bonferroni.
        """
        runs: dict[Cell, Measured] = {}
        for each, cell in self._cells():
            runs.setdefault(cell, each)
        pairs = [(a, b) for a, b in itertools.combinations(runs, 2) if len(a.differs(b)) == 1]
        level = 1 - (1 - LEVEL) / max(1, len(pairs) * len(MEASURES))
        chance = self.chance()
        return [
            Comparison(
                first=runs[a].name,
                second=runs[b].name,
                what=a.differs(b)[0],
                **{
                    m: mean_interval(runs[a].values(m, self.sets) - runs[b].values(m, self.sets), level)
                    for m in MEASURES
                },
                chance=chance,
            )
            for a, b in pairs
        ]

    def conclusions(self) -> list[str]:
        """What can be concluded and what cannot, in sentences."""
        images, chance = len(self.methods[0].values("psnr", self.sets)), self.chance()
        lines = [f"WHAT CAN BE CONCLUDED, from {_images(images)} of {' and '.join(self.sets)}"]
        compared = self.comparisons()
        for pair in compared:
            lines.append(f"{pair.first} minus {pair.second} ({pair.what})")
            lines += [f"  {pair.sentence(measure)}" for measure in MEASURES]
        if not compared:
            lines.append("Nothing: no two cells differ in only one thing.")
        lines += ["", "WHAT CANNOT BE CONCLUDED"]
        if worse := self._worse_than_bicubic():
            lines.append(
                f"- How good these recipes are: {', '.join(worse)}. After so few updates they are worse than bicubic "
                "in PSNR and in ST-LPIPS; the table shows how far they have come, not where they end."
            )
        if chance is None:
            lines.append(
                "- That a recipe is better than another. Each was trained with one seed, and how far two runs of one "
                "recipe differ was not measured. Let one more group train a cell with another seed."
            )
        else:
            bounds = ", ".join(
                f"{MEASURES[m][0]} {chance[m]:.{MEASURES[m][2]}f} {MEASURES[m][1]}".strip() for m in chance
            )
            lines.append(
                f"- That a recipe is better than another where they differ by less than {bounds}. The seeds alone may "
                "make two runs differ by this much (95 %), as far as the repeated cells show; few repeats widen it."
            )
        lines.append(
            "- Where a difference comes from if two cells differ in more than one thing. They are not compared here."
        )
        before, own = self.handout.updates
        paper = RECIPES["srresnet-mse"].steps + RECIPES["srgan-vgg54"].steps
        lines.append(
            f"- That the paper is right or wrong. It made {paper / (before + own):,.0f} times as many updates, on "
            f"350,000 photos instead of your {len(self.handout.photos):,}; a ranking may still change on the way."
        )
        if any(cell.paper == "SRResNet-VGG22" for _, cell in self._cells()):
            lines.append(
                "- How the paper's SRResNet-VGG22 would have done here: it also had total variation, which no cell has."
            )
        if any(cell.content == "offline" for _, cell in self._cells()):
            lines.append(
                "- What VGG22 or VGG54 would have given: the offline content loss uses another network and the pixels."
            )
        if self.opinions is None:
            lines.append(
                "- How people see the pictures. PSNR does not show that, and ST-LPIPS is only a network's guess."
            )
        return lines

    def _worse_than_bicubic(self) -> list[str]:
        """Cells with a lower PSNR and a higher ST-LPIPS than bicubic, over all images."""
        psnr, stlpips = ([float(np.mean(m.values(name, self.sets))) for m in self.methods] for name in MEASURES)
        return [
            each.name
            for each, decibels, distance in zip(self.methods, psnr, stlpips, strict=True)
            if decibels < psnr[0] and distance > stlpips[0]
        ]

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _rows(self) -> list[str]:
        lines: list[str] = []
        whole: dict[tuple[str, str | None], PaperRow] = {
            (row.set, row.method): row for number in (2, 1) for row in paper_table(number)
        }
        for name in self.sets:
            images = len(self.methods[0].values("psnr", [name]))
            known = any(key[0] == name for key in whole)
            lines += [
                *([""] if lines else []),
                f"{name}, {_images(images)}; PSNR and SSIM by the paper's protocol; [ ] 95 % intervals"
                + (", and after | the paper" if known else ""),
            ]
            rows = [["cell", "PSNR", "over bicubic", "SSIM", "ST-LPIPS"]]
            rows[0] += ["MOS"] * bool(self.opinions) + ["|", "PSNR", "over bicubic", "SSIM", "MOS"] * known
            for each in self.methods:
                gain = "" if each.name == BASELINE else _signed(self.gain(each, name))
                row = [each.name, f"{each.mean('psnr', name):.2f}", gain]
                row += [f"{each.mean(measure, name):.4f}" for measure in ("ssim", "stlpips")]
                if self.opinions:
                    row.append(_opinion(self.opinions.get(each.name)))
                if known:
                    method = BASELINE if each.returned is None else each.returned.cell.paper
                    row += ["|", *_papers(whole.get((name, method)), whole[name, BASELINE])]
                rows.append(row)
            lines += aligned(rows)
        if self.opinions:
            hr = f" HR has {_opinion(self.opinions['hr'])}." if "hr" in self.opinions else ""
            lines.append(f"The MOS is from the class's own study, over all its images.{hr}")
        return lines

    def _papers_rows(self) -> list[str]:
        """The paper's methods that no cell of the class corresponds to."""
        here = {cell.paper for _, cell in self._cells()}
        rows = [row for row in paper_table(1) if row.method not in here and row.set in self.sets]
        if not rows:
            return []
        bicubic = {row.set: row for row in paper_table(2) if row.method == BASELINE}
        texts = [(row.set, row.method, *_papers(row, bicubic[row.set])) for row in rows]
        return ["The paper's other methods", *aligned(texts, left=(0, 1))]

    def write_csv(self, path: str | Path) -> None:
        """Writes one row per method, set and protocol: means, and the gain over bicubic with its interval.

        Raises UserError if it cannot be written.
        """
        text = io.StringIO(newline="")
        table = csv.writer(text)
        columns = ("method", "group", "cell", "seed", "set", "protocol", "images", "psnr", "ssim", "stlpips")
        table.writerow([*columns, "over_bicubic", "low", "high", "mos", "mos_low", "mos_high"])
        for each, name, protocol in itertools.product(self.methods, self.sets, ("community", "paper")):
            got = each.returned
            who = [each.name, *((got.group, got.cell.name, got.seed) if got else ("", "", ""))]
            mine = each.values("psnr", [name], protocol)
            low, middle, high = mean_interval(mine - self.methods[0].values("psnr", [name], protocol))
            means = [f"{each.mean(measure, name, protocol):.5f}" for measure in ("psnr", "ssim", "stlpips")]
            least, mos, most = (self.opinions or {}).get(each.name, ("", "", ""))
            table.writerow(
                [
                    *who,
                    name,
                    protocol,
                    len(mine),
                    *means,
                    f"{middle:.5f}",
                    f"{low:.5f}",
                    f"{high:.5f}",
                    mos,
                    least,
                    most,
                ]
            )
        with atomic(path) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8-sig", newline="")  # the mark by which Excel knows it


def read_opinions(votes: Sequence[str | Path], study: str | Path) -> dict[str, Interval]:
    """MOS of each method with its interval, computed by `rating.analyse` from the votes on the class's study.

    Raises UserError as `rating.merge` and `rating.analyse` do.
    """
    from srgan_lessons.rating import analyse, merge

    found = analyse(merge(votes, study).table()).methods
    return {row.method: (float(row.low), float(row.mos), float(row.high)) for row in found.itertuples()}


def class_table(
    handout: Handout, methods: Sequence[Measured], sets: Sequence[str], opinions: Opinions | None = None
) -> ClassTable:
    """The table of what `measure_all` measured. Raises UserError if a method has no opinions."""
    names = {each.name for each in methods}
    if opinions is not None and (missing := sorted(names - opinions.keys())):
        raise UserError(
            f"there are no votes on {', '.join(missing)}: the votes belong to another study, or to one that was made "
            "before those cells came back."
        )
    return ClassTable(handout=handout, methods=tuple(methods), sets=tuple(dict.fromkeys(sets)), opinions=opinions)


def _end(value: float, digits: int) -> str:
    """An end of an interval, with its sign. An end that is not 0 is never shown as 0."""
    while math.isfinite(value) and value != 0 and float(f"{value:.{digits}f}") == 0 and digits < 12:
        digits += 1
    return f"{value:+.{digits}f}"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _signed(interval: Interval) -> str:
    low, middle, high = interval
    if math.isnan(low):  # of a single image
        return f"{middle:+.2f}"
    return f"{middle:+.2f} [{low:+.2f}, {high:+.2f}]"


def _opinion(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    low, middle, high = interval
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def _papers(row: PaperRow | None, bicubic: PaperRow) -> tuple[str, str, str, str]:
    """PSNR, the gain over bicubic, SSIM and MOS of the paper; dashes if the paper has no such method."""
    if row is None or row.psnr is None or bicubic.psnr is None:
        return "-", "-", "-", "-"
    gain = f"{row.psnr - bicubic.psnr:+.2f}" if row is not bicubic else ""
    return f"{row.psnr:.2f}", gain, f"{row.ssim:.4f}", f"{row.mos:.2f}"
