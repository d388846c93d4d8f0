"""Functions that check and convert what an answer returned."""

import inspect
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srgan_lessons.exercises.calling import why_none
from srgan_lessons.exercises.exercise import NotDone, NotYet


def as_number(value: Any, what: str = "the result") -> float:
    """`value` as a float: a number, or an array or tensor that holds exactly one. Raises NotYet for anything else."""
    array = as_array(value, what=what)
    if array.size != 1:
        raise NotYet(f"{_capital(what)} is an array of shape {array.shape}; one number is expected.")
    return float(array.reshape(()))


def as_array(value: Any, shape: tuple[int, ...] | None = None, what: str = "the result") -> np.ndarray:
    """`value` as an array of real, finite numbers of that shape. Otherwise raises NotYet, which says what `value` is.

    Arrays keep their dtype; tensors are taken from any device and without their gradient.
    """
    if value is None:
        raise NotYet(f"{_capital(what)} is None. {why_none()}")
    if value is ...:
        raise NotDone(f"{_capital(what)} is `...`, the placeholder.")
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy() if value.dtype != torch.bfloat16 else value.detach().float().cpu().numpy()
    if isinstance(value, numbers.Real) and not isinstance(value, np.generic):
        value = float(value)  # a Fraction, too
    try:
        array = np.asarray(value)
    except (RuntimeError, TypeError, ValueError):  # RuntimeError: a tuple of tensors that need a gradient
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        called = " Are the brackets () missing that call it?" if inspect.isroutine(value) else ""
        raise NotYet(f"{_capital(what)} is of type {type(value).__name__}; numbers are expected.{called}")
    if shape is not None and array.shape != tuple(shape):
        raise NotYet(f"{_capital(what)} has the shape {array.shape}; {tuple(shape)} is expected.")
    if not np.isfinite(array).all():
        raise NotYet(f"{_capital(what)} contains NaN or infinity.")
    return array


def as_tensor(value: Any, shape: tuple[int, ...] | None = None, what: str = "the result") -> Tensor:
    """`value`, with its gradient, if it is a tensor of real, finite numbers of that shape. Otherwise raises NotYet."""
    as_array(value, shape, what)
    if not isinstance(value, Tensor):
        raise NotYet(f"{_capital(what)} is of type {type(value).__name__}; a tensor is expected.")
    return value


def finite(read: Callable, value: Any, how: Any, *, says: str) -> Any:
    """Calls read(value, how). If the value contains NaN or infinity, raises NotYet with the message `says`."""
    try:
        return read(value, how)
    except NotYet as error:
        raise NotYet(says if "NaN" in str(error) else str(error)) from error


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
