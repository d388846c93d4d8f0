"""How judges call what a student wrote."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srgan_lessons.exercises.exercise import NotYet


def call(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """function(*args, **kwargs), on copies of arrays and tensors, so that an answer cannot change the judge's own.

    Judges call a student's functions, classes and modules through this: what goes wrong inside is then reported as the
    student's, with the student's line. Modules and optimisers are passed as they are. What comes back, and what was
    passed, is on the CPU afterwards: an answer may compute on any device, and the judges compare here.
    """
    result = function(*map(_copied, args), **{key: _copied(value) for key, value in kwargs.items()})
    on_cpu([args, kwargs])
    return on_cpu(result)


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor) and not isinstance(value, torch.nn.Parameter):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    return value


def on_cpu(value: Any) -> Any:
    """`value` on the CPU: a tensor with its graph, what a list, tuple or dict holds; modules and optimisers in place.

    What is there already stays the same object. Raises NotYet for tensors without numbers, of the device "meta".
    """
    if isinstance(value, Tensor):
        if value.device.type == "meta":
            raise NotYet('There is a tensor on the device "meta": it has a shape, and no numbers.')
        return value.cpu()
    if isinstance(value, torch.nn.Module):
        if any(tensor.device.type != "cpu" for tensor in (*value.parameters(), *value.buffers())):
            value.cpu()
    elif isinstance(value, torch.optim.Optimizer):
        for state in value.state.values():
            state.update(on_cpu(dict(state)))
    elif isinstance(value, dict):
        moved = {key: on_cpu(part) for key, part in value.items()}
        if any(moved[key] is not value[key] for key in moved):
            return moved
    elif type(value) in (list, tuple):
        moved = [on_cpu(part) for part in value]
        if any(new is not old for new, old in zip(moved, value, strict=True)):
            return type(value)(moved)
    return value
