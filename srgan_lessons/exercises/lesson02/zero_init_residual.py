"""Exercise 2.3: a block that begins as the identity."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons import models
from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet
from srgan_lessons.exercises.shared.networks import features


def zero_init_residual(block):
    # SOLUTION
    last = block.body[4]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    # STUB
    # last = ...  # 1. which layer decides how much the block adds?
    # nn.init.zeros_(...)  # 2. its gamma is called weight, its beta is called bias
    # END


def judge(candidate) -> None:
    for trained in (True, False):
        block = _used_block(trained=trained)
        before = {name: value.detach().clone() for name, value in block.named_parameters()}
        try:
            returned = call(candidate, block)
        except AttributeError as error:
            if "NoneType" not in str(error):
                raise
            raise NotYet(
                "That layer has no bias: it is None. The convolutions of this block have none, because a BatchNorm "
                "follows. Gamma and beta, the weight and the bias, belong to its BatchNorms."
            ) from error
        except RuntimeError as error:
            if "leaf Variable" not in str(error):
                raise
            raise NotYet(
                "A parameter is changed in place while gradients are recorded, which torch forbids. Use "
                "nn.init.zeros_(parameter), which records none."
            ) from error
        if returned is ...:
            raise NotDone
        if isinstance(returned, nn.Module) and returned is not block:
            raise NotYet("It returns a different module. Change the block that is given, in place.")
        if dict(block.named_parameters()).keys() != before.keys():
            raise NotYet(
                "A layer of the block is gone or replaced. Keep the layers, and change numbers in one of them."
            )
        for name, value in block.named_parameters():
            if value.shape != before[name].shape:
                raise NotYet(
                    f"body.{name.partition('.')[2]} has the shape {tuple(value.shape)} afterwards; it had "
                    f"{tuple(before[name].shape)} before. Keep the parameters, and change the numbers in them."
                )
        _check_identity(block, before)
        _check_awake(block)


def _used_block(*, trained: bool) -> models.ResidualBlock:
    """A block of the package. If `trained`, its BatchNorms hold numbers like those of a trained network."""
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
    x, seen = features(4, 4, 6, 5), block.body[4].running_var.clone()
    with torch.no_grad():
        if max((block.train(mode)(x) - x).abs().max() for mode in (False, True)) < 1e-6:
            return
    gamma, beta = now["body.4.weight"], now["body.4.bias"]
    if not seen.any():
        raise NotYet(
            "The running statistics of the last BatchNorm are set to 0. They say what it has seen; how much it adds is "
            "decided by its gamma (weight) and beta (bias)."
        )
    if not now["body.3.weight"].any():
        raise NotYet(
            "The last convolution is 0, but the BatchNorm after it still adds its beta, which is not 0 in a trained "
            "block. Set the last BatchNorm's gamma and beta to 0."
        )
    if all(torch.equal(now[name], value) for name, value in before.items()):
        if any(parameter.grad is not None for parameter in now.values()):
            raise NotYet(
                "The gradients are set to 0, and the numbers are as they were. Set gamma and beta themselves to 0."
            )
        raise NotYet(
            "The block has not changed. Did you change a copy of it? nn.init.zeros_(parameter) changes the block that "
            "is given; giving a number a new name does not."
        )
    if not gamma.any() and beta.any():
        raise NotYet(
            "The last gamma is 0, but something is still added: the last BatchNorm's beta, which is not 0 in a trained "
            "block. Set it (its bias) to 0, too."
        )
    if not now["body.2.weight"].any():
        raise NotYet(
            "That is the slope of the PReLU. What comes after it is normalised again and added: the last BatchNorm "
            "decides how much is added."
        )
    if not now["body.1.weight"].any():
        raise NotYet(
            "That is the gamma of the first BatchNorm. What comes after it is normalised again and added: the last "
            "BatchNorm decides how much is added."
        )
    if 0 < int((gamma == 0).sum()) < len(gamma):
        raise NotYet(
            f"Only {int((gamma == 0).sum())} of the {len(gamma)} gammas became 0. Set all of them to 0: the whole "
            "weight."
        )
    if gamma.abs().max() < 0.2:
        raise NotYet(f"Close: the last gamma is {gamma.abs().max():.2g}, and the block still adds a little. Make it 0.")
    if not beta.any() and before["body.4.bias"].any():
        same = torch.equal(gamma, before["body.4.weight"])
        copied = " It is still as it was: if you set it, you set a copy of it, such as a clone()." if same else ""
        raise NotYet(
            f"The last beta is 0, but the last gamma is not. Gamma multiplies what is added: it must be 0, too.{copied}"
        )
    raise NotYet("The block still adds something to its input. Which numbers scale and shift everything that it adds?")


def _check_awake(block: models.ResidualBlock) -> None:
    """Raises NotYet unless a few updates change both convolutions."""
    if not all(parameter.requires_grad for parameter in block.parameters()):
        raise NotYet(
            "The block is the identity, but it can never be anything else: some parameters have requires_grad "
            "False, so they get no gradient. Let it learn."
        )
    x, target = features(4, 4, 6, 5), features(4, 4, 6, 5, seed=1)
    if not block(x).requires_grad:
        raise NotYet(
            "The block is the identity, but it can never be anything else: its layers are no longer used. Let it learn."
        )
    before = [block.body[place].weight.detach().clone() for place in (0, 3)]
    for _ in range(4):  # by hand, because torch.optim takes seconds to import
        block.zero_grad()
        F.mse_loss(block(x), target).backward()
        with torch.no_grad():
            for parameter in block.parameters():
                parameter -= 0.05 * parameter.grad
    if any(torch.equal(block.body[place].weight, then) for place, then in zip((0, 3), before, strict=True)):
        raise NotYet(
            "The block is the identity, but after four updates one convolution is still as it was: too much was set to "
            "0. In a product of two zeros, neither gets a gradient. Set only the last BatchNorm to 0."
        )


EXERCISE = Exercise(
    name="zero_init_residual",
    lesson=2,
    place=3,
    title="a block that begins as the identity",
    difficulty="medium",
    minutes=6,
    reference=zero_init_residual,
    judge=judge,
    hints=(
        "print(block) shows the layers of block.body with their numbers. After which of them does the sum come?",
        "The last BatchNorm returns gamma times a normalised number, plus beta. What must both be to give 0?",
        "last = block.body[4]; then nn.init.zeros_(last.weight) and nn.init.zeros_(last.bias). Leave the rest.",
    ),
    mistakes=(
        Mistake("gamma of the first BatchNorm", says="the gamma of the first BatchNorm", ask="What comes after it?"),
        Mistake(
            "only gamma, in a trained block",
            says="the last BatchNorm's beta",
            ask="What is 0 times anything, plus beta?",
        ),
    ),
)
