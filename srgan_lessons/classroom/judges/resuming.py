"""How the judges of lesson 04 look at a checkpoint: what it holds, and what a run becomes that goes on from it."""

import copy
import io
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from srgan_lessons.classroom.judges.updates import batch_of, small_network, update, weights_of
from srgan_lessons.classroom.judging import NotYet, as_number, call
from srgan_lessons.models import Generator

# --- saving ----------------------------------------------------------------------------------------------------------

KEYS = ("network", "optimizer", "step")


def judge_checkpoint(candidate) -> None:
    network, optimizer = _trained(3)
    untouched, moments = copy.deepcopy(network), copy.deepcopy(optimizer.state_dict())
    state = call(candidate, network, optimizer, 3)
    _name_content(state, network, optimizer)
    if not network.training or not torch.equal(weights_of(network), weights_of(untouched)):
        raise NotYet("Saving has changed the network, its mode or its weights. Training goes on after a checkpoint.")
    then = copy.deepcopy(state)
    _go_on(network, optimizer, 3, 5)
    for part, why in (("network", "state_dict() gives"), ("optimizer", "the optimiser's state_dict() gives")):
        if not _same(state[part], then[part]):
            raise NotYet(
                f'Training went on, and state["{part}"] changed with it: {why} the very tensors that training writes '
                "to, not copies, and a dict's copy() still shares them. Copy all of it: copy.deepcopy."
            )
    try:
        stored = io.BytesIO()
        torch.save(then, stored)
        stored.seek(0)
        then = torch.load(stored, weights_only=True)
    except Exception as error:
        raise NotYet(
            f"torch.save and torch.load(weights_only=True) do not bring it back ({type(error).__name__}). Keep state "
            "dicts of tensors and numbers, no objects of classes."
        ) from error
    if not _same(then["optimizer"]["state"], moments["state"]) or not _same(then["network"], untouched.state_dict()):
        raise NotYet("What is saved is not what was there: some numbers are missing, rounded or of another type.")
    resumed, its_optimizer = _untrained()
    resumed.load_state_dict(then["network"])
    its_optimizer.load_state_dict(then["optimizer"])
    _go_on(resumed, its_optimizer, 3, 5)
    if not _same(resumed.state_dict(), network.state_dict()):
        raise NotYet("A run that goes on from it does not end with the same bits as the run that was never stopped.")


def _name_content(state: Any, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    if state is None:
        raise NotYet("The result is None. Is the `return` missing?")
    if not isinstance(state, dict):
        raise NotYet(
            f'The result is of type {type(state).__name__}. Return a dict with "network", "optimizer", "step".'
        )
    if set(network.state_dict()) <= set(state):
        raise NotYet(
            "These are the weights alone. Without Adam's moments and the step the run that goes on is another run. "
            'Return a dict with "network", "optimizer", "step".'
        )
    lost = {
        "network": "without it there is nothing to go on with",
        "optimizer": "Adam would begin with empty moments, and jump",
        "step": "the crops would begin again from the first, and so would the learning rate",
    }
    for key in KEYS:
        if key not in state:
            raise NotYet(f'There is no "{key}" in it: {lost[key]}. It has: {", ".join(map(repr, state)) or "nothing"}.')
    for key, thing in (("network", nn.Module), ("optimizer", torch.optim.Optimizer)):
        if isinstance(state[key], thing):
            raise NotYet(
                f'state["{key}"] is the {type(state[key]).__name__} itself: it goes on changing, and only this code '
                "can read it again. Keep its state_dict()."
            )
    if not isinstance(state["network"], dict):
        raise NotYet('state["network"] must be the network\'s state_dict().')
    missing = sorted(set(network.state_dict()) - set(state["network"]))
    if any("running" in name for name in missing):
        raise NotYet(
            f"The weights are there, BatchNorm's running statistics are not ({missing[0]} ...). They are buffers, not "
            "parameters: state_dict() has both."
        )
    if missing:
        raise NotYet(f'state["network"] lacks {missing[0]} and {len(missing) - 1} more. Keep all of state_dict().')
    kept = state["optimizer"]
    if not isinstance(kept, dict) or set(kept) != {"state", "param_groups"}:
        raise NotYet(
            'state["optimizer"] must be the optimiser\'s state_dict(): the moments ("state") and the settings '
            '("param_groups"), both of them.'
        )
    if as_number(state["step"], "the step") != 3:
        raise NotYet(f'3 updates were made, and state["step"] says {state["step"]}. Keep the step as it is given.')


# --- and going on ----------------------------------------------------------------------------------------------------


def judge_restore(candidate) -> None:
    network, optimizer = _trained(3)
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": 3}
    state = copy.deepcopy(state)
    resumed, its_optimizer = _untrained()
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
    _go_on(resumed, its_optimizer, 3, 5)
    _go_on(network, optimizer, 3, 5)
    if not _same(resumed.state_dict(), network.state_dict()):
        raise NotYet(
            "Two updates later the weights are not those of the run that was never stopped. Has the optimiser taken "
            "over everything, and does it still move this network's weights?"
        )


def _name_loss_of_state(state: dict, network: nn.Module, optimizer: torch.optim.Optimizer, parameters: list) -> None:
    """What did not arrive, in the network and the optimiser that were given?"""
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
    if not _same(dict(network.named_buffers()), {name: there[name] for name, _ in network.named_buffers()}):
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
    if not _same(optimizer.state_dict()["state"], state["optimizer"]["state"]):
        raise NotYet("Adam's moments, or its count of steps, are not those of the checkpoint.")


# --- runs to save and to compare with --------------------------------------------------------------------------------


def _untrained() -> tuple[Generator, torch.optim.Adam]:
    """What a new session begins with: other first weights, another learning rate."""
    network = small_network(seed=2)
    return network, torch.optim.Adam(network.parameters(), lr=5e-4)


def _trained(updates: int) -> tuple[Generator, torch.optim.Adam]:
    network = small_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    _go_on(network, optimizer, 0, updates)
    return network, optimizer


def _go_on(network: nn.Module, optimizer: torch.optim.Optimizer, first: int, last: int) -> None:
    for step in range(first, last):
        update(network, optimizer, *batch_of(step))


def _same(a: Any, b: Any) -> bool:
    """Whether two nested states hold the same bits."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and np.array_equal(a, b)
