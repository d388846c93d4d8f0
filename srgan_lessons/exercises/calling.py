"""Calls what a student wrote, on copies, and checks that it leaves its arguments as they were."""

import dis
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srgan_lessons.exercises.exercise import NotYet

last_called: list[Callable] = []  # at most one: the function whose result a judge is reading


def call(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Calls function(*args, **kwargs) on copies of tensors, arrays, lists and dicts, so that the judge keeps its own.

    Judges call a student's functions, classes and modules through this. An error inside them is then reported as the
    student's, with the line of the student's code. Modules and optimisers are passed as they are. Afterwards, the
    arguments and the result are on the CPU: an answer may compute on any device, but the judges compare on the CPU.

    Raises NotYet if the answer has changed its arguments, because its caller may still need them.
    """
    return call_as_it_is(function, *map(_copied, args), **{key: _copied(value) for key, value in kwargs.items()})


def call_as_it_is(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Like `call`, but on the judge's own tensors: for judges that examine the graph of these tensors."""
    last_called[:] = [function]
    before = [_noted(value) for value in (*args, *kwargs.values())]
    result = function(*args, **kwargs)
    for place, (then, now) in enumerate(zip(before, (*args, *kwargs.values()), strict=True)):
        if isinstance(now, torch.nn.Module):
            _check_network(then, now, _name(function, place, kwargs))
        elif not _as_noted(then, now):
            name = _name(function, place, kwargs)
            raise NotYet(f"It changes one of its arguments: {_changed_gradient(then, now, name) or _changed(name)}")
    on_cpu([args, kwargs])
    return on_cpu(result)


def why_none() -> str:
    """Why the function that was called last probably returned None: "Is the `return` missing?"."""
    function = last_called[0] if last_called else None
    function = function.forward if isinstance(function, torch.nn.Module) else function
    code = getattr(inspect.unwrap(function) if callable(function) else None, "__code__", None)
    if code is None:
        return "Is the `return` missing?"
    found, before = False, None
    for step in dis.get_instructions(code):
        constant = step if step.opname == "RETURN_CONST" else before
        if step.opname.startswith("RETURN_") and constant is not None:
            found |= not (constant.opname in ("RETURN_CONST", "LOAD_CONST") and constant.argval is None)
        before = step
    if not found:
        return "Is the `return` missing?"
    return (
        "There is a `return`. Either it was not reached (does one branch lack its own, or is it indented too far, "
        "inside an if or a loop?), or what it returned was None."
    )


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor) and not isinstance(value, torch.nn.Parameter):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    if type(value) is dict:
        return {key: _copied(part) for key, part in value.items()}
    return value


# --- the guard -------------------------------------------------------------------------------------------------------


def _changed(name: str) -> str:
    return (
        f"{name} is not the same afterwards, but the caller may still need it. Leave it as it is: give the new value a "
        "new name, or work on a copy. (x -= 1, x[...] = 1, x.sort(), x.pop(), and methods whose names end in _, as in "
        "x.add_(1), change x itself.)"
    )


def _changed_gradient(then: Any, now: Any, name: str) -> str:
    """What to say if a tensor keeps its numbers, but its requires_grad or its grad has changed; otherwise ""."""
    if not isinstance(now, Tensor) or not _same_numbers(then[0], now):
        return ""
    _, wanted, graph, gradient = then
    if not wanted and now.requires_grad:
        return (
            f"{name} requires a gradient afterwards, but did not before. x.requires_grad_() and x.requires_grad = True "
            "change the caller's own tensor. If you need a gradient with respect to it, take "
            "x.detach().requires_grad_(), a new tensor with the same numbers."
        )
    if now.requires_grad == wanted and now.grad_fn is graph and not _same_gradient(gradient, now):
        return (
            f"{name} has a gradient in .grad afterwards, which would be added to the caller's own. Was backward() "
            "called? torch.autograd.grad(loss, x) returns a gradient without storing it."
        )
    return ""


def _noted(value: Any) -> Any:
    """What must stay the same. For a tensor: its numbers, its requires_grad, its place in the graph, and its grad."""
    if isinstance(value, Tensor):
        return value.detach().clone(), value.requires_grad, value.grad_fn, _gradient(value)
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, torch.nn.Module):
        return (
            [(module, module.training) for module in value.modules()],
            [(parameter, parameter.requires_grad) for parameter in value.parameters()],
        )
    if isinstance(value, list | tuple):
        return [(part, _noted(part)) for part in value]
    if isinstance(value, Mapping):
        return [(key, part, _noted(part)) for key, part in value.items()]
    return None


def _as_noted(then: Any, now: Any) -> bool:
    if isinstance(now, Tensor):
        numbers, wanted, graph, gradient = then
        kept = now.requires_grad == wanted and now.grad_fn is graph and _same_gradient(gradient, now)
        return kept and _same_numbers(numbers, now)
    if isinstance(now, np.ndarray):
        return then.shape == now.shape and np.array_equal(then, now, equal_nan=now.dtype.kind in "fc")
    if isinstance(now, list | tuple):
        return len(then) == len(now) and all(
            part is mine and _as_noted(noted, mine) for (part, noted), mine in zip(then, now, strict=True)
        )
    if isinstance(now, Mapping):
        return [key for key, *_ in then] == list(now) and all(
            part is now[key] and _as_noted(noted, part) for key, part, noted in then
        )
    return True


def _same_numbers(numbers: Tensor, now: Tensor) -> bool:
    same = numbers.shape == now.shape and numbers.dtype == now.dtype and now.device == numbers.device
    return same and bool(torch.isclose(numbers, now.detach(), rtol=0, atol=0, equal_nan=True).all())


def _gradient(value: Tensor) -> Tensor | None:
    """A copy of what backward() has left in a tensor; None if that is nothing. Only a leaf of the graph keeps it."""
    return value.grad.clone() if value.is_leaf and value.grad is not None else None


def _same_gradient(gradient: Tensor | None, now: Tensor) -> bool:
    current = _gradient(now)
    if gradient is None or current is None:
        return gradient is current
    return _same_numbers(gradient, current)


def _check_network(then: tuple[list, list], now: torch.nn.Module, name: str) -> None:
    """Raises NotYet if the layers of a network, its mode or its frozen weights are not those that it came with.

    Its numbers may change, as in training.
    """
    modules, parameters = then
    if [module for module, _ in modules] != list(now.modules()):
        raise NotYet(f"{name} has different layers afterwards: some are gone, new or replaced. Leave them as they are.")
    if frozen := [wanted for parameter, wanted in parameters if parameter.requires_grad != wanted]:
        raise NotYet(
            f"{name} is left frozen: requires_grad is False afterwards, so a later step could not move its weights. Do "
            "not freeze it, or unfreeze it at the end."
            if frozen[0]
            else f"You change the caller's network: {name} comes frozen, and must stay frozen. Leave out "
            "requires_grad_()."
        )
    if changed := [module for module, training in modules if module.training != training]:
        is_now, was = ("training", "evaluation") if changed[0].training else ("evaluation", "training")
        raise NotYet(
            f"The network is left in {is_now} mode: {name} was given in {was} mode. Leave the mode as it is, or set it "
            "back."
        )


def _name(function: Callable, place: int, kwargs: Mapping[str, Any]) -> str:
    """The name of an argument in the student's code: "`photo`"."""
    called = function.forward if isinstance(function, torch.nn.Module) else function
    try:
        names = list(inspect.signature(called).parameters)
    except (TypeError, ValueError):
        return "its input"
    names = [*names[: max(0, len(names) - len(kwargs))], *kwargs] if kwargs else names
    return f"`{names[place]}`" if place < len(names) else "its input"


# --- devices ---------------------------------------------------------------------------------------------------------


def on_cpu(value: Any) -> Any:
    """`value` on the CPU. A tensor keeps its graph; the contents of a list, tuple or dict are moved, too.

    Modules and optimisers are moved in place. Anything that is already on the CPU stays the same object.
    Raises NotYet for tensors on the device "meta", which have no numbers.
    """
    if isinstance(value, Tensor):
        if value.device.type == "meta":
            raise NotYet('There is a tensor on the device "meta": it has a shape, but no numbers.')
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
        parts = [on_cpu(part) for part in value]
        if any(new is not old for new, old in zip(parts, value, strict=True)):
            return type(value)(parts)
    return value
