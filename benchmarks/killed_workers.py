"""Kills workers of torchrun at random moments; torchrun starts them again, and the final weights must be the same.

    python benchmarks/killed_workers.py FOLDER --kills 20

It trains a small SRGAN in two processes: once undisturbed, and then again and again with kills, each time to the end.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import common
from safetensors.numpy import load_file

SMALL = {"blocks": 1, "channels": 4, "crop": 32, "batch": 4, "log-every": 5, "checkpoint-minutes": 0.01}


def start(folder: Path, steps: int, restarts: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += [f"--max-restarts={restarts}", "-m", "srgan_lessons", "train", "srgan-mse", "--photos", "samples"]
    command += ["--init", "scratch", "--folder", str(folder), "--steps", str(steps), "--device", "cpu"]
    command += ["--validate-every", str(steps)]
    command += [part for name, value in SMALL.items() for part in (f"--{name}", str(value))]
    with open(folder.with_suffix(".log"), "w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})


def workers(launcher: subprocess.Popen) -> list[int]:
    """The processes that torchrun has started."""
    found = []
    for task in Path(f"/proc/{launcher.pid}/task").glob("*/children"):
        for number in task.read_text().split():
            try:
                if b"srgan_lessons" in Path(f"/proc/{number}/cmdline").read_bytes():
                    found.append(int(number))
            except OSError:
                continue
    return found


def digest(folder: Path) -> str:
    """A hash of all weights. A hash of the file would depend on its metadata, whose order changes from run to run."""
    digest = hashlib.sha256()
    for name, weight in sorted(load_file(folder / "weights.safetensors").items()):
        digest.update(name.encode() + weight.tobytes())
    return digest.hexdigest()[:16]


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    say = common.Printed(options.out)
    options.folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    assert start(options.folder / "whole", options.steps, 0).wait() == 0
    usual, expected = time.monotonic() - began, digest(options.folder / "whole")
    say(f"undisturbed: {usual:.0f} s, weights {expected}")
    dice, kills, runs, under_way = random.Random(0), 0, 0, 0
    while kills < options.kills:
        runs += 1
        run = options.folder / f"run{runs}"
        launcher = start(run, options.steps, options.kills)
        while launcher.poll() is None:
            if kills == options.kills:
                launcher.wait()
                break
            until = time.monotonic() + dice.uniform(0.2, 1.0) * usual
            while time.monotonic() < until and launcher.poll() is None:
                time.sleep(0.1)
            there = workers(launcher) if launcher.poll() is None else []
            if there:
                under_way += any(run.glob("checkpoints/step_*.pt"))
                os.kill(dice.choice(there), signal.SIGKILL)
                kills += 1
        same = launcher.returncode == 0 and digest(run) == expected
        verdict = "the same" if same else "DIFFERENT"
        say(f"run {runs}: exit status {launcher.returncode}, {kills} kills so far, weights {verdict}")
        if not same:
            sys.exit(1)
    say(f"{kills} kills, {under_way} of them after the first checkpoint: the same weights in {runs} runs")


if __name__ == "__main__":
    main()
