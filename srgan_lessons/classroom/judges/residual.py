"""What the paper's residual block and trunk compute, and what they compute with each mistake that is often made.

All of it in training mode, with fresh BatchNorms and PReLUs: the weights of the convolutions are given.
"""

import torch.nn.functional as F
from torch import Tensor

from srgan_lessons.classroom.judges.networks import SLOPE


def normalised(x: Tensor) -> Tensor:
    """What a fresh BatchNorm gives in training."""
    return F.batch_norm(x, None, None, training=True)


def activated(x: Tensor, slope: float = SLOPE) -> Tensor:
    return F.leaky_relu(x, slope)


def convolved(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, padding=1)


def residual(x: Tensor, a: Tensor, b: Tensor, slope: float = SLOPE) -> Tensor:
    """What the paper's block adds to x, with the weights a and b."""
    return normalised(convolved(activated(normalised(convolved(x, a)), slope), b))


def block_slips(x: Tensor, a: Tensor, b: Tensor) -> dict[str, Tensor]:
    """What each usual mistake gives, with the weights a and b."""
    first, bare = normalised(convolved(x, a)), activated(convolved(x, a))
    inner = activated(first)
    second = convolved(inner, b)
    added = normalised(second)
    last = "The paper adds the input after it, as the last step."
    resnet = "That is the block of ResNet; here the sum is the output."
    keep = "Keep the block's input under a name of its own."
    prelu = "Between the convolutions stands nn.PReLU(), whose slope is learned."
    newer = activated(normalised(convolved(activated(normalised(x)), a)))
    alone = activated(F.instance_norm(convolved(x, a)))
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
        "The input is added twice. One sum, at the end, is enough.": 2 * x + added,
        "The input is subtracted from what it should be added to.": added - x,
        "The body's output is subtracted. It is added.": x - added,
        "The input is multiplied with the body's output. It is added.": x * added,
        f"Your block has a ReLU in place of the PReLU. {prelu}": x + residual(x, a, b, 0),
        f"Your block has a LeakyReLU of slope 0.01 in place of the PReLU. {prelu}": x + residual(x, a, b, 0.01),
        f"Your block has a LeakyReLU of slope 0.2 in place of the PReLU. {prelu}": x + residual(x, a, b, 0.2),
        f"There is no activation: two convolutions in a row are one. {prelu}": x + residual(x, a, b, 1),
        "The second BatchNorm is missing: it comes after the second convolution, before the sum.": x + second,
        "The first BatchNorm is missing: it comes after the first convolution.": x + normalised(convolved(bare, b)),
        "Both BatchNorms are missing: one comes after each convolution.": x + convolved(bare, b),
        "PReLU and first BatchNorm have changed places: BatchNorm comes first.": (
            x + normalised(convolved(normalised(bare), b))
        ),
        "This is the later order BatchNorm, PReLU, convolution. In the paper each convolution comes first.": (
            x + convolved(newer, b)
        ),
        "This is InstanceNorm, which looks at one image at a time. The paper has BatchNorm.": (
            x + F.instance_norm(convolved(alone, b))
        ),
    }


def after_blocks(x: Tensor, *weights: Tensor) -> Tensor:
    for a, b in zip(weights[::2], weights[1::2], strict=True):
        x = x + residual(x, a, b)
    return x


def trunk_output(first: Tensor, *weights: Tensor) -> Tensor:
    """What the paper's trunk gives, with two weights for each block and one for the convolution after them."""
    return first + normalised(convolved(after_blocks(first, *weights[:-1]), weights[-1]))


def trunk_slips(first: Tensor, *weights: Tensor) -> dict[str, Tensor]:
    x, last = after_blocks(first, *weights[:-1]), weights[-1]
    end = normalised(convolved(x, last))
    plain = twice = first
    for a, b in zip(weights[:-1:2], weights[1:-1:2], strict=True):
        plain, twice = residual(plain, a, b), 2 * twice + residual(twice, a, b)
    return {
        "The long skip is missing: the trunk's input is added to its output, after the last BatchNorm.": end,
        "The long skip begins after the blocks, not at the trunk's input: x was overwritten on the way.": x + end,
        "The body's output is added to itself: x was overwritten on the way. Keep the trunk's input under a name of "
        "its own.": 2 * end,
        "The long skip ends too early: it goes around the blocks alone. Add the input after the last BatchNorm.": (
            normalised(convolved(first + x, last))
        ),
        "The long skip is added before the last BatchNorm. The paper adds it after.": normalised(
            first + convolved(x, last)
        ),
        "The BatchNorm after the last convolution is missing.": first + convolved(x, last),
        "There is an activation after the last BatchNorm. The trunk ends with the sum.": first + activated(end),
        "There is an activation after the sum. The trunk ends with the sum.": activated(first + end),
        "There is an activation between the last convolution and its BatchNorm.": first
        + normalised(activated(convolved(x, last))),
        "BatchNorm and convolution at the end have changed places: the convolution comes first.": first
        + convolved(normalised(x), last),
        "Each block's input is added a second time. A ResidualBlock has its skip inside.": first
        + normalised(convolved(twice, last)),
        "The blocks have no skips of their own. Use ResidualBlock.": first + normalised(convolved(plain, last)),
        "The blocks are not used: the input goes straight into the last convolution.": first
        + normalised(convolved(first, last)),
    }
