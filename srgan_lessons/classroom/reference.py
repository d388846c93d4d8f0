"""The reference that `check` hands on, marked so that it is recognised, whatever a learner does with it.

If an answer is wrong, the lesson goes on with the reference under the name of the learner's answer. So if a check cell
is run a second time, it is given the reference, and must not mistake it for an answer.

Functions and classes are handed on as copies that count how often they run. So code that calls one, wraps it or
inherits from it is detected while it is judged; the judges' own use of the reference does not count. A value is handed
on as an object of a subclass of its type, and so is each of its parts.
"""

import functools
import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from srgan_lessons.exercises import all_exercises
from srgan_lessons.exercises.exercise import KINDS, Exercise

runs: Counter[str] = Counter()  # name of an exercise -> how often its reference has run in a learner's code

OWN = "Write your own in the cell above and run both cells."


def handed_on(exercise: Exercise) -> Any:
    """The reference, marked. A function or class is the same object in every call; a value is a new object."""
    if inspect.isclass(exercise.reference):
        made: Any = _counting_class  # functools.cache needs to know that a class can be hashed
        return made(exercise.name, exercise.reference)
    if exercise.takes_a_call:
        return _counting(exercise.name, exercise.reference)
    return marked(exercise.name, exercise.reference)


def whose(exercise: Exercise, candidate: Any) -> str:
    """A sentence that says why an answer is not the learner's own; "" if it may be.

    The reference is not the learner's own, nor is anything else from this package. For functions and classes, this
    looks at where their code is; `runs` detects code that calls them.
    """
    if not exercise.takes_a_call:
        ours = "the course's reference" if _holds_mark(exercise.name, candidate) else ""
    elif not _is_ours(candidate):
        ours = ""
    elif candidate.__module__.startswith(("srgan_lessons.classroom.", "srgan_lessons.exercises.")):
        ours = "the course's reference"
    else:
        return f"This name refers to {candidate.__module__}.{candidate.__qualname__}, from the package. {OWN}"
    return f"This name refers to {ours}, handed on so that the lesson can go on. {OWN}" if ours else ""


def _is_ours(candidate: Any) -> bool:
    """True for a function or class of this package. For functions, the globals decide; wraps can copy all the rest."""
    if inspect.isclass(candidate):
        return candidate.__module__.startswith("srgan_lessons.")
    return inspect.isfunction(candidate) and candidate.__globals__.get("__name__", "").startswith("srgan_lessons.")


# --- functions and classes -------------------------------------------------------------------------------------------


@functools.cache
def _counting(name: str, function: Callable) -> Callable:
    @functools.wraps(function)
    def handed(*args: Any, **kwargs: Any) -> Any:
        runs[name] += 1
        return function(*args, **kwargs)

    handed.__module__ = __name__  # where pickle finds it again, by __getattr__
    return handed


@functools.cache
def _counting_class(name: str, reference: type) -> type:
    """A subclass whose methods count their calls, because an object may outlive the cell that made it."""
    methods = {key: _counting(name, value) for key, value in vars(reference).items() if inspect.isfunction(value)}
    return type(reference)(name, (reference,), {"__doc__": reference.__doc__, "__module__": __name__, **methods})


def __getattr__(name: str) -> Any:
    """Where pickle looks when it reads a function or class that was handed on."""
    if name in all_exercises():
        return handed_on(all_exercises()[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# --- values ----------------------------------------------------------------------------------------------------------


class Mark:
    """Mixed into the type of a value that was handed on. exercise: its name; kind: the type without the mark."""

    exercise: str
    kind: type


def marked(name: str, value: Any) -> Any:
    """A copy of a value, marked together with its parts. A type that is not in KINDS, such as bool, is not marked."""
    kind = value.kind if isinstance(value, Mark) else type(value)
    if kind is dict:
        value = {key: marked(name, part) for key, part in value.items()}
    elif kind in (list, tuple, set):
        value = [marked(name, part) for part in value]
    elif kind is np.ndarray:
        return np.array(value).view(_marked_kind(name, kind))
    elif kind is Tensor:
        return value.clone().as_subclass(_marked_kind(name, kind))
    return _marked_kind(name, kind)(value) if kind in KINDS else value


@functools.cache
def _marked_kind(name: str, kind: type) -> type:
    plain: Any = {np.ndarray: np.array, Tensor: lambda tensor: tensor.as_subclass(Tensor)}.get(kind, kind)
    fields = {
        "exercise": name,
        "kind": kind,
        "__reduce_ex__": lambda self, protocol: (marked, (name, plain(self))),  # pickle would not find this class
        "__deepcopy__": lambda self, memo: marked(name, self),
    }
    return type(kind.__name__, (Mark, kind), fields)


def _holds_mark(name: str, value: Any) -> bool:
    """True if a value, or a part of it, was handed on for that exercise."""
    if isinstance(value, Mark):
        return value.exercise == name
    if isinstance(value, dict):
        return any(_holds_mark(name, part) for part in value.values())
    return isinstance(value, list | tuple | set) and any(_holds_mark(name, part) for part in value)
