"""How judges examine the two steps of a GAN: whose weights move, and along which gradient."""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call_as_it_is, on_cpu
from srgan_lessons.exercises.exercise import NotYet
from srgan_lessons.exercises.shared.updates import RATE, Watched, weights_of

WEIGHT = 1e-3  # of the adversarial loss (paper, eq. 3)


def small_discriminator() -> nn.Sequential:
    """Takes images (N, 3, 24, 24). It is so steep that 1e-3 times its gradient shows next to the content loss's."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(8 * 6 * 6, 1),
    )
    with torch.no_grad():
        network.get_parameter("0.weight").mul_(6)
        network.get_parameter("6.weight").mul_(20)
    return network


class Seen:
    """Records the inputs of a network."""

    def __init__(self, network: nn.Module):
        self.inputs: list[Tensor] = []
        self.handle = network.register_forward_pre_hook(lambda module, args: self.inputs.append(args[0].detach().cpu()))

    def saw(self, images: Tensor) -> bool:
        return any(x.shape == images.shape and torch.allclose(x, images, atol=1e-5) for x in self.inputs)


def as_it_is(network: nn.Module, start: nn.Module) -> nn.Module:
    """A copy of a network without its hooks. `start` is a network with the same layers."""
    twin = copy.deepcopy(start)
    twin.load_state_dict(network.state_dict())
    return twin


@contextlib.contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Afterwards, the statistics of BatchNorms and the modes of all layers are as they were."""
    modes = [(module, module.training) for module in network.modules()]
    statistics = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for buffer, before in statistics:
            buffer.copy_(before)


def after(start: nn.Module, loss_of: Callable[[nn.Module], Tensor], gradients: list[Tensor] | None = None) -> Tensor:
    """The weights after one step of the judge's SGD on that loss. `gradients`: old ones that were not cleared.

    `start` keeps its weights, its statistics and its mode: copying it would take longer than the step.
    """
    with unchanged(start):
        found = torch.autograd.grad(loss_of(start), list(start.parameters()), materialize_grads=True)
    step = torch.cat([gradient.flatten() for gradient in found])
    if gradients:
        step = step + torch.cat([gradient.flatten() for gradient in gradients])
    return weights_of(start) - RATE * step


def same(a: Tensor, b: Tensor, start: Tensor) -> bool:
    """Whether two steps from `start` agree to 3 in 1000. Rounding changes a tenth of that; a slip changes more."""
    return (a - b).norm() <= 0.003 * (b - start).norm()


def name_slip(found: Tensor, start: Tensor, slips: Mapping[str, Callable[[], Tensor]]) -> None:
    """Raises NotYet with the message of the first slip that leads to the weights `found`."""
    for message, outcome in slips.items():
        if same(found, outcome(), start):
            raise NotYet(message)


def name_length(found: Tensor, wanted: Tensor, start: Tensor) -> None:
    """Raises NotYet if a step from `start` has the right direction, but not the right length."""
    step, right = found - start, wanted - start
    if torch.cosine_similarity(step, right, dim=0) > 0.9999:
        raise NotYet(
            f"The step has the right direction, but {(step.norm() / right.norm()).item():.2g} times the right length. "
            "Is the loss multiplied, are gradients clipped or scaled, or is there more than one backward() or step()?"
        )


def name_standstill(optimizer: Watched, whose: str, elsewhere: str = "") -> None:
    """Raises NotYet, which says why the weights have not moved.

    elsewhere: the reason to give if other weights got the gradient.
    """
    events = optimizer.events
    if "backward" not in events and elsewhere:
        raise NotYet(f"{whose} does not move: {elsewhere}")
    if "backward" not in events:
        also = "" if "step" in events else " There is no optimizer.step() either."
        raise NotYet(
            f"{whose} does not move: no gradient reached its weights. Is the backward() missing?{also} Or was the loss "
            "rebuilt from a number, with .item() or torch.tensor? Then the gradient has no path back."
        )
    if "step" not in events:
        raise NotYet(f"{whose} does not move: it has gradients, but nothing uses them. Call optimizer.step().")
    if events.index("step") < events.index("backward"):
        raise NotYet("optimizer.step() comes before backward(). Compute the gradient first, then make the step.")
    raise NotYet(f"{whose} does not move: zero_grad() threw away the new gradients. Call it before backward().")


def run(candidate: Callable, *args: Any, no_path: str) -> Any:
    """Calls candidate(*args) on the judge's own tensors, because their graph is judged, too."""
    try:
        result = call_as_it_is(candidate, *args)
        on_cpu(args)  # the answer may have moved the networks to another device
        return result
    except (RuntimeError, UserWarning) as error:
        if "does not require grad" in str(error):
            raise NotYet(no_path) from error
        optimizers = [value for value in args if isinstance(value, Watched)]
        if "modified by an inplace operation" in str(error) and any("step" in o.events for o in optimizers):
            raise NotYet(
                "There are two steps in one call, and the second backward() passes through weights that the first step "
                "has moved. Add both losses, then call backward() and step() once each."
            ) from error
        if "second time" in str(error) or "modified by an inplace operation" in str(error):
            raise NotYet(LEAK) from error
        raise


OWN_OPTIMISER = "{} moves, but the optimizer that was given does not move it. Call optimizer.step() once."

LEAK = (
    "The gradient runs on from D into the generator: sr is still attached to the graph that made it. Cut this "
    "connection: discriminator(sr.detach())."
)
