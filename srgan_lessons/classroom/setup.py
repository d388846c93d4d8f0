"""The first cell of each lesson: it shows which versions run here, on which device, and with which settings."""

import functools
import os
import platform
import random
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from IPython import get_ipython

from srgan_lessons import UserError, __version__
from srgan_lessons.files import fast_mode

SEED = 0


def setup() -> torch.device:
    """Seeds Python, numpy and torch, uses one thread per available CPU, and prints versions, device and settings.

    Returns the device to compute on: the GPU if torch can use one, otherwise the CPU. In Colab without a GPU, a second
    line says how to get one. From then on, the notebook shows a warning if a variable hides one of the course's own
    functions.
    """
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - what students use
    torch.manual_seed(SEED)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), usable_cpus()))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    threads = torch.get_num_threads()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {threads} thread{'s'[: threads > 1]}"
    mode = "fast settings" if fast_mode() else "full settings"
    print(
        f"srgan-lessons {__version__}, Python {platform.python_version()}, torch {torch.__version__}: "
        f"{name}, {mode}, seed {SEED}"
    )
    _watch_names()
    if "google.colab" in sys.modules and device.type == "cpu":
        print("No GPU here. Everything runs without one, but slower. Get one: Runtime > Change runtime type > T4 GPU.")
    return device


@functools.cache  # once per kernel, however often the first cell is run
def _watch_names() -> None:
    """From now on, warns after a cell in which a variable took the name of a function that later cells call."""
    shell, hidden = get_ipython(), set()
    if shell is None:
        return

    def look(result: Any) -> None:
        from srgan_lessons import classroom  # which imports this module

        for name in ("check", "hint", "lesson_settings", "progress", "solution"):
            ours = getattr(classroom, name)
            if shell.user_ns.get(name, ours) is ours:
                hidden.discard(name)
            elif name not in hidden:
                hidden.add(name)
                print(
                    f"{name} is now a variable of yours, and the cells below call it. Give yours another name; "
                    f"this line brings the course's function back: from srgan_lessons.classroom import {name}"
                )

    shell.events.register("post_run_cell", look)


def usable_cpus(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """How many CPUs this process may use, at least 1.

    A container may be allowed fewer than the machine has. With one thread per CPU of the machine, torch is then very
    slow.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()  # cgroup v2: microseconds of CPU time in each period, or "max"
        cpus = min(cpus, max(1, int(quota) // int(period)))
    except (OSError, ValueError):  # there is no quota
        pass
    return cpus


def lesson_settings(*, full: Mapping[str, Any], fast: Mapping[str, Any]) -> SimpleNamespace:
    """The settings of a lesson: `full`, or `fast` if SRGAN_LESSONS_FAST is 1, as in CI.

    This is the only difference between the two modes; all cells are the same. full={"updates": 1500} gives
    `settings.updates`. Raises UserError if the two do not name the same settings.
    """
    if set(full) != set(fast):
        odd = ", ".join(sorted(set(full) ^ set(fast)))
        raise UserError(f"lesson_settings: full and fast must name the same settings; only one of them has: {odd}")
    if fast_mode():
        changed = ", ".join(f"{key} {fast[key]} instead of {full[key]}" for key in full if fast[key] != full[key])
        print(textwrap.fill(f"Fast settings (SRGAN_LESSONS_FAST=1): {changed or 'none differs'}.", 100))
    return SimpleNamespace(**(fast if fast_mode() else full))
