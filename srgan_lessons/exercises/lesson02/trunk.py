"""Exercise 2.4: the trunk with its long skip."""

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.lesson02.residual_block import ResidualBlock
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.shared.networks import (
    activated,
    check_gradients,
    check_input_gradient,
    check_parameters,
    close,
    conv_weights,
    convolved,
    features,
    fresh,
    normalised,
    output,
    residual,
)


class Trunk(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        # SOLUTION
        self.blocks = nn.Sequential(*[ResidualBlock(channels) for _ in range(blocks)])
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        # STUB
        # self.blocks = ...  # 1. as many residual blocks as asked for
        # self.conv = ...  # 2. and what comes after them
        # self.norm = ...
        # END

    def forward(self, first):  # (N, channels, h, w)
        # SOLUTION
        x = self.blocks(first)
        x = self.norm(self.conv(x))
        return first + x
        # STUB
        # x = ...  # 3. through all of it
        # return ...  # 4. the long skip
        # END


def judge(candidate) -> None:
    channels, blocks = 3, 2
    what = f"Trunk({channels}, {blocks})"
    trunk = fresh(call(candidate, channels, blocks), what)
    sizes = {tuple(parameter.shape) for parameter in trunk.parameters() if parameter.ndim == 4}
    if sizes == {(blocks, blocks, 3, 3)}:
        raise NotYet(f"{what} has convolutions with {blocks} maps. Its arguments are channels, then blocks.")
    x = features(8, channels, 5, 4)
    y = output(trunk, x, "The trunk")
    weights = conv_weights(trunk, channels, 2 * blocks + 1, what, WRONG_COUNTS | _shared_block(trunk, x))
    orders = list(itertools.permutations(weights))
    if not close(y, trunk_output(x, *weights)):  # the usual order first: it names most mistakes, and spares the others
        recognise(y.detach(), _slips(x, weights), within=1e-3)
    used = next((order for order in orders if close(y, trunk_output(x, *order))), None)
    if used is None:
        for order in orders:
            recognise(y.detach(), _slips(x, order), within=1e-3)
        _name_end((y - x).detach(), x, orders)
        check_gradients(trunk, x)
        raise NotYet(
            "The output is not that of Figure 4. The order is: the residual blocks, a convolution, a BatchNorm; then "
            "the sum with the trunk's input."
        )
    check_parameters(trunk, channels, convs=2 * blocks + 1, norms=2 * blocks + 1, prelus=blocks, what=what)
    check_gradients(trunk, x)
    check_input_gradient(trunk, x, lambda x: trunk_output(x, *used))
    for wider, deeper in ((5, 1), (2, 4)):
        what, x = f"Trunk({wider}, {deeper})", features(2, wider, 6, 4)
        other = fresh(call(candidate, wider, deeper), what)
        conv_weights(other, wider, 2 * deeper + 1, what)
        output(other, x, what)


def _name_end(added: Tensor, x: Tensor, orders: list[tuple[Tensor, ...]]) -> None:
    """Raises NotYet if what the trunk adds is multiplied by a number, or if its last convolution has other padding."""
    for *weights, last in orders:
        maps = after_blocks(x, *weights)
        body = normalised(convolved(maps, last))
        scale = float((added * body).sum() / body.square().sum())
        if close(added, scale * body):
            raise NotYet(f"What the trunk adds to its input is multiplied by {scale:.3g}. The paper adds it as it is.")
        for mode in ("reflect", "replicate", "circular"):
            if close(added, normalised(F.conv2d(F.pad(maps, [1] * 4, mode=mode), last))):
                raise NotYet("The last convolution is not padded with zeros. Leave out padding_mode.")


ONE_BLOCK = (
    "Only one of the blocks counts. Either the `return` is inside the loop, too far to the right, or each block is "
    "given the trunk's input: give it what the block before it returned."
)

WRONG_COUNTS = {  # the number of convolutions in a trunk of two blocks -> what is wrong
    1: "Are the blocks in a plain list? torch looks for weights in nn.Sequential and nn.ModuleList, not in lists.",
    2: "There is one residual block and nothing after it.",
    3: "It has one residual block. Make as many as `blocks` says.",
    4: "The convolution after the blocks is missing: the trunk ends with a convolution and a BatchNorm.",
    6: "There are two convolutions after the blocks; the paper has one.",
    7: "It has one residual block too many.",
    33: "It has 16 residual blocks, whatever `blocks` says.",
}


def _shared_block(trunk: nn.Module, x: Tensor) -> dict[int, str]:
    """The reason for a wrong count if the trunk uses one block several times; otherwise an empty dict."""
    used: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda module, *_: used.append(module))
        for module in trunk.modules()
        if isinstance(module, nn.Conv2d)
    ]
    call(trunk, x)
    for hook in hooks:
        hook.remove()
    if len(used) == len(set(used)):
        return {}
    return {3: "One block is used twice: [block] * n repeats one object. Make a new ResidualBlock each time."}


def after_blocks(x: Tensor, *weights: Tensor) -> Tensor:
    for a, b in zip(weights[::2], weights[1::2], strict=True):
        x = x + residual(x, a, b)
    return x


def trunk_output(first: Tensor, *weights: Tensor) -> Tensor:
    """The output of the paper's trunk, with two weights for each block and one for the convolution after them."""
    return first + normalised(convolved(after_blocks(first, *weights[:-1]), weights[-1]))


def _slips(x: Tensor, order: Sequence[Tensor]) -> dict[str, Tensor]:
    return trunk_slips(x, *order) | {ONE_BLOCK: trunk_output(x, *order[2:])}


def trunk_slips(first: Tensor, *weights: Tensor) -> dict[str, Tensor]:
    x, last = after_blocks(first, *weights[:-1]), weights[-1]
    end = normalised(convolved(x, last))
    plain = twice = ended = first
    keep = "Add what forward was given: keep it under its own name, and give what is computed another."
    for a, b in zip(weights[:-1:2], weights[1:-1:2], strict=True):
        plain, twice = residual(plain, a, b), 2 * twice + residual(twice, a, b)
        ended = normalised(convolved(ended + residual(ended, a, b), last))
    return {
        "The last convolution and BatchNorm are used after each block. They must come once, after all blocks.": (
            first + ended
        ),
        "The trunk's input is subtracted. Add it: the long skip is a sum.": end - first,
        "The body's output is subtracted. Add it: the long skip is a sum.": first - end,
        "There is a ReLU after the sum, so negative numbers are lost. The trunk ends with the sum.": F.relu(
            first + end
        ),
        "The long skip is missing: the trunk's input must be added after the last BatchNorm.": end,
        f"The long skip begins after the blocks, not at the trunk's input. {keep}": x + end,
        f"The long skip begins after the last convolution, not at the trunk's input. {keep}": convolved(x, last) + end,
        "The body's output is added to itself: x was overwritten on the way. Keep the trunk's input under its "
        "own name.": 2 * end,
        "The long skip ends too early: it goes only around the blocks. Add the input after the last BatchNorm.": (
            normalised(convolved(first + x, last))
        ),
        "The long skip is added before the last BatchNorm. The paper adds it after.": normalised(
            first + convolved(x, last)
        ),
        "The BatchNorm after the last convolution is missing.": first + convolved(x, last),
        "There is an activation after the last BatchNorm. The trunk ends with the sum.": first + activated(end),
        "There is a ReLU after the last BatchNorm. The trunk ends with the sum.": first + F.relu(end),
        "There is an activation after the sum. The trunk ends with the sum.": activated(first + end),
        "There is an activation between the last convolution and its BatchNorm.": first
        + normalised(activated(convolved(x, last))),
        "The BatchNorm and the convolution at the end have changed places: the convolution comes first.": first
        + convolved(normalised(x), last),
        "Each block's input is added a second time. A ResidualBlock already has a skip inside.": first
        + normalised(convolved(twice, last)),
        "The blocks have no skips of their own. Use ResidualBlock.": first + normalised(convolved(plain, last)),
        "The blocks are not used: the input goes straight into the last convolution.": first
        + normalised(convolved(first, last)),
    }


EXERCISE = Exercise(
    name="Trunk",
    lesson=2,
    place=4,
    title="the trunk with its long skip",
    difficulty="medium",
    minutes=8,
    reference=Trunk,
    judge=judge,
    hints=(
        "The long skip is like a block's skip, but around all the blocks: at the end, the trunk's input is added.",
        "nn.Sequential(*[... for _ in range(blocks)]) makes as many blocks as you like, each with its own weights. "
        "After them come one more convolution and one more BatchNorm.",
        "self.blocks = nn.Sequential(*[ResidualBlock(channels) for _ in range(blocks)]); in forward, "
        "x = self.norm(self.conv(self.blocks(first))), then return first + x.",
    ),
    mistakes=(
        Mistake(
            "`[ResidualBlock(channels)] * blocks`",
            says="[block] * n repeats one object",
            ask="How many parameters does it have? Count them.",
        ),
        Mistake(
            "blocks kept in a Python list", says="not those in a plain list", ask="How does torch find what to train?"
        ),
    ),
)
