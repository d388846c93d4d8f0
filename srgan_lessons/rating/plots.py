"""Figures of an opinion study. Each is a matplotlib Figure whose label is its alt text. All can be read in grey."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from srgan_lessons import UserError
from srgan_lessons.files import counted
from srgan_lessons.rating.analysis import Analysis
from srgan_lessons.rating.tables import rated
from srgan_lessons.rating.vote import SCALE

WIDTH = 9.0  # inches
DOTS = 144  # per inch
STYLE: dict[Any, Any] = {
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.labelsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "lines.linewidth": 2.0,
}
METRICS = {
    "psnr": "PSNR in dB (higher is closer)",
    "ssim": "SSIM (higher is closer)",
    "st_lpips": "ST-LPIPS (lower is closer)",
}


def alt_text(figure: Figure) -> str:
    """The alt text of a figure of this module: what it shows, in words."""
    return str(figure.get_label())


def as_image(figure: Figure) -> dict:
    """A figure as an image that needs no file: src (the PNG as a data URL), alt, width and height in CSS pixels."""
    file = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the font may lack a letter of a name; the tables show it
        figure.savefig(file, format="png", dpi=DOTS, facecolor="white")
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return {"src": url, "alt": alt_text(figure), "width": width, "height": height}


def plot_votes(votes: pd.DataFrame, *, order: list[str] | None = None) -> Figure:
    """Distribution of each method's votes, as in the paper's Figure 5: darker means more votes; the mark is the mean.

    votes: a table of votes, or Analysis.votes. order: methods from left to right; sorted by mean if not given. The
    number in a field is the percentage of the method's votes.
    """
    table = rated(votes)
    means = table.groupby("method")["score"].mean().sort_values()
    methods = list(means.index) if order is None else list(order)
    counts = table.groupby(["method", "score"]).size().unstack(fill_value=0)
    counts = counts.reindex(index=methods, columns=[1, 2, 3, 4, 5], fill_value=0)
    share = counts.div(counts.sum(axis=1), axis=0).to_numpy().T  # (5, methods)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(max(5.0, min(WIDTH, 2.2 + 0.85 * len(methods))), 4.4), layout="constrained")
        axis = figure.add_subplot()
        axis.grid(False)
        edges = np.arange(len(methods) + 1) - 0.5
        picture = axis.pcolormesh(edges, np.arange(0.5, 6), share, cmap="Greys", vmin=0, vmax=1, edgecolors="white")
        for k in range(len(methods)):
            for score in range(1, 6):
                part = share[score - 1, k]
                colour = "white" if part > 0.6 else "#111111"
                axis.text(k - 0.12, score, f"{part:.0%}", ha="center", va="center", fontsize=10, color=colour)
        at = [means[method] for method in methods]
        mean: dict[str, Any] = {"marker": "<", "markersize": 11, "markeredgewidth": 1.5, "linestyle": "none"}
        mean |= {"markerfacecolor": "#c00000", "markeredgecolor": "white"}
        axis.plot(np.arange(len(methods)) + 0.36, at, **mean, label="mean (MOS)")
        axis.set_xticks(range(len(methods)), [_name(method) for method in methods], **_slant(methods, 0.85))
        axis.set_yticks(range(1, 6), [f"{score} {word}" for score, word in SCALE.items()])
        axis.tick_params(length=0)
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
        figure.colorbar(picture, ax=axis, label="share of the method's votes", format=lambda x, _: f"{x:.0%}")
        usual = ", ".join(
            f"{m} mostly {int(np.argmax(share[:, k])) + 1} (mean {means[m]:.2f})" for k, m in enumerate(methods)
        )
        figure.set_label(f"Distribution of the votes from 1 to 5 for each method: {usual}.")
    return figure


def plot_mos(analysis: Analysis, *, known: Mapping[str, float] | None = None, known_label: str = "known") -> Figure:
    """MOS of each method with its 95 % interval, the best at the top.

    known: method -> MOS to compare with, such as the paper's or the true one of synthetic raters; drawn as crosses.
    """
    table = analysis.methods.iloc[::-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 1.5 + 0.4 * len(table)), layout="constrained")
        axis = figure.add_subplot()
        at = np.arange(len(table))
        mos, low, high = (table[name].to_numpy(float) for name in ("mos", "low", "high"))
        axis.errorbar(
            *(mos, at),
            xerr=[mos - low, high - mos],
            fmt="o",
            color="black",
            capsize=5,
            markersize=6,
            label="MOS, 95 % interval",
        )
        if known:
            there = [k for k, method in enumerate(table["method"]) if method in known]
            values = [known[table["method"].iloc[k]] for k in there]
            axis.plot(values, there, "x", color="#d55e00", markersize=11, markeredgewidth=2.4, label=known_label)
        for k, row in enumerate(table.itertuples()):
            axis.annotate(f"{row.mos:.2f}", (row.mos, k), (0, 8), textcoords="offset points", ha="center", fontsize=10)
        axis.set_yticks(at, [_name(method) for method in table["method"]])
        axis.set_ylim(-0.6, len(table) - 0.3)
        axis.set_xlim(0.8, 5.2)
        axis.set_xticks(range(1, 6), [f"{score}\n{word}" for score, word in SCALE.items()])
        axis.set_xlabel("mean opinion score")
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
        listed = ", ".join(
            f"{row.method} {row.mos:.2f} [{row.low:.2f}, {row.high:.2f}]" for row in analysis.methods.itertuples()
        )
        figure.set_label(f"Mean opinion scores with 95 % intervals, best first: {listed}.")
    return figure


def plot_mos_against(
    analysis: Analysis, metrics: pd.DataFrame, *, columns: tuple[str, ...] = ("psnr", "st_lpips")
) -> Figure:
    """MOS of each method against metrics, one panel per metric. It shows whether people and metrics agree.

    metrics: a column method and those named in `columns` (psnr in dB, ssim, st_lpips). Methods without a number, such
    as the reference, are left out. Raises UserError if a column is missing or if fewer than two methods have numbers.
    """
    missing = [name for name in ("method", *columns) if name not in metrics.columns]
    if missing:
        raise UserError(f"the table of metrics has no column {', '.join(missing)}; it has {', '.join(metrics.columns)}")
    both = analysis.methods.merge(metrics[["method", *columns]], on="method")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH if len(columns) > 1 else 5.5, 4.2), layout="constrained")
        axes = figure.subplots(1, len(columns), squeeze=False, sharey=True)[0]
        words, drawn = [], []
        for axis, name in zip(axes, columns, strict=True):
            part = both[np.isfinite(both[name].astype(float)) & np.isfinite(both["mos"])]
            if len(part) < 2:
                raise UserError(
                    f"fewer than two rated methods have a number for {name}; rated: {', '.join(both['method'])}"
                )
            x, mos = part[name].to_numpy(float), part["mos"].to_numpy(float)
            error = [mos - part["low"].to_numpy(float), part["high"].to_numpy(float) - mos]
            axis.errorbar(x, mos, yerr=error, fmt="o", color="black", capsize=4, markersize=6)
            axis.set_xlabel(METRICS.get(name, name))
            axis.margins(x=0.2)
            axis.set_ylim(0.9, 5.1)
            drawn.append((x, part))
            best = part.loc[part[name].idxmin() if name == "st_lpips" else part[name].idxmax(), "method"]
            words.append(f"{name}: best is {best}, while people prefer {part.loc[part['mos'].idxmax(), 'method']}")
        axes[0].set_ylabel("mean opinion score")
        figure.set_label(f"Mean opinion score against metrics, one dot per method. {'; '.join(words)}.")
        FigureCanvasAgg(figure).draw()  # lays out the panels, so that the names can be placed
        for axis, (x, part) in zip(axes, drawn, strict=True):
            mos, low, high = (part[name].to_numpy(float) for name in ("mos", "low", "high"))
            _label_points(axis, x, mos, low, high, list(part["method"]))
    return figure


def plot_raters(analysis: Analysis) -> Figure:
    """Each rater's bias and inconsistency (ITU-T P.910, Annex E) with 95 % intervals; excluded raters are hollow.

    The left panel shows bias: a rater far to the right scores high, and one far to the left scores low. The right panel
    shows inconsistency: a rater far to the right scores the same thing differently each time.
    """
    table = analysis.raters
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.4 + 0.27 * len(table)), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        table = table.iloc[::-1].reset_index(drop=True)
        out = table["excluded"].to_numpy(bool)
        noted = (table["notes"] != "").to_numpy() & ~out
        for axis, name, label in zip(
            axes, ("bias", "inconsistency"), ("bias, in steps", "inconsistency, in steps"), strict=True
        ):
            for mask, marker, fill, word in (
                (~out & ~noted, "o", "black", "kept"),
                (noted, "D", "#999999", "kept, with a note"),
                (out, "s", "white", "excluded"),
            ):
                at = np.flatnonzero(mask)
                value = table.loc[mask, name].to_numpy(float)
                spread = [value - table.loc[mask, f"{name}_low"], table.loc[mask, f"{name}_high"] - value]
                if len(at):
                    axis.errorbar(
                        *(value, at),
                        xerr=spread,
                        fmt=marker,
                        color="black",
                        markerfacecolor=fill,
                        capsize=3,
                        markersize=6,
                        label=word,
                    )
            axis.set_xlabel(label)
        axes[0].axvline(0, color="black", linewidth=1)
        axes[1].axvline(table["inconsistency"].median(), color="black", linewidth=1, linestyle="--", label="median")
        axes[1].set_xlim(left=0)
        axes[0].set_yticks(range(len(table)), [_name(name) for name in table["rater"]])
        axes[0].xaxis.set_major_locator(MaxNLocator(6))
        axes[0].set_ylim(-0.7, len(table) - 0.3)
        axes[1].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2, columnspacing=1.2)
        excluded = ", ".join(table.loc[out, "rater"]) or "nobody"
        figure.set_label(
            f"Bias and inconsistency of {counted(len(table), 'rater')}. Biases go from {table['bias'].min():.2f} to "
            f"{table['bias'].max():.2f} steps; the median inconsistency is {table['inconsistency'].median():.2f}. "
            f"Excluded: {excluded}."
        )
    return figure


def _slant(names: list[str], inches: float) -> dict:
    """Slants tick labels that would overlap."""
    longest = max((len(name) for name in names), default=0)
    return {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if longest * 0.1 > inches else {}


def _name(name: str, most: int = 20) -> str:
    """A name as a label, shortened if it is long. A $ does not start a formula."""
    return (name if len(name) <= most else name[: most - 1] + "…").replace("$", r"\$")


def _label_points(axis: Any, x: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray, names: list[str]) -> None:
    """Puts names beside points, where they cover no other name, point or interval. The panels must have their final
    size."""
    renderer = axis.figure.canvas.get_renderer()
    pixels = renderer.points_to_pixels(1)  # of one point
    frame = axis.get_window_extent(renderer)
    spots = axis.transData.transform(np.column_stack([x, y]))
    ends = (axis.transData.transform(np.column_stack([x, end]))[:, 1] for end in (low, high))
    edge = 5 * pixels
    taken = [Bbox([[sx - edge, lo - 3], [sx + edge, hi + 3]]) for (sx, _), lo, hi in zip(spots, *ends, strict=True)]
    for (sx, sy), name in zip(spots, names, strict=True):
        text = axis.text(0, 0, _name(name), fontsize=10)
        box = text.get_window_extent(renderer)
        text.remove()
        width, height = box.width, box.height
        best = None
        for reach in (9, 16, 26, 38, 52, 68, 86):
            for angle in (0, 180, 45, 135, -45, -135, 90, -90):
                dx, dy = reach * np.cos(np.radians(angle)), reach * np.sin(np.radians(angle))
                left = sx + dx * pixels - (0 if dx > 1 else width if dx < -1 else width / 2)
                bottom = sy + dy * pixels - height / 2
                place = Bbox.from_bounds(left, bottom, width, height)
                inside = frame.x0 <= place.x0 and place.x1 <= frame.x1 and frame.y0 <= place.y0 and place.y1 <= frame.y1
                if inside and not any(place.overlaps(other) for other in taken):
                    best = (dx, dy, place)
                    break
            if best:
                break
        dx, dy, place = best or (9, 0, Bbox.from_bounds(sx, sy, width, height))
        taken.append(place)
        align = "left" if dx > 1 else "right" if dx < -1 else "center"
        far = np.hypot(dx, dy) > 10
        at = axis.transData.inverted().transform((sx, sy))
        line = {"arrowstyle": "-", "color": "#777777", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 2} if far else None
        label = axis.annotate(
            _name(name), at, (dx, dy), textcoords="offset points", ha=align, va="center", fontsize=10, arrowprops=line
        )
        label.set_in_layout(False)
