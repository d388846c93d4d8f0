"""How the pictures were shown, as the pages recorded it: at 1:1 or scaled, and on which kind of screen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from srgan_lessons.rating.study import Study
from srgan_lessons.rating.tables import rated

SCALED, UNKNOWN = "scaled by the browser", "not recorded"
DENSITIES = ((1.5, "1:1, ordinary screen"), (2.5, "1:1, dense screen"), (np.inf, "1:1, very dense screen"))
MEANING = (
    "1:1 means that a pixel of the picture is a pixel of the screen. A screen is dense from 1.5 screen pixels per CSS "
    "pixel, and very dense from 2.5, as phones are. On dense screens, pictures and their flaws look smaller."
)


def shown_as(votes: pd.DataFrame, study: Study | None) -> pd.Series:
    """For each vote that enters the MOS, how its picture was shown: one of the texts of `DENSITIES`, SCALED or UNKNOWN.

    A picture is at 1:1 if its size on the page times the device pixel ratio equals its size in pixels, within half a
    pixel. Without the study, the sizes are not known, and every vote is UNKNOWN.
    """
    table = rated(votes)
    if study is None or not {"device_pixel_ratio", "width", "height"} <= set(table.columns):
        return pd.Series(UNKNOWN, index=table.index)
    ratio, width, height = (table[name].astype("Float64") for name in ("device_pixel_ratio", "width", "height"))
    known = {(s.image, s.method): (s.width, s.height) for s in study.stimuli.values() if s.anchor is None}
    sizes = [known.get(pair, (np.nan, np.nan)) for pair in zip(table["image"], table["method"], strict=True)]
    wide, high = np.array(sizes, dtype=float).reshape(-1, 2).T
    ratio, width, height = (column.to_numpy(dtype=float, na_value=np.nan) for column in (ratio, width, height))
    off = np.maximum(np.abs(width * ratio - wide), np.abs(height * ratio - high))
    kinds = [next(text for limit, text in DENSITIES if value < limit or limit == np.inf) for value in ratio]
    found = np.where(np.isnan(off), UNKNOWN, np.where(off <= 0.5, kinds, SCALED))
    return pd.Series(found, index=table.index)


def screens_table(votes: pd.DataFrame, study: Study | None) -> pd.DataFrame:
    """One row for each way in which pictures were shown: shown, raters, votes, and each method's MOS in these votes."""
    table = rated(votes).assign(shown=shown_as(votes, study))
    order = [*(text for _, text in DENSITIES), SCALED, UNKNOWN]
    counts = table.groupby("shown").agg(raters=("rater", "nunique"), votes=("score", "size"))
    by_image = table.groupby(["shown", "method", "image"])["score"].mean()
    mos = by_image.groupby(["shown", "method"]).mean().unstack()
    return counts.join(mos).reindex([text for text in order if text in counts.index]).reset_index()


def sentence(votes: pd.DataFrame, study: Study | None) -> str:
    """What was recorded about how the pictures were shown, as a sentence."""
    shown = shown_as(votes, study)
    counts = {
        "at 1:1": int(shown.isin([text for _, text in DENSITIES]).sum()),
        SCALED: int((shown == SCALED).sum()),
        UNKNOWN: int((shown == UNKNOWN).sum()),
    }
    if counts["at 1:1"] == len(shown):
        return f"All {len(shown)} votes were given on pictures at 1:1."
    if counts[UNKNOWN] == len(shown):
        return "It was not recorded whether the pictures were shown at 1:1."
    parts = [f"{count} {text}" for text, count in counts.items() if count]
    return f"The pictures of the {len(shown)} votes were shown like this: {', '.join(parts)}."
