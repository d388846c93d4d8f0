"""Exercise 4.4: what a checkpoint holds."""

import copy
import io
from typing import Any

import torch
from torch import nn

from srgan_lessons.exercises.calling import call, why_none
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.reading import as_number
from srgan_lessons.exercises.shared.updates import go_on, same_bits, trained, untrained, weights_of


def checkpoint(network, optimizer, step):
    # SOLUTION
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    return copy.deepcopy(state)
    # STUB
    # state = ...  # 1. a dict with "network", "optimizer" and "step"
    # return ...  # 2. must stay as it is while training goes on
    # END


KEYS = ("network", "optimizer", "step")


def judge(candidate) -> None:
    network, optimizer = trained(3)
    untouched, moments = copy.deepcopy(network), copy.deepcopy(optimizer.state_dict())
    state = call(candidate, network, optimizer, 3)
    _name_content(state, network, optimizer)
    if not network.training or not torch.equal(weights_of(network), weights_of(untouched)):
        raise NotYet("Saving has changed the network, its mode or its weights. Training goes on after a checkpoint.")
    if not same_bits(optimizer.state_dict()["state"], moments["state"]):
        raise NotYet("Saving has changed the optimiser: Adam's moments are not what they were, but training goes on.")
    then = copy.deepcopy(state)
    go_on(network, optimizer, 3, 5)
    for part, why in (("network", "state_dict() gives"), ("optimizer", "the optimiser's state_dict() gives")):
        if not same_bits(state[part], then[part]):
            raise NotYet(
                f'Training went on, and state["{part}"] changed with it: {why} the very tensors that training changes, '
                "not copies, and a dict's copy() still shares them. Copy everything with copy.deepcopy."
            )
    try:
        stored = io.BytesIO()
        torch.save(then, stored)
        stored.seek(0)
        then = torch.load(stored, weights_only=True)
    except Exception as error:
        raise NotYet(
            f"torch.save and torch.load(weights_only=True) do not bring it back ({type(error).__name__}). Keep state "
            "dicts of tensors and numbers, with no numpy arrays and no other objects."
        ) from error
    if not same_bits(then["optimizer"]["state"], moments["state"]) or not same_bits(
        then["network"], untouched.state_dict()
    ):
        _name_changed(then, untouched, moments)
        raise NotYet("What is saved is not what was there: some numbers are missing, rounded or of another type.")
    resumed, its_optimizer = untrained()
    resumed.load_state_dict(then["network"])
    its_optimizer.load_state_dict(then["optimizer"])
    go_on(resumed, its_optimizer, 3, 5)
    if not same_bits(resumed.state_dict(), network.state_dict()):
        raise NotYet(
            "A run that continues from this state does not end with the same bits as the run that was never stopped."
        )


def _name_changed(then: dict, network: nn.Module, moments: dict) -> None:
    """Raises NotYet, which says what in a checkpoint has changed."""
    for name, tensor in network.state_dict().items():
        kept = then["network"][name]
        kind = str(getattr(kept, "dtype", type(kept).__name__)).removeprefix("torch.")
        if kind != str(tensor.dtype).removeprefix("torch."):
            raise NotYet(
                f"{name} is saved as {kind}, but was {str(tensor.dtype).removeprefix('torch.')}: rounded numbers do "
                "not lead to the same weights. Keep the tensors as they are."
            )
        if not same_bits(kept, tensor):
            raise NotYet(f"The numbers in {name} are not those of the network. Keep the tensors as they are.")
    if not then["optimizer"]["state"]:
        raise NotYet(
            'state["optimizer"]["state"] is empty: Adam\'s moments are lost. Keep all of the optimiser\'s state_dict().'
        )
    raise NotYet("Adam's moments are not what they were. Keep all of the optimiser's state_dict(), as it is.")


def _name_content(state: Any, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    if state is None:
        raise NotYet(f"The result is None. {why_none()}")
    if not isinstance(state, dict):
        raise NotYet(
            f'The result is of type {type(state).__name__}. Return a dict with "network", "optimizer", "step".'
        )
    if set(network.state_dict()) <= set(state):
        raise NotYet(
            "These are only the weights. Without Adam's moments and the step, the run that continues is a different "
            "run. "
            'Return a dict with "network", "optimizer", "step".'
        )
    if not all(isinstance(key, str) for key in state):
        raise NotYet('The keys must be strings: write "network", "optimizer" and "step", with quotes.')
    lost = {
        "network": "without it, there is nothing to continue with",
        "optimizer": "Adam would begin without its moments, and jump",
        "step": "crops and learning rate would begin again at update 0",
    }
    for key in KEYS:
        if key not in state:
            raise NotYet(f'The state has no "{key}": {lost[key]}. It has: {", ".join(map(repr, state)) or "nothing"}.')
    for key, thing in (("network", nn.Module), ("optimizer", torch.optim.Optimizer)):
        if isinstance(state[key], thing):
            raise NotYet(
                f'state["{key}"] is the {type(state[key]).__name__} itself: it keeps changing, and only this code can '
                "read it again. Keep its state_dict()."
            )
        if callable(state[key]):
            raise NotYet(
                f'state["{key}"] is a method, not what it returns: the brackets are missing. Call it: '
                f"{'network' if key == 'network' else 'optimizer'}.state_dict()."
            )
    if not isinstance(state["network"], dict):
        raise NotYet('state["network"] must be the network\'s state_dict().')
    if "param_groups" in state["network"]:
        raise NotYet(
            "The states of the network and of the optimiser have changed places: each belongs under its own name."
        )
    missing = sorted(set(network.state_dict()) - set(state["network"]))
    if any("running" in name for name in missing) and not set(missing) & set(dict(network.named_parameters())):
        raise NotYet(
            f"The weights are there, but BatchNorm's running statistics are not ({missing[0]} ...). They are buffers, "
            "not parameters: state_dict() has both."
        )
    if missing:
        empty = "" if state["network"] else " It is empty: the tensors of a state dict have requires_grad False."
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise NotYet(f'state["network"] lacks {missing[0]}{more}.{empty} Keep all of state_dict().')
    kept = state["optimizer"]
    if not isinstance(kept, dict) or set(kept) != {"state", "param_groups"}:
        raise NotYet(
            'state["optimizer"] must be the optimiser\'s state_dict(): the moments ("state") and the settings '
            '("param_groups"), both of them.'
        )
    if as_number(state["step"], "the step") != 3:
        raise NotYet(f'3 updates were made, but state["step"] says {state["step"]}. Keep the step as it is given.')


EXERCISE = Exercise(
    name="checkpoint",
    lesson=4,
    place=4,
    title="what a checkpoint holds",
    difficulty="medium",
    minutes=7,
    reference=checkpoint,
    judge=judge,
    hints=(
        "What does the next update depend on? It depends on the weights, on what the optimiser remembers, and on "
        "which crops come next.",
        "Both the network and the optimiser have state_dict(). But a state dict holds the tensors themselves, not "
        "copies.",
        'state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}; then '
        "return copy.deepcopy(state).",
    ),
    mistakes=(
        Mistake("no copies", says="not copies", ask="Go on training. What does the checkpoint hold now?"),
        Mistake(
            "parameters instead of the state dict",
            says="running statistics are not",
            ask="What does BatchNorm keep that is not a parameter?",
        ),
    ),
)
