"""Measures all cells of a class on the same images, each once, and makes their study."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from srgan_lessons import UserError, __version__
from srgan_lessons.class_table.returned import Collected, Returned
from srgan_lessons.evaluation import Row, evaluate
from srgan_lessons.files import atomic

if TYPE_CHECKING:
    from srgan_lessons.rating import Study

BASELINE = "bicubic"
SETS = ("Set5", "Set14")  # as in the paper's Table 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A method with a row for each image and protocol. returned: the group's file; None for bicubic."""

    name: str
    returned: Returned | None
    rows: tuple[Row, ...]

    def values(self, measure: str, sets: Sequence[str], protocol: str = "paper") -> np.ndarray:
        """A measure ("psnr", "ssim" or "stlpips") of each image, in the order of the sets: (images,)."""
        rows = [row for name in sets for row in self.rows if (row.set, row.protocol) == (name, protocol)]
        return np.array([getattr(row, measure) for row in rows])

    def mean(self, measure: str, name: str, protocol: str = "paper") -> float:
        """The mean over the images of a set."""
        return fmean(self.values(measure, [name], protocol))


def measure_all(
    collected: Collected,
    sets: Sequence[str] = SETS,
    *,
    kept: str | Path | None = None,
    device: str | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Measured]:
    """Measures bicubic, then each accepted cell, with `evaluation.evaluate`: PSNR and SSIM by both protocols, ST-LPIPS.

    kept: a folder for the measurements; a network that was already measured on the same set by the same version is not
    measured again. say: called with each name. Raises UserError if nothing was accepted, and when `evaluate` does.
    """
    if not collected.accepted:
        raise UserError("there is no cell to measure: no file was accepted. " + " ".join(collected.problems))
    jobs: list[tuple[str, Returned | None, str, Any]] = [(BASELINE, None, BASELINE, BASELINE)]
    jobs += [(each.label, each, each.weights, each.network) for each in collected.accepted]
    found = []
    for name, returned, key, method in jobs:
        rows: list[Row] = []
        for each in dict.fromkeys(sets):
            path = Path(kept) / f"{key[:16]}-{each}.json" if kept else None
            known = _read(path) if path else None
            if known is None:
                if say:
                    say(f"{name} on {each}")
                table = evaluate(method, [each], "both", stlpips=True, device=device, progress=False)
                known = list(table.rows)
                if path:
                    _write(path, known)
            rows += known
        found.append(Measured(name=name, returned=returned, rows=tuple(rows)))
    return found


def make_study(
    collected: Collected, images: Any, out: str | Path, *, crop: int | None = None, seed: int = 0, **settings: Any
) -> "Study":
    """The class's opinion study: bicubic, each accepted cell, and HR as the hidden reference. Returns a rating.Study.

    images, crop, seed, settings: as for `Study.create`. Raises UserError if nothing was accepted, and in the same
    cases as `Study.create`.
    """
    from srgan_lessons.rating import Study

    if not collected.accepted:
        raise UserError("there is no cell to rate: no file was accepted. " + " ".join(collected.problems))
    methods = {BASELINE: BASELINE, **{each.label: each.network for each in collected.accepted}, "hr": "hr"}
    return Study.create(images, methods, out, seed, title="The class's own Table 1", crop=crop, **settings)


def _read(path: Path) -> list[Row] | None:
    """What was measured before; None if nothing was, or if another version measured it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [Row(**row) for row in content["rows"]] if content["srgan_lessons"] == __version__ else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # measured again


def _write(path: Path, rows: list[Row]) -> None:
    with atomic(path) as temporary:
        content = {"srgan_lessons": __version__, "rows": [asdict(row) for row in rows]}
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
