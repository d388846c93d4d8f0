"""Exercise 2.2: the residual block."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.shared.networks import (
    activated,
    check_gradients,
    check_input_gradient,
    check_parameters,
    check_repeatable,
    close,
    conv_weights,
    convolved,
    features,
    fresh,
    normalised,
    output,
    residual,
)


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        # SOLUTION
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.act = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        # STUB
        # self.conv1 = ...  # 1. two convolutions, two BatchNorms, one PReLU
        # END

    def forward(self, x):  # (N, channels, h, w)
        # SOLUTION
        added = self.act(self.norm1(self.conv1(x)))
        added = self.norm2(self.conv2(added))
        return x + added
        # STUB
        # added = ...  # 2. what the block adds
        # return ...  # 3. the sum
        # END


def judge(candidate) -> None:
    channels = 4
    what = f"ResidualBlock({channels})"
    block = fresh(call(candidate, channels), what)
    x = features(8, channels, 6, 5)
    y = output(block, x, "The block")
    check_repeatable(block, x, y)
    if torch.allclose(y, x, atol=1e-5):
        raise NotYet("The block returns its input: what the convolutions compute is not added to it.")
    weights = conv_weights(block, channels, 2, what, {1: "Is one of them used twice? Each must have its own weights."})
    orders = list(itertools.permutations(weights))
    used = next((order for order in orders if close(y, x + residual(x, *order))), None)
    if used is None:
        for a, b in orders:
            recognise(y.detach(), block_slips(x, a, b) | padding_slips(x, a, b), within=1e-3)
        _name_scaled((y - x).detach(), [residual(x, a, b) for a, b in orders])
        check_gradients(block, x)
        raise NotYet(
            "The output is not that of the block in Figure 4. The order is: convolution, BatchNorm, PReLU, "
            "convolution, BatchNorm; then the sum with the input."
        )
    check_parameters(block, channels, convs=2, norms=2, prelus=1, what=what)
    check_gradients(block, x)
    check_input_gradient(block, x, lambda x: x + residual(x, *used))
    what, x = "ResidualBlock(7)", features(2, 7, 3, 8)
    wider = fresh(call(candidate, 7), what)
    conv_weights(wider, 7, 2, what)
    output(wider, x, what)


def _name_scaled(added: Tensor, right: list[Tensor]) -> None:
    """Raises NotYet if the block adds a multiple of what it should add."""
    for body in right:
        scale = float((added * body).sum() / body.square().sum())
        if close(added, scale * body):
            raise NotYet(f"What the block adds is multiplied by {scale:.3g}. The paper adds it as it is.")


def padding_slips(x: Tensor, a: Tensor, b: Tensor) -> dict[str, Tensor]:
    """The results if one convolution or both are not padded with zeros."""
    ways = {"reflect": "mirrored numbers", "replicate": "repeated numbers", "circular": "numbers from the other side"}

    def convolved_by(x: Tensor, weight: Tensor, mode: str) -> Tensor:
        return F.conv2d(F.pad(x, [1] * 4, mode=mode), weight)

    slips = {}
    for mode, pixels in ways.items():
        text = f"padded with {pixels}. Pad with zeros: leave out padding_mode."
        for where, modes in (
            ("The first convolution is", (mode, "constant")),
            ("The second convolution is", ("constant", mode)),
            ("Both convolutions are", (mode, mode)),
        ):
            inner = activated(normalised(convolved_by(x, a, modes[0])))
            slips[f"{where} {text}"] = x + normalised(convolved_by(inner, b, modes[1]))
    return slips


def block_slips(x: Tensor, a: Tensor, b: Tensor) -> dict[str, Tensor]:
    """The result of each usual mistake, with the weights a and b."""
    first, bare = normalised(convolved(x, a)), activated(convolved(x, a))
    inner = activated(first)
    second = convolved(inner, b)
    added = normalised(second)
    last = "The paper adds the input after it, as the last step."
    resnet = "That is the block of ResNet; here the sum is the output."
    keep = "Keep the block's input under its own name."
    prelu = "Between the convolutions, the paper has a PReLU, whose slope is learned."
    newer = activated(normalised(convolved(activated(normalised(x)), a)))
    alone = activated(F.instance_norm(convolved(x, a)))
    instance = "is InstanceNorm, which looks at one image at a time. The paper has BatchNorm."
    early = activated(convolved(normalised(x), a))
    half_way = x + inner
    return {
        "Your block has no skip: it returns what it should only add. Return the sum with the input.": added,
        f"Your block adds the input before the second BatchNorm. {last}": normalised(x + second),
        f"Your block has an activation after the sum. {resnet}": activated(x + added),
        f"Your block has a ReLU after the sum. {resnet}": F.relu(x + added),
        "Your block has a second PReLU, before the sum. There is one, between the convolutions.": x + activated(added),
        f"The body's output is added to itself: x was overwritten on the way. {keep}": 2 * added,
        f"The skip begins after the PReLU, not at the block's input. {keep}": inner + added,
        f"The skip begins after the first BatchNorm, not at the block's input. {keep}": first + added,
        f"The skip begins after the first convolution, not at the block's input. {keep}": convolved(x, a) + added,
        f"The skip begins after the second convolution, not at the block's input. {keep}": second + added,
        "The input is added twice. One sum, at the end, is enough.": 2 * x + added,
        "There are two skips, one around each convolution. The block has one, around both.": half_way
        + normalised(convolved(half_way, b)),
        "The PReLU comes after the second convolution. It must come after the first BatchNorm.": x
        + normalised(activated(convolved(first, b))),
        "The second convolution is dilated. Leave out dilation.": x
        + normalised(F.conv2d(inner, b, padding=2, dilation=2)),
        "The sum is halved. Add the input as it is.": (x + added) / 2,
        "The first BatchNorm comes before its convolution. The convolution must come first.": x
        + normalised(convolved(early, b)),
        "Both BatchNorms come before their convolutions. Each convolution must come first.": x
        + convolved(normalised(early), b),
        f"The first normalisation {instance}": x + normalised(convolved(alone, b)),
        f"The second normalisation {instance}": x + F.instance_norm(second),
        "The input is subtracted from the body's output. Add the two.": added - x,
        "The body's output is subtracted. Add it.": x - added,
        "The input is multiplied by the body's output. Add the two.": x * added,
        f"Your block has a ReLU instead of the PReLU. {prelu}": x + residual(x, a, b, 0),
        f"Your block has a LeakyReLU of slope 0.01 instead of the PReLU. {prelu}": x + residual(x, a, b, 0.01),
        f"Your block has a LeakyReLU of slope 0.2 instead of the PReLU. {prelu}": x + residual(x, a, b, 0.2),
        f"There is no activation: two convolutions in a row are like one. {prelu}": x + residual(x, a, b, 1),
        "The second BatchNorm is missing: it comes after the second convolution, before the sum.": x + second,
        "The first BatchNorm is missing: it comes after the first convolution.": x + normalised(convolved(bare, b)),
        "Both BatchNorms are missing: one comes after each convolution.": x + convolved(bare, b),
        "The PReLU and the first BatchNorm have changed places: BatchNorm comes first.": (
            x + normalised(convolved(normalised(bare), b))
        ),
        "This is the order of later networks: BatchNorm, PReLU, convolution. In the paper, each convolution comes "
        "first.": (x + convolved(newer, b)),
        "This is InstanceNorm, which looks at one image at a time. The paper has BatchNorm.": (
            x + F.instance_norm(convolved(alone, b))
        ),
    }


EXERCISE = Exercise(
    name="ResidualBlock",
    lesson=2,
    place=2,
    title="the residual block",
    difficulty="medium",
    minutes=10,
    reference=ResidualBlock,
    judge=judge,
    hints=(
        "The function residual_block above has the same steps. Each layer that learns is made once, in __init__; "
        "forward only uses it.",
        "Make nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels) and nn.PReLU() attributes of self. "
        "In forward, keep x as it is, and give what comes out of the layers a different name.",
        "added = self.norm2(self.conv2(self.act(self.norm1(self.conv1(x))))), then return x + added.",
    ),
    mistakes=(
        Mistake(
            "the sum before the second BatchNorm",
            says="adds the input before the second BatchNorm",
            ask="What must the input then pass through?",
        ),
        Mistake(
            "an activation after the sum, from ResNet",
            says="a ReLU after the sum",
            ask="May the block add negative numbers?",
        ),
        Mistake("x is overwritten on the way", says="x was overwritten on the way", ask="Which x is in the last line?"),
    ),
)
