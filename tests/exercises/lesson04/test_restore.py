"""Answers to exercise restore as students write them, and its reference against numbers from outside."""

import copy
import io

import torch
from answers import Answers

from srgan_lessons.datasets import CropSampler
from srgan_lessons.exercises.lesson04.checkpoint import checkpoint
from srgan_lessons.exercises.lesson04.restore import restore
from srgan_lessons.exercises.lesson04.train_step import train_step
from srgan_lessons.images import sample_photos
from srgan_lessons.models import Generator

answers = Answers(
    "restore",
    sentences="""
`restore(state, network, optimizer)`, the way back :: swapped; parameters only
change them in place :: new objects; no optimizer; no network
the number of the update that comes next :: plus one; zero
""",
)


@answers.right
def copied_by_hand(state, network, optimizer):
    optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.copy_(state["network"][name])
    return torch.tensor(state["step"])


@answers.wrong(says="the optimiser is empty")
def weights_only(state, network, optimizer):
    network.load_state_dict(state["network"])
    return state["step"]


@answers.wrong(says="Only the optimiser was restored")
def optimiser_only(state, network, optimizer):
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong(says="new name for another object")
def assigned(state, network, optimizer):
    network, optimizer = state["network"], state["optimizer"]  # noqa: F841 - the mistake
    return state["step"]


@answers.wrong(says="It returns None")
def no_return(state, network, optimizer):
    restore(state, network, optimizer)


@answers.wrong(says="One batch would be left out")
def the_step_after(state, network, optimizer):
    return restore(state, network, optimizer) + 1


@answers.wrong(says="come twice, or not at all")
def from_the_start(state, network, optimizer):
    restore(state, network, optimizer)
    return 0


@answers.wrong(says="buffers, not parameters")
def without_buffers(state, network, optimizer):
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(state["network"][name])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong(says="still has its first weights")
def not_strict(state, network, optimizer):
    network.load_state_dict(state, strict=False)
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong(says="the optimiser is empty")
def new_optimiser(state, network, optimizer):
    network.load_state_dict(state["network"])
    optimizer = torch.optim.Adam(network.parameters())
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong(says="its learning rate is still")
def moments_without_settings(state, network, optimizer):
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state["optimizer"]["state"]})
    return state["step"]


@answers.wrong(says="no longer holds this network's weights")
def other_weights(state, network, optimizer):
    other = copy.deepcopy(network)
    network.load_state_dict(state["network"])
    optimizer.__init__(other.parameters())
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


@answers.wrong(says="changes one of its arguments: `state`")
def bias_correction_restarted(state, network, optimizer):
    restore(state, network, optimizer)
    for moments in optimizer.state.values():
        moments["step"].zero_()
    return state["step"]


@answers.wrong(says="left in evaluation mode")
def for_evaluation(state, network, optimizer):
    step = restore(state, network, optimizer)
    network.eval()
    return step


TestAnswers = answers.tests()


def test_a_run_that_was_stopped_ends_with_the_same_bits():
    """Through a file, into a new network, twice: the exercise's answer does what the lesson claims."""
    sampler = CropSampler({"cat": sample_photos()["chelsea"]}, batch=2, crop=32)

    def new():
        network = Generator(1, 8)
        return network, torch.optim.Adam(network.parameters(), lr=1e-3)

    torch.manual_seed(0)
    network, optimizer = new()
    stored = io.BytesIO()
    for step in range(6):
        if step == 3:
            torch.save(checkpoint(network, optimizer, step), stored)
        train_step(network, optimizer, *sampler(step))
    for _ in range(2):
        stored.seek(0)
        resumed, its_optimizer = new()
        first = restore(torch.load(stored, weights_only=True), resumed, its_optimizer)
        for step in range(first, 6):
            train_step(resumed, its_optimizer, *sampler(step))
        same = zip(network.state_dict().values(), resumed.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in same)
