"""Measures photos that do not fit into memory: packing, memory, crops and updates, from a store and from memory.

    python benchmarks/photos_on_disk.py FOLDER --gigabytes 2              packing, crops and updates per second
    python benchmarks/photos_on_disk.py FOLDER --gigabytes 8 --memory     also the memory of a process
    python benchmarks/photos_on_disk.py FOLDER --gigabytes 6.6 --limit 4  trains under `ulimit -d` of 4 GB

FOLDER is for artificial photos of DIV2K's size, 2040 x 1350, and their store. It needs room for twice the gigabytes,
and is kept for the next call. --photos uses your own folder of photos instead. Dropping the page cache needs Linux and
root.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import common
import numpy as np
import torch
from PIL import Image

from srgan_lessons.datasets import CropSampler, load_photos, pack
from srgan_lessons.datasets.decoding import find_files
from srgan_lessons.images import load_image, sample_photos
from srgan_lessons.losses import content_loss
from srgan_lessons.training import find_recipe, train
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine

WIDTH, HEIGHT = 2040, 1350
H100 = 320 * 16  # crops per second: 320 updates of SRResNet (benchmarks/results), 16 crops in each


def make_photos(folder: Path, gigabytes: float) -> Path:
    """Photos tiled from scikit-image's, shifted and brightened so that no two are alike. BMP is quick to write."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = [photo for photo in sample_photos().values() if min(photo.shape[:2]) >= 256]
    for number in range(round(gigabytes * 1e9 / (3 * WIDTH * HEIGHT))):
        path = folder / f"made{number:05}.bmp"
        if not path.exists():
            photo = np.roll(samples[number % len(samples)], number, axis=(0, 1)) + np.uint8(number // 7)
            rows, columns = -(-HEIGHT // photo.shape[0]), -(-WIDTH // photo.shape[1])
            Image.fromarray(np.tile(photo, (rows, columns, 1))[:HEIGHT, :WIDTH]).save(path)
    return folder


def anonymous() -> float:
    """MB of memory that belong to this process alone (RssAnon), without what is mapped from files."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1e3


def memory(source: Path) -> None:
    """Prints how many MB photos and the cutting of crops add to a process that has already used torch."""
    warm = CropSampler(load_photos(sample_photos(), progress=False).images)
    warm(0)
    before = anonymous()
    photos = load_photos(source, progress=False)
    sampler = CropSampler(photos.split()[0])
    for step in range(100):
        sampler(step)
    print(json.dumps({"added": anonymous() - before, "pixels": photos.images.pixels.nbytes / 1e6}))


def in_a_process(what: str, source: Path, **environment: str) -> dict[str, float]:
    command = [sys.executable, __file__, str(source), "--only", what]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment)
    return json.loads(done.stdout.splitlines()[-1])


def drop_cache(path: Path) -> None:
    """Tells the system to forget that file's pages."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def crops_a_second(sampler: CropSampler, updates: int, first: int) -> float:
    began = time.perf_counter()
    for step in range(first, first + updates):
        sampler(step)
    return updates * sampler.batch / (time.perf_counter() - began)


def updates_beside(samplers: list[CropSampler], recipe_name: str, updates: int) -> list[float]:
    """Seconds of CPU per update with each sampler: the median of `updates`, in which the samplers take turns."""
    recipe, machine = find_recipe(recipe_name), Machine("cpu", "fp32")
    calls, spent = [], []
    for sampler in samplers:
        torch.manual_seed(0)
        calls.append(Learner(recipe, recipe.make_generator(), content_loss("mse"), machine).updates_on(sampler))
        spent.append([0.0] * updates)
    for step in range(-2, updates):  # the first two are not counted
        for update, seconds in zip(calls, spent, strict=True):
            began = time.process_time()  # the time of this process, whatever else the machine does
            update(step + 2)
            if step >= 0:
                seconds[step] = time.process_time() - began
    return [statistics.median(seconds) for seconds in spent]


def limited(folder: Path, gigabytes: float) -> None:
    """Trains on the folder in a process limited to `gigabytes` GB, as Linux counts them for `ulimit -d`."""
    soft = int(gigabytes * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, soft))
    run = folder.parent / "limited_run"
    recipe = find_recipe("espcn").change(steps=60)
    finished = train(recipe, folder, run=run, device="cpu", log_every=20).finished
    print(json.dumps({"finished": finished, "anonymous": anonymous(), "peak": _peak()}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--photos", type=Path, help="your own folder of photos")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--limit", type=float, metavar="GB")
    parser.add_argument("--only", choices=("memory",), help="for the processes that this script starts")
    options = parser.parse_args()
    if options.only:
        return memory(options.folder)
    say = common.Printed(options.out)
    machine = options.machine or f"{platform.machine()}, {os.cpu_count()} cores"
    say(f"Photos on disk on {machine}; Python {platform.python_version()}, torch {torch.__version__}.", "")
    photos = options.photos or make_photos(options.folder / "made", options.gigabytes)
    if options.limit:
        os.environ["SRGAN_LESSONS_DATA"] = str(options.folder / "data")
        return limited(photos, options.limit)
    store = options.folder / f"{photos.name}.store"
    files, _, _ = find_files([photos])
    size = 0
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number in pool.map(lambda path: load_image(path).nbytes, files.values()):
            size += number
    decoding = size / 1e6 / (time.perf_counter() - began)
    store.unlink(missing_ok=True)
    began = time.perf_counter()
    pack([photos], store, progress=False)
    packing = size / 1e6 / (time.perf_counter() - began)
    say(
        f"{len(files)} photos, {size / 1e9:.2f} GB decoded, {os.cpu_count()} threads",
        f"only decoding   {decoding:8.0f} MB/s",
        f"packing         {packing:8.0f} MB/s: decoding, two hashes, writing to the disk",
    )
    if options.memory:
        mapped = in_a_process("memory", store)
        plain = in_a_process("memory", photos, SRGAN_LESSONS_DATA=str(options.folder / "none"))
        say(
            f"memory beyond torch's own (RssAnon): {mapped['added']:.0f} MB from the store, {plain['added']:,.0f} MB "
            f"in memory, {plain['added'] / plain['pixels']:.2f} times the pixels"
        )
    sampler = CropSampler(load_photos(store).split()[0])
    crops_a_second(sampler, 100, 0)
    cached = crops_a_second(sampler, 200, 100)
    del sampler
    drop_cache(store)
    dropped = crops_a_second(CropSampler(load_photos(store).split()[0]), 50, 1000)
    say(
        f"crops/s from the store: {cached:,.0f} from the page cache, {dropped:,.0f} from the disk; an H100 needs "
        f"{H100:,}"
    )
    samplers = [CropSampler(load_photos(source, progress=False).split()[0]) for source in (photos, store)]
    crops_a_second(samplers[1], 200, 0)
    for name, updates in (("espcn", 200), ("srresnet-mse", 10)):
        in_memory, mapped = updates_beside(samplers, name, updates)
        say(f"{name}: an update takes {mapped / in_memory - 1:+.1%} from the store, {in_memory:.3g} s of CPU in memory")


if __name__ == "__main__":
    main()
