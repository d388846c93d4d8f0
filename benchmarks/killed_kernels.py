"""Runs lesson 11's training cell in a Jupyter kernel that is killed (SIGKILL) at random moments, again and again.

    python benchmarks/killed_kernels.py [--kills 20] [--seed 0] [--out FILE]

Each time, a new kernel runs the same cell. The kills are spread over the updates of both stages, at random, so that a
fast machine meets as many of them in each stage as a slow one. At the end, logs, weights and the last checkpoint must
be those of an undisturbed run, bit for bit. The script prints a row for each kill.
"""

import random
import shutil
import tempfile
import time
from pathlib import Path

import torch
from common import Printed, parser
from jupyter_client.manager import start_new_kernel
from safetensors.torch import load_file

from srgan_lessons.training.checkpoint import latest_checkpoint, read_checkpoint
from srgan_lessons.training.plan import read_plan
from srgan_lessons.training.planned import read_log

# The cells of the lesson, with small networks. A checkpoint is due every second here, and every two minutes there.
PREPARE = """
import torch
from srgan_lessons.classroom.watching import Watch
from srgan_lessons.datasets import load_photos
from srgan_lessons.images import sample_photos
from srgan_lessons.training.plan import make_plan
from srgan_lessons.training.planned import train_plan
torch.set_num_threads(1)
photos = load_photos({name: photo[:96, :96] for name, photo in sample_photos().items()}, progress=False)
smaller = {"blocks": 1, "channels": 8, "batch": 4, "crop": 32}
plan = make_plan("srgan-mse", MINUTES, photos, folder="run", measuring=0.5, **smaller)
"""
TRAIN = """
print("training", flush=True)
with Watch(plan, "run", photos) as watch:
    outcome = train_plan(plan, photos, "run", on_report=watch, progress=False, checkpoint_minutes=1 / 60)
print("ended", outcome.finished, flush=True)
"""


class Kernel:
    """A kernel in a folder, which runs cells and can be killed."""

    def __init__(self, folder: Path):
        self.manager, self.client = start_new_kernel(cwd=str(folder))

    def run(self, code: str, *, until: str | None = None, seconds: float | None = None) -> str:
        """Runs a cell to its end, until it prints `until`, or for `seconds` seconds. Returns what it printed."""
        self.client.execute(code)
        return self.read(until=until, seconds=seconds)

    def read(self, *, until: str | None = None, seconds: float | None = None) -> str:
        """Continues to read what the current cell prints."""
        printed, end = "", None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except Exception:  # queue.Empty: no message for a moment
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                raise SystemExit("\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle" and printed:
                return printed
            if until and until in printed:
                return printed
        return printed

    def kill(self) -> None:
        """Sends SIGKILL, without telling the kernel anything first."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def step(folder: Path) -> tuple[str, int]:
    """The stage that has come furthest, and its last update on the disk."""
    for name in ("srgan-mse", "srresnet-mse"):
        if kept := sorted((folder / "run" / name / "checkpoints").glob("step_*.pt")):
            return name, int(kept[-1].stem.split("_")[1])
    return "srresnet-mse", 0


def share(folder: Path) -> float:
    """The share of the plan's updates that are on the disk."""
    plan = read_plan(folder / "run")
    if plan is None:
        return 0.0
    steps = {stage.recipe.name: stage.recipe.steps for stage in plan.stages}
    name, made = step(folder)
    return (made + (steps["srresnet-mse"] if name == "srgan-mse" else 0)) / sum(steps.values())


def the_same(a: Path, b: Path) -> dict[str, bool]:
    """Which parts of two runs are equal, bit for bit."""
    found = {"logs": True, "weights": True, "checkpoints": True}
    for name in ("srresnet-mse", "srgan-mse"):
        strip = lambda rows: [{k: v for k, v in row.items() if k != "updates_per_s"} for row in rows]  # noqa: E731
        found["logs"] &= strip(read_log(a / name / "log.csv")) == strip(read_log(b / name / "log.csv"))
        mine, theirs = (load_file(run / name / "weights.safetensors") for run in (a, b))
        found["weights"] &= all(torch.equal(mine[key], theirs[key]) for key in theirs)
        mine, theirs = (read_checkpoint(latest_checkpoint(run / name)) for run in (a, b))
        found["checkpoints"] &= mine["step"] == theirs["step"] and all(
            torch.equal(mine["generator"][key], theirs["generator"][key]) for key in theirs["generator"]
        )
    return found


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--minutes", type=float, default=3.0, help="minutes of the plan")
    arguments = arguments.parse_args()
    moments, say = random.Random(arguments.seed), Printed(arguments.out)
    prepare = PREPARE.replace("MINUTES", str(arguments.minutes))
    with tempfile.TemporaryDirectory() as place:
        killed, whole = Path(place) / "killed", Path(place) / "whole"
        killed.mkdir()
        say(f"# A kernel killed {arguments.kills} times", "", *([arguments.machine, ""] if arguments.machine else []))
        say("| kill | seconds into the cell | then on the disk |", "|---|---|---|")
        for number in range(1, arguments.kills + 1):
            kernel = Kernel(killed)
            kernel.run(prepare, seconds=0.1)
            kernel.run(TRAIN, until="training")
            began, said = time.monotonic(), ""
            aim = (number - moments.random()) / (arguments.kills + 1)
            while share(killed) < aim and "ended" not in said:
                said += kernel.read(until="ended", seconds=0.2)
            said += kernel.read(until="ended", seconds=moments.uniform(0.0, 2.0))
            kernel.kill()
            wait, (name, made) = time.monotonic() - began, step(killed)
            say(f"| {number} | {wait:.1f} | {name} {made:,}{' (had ended)' if 'ended' in said else ''} |")
        kernel = Kernel(killed)
        kernel.run(prepare, seconds=0.1)
        kernel.run(TRAIN, until="ended")
        kernel.kill()
        whole.mkdir()
        (whole / "run").mkdir()
        shutil.copy(killed / "run" / "plan.json", whole / "run")
        kernel = Kernel(whole)
        kernel.run(prepare, seconds=0.1)
        kernel.run(TRAIN, until="ended")
        kernel.kill()
        steps = [f"{stage.recipe.steps:,}" for stage in read_plan(whole / "run").stages]
        equal = the_same(killed / "run", whole / "run")
        left = [path.name for path in (killed / "run").rglob("*.part")]
        say("", f"Then the cell ran to its end: {' and '.join(steps)} updates.")
        say(*(f"- {name} are those of an undisturbed run: {'yes' if same else 'NO'}" for name, same in equal.items()))
        say(f"- half-written files left: {', '.join(left) or 'none'}")


if __name__ == "__main__":
    main()
