"""Exercise 4.5: go on from a checkpoint."""

import copy

import torch
from torch import nn

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.reading import as_number
from srgan_lessons.exercises.shared.updates import go_on, same_bits, trained, untrained


def restore(state, network, optimizer):
    # SOLUTION
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]
    # STUB
    # ...  # 1. into the network
    # ...  # 2. into the optimiser
    # return ...  # 3. the number of the next update
    # END


def judge(candidate) -> None:
    network, optimizer = trained(3)
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": 3}
    state = copy.deepcopy(state)
    resumed, its_optimizer = untrained()
    parameters = list(resumed.parameters())
    step = call(candidate, copy.deepcopy(state), resumed, its_optimizer)
    _name_loss_of_state(state, resumed, its_optimizer, parameters)
    if step is None:
        raise NotYet("It returns None. Return the step to go on with, which the state holds.")
    step = as_number(step, "the step")
    if step != 3:
        raise NotYet(
            f"After 3 updates, numbered 0, 1 and 2, update number 3 is next; it returns {step:g}. "
            + ("One batch would be left out." if step == 4 else "Some batches would come twice, or never.")
        )
    if not resumed.training:
        raise NotYet("The network is left in evaluation mode, and training goes on. Leave the mode alone.")
    go_on(resumed, its_optimizer, 3, 5)
    go_on(network, optimizer, 3, 5)
    if not same_bits(resumed.state_dict(), network.state_dict()):
        raise NotYet(
            "Two updates later the weights are not those of the run that was never stopped. Has the optimiser taken "
            "over everything, and does it still move this network's weights?"
        )


def _name_loss_of_state(state: dict, network: nn.Module, optimizer: torch.optim.Optimizer, parameters: list) -> None:
    """Raises NotYet, which says what was not restored in the network or the optimiser that were given."""
    weights, there = dict(network.named_parameters()), state["network"]
    arrived = [torch.equal(weight, there[name]) for name, weight in weights.items()]
    if not any(arrived):
        moments = " Only the optimiser was restored." if optimizer.state else ""
        raise NotYet(
            f"The network that was given still has its first weights.{moments} Load into it, "
            'network.load_state_dict(state["network"]): a new name for another object changes nothing outside.'
        )
    if not all(arrived):
        raise NotYet("Some of the weights did not arrive in the network.")
    if not same_bits(dict(network.named_buffers()), {name: there[name] for name, _ in network.named_buffers()}):
        raise NotYet(
            "The weights are there, BatchNorm's running statistics are not: they are buffers, not parameters. "
            "load_state_dict brings both."
        )
    if not optimizer.state:
        raise NotYet(
            "The weights are there, the optimiser is empty: Adam's moments would begin at zero, and its first steps "
            "would be far too long. Restore the optimiser that was given, too."
        )
    settings = optimizer.param_groups[0]
    if [id(p) for p in settings["params"]] != [id(p) for p in parameters]:
        raise NotYet("The optimiser no longer holds this network's weights. Use optimizer.load_state_dict.")
    if settings["lr"] != state["optimizer"]["param_groups"][0]["lr"]:
        raise NotYet(
            "The moments are there, the optimiser's settings are not: its learning rate is still "
            f"{settings['lr']:g}. optimizer.load_state_dict brings both."
        )
    if not same_bits(optimizer.state_dict()["state"], state["optimizer"]["state"]):
        raise NotYet("Adam's moments, or its count of steps, are not those of the checkpoint.")


EXERCISE = Exercise(
    name="restore",
    lesson=4,
    place=5,
    title="go on from a checkpoint",
    difficulty="easy",
    minutes=5,
    reference=restore,
    judge=judge,
    hints=(
        "Whatever checkpoint put in must come out again, into the network and the optimiser that were given.",
        "Both have load_state_dict, which writes into the object. A plain assignment would only give a name away.",
        'network.load_state_dict(state["network"]), the same for the optimiser, and return state["step"].',
    ),
    mistakes=(
        Mistake(
            "the weights alone", says="the optimiser is empty", ask="What will the first step of a new Adam look like?"
        ),
        Mistake(
            "a new name for the network", says="a new name for another object", ask="Which object does the caller hold?"
        ),
    ),
)
