"""Says which precisions a device computes in natively, and switches to full float32 for numbers that are compared."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def computes_in_bf16(device: torch.device) -> bool:
    """Whether a GPU has units for bfloat16, or a CPU has instructions for it. Other devices only emulate it, slowly.

    GPUs have such units from compute capability 8.0 on; a T4 has 7.5.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch 2.4 does not have it
    return device.type == "cpu" and asked is not None and asked()


@contextmanager
def full_float32() -> Iterator[None]:
    """The context for metrics and pictures: no TF32 and no half precision, so that a GPU's results equal a CPU's.

    Nor does cuDNN benchmark its algorithms, because pictures have many shapes.
    """
    matmul = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    flags = torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, benchmark=False, allow_tf32=False)
    try:
        with flags, torch.autocast(kind, enabled=False), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
