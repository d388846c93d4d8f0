"""A small network, its batches and its updates, and an optimiser that records the order of events."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.exercise import NotYet
from srgan_lessons.losses import mse_loss
from srgan_lessons.models import Generator


def untrained() -> tuple[Generator, torch.optim.Adam]:
    """What a new session starts with: different initial weights and a different learning rate."""
    network = small_network(seed=2)
    return network, torch.optim.Adam(network.parameters(), lr=5e-4)


def trained(updates: int) -> tuple[Generator, torch.optim.Adam]:
    network = small_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    go_on(network, optimizer, 0, updates)
    return network, optimizer


def go_on(network: nn.Module, optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
    for step in range(first, last):
        update(network, optimizer, *batch_of(step))


def same_bits(a: Any, b: Any) -> bool:
    """Whether two nested states hold the same bits."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same_bits(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same_bits, a, b))
    return type(a) is type(b) and np.array_equal(a, b)


def small_network(seed: int = 1) -> Generator:
    """A small, untrained SRResNet in training mode. In some places, its SR lies outside [0, 1]."""
    torch.manual_seed(seed)
    network = Generator(blocks=1, channels=6)
    with torch.no_grad():
        network.tail.weight *= 4
    return network


def batch_of(seed: int, count: int = 2) -> tuple[Tensor, Tensor]:
    """lr (count, 3, 6, 6) and hr (count, 3, 24, 24), in [0, 1]: smooth slopes with grain."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 3, 3, generator=generator)
    hr = F.interpolate(coarse, size=(24, 24), mode="bilinear", align_corners=True)  # (count, 3, 24, 24)
    hr = (hr + 0.1 * torch.rand(hr.shape, generator=generator)).clamp(0, 1)
    return F.avg_pool2d(hr, 4), hr


def weights_of(network: nn.Module) -> Tensor:
    """All parameters in one tensor (count,)."""
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def update(network: nn.Module, optimizer: torch.optim.Optimizer, lr: Tensor, hr: Tensor) -> float:
    """Makes one update and returns the loss before it."""
    optimizer.zero_grad()
    loss = mse_loss(network(lr), hr)
    loss.backward()
    optimizer.step()
    return loss.item()


RATE = 0.02  # of the judge's SGD: large enough that the effect of each slip on the weights is far above rounding


class Watched(torch.optim.SGD):
    """An optimiser that records what happens, in order: zero_grad, forward, backward, step."""

    def __init__(self, network: nn.Module, rate: float = RATE):
        super().__init__(network.parameters(), lr=rate)
        self.events: list[str] = []
        self.inputs: list[tuple[int, ...]] = []
        self.network, self.copied = network, False
        first = next(network.parameters())
        first.register_hook(lambda gradient: self.events.append("backward"))
        network.register_forward_pre_hook(self._see)

    def _see(self, network: nn.Module, inputs: tuple) -> None:
        self.events.append("forward")
        self.copied |= network is not self.network
        self.inputs.append(tuple(getattr(inputs[0], "shape", ())))

    def __deepcopy__(self, memo: dict) -> "Watched":
        return self  # a copy of the network is watched by the same optimiser

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.events.append("zero_grad")
        super().zero_grad(set_to_none)

    def backward(self) -> None:
        raise NotYet("The optimiser has no backward(): it belongs to the loss. Call loss.backward().")

    def step(self, closure: Callable | None = None) -> Any:
        self.events.append("step")
        return super().step(closure)
