"""Where and how a run computes: device, precision, and the other processes that train with it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from srgan_lessons import UserError, processes
from srgan_lessons.device import choose_device
from srgan_lessons.models import ESPCN
from srgan_lessons.precision import computes_in_bf16

PRECISIONS = ("auto", "fp32", "bf16", "fp16")

# With at least this many feature maps bf16 is faster. On two cores with AVX512-BF16 the factors are 1.66 (SRResNet) and
# 1.63 (SRGAN-offline) with the paper's 64 maps, 1.26 and 1.57 with 32 maps and 8 blocks, and .91 with 16 maps.
BF16_CHANNELS = 32

SETTING_UP = timedelta(hours=2)  # how long processes wait for another that is still reading or packing photos


class Machine:
    """One process of a run: its device, its precision, its rank among `world_size` processes.

    precision: "fp32"; "bf16", which needs no scaler; "fp16" with a gradient scaler, for a T4; or "auto". On a GPU
    "auto" means bf16 if the GPU computes in it, otherwise fp16. On a CPU it means bf16 if the processor computes in it
    and the generator has at least BF16_CHANNELS feature maps (channels), otherwise fp32. Raises UserError for a device
    or precision that is not available.
    """

    def __init__(self, device: str | None = None, precision: str = "auto", *, channels: int = 0):
        processes.check_environment()
        self.rank, self.world_size = processes.rank(), processes.world_size()
        self.device = _device(device, processes.local_rank())
        if precision not in PRECISIONS:
            raise UserError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
        if precision == "auto":
            if computes_in_bf16(self.device) and (self.device.type == "cuda" or channels >= BF16_CHANNELS):
                precision = "bf16"
            else:
                precision = "fp16" if self.device.type == "cuda" else "fp32"
        if precision == "bf16" and self.device.type == "cuda" and not computes_in_bf16(self.device):
            raise UserError(f"{self.name()} does not compute in bf16; it only emulates it, slowly. Use fp16.")
        self.precision = precision
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")
        processes.connect("nccl" if self.device.type == "cuda" else "gloo", SETTING_UP)

    @property
    def is_main(self) -> bool:
        """True in the process that logs, saves and shows progress."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager:
        """The context in which networks run: in half precision if that was chosen."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The number type in which convolutions are computed."""
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]

    @contextmanager
    def tuned(self) -> Iterator[None]:
        """The context of updates on a GPU: cuDNN tries all its algorithms once for each shape and keeps the fastest.

        By default torch lets it try only ten. In fp32, convolutions and matrix products may round their inputs to TF32,
        as torch's convolutions do by default.
        """
        matmul = torch.get_float32_matmul_precision()
        flags = dict(enabled=torch.backends.cudnn.enabled, benchmark=True, benchmark_limit=0, allow_tf32=True)
        with torch.backends.cudnn.flags(**flags):
            torch.set_float32_matmul_precision("high")
            try:
                yield
            finally:
                torch.set_float32_matmul_precision(matmul)

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network on the device, channels last, with BatchNorm over all GPUs of the run if there are several.

        Convolutions with many channels are fastest with channels last, on CPUs too; ESPCN has too few channels.
        SyncBatchNorm exists for GPUs only: on CPUs each process normalises its own share of the batch. In training, it
        makes the host wait for the GPU in each layer, because it leaves out processes whose share is empty.
        """
        if self.world_size > 1 and self.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        layout = torch.contiguous_format if isinstance(network, ESPCN) else torch.channels_last
        return network.to(self.device).to(memory_format=layout)

    def average_gradients(self, network: nn.Module) -> None:
        """Replaces each gradient by its mean over all processes. All gradients are sent in one message."""
        if self.world_size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        with processes.talking():
            dist.all_reduce(flat)
        flat /= self.world_size
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """True in all processes if the flag is set in any of them. They must all call it at the same step."""
        if self.world_size == 1:
            return flag
        box = torch.tensor(int(flag), device=self.device)
        with processes.talking():
            dist.all_reduce(box, op=dist.ReduceOp.MAX)
        return bool(box.item())

    def name(self) -> str:
        """The device in words, for logs and cards."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        count = torch.get_num_threads()
        return f"CPU, {count} thread{'' if count == 1 else 's'}"


def _device(name: str | None, local_rank: int) -> torch.device:
    """The device of that name. If the name does not say which GPU is meant, it is the GPU of this process."""
    device = choose_device(name)
    if device.type != "cuda":
        return device
    if device.index is None:
        device = choose_device(f"cuda:{local_rank}")
    torch.cuda.set_device(device)
    return device
