"""Exercise 5.5: the head for a size of crop."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call, call_as_it_is
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_tensor
from srgan_lessons.exercises.shared.networks import (
    LEAKY_SLOPE,
    OTHER_ACTIVATIONS,
    activated,
    check_repeatable,
    close,
    features,
)
from srgan_lessons.models import count_parameters


class Head(nn.Module):
    def __init__(self, crop, channels):
        super().__init__()
        # SOLUTION
        side = crop // 16  # halved four times
        self.dense1 = nn.Linear(8 * channels * side * side, 16 * channels)
        self.dense2 = nn.Linear(16 * channels, 1)
        # STUB
        # side = ...  # 1. height and width of the last maps; 6 for crops of 96
        # self.dense1 = ...  # 2. from all numbers of 8 * channels maps to 16 * channels numbers
        # self.dense2 = ...  # 3. from these to one logit
        # END

    def forward(self, x):  # (N, 8 channels, side, side)
        x = x.flatten(1)  # (N, 8 channels side side)
        # SOLUTION
        x = F.leaky_relu(self.dense1(x), 0.2)  # (N, 16 channels)
        # STUB
        # x = ...  # 4. the first dense layer and its LeakyReLU
        # END
        return self.dense2(x)  # (N, 1), logits


def judge(candidate) -> None:
    for crop, channels in ((144, 2), (96, 3)):
        what = f"Head({crop}, {channels})"
        head = call(candidate, crop, channels)
        if not isinstance(head, nn.Module):
            raise NotYet(f"{what} is not an nn.Module. Write a class that inherits from it.")
        side = crop // 16
        x = features(6, 8 * channels, side, side, seed=1)
        y = _head_output(head.train(), x, crop, channels, what)
        _check_shape(y, what)
        _check_layers(head, crop, channels, what)
        first, second = _dense(head)
        if not close(y, _head(x, *first, *second)):
            recognise(y.detach(), _head_slips(x, *first, *second), within=1e-4)
            check_repeatable(head, x, y)
            _name_slope(y, x, *first, *second)
            raise NotYet(
                f"The output of {what} has the right shape, but its numbers differ from those of the paper's head: "
                "flatten, a dense layer, LeakyReLU of slope 0.2, a dense layer, in this order, and nothing else."
            )
        x.requires_grad_(True)
        z = call_as_it_is(head, x)
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
            f"{what}: the layers have the right sizes, but the tensors passed between them do not fit: {error}. Are "
            "the maps flattened to (N, all numbers) first?"
        ) from error


def _name_slope(y: Tensor, x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> None:
    """Raises NotYet if only the slope of the LeakyReLU is wrong: the output is linear in it."""
    at_0, at_1 = (_head(x, w1, b1, w2, b2, slope) for slope in (0, 1))
    slope = float(((y - at_0) / (at_1 - at_0)).median())
    if close(y, at_0 + slope * (at_1 - at_0)):
        raise NotYet(f"The slope of your LeakyReLU is {slope:.3g}. In the paper, it is 0.2.")


def _check_shape(y: Tensor, what: str) -> None:
    shape = tuple(y.shape)
    if shape == (6,):
        raise NotYet(f"{what} gives (N,), a row. (N, 1) is expected, as the second dense layer gives it.")
    if shape == (6, 2):
        raise NotYet(f"{what} gives two numbers per crop. One logit is enough: the other probability is 1 - D.")
    if shape != (6, 1):
        raise NotYet(f"{what} gives {shape} for 6 crops; (6, 1) is expected, one logit per crop.")


def _dense(head: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """The weight (outputs, inputs) and the bias (outputs,) of each dense layer; the largest layer comes first.

    A dense layer may be written as a convolution.
    """
    layers = [module for module in head.modules() if isinstance(getattr(module, "weight", None), Tensor)]
    layers = [module for module in layers if module.weight.ndim in (2, 4)]
    found = [(layer.weight.detach().flatten(1), layer.bias) for layer in layers]
    if not found:  # the head has bare parameters
        plain = [parameter.detach() for parameter in head.parameters()]
        weights = [parameter for parameter in plain if parameter.ndim == 2]
        biases = {len(parameter): parameter for parameter in plain if parameter.ndim == 1}
        found = [(weight, biases.get(len(weight))) for weight in weights]
    found.sort(key=lambda layer: -layer[0].numel())
    return [(weight, torch.zeros(len(weight)) if bias is None else bias.detach()) for weight, bias in found]


def _check_layers(head: nn.Module, crop: int, channels: int, what: str) -> None:
    """Raises NotYet unless the head has the two dense layers, with their biases, and nothing else."""
    side, maps, hidden = crop // 16, 8 * channels, 16 * channels
    layers = _dense(head)
    if not layers:
        raise NotYet(f"{what} has no weights that torch finds: keep nn.Linear layers as attributes of the module.")
    if len(layers) == 1:
        raise NotYet(f"{what} has one dense layer. The paper has two, with a LeakyReLU between them.")
    if len(layers) > 2:
        raise NotYet(f"{what} has {len(layers)} dense layers. The paper has two.")
    if any(tuple(weight.shape) == (1, 16 * crop) for weight, _ in layers):
        raise NotYet(f"{what} has a dense layer of 16 * {crop} numbers. `crop` and `channels` have changed places.")
    outputs, inputs = layers[0][0].shape
    for number, weight, shape in (
        ("first", layers[0][0], (hidden, maps * side**2)),
        ("second", layers[1][0], (1, hidden)),
    ):
        if tuple(weight.shape) == shape[::-1]:
            raise NotYet(
                f"{what}: in the {number} dense layer, inputs and outputs have changed places. It makes {shape[1]} "
                f"numbers into {shape[0]}, and nn.Linear takes the inputs first."
            )
    if inputs != maps * side**2:
        reasons: Mapping[int, str] = {
            maps * 36: "6 x 6 is right for crops of 96 alone. Compute it from `crop`.",
            maps * (crop // 8) ** 2: "Four of the eight convolutions have stride 2, so the crop is halved four times.",
            maps * (crop // 32) ** 2: "Four of the eight convolutions have stride 2; you halved the crop five times.",
            maps * (crop // 4) ** 2: "Four of the eight convolutions have stride 2; you halved the crop twice.",
            maps * (side + 1) ** 2: "Height and width are one too large: halve the crop four times.",
            maps * (side - 1) ** 2: "Height and width are one too small: halve the crop four times.",
            maps * crop**2: "That is the crop's own size, but four convolutions halve it on the way.",
            maps * side: "Take height *times* width: a map is a square.",
            maps: "That is one number per map: the places of each map are missing, or were averaged away.",
            hidden * side**2: "Are the sizes of the two layers swapped? There are 8 * channels maps.",
            channels * side**2: "The last convolution gives 8 * channels maps.",
            3 * crop**2: "That is the crop itself. The head sees the last feature maps.",
            512
            * 36: "512 x 6 x 6 is right for crops of 96 and 64 channels alone. Compute it from `crop` and `channels`.",
            512 * side**2: "512 maps are right for 64 channels alone. Compute the number: 8 * channels.",
        }
        raise NotYet(
            f"{what}: the first dense layer takes {inputs} numbers; the maps have {maps} x {side} x {side} = "
            f"{maps * side**2}. {reasons.get(inputs, f'Is `side` the height of the last maps, here {side}?')}"
        )
    if outputs != hidden:
        reason = "1024 is right for 64 channels alone." if outputs == 1024 else "It is 1024 for 64 channels."
        raise NotYet(f"{what}: the first dense layer gives {outputs} numbers; 16 * channels = {hidden}. {reason}")
    right = maps * side**2 * hidden + hidden + hidden + 1
    count = count_parameters(head)
    if count < right <= sum(parameter.numel() for parameter in head.parameters()):
        raise NotYet(f"{what} has {count} learned numbers, not {right}: a layer is frozen (requires_grad is False).")
    if count < right:
        raise NotYet(f"{what} has {count} learned numbers, not {right}: is a bias switched off?")
    if count > right:
        raise NotYet(f"{what} has {count} learned numbers, not {right}. Are there layers that it does not need?")


def _head(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, slope: float = LEAKY_SLOPE) -> Tensor:
    return F.linear(activated(F.linear(x.flatten(1), w1, b1), slope), w2, b2)


def _head_slips(x: Tensor, *weights: Tensor) -> dict[str, Tensor]:
    right = _head(x, *weights)
    first, second = (lambda x: F.linear(x, *weights[:2])), (lambda x: F.linear(x, *weights[2:]))
    flat = x.flatten(1)
    last = "The last step is the dense layer: what comes out is a logit, and the losses expect one."
    slope = "The paper's LeakyReLU has the slope 0.2."
    return {
        f"Your head ends with a sigmoid. {last}": torch.sigmoid(right),
        f"Your head ends with a log-sigmoid. {last}": F.logsigmoid(right),
        f"Your head ends with a tanh. {last}": torch.tanh(right),
        f"Your head ends with an activation. {last}": activated(right, LEAKY_SLOPE),
        f"Your head ends with a ReLU. {last}": F.relu(right),
        f"The logit has the wrong sign: above 0 means real. {last}": -right,
        f"Between the dense layers is a ReLU. {slope}": _head(x, *weights, slope=0),
        f"The slope is 0.01, the default of nn.LeakyReLU. {slope}": _head(x, *weights, slope=0.01),
        f"Between the dense layers is a PReLU. {slope}": _head(x, *weights, slope=0.25),
        "There is no activation between the dense layers, so the two layers are like one. Put a LeakyReLU of slope "
        "0.2 between them.": _head(x, *weights, slope=1),
        "The maps are flattened in a different order from nn.Flatten, which goes channel by channel, and row by row "
        "within each channel. Weights trained elsewhere would not fit.": _head(x.permute(0, 2, 3, 1), *weights),
        "The maps are flattened column by column. nn.Flatten takes them row by row.": _head(
            x.transpose(2, 3), *weights
        ),
        "The maps are scaled to [-1, 1], as if they were images. Use them as they come from the last "
        "convolution.": _head(2 * x - 1, *weights),
        "The maps are scaled to length 1. Pass them on as they are.": _head(F.normalize(flat), *weights),
        "There is a LeakyReLU before the first dense layer. It must come after that layer.": second(
            first(activated(flat, LEAKY_SLOPE))
        ),
        "There is a LeakyReLU before the first dense layer, too. The paper has only the one between the two "
        "layers.": _head(activated(flat, LEAKY_SLOPE), *weights),
    } | {
        f"Between the dense layers is {name}. {slope}": second(other(first(flat)))
        for name, other in OTHER_ACTIVATIONS.items()
    }


EXERCISE = Exercise(
    name="Head",
    lesson=5,
    place=5,
    title="the head for a size of crop",
    difficulty="medium",
    minutes=7,
    reference=Head,
    judge=judge,
    hints=(
        "Count the convolutions of stride 2 in the table. Each halves height and width. What is left of 96? And of 32?",
        "side = crop // 16. A dense layer takes a row of numbers: maps x height x width of them.",
        "self.dense1 = nn.Linear(8 * channels * side * side, 16 * channels), self.dense2 = nn.Linear(16 * "
        "channels, 1), and x = F.leaky_relu(self.dense1(x), 0.2). There is no sigmoid at the end.",
    ),
    mistakes=(
        Mistake(
            "6 * 6 written as a number",
            says="6 x 6 is right for crops of 96 alone",
            ask="How often is the crop halved?",
        ),
        Mistake("a sigmoid at the end", says="ends with a sigmoid", ask="Where is the sigmoid applied here?"),
    ),
)
