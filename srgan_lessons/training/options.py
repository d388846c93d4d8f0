"""The options of a run: where and how it computes, what it writes, when it stops."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from srgan_lessons import UserError
from srgan_lessons.settings import Setting
from srgan_lessons.training.recipes import Recipe

if TYPE_CHECKING:
    from srgan_lessons.training.machine import Machine

Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may differ between two runs of a recipe without changing what is learned. Checked on creation."""

    seed: Annotated[int, Setting("for the first weights and all crops", "NUMBER")] = 0
    device: Annotated[str | None, Setting("cpu, cuda, cuda:1, ...", "DEVICE", none="a GPU if there is one")] = None
    precision: Annotated[Precision, Setting("of the networks; auto: half precision if the device is faster in it")] = (
        "auto"
    )
    """See Machine."""
    compile: Annotated[
        bool, Setting("run the networks through torch.compile: the start takes minutes, then updates are faster")
    ] = False
    cuda_graph: Annotated[
        bool | None, Setting("record the whole update once and replay it", none="on a GPU, in one process")
    ] = None
    log_every: Annotated[int, Setting("updates between two lines of the log", "UPDATES")] = 50
    """In one process, the host waits for the GPU only when it reads the losses."""
    validate_every: Annotated[
        int | None, Setting("updates between two validations", "UPDATES", none="twenty validations in a run")
    ] = None
    checkpoint_minutes: Annotated[
        float, Setting("minutes between two checkpoints; one is also written at the end and at Ctrl-C", "MINUTES")
    ] = 5.0
    keep: Annotated[int, Setting("how many of the last checkpoints to keep", "COUNT")] = 2
    minutes: Annotated[
        float | None, Setting("stop after this many minutes, with a checkpoint", "MINUTES", none="train to the end")
    ] = None
    wait_minutes: Annotated[
        float, Setting("with several processes: how long one may go without an update before it ends itself", "MINUTES")
    ] = 10.0
    """A process without an update is waiting for another one that hangs."""
    tensorboard: Annotated[bool, Setting("also write the log for TensorBoard")] = False
    progress: bool = True
    """Print the settings and show a progress bar. If False, nothing is printed."""

    def machine_for(self, recipe: Recipe) -> "Machine":
        """The machine that these options name, with the precision that suits the recipe's network."""
        from srgan_lessons.training.machine import Machine  # imports torch, which the settings do not need

        channels = recipe.channels if recipe.network == "generator" else 0
        return Machine(self.device, self.precision, channels=channels)

    def records(self, machine: "Machine") -> bool:
        """Whether updates are recorded as a CUDA graph. Raises UserError if that was asked for but is not possible."""
        possible = machine.device.type == "cuda" and machine.world_size == 1
        if self.cuda_graph and not possible:
            raise UserError("a CUDA graph (--cuda-graph) needs a GPU and works only in a single process")
        return possible if self.cuda_graph is None else self.cuda_graph

    def __post_init__(self) -> None:
        for name in ("seed", "log_every", "validate_every", "keep"):
            value = getattr(self, name)
            if not (isinstance(value, int) or (value is None and name == "validate_every")):
                raise UserError(f"{name} is {value!r}; it must be a whole number, an int")
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


def read_options(given: Mapping[str, Any]) -> Options:
    """The options with these names and values. Raises UserError for a name that is none, and for impossible values."""
    known = [field.name for field in fields(Options)]
    for name in given:
        if name in {field.name for field in fields(Recipe)}:
            raise UserError(
                f"{name} is a setting of the recipe, not an option of the run. Change the recipe, and train that: "
                f"find_recipe(NAME).change({name}={given[name]!r}), from srgan_lessons.training."
            )
        if name not in known:
            raise UserError(f"a run has no option {name}; it has {', '.join(known)}")
    return Options(**given)
