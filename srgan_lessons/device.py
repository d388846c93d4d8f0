"""The device that a name stands for, or an error that says why it cannot be used; and whether its memory is full."""

import torch

from srgan_lessons import UserError


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """The named device, or for None the GPU if there is one, else the CPU. Raises UserError for a missing device."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise UserError(f"unknown device {device!r}. Use cpu; for an NVIDIA GPU, use cuda, cuda:1 and so on.") from None
    if chosen.type == "cuda":
        if not torch.cuda.is_available():
            raise UserError(f"device {device}: torch finds no GPU. To use the CPU, do not name a device.")
        count = torch.cuda.device_count()
        if chosen.index is not None and chosen.index >= count:
            raise UserError(
                f"device {device}: there is no such GPU. This machine has {count}: cuda:0 to cuda:{count - 1}."
            )
        return chosen
    try:
        torch.empty(1, device=chosen).cpu()  # from the device meta, nothing can be read
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):  # what torch raises depends on the device
        raise UserError(
            f"device {device}: this version of torch cannot use it here. To use the CPU, do not name a device."
        ) from None
    return chosen


# What the CPU's allocator says, and what CUDA's libraries and CUDA itself say. torch turns none of them into
# OutOfMemoryError, which only its own allocator for GPUs raises.
_NO_MEMORY = (
    "DefaultCPUAllocator",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDA error: out of memory",
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether this is what torch raises when a GPU, or the CPU's allocator, has no memory left."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(words in str(error) for words in _NO_MEMORY)
