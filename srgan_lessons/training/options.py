"""The options of a run: where and how it computes, what it writes, when it stops."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srgan_lessons import UserError

if TYPE_CHECKING:
    from srgan_lessons.training.machine import Machine
    from srgan_lessons.training.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may differ between two runs of a recipe without changing what is learned. Checked when made."""

    seed: int = 0
    """Of the first weights and of all crops."""
    device: str | None = None
    """"cpu", "cuda", "cuda:1"; None: a GPU if there is one."""
    precision: str = "auto"
    """"fp32", "bf16", "fp16" or "auto"; see Machine."""
    compile: bool = False
    """Run the networks through torch.compile: minutes to start, then faster."""
    cuda_graph: bool | None = None
    """Record the whole update once and replay it; None: on a GPU, in one process."""
    log_every: int = 50
    """Updates between two lines of the log; reading the losses is the one moment at which the host waits."""
    validate_every: int | None = None
    """Updates between two validations; None: twenty in a run."""
    checkpoint_minutes: float = 5.0
    """Minutes between two checkpoints. One is also written at the end and at Ctrl-C."""
    keep: int = 2
    """How many of the last checkpoints stay."""
    minutes: float | None = None
    """Stop after so many minutes, with a checkpoint; None: train to the end."""
    wait_minutes: float = 10.0
    """With several processes: one that has made no update for so long ends itself, since another one hangs."""
    tensorboard: bool = False
    """Also write the log for TensorBoard."""
    progress: bool = True
    """Print the settings and show a progress bar; False trains without a word."""

    def machine_for(self, recipe: "Recipe") -> "Machine":
        """The machine that these options name, with the precision that suits the recipe's network."""
        from srgan_lessons.training.machine import Machine  # imports torch, which settings do not need

        channels = recipe.channels if recipe.network == "generator" else 0
        return Machine(self.device, self.precision, channels=channels)

    def records(self, machine: "Machine") -> bool:
        """Whether updates are recorded as a CUDA graph there. Raises UserError where that was asked for in vain."""
        possible = machine.device.type == "cuda" and machine.world_size == 1
        if self.cuda_graph and not possible:
            raise UserError("a CUDA graph (--cuda-graph) needs a GPU, and one process")
        return possible if self.cuda_graph is None else self.cuda_graph

    def __post_init__(self):
        if not 0 <= self.seed < 2**32:
            raise UserError(f"seed is {self.seed}; it must be from 0 to {2**32 - 1}")
        for name in ("log_every", "keep"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.validate_every is not None and self.validate_every < 1:
            raise UserError(f"validate_every is {self.validate_every}; it must be at least 1")
        for name in ("checkpoint_minutes", "minutes", "wait_minutes"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UserError(f"{name} is {value}; it must be a positive number of minutes")
