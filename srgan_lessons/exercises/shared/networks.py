"""How judges read a network: by the shapes of its weights and by what it computes."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call, call_as_it_is, why_none
from srgan_lessons.exercises.exercise import NotYet
from srgan_lessons.exercises.reading import as_tensor
from srgan_lessons.models import count_parameters

LEAKY_SLOPE = 0.2  # of the paper's LeakyReLU

SLOPE = 0.25  # of a new PReLU


def features(n: int, channels: int, height: int, width: int, *, seed: int = 0) -> Tensor:
    """Random feature maps (n, channels, height, width). Their mean is not 0, so that each BatchNorm has an effect."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, channels, height, width, generator=generator) * 1.5 + 0.4


def fresh(value: object, what: str) -> nn.Module:
    """A student's network in training mode, with BatchNorms, PReLUs and biases set to the values that a judge expects.

    What it computes then depends only on the weights of its convolutions. Raises NotYet if it is not an nn.Module.
    """
    if value is None:
        raise NotYet(f"{what} is None. {why_none()}")
    if not isinstance(value, nn.Module):
        raise NotYet(f"{what} is of type {type(value).__name__}. Write a class that inherits from nn.Module.")
    for module in value.modules():
        if isinstance(module, nn.BatchNorm2d) and module.affine:
            module.reset_parameters()
        elif isinstance(module, nn.PReLU):
            nn.init.constant_(module.weight, SLOPE)
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)  # a bias changes nothing before a BatchNorm, and hides a mistake elsewhere
    return value.train()


def output(network: nn.Module, x: Tensor, what: str) -> Tensor:
    """The output of a network for x. Raises NotYet if it does not have the shape of x."""
    try:
        y = as_tensor(call(network, x), what="the output")
    except RuntimeError as error:
        if "must match the size" not in str(error):
            raise
        raise NotYet(
            f"{what} adds tensors of different sizes: {error}. Does a 3x3 convolution lack its padding=1?"
        ) from error
    reason = ""
    if y.ndim == 4 and y.shape[2] < x.shape[2]:
        reason = " Pixels are lost at the border: does a 3x3 convolution lack its padding=1?"
    elif y.shape == (x.shape[0], 2 * x.shape[1], *x.shape[2:]):
        reason = " torch.cat puts the maps side by side; they must be added."
    if y.shape != x.shape:
        raise NotYet(f"The output has the shape {tuple(y.shape)}; {tuple(x.shape)} is expected.{reason}")
    return y


def close(a: Tensor, b: Tensor) -> bool:
    """True if two outputs differ only by rounding."""
    return torch.allclose(a, b, rtol=0, atol=1e-3)


def conv_weights(
    network: nn.Module, channels: int, count: int, what: str, reasons: Mapping[int, str] | None = None
) -> list[Tensor]:
    """The weights of a network whose convolutions are all 3x3 with `channels` maps: (channels, channels, 3, 3) each.

    Raises NotYet if they are not, or if there are not `count` of them. reasons: wrong number -> what leads to it.
    """
    found = [parameter.detach() for parameter in network.parameters() if parameter.ndim == 4]
    if not found:
        raise NotYet(
            f"{what} has no weights: torch finds layers that are attributes of the module, or are in nn.Sequential or "
            "nn.ModuleList, but not those in a plain list or those made in forward."
        )
    for weight in found:
        if weight.shape != (channels, channels, 3, 3):
            maps, inputs, height, width = weight.shape
            groups = " Leave out groups=: each map must be made from all maps." if inputs < maps == channels else ""
            raise NotYet(
                f"{what} has a convolution with a {height}x{width} kernel from {inputs} to {maps} maps; a 3x3 kernel "
                f"from {channels} to {channels} is expected.{groups}"
            )
    if len(found) != count:
        has = f"{len(found)} convolution{'' if len(found) == 1 else 's'}"
        raise NotYet(f"{what} has {has} instead of {count}. {(reasons or {}).get(len(found), '')}")
    return found


def check_parameters(network: nn.Module, channels: int, *, convs: int, norms: int, prelus: int, what: str) -> None:
    """Raises NotYet if there are more or fewer parameters than these layers have, however they are written.

    A convolution may have a bias or not; a PReLU may have one slope, or one for each channel.
    """
    biases = [module.bias for module in network.modules() if isinstance(module, nn.Conv2d) and module.bias is not None]
    count = count_parameters(network) - sum(bias.numel() for bias in biases)
    least = convs * 9 * channels**2 + 2 * norms * channels
    slopes = (prelus, prelus * channels)
    if count in {least + slope + biases * channels for slope in slopes for biases in range(convs + 1)}:
        return
    if least <= count < least + prelus:
        raise NotYet(f"{what} has a PReLU whose slope is shared or not learned. Use nn.PReLU(), one for each place.")
    wrong = f"{what} has {count} learned parameters; {least + prelus} are expected."
    if count < least:
        raise NotYet(f"{wrong} Does each BatchNorm have its own gamma and beta, and each PReLU its slope?")
    raise NotYet(f"{wrong} Are there layers that forward does not use?")


def check_repeatable(network: nn.Module, x: Tensor, y: Tensor) -> None:
    """Raises NotYet unless the same input gives the same output y again."""
    if not close(as_tensor(call(network, x)), y):
        raise NotYet(
            "The same maps give a different result each time. Is a layer made in forward, with new random weights, or "
            "is there a Dropout? Make each layer once, in __init__."
        )


def check_gradients(network: nn.Module, x: Tensor) -> None:
    """Raises NotYet unless each convolution gets a gradient, and every other parameter is used."""
    network.zero_grad()
    y = call(network, x)
    if y.requires_grad:
        (y * features(*y.shape, seed=2)).sum().backward()
    weights = {name: parameter for name, parameter in network.named_parameters() if parameter.ndim == 4}
    lost = [name for name, weight in weights.items() if weight.grad is None or not weight.grad.any()]
    if len(lost) == len(weights):
        raise NotYet("A convolution gets no gradient: is there a no_grad, a detach or a .data in forward?")
    if lost:
        raise NotYet(
            f"{lost[0]} gets no gradient. Either forward does not use what this layer computes, because it uses "
            "another layer twice or starts again from the input; or there is a no_grad, a detach or a .data."
        )
    if unused := [name for name, parameter in network.named_parameters() if parameter.grad is None]:
        layer, _, what = unused[0].rpartition(".")
        if what == "bias" and f"{layer}.weight" in weights:
            raise NotYet(
                f"{unused[0]} is never used, although {layer}.weight is. Call the layer itself, which uses both, or "
                "make it with bias=False."
            )
        raise NotYet(
            f"{unused[0]} is never used: its layer is made in __init__, but forward does not use it. Is another layer, "
            "such as a BatchNorm, used twice instead? Each layer has its own numbers."
        )


def check_input_gradient(network: nn.Module, x: Tensor, right: Callable[[Tensor], Tensor]) -> None:
    """Raises NotYet unless the gradient that comes back to x is that of right(x), which has the same output."""

    def gradient(function: Callable[[Tensor], Tensor]) -> Tensor:
        mine = x.clone().requires_grad_()
        y = call_as_it_is(function, mine)
        (y * features(*y.shape, seed=3)).sum().backward()
        return torch.zeros_like(x) if mine.grad is None else mine.grad

    wanted = gradient(right)
    if (gradient(network) - wanted).abs().max() > 0.01 * wanted.abs().max():
        raise NotYet(
            "The output is right, but not the gradient that comes back to the input: the skip must let it through. Is "
            "there a detach, a .data or a no_grad in forward?"
        )


def check_evaluation(network: nn.Module, x: Tensor) -> None:
    """Raises NotYet if, in evaluation mode, the output for an image depends on the other images in its batch."""
    for _ in range(2):
        call(network, x)  # (N, channels, h, w): this updates the running statistics
    network.eval()
    alone, together = call(network, x[:1]), call(network, x)[:1]  # (1, channels, h, w)
    network.train()
    if not close(alone, together):
        raise NotYet(
            "In evaluation mode, the output for an image depends on the others in its batch. BatchNorm must use its "
            "running statistics then: nn.BatchNorm2d does, but F.batch_norm needs training=self.training and the "
            "buffers."
        )


OTHER_ACTIVATIONS = {  # activations that learners use instead of the paper's
    "tanh": torch.tanh,
    "a sigmoid": torch.sigmoid,
    "an ELU": F.elu,
    "an ELU with alpha 0.2": lambda x: F.elu(x, 0.2),
    "a SiLU": F.silu,
    "a GELU": F.gelu,
    "a softplus": F.softplus,
}


def slope_of(y: Tensor, before: Tensor) -> float | None:
    """The slope of the LeakyReLU that makes y from `before`; None if there is no such slope."""
    below = before < -0.1
    slope = float((y[below] / before[below]).median()) if below.any() else 0.0
    return slope if close(y, activated(before, slope)) else None


def normalised(x: Tensor) -> Tensor:
    """The output of a new BatchNorm in training mode."""
    return F.batch_norm(x, None, None, training=True)


def activated(x: Tensor, slope: float = SLOPE) -> Tensor:
    return F.leaky_relu(x, slope)


def convolved(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, padding=1)


def residual(x: Tensor, a: Tensor, b: Tensor, slope: float = SLOPE) -> Tensor:
    """What the paper's block adds to x, with the weights a and b."""
    return normalised(convolved(activated(normalised(convolved(x, a)), slope), b))
