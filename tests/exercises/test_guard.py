"""No answer may change what its caller handed over: one guard for all exercises, proved for each of them."""

import copy
import inspect

import numpy as np
import pytest
import torch

from srgan_lessons.classroom import grade
from srgan_lessons.exercises import all_exercises
from srgan_lessons.exercises.calling import call, call_as_it_is
from srgan_lessons.exercises.exercise import NotYet

# These take numbers alone, which nobody can change; two exercises ask for a value, which takes nothing.
NUMBERS_ALONE = {"overlap_counts", "rate_at"}
# What they are handed besides numbers are networks, optimisers and samplers, which they are to change or to use.
NETWORKS_ALONE = {"checkpoint", "overfit", "zero_init_residual"}
TOLD = ("changes one of its arguments", "has different layers afterwards")


def spoilt(value) -> bool:
    """Changes a value in place, if there is anything in it to change."""
    with torch.no_grad():
        if isinstance(value, torch.Tensor):
            value.add_(0.5 if value.is_floating_point() else 1)
        elif isinstance(value, np.ndarray):
            if not value.flags.writeable:
                return False
            value += np.ones((), value.dtype)
        elif isinstance(value, list) and value:
            value.append(value[0])
        elif isinstance(value, dict) and value:
            value.pop(next(iter(value)))
        else:
            return False
    return True


def spoiling(reference):
    """The reference, whose caller finds its first array, tensor, list or dict changed."""
    if not inspect.isclass(reference):

        def answer(*args):
            given = [copy.deepcopy(a) if isinstance(a, list | dict | np.ndarray) else a for a in args]
            result = reference(*given)
            if isinstance(result, torch.nn.Module) and not any(isinstance(a, torch.nn.Module) for a in args):
                result.register_forward_hook(lambda module, inputs, output: spoilt(inputs[0].data) and None)
            elif not any(spoilt(a.data if isinstance(a, torch.Tensor) else a) for a in args):
                next(a for a in args if isinstance(a, torch.nn.Sequential)).append(torch.nn.ReLU())  # of phi
            return result

        answer.__signature__ = inspect.signature(reference)
        return answer

    class Answer(reference):
        def forward(self, x):
            y = super().forward(x.clone())
            spoilt(x.data)
            return y

    return Answer


CALLED = [name for name, e in all_exercises().items() if e.takes_a_call and name not in NUMBERS_ALONE | NETWORKS_ALONE]


@pytest.mark.parametrize("name", CALLED)
def test_an_answer_that_changes_its_input_is_told_so(name):
    verdict = grade(name, spoiling(all_exercises()[name].reference))
    assert not verdict.passed
    assert any(text in verdict.message for text in TOLD), verdict.message


FLAGS = [  # the exercises whose answers get tensors of floats: name, and which of their tensors
    *((name, 0) for name in ("ResidualBlock", "Trunk", "pixel_shuffle", "ESPCN", "icnr", "adversarial_loss", "Head")),
    *((name, k) for name in ("train_step", "optimal_discriminator", "discriminator_loss") for k in (0, 1)),
    *((name, k) for name in ("mse_answer", "content_loss", "generator_step") for k in (0, 1)),
    ("vgg_input", 0),
    ("discriminator_step", 1),  # its first one, sr, has a graph: nobody can change its requires_grad
    *(("perceptual_loss", k) for k in (0, 1, 2)),
]


@pytest.mark.parametrize(("name", "number"), FLAGS)
def test_an_answer_that_makes_its_input_require_a_gradient_is_told_so(name, number):
    reference = all_exercises()[name].reference

    def require(args):
        [x for x in args if isinstance(x, torch.Tensor)][number].requires_grad_()

    if inspect.isclass(reference):

        class Answer(reference):
            def forward(self, x):
                y = super().forward(x.detach().requires_grad_(x.requires_grad))
                require([x])
                return y

        answer = Answer
    else:

        def answer(*args):
            result = reference(*args)
            require(args)
            return result

    verdict = grade(name, answer)
    assert "requires a gradient afterwards, but did not before" in verdict.message
    assert "x.detach().requires_grad_()" in verdict.message


def test_a_gradient_left_by_backward_is_seen():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(NotYet, match=r"`sr` has a gradient in \.grad afterwards"):
        call_as_it_is(lambda sr: sr.sum().backward(), x)
    assert x.grad is not None
    with pytest.raises(NotYet, match="`sr` has a gradient"):  # a second one, added to the first
        call_as_it_is(lambda sr: sr.sum().backward(), x)
    call_as_it_is(lambda sr: torch.autograd.grad(sr.sum(), sr) and None, x)


def test_a_network_stays_frozen_or_not_as_it_came():
    network = torch.nn.Linear(2, 2)
    with pytest.raises(NotYet, match="`network` is left frozen"):
        call(lambda network: network.requires_grad_(False), network)
    assert not network.weight.requires_grad  # a network is no copy: it stays as the answer has left it
    with pytest.raises(NotYet, match="`network` comes frozen, and must stay frozen"):
        call(lambda network: network.requires_grad_(True), network)

    def unfrozen_for_a_while(network):
        network.requires_grad_(True)
        network.requires_grad_(False)

    network.requires_grad_(False)
    call(unfrozen_for_a_while, network)


def test_all_exercises_but_five_are_here():
    values = {name for name, exercise in all_exercises().items() if not exercise.takes_a_call}
    assert set(CALLED) | NUMBERS_ALONE | NETWORKS_ALONE | values == set(all_exercises())
    assert values == {"diagnoses", "table2_reading"}


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (np.zeros(3), lambda x: x.__setitem__(0, 1)),
        (np.array([np.nan, 1.0]), lambda x: x.sort()),
        (torch.zeros(3), lambda x: x.add_(1)),
        (torch.zeros(3, requires_grad=True), lambda x: x.requires_grad_(False)),
        ([3, 1, 2], lambda x: x.sort()),
        ([{"a": 1.0}], lambda x: x[0].update(a=2.0)),
        ({"a": 1, "b": 2}, lambda x: x.pop("a")),
        ({"a": [1, 2]}, lambda x: x["a"].append(3)),
    ],
)
def test_each_kind_of_change_is_seen(value, change):
    with pytest.raises(NotYet, match="changes one of its arguments: `x`"):
        call(lambda x: change(x), value)
    call(lambda x: None, value)


def test_a_graph_that_is_cut_in_place_is_seen():
    x = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(NotYet, match="`sr`"):
        call_as_it_is(lambda sr: sr.detach_() is None, x)


def test_a_network_keeps_its_mode_and_its_layers():
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    with pytest.raises(NotYet, match="left in evaluation mode: `network` was given in training mode"):
        call(lambda network: network.eval(), network)
    with pytest.raises(NotYet, match="has different layers"):
        call(lambda network: network.append(torch.nn.ReLU()), network)
    call(lambda network: network[0].weight.data.zero_(), network)  # numbers may change: that is training
