"""Exercise 4.5: go on from a checkpoint."""

import copy
import dis

import torch
from torch import nn

from srgan_lessons.exercises.calling import call_as_it_is
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
    given = copy.deepcopy(state)
    try:
        step = call_as_it_is(candidate, given, resumed, its_optimizer)
    except Exception as error:
        _name_stop(error)
        raise
    _name_loss_of_state(state, resumed, its_optimizer, parameters)
    if step is None:
        raise NotYet("It returns None. Return the number of the next update, which is in the state.")
    step = as_number(step, "the step")
    if step != 3:
        code = getattr(candidate, "__code__", None)
        if code and any((i.opname, i.argval) == ("LOAD_GLOBAL", "step") for i in dis.get_instructions(code)):
            raise NotYet(
                "The `step` that is returned is a variable of the notebook, not of this run. The number is in the "
                'state: state["step"].'
            )
        raise NotYet(
            f"After 3 updates, numbered 0, 1 and 2, update number 3 is next, but it returns {step:g}. "
            + ("One batch would be left out." if step == 4 else "Some batches would come twice, or not at all.")
        )
    if not resumed.training:
        raise NotYet("The network is left in evaluation mode, but training goes on. Leave the mode as it is.")
    go_on(resumed, its_optimizer, 3, 5)
    if not same_bits(given["network"], state["network"]):
        raise NotYet(
            'Training went on, and state["network"] changed with it: the network now shares these tensors. '
            "network.load_state_dict copies the numbers."
        )
    again = as_number(call_as_it_is(candidate, copy.deepcopy(state) | {"step": 41}, *untrained()), "the step")
    if again != 41:
        raise NotYet(
            f'From a checkpoint whose step is 41, it returns {again:g}. The number is in the state: state["step"].'
        )
    go_on(network, optimizer, 3, 5)
    if not same_bits(resumed.state_dict(), network.state_dict()):
        raise NotYet(
            "Two updates later, the weights are not those of the run that was never stopped. Did the optimiser load "
            "everything, and does it still move this network's weights?"
        )


def _name_stop(raised: Exception) -> None:
    """Raises NotYet for an error from Python or torch if its cause is known."""
    error = str(raised)
    if isinstance(raised, NameError) and "'step'" in error:
        raise NotYet('There is no variable `step` in restore. The number is in the state: state["step"].')
    if 'Unexpected key(s) in state_dict: "network", "optimizer", "step"' in error:
        raise NotYet(
            "The whole state was loaded into the network, but its weights are only a part of it. Load that part: "
            'network.load_state_dict(state["network"]).'
        )
    if isinstance(raised, KeyError) and not isinstance(raised.args[0], str):
        raise NotYet('The keys of the state are strings: write state["network"], with quotes.')
    if isinstance(raised, KeyError) and error == "'param_groups'":
        raise NotYet(
            "The optimiser was given something other than its own state, which is a part of the dict: "
            'optimizer.load_state_dict(state["optimizer"]).'
        )
    if "param_groups" in error and "loading state_dict" in error:
        raise NotYet("The two states have changed places: the optimiser's was loaded into the network.")
    if "torch.load from a file" in error:
        raise NotYet("state is not a file: it is the dict that torch.load has read. Use it as it is.")


def _name_loss_of_state(state: dict, network: nn.Module, optimizer: torch.optim.Optimizer, parameters: list) -> None:
    """Raises NotYet, which says what was not restored in the network or the optimiser that were given."""
    weights, there = dict(network.named_parameters()), state["network"]
    arrived = [torch.equal(weight, there[name]) for name, weight in weights.items()]
    if not any(arrived):
        moments = " Only the optimiser was restored." if optimizer.state else ""
        raise NotYet(
            f"The network that was given still has its first weights.{moments} Load them into it: "
            'network.load_state_dict(state["network"]). A new name for another object changes nothing outside.'
        )
    if not all(arrived):
        raise NotYet("Some of the saved weights are not in the network.")
    if not same_bits(dict(network.named_buffers()), {name: there[name] for name, _ in network.named_buffers()}):
        raise NotYet(
            "The weights are there, but BatchNorm's running statistics are not: they are buffers, not parameters. "
            "load_state_dict loads both."
        )
    if not optimizer.state:
        raise NotYet(
            "The weights are there, but the optimiser is empty: Adam's moments would begin at zero, and its first "
            "steps would be far too long. Also restore the optimiser that was given."
        )
    settings = optimizer.param_groups[0]
    if [id(p) for p in settings["params"]] != [id(p) for p in parameters]:
        raise NotYet("The optimiser no longer holds this network's weights. Use optimizer.load_state_dict.")
    if settings["lr"] != state["optimizer"]["param_groups"][0]["lr"]:
        raise NotYet(
            "The moments are there, but the optimiser's settings are not: its learning rate is still "
            f"{settings['lr']:g}. optimizer.load_state_dict loads both."
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
        "Everything that `checkpoint` saved must be loaded again, into the network and the optimiser that were given.",
        "Both have load_state_dict, which writes into the object. A plain assignment only moves a name.",
        'network.load_state_dict(state["network"]), the same for the optimiser, then return state["step"].',
    ),
    mistakes=(
        Mistake(
            "only the weights", says="the optimiser is empty", ask="What will the first step of a new Adam look like?"
        ),
        Mistake(
            "a new name for the network", says="new name for another object", ask="Which object does the caller hold?"
        ),
    ),
)
