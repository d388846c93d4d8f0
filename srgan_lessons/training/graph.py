"""An update recorded once as a CUDA graph and replayed: a thousand kernel launches become one."""

from collections.abc import Callable

import torch
from torch import Tensor

from srgan_lessons.training.machine import Machine

WARM_UP = 11  # ordinary updates before the recording: CUDA's libraries set themselves up during the first ones


class GraphedUpdate:
    """Calls `update(places)` directly for the first updates, then records it and replays the recording.

    Every call is a real update, including the first ones. `update` may read and write tensors that it owns (weights,
    moments, sums of losses, the learning rate), but must return nothing and never wait for the GPU.
    """

    def __init__(self, update: Callable[[Tensor], None], machine: Machine):
        self.update = update
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.stream = torch.cuda.Stream(machine.device)

    def __call__(self, places: Tensor) -> None:
        self.calls += 1
        if self.calls <= WARM_UP:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.update(places)
            torch.cuda.current_stream().wait_stream(self.stream)
            return
        if self.graph is None:
            self.places = places.clone()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):  # this only records the update
                self.update(self.places)
        self.places.copy_(places)
        self.graph.replay()
