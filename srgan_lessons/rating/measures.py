"""What metrics say about a study's stimuli, to compare with what people say. Torch is imported only to measure."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from srgan_lessons import UserError
from srgan_lessons.files import atomic
from srgan_lessons.rating.study import Study
from srgan_lessons.rating.vote import HIDDEN_REFERENCE

METRICS = ("psnr", "ssim", "st_lpips")


def measure(study: Study, *, progress: bool = False) -> pd.DataFrame:
    """Each rated version against the "hr" of its image: image, method, psnr (dB), ssim, st_lpips.

    PSNR and SSIM are measured on luma under the community protocol, with 4 border pixels cut, and ST-LPIPS on whole
    pictures. NaN if a picture is too small for a metric (SSIM needs 19 pixels, ST-LPIPS 21) or if the package of
    ST-LPIPS is not installed. Images without "hr" are left out; the table is empty if no image has one. Raises
    UserError if a stimulus is missing or was changed.
    """
    from srgan_lessons.metrics import psnr, ssim

    distance = _st_lpips() or (lambda sr, hr: float("nan"))
    names = {(s.image, s.method): name for name, s in study.stimuli.items() if s.anchor is None}
    images = [image for image in study.images if (image, HIDDEN_REFERENCE) in names]
    rows = []
    for image in tqdm(images, desc="metrics", unit="image", disable=not progress):
        hr = _pixels(study, names[image, HIDDEN_REFERENCE])
        for method in study.methods:
            if method == HIDDEN_REFERENCE or (image, method) not in names:
                continue
            sr = _pixels(study, names[image, method])
            rows.append((image, method, *(_number(metric, sr, hr) for metric in (psnr, ssim, distance))))
    return pd.DataFrame(rows, columns=["image", "method", *METRICS])


def kept(study: Study, *, progress: bool = False) -> pd.DataFrame | None:
    """Like `measure`, but only once per study: its folder keeps the table as metrics.csv, with the study's hash.

    None if no image has "hr". If the folder cannot be written, nothing is kept, and the next call measures again. It
    also measures again if the file was changed so that it cannot be read, and once ST-LPIPS is installed.
    """
    if HIDDEN_REFERENCE not in study.methods:
        return None
    path = study.folder / "metrics.csv"
    types = {"study": str, "image": str, "method": str, **dict.fromkeys(METRICS, float)}
    with suppress(OSError, ValueError):
        table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=dict.fromkeys(METRICS, ""))
        known = set(types) <= set(table.columns) and len(table) and (table["study"] == study.hash).all()
        if known and (table["st_lpips"].notna().any() or _st_lpips() is None):
            return table
    table = measure(study, progress=progress).assign(study=study.hash)
    if table.empty:
        return None
    with suppress(UserError), atomic(path) as temporary:
        temporary.write_text(table.to_csv(index=False, lineterminator="\n"), encoding="utf-8", newline="\n")
    return table


def metric_means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over images of each metric: method, psnr, ssim, st_lpips. PSNR leaves out pictures equal to their "hr"."""
    finite = table.replace([np.inf, -np.inf], np.nan)
    return finite.groupby("method")[list(METRICS)].mean().reset_index()


def _pixels(study: Study, name: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(study.read(name))).convert("RGB"))


def _st_lpips() -> Callable[[np.ndarray, np.ndarray], float] | None:
    """ST-LPIPS of two uint8 pictures; None if its weights are not installed."""
    import torch

    from srgan_lessons.evaluation import STLPIPSDistance

    try:
        return STLPIPSDistance(torch.device("cpu"))
    except UserError:
        return None


def _number(metric: Callable[..., float], sr: np.ndarray, hr: np.ndarray) -> float:
    """NaN if a picture is too small for the metric; people may have rated it anyway."""
    try:
        return metric(sr, hr)
    except UserError:
        return float("nan")
