"""Fills the disk at each write of a run: the last checkpoint must load, and with more room the run must end as usual.

    sudo python benchmarks/full_disks.py FOLDER

It trains a tiny SRResNet, with a checkpoint after each update, on a file system of its own (tmpfs; needs Linux and
root). When the first update begins, something else fills that disk and leaves no page of 4 KB, then one, then two, and
so on until the whole run fits. In this way, each write of the run finds the disk full once. After each failure, the
script reads the last checkpoint, makes room, and continues the run. Weights, checkpoint and log must be those of a run
on a large disk, bit for bit.
"""

import os
import sys
import warnings
from collections import Counter
from pathlib import Path

import common
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from test_interrupted import QUIET, TINY, assert_same_run, at_the_moment, pictures  # noqa: E402
from trouble import disk, fill  # noqa: E402

from srgan_lessons import UserError  # noqa: E402
from srgan_lessons.training import train  # noqa: E402
from srgan_lessons.training.checkpoint import latest_checkpoint, read_checkpoint  # noqa: E402

PAGE = 4096


def attempt(folder: Path, pages: int, whole: Path) -> str:
    """What happened to a run with room for `pages` pages: "finished", or which update was kept."""
    with disk(folder, 1) as small, warnings.catch_warnings(), pytest.MonkeyPatch.context() as patched:
        warnings.simplefilter("ignore")  # about previews that did not fit on the disk

        def leave() -> None:
            filler = fill(small)
            os.truncate(filler, filler.stat().st_size - pages * PAGE)

        at_the_moment("first update", leave, patched)
        try:
            train(TINY, pictures(), run=small / "run", **QUIET)
            kept = "finished"
        except UserError as error:
            if "the disk is full" not in str(error):
                raise
            latest = latest_checkpoint(small / "run")
            kept = f"stopped, update {0 if latest is None else read_checkpoint(latest)['step']} kept"
        (small / "filler").unlink()
        train(TINY, pictures(), run=small / "run", **QUIET)
        assert_same_run(small / "run", whole)
    folder.rmdir()
    return kept


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("folder", type=Path, help="an empty folder")
    options = parser.parse_args()
    say = common.Printed(options.out)
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    whole = train(TINY, pictures(), run=options.folder / "whole", **QUIET).folder
    found: Counter[str] = Counter()
    pages = 0
    while not found["finished"]:
        found[attempt(options.folder / f"disk{pages}", pages, whole)] += 1
        pages += 1
    say(f"0 to {pages - 1} pages of {PAGE} bytes were left: {sum(found.values())} runs, each ended as on a large disk")
    say(*(f"{kept}: {count}" for kept, count in found.items()))


if __name__ == "__main__":
    main()
