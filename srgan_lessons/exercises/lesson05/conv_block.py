"""Exercise 5.4: a block of the discriminator."""

import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_tensor
from srgan_lessons.exercises.shared.networks import (
    LEAKY_SLOPE,
    OTHER_ACTIVATIONS,
    activated,
    check_evaluation,
    check_gradients,
    check_repeatable,
    close,
    features,
    fresh,
    normalised,
    slope_of,
)
from srgan_lessons.models import count_parameters


def conv_block(inputs, outputs, stride):
    return nn.Sequential(
        # SOLUTION
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2),
        # STUB
        # nn.Conv2d(...),  # 1. 3x3; stride 1 keeps height and width, stride 2 halves them
        # ...,  # 2. what stands between convolution and activation
        # ...,  # 3. the activation
        # END
    )


def judge(candidate) -> None:
    for inputs, outputs, stride in ((3, 5, 2), (4, 6, 1)):
        what = f"conv_block({inputs}, {outputs}, {stride})"
        block = fresh(_as_module(call(candidate, inputs, outputs, stride)), what)
        weight = _weight(block, inputs, outputs, stride, what)
        x = features(8, inputs, 7, 6)
        y = _block_output(block, x, outputs, what)
        right = _block(x, weight, stride)
        if y.shape != right.shape:
            raise NotYet(f"{what} makes {tuple(x.shape)} into {tuple(y.shape)}. {_block_shape(y, right, x, stride)}")
        if not close(y, right):
            recognise(y.detach(), _block_slips(x, weight, stride), within=1e-3)
            check_repeatable(block, x, y)
            slope = slope_of(y, normalised(F.conv2d(x, weight, stride=stride, padding=1)))
            if slope is not None:
                raise NotYet(f"The slope of your LeakyReLU is {slope:.3g}. In the paper, it is 0.2.")
            raise NotYet(
                f"The output of {what} has the right shape, but its numbers differ from those of the paper's block: a "
                "convolution, BatchNorm, LeakyReLU of slope 0.2, in this order, and nothing else."
            )
        bias = outputs * any(parameter.shape == (outputs,) for parameter in _conv_biases(block))
        _check_count(block, 9 * inputs * outputs + 2 * outputs + bias, what)
        check_gradients(block, x)
        check_evaluation(block, x)


def _block_output(block: nn.Module, x: Tensor, outputs: int, what: str) -> Tensor:
    try:
        return as_tensor(call(block, x))
    except RuntimeError as error:
        if "running_mean should contain" not in str(error):
            raise
        raise NotYet(
            f"{what} has a BatchNorm for a different number of maps: {error}. It comes after the convolution, which "
            f"gives `outputs` maps, here {outputs}: nn.BatchNorm2d(outputs)."
        ) from error


def _as_module(value: object) -> object:
    """Turns a list or tuple of layers into an nn.Sequential, because an answer may return any of these."""
    if isinstance(value, list | tuple) and value and all(isinstance(layer, nn.Module) for layer in value):
        return nn.Sequential(*value)
    return value


def _conv_biases(network: nn.Module) -> list[Tensor]:
    return [module.bias for module in network.modules() if isinstance(module, nn.Conv2d) and module.bias is not None]


def _weight(block: nn.Module, inputs: int, outputs: int, stride: int, what: str) -> Tensor:
    """The weight of the block's one convolution, (outputs, inputs, 3, 3)."""
    found = [parameter.detach() for parameter in block.parameters() if parameter.ndim == 4]
    if len(found) != 1:
        raise NotYet(f"torch finds {len(found)} convolutions in {what}; one is expected.")
    shape = tuple(found[0].shape)
    if shape == (inputs, outputs, 3, 3):
        raise NotYet(f"{what}: inputs and outputs have changed places. nn.Conv2d takes the inputs first.")
    if shape == (outputs, inputs, stride, stride):
        raise NotYet(
            f"{what} has a {stride}x{stride} kernel: the size of the kernel and the stride have changed places. "
            "nn.Conv2d takes the size of the kernel first. Write 3, stride=stride, padding=1."
        )
    if shape[:2] == (outputs, inputs) and shape[2:] != (3, 3):
        raise NotYet(f"{what} has a {shape[2]}x{shape[3]} kernel. The paper's are 3x3, in all eight convolutions.")
    if shape != (outputs, inputs, 3, 3):
        raise NotYet(
            f"{what} has a convolution with the weight {shape}; ({outputs}, {inputs}, 3, 3) is expected: from "
            f"{inputs} to {outputs} maps."
        )
    return found[0]


def _block(x: Tensor, weight: Tensor, stride: int, slope: float = LEAKY_SLOPE) -> Tensor:
    return activated(normalised(F.conv2d(x, weight, stride=stride, padding=1)), slope)


def _block_shape(y: Tensor, right: Tensor, x: Tensor, stride: int) -> str:
    """What is wrong with the shape of a block's output."""
    if y.ndim != 4 or y.shape[:2] != right.shape[:2]:
        return f"{tuple(right.shape)} is expected."
    unpadded = tuple((n - 3) // stride + 1 for n in x.shape[2:])
    if tuple(y.shape[2:]) == unpadded:
        return "A 3x3 convolution without padding=1 loses a pixel on each side."
    if y.shape[2:] == x.shape[2:]:
        return "The stride is not used: with stride 2 the block halves height and width."
    if stride == 1:
        return "With stride 1, height and width stay the same. Does your block always halve them?"
    if tuple(y.shape[2:]) == tuple(n + 2 * stride - 2 for n in x.shape[2:]):
        return (
            "Stride and padding have changed places: after the size of the kernel, nn.Conv2d takes first the stride, "
            "then the padding. Write stride=stride, padding=1."
        )
    floored = tuple(n // 2 for n in x.shape[2:])
    if tuple(y.shape[2:]) == floored:
        return (
            "Odd sizes are rounded down here. Is there max pooling, or is a row cut off? The convolution itself takes "
            "steps of 2, and with padding=1 it rounds up."
        )
    if (y.shape[2] == right.shape[2]) != (y.shape[3] == right.shape[3]):
        return "Only one of height and width is right. Do stride and padding work in both directions?"
    return f"{tuple(right.shape)} is expected: a stride of {stride} and padding=1."


def _block_slips(x: Tensor, weight: Tensor, stride: int) -> dict[str, Tensor]:
    """The result of each usual mistake."""
    conv = F.conv2d(x, weight, stride=stride, padding=1)
    wide = F.conv2d(x, weight, padding=1)
    norm = normalised(conv)
    slope = "The paper's LeakyReLU has the slope 0.2."
    borders = {
        f"The convolution should be padded with zeros, as nn.Conv2d does by default; here {what}.": activated(
            normalised(F.conv2d(F.pad(x, [1] * 4, mode=mode), weight, stride=stride)), LEAKY_SLOPE
        )
        for what, mode in (("the border is mirrored", "reflect"), ("the border is repeated", "replicate"))
    }
    slips = borders | {
        "The BatchNorm is missing. Except in the first layer, it comes between the convolution and the LeakyReLU.": (
            activated(conv, LEAKY_SLOPE)
        ),
        "BatchNorm and LeakyReLU have changed places: the BatchNorm comes right after the convolution.": normalised(
            activated(conv, LEAKY_SLOPE)
        ),
        "The convolution comes first, then BatchNorm, then LeakyReLU. Yours begins with the BatchNorm.": activated(
            F.conv2d(normalised(x), weight, stride=stride, padding=1), LEAKY_SLOPE
        ),
        f"This is a ReLU: where its input is negative, it gives 0 and no gradient. {slope}": activated(norm, 0),
        f"The slope is 0.01, the default of nn.LeakyReLU. {slope}": activated(norm, 0.01),
        f"This is a PReLU, as in the generator. {slope} It is not learned.": activated(norm, 0.25),
        f"The slope is 0.8, or the activation is computed the wrong way round. {slope}": activated(norm, 0.8),
        "The activation is missing: the block ends with a LeakyReLU of slope 0.2.": norm,
        "The BatchNorm between convolution and LeakyReLU is missing, and the slope is 0.01, not 0.2.": activated(
            conv, 0.01
        ),
        "This is InstanceNorm, which looks at one image at a time. The paper has BatchNorm.": activated(
            F.instance_norm(conv), LEAKY_SLOPE
        ),
        "This is GroupNorm or LayerNorm, which looks at one image at a time. The paper has BatchNorm.": activated(
            F.group_norm(conv, 1), LEAKY_SLOPE
        ),
        "The convolution is dilated. The paper's is not: 3x3 neighbours, and padding=1.": activated(
            normalised(F.conv2d(x, weight, stride=stride, padding=2, dilation=2)), LEAKY_SLOPE
        ),
        "There is a second BatchNorm, after the LeakyReLU. The paper has one, before it.": normalised(
            activated(norm, LEAKY_SLOPE)
        ),
    }
    slips |= {f"This is {name}. {slope}": other(norm) for name, other in OTHER_ACTIVATIONS.items()}
    if stride == 2:
        pooled = {
            "max pooling": lambda maps: F.max_pool2d(maps, 2, ceil_mode=True),
            "average pooling": lambda maps: F.avg_pool2d(maps, 2, ceil_mode=True),
        }
        for name, pool in pooled.items():
            instead = "The paper has none: the convolution itself takes steps of 2."
            slips[f"This is {name} after the block. {instead}"] = pool(activated(normalised(wide), LEAKY_SLOPE))
            slips[f"This is {name} after the convolution. {instead}"] = activated(normalised(pool(wide)), LEAKY_SLOPE)
    return slips


def _check_count(network: nn.Module, right: int, what: str) -> None:
    count = count_parameters(network)
    if count < right:
        raise NotYet(
            f"{what} has {count} learned numbers, not {right}. A BatchNorm learns a gamma and a beta for each map. "
            "Does it lack them (affine=False), or is it frozen?"
        )
    if count > right:
        raise NotYet(f"{what} has {count} learned numbers, not {right}. Are there layers that it does not need?")


EXERCISE = Exercise(
    name="conv_block",
    lesson=5,
    place=4,
    title="a block of the discriminator",
    difficulty="easy",
    minutes=6,
    reference=conv_block,
    judge=judge,
    hints=(
        "There are three layers: which of them keeps the maps at the same scale, and which lets negative numbers "
        "through?",
        "nn.Conv2d(inputs, outputs, 3, ...) needs its stride and a padding of 1; then BatchNorm; then LeakyReLU, "
        "whose slope in the paper is not torch's default.",
        "nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2).",
    ),
    mistakes=(
        Mistake(
            "BatchNorm after the activation",
            says="BatchNorm and LeakyReLU have changed places",
            ask="Read Figure 4 from left to right.",
        ),
        Mistake("LeakyReLU without a slope", says="default of nn.LeakyReLU", ask="Which slope does the paper name?"),
    ),
)
