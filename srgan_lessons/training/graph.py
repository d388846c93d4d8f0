"""An update recorded once as a CUDA graph and replayed: hundreds of kernel launches become one."""

from collections.abc import Callable

import torch
from torch import Tensor

from srgan_lessons import UserError
from srgan_lessons.training.machine import Machine

WARM_UP = 11  # updates done one by one before the recording, as CUDA's libraries set themselves up in the first ones


class GraphedStep:
    """Calls `update(places)` as it is for the first updates, then records it and replays the recording.

    Every call is one real update, the first ones too. Raises UserError where there is no GPU, with fp16, whose scaler
    decides on the host, and with several processes.
    """

    def __init__(self, update: Callable[[Tensor], dict[str, Tensor]], machine: Machine):
        if machine.device.type != "cuda":
            raise UserError("--cuda-graph needs a GPU")
        if machine.precision == "fp16" or machine.world > 1:
            raise UserError("--cuda-graph works with fp32 and bf16, in one process")
        self.update = update
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.stream = torch.cuda.Stream()

    def __call__(self, places: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        if self.calls <= WARM_UP:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                losses = self.update(places)
            torch.cuda.current_stream().wait_stream(self.stream)
            return losses
        if self.graph is None:
            self.places = places.clone()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):  # records, computes nothing
                self.losses = self.update(self.places)
        self.places.copy_(places)
        self.graph.replay()
        return self.losses
