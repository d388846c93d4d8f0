"""What a run needs to know of the machine: device, precision, and the other processes that train with it."""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn

from srgan_lessons import UserError
from srgan_lessons.models import ESPCN

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


class Machine:
    """One process of a run: its device, its precision, its rank among `world` processes.

    precision: "fp32"; "bf16", which needs no scaler; "fp16" with a gradient scaler, for a T4; "auto" takes bf16 on a
    GPU that computes in it, else fp16, and fp32 on a CPU, where half precision works but is slow. Raises UserError for
    a device or precision that is not there.
    """

    def __init__(self, device: str | None = None, precision: str = "auto"):
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        local_rank = int(os.environ.get("LOCAL_RANK", 0))
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda" and self.world > 1:
            device = f"cuda:{local_rank}"
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise UserError(f"device {device}: torch sees no GPU. Leave the device out to train on the CPU.")
        try:
            self.device = torch.device(device)
        except RuntimeError as error:
            raise UserError(f"unknown device {device!r}: {error}") from None
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if precision not in PRECISIONS:
            raise UserError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
        if precision == "auto":
            precision = "fp32" if self.device.type != "cuda" else "bf16" if has_bf16() else "fp16"
        self.precision = precision
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")
        if self.world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    @property
    def writes(self) -> bool:
        """True in the one process that logs, saves and shows progress."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager:
        """The context in which networks run: half precision where it was chosen."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16 if self.precision == "bf16" else torch.float16)

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network on the device, channels last, with BatchNorm over all GPUs of the run where there are several.

        Channels last is what convolutions of many channels are fastest in, on CPUs too; ESPCN's few are not.
        SyncBatchNorm exists for GPUs only: on CPUs each process normalises its own share of the batch.
        """
        if self.world > 1 and self.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        layout = torch.contiguous_format if isinstance(network, ESPCN) else torch.channels_last
        return network.to(self.device, memory_format=layout)

    def update(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """One step of the optimiser down the gradient of the loss, averaged over all processes. No host sync."""
        optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if self.world > 1:
            average_gradients([p for group in optimizer.param_groups for p in group["params"]], self.world)
        self.scaler.step(optimizer)

    def any(self, flag: bool) -> bool:
        """True in all processes if it is in one of them. They must all ask at the same step."""
        if self.world == 1:
            return flag
        box = torch.tensor(int(flag), device=self.device)
        dist.all_reduce(box, op=dist.ReduceOp.MAX)
        return bool(box.item())

    def name(self) -> str:
        """The device in words, for logs and cards."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"CPU, {torch.get_num_threads()} threads"


def average_gradients(parameters: Iterable[Tensor], world: int) -> None:
    """Replaces each gradient by its mean over all processes: one message for all of them."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= world
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def has_bf16() -> bool:
    """Whether the GPU computes in bfloat16 itself; a T4 (compute capability 7.5) only imitates it, slowly."""
    return torch.cuda.is_available() and torch.cuda.get_device_capability()[0] >= 8
