"""Answers to exercise checkpoint as students write them, and its reference against numbers from outside."""

import copy
import io

import torch
from answers import Answers

from srgan_lessons.exercises.lesson04.checkpoint import checkpoint

answers = Answers(
    "checkpoint",
    sentences="""
`checkpoint(network, optimizer, step)` -- its signature
`step` counts the updates made :: step plus one
a dict with the keys `"network"`, `"optimizer"` and `"step"` :: other key; no optimizer; tuple
`torch.load(..., weights_only=True)` can read :: modules; optimizer itself
state dicts and a number :: parameters list; only parameters, no buffers
It must not change when training goes on :: no copy; shallow; only network copied
`copy` is imported -- a hint
""",
)


@answers.right
def through_a_file(network, optimizer, step):
    file = io.BytesIO()
    torch.save({"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@answers.right
def cloned_by_hand(network, optimizer, step):
    moments = optimizer.state_dict()
    return {
        "recipe": "srresnet-mse",
        "step": torch.tensor(step),
        "network": {name: value.detach().clone() for name, value in network.state_dict().items()},
        "optimizer": {
            "state": {i: {k: v.clone() for k, v in s.items()} for i, s in moments["state"].items()},
            "param_groups": [dict(group) for group in moments["param_groups"]],
        },
    }


@answers.wrong(says="not copies")
def references_only(network, optimizer, step):
    return {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}


@answers.wrong(says='state["network"] changed with it')
def shallow_copy(network, optimizer, step):
    return {"network": dict(network.state_dict()), "optimizer": copy.deepcopy(optimizer.state_dict()), "step": step}


@answers.wrong(says='state["optimizer"] changed with it')
def network_copied_alone(network, optimizer, step):
    return {"network": copy.deepcopy(network.state_dict()), "optimizer": optimizer.state_dict(), "step": step}


@answers.wrong(says="only the weights")
def weights_alone(network, optimizer, step):
    return copy.deepcopy(network.state_dict())


@answers.wrong(says="Adam would begin without its moments")
def no_optimiser(network, optimizer, step):
    return copy.deepcopy({"network": network.state_dict(), "step": step})


@answers.wrong(says="crops and learning rate would begin again")
def no_position(network, optimizer, step):
    return copy.deepcopy({"network": network.state_dict(), "optimizer": optimizer.state_dict()})


@answers.wrong(says="running statistics are not")
def parameters_only(network, optimizer, step):
    return copy.deepcopy(
        {"network": dict(network.named_parameters()), "optimizer": optimizer.state_dict(), "step": step}
    )


@answers.wrong(says="is the Generator itself")
def the_network_itself(network, optimizer, step):
    return copy.deepcopy({"network": network, "optimizer": optimizer.state_dict(), "step": step})


@answers.wrong(says='the moments ("state") and the settings')
def settings_without_moments(network, optimizer, step):
    return copy.deepcopy({"network": network.state_dict(), "optimizer": optimizer.param_groups[0], "step": step})


@answers.wrong(says="Keep the step as it is given")
def one_too_many(network, optimizer, step):
    return checkpoint(network, optimizer, step + 1)


@answers.wrong(says="left in evaluation mode")
def left_in_evaluation(network, optimizer, step):
    network.eval()
    return checkpoint(network, optimizer, step)


@answers.wrong(says="rounded")
def in_half_precision(network, optimizer, step):
    state = checkpoint(network, optimizer, step)
    state["network"] = {name: value.half() for name, value in state["network"].items()}
    return state


@answers.wrong(says="no other objects")
def as_arrays(network, optimizer, step):
    state = checkpoint(network, optimizer, step)
    return state | {"network": {name: value.numpy() for name, value in state["network"].items()}}


@answers.wrong(says="lacks tail.weight. Keep all of state_dict().")
def one_weight_left_out(network, optimizer, step):
    state = checkpoint(network, optimizer, step)
    del state["network"]["tail.weight"]
    return state


TestAnswers = answers.tests()
