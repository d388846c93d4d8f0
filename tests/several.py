"""Several processes as torchrun starts them, forked from one that has imported torch. See test_several.py.

`python tests/several.py FOLDER SCENARIO...` plays them, each in a folder of its name, and prints what they find.
`python tests/several.py FOLDER command ARGUMENT...` runs two processes of that command.
"""

import contextlib
import hashlib
import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # the first optimiser imports it: here it is done once, and not in each process
from PIL import Image
from safetensors.numpy import load_file

from srgan_lessons import processes
from srgan_lessons.cli import main
from srgan_lessons.training import Recipe, train
from srgan_lessons.training.machine import Machine

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from ports import free_port

RECIPE = Recipe(name="tiny-gan", blocks=1, channels=4, steps=12, batch=4, crop=32, adversarial=1e-3, rate=1e-3)
OPTIONS = {"log_every": 3, "validate_every": 6, "device": "cpu", "wait_minutes": 1.0}


def noise(seed: int, height: int = 48, width: int = 56) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def start(works: list[Callable[[], int | None]], seconds: float = 120) -> list[tuple[int, str]]:
    """Runs each work as one rank: (exit status, all that it printed) of each. A negative status is a signal."""
    port = free_port()
    children, outputs = [], []
    for rank, work in enumerate(works):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            world = str(len(works))
            os.environ |= {"RANK": str(rank), "WORLD_SIZE": world, "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": world}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            os.dup2(writer, 1), os.dup2(writer, 2)
            status = 99
            with contextlib.suppress(BaseException):
                try:
                    status = work() or 0
                except ValueError as error:  # UserError
                    status = 2
                    print("told elsewhere" if getattr(error, "told", False) else f"UserError: {error}", file=sys.stderr)
                except BaseException as error:
                    print(f"{type(error).__name__}: {error}", file=sys.stderr)
            with contextlib.suppress(OSError):
                sys.stderr.flush(), sys.stdout.flush()
            os._exit(status)
        os.close(writer)
        children.append(child)
        outputs.append(reader)
    statuses = {}
    until = time.monotonic() + seconds
    while len(statuses) < len(children) and time.monotonic() < until:
        for child in children:
            if child not in statuses and (found := os.waitpid(child, os.WNOHANG | os.WUNTRACED))[0]:
                if os.WIFSTOPPED(found[1]):
                    continue
                statuses[child] = os.waitstatus_to_exitcode(found[1])
        if len(statuses) >= len(children) - 1 and any(
            _is_stopped(child) for child in children if child not in statuses
        ):
            break
        time.sleep(0.05)
    for child in children:
        if child not in statuses:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return [
        (statuses.get(c, -9), os.fdopen(r, errors="replace").read()) for c, r in zip(children, outputs, strict=True)
    ]


def _is_stopped(child: int) -> bool:
    return ") T " in Path(f"/proc/{child}/stat").read_text() if Path("/proc").exists() else False


def digest(folder: Path) -> str:
    """Of all weights; the file's own would depend on the order of its metadata, which changes from run to run."""
    digest = hashlib.sha256()
    for name, weight in sorted(load_file(folder / "weights.safetensors").items()):
        digest.update(name.encode() + weight.tobytes())
    return digest.hexdigest()


def trains(photos, run: Path, recipe: Recipe = RECIPE, beat: Callable[[int], None] | None = None, **options):
    """A rank that trains. beat: called with the number of each update."""

    def work():
        if beat:
            real, count = processes.Watch.beat, iter(range(1000))
            processes.Watch.beat = lambda self: (beat(next(count)), real(self))[1]
        train(recipe, photos, run=run, **(OPTIONS | options))

    return work


def scenario_gradients(folder: Path, photos: Path) -> list:
    """The first process has the gradients 1, 2, 3, and 4, the second one twice as much; one layer has none."""

    def work():
        machine = Machine("cpu")
        layer, frozen = torch.nn.Linear(3, 1), torch.nn.Linear(1, 1)
        for parameter, gradient in zip(layer.parameters(), ([[1.0, 2.0, 3.0]], [4.0]), strict=True):
            parameter.grad = (machine.rank + 1) * torch.tensor(gradient)
        machine.average_gradients(torch.nn.Sequential(frozen, layer))
        print(json.dumps([layer.weight.grad.tolist(), layer.bias.grad.tolist(), frozen.weight.grad]))

    return start([work, work])


def scenario_checkpoint(folder: Path, photos: Path) -> dict:
    """A run in two parts, whose second process has no run folder at all, beside one in one part, and one in memory."""
    whole = start([trains(photos, folder / "whole"), trains(photos, folder / "none")])
    first = start([trains(photos, folder / "parts", minutes=1e-9), trains(photos, folder / "none", minutes=1e-9)])
    last = start([trains(photos, folder / "parts"), trains(photos, folder / "none")])
    arrays = {f"photos/{path.name}": np.asarray(Image.open(path)) for path in sorted(photos.glob("*.png"))}
    memory = start([trains(arrays, folder / "memory"), trains(arrays, folder / "none")])
    return {
        "outputs": [whole, first, last, memory],
        "digests": [digest(folder / name) for name in ("whole", "parts", "memory")],
        "none": (folder / "none").exists(),
        "stopped": "stopped after update 1;" in first[0][1],
    }


def scenario_differs(folder: Path, photos: Path) -> dict:
    others = {f"p{k}": noise(k) for k in range(5)} | {"other": noise(50)}
    same = {f"p{k}": noise(k) for k in range(6)}
    found = {}
    for name, second in {
        "seed": trains(same, folder / "none", seed=1),
        "recipe": trains(same, folder / "none", RECIPE.change(rate=2e-3)),
        "photos": trains(others, folder / "none"),
        "log_every": trains(same, folder / "none", log_every=4),
        "precision": trains(same, folder / "none", precision="fp16"),
        "missing": trains(folder / "not_here", folder / "none"),
    }.items():
        found[name] = start([trains(same, folder / f"run_{name}", progress=False), second])
    found["init"] = start(
        [trains(same, folder / "run_init", init="nothing.safetensors"), trains(same, folder / "none")]
    )
    found["steps"] = [sorted(p.name for p in folder.glob("run_*/checkpoints/*"))]
    return found


def scenario_ends(folder: Path, photos: Path) -> dict:
    """The second process hangs, and is killed, at its fifth update; and the first one."""

    def at_five(number: int):
        return lambda update: os.kill(os.getpid(), number) if update == 4 else None

    quiet = {"progress": False, "wait_minutes": 0.1}
    run, none = folder / "run", folder / "none"
    late = folder / "late" / "checkpoints"
    late.mkdir(parents=True)
    (late / "step_00000009.pt").write_bytes(b"")  # the run is on the other machine
    return {
        "elsewhere": start([trains(photos, folder / "first", **quiet), trains(photos, folder / "late", **quiet)]),
        "hangs": start([trains(photos, run, **quiet), trains(photos, none, beat=at_five(signal.SIGSTOP), **quiet)]),
        "killed": start([trains(photos, run, **quiet), trains(photos, none, beat=at_five(signal.SIGKILL), **quiet)]),
        "main": start([trains(photos, run, beat=at_five(signal.SIGKILL), **quiet), trains(photos, none, **quiet)]),
        "after": start([trains(photos, run), trains(photos, none)]),
    }


def scenario_asked(folder: Path, photos: Path) -> dict:
    """SIGTERM comes to one process only, after its fourth update, long before a line of the log is due."""

    def term(update: int) -> None:
        if update == 4:  # the first beat is that of the start
            os.kill(os.getpid(), signal.SIGTERM)

    run, none, seldom = folder / "run", folder / "none", {"log_every": 12}
    parts = [
        start([trains(photos, run, **seldom), trains(photos, none, beat=term, **seldom)]),
        start([trains(photos, run, **seldom), trains(photos, none, **seldom)]),
    ]
    whole = start([trains(photos, folder / "whole", **seldom), trains(photos, none, **seldom)])
    return {"outputs": [*parts, whole], "digests": [digest(folder / name) for name in ("run", "whole")]}


def scenario_kills(folder: Path, photos: Path) -> dict:
    """One of two processes is killed at a random moment, 20 times; both are started again, as torchrun does."""
    options = {"progress": False, "log_every": 5, "validate_every": 48, "checkpoint_minutes": 0.001}
    recipe = RECIPE.change(steps=48, batch=2)
    images = {f"p{k}": noise(k) for k in range(6)}
    none = folder / "none"

    def both(run: Path, victim: int = 2, seconds: float = 0.0):
        def dying(work):
            def run_and_die():
                signal.setitimer(signal.ITIMER_REAL, seconds)  # SIGALRM kills, as nobody handles it
                return work()

            return run_and_die

        works = [trains(images, path, recipe, **options) for path in (run, none)]
        return [status for status, _ in start([dying(w) if k == victim else w for k, w in enumerate(works)])]

    began = time.monotonic()
    assert both(folder / "whole") == [0, 0]
    usual, dice = time.monotonic() - began, np.random.default_rng(0)
    kills = runs = under_way = 0
    digests = [digest(folder / "whole")]
    while kills < 20:
        runs += 1
        run = folder / f"run{runs}"
        while True:
            there = any(run.glob("checkpoints/step_*.pt"))
            victim = int(dice.integers(2))
            statuses = both(run, victim, float(dice.uniform(0.1, 0.6)) * usual) if kills < 20 else both(run)
            if statuses == [0, 0]:
                break
            kills += statuses[victim] == -signal.SIGALRM
            under_way += there
        digests.append(digest(run))
    return {"kills": kills, "under_way": under_way, "digests": digests}


def scenario_upscale(folder: Path, photos: Path) -> dict:
    (photos / "bad.png").write_text("no picture")

    def command(out: str, *more: str):
        return lambda: main(["upscale", str(photos), "-o", str(folder / out), "--weights", "bicubic", *more])

    alone = io.StringIO()
    with contextlib.redirect_stdout(alone), contextlib.redirect_stderr(alone):
        status = command("one")()
    two = start([command("two")] * 2)
    (folder / "two" / "p2_x4.png").unlink()
    again = start([command("two")] * 2)
    files = {name: {p.name: digest_of(p) for p in (folder / name).glob("*.png")} for name in ("one", "two")}
    return {"alone": [status, alone.getvalue()], "two": two, "again": again, "same": files["one"] == files["two"]}


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def play(scenario: str, folder: Path) -> dict | list | str:
    """What the scenario finds; the traceback if it fails, so that the others are played, too."""
    os.environ["SRGAN_LESSONS_DATA"] = str(folder / "data")
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for k in range(6):
        Image.fromarray(noise(k)).save(photos / f"p{k}.png")
    try:
        return globals()[f"scenario_{scenario}"](folder, photos)
    except Exception:
        return traceback.format_exc()


if __name__ == "__main__":
    torch.set_num_threads(1)
    where, *scenarios = sys.argv[1:]
    if scenarios[0] == "command":
        print(json.dumps(start([lambda: main(scenarios[1:])] * 2)))
    else:
        print(json.dumps({scenario: play(scenario, Path(where) / scenario) for scenario in scenarios}))
