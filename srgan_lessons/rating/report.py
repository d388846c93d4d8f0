"""The report of a study: one HTML page that needs nothing else, and the tables beside it as CSV."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from srgan_lessons import UserError, __version__
from srgan_lessons.files import atomic
from srgan_lessons.rating import plots, viewing
from srgan_lessons.rating.analysis import FEWEST, IN_LABORATORY, IN_THE_OPEN, Analysis, analyse
from srgan_lessons.rating.manifest import MANIFEST, some
from srgan_lessons.rating.measures import measure, metric_means
from srgan_lessons.rating.merging import merge
from srgan_lessons.rating.spreadsheet import read_csv
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.vote import HIDDEN_REFERENCE
from srgan_lessons.rating.votes import Votes
from srgan_lessons.rating.wording import number, p_value, span

PAGE = "report.html"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #111; background: #fff; max-width: 66rem; margin: 0 auto;
       padding: 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
caption { text-align: left; padding-bottom: .4rem; color: #333; }
th, td { padding: .22rem .7rem; border-bottom: 1px solid #ccc; text-align: left; vertical-align: top; }
td:not(.n) { min-width: 5.5rem; max-width: 22rem; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; white-space: nowrap; } thead th { border-bottom: 2px solid #111; }
tr.shown td:first-child { border-left: 4px solid #111; } tr.open td:first-child { border-left: 4px solid #ccc; }
.warning { border-left: 6px solid #111; background: #eee; padding: .5rem .9rem; margin: .5rem 0; }
.scroll { overflow-x: auto; } img { max-width: 100%; height: auto; } figure { margin: 1rem 0; }
figcaption { color: #333; max-width: 50rem; } code { overflow-wrap: anywhere; }
"""


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
    """Analyses the votes of a study, writes report.html and its tables as CSV, and returns the page's path.

    folder: of the study. votes: what to analyse; by default all files in the study's folder `votes`. A table, Votes, a
    CSV file as Votes.write_csv makes it, or files and folders of votes (*.jsonl) also serve; with a table or a CSV file
    `folder` need not be a study. out: the folder for the report, by default `report` in the study's folder.
    exclude: raters who are left out, by name, which the report says.
    Where the study has the method "hr", PSNR, SSIM and ST-LPIPS of its stimuli are measured once and kept in
    metrics.csv. Raises UserError as Study.open, merge and analyse do, and where nothing can be written.
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
    metrics = _metrics(study, out, progress)
    tables = {
        "methods": analysis.methods,
        "images": analysis.images,
        "raters": analysis.raters,
        "differences": analysis.pairs,
        "dmos": analysis.dmos,
        "agreement": analysis.icc,
        "votes_used": analysis.votes,
    }
    for name, content in tables.items():
        _write(out / f"{name}.csv", content.to_csv(index=False, lineterminator="\n"))
    _write(out / PAGE, _page(analysis, study, folder.resolve().name, metrics, problems, list(tables)))
    return out / PAGE


def _read(votes, study: Study | None) -> tuple[pd.DataFrame, list[str]]:
    """The table to analyse, and what was wrong with its files."""
    if isinstance(votes, pd.DataFrame):
        return votes, []
    if isinstance(votes, Votes):
        return votes.table(), list(votes.problems)
    if votes is not None and Path(votes).suffix == ".csv":
        return read_csv(votes)
    if study is None:
        raise UserError(f"votes of raters ({votes}) can only be read together with their study; name its folder.")
    merged = merge(study.votes_folder if votes is None else votes, study)
    return merged.table(), list(merged.problems)


def _without(table: pd.DataFrame, exclude: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The votes without those of some raters, and a sentence for each. Raises UserError for a name that nobody has."""
    if not exclude or "rater" not in table:
        return table, []
    there = sorted(table["rater"].dropna().astype(str).unique())
    for name in exclude:
        if name not in there:
            raise UserError(f"no rater is named {name!r}, so none can be left out. There are: {some(there)}.")
    said = [f"{name} was left out by --exclude ({(table['rater'] == name).sum()} votes)" for name in exclude]
    return table[~table["rater"].isin(list(exclude))], said


def _belongs(table: pd.DataFrame, study: Study, name: object) -> list[str]:
    """Raises UserError where votes are of another study; a note where nothing says of which they are."""
    others = [other for other in table["study"].dropna().unique() if other != study.hash] if "study" in table else []
    if others:
        raise UserError(
            f"{name} holds votes of another study: {str(others[0])[:12]}..., not {study.hash[:12]}... in {study.folder}"
            ". Name the study in which they were given."
        )
    known = {(stimulus.image, stimulus.method) for stimulus in study.stimuli.values()}
    if {"image", "method"} <= set(table.columns):
        strange = [pair for pair in zip(table["image"], table["method"], strict=True) if pair not in known]
        if strange:
            image, method = strange[0]
            raise UserError(
                f"{name}: {len(strange)} of {len(table)} votes are on pictures that the study {study.folder} does not "
                f"have; the first is {method} of {image}. Spreadsheets change names that look like numbers or dates."
            )
    if "study" in table and table["study"].notna().all():
        return []
    return [f"{name} does not say of which study all its votes are; the pictures are this study's"]


def _metrics(study: Study | None, out: Path, progress: bool) -> pd.DataFrame | None:
    """Means of the metrics, measured or, for the same study, read again; None where there is no reference."""
    if study is None or HIDDEN_REFERENCE not in study.methods:
        return None
    kept = out / "metrics.csv"
    if kept.is_file():
        table = pd.read_csv(kept, dtype={"study": str, "image": str, "method": str})
        if "study" in table and (table["study"] == study.hash).all() and len(table):
            return metric_means(table)
    table = measure(study, progress=progress)
    if table.empty:
        return None
    _write(kept, table.assign(study=study.hash).to_csv(index=False, lineterminator="\n"))
    return metric_means(table)


def _write(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


# --- the page --------------------------------------------------------------------------------------------------------


def _page(
    analysis: Analysis,
    study: Study | None,
    name: str,
    metrics: pd.DataFrame | None,
    problems: list[str],
    tables: list[str],
) -> str:
    title = html.escape(study.title if study is not None else name)
    parts = [
        f"<h1>Opinion study: {title}</h1>",
        f"<p>{_e(_summary(analysis))}</p>",
        *(f'<p class="warning">Warning: {_e(text)}</p>' for text in [*analysis.warnings, *problems]),
        "<h2>Mean opinion scores</h2>",
        _figure(plots.plot_mos(analysis), "MOS with two-way bootstrap 95 % intervals, best first."),
        _methods(analysis),
        "<h2>What the votes show</h2>",
        *_statements(analysis),
        "<h2>How the votes are spread</h2>",
        _figure(
            plots.plot_votes(analysis.votes),
            "Each column holds all votes of a method; the triangle marks its mean. Two methods may have one mean and "
            "very different votes.",
        ),
        *_against(analysis, metrics),
        *_dmos(analysis),
        "<h2>Raters</h2>",
        *_raters(analysis),
        *_screens(analysis, study),
        "<h2>How this was done</h2>",
        *_protocol(analysis, study),
        "<h2>How to cite</h2>",
        *_cite(analysis, study, title),
        "<h2>Tables</h2>",
        "<p>" + ", ".join(f'<a href="{name}.csv">{name}.csv</a>' for name in tables) + ".</p>",
    ]
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Opinion study: {title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _e(text: object) -> str:
    return html.escape(str(text))


def _figure(figure, caption: str) -> str:
    return f"<figure>{plots.as_html(figure)}<figcaption>{_e(caption)}</figcaption></figure>"


def _table(rows: list[list], head: list[str], caption: str, numbers: set[int], classes: list[str] | None = None) -> str:
    """An HTML table. numbers: which columns are set to the right."""

    def cell(tag: str, k: int, text: object) -> str:
        return f"<{tag}{' class=n' if k in numbers else ''}>{_e(text)}</{tag}>"

    lines = ["".join(cell("td", k, text) for k, text in enumerate(row)) for row in rows]
    classes = classes or [""] * len(rows)
    body = "".join(f"<tr{f' class={c}' if c else ''}>{line}</tr>\n" for c, line in zip(classes, lines, strict=True))
    top = "".join(cell("th", k, text) for k, text in enumerate(head))
    return (
        f'<div class="scroll"><table><caption>{_e(caption)}</caption><thead><tr>{top}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _summary(analysis: Analysis) -> str:
    votes, raters = analysis.votes, analysis.raters
    out = int(raters["excluded"].sum())
    return (
        f"{len(votes)} votes of {votes['rater'].nunique()} raters on {votes['image'].nunique()} images by "
        f"{votes['method'].nunique()} methods; {out} of {len(raters)} raters were excluded. "
        f"{_size(votes['rater'].nunique())}"
    )


def _size(raters: int) -> str:
    """How many raters there are, beside how many the standards ask for."""
    asked = (
        f"ITU-R BT.500 asks for at least {FEWEST} raters, ITU-T P.910 for {IN_LABORATORY} in a laboratory and "
        f"{IN_THE_OPEN} where light, distance and screens are not controlled, as here"
    )
    if raters >= IN_THE_OPEN:
        return f"{asked}: {raters} are enough."
    return f"{asked}: with {raters} this is an informal test."


def _methods(analysis: Analysis) -> str:
    rows = [
        [r.method, number(r.mos), span(r.low, r.high), number(r.sd), r.votes, number(r.quality), number(r.mos_all)]
        for r in analysis.methods.itertuples()
    ]
    head = ["method", "MOS", "95 % interval", "sd of votes", "votes", "P.910 quality", "MOS before screening"]
    return _table(rows, head, "P.910 quality: steady raters weigh more, biases are taken off.", {1, 2, 3, 4, 5, 6})


def _statements(analysis: Analysis) -> list[str]:
    pairs = analysis.pairs
    if pairs.empty:
        return ["<p>Only one method was rated: there is nothing to compare.</p>"]
    open_pairs = pairs[~pairs["shown"]]
    next_to = pairs[
        [
            k + 1 == m
            for k, m in zip(pairs["better"].map(_rank(analysis)), pairs["worse"].map(_rank(analysis)), strict=True)
        ]
    ]
    items = "".join(f"<li>{_e(row.statement)}</li>" for row in next_to.itertuples())
    found = [f"<p>From the best to the next, one step at a time:</p><ul>{items}</ul>"]
    if len(open_pairs):
        others = ", ".join(f"{_e(r.better)} and {_e(r.worse)}" for r in open_pairs.itertuples())
        found.append(
            f"<p>{len(open_pairs)} of {len(pairs)} pairs show no difference: {others}. "
            "That is no proof that they are equal.</p>"
        )
    else:
        found.append(f"<p>All {len(pairs)} pairs of methods differ.</p>")
    rows = [
        [
            r.better,
            r.worse,
            number(r.difference),
            span(r.low, r.high),
            p_value(r.p),
            p_value(r.p_holm),
            "yes" if r.shown else "no",
        ]
        for r in pairs.itertuples()
    ]
    head = ["higher", "lower", "difference", "95 % interval", "p", "p (Holm)", "shown"]
    caption = (
        "Wilcoxon signed-rank test on image means, two-sided; Holm's correction over all pairs. Shown: corrected "
        "p < 0.05, and the interval of the difference does not hold 0. Each interval is for one difference."
    )
    table = _table(rows, head, caption, {2, 3, 4, 5}, ["shown" if r.shown else "open" for r in pairs.itertuples()])
    found.append(
        f"<details{' open' if len(pairs) <= 15 else ''}><summary>All {len(pairs)} pairs</summary>{table}</details>"
    )
    return found


def _rank(analysis: Analysis) -> dict[str, int]:
    return {method: k for k, method in enumerate(analysis.methods["method"])}


def _against(analysis: Analysis, metrics: pd.DataFrame | None) -> list[str]:
    if metrics is None:
        return []
    columns = tuple(name for name in ("psnr", "st_lpips") if metrics.merge(analysis.methods)[name].notna().sum() >= 2)
    if not columns:
        return []
    note = "" if "st_lpips" in columns else " ST-LPIPS is missing here: its package, stlpips-pytorch, is not installed."
    figure = plots.plot_mos_against(analysis, metrics, columns=columns)
    caption = f"A dot is a method. PSNR on luma, 4 border pixels cut, mean over images.{note}"
    return ["<h2>People and metrics</h2>", _figure(figure, caption)]


def _dmos(analysis: Analysis) -> list[str]:
    if analysis.dmos.empty:
        return []
    rows = [[r.method, number(r.dmos), span(r.low, r.high), r.votes] for r in analysis.dmos.itertuples()]
    caption = (
        "Each score minus the same rater's score of the hidden reference of that image, plus 5. Above 5 where somebody "
        "liked a version better than the reference; such values are kept."
    )
    return [
        "<h2>Against the hidden reference: DMOS</h2>",
        _table(rows, ["method", "DMOS", "95 % interval", "votes"], caption, {1, 2, 3}),
    ]


def _raters(analysis: Analysis) -> list[str]:
    raters = analysis.raters
    agreement = ", ".join(f"{r.form} = {number(r.value)} ({r.of})" for r in analysis.icc.itertuples())
    excluded = raters[raters["excluded"]]
    words = [f"<li>{_e(r.rater)}: {_e(r.reasons)}</li>" for r in excluded.itertuples()]
    found = [f"<p>Excluded:</p><ul>{''.join(words)}</ul>" if words else "<p>No rater was excluded.</p>"]
    found.append(f"<p>Agreement of the raters who were kept (Shrout and Fleiss 1979): {_e(agreement)}.</p>")
    found.append(
        _figure(
            plots.plot_raters(analysis),
            "Left: who scores higher or lower than the others. Right: how far one rater's votes scatter. ITU-T P.910, "
            "Annex E.",
        )
    )
    rows = [
        [
            r.rater,
            r.votes,
            f"{r.gold - r.missed} of {r.gold}" if r.gold else "–",
            f"{r.repeat_same:.0%} of {r.repeats}" if r.repeats else "–",
            number(r.variance),
            number(r.correlation),
            f"{r.bt500_share:.1%} / {number(r.bt500_balance)}" if np.isfinite(r.bt500_share) else "–",
            f"{r.bias:+.2f}",
            number(r.inconsistency),
            "excluded" if r.excluded else "kept, with a note" if r.notes else "kept",
        ]
        for r in raters.itertuples()
    ]
    head = [
        *("rater", "votes", "gold met", "repeats alike", "variance", "with others"),
        *("BT.500", "bias", "inconsistency", "decision"),
    ]
    caption = (
        "With others: correlation with the mean of all others. BT.500: share of votes far from the mean / their "
        "imbalance; over 5.0% and under 0.30 is rejected."
    )
    return [*found, _table(rows, head, caption, {1, 2, 3, 4, 5, 6, 7, 8})]


def _screens(analysis: Analysis, study: Study | None) -> list[str]:
    """What was recorded of the screens, where it was; the MOS by kind of screen where there are several."""
    if study is None:
        return []
    table = viewing.screens_table(analysis.votes, study)
    found = ["<h2>Screens</h2>", f"<p>{_e(viewing.sentence(analysis.votes, study))} {_e(viewing.MEANING)}</p>"]
    if len(table) < 2:
        return found
    methods = [method for method in analysis.methods["method"] if method in table]
    rows = [
        [row["shown"], row["raters"], row["votes"], *(number(row[m]) for m in methods)] for _, row in table.iterrows()
    ]
    head = ["shown", "raters", "votes", *(f"MOS {method}" for method in methods)]
    return [
        *found,
        _table(rows, head, "MOS by kind of screen, without intervals: groups may be small.", set(range(1, len(head)))),
    ]


def _protocol(analysis: Analysis, study: Study | None) -> list[str]:
    items = []
    if study is not None:
        hidden = " with hidden reference (ACR-HR)" if study.protocol == "acr-hr" else " (ACR)"
        items += [
            viewing.sentence(analysis.votes, study),
            f"Protocol: absolute category rating{hidden}, ITU-T P.910; one picture at a time, on grey; "
            "1 bad, 2 poor, 3 fair, 4 good, 5 excellent; the method is not shown.",
            f"Order: random for each rater from seed {study.seed}; no image twice in a row.",
            f"Study: {len(study.images)} images by {len(study.methods)} methods, {study.trials} ratings a rater; "
            f"SHA-256 {study.hash}.",
        ]
    items += [f"{row.what}: {row.votes}." for row in analysis.counts.itertuples()]
    s = analysis.settings
    items += [
        "Raters were excluded for missing gold items (more than one and more than a fifth of them by more than one "
        "step), for a variance under 0.15, for scores that run against all others (correlation negative, p < 0.001), "
        "and by ITU-R BT.500's rule, from which stimuli on which all agree are left out."
        if s["screening"]
        else "Screening was switched off: nobody was excluded.",
        "MOS of a method: mean over images of the image's mean over raters.",
        f"Intervals of MOS: two-way bootstrap, raters and images drawn anew {s['resamples']} times (seed {s['seed']}), "
        "2.5 and 97.5 percentiles. They stay within 1 and 5 by themselves; nothing is clipped.",
        "Intervals of differences and of DMOS: Student's t; variance of the image means of the differences, and "
        "between raters as far as they differ in them (Henderson, Welch and Satterthwaite).",
        "Bias and inconsistency: ITU-T P.910, Annex E, alternating projection.",
    ]
    return ["<ul>" + "".join(f"<li>{_e(item[:1].upper() + item[1:])}</li>" for item in items) + "</ul>"]


def _cite(analysis: Analysis, study: Study | None, title: str) -> list[str]:
    day = datetime.now(UTC).date().isoformat()
    which = f", study {study.hash[:12]}" if study is not None else ""
    return [
        f"<p><code>{title}: opinion study with {analysis.votes['rater'].nunique()} raters{which}, analysed on {day} "
        f"with SRGAN Lessons {_e(__version__)}.</code></p>",
        "<p>The design follows C. Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative "
        "Adversarial Network, CVPR 2017, section 3.3; the analysis ITU-T P.910 and ITU-R BT.500.</p>",
    ]
