"""Measures, on the kernel's side, how long a rater waits in the paper's design of 1,128 trials.

    python benchmarks/rating_session.py                     takes some minutes; the study needs 400 MB while it runs
    python benchmarks/rating_session.py --folder /dev/shm   puts the study and the votes on another disk

Each line also shows a plain way to do the same, measured in turns in the same run on the same files. To start, the
plain way reads and hashes one file after the other, and shuffles the pictures. For the next picture, it appends the
vote with open, write, fsync and close, and then reads and hashes the next file. The pictures are windows of photos, of
480 x 320 pixels as in BSD100. Before each start, the files are dropped from the system's cache, if the system allows
it.

A vote is written to the disk before the next picture is shown, so the slowest trials are those in which the disk was
slow. On a disk in memory (--folder /dev/shm), they disappear.
"""

import hashlib
import itertools
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import common
import numpy as np

from srgan_lessons.images import sample_photos
from srgan_lessons.rating import Session, Study
from srgan_lessons.rating.design import PAPER_METHODS, SETS


def pictures(height: int = 320, width: int = 480) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """The paper's study as set -> image -> method -> picture: windows of photos, each version a little darker."""
    dice = np.random.default_rng(0)
    photos = [photo for photo in sample_photos().values() if photo.shape[0] > height and photo.shape[1] > width]

    def window() -> np.ndarray:
        photo = photos[dice.integers(len(photos))]
        top, left = dice.integers(photo.shape[0] - height), dice.integers(photo.shape[1] - width)
        return photo[top : top + height, left : left + width]

    found: dict[str, dict[str, dict[str, np.ndarray]]] = {}
    for name, count in SETS.items():
        for number in range(count):
            image = window()
            versions = {method: np.maximum(image, k) - k for k, method in enumerate(PAPER_METHODS[name])}
            found.setdefault(name, {})[f"{number:03}"] = versions
    return found


def forget(folder: Path) -> bool:
    """Drops the folder's files from the system's cache. False if the system has no call for this."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in folder.rglob("*.png"):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
    return True


def timed(call: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def start_ours(folder: Path, votes: Path) -> Session:
    session = Session.open(folder, "anna", votes)
    session.begin()
    session.picture()
    return session


def start_plain(folder: Path) -> list[str]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    names = [entry["name"] for entry in manifest["stimuli"]]
    for entry in manifest["stimuli"]:
        data = (folder / "stimuli" / f"{entry['name']}.png").read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    random.Random(0).shuffle(names)
    return names


def steps_ours(session: Session, look: float) -> Iterator[float]:
    """Seconds from a click to the bytes of the next picture, for all trials. look: seconds for which a rater looks."""
    while session.trial:
        time.sleep(look)
        began = time.perf_counter()
        session.vote(3, session.token)
        if session.trial:
            session.picture()
        yield time.perf_counter() - began


def steps_plain(folder: Path, names: Iterable[str], votes: Path, look: float) -> Iterator[float]:
    line = json.dumps({"score": 3, "text": "x" * 480}) + "\n"
    for name in names:
        time.sleep(look)
        began = time.perf_counter()
        with open(votes, "a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        hashlib.sha256((folder / "stimuli" / f"{name}.png").read_bytes()).hexdigest()
        yield time.perf_counter() - began


@contextmanager
def chosen_folder(folder: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as path:
        yield Path(path)


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    parser.add_argument("--rounds", type=int, default=3, help="starts of each kind, in turns")
    parser.add_argument("--look", type=float, default=0.005, help="seconds from a picture to its vote; real raters: 4")
    options = parser.parse_args()
    with chosen_folder(options.folder) as work:
        folder = work / "study"
        flat = [np.full((320, 480, 3), value, np.uint8) for value in range(40)]
        anchors = {f"anchor{k}": {"nearest": flat[k], "hr": flat[k + 20]} for k in range(20)}
        took, study = timed(lambda: Study.paper(pictures(), folder, anchors=anchors, minutes=30))
        size = sum(path.stat().st_size for path in folder.rglob("*.png")) / 1e6
        assert study.trials == 1128
        cold = forget(folder)
        starts = []
        for number in range(options.rounds):
            forget(folder)
            plain, names = timed(lambda: start_plain(folder))
            forget(folder)
            ours, session = timed(lambda n=number: start_ours(folder, work / f"votes{n}"))
            starts.append((plain, ours))
        forget(folder)
        plain_steps = steps_plain(folder, itertools.cycle(names), work / "plain.jsonl", options.look)
        theirs, mine = zip(*zip(plain_steps, steps_ours(session, options.look), strict=False), strict=True)
        assert session.phase == "done"
        votes = session.path
        session.close()
        again, session = timed(lambda: Session.open(folder, "anna", votes.parent))
        session.close()
    rows = [
        ("start, to the first picture", *(statistics.median(column) for column in zip(*starts, strict=True)), 3.0),
        ("the same, the slowest start", *(max(column) for column in zip(*starts, strict=True)), 3.0),
        ("next picture, median", statistics.median(theirs), statistics.median(mine), 0.15),
        ("next picture, 99 of 100", np.quantile(theirs, 0.99), np.quantile(mine, 0.99), 0.15),
        ("next picture, slowest", max(theirs), max(mine), 0.15),
    ]
    machine = options.machine or f"{os.cpu_count()} CPU cores, {platform.machine()}"
    say = common.Printed(options.out)
    say(
        f"A rating session of {study.trials} trials on {machine}; Python {platform.python_version()}. "
        f"{len(study.stimuli)} stimuli, {size:.0f} MB, {'dropped from the cache first' if cold else 'cached'}.",
        f"Making the study took {took:.0f} s. Opening it again with all votes given took {again:.2f} s.",
        "",
        "| what a rater waits for | plain, ms | ours, ms | ratio | at most, ms |",
        "|---|---|---|---|---|",
    )
    for name, plain, ours, limit in rows:
        say(f"| {name} | {1e3 * plain:.1f} | {1e3 * ours:.1f} | {plain / ours:.2f} | {1e3 * limit:.0f} |")


if __name__ == "__main__":
    main()
