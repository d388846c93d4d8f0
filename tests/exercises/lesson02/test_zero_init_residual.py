"""Answers to exercise zero_init_residual as students write them, and its reference against numbers from outside."""

import torch
from answers import Answers
from torch import nn

from srgan_lessons.classroom import grade
from srgan_lessons.exercises.lesson02.zero_init_residual import zero_init_residual

answers = Answers(
    "zero_init_residual",
    sentences="""
A block adds something -- tells what a block does
what goes in comes out :: first norm
Goyal et al -- names the source
start their training with such blocks -- tells what others do
each wakes up when it has something to say :: everything zero
Write `zero_init_residual(block)` -- its signature
changes one of the package's blocks in place :: copy changed; identity layer
The block may have been trained before :: weight only; last conv
`block(x)` is exactly `x` :: small instead of zero; bias only
the block can still learn :: frozen; everything zero
""",
)


@answers.right
def by_data(block):
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    norms[-1].weight.data *= 0
    norms[-1].bias.data.fill_(0)
    return block


@answers.right
@torch.no_grad()
def new_parameters(block):
    last = block.body[-1]
    last.weight = nn.Parameter(torch.zeros_like(last.weight))
    last.bias.copy_(torch.zeros(last.num_features))


@answers.wrong(says="the last BatchNorm's beta")
def gamma_alone(block):
    nn.init.zeros_(block.body[4].weight)


@answers.wrong(says="Gamma multiplies what is added")
def beta_alone(block):
    nn.init.constant_(block.body[4].weight, 0.9)
    nn.init.zeros_(block.body[4].bias)


@answers.wrong(says="but the last gamma is not")
def gamma_one(block):
    nn.init.ones_(block.body[4].weight)
    nn.init.zeros_(block.body[4].bias)


@answers.wrong(says="the gamma of the first BatchNorm")
def the_first_norm(block):
    nn.init.zeros_(block.body[1].weight)
    nn.init.zeros_(block.body[1].bias)


@answers.wrong(says="too much was set to 0")
def everything(block):
    for parameter in block.parameters():
        nn.init.zeros_(parameter)


@answers.wrong(says="too much was set to 0")
def both_norms(block):
    for norm in (block.body[1], block.body[4]):
        nn.init.zeros_(norm.weight)
        nn.init.zeros_(norm.bias)


@answers.wrong(says="The block has not changed")
def a_new_name(block):
    last = block.body[4]
    gamma, beta = last.weight, last.bias
    gamma, beta = torch.zeros_like(gamma), torch.zeros_like(beta)


@answers.wrong(says="Make it 0")
def nearly(block):
    nn.init.constant_(block.body[4].weight, 0.01)
    nn.init.zeros_(block.body[4].bias)


@answers.wrong(says="It returns a different module")
def replaced(block):
    return nn.Identity()


@answers.wrong(says="`block` is left frozen")
def frozen(block):
    zero_init_residual(block)
    block.body[4].requires_grad_(False)


@answers.wrong(says="is changed in place while gradients are recorded")
def in_place_with_a_gradient(block):
    block.body[4].weight *= 0


@answers.wrong(says="has different layers afterwards")
def other_layers(block):
    block.body[4] = nn.Identity()
    block.body[3] = nn.Conv2d(1, 1, 1)


@answers.wrong(says="Only 1 of the 4 gammas became 0")
def one_channel(block):
    nn.init.zeros_(block.body[4].weight[:1])
    nn.init.zeros_(block.body[4].bias)


TestAnswers = answers.tests()


def test_the_judges_leave_the_packages_block_alone():
    """A block that is judged belongs to the judge; answers that keep it change nothing outside."""
    kept = []
    assert not grade("zero_init_residual", kept.append).passed
    assert len(kept) == 1
