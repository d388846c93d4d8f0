"""Explains wrong answers in which a judge recognises no usual mistake, with a general mistake or a small example.

A judge first tries the usual mistakes of its exercise (`naming.recognise`). All other wrong answers come here, and the
learner gets an example that is small enough to follow by hand.
"""

import inspect
import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import NotYet


def show_smallest(
    candidate: Callable,
    reference: Callable,
    cases: Iterable[tuple],
    *,
    place: str = "",
    advice: str = "",
    within: float = 1e-5,
) -> None:
    """Raises NotYet if `candidate` differs from `reference` on one of the cases, and shows the first such case.

    cases: the arguments of each call, the smallest first. place: which part is wrong; the message begins with it.
    advice: what to look at; the message ends with it. If there is no `place`, but one general mistake explains all
    differences, such as a factor or two arguments in the wrong order, the message begins with that mistake.
    """
    cases = list(cases)
    try:
        found = [_plain(call(candidate, *case)) for case in cases]
    except NotYet:
        raise
    except Exception:  # the task does not ask for such small cases: the judge describes a larger one
        return
    right = [_plain(reference(*case)) for case in cases]
    wrong = [k for k in range(len(cases)) if not _equal(found[k], right[k], within)]
    if not wrong:
        return
    parts = [place or _swapped(reference, cases, found, within) or _related(found, right, within)]
    k = wrong[0]
    given, expected = _texts(found[k], right[k], within)
    called = f"{reference.__name__}({', '.join(map(_text, cases[k]))})"
    parts += [f"The smallest example that differs: {called} gives {given}; {expected} is expected.", advice]
    raise NotYet(" ".join(part for part in parts if part))


# --- mistakes that any function may have -----------------------------------------------------------------------------


def _swapped(reference: Callable, cases: list[tuple], found: list, within: float) -> str:
    """Names two arguments if swapping them explains all results; otherwise returns an empty string."""
    names = list(inspect.signature(reference).parameters)
    for i, j in itertools.combinations(range(len(names)), 2):
        try:
            with warnings.catch_warnings(action="ignore"):  # they would show a line of the reference to the learner
                swapped = [_plain(reference(*_exchanged(case, i, j))) for case in cases]
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
            continue  # these two cannot be swapped
        if all(_equal(a, b, within) for a, b in zip(found, swapped, strict=True)):
            return f"`{names[i]}` and `{names[j]}` have changed places."
    return ""


def _exchanged(case: tuple, i: int, j: int) -> tuple:
    exchanged = list(case)
    exchanged[i], exchanged[j] = case[j], case[i]
    return tuple(exchanged)


def _related(found: list, right: list, within: float) -> str:
    """A sentence on how all results follow from the right ones; empty if they do not, or if that could be chance."""
    arrays = all(isinstance(value, np.ndarray) and value.dtype.kind in "biuf" for value in (*found, *right))
    if not arrays or any(a.shape != b.shape for a, b in zip(found, right, strict=True)):
        return ""
    f, r = (np.concatenate([value.astype(float).ravel() for value in values]) for values in (found, right))
    if len(np.unique(r[r != 0].round(9))) < 3 or not np.isfinite(f).all() or not np.isfinite(r).all():
        return ""

    def is_now(outcome: np.ndarray) -> bool:
        return bool(np.allclose(f, outcome, rtol=0, atol=within))

    if is_now(-r):
        return "The sign is reversed."
    if (r < 0).any() and is_now(np.abs(r)):
        return "Negative numbers have lost their sign."
    if (r < 0).any() and is_now(r.clip(0)):
        return "Negative numbers are cut off at 0."
    if (r > 1).any() and is_now(r.clip(max=1)):
        return "Numbers above 1 are cut off at 1."
    times = f[r != 0] / r[r != 0]
    if np.abs(f).max() > within and f"{times.mean():.4g}" != "1" and is_now(times.mean() * r):
        return f"Every number is {times.mean():.4g} times what is expected."
    if np.ptp(f - r) <= within:
        return f"Every number is {abs((f - r).mean()):.4g} too {'large' if f[0] > r[0] else 'small'}."
    for digits in range(4):
        if is_now(r.round(digits)):
            to = f"{digits} digit{'s' if digits > 1 else ''}" if digits else "whole numbers"
            return f"The numbers are rounded to {to}. Return them as they are."
    if is_now(np.trunc(r)):
        return "The fractions are cut off. Is it an array of whole numbers?"
    if is_now(r**2):
        return "The result is squared once too often."
    if (r >= 0).all() and is_now(r**0.5):
        return "This is the square root of what is expected."
    if all(_equal(a, b.T, within) for a, b in zip(found, right, strict=True)):
        return "Rows and columns have changed places."
    if all(a.ndim and _equal(a, b[::-1], within) for a, b in zip(found, right, strict=True)):
        return "The numbers are in reverse order."
    if all(_equal(np.sort(a, None), np.sort(b, None), within) for a, b in zip(found, right, strict=True)):
        return "The numbers are right, but they are in the wrong places."
    return ""


# --- values, compared and shown --------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """Numbers, tensors and lists of numbers as arrays; anything else as it is."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if value is None or isinstance(value, str | set | frozenset | Mapping):
        return value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return value
    return array if array.dtype.kind in "biuf" else value


def _equal(a: Any, b: Any, within: float) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and bool(
            np.allclose(a.astype(float), b.astype(float), rtol=0, atol=within, equal_nan=True)
        )
    return type(a) is type(b) and bool(a == b)


def _texts(a: Any, b: Any, within: float) -> tuple[str, str]:
    """Two results as strings, with at least four digits, and with more if the strings would otherwise be equal."""
    for digits in range(4, 17):
        one, other = _text(a, digits), _text(b, digits)
        if one != other:
            return one, other
    return repr(a), repr(b)


def _text(value: Any, digits: int = 4) -> str:
    """A value as a learner would write it. For a large array, it is the shape, and the number if all are equal."""
    value = _plain(value)
    if isinstance(value, torch.nn.Module):
        return "the identity" if isinstance(value, torch.nn.Identity) else "a network"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_text(part, digits)}" for key, part in value.items()) + "}"
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.size > 4 and value.min() == value.max():
        return f"{value.shape} all {_number(value.flat[0], digits)}"
    if value.size > 40:
        return f"an array of shape {value.shape}"
    return _nested(value.tolist(), digits)


def _nested(value: Any, digits: int) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_nested(part, digits) for part in value) + "]"
    return _number(value, digits)


def _number(value: Any, digits: int) -> str:
    return str(value) if isinstance(value, bool | int | np.bool_ | np.integer) else f"{value:.{digits}g}"
