"""The report of a study: one self-contained HTML page, and its tables as CSV files beside it.

The page is the template web/report.html; this module fills it in.
"""

from __future__ import annotations

import base64
import io
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from PIL import Image

from srgan_lessons import UserError, __version__
from srgan_lessons.files import atomic, counted, plural
from srgan_lessons.rating import measures, plots, viewing
from srgan_lessons.rating.analysis import FEWEST, IN_LABORATORY, IN_THE_OPEN, Analysis, analyse
from srgan_lessons.rating.consistency import ONE_BUTTON
from srgan_lessons.rating.manifest import MANIFEST, some
from srgan_lessons.rating.merging import merge
from srgan_lessons.rating.screening import FAR, ONE_SIDED
from srgan_lessons.rating.spreadsheet import read_csv, shielded
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.votes import VOTE_FILE, Votes
from srgan_lessons.rating.wording import against, number, p_value, span

PAGE = "report.html"
WEB = Path(__file__).parent / "web"
SIDE = 200  # pixels: only the middle of a picture, of this width and height, is shown
PICTURED = 40  # photos that are shown at most, so that the page has only a few megabytes


def write_report(
    folder: str | Path,
    votes: pd.DataFrame | Votes | str | Path | None = None,
    out: str | Path | None = None,
    *,
    seed: int = 0,
    screening: bool = True,
    exclude: Sequence[str] = (),
    progress: bool = False,
) -> Path:
    """Analyses a study's votes, writes report.html and its tables as CSV, and returns the page's path.

    folder: the study's. votes: what to analyse; by default all files in the study's folder `votes`. It may also be a
    table, Votes, a CSV file as written by Votes.write_csv, or files and folders of votes (*.jsonl); with a table or a
    CSV file, `folder` need not be a study. out: the folder for the report, by default `report` in the study's folder.
    exclude: names of raters to leave out; the report mentions them.
    If the study has the method "hr", PSNR, SSIM and ST-LPIPS of its stimuli are measured once and kept with the study;
    see `measures.kept`. Raises UserError in the same cases as Study.open, merge and analyse, and if the report cannot
    be written.
    """
    folder = Path(folder)
    study = Study.open(folder) if (folder / MANIFEST).exists() or votes is None else None
    table, problems = _read(votes, study)
    if study is not None:
        problems += _belongs(table, study, votes if isinstance(votes, str | Path) else "the table")
    table, without = _without(table, exclude)
    problems += without
    analysis = analyse(table, seed=seed, screening=screening)
    out = folder / "report" if out is None else Path(out)
    measured = None if study is None else measures.kept(study, progress=progress)
    tables = {
        "methods": analysis.methods,
        "images": analysis.images,
        "raters": analysis.raters,
        "differences": analysis.pairs,
        "dmos": analysis.dmos,
        "agreement": analysis.icc,
        "votes_used": analysis.votes,
    }
    if measured is not None:
        tables["metrics"] = measured
    for name, content in tables.items():
        texts = {key: column.map(shielded) for key, column in content.items() if not is_numeric_dtype(column)}
        text = content.assign(**texts).to_csv(index=False, lineterminator="\n")
        _write(out / f"{name}.csv", text, "utf-8-sig")  # by its mark, Excel recognises UTF-8
    _write(out / PAGE, _page(analysis, study, folder.resolve().name, measured, problems, list(tables)))
    return out / PAGE


def _read(votes: pd.DataFrame | Votes | str | Path | None, study: Study | None) -> tuple[pd.DataFrame, list[str]]:
    """The table to analyse, and the problems of its files."""
    if isinstance(votes, pd.DataFrame):
        return votes, []
    if isinstance(votes, Votes):
        return votes.table(), list(votes.problems)
    if votes is not None and _is_table(Path(votes)):
        return read_csv(votes)
    if study is None:
        raise UserError(f"votes of raters ({votes}) can only be read together with their study; name its folder.")
    merged = merge(study.votes_folder if votes is None else votes, study)
    return merged.table(), list(merged.problems)


def _is_table(path: Path) -> bool:
    """Whether a file is a table of votes, whatever a spreadsheet named it: Excel's "Unicode text" ends in .txt."""
    if path.suffix.lower() == ".csv" or VOTE_FILE.fullmatch(path.name):
        return path.suffix.lower() == ".csv"
    with suppress(OSError), open(path, "rb") as file:  # a line of a vote file is a JSON object
        return not file.read(1000).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    return False


def _without(table: pd.DataFrame, exclude: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The votes without those of some raters, and a sentence about each. Raises UserError for a name that no rater has,
    and if nobody would be left."""
    if not exclude or "rater" not in table:
        return table, []
    given = table["rater"].map(_composed)
    there = sorted(given.dropna().astype(str).unique())
    out = list(dict.fromkeys(map(_composed, exclude)))
    for name in out:
        if name not in there:
            raise UserError(f"no rater is named {name!r}, so none can be left out. The raters are: {some(there)}.")
    if len(out) == len(there):
        every = plural(len(there), "the only rater", f"all {len(there)} raters")
        raise UserError(f"{every} would be left out by --exclude, so there would be nothing to report.")
    said = [f"{name} was left out by --exclude ({counted((given == name).sum(), 'vote')})" for name in out]
    return table[~given.isin(out)], said


def _composed(name: Any) -> Any:
    """A name in Unicode's composed form, because a terminal or a spreadsheet may take letters and accents apart."""
    return unicodedata.normalize("NFC", name) if isinstance(name, str) else name


def _belongs(table: pd.DataFrame, study: Study, name: object) -> list[str]:
    """Raises UserError if votes belong to another study. Returns a note if nothing says which study they belong to."""
    others = [other for other in table["study"].dropna().unique() if other != study.hash] if "study" in table else []
    if others:
        raise UserError(
            f"{name} contains votes of another study: {str(others[0])[:12]}..., not {study.hash[:12]}... in "
            f"{study.folder}. Name the study in which they were given."
        )
    known = {(stimulus.image, stimulus.method): stimulus.anchor for stimulus in study.stimuli.values()}
    if {"image", "method"} <= set(table.columns):
        pairs = list(zip(table["image"], table["method"], strict=True))
        if strange := [pair for pair in pairs if pair not in known]:
            image, method = strange[0]
            are = plural(len(strange), "is on a picture", "are on pictures")
            raise UserError(
                f"{name}: {len(strange)} of {counted(len(table), 'vote')} {are} that the study {study.folder} does not "
                f"have; the first is {method} of {image}. Spreadsheets change names that look like numbers or dates."
            )
        of_training = np.array([known[pair] is not None for pair in pairs], dtype=bool)
        if "phase" in table:
            of_training &= table["phase"].isin(["main"]).to_numpy(bool)
        if "gold_expected" in table:
            of_training &= table["gold_expected"].isna().to_numpy(bool)
        if of_training.any():
            raise UserError(
                f"{name}: {counted(of_training.sum(), 'vote')} on pictures of the training would enter the MOS, "
                "because their columns phase and gold_expected are missing or empty. Fill them in, or delete the rows."
            )
    if "study" in table and table["study"].notna().all():
        return []
    return [f"{name} does not say for all votes which study they belong to; their pictures are those of this study"]


def _write(path: Path, text: str, encoding: str = "utf-8") -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding=encoding, newline="\n")


# --- the page --------------------------------------------------------------------------------------------------------


def _page(
    analysis: Analysis,
    study: Study | None,
    name: str,
    measured: pd.DataFrame | None,
    problems: list[str],
    tables: list[str],
) -> str:
    loader = jinja2.FileSystemLoader(WEB)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.globals |= {"counted": counted, "plural": plural}
    votes = analysis.votes
    pictured = [] if study is None else _photos(analysis, study)
    against, st_lpips = _against(analysis, measured)
    return environment.get_template(PAGE).render(
        title=name if study is None else study.title,
        summary=_summary(analysis),
        warnings=[*analysis.warnings, *problems],
        figures={
            "mos": plots.as_image(plots.plot_mos(analysis)),
            "votes": plots.as_image(plots.plot_votes(votes)),
            "against": against,
            "raters": plots.as_image(plots.plot_raters(analysis)),
        },
        st_lpips=st_lpips,
        methods=_methods(analysis),
        **_pairs(analysis),
        dmos=[[r.method, number(r.dmos), span(r.low, r.high), r.votes] for r in analysis.dmos.itertuples()],
        pictured=pictured[:PICTURED],
        more=len(pictured[PICTURED:]),
        images=_images(analysis),
        excluded=[(r.rater, r.reasons) for r in analysis.raters.itertuples() if r.excluded],
        agreement=", ".join(f"{r.form} = {number(r.value)} ({r.of})" for r in analysis.icc.itertuples()),
        raters=[_rater(r) for r in analysis.raters.itertuples()],
        screens=None if study is None else _screens(analysis, study),
        study=study,
        counts=[f"{row.what[:1].upper()}{row.what[1:]}: {row.votes}." for row in analysis.counts.itertuples()],
        settings=analysis.settings,
        rater_count=votes["rater"].nunique(),
        day=datetime.now(UTC).date().isoformat(),
        version=__version__,
        tables=tables,
    )


def _summary(analysis: Analysis) -> str:
    votes, raters = analysis.votes, analysis.raters
    out = int(raters["excluded"].sum())
    return (
        f"{counted(len(votes), 'vote')} of {counted(votes['rater'].nunique(), 'rater')} on "
        f"{counted(votes['image'].nunique(), 'image')} by {counted(votes['method'].nunique(), 'method')}; {out} of "
        f"{counted(len(raters), 'rater')} {plural(out, 'was', 'were')} excluded. "
        f"{_size(votes['rater'].nunique())}"
    )


def _size(raters: int) -> str:
    """How many raters there are, compared with how many the standards ask for."""
    asked = (
        f"ITU-R BT.500 asks for at least {FEWEST} raters, ITU-T P.910 for {IN_LABORATORY} in a laboratory and "
        f"{IN_THE_OPEN} where light, distance and screens are not controlled, as here"
    )
    if raters >= IN_THE_OPEN:
        return f"{asked}: {raters} are enough."
    return f"{asked}: with {raters}, this is an informal test."


def _methods(analysis: Analysis) -> tuple[list[str], list[list]]:
    rows = [
        [r.method, number(r.mos), span(r.low, r.high), number(r.sd), r.votes, number(r.quality), number(r.mos_all)]
        for r in analysis.methods.itertuples()
    ]
    return ["method", "MOS", "95 % interval", "sd of votes", "votes", "P.910 quality", "MOS before screening"], rows


def _pairs(analysis: Analysis) -> dict[str, list]:
    """Pairs of methods: all of them as rows, neighbours in the ranking as sentences, and the names of those for which
    no difference is shown."""
    rank = {method: k for k, method in enumerate(analysis.methods["method"])}
    pairs = list(analysis.pairs.itertuples())
    return {
        "steps": [r.statement for r in pairs if abs(rank[r.better] - rank[r.worse]) == 1],
        "unshown": [f"{r.better} and {r.worse}" for r in pairs if not r.shown],
        "pairs": [
            [
                *(r.better, r.worse, number(r.difference), span(r.low, r.high)),
                *(p_value(r.p), p_value(r.p_holm), "yes" if r.shown else "no"),
            ]
            for r in pairs
        ],
        "pair_classes": ["shown" if r.shown else "open" for r in pairs],
    }


def _against(analysis: Analysis, measured: pd.DataFrame | None) -> tuple[dict | None, bool]:
    """The figure of people against metrics, if there are numbers for it, and whether it includes ST-LPIPS."""
    if measured is None:
        return None, False
    means = measures.metric_means(measured)
    columns = tuple(c for c in ("psnr", "st_lpips") if means.merge(analysis.methods)[c].notna().sum() >= 2)
    if not columns:
        return None, False
    return plots.as_image(plots.plot_mos_against(analysis, means, columns=columns)), "st_lpips" in columns


def _images(analysis: Analysis) -> tuple[list[str], list[list]]:
    """One row per photo, one column per method."""
    methods = list(analysis.methods["method"])
    found = {(r.image, r.method): f"{number(r.mos)} {span(r.low, r.high)}" for r in analysis.images.itertuples()}
    photos = sorted(analysis.images["image"].unique())
    return ["photo", *methods], [[image, *(found.get((image, m), "–") for m in methods)] for image in photos]


def _photos(analysis: Analysis, study: Study) -> list[dict]:
    """Each photo with the middle of its versions, best method first. Only photos that the page shows have pictures."""
    names = {(s.image, s.method): name for name, s in study.stimuli.items() if s.anchor is None}
    rows = {(r.image, r.method): r for r in analysis.images.itertuples()}
    photos: list[dict] = []
    for image in sorted(analysis.images["image"].unique()):
        there = [rows[image, m] for m in analysis.methods["method"] if (image, m) in rows]
        versions = [
            {
                "method": r.method,
                "mos": number(r.mos),
                "interval": span(r.low, r.high),
                "votes": r.votes,
                **(_middle(study.read(names[image, r.method])) if len(photos) < PICTURED else {}),
            }
            for r in there
        ]
        photos.append({"image": image, "versions": versions})
    return photos


def _middle(png: bytes) -> dict:
    """The middle of a picture as a JPEG in a data URL, with its size in pixels."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    wide, high = (min(SIDE, side) for side in picture.size)
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    file = io.BytesIO()
    picture.crop((left, top, left + wide, top + high)).save(file, "JPEG", quality=92, subsampling=0)
    url = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    return {"src": url, "width": wide, "height": high}


def _rater(r: Any) -> list:
    return [
        r.rater,
        r.votes,
        f"{r.gold - r.missed} of {r.gold}" if r.gold else "–",
        f"{r.repeat_same:.0%} of {r.repeats}" if r.repeats else "–",
        against(r.variance, ONE_BUTTON),
        number(r.correlation),
        _far(r),
        f"{r.bias:+.2f}",
        number(r.inconsistency),
        "excluded" if r.excluded else "kept, with a note" if r.notes else "kept",
    ]


def _far(r: Any) -> str:
    """The two numbers of BT.500's rule."""
    if not np.isfinite(r.bt500_share):
        return "–"
    return f"{against(100 * r.bt500_share, 100 * FAR, 1)}% / {against(r.bt500_balance, ONE_SIDED)}"


def _screens(analysis: Analysis, study: Study) -> dict:
    """What was recorded about the screens, and the MOS by kind of screen."""
    table = viewing.screens_table(analysis.votes, study)
    methods = [method for method in analysis.methods["method"] if method in table]
    return {
        "sentence": viewing.sentence(analysis.votes, study),
        "meaning": viewing.MEANING,
        "head": ["shown", "raters", "votes", *(f"MOS {method}" for method in methods)],
        "rows": [[r["shown"], r["raters"], r["votes"], *(number(r[m]) for m in methods)] for _, r in table.iterrows()],
    }
