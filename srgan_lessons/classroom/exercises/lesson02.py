"""Lesson 02, Residual generator: the residual block, the trunk with its long skip, the receptive field, zero init.

A student's network is judged by what it computes. Its weights are read by their shapes and tried in every order, so
that names, the order in the state dict and the style of writing do not matter.
"""

import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons import models
from srgan_lessons.classroom.judges.networks import (
    check_evaluation,
    check_gradients,
    check_parameters,
    close,
    conv_weights,
    features,
    fresh,
    output,
)
from srgan_lessons.classroom.judges.residual import block_slips, residual, trunk_output, trunk_slips
from srgan_lessons.classroom.judging import Exercise, NotDone, NotYet, as_number, call, recognise

# --- the residual block ----------------------------------------------------------------------------------------------


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.act = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x):  # (N, channels, h, w)
        added = self.act(self.norm1(self.conv1(x)))
        added = self.norm2(self.conv2(added))
        return x + added


def judge_residual_block(candidate) -> None:
    channels = 4
    what = f"ResidualBlock({channels})"
    block = fresh(call(candidate, channels), what)
    x = features(8, channels, 6, 5)
    y = output(block, x, "The block")
    if torch.allclose(y, x, atol=1e-5):
        raise NotYet("The block gives back its input: what the convolutions compute is not added to it.")
    weights = conv_weights(block, channels, 2, what, {1: "Is one used twice? Each has weights of its own."})
    orders = list(itertools.permutations(weights))
    if not any(close(y, x + residual(x, a, b)) for a, b in orders):
        for a, b in orders:
            recognise(y.detach(), block_slips(x, a, b), within=1e-3)
        _name_scaled((y - x).detach(), [residual(x, a, b) for a, b in orders])
        raise NotYet(
            "The output is not that of the block in Figure 4. In this order: convolution, BatchNorm, PReLU, "
            "convolution, BatchNorm; then the sum with the input."
        )
    _check_input_kept(block, x)
    check_parameters(block, channels, convs=2, norms=2, prelus=1, what=what)
    check_gradients(block, x)
    check_evaluation(block, x)
    what, x = "ResidualBlock(7)", features(2, 7, 3, 8)
    wider = fresh(call(candidate, 7), what)
    conv_weights(wider, 7, 2, what)
    output(wider, x, what)


def _check_input_kept(network: nn.Module, x: Tensor) -> None:
    """Raises NotYet if forward writes into its input: torch needs it as it was for the gradients."""
    given = x.clone()
    call(lambda: network(given))
    if not torch.equal(given, x):
        raise NotYet(
            "The numbers are right, but forward changes the tensor that it is given: += works in place. The first "
            "convolution needs its input for the gradient. Write a + b, which makes a new tensor."
        )


def _name_scaled(added: Tensor, right: list[Tensor]) -> None:
    """Raises NotYet if what is added is a multiple of what should be."""
    for body in right:
        scale = float((added * body).sum() / body.square().sum())
        if close(added, scale * body):
            raise NotYet(f"What the block adds is multiplied by {scale:.3g}. The paper adds it as it is.")


# --- the trunk -------------------------------------------------------------------------------------------------------


class Trunk(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.blocks = nn.Sequential(*[ResidualBlock(channels) for _ in range(blocks)])
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, first):  # (N, channels, h, w)
        x = self.blocks(first)
        x = self.norm(self.conv(x))
        return first + x


def judge_trunk(candidate) -> None:
    channels, blocks = 3, 2
    what = f"Trunk({channels}, {blocks})"
    trunk = fresh(call(candidate, channels, blocks), what)
    x = features(8, channels, 5, 4)
    y = output(trunk, x, "The trunk")
    weights = conv_weights(trunk, channels, 2 * blocks + 1, what, WRONG_COUNTS | _shared_block(trunk, x))
    orders = list(itertools.permutations(weights))
    if not any(close(y, trunk_output(x, *order)) for order in orders):
        for order in orders:
            recognise(y.detach(), trunk_slips(x, *order) | {ONE_BLOCK: trunk_output(x, *order[2:])}, within=1e-3)
        raise NotYet(
            "The output is not that of Figure 4. In this order: the residual blocks, a convolution, a BatchNorm; then "
            "the sum with the trunk's input."
        )
    _check_input_kept(trunk, x)
    check_parameters(trunk, channels, convs=2 * blocks + 1, norms=2 * blocks + 1, prelus=blocks, what=what)
    check_gradients(trunk, x)
    check_evaluation(trunk, x)
    for wider, deeper in ((5, 1), (2, 4)):
        what, x = f"Trunk({wider}, {deeper})", features(2, wider, 6, 4)
        other = fresh(call(candidate, wider, deeper), what)
        conv_weights(other, wider, 2 * deeper + 1, what)
        output(other, x, what)


ONE_BLOCK = "Only the last block counts: each is given the trunk's input. Give it what the block before it returned."
WRONG_COUNTS = {  # of convolutions, where two blocks were asked for
    1: "Are the blocks in a plain list? torch searches nn.Sequential and nn.ModuleList for weights, lists it does not.",
    2: "There is one residual block and nothing after it.",
    3: "It has one residual block. Make as many as `blocks` says.",
    4: "The convolution after the blocks is missing: the trunk ends with a convolution and a BatchNorm.",
    6: "There are two convolutions after the blocks; the paper has one.",
    7: "It has one residual block too many.",
    33: "It has 16 residual blocks, whatever `blocks` says.",
}


def _shared_block(trunk: nn.Module, x: Tensor) -> dict[int, str]:
    """The reason where a trunk uses one block again and again, else none."""
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
    return {3: "One block is used twice: [block] * n repeats one object. Make a new ResidualBlock for each place."}


# --- the receptive field ---------------------------------------------------------------------------------------------


def receptive_field(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field = field + (kernel - 1) * step
        step = step * stride
    return field


STACKS = {
    "one 3x3 convolution, [(3, 1)],": [(3, 1)],
    "two 3x3 convolutions, [(3, 1), (3, 1)],": [(3, 1), (3, 1)],
    "a 9x9 and a 1x1 convolution, [(9, 1), (1, 1)],": [(9, 1), (1, 1)],
    "the list [(5, 1), (3, 1), (3, 1)]": [(5, 1), (3, 1), (3, 1)],
    "stride 2 in the last layer, [(3, 1), (3, 2)],": [(3, 1), (3, 2)],
    "stride 2 in the first layer, [(3, 2), (5, 1)],": [(3, 2), (5, 1)],
    "two strides, [(3, 2), (3, 3), (3, 1)],": [(3, 2), (3, 3), (3, 1)],
    "a pixel shuffle, [(3, 1), (1, 1 / 2), (9, 1)],": [(3, 1), (1, 1 / 2), (9, 1)],
    "two pixel shuffles, [(3, 1), (1, 1 / 2), (3, 1), (1, 1 / 2), (9, 1)],": [
        (3, 1), (1, 1 / 2), (3, 1), (1, 1 / 2), (9, 1),
    ],
    "no layer at all, [],": [],
}  # fmt: skip


def judge_receptive_field(candidate) -> None:
    results = {name: as_number(call(candidate, stack), f"the field of {name}") for name, stack in STACKS.items()}
    right = {name: receptive_field(stack) for name, stack in STACKS.items()}
    wrong = [name for name in STACKS if abs(results[name] - right[name]) > 1e-6]
    if not wrong:
        return
    slips = {message: [slip(stack) for stack in STACKS.values()] for message, slip in _field_slips().items()}
    recognise(list(results.values()), slips, within=1e-6)
    first = wrong[0]
    raise NotYet(
        f"For {first} it gives {results[first]:g}, and one output pixel sees {right[first]:g}. Begin with 1 pixel; "
        "each layer adds (kernel - 1) steps, and the strides of the layers before it make the step."
    )


def _field_slips() -> dict[str, Callable[[list], float]]:
    """Each usual mistake as a function of a stack."""

    def walked(*, start=1, less=1, early=False, product=True):
        def field(stack):
            size, step = start, 1
            for kernel, stride in stack:
                ahead = step * stride if product else stride
                size += (kernel - less) * (ahead if early else step)
                step = ahead
            return size

        return field

    kernel_only = "A 3x3 kernel has its centre on a pixel that is seen already: it adds kernel - 1."
    return {
        "The strides are ignored: after a stride of 2, a step is 2 input pixels wide.": (
            lambda stack: 1 + sum(kernel - 1 for kernel, _ in stack)
        ),
        f"Each layer adds its whole kernel. {kernel_only}": walked(less=0),
        f"Each layer adds its whole kernel, and the count begins with 0. {kernel_only} Begin with 1 pixel.": (
            walked(less=0, start=0)
        ),
        "The count begins with 0. Without any layer, a pixel sees itself: begin with 1.": walked(start=0),
        "The step grows too early: a layer's own stride counts for the layers after it.": walked(early=True),
        "The step is the last stride alone. Strides multiply: after 2 and 3, a step is 6 input pixels wide.": (
            walked(product=False)
        ),
        "The layers are taken from the output to the input. A layer's stride counts for the layers after it.": (
            lambda stack: receptive_field(stack[::-1])
        ),
        "Only one side is counted. A kernel of 3 reaches 1 pixel to the left and 1 to the right.": (
            lambda stack: (receptive_field(stack) + 1) / 2
        ),
        "This is the area in pixels. One side of the square is asked for.": lambda stack: receptive_field(stack) ** 2,
        "The kernels are multiplied. They add up: two 3x3 convolutions see 5 pixels, not 9.": (
            lambda stack: math.prod(kernel for kernel, _ in stack)
        ),
        "A stride below 1 is lost: after a pixel shuffle by 2, a step is half an input pixel. Do not round it.": (
            lambda stack: receptive_field([(kernel, max(1, stride)) for kernel, stride in stack])
        ),
    }


# --- a block that begins as the identity -----------------------------------------------------------------------------


def zero_init_residual(block):
    last = block.body[4]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)


def judge_zero_init_residual(candidate) -> None:
    for trained in (False, True):
        block = _used_block(trained=trained)
        before = {name: value.detach().clone() for name, value in block.named_parameters()}
        returned = call(candidate, block)
        if returned is ...:
            raise NotDone
        if isinstance(returned, nn.Module) and returned is not block:
            raise NotYet("It returns another module. Change the block that is given, in place, so that it can learn.")
        if dict(block.named_parameters()).keys() != before.keys():
            raise NotYet("A layer of the block is gone or replaced. Leave the layers, change numbers in one of them.")
        _check_identity(block, before)
        _check_awake(block)


def _used_block(*, trained: bool) -> models.ResidualBlock:
    """A block of the package, on request with numbers in its BatchNorms as training leaves them there."""
    block = models.ResidualBlock(4)
    if trained:
        with torch.no_grad():
            for norm in (block.body[1], block.body[4]):
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.uniform_(0.5, 1.0)
            for step in range(3):
                block(features(4, 4, 6, 6, seed=10 + step))
    return block


def _check_identity(block: models.ResidualBlock, before: dict[str, Tensor]) -> None:
    now = dict(block.named_parameters())
    x = features(4, 4, 6, 5)
    with torch.no_grad():
        if max((block.train(mode)(x) - x).abs().max() for mode in (False, True)) < 1e-6:
            return
    gamma, beta = now["body.4.weight"], now["body.4.bias"]
    if all(torch.equal(now[name], value) for name, value in before.items()):
        raise NotYet("The block is as it was. nn.init.zeros_(parameter) changes it; a new name for a number does not.")
    if not gamma.any() and beta.any():
        raise NotYet(
            "The last gamma is 0, and still something is added: the last BatchNorm's beta, which training has moved "
            "away from 0. Set it (its bias) to 0, too."
        )
    if not now["body.1.weight"].any():
        raise NotYet(
            "That is the gamma of the first BatchNorm. What follows it is normalised again and added: the last "
            "BatchNorm decides how much."
        )
    if gamma.abs().max() < 0.2:
        raise NotYet(f"Close: the last gamma is {gamma.abs().max():.2g}, and the block still adds a little. Make it 0.")
    if not beta.any():
        raise NotYet("The last beta is 0, its gamma is not. Gamma multiplies what is added: it must be 0, too.")
    raise NotYet("The block still adds something to its input. Which numbers scale and shift all that it adds?")


def _check_awake(block: models.ResidualBlock) -> None:
    """Raises NotYet unless a few updates change what the block adds and both convolutions."""
    if not all(parameter.requires_grad for parameter in block.parameters()):
        raise NotYet("The block is the identity and must stay it: some parameters have no gradient. Let it learn.")
    x, target = features(4, 4, 6, 5), features(4, 4, 6, 5, seed=1)
    if not block(x).requires_grad:
        raise NotYet("The block is the identity and must stay it: its layers are not used any more. Let it learn.")
    before = [block.body[place].weight.detach().clone() for place in (0, 3)]
    for _ in range(4):  # by hand: torch.optim takes seconds to import
        block.zero_grad()
        F.mse_loss(block(x), target).backward()
        with torch.no_grad():
            for parameter in block.parameters():
                parameter -= 0.05 * parameter.grad
    if any(torch.equal(block.body[place].weight, then) for place, then in zip((0, 3), before, strict=True)):
        raise NotYet(
            "The block is the identity, and after four updates a convolution is still as it was: too much was set to "
            "0. A product of two zeros gives neither of them a gradient. Set the last BatchNorm alone to 0."
        )


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="receptive_field",
        lesson=2,
        title="the receptive field",
        difficulty="easy",
        minutes=7,
        stub="""
            def receptive_field(layers):
                field, step = 1, 1
                for kernel, stride in layers:
                    field = ...  # 1. wider by this layer's kernel
                    step = ...  # 2. how far apart the pixels are that the next layer sees
                return field
            """,
        reference=receptive_field,
        judge=judge_receptive_field,
        hints=(
            "Draw two 3x3 convolutions in one dimension. The second sees three pixels of the first: how many of the "
            "input? Then give the first one stride 2.",
            "A kernel of k spans k - 1 steps from its first pixel to its last. One step is 1 input pixel at first, and "
            "each stride multiplies it for all the layers that follow.",
            "field = field + (kernel - 1) * step, and only then step = step * stride. A stride of 1/2 needs no special "
            "care, as long as nothing is rounded.",
        ),
    ),
    Exercise(
        name="ResidualBlock",
        lesson=2,
        title="the residual block",
        difficulty="medium",
        minutes=10,
        stub="""
            class ResidualBlock(nn.Module):
                def __init__(self, channels):
                    super().__init__()
                    self.conv1 = ...  # 1. two convolutions, two BatchNorms, one PReLU

                def forward(self, x):  # (N, channels, h, w)
                    added = ...  # 2. what the block adds
                    return ...  # 3. the sum
            """,
        reference=ResidualBlock,
        judge=judge_residual_block,
        hints=(
            "The function residual_block above has the same steps. Each layer with numbers to learn is made once, in "
            "__init__; forward only uses it.",
            "nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels) and nn.PReLU() as attributes of "
            "self. In forward keep x as it is, and give the way through the layers another name.",
            "added = self.norm2(self.conv2(self.act(self.norm1(self.conv1(x))))), and return x + added.",
        ),
    ),
    Exercise(
        name="zero_init_residual",
        lesson=2,
        title="a block that begins as the identity",
        difficulty="medium",
        minutes=6,
        stub="""
            def zero_init_residual(block):
                last = ...  # 1. which layer decides how much the block adds?
                nn.init.zeros_(...)  # 2. its gamma is called weight, its beta is called bias
            """,
        reference=zero_init_residual,
        judge=judge_zero_init_residual,
        hints=(
            "print(block) shows the layers of block.body with their numbers. After which of them comes the sum?",
            "The last BatchNorm gives gamma times a normalised number, plus beta. What must both be to give 0?",
            "last = block.body[4]; then nn.init.zeros_(last.weight) and nn.init.zeros_(last.bias). Leave the rest.",
        ),
    ),
    Exercise(
        name="Trunk",
        lesson=2,
        title="the trunk with its long skip",
        difficulty="medium",
        minutes=8,
        stub="""
            class Trunk(nn.Module):
                def __init__(self, channels, blocks):
                    super().__init__()
                    self.blocks = ...  # 1. as many residual blocks as asked for
                    self.conv = ...  # 2. and what comes after them
                    self.norm = ...

                def forward(self, first):  # (N, channels, h, w)
                    x = ...  # 3. through all of it
                    return ...  # 4. the long skip
            """,
        reference=Trunk,
        judge=judge_trunk,
        hints=(
            "The long skip is a block's skip once more, around all the blocks: in the end, the trunk's input is added.",
            "nn.Sequential(*[... for _ in range(blocks)]) makes as many blocks as you like, each with its own weights. "
            "After them come one more convolution and one more BatchNorm.",
            "self.blocks = nn.Sequential(*[ResidualBlock(channels) for _ in range(blocks)]); in forward "
            "x = self.norm(self.conv(self.blocks(first))), and return first + x.",
        ),
    ),
)
