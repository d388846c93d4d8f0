"""Measures how fast one update can be, and how close each step of tuning comes to that.

    python benchmarks/speed_ladder.py                                  SRResNet-MSE and SRGAN-offline
    python benchmarks/speed_ladder.py --recipes srresnet-mse --updates 2 --rounds 2

The steps of the ladder are: the textbook loop, our loop, channels last, half precision, compiled, as a CUDA graph. All
of them include cutting the crops. They take turns in one run, and each is compared with the textbook loop. In fp32, all
of them may round to TF32 if the GPU can, as in training. "launches" counts what the host starts on the GPU in one
update.

The floor is a time that no program on this machine can beat. It is the sum over all convolutions and matrix products of
an update, forward and backward. For each of them, two times are computed: its arithmetic at the speed of a large matrix
product, and moving its operands once at the speed of a copy. The longer one counts. Both speeds are measured here, and
all other operations are assumed to take no time.
"""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import common
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from training_step import content_for, textbook

from srgan_lessons.datasets import CropSampler
from srgan_lessons.images import sample_photos
from srgan_lessons.precision import computes_in_bf16
from srgan_lessons.training import RECIPES, Recipe
from srgan_lessons.training.learner import Learner
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.memory import is_out_of_memory


class Contiguous(Machine):
    """A machine that keeps tensors in torch's usual layout, to show how much channels last gains."""

    def prepare(self, network: nn.Module) -> nn.Module:
        return network.to(self.device, memory_format=torch.contiguous_format)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One step of the ladder."""

    name: str
    precision: str
    contiguous: bool = False
    compile: bool = False
    cuda_graph: bool = False

    def machine(self, device: str) -> Machine:
        return (Contiguous if self.contiguous else Machine)(device, self.precision)


def rungs(device: str) -> list[Rung]:
    """The steps that this machine can do, from the plainest to the fastest."""
    plain = [
        Rung(name="fp32", precision="fp32", contiguous=True),
        Rung(name="fp32, channels last", precision="fp32"),
    ]
    if device == "cpu":  # compiling gains nothing on a CPU; half precision is slow where it is imitated
        half = computes_in_bf16(torch.device("cpu"))
        return [*plain, Rung(name="bf16, channels last", precision="bf16")] if half else plain
    half = "bf16" if computes_in_bf16(torch.device("cuda")) else "fp16"
    ladder = [*plain, Rung(name="fp16 with scaler, channels last", precision="fp16")]
    if half == "bf16":
        ladder.append(Rung(name="bf16, channels last", precision="bf16"))
    return [
        *ladder,
        Rung(name=f"{half}, channels last, compiled", precision=half, compile=True),
        Rung(name=f"{half}, channels last, CUDA graph", precision=half, cuda_graph=True),
        Rung(name=f"{half}, channels last, compiled, CUDA graph", precision=half, compile=True, cuda_graph=True),
    ]


# --- the floor -------------------------------------------------------------------------------------------------------


class Count(TorchDispatchMode):
    """Collects (floating-point operations, numbers read and written) of each convolution and matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[int, int]] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        flops = flop_registry.get(operation.overloadpacket)
        if flops is not None:
            tensors = [t for t in tree_leaves((args, result)) if isinstance(t, Tensor)]
            count = flops(*args, **(kwargs or {}), out_val=result)
            self.operations.append((count, sum(t.numel() for t in tensors)))
        return result


def count(recipe: Recipe) -> list[tuple[int, int]]:
    """The operations of one update; they are the same on every machine, so they are counted on the CPU."""
    machine = Machine("cpu", "fp32")
    learner = Learner(recipe, recipe.make_generator(), content_for(recipe), machine)
    update = learner.updates_on(CropSampler(sample_photos(), batch=recipe.batch, crop=recipe.crop))
    with Count() as counted:
        update(0)
    return counted.operations


def matrix_speed(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second in a large matrix product of random numbers; the best of five."""
    n = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    return 2 * n**3 / _best(lambda: a @ b, device)


def copy_speed(device: torch.device) -> float:
    """Bytes per second that a large copy reads and writes; the best of five."""
    a = torch.zeros(2**30 if device.type == "cuda" else 2**26, device=device)  # 4 GiB, 256 MiB
    b = torch.empty_like(a)
    return 2 * a.nbytes / _best(lambda: b.copy_(a), device)


def _best(work: Callable[[], object], device: torch.device) -> float:
    work()
    return min(common.seconds(work, 1, device) for _ in range(5))


def floor(operations: list[tuple[int, int]], *, size: int, flops: float, bandwidth: float) -> float:
    """The floor in seconds, for numbers of `size` bytes."""
    return sum(max(work / flops, numbers * size / bandwidth) for work, numbers in operations)


# --- the ladder ------------------------------------------------------------------------------------------------------


def climb(recipe: Recipe, options) -> list[str]:
    """The lines of a recipe's table."""
    photos = sample_photos()
    device = torch.device(options.device)
    operations = count(recipe)
    total, numbers = (sum(column) for column in zip(*operations, strict=True))
    speeds = {dtype: matrix_speed(device, dtype) for dtype in _dtypes(device)}
    bandwidth = copy_speed(device)
    lines = [
        f"## {recipe.name}, {recipe.batch} crops of {recipe.crop}x{recipe.crop}",
        "",
        f"One update: {total / 1e12:.3f} TFLOP and {numbers / 1e9:.2f} billion numbers moved by its "
        f"{len(operations)} convolutions and matrix products. This machine: "
        + ", ".join(f"{speed / 1e12:.3g} TFLOP/s in {str(dtype)[6:]}" for dtype, speed in speeds.items())
        + f"; {bandwidth / 1e9:.3g} GB/s.",
        "",
        "| | updates/s | images/s | ratio to the textbook loop | floor, updates/s | share of the floor | launches | "
        "peak memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    loops: list[tuple[str, str, Callable[[], object]]] = [("textbook loop", "fp32", textbook(recipe, photos, device))]
    for rung in rungs(options.device):
        machine = rung.machine(options.device)
        learner = Learner(recipe, recipe.make_generator(), content_for(recipe), machine, graphed=rung.cuda_graph)
        sampler = CropSampler(photos, batch=recipe.batch, crop=recipe.crop, device=machine.device)
        loops.append((rung.name, rung.precision, partial(learner.updates_on(sampler, compile=rung.compile), 10**5)))
    times: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    memory: dict[str, str] = {}
    launched: dict[str, int | str] = {}
    for name, _, work in loops:  # warm up: compile, record, choose algorithms
        try:
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated() if device.type == "cuda" else 0
            common.seconds(work, options.warm_up, device)
            if device.type == "cuda":
                memory[name] = f"{(torch.cuda.max_memory_allocated() - before) / 2**30:.1f} GiB"
                launched[name] = launches(work)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
    for _ in range(options.rounds):
        for name, _, work in loops:
            if name not in failed:
                times.setdefault(name, []).append(common.seconds(work, options.updates, device))
    median = {name: statistics.median(found) for name, found in times.items()}
    for name, precision, _ in loops:
        if name in failed:
            lines.append(f"| {name} | failed: {failed[name]} | | | | | | |")
            continue
        dtype = torch.float32 if precision == "fp32" else torch.bfloat16 if precision == "bf16" else torch.float16
        best = floor(operations, size=dtype.itemsize, flops=speeds[dtype], bandwidth=bandwidth)
        lines.append(
            f"| {name} | {1 / median[name]:.3g} | {recipe.batch / median[name]:.3g} | "
            f"{median['textbook loop'] / median[name]:.2f} | {1 / best:.3g} | {best / median[name]:.0%} | "
            f"{launched.get(name, '')} | {memory.get(name, '')} |"
        )
    return lines


def _dtypes(device: torch.device) -> list[torch.dtype]:
    if device.type == "cpu":
        return [torch.float32, torch.bfloat16] if computes_in_bf16(device) else [torch.float32]
    return [torch.float32, torch.float16] + ([torch.bfloat16] if computes_in_bf16(torch.device("cuda")) else [])


LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaMemcpyAsync", "cudaMemsetAsync", "cudaGraphLaunch")


def launches(work: Callable[[], object]) -> int:
    """How many things the host starts on the GPU in one update: kernels, copies, and CUDA graphs, each counted once."""
    with torch.profiler.profile() as profiler:
        work()
        torch.cuda.synchronize()
    return sum(event.count for event in profiler.key_averages() if event.key.startswith(LAUNCHES))


def largest_batch(recipe: Recipe, gibibytes: float, device: str) -> int:
    """The largest batch, in steps of 4, whose updates fit into the GPU's memory when it is limited to `gibibytes`."""
    total = torch.cuda.get_device_properties(0).total_memory / 2**30
    torch.cuda.set_per_process_memory_fraction(min(1.0, gibibytes / total))
    fits, batch = 0, 16
    step = 64
    try:
        while step >= 4:
            torch.cuda.empty_cache()
            try:
                machine = Machine(device, "fp16")
                trial = recipe.change(batch=batch)
                learner = Learner(trial, trial.make_generator(), content_for(trial), machine)
                update = learner.updates_on(CropSampler(sample_photos(), batch=batch, crop=trial.crop, device=device))
                for number in range(3):
                    update(number)
                torch.cuda.synchronize()
                fits = batch
                batch += step
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                batch, step = fits + step // 2, step // 2
            learner = update = None
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    return fits


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--recipes", nargs="+", default=["srresnet-mse", "srgan-offline"], choices=list(RECIPES))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--updates", type=int, default=None, help="updates in a round: 50 on a GPU, 1 on a CPU")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=None, help="updates before the rounds: 20 on a GPU, 1 on a CPU")
    parser.add_argument("--memory", type=float, default=15.0, help="GiB of the card whose largest batch to find (T4)")
    options = parser.parse_args()
    gpu = options.device.startswith("cuda")
    options.updates = options.updates or (50 if gpu else 1)
    options.warm_up = options.warm_up or (20 if gpu else 1)
    machine = Machine(options.device, "fp32")
    name = options.machine or machine.name()
    say = common.Printed(options.out)
    say(
        f"# Speed on {name}",
        "",
        f"Python {platform.python_version()}, torch {torch.__version__}; median of {options.rounds} rounds of "
        f"{options.updates}, {time.strftime('%Y-%m-%d')}.",
    )
    with machine.tuned():
        for recipe in options.recipes:
            say("", *climb(RECIPES[recipe], options))
        if gpu:
            say("", f"Largest batch of 96x96 crops in {options.memory:g} GiB, fp16 with a scaler:", "")
            for recipe in options.recipes:
                say(f"- {recipe}: {largest_batch(RECIPES[recipe], options.memory, options.device)}")


if __name__ == "__main__":
    main()
