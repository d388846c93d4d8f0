"""Finds benchmark images among the training pictures by what they show.

File names and file hashes do not help: the folder `val` of BSDS500 contains the 100 photos of BSD100 as JPEG, one pixel
wider and higher, and `train/302003.jpg` is the "woman" of Set5 at 1.4 times the size. So every picture gets a
perceptual hash of 8 x 8 numbers, and the hashes of the 119 images of Set5, Set14 and BSD100 come with the project.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_lessons.files import data_root, shipped
from srgan_lessons.images import load_image

BENCHMARKS = ("Set5", "Set14", "BSD100")
GRID = 8
SAME = 0.8  # two pictures whose perceptual hashes correlate this much count as one; data/README.md has the figures
_SCALE = 16  # a perceptual hash is stored as 64 signed bytes, in steps of 1/16


def perceptual_hash(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> float32 (8, 8): what is where in the picture, independent of size, brightness and contrast.

    The luma is averaged over an 8 x 8 grid, and each cell is compared with its neighbours. The mean square of the
    result is 1 (or 0 if the picture is one flat tone).
    """
    luma = Image.fromarray(image).convert("L").convert("F")  # float, so that the averages are not rounded
    cells = np.asarray(luma.resize((GRID, GRID), Image.Resampling.BOX))  # (8, 8), 0..255
    around = np.pad(cells, 1, mode="edge")  # (10, 10)
    local = np.mean([around[y : y + GRID, x : x + GRID] for y in range(3) for x in range(3)], axis=0)  # (8, 8)
    detail = cells - local  # without this, all landscapes under a sky look alike
    return (detail / np.sqrt(np.mean(detail**2) + 0.05)).astype(np.float32)


def to_bytes(prints: np.ndarray) -> bytes:
    """A perceptual hash in its stored form: 64 signed bytes, in steps of 1/16."""
    return np.clip(np.rint(prints * _SCALE), -128, 127).astype(np.int8).tobytes()


def from_bytes(stored: bytes) -> np.ndarray:
    """The perceptual hash that `to_bytes` stored: float32 (8, 8). Raises ValueError for any other number of bytes."""
    return np.frombuffer(stored, dtype=np.int8).reshape(GRID, GRID).astype(np.float32) / _SCALE


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two perceptual hashes: 1 for the same picture, about 0 for unrelated pictures."""
    return float(np.mean(a * b))


def hash_as_text(prints: np.ndarray) -> str:
    """A perceptual hash as 128 hexadecimal digits, its form in text files."""
    return to_bytes(prints).hex()


def hash_from_text(text: str) -> np.ndarray:
    """The perceptual hash that `hash_as_text` wrote: float32 (8, 8). Raises ValueError for any other text."""
    return from_bytes(bytes.fromhex(text))


@cache
def benchmark_hashes() -> dict[str, np.ndarray]:
    """The 119 benchmark images by name ("BSD100 img_003"), as the project ships them: float32 (8, 8) each."""
    table = json.loads(shipped("benchmark_hashes.json").read_text(encoding="utf-8"))
    return {name: hash_from_text(text) for name, text in table.items()}


def find_benchmark(prints: np.ndarray) -> str | None:
    """The name of the benchmark image whose perceptual hash this is, or None."""
    names, known = _stacked()
    scores = (known * prints).mean(axis=(1, 2))  # (119,)
    best = int(scores.argmax())
    return names[best] if scores[best] >= SAME else None


@cache
def _stacked() -> tuple[list[str], np.ndarray]:
    known = benchmark_hashes()
    return list(known), np.stack(list(known.values()))  # (119, 8, 8)


def make_hashes(root: str | Path | None = None) -> dict[str, str]:
    """The contents of data/benchmark_hashes.json, computed from the benchmark sets under `root`."""
    root = Path(root or data_root())
    table = {}
    for name in BENCHMARKS:
        for path in sorted((root / name / "HR").glob("*.png")):
            table[f"{name} {path.stem}"] = hash_as_text(perceptual_hash(load_image(path)))
    return table
