"""A quarter of an hour on one GPU: from photos to a trained SRResNet and SRGAN, in two calls.

    python tools/gpu_data.py gpu_data          first: packs what the checkout does not contain, photos and weights
    python tools/gpu_session.py first  --data gpu_data --work DIR --out DIR --seconds 560
    python tools/gpu_session.py second --data gpu_data --work DIR --out DIR --seconds 200

It runs from a checkout, on a machine with torch, torchvision, numpy, pillow, scikit-image, safetensors, tqdm, filelock
and pytest; nothing is downloaded. Each call measures this machine for some seconds, plans for every stage as many
updates as fit, prints each plan before the stage begins, and ends on time with whatever is done. If a stage fails, this
is printed, and the next stage begins.

    first    check, the GPU's tests, SRResNet, SRGAN, pack
    second   where an update spends its time, the speed ladder, 2,000 updates of SRGAN in fp16 and in bf16, SRGAN again
             from its weights, pack

--out gets at most eight files of less than 16 MiB: weights, and one archive with the logs, previews and tables.
--tiny is a rehearsal on any machine, with small networks and few photos.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the package of this checkout, which may not be installed

TINY = dict(blocks=2, channels=8, batch=4, crop=32)
PACKING = 14.0  # seconds kept for the end


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="See the docstring of this file.")
    parser.add_argument("call", choices=("first", "second", "stage"), metavar="{first,second}")
    parser.add_argument("--data", type=Path, required=True, help="what gpu_data.py wrote")
    parser.add_argument("--work", type=Path, required=True, help="for run folders, 2 GB; memory (/dev/shm) is fastest")
    parser.add_argument("--out", type=Path, required=True, help="for what is worth keeping")
    parser.add_argument("--seconds", type=float, default=560, help="for the whole call")
    parser.add_argument("--start", default="srresnet", help="weights from which SRResNet starts (default: the shipped)")
    parser.add_argument("--srgan", help="second call: weights from which SRGAN continues (default: those in --work)")
    parser.add_argument("--crop", type=int, default=96, help="side of SRResNet's crops in HR pixels")
    parser.add_argument("--batch", type=int, default=16, help="SRResNet's crops per update")
    parser.add_argument("--share", type=float, default=0.45, help="SRResNet's share of the training time")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--stage", help=argparse.SUPPRESS)  # this script calls itself, a process for each stage
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in ("data", "work", "out"):
        setattr(options, name, getattr(options, name).resolve())
    os.environ |= {
        "SRGAN_LESSONS_DATA": str(options.data),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
        "TORCHINDUCTOR_CACHE_DIR": str(options.work / "inductor"),  # what one compiles, the others reuse
    }
    options.work.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.call == "stage":
        return STAGES[options.stage](options)
    return Session(options).run()


class Session:
    """One call. Each of its stages is a process of its own, so that a failure in one does not affect the next."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.began = options, time.time()
        self.end = self.began + options.seconds
        self.failed: list[str] = []

    def run(self) -> int:
        if self.options.call == "first":
            self.first()
        else:
            self.second()
        self.stage("pack", until=self.end)
        print(f"\nended after {time.time() - self.began:.0f} of {self.options.seconds:.0f} s", flush=True)
        if self.failed:
            print("failed:", ", ".join(self.failed), flush=True)
        return int(bool(self.failed))

    def first(self) -> None:
        warm = self.begin("warm")  # compiles on the CPU's cores while the card is checked
        self.stage("check", until=time.time() + 20)
        self.tests("not compile", seconds=110)
        left = self.end - PACKING - time.time()
        self.stage("srresnet", until=time.time() + self.options.share * left)
        self.stage("srgan", until=self.end - PACKING)
        if warm.poll() is None:
            warm.kill()

    def second(self) -> None:
        left = self.end - PACKING - time.time()
        self.stage("profile", until=time.time() + 0.1 * left)
        self.stage("ladder", until=time.time() + 0.35 * left)
        self.stage("half", until=time.time() + 0.25 * left)
        self.stage("again", until=self.end - PACKING)

    def tests(self, which: str, *, seconds: float) -> None:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "addopts=-ra",
            "-o",
            "timeout=0",
        ]
        self.call("tests", [*command, "tests/test_gpu.py", "-k", which], seconds)

    def stage(self, name: str, *, until: float) -> None:
        self.call(name, self.command(name, until), max(5.0, until - time.time() + PACKING / 2))

    def command(self, name: str, until: float = 0.0) -> list[str]:
        o = self.options
        command = [sys.executable, __file__, "stage", "--stage", name, "--until", str(until)]
        for flag in ("data", "work", "out", "start", "srgan", "crop", "batch", "seconds"):
            if (value := getattr(o, flag)) is not None:
                command += [f"--{flag}", str(value)]
        return command + ["--tiny"] * o.tiny

    def call(self, name: str, command: list[str], seconds: float) -> None:
        print(f"\n--- {name}, {time.time() - self.began:.0f} s after the start, {seconds:.0f} s at most", flush=True)
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        with open(self.options.work / f"{name}.txt", "w") as log:
            for line in process.stdout:
                print(line, end="", flush=True)
                log.write(line)
        killer.cancel()
        if process.wait():
            print(f"{name}: failed" if process.returncode > 0 else f"{name}: out of time", flush=True)
            self.failed.append(name)

    def begin(self, name: str) -> subprocess.Popen:
        log = open(self.options.work / f"{name}.txt", "w")  # noqa: SIM115 - the process keeps it
        return subprocess.Popen(self.command(name), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)


# --- the stages, each in its own process ------------------------------------------------------------------------------


def recipe_for(options: argparse.Namespace, name: str):
    from srgan_lessons.training import RECIPES

    if name == "srresnet":
        changes = TINY if options.tiny else dict(crop=options.crop, batch=options.batch)
        return RECIPES["srresnet-mse"].change(**changes)
    return RECIPES["srgan-offline"].change(**(TINY if options.tiny else {}))


def read_photos(options: argparse.Namespace):
    from srgan_lessons.datasets import load_photos

    folders = ["BSDS500/test"] if options.tiny else ["BSDS500/train", "BSDS500/test", "SunHays80"]
    return load_photos([options.data / folder for folder in folders], minimum=96, progress=False)


def check(options: argparse.Namespace) -> int:
    import torch

    from srgan_lessons.doctor import examine

    print("\n".join(str(finding) for finding in examine()))
    if torch.cuda.is_available():
        print(torch.cuda.get_device_name(), torch.version.cuda, "cuDNN", torch.backends.cudnn.version())
        subprocess.run(["nvidia-smi"], check=False)
    missing = [n for n in ("weights/vgg_shift_tolerant.pth", "SunHays80") if not (options.data / n).exists()]
    print("missing:", ", ".join(missing) or "nothing")
    return int(bool(missing))


def warm(options: argparse.Namespace) -> int:
    """Compiles both updates once, so that their stages find them in the cache: 73 s and 120 s, side by side."""
    from srgan_lessons.images import sample_photos
    from srgan_lessons.training import Options
    from srgan_lessons.training.plan import measure

    photos = {name: photo for name, photo in sample_photos().items() if min(photo.shape[:2]) >= 256}
    for stage in ("srresnet", "srgan"):
        recipe, began = recipe_for(options, stage), time.time()
        try:
            speed = measure(recipe, photos, seconds=1, options=Options(compile=True))
            print(f"{recipe.name}: compiled in {time.time() - began:.0f} s; beside other work {speed}", flush=True)
        except Exception as error:
            print(f"{recipe.name}: not compiled: {type(error).__name__}: {error}", flush=True)
    return 0


def fit(options: argparse.Namespace, name: str, init: str) -> int:
    """Trains until `options.until`: measures, plans, prints the plan, trains."""
    from srgan_lessons.training import Options, train
    from srgan_lessons.training.plan import fit_into, measure

    recipe, photos = recipe_for(options, "srresnet" if name == "srresnet" else "srgan"), read_photos(options)
    training, _ = photos.split()
    print(f"{name}: {photos.report()}")
    speeds = {}
    for compiled in (False, True) if _is_warm(options, recipe.name) else (False,):
        try:
            speeds[compiled] = measure(recipe, training, seconds=2, options=Options(compile=compiled))
            print(f"{name}: {'compiled' if compiled else 'as it is'}: {speeds[compiled]}")
        except Exception as error:
            print(f"{name}: {'compiled' if compiled else 'as it is'}: {type(error).__name__}: {error}")
    compiled = max(speeds, key=lambda way: speeds[way].updates_per_s)
    left = options.until - time.time()
    stage = fit_into(recipe, left, speeds[compiled], validation=6 if not options.tiny else 1)
    print(f"{name}: {stage}", flush=True)
    run = train(
        stage.recipe,
        photos,
        run=options.work / name,
        init="scratch" if options.tiny else init,
        compile=compiled,
        log_every=max(1, stage.recipe.steps // 150),
        validate_every=max(1, stage.recipe.steps // 6),
        checkpoint_minutes=30,
        minutes=max(0.1, (options.until + 2 - time.time()) / 60),
        progress=False,
        on_report=lambda row: row.get("val_psnr") is not None and print(json.dumps(row), flush=True),
    )
    print(f"{name}: {run.step:,} updates, {'finished' if run.finished else 'NOT FINISHED'}")
    return int(not run.finished)


def _is_warm(options: argparse.Namespace, recipe: str) -> bool:
    """Whether `warm` has compiled that recipe; waits a little for it."""
    log = options.work / "warm.txt"
    stop = time.time() + 15
    while log.exists() and time.time() < stop:
        if f"{recipe}: compiled" in log.read_text():
            return True
        if f"{recipe}: not compiled" in log.read_text():
            return False
        time.sleep(0.5)
    return False


def srresnet(options: argparse.Namespace) -> int:
    return fit(options, "srresnet", options.start)


def srgan(options: argparse.Namespace) -> int:
    trained = options.work / "srresnet" / "weights.safetensors"
    return fit(options, "srgan", str(trained) if trained.exists() else options.start)


def again(options: argparse.Namespace) -> int:
    return fit(options, "again", options.srgan or str(options.work / "srgan" / "weights.safetensors"))


def half(options: argparse.Namespace) -> int:
    """2,000 updates of SRGAN in bf16 and in fp16, from the same weights: do losses stay numbers, and do they agree?"""
    from srgan_lessons.training import train

    steps = 20 if options.tiny else 2_000
    recipe = recipe_for(options, "srgan").change(steps=steps, schedule="one-cycle")
    init = "scratch" if options.tiny else options.start
    for precision in ("bf16", "fp16"):
        run = train(
            recipe,
            read_photos(options),
            run=options.work / f"half-{precision}",
            init=init,
            precision=precision,
            log_every=max(1, steps // 20),
            validate_every=steps,
            progress=False,
        )
        print(f"{precision}: {run.step:,} updates, no NaN; {json.dumps(run.log[-1])}", flush=True)
    return 0


def ladder(options: argparse.Namespace) -> int:
    command = [sys.executable, "benchmarks/speed_ladder.py", "--out", str(options.work / "speed_ladder.md")]
    if options.tiny:
        command += ["--recipes", "espcn", "--rounds", "1", "--updates", "1"]
    else:
        command += ["--rounds", "3", "--updates", "40"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def profile(options: argparse.Namespace) -> int:
    """Prints the kernels in which an update spends its time."""
    import torch

    from srgan_lessons.datasets import CropSampler
    from srgan_lessons.images import sample_photos
    from srgan_lessons.losses import content_loss
    from srgan_lessons.training import Options
    from srgan_lessons.training.learner import Learner

    for name in ("srresnet", "srgan"):
        recipe = recipe_for(options, name)
        machine = Options().machine_for(recipe)
        learner = Learner(recipe, recipe.make_generator(), content_loss(recipe.content), machine)
        photos = {key: photo for key, photo in sample_photos().items() if min(photo.shape[:2]) >= recipe.crop}
        update = learner.updates_on(CropSampler(photos, batch=recipe.batch, crop=recipe.crop, device=machine.device))
        with machine.tuned():
            for step in range(3):
                update(step)
            with torch.profiler.profile(acc_events=True) as profiler:
                update(3)
                learner.mean_losses()  # waits for the GPU
        on = "self_cuda_time_total" if machine.device.type == "cuda" else "self_cpu_time_total"
        print(recipe.name, profiler.key_averages().table(sort_by=on, row_limit=25, max_name_column_width=80), sep="\n")
    return 0


def pack(options: argparse.Namespace) -> int:
    """Copies the weights as they are, and packs everything else into one archive."""
    from srgan_lessons.training.checkpoint import read_checkpoint

    with tarfile.open(options.out / f"runs-{options.work.name}.tar.gz", "w:gz") as archive:
        for path in sorted([*options.work.glob("*.txt"), *options.work.glob("*.md")]):
            archive.add(path, path.name)
        for run in sorted(path.parent for path in options.work.glob("*/settings.json")):
            for path in [run / "settings.json", run / "log.csv", *sorted(run.glob("preview/*.png"))[-2:]]:
                if path.exists():
                    archive.add(path, f"{run.name}/{path.name}")
    for run in sorted(path.parent for path in options.work.glob("*/weights.safetensors")):
        if run.name.startswith("half"):
            continue
        shutil.copy(run / "weights.safetensors", options.out / f"{run.name}.safetensors")
        best = run / "checkpoints" / "best.pt"
        if best.exists() and (state := read_checkpoint(best))["step"] != state["recipe"]["steps"]:
            from safetensors.torch import save_file

            average = {name: tensor.contiguous() for name, tensor in state["average"].items()}
            save_file(average, options.out / f"{run.name}-best-{state['step']}.safetensors")
    for path in sorted(options.out.iterdir()):
        print(f"{path.stat().st_size / 2**20:6.1f} MiB  {path.name}")
    return 0


STAGES = {stage.__name__: stage for stage in (check, warm, srresnet, srgan, again, half, ladder, profile, pack)}

if __name__ == "__main__":
    sys.exit(main())
