"""How the discriminator's convolution block and its dense head are judged: by what they compute with their weights."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.classroom.judges.networks import check_evaluation, check_gradients, close, features, fresh
from srgan_lessons.classroom.judges.residual import activated, normalised
from srgan_lessons.classroom.judging import NotYet, as_tensor, call, recognise
from srgan_lessons.models import count_parameters

SLOPE = 0.2  # of the paper's LeakyReLU

# --- the convolution block -------------------------------------------------------------------------------------------


def judge_conv_block(candidate) -> None:
    for inputs, outputs, stride in ((3, 5, 2), (4, 6, 1)):
        what = f"conv_block({inputs}, {outputs}, {stride})"
        block = fresh(_as_module(call(candidate, inputs, outputs, stride)), what)
        weight = _weight(block, inputs, outputs, what)
        x = features(8, inputs, 7, 6)
        y = as_tensor(call(block, x))
        right = _block(x, weight, stride)
        if y.shape != right.shape:
            raise NotYet(f"{what} makes {tuple(x.shape)} into {tuple(y.shape)}. {_block_shape(y, right, x, stride)}")
        if not close(y, right):
            recognise(y.detach(), _block_slips(x, weight, stride), within=1e-3)
            raise NotYet(
                f"{what} has the right shape and other numbers than Figure 4. In this order: convolution, BatchNorm, "
                "LeakyReLU of slope 0.2."
            )
        bias = outputs * any(parameter.shape == (outputs,) for parameter in _conv_biases(block))
        _check_count(block, 9 * inputs * outputs + 2 * outputs + bias, what)
        check_gradients(block, x)
        check_evaluation(block, x)


def _as_module(value: object) -> object:
    """A list or tuple of layers is as good as the nn.Sequential made from it."""
    if isinstance(value, list | tuple) and value and all(isinstance(layer, nn.Module) for layer in value):
        return nn.Sequential(*value)
    return value


def _conv_biases(network: nn.Module) -> list[Tensor]:
    return [module.bias for module in network.modules() if isinstance(module, nn.Conv2d) and module.bias is not None]


def _weight(block: nn.Module, inputs: int, outputs: int, what: str) -> Tensor:
    """The weight of the block's one convolution, (outputs, inputs, 3, 3)."""
    found = [parameter.detach() for parameter in block.parameters() if parameter.ndim == 4]
    if len(found) != 1:
        raise NotYet(f"{what} has {len(found)} convolutions that torch finds; it has one.")
    shape = tuple(found[0].shape)
    if shape == (inputs, outputs, 3, 3):
        raise NotYet(f"{what}: inputs and outputs have changed places. nn.Conv2d takes the inputs first.")
    if shape[:2] == (outputs, inputs) and shape[2:] != (3, 3):
        raise NotYet(f"{what} has a {shape[2]}x{shape[3]} kernel. The paper's are 3x3, in all eight convolutions.")
    if shape != (outputs, inputs, 3, 3):
        raise NotYet(
            f"{what} has a convolution with the weight {shape}; ({outputs}, {inputs}, 3, 3) is expected: from "
            f"{inputs} to {outputs} maps."
        )
    return found[0]


def _block(x: Tensor, weight: Tensor, stride: int, slope: float = SLOPE) -> Tensor:
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
        return "With stride 1 height and width stay. Does your block always halve them?"
    floored = tuple(n // 2 for n in x.shape[2:])
    if tuple(y.shape[2:]) == floored:
        return "Is that max pooling? The paper avoids it: the convolution itself takes steps of 2."
    return f"{tuple(right.shape)} is expected: a stride of {stride} and padding=1."


def _block_slips(x: Tensor, weight: Tensor, stride: int) -> dict[str, Tensor]:
    """What each usual mistake gives."""
    conv = F.conv2d(x, weight, stride=stride, padding=1)
    wide = F.conv2d(x, weight, padding=1)
    norm = normalised(conv)
    slope = "The paper's LeakyReLU has the slope 0.2."
    slips = {
        "The BatchNorm is missing. It stands between convolution and LeakyReLU in all blocks but the first layer.": (
            activated(conv, SLOPE)
        ),
        "BatchNorm and LeakyReLU have changed places: BatchNorm comes right after the convolution.": normalised(
            activated(conv, SLOPE)
        ),
        "The convolution comes first, then BatchNorm, then LeakyReLU. Yours begins with the BatchNorm.": activated(
            F.conv2d(normalised(x), weight, stride=stride, padding=1), SLOPE
        ),
        f"This is a ReLU: it gives 0 for what is negative, and no gradient. {slope}": activated(norm, 0),
        f"The slope is 0.01, the default of nn.LeakyReLU. {slope}": activated(norm, 0.01),
        f"This is a PReLU, which is the generator's. {slope} It is not learned.": activated(norm, 0.25),
        f"The slope is 0.8, or the activation was turned around. {slope}": activated(norm, 0.8),
        "The activation is missing: LeakyReLU of slope 0.2 at the end.": norm,
        "Convolution and LeakyReLU are missing their BatchNorm, and the slope is 0.01.": activated(conv, 0.01),
        "This is InstanceNorm, which looks at one image at a time. The paper has BatchNorm.": activated(
            F.instance_norm(conv), SLOPE
        ),
        "This is tanh. The paper has LeakyReLU of slope 0.2.": torch.tanh(norm),
    }
    if stride == 2:
        pooled = {
            "max pooling": lambda maps: F.max_pool2d(maps, 2, ceil_mode=True),
            "average pooling": lambda maps: F.avg_pool2d(maps, 2, ceil_mode=True),
        }
        for name, pool in pooled.items():
            instead = "The paper has none: the convolution itself takes steps of 2."
            slips[f"This is {name} after the block. {instead}"] = pool(activated(normalised(wide), SLOPE))
            slips[f"This is {name} after the convolution. {instead}"] = activated(normalised(pool(wide)), SLOPE)
    return slips


def _check_count(network: nn.Module, right: int, what: str) -> None:
    count = count_parameters(network)
    if count < right:
        raise NotYet(f"{what} has {count} learned numbers, not {right}. A BatchNorm has a gamma and a beta to learn.")
    if count > right:
        raise NotYet(f"{what} has {count} learned numbers, not {right}. Are there layers that it does not need?")


# --- the dense head --------------------------------------------------------------------------------------------------


def judge_head(candidate) -> None:
    for crop, channels in ((80, 3), (96, 2)):
        what = f"Head({crop}, {channels})"
        head = call(candidate, crop, channels)
        if not isinstance(head, nn.Module):
            raise NotYet(f"{what} is no nn.Module. Write a class that inherits from it.")
        side = crop // 16
        x = features(6, 8 * channels, side, side, seed=1)
        y = _head_output(head.train(), x, crop, channels, what)
        _check_shape(y, what)
        _check_layers(head, crop, channels, what)
        first, second = _dense(head)
        if not close(y, _head(x, *first, *second)):
            recognise(y.detach(), _head_slips(x, *first, *second), within=1e-4)
            if not close(y, as_tensor(call(head, x))):
                raise NotYet("Twice the same maps, and two results: is there a Dropout? The paper has none.")
            raise NotYet(
                f"{what} has the right shape and other numbers than Figure 4. In this order: flatten, dense layer, "
                "LeakyReLU of slope 0.2, dense layer."
            )
        x.requires_grad_(True)
        z = call(lambda head=head, x=x: head(x))
        if not z.requires_grad or torch.autograd.grad(z.sum(), x, allow_unused=True)[0] is None:
            raise NotYet("No gradient comes through: is there a no_grad, a detach or a .data in forward?")


def _head_output(head: nn.Module, x: Tensor, crop: int, channels: int, what: str) -> Tensor:
    try:
        return as_tensor(call(head, x))
    except RuntimeError as error:
        if "cannot be multiplied" not in str(error):
            raise
        _check_layers(head, crop, channels, what)
        raise NotYet(
            f"{what}: the layers have the right sizes, but what is passed between them has not: {error}. Are the maps "
            "flattened to (N, all numbers) first?"
        ) from error


def _check_shape(y: Tensor, what: str) -> None:
    shape = tuple(y.shape)
    if shape == (6,):
        raise NotYet(f"{what} gives (N,), a row. (N, 1) is expected, as the second dense layer gives it.")
    if shape == (6, 2):
        raise NotYet(f"{what} gives two numbers a crop. One logit is enough: the other probability is 1 - D.")
    if shape != (6, 1):
        raise NotYet(f"{what} gives {shape} for 6 crops; (6, 1) is expected, one logit a crop.")


def _dense(head: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Weight (outputs, inputs) and bias (outputs,) of each dense layer, the largest first. Also if written as conv."""
    layers = [module for module in head.modules() if isinstance(getattr(module, "weight", None), Tensor)]
    layers = [module for module in layers if module.weight.ndim in (2, 4)]
    found = [(layer.weight.detach().flatten(1), layer.bias) for layer in layers]
    if not found:  # bare parameters
        plain = [parameter.detach() for parameter in head.parameters()]
        weights = [parameter for parameter in plain if parameter.ndim == 2]
        biases = {len(parameter): parameter for parameter in plain if parameter.ndim == 1}
        found = [(weight, biases.get(len(weight))) for weight in weights]
    found.sort(key=lambda layer: -layer[0].numel())
    return [(weight, torch.zeros(len(weight)) if bias is None else bias.detach()) for weight, bias in found]


def _check_layers(head: nn.Module, crop: int, channels: int, what: str) -> None:
    """Raises NotYet unless there are the two dense layers, with their biases, and nothing else."""
    side, maps, hidden = crop // 16, 8 * channels, 16 * channels
    layers = _dense(head)
    if not layers:
        raise NotYet(f"{what} has no weights that torch finds: keep nn.Linear layers as attributes of the module.")
    if len(layers) == 1:
        raise NotYet(f"{what} has one dense layer. The paper has two, with a LeakyReLU between them.")
    if len(layers) > 2:
        raise NotYet(f"{what} has {len(layers)} dense layers. The paper has two.")
    outputs, inputs = layers[0][0].shape
    if inputs != maps * side**2:
        reasons: Mapping[int, str] = {
            maps * 36: "6 x 6 is right for crops of 96 alone. Compute it from `crop`.",
            maps * (crop // 8) ** 2: "Four of the eight convolutions have stride 2, so the crop is halved four times.",
            maps * (crop // 32) ** 2: "Four of the eight convolutions have stride 2; you halved it five times.",
            maps * (crop // 4) ** 2: "Four of the eight convolutions have stride 2; you halved it twice.",
            maps * crop**2: "The crop's own size: but four convolutions have halved it on the way.",
            maps * side: "Height *times* width: a map is a square.",
            maps: "That is one number a map: the places of each map are missing, or were averaged away.",
            channels * side**2: "The last convolution gives 8 * channels maps.",
            3 * crop**2: "That is the crop itself. The head sees the last feature maps.",
            512 * side**2: "512 maps are right for 64 channels alone. Compute it: 8 * channels.",
        }
        raise NotYet(
            f"{what}: the first dense layer takes {inputs} numbers; the maps hold {maps} x {side} x {side} = "
            f"{maps * side**2}. {reasons.get(inputs, '')}"
        )
    if outputs != hidden:
        reason = "1024 is right for 64 channels alone." if outputs == 1024 else "It is 1024 for 64 channels."
        raise NotYet(f"{what}: the first dense layer gives {outputs} numbers; 16 * channels = {hidden}. {reason}")
    right = maps * side**2 * hidden + hidden + hidden + 1
    count = count_parameters(head)
    if count < right:
        raise NotYet(f"{what} has {count} learned numbers, not {right}: is a bias switched off?")
    if count > right:
        raise NotYet(f"{what} has {count} learned numbers, not {right}. Are there layers that it does not need?")


def _head(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, slope: float = SLOPE) -> Tensor:
    return F.linear(activated(F.linear(x.flatten(1), w1, b1), slope), w2, b2)


def _head_slips(x: Tensor, *weights: Tensor) -> dict[str, Tensor]:
    right = _head(x, *weights)
    last = "The last step is the dense layer: what comes out is a logit, and the losses expect one."
    slope = "The paper's LeakyReLU has the slope 0.2."
    return {
        f"Your head ends with a sigmoid. {last}": torch.sigmoid(right),
        f"Your head ends with a log-sigmoid. {last}": F.logsigmoid(right),
        f"Your head ends with a tanh. {last}": torch.tanh(right),
        f"Your head ends with an activation. {last}": activated(right, SLOPE),
        f"Your head ends with a ReLU. {last}": F.relu(right),
        f"The logit has the wrong sign: above 0 means real. {last}": -right,
        f"Between the dense layers is a ReLU. {slope}": _head(x, *weights, slope=0),
        f"The slope is 0.01, the default of nn.LeakyReLU. {slope}": _head(x, *weights, slope=0.01),
        f"Between the dense layers is a PReLU. {slope}": _head(x, *weights, slope=0.25),
        "There is no activation between the dense layers. Two in a row are one: LeakyReLU of slope 0.2.": _head(
            x, *weights, slope=1
        ),
        "The maps are flattened in another order than nn.Flatten has: channel by channel, each row by row. Weights "
        "trained elsewhere would not fit.": _head(x.permute(0, 2, 3, 1), *weights),
        "The maps are flattened column by column. nn.Flatten takes them row by row.": _head(
            x.transpose(2, 3), *weights
        ),
    }
