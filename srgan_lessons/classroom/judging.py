"""What exercises are written with: Exercise, the two ways to say no, and a few careful readers of answers."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

DIFFICULTIES = ("easy", "medium", "hard")
# Of values: those that can be marked when they are handed on (module reference). A bool cannot.
KINDS = (dict, list, tuple, set, str, bytes, int, float, complex, np.ndarray, Tensor)


class NotYet(Exception):
    """The answer is wrong. The message says what is wrong in the student's terms, in whole sentences."""


class NotDone(Exception):
    """The answer is not written yet: it still holds a placeholder. The message says where; it may be empty."""


@dataclass(frozen=True, kw_only=True)
class OwnRun:
    """How an answer is judged on the log of a learner's own run; what it says there differs from learner to learner.

    columns: of the log that it takes; they are kept with the answer, so that a gradebook can judge it again.
    judge: called with the answer and the rows. Returns what the answer gave (a number, a text or None), or raises
        NotYet, with words that name the error.
    """

    columns: tuple[str, ...]
    judge: Callable[[Any, list[dict[str, Any]]], int | str | None]

    def judged(self, candidate: Any, log: list[dict[str, Any]]) -> dict[str, Any]:
        """{"rows", "answer"}: what is noted of an answer that is right on this log. Raises NotYet where it is wrong.

        rows: a list for each row of the log, in the order of `columns`.
        """
        if not log or any(name not in row for row in log for name in self.columns):
            raise NotYet(f"The log of your own run has no {', '.join(self.columns)}. Run the cells above again.")
        return {"rows": [[row[name] for name in self.columns] for row in log], "answer": self.judge(candidate, log)}

    def marks(self, noted: dict[str, Any]) -> bool:
        """Whether what was noted is right, computed anew from the rows that were noted with it."""
        try:
            log = [dict(zip(self.columns, row, strict=True)) for row in noted["rows"]]
            self.judge(lambda rows: noted["answer"], log)
        except (NotYet, NotDone, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return False  # rows that somebody has changed may hold anything
        return True


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One checked exercise: everything about it but the text of the lesson around it.

    name: what the student defines, and what check, hint and solution are called with.
    stub: the cell that the student starts from. It is valid Python; a line with `...` is a placeholder.
    reference: the right answer, which the lesson goes on with. Its source is the solution that is shown.
    judge: called with the student's answer. Returns if it is right, raises NotYet or NotDone if it is not. It judges
        what the answer does, never how it is written, within a second or so, on small inputs of its own.
    hints: a nudge, a pointer, and nearly the answer.
    solution: the solution's source, needed only where `reference` is a plain value.
    own: judges the answer on the learner's own run as well, for exercises about it.

    Raises ValueError where a part is missing or the stub or solution is not Python that defines `name`.
    """

    name: str
    lesson: int
    title: str
    difficulty: str
    minutes: int
    stub: str
    reference: Any
    judge: Callable[[Any], None]
    hints: tuple[str, str, str]
    solution: str = ""
    own: "OwnRun | None" = None

    def __post_init__(self) -> None:
        if self.difficulty not in DIFFICULTIES:
            raise ValueError(f"{self.name}: difficulty is {self.difficulty!r}, not one of {DIFFICULTIES}")
        if self.minutes < 1 or len(self.hints) != 3 or not all(hint.strip() for hint in self.hints):
            raise ValueError(f"{self.name}: an exercise has its minutes and three hints")
        if not self.solution and not self.takes_a_call:
            raise ValueError(f"{self.name}: the reference is a value; give its source as solution=...")
        if not self.takes_a_call and type(self.reference) not in KINDS:
            raise ValueError(f"{self.name}: a reference of type {type(self.reference).__name__} cannot be handed on")
        object.__setattr__(self, "stub", textwrap.dedent(self.stub).strip())
        source = self.solution or inspect.getsource(self.reference)
        object.__setattr__(self, "solution", textwrap.dedent(source).strip())
        for part in ("stub", "solution"):
            try:
                names = _defined_names(getattr(self, part))
            except SyntaxError as error:
                raise ValueError(f"{self.name}: its {part} is not Python: {error}") from error
            if self.name not in names:
                raise ValueError(f"{self.name}: its {part} does not define {self.name}")

    @property
    def takes_a_call(self) -> bool:
        """True for a function or class, False for a plain value such as a number."""
        return callable(self.reference)

    @property
    def wanted(self) -> str:
        """What the student is asked for, in a few words: "a function psnr_y(sr, hr)"."""
        if not self.takes_a_call:
            return f"a value of type {type(self.reference).__name__}"
        return f"a {'class' if inspect.isclass(self.reference) else 'function'} {self.signature}"

    @property
    def signature(self) -> str:
        """How it is called: "psnr_y(sr, hr)", without type hints."""
        return f"{self.name}({', '.join(inspect.signature(self.reference).parameters)})"


def _defined_names(source: str) -> set[str]:
    """The names that a cell defines at its top level."""
    body = ast.parse(source).body
    names = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return names | {target.id for target in targets if isinstance(target, ast.Name)}


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


def as_number(value: Any, what: str = "the result") -> float:
    """`value` as a float: a number, or an array or tensor that holds exactly one. Raises NotYet for anything else."""
    array = as_array(value, what=what)
    if array.size != 1:
        raise NotYet(f"{_capital(what)} is an array of shape {array.shape}; one number is expected.")
    return float(array.reshape(()))


def as_array(value: Any, shape: tuple[int, ...] | None = None, what: str = "the result") -> np.ndarray:
    """`value` as an array of real, finite numbers of that shape. Raises NotYet that says what it is instead.

    Arrays keep their dtype; tensors are taken from any device and without their gradient.
    """
    if value is None:
        raise NotYet(f"{_capital(what)} is None. Is the `return` missing?")
    if value is ...:
        raise NotDone(f"{_capital(what)} is `...`, the placeholder.")
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy() if value.dtype != torch.bfloat16 else value.detach().float().cpu().numpy()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise NotYet(f"{_capital(what)} is of type {type(value).__name__}; numbers are expected.")
    if shape is not None and array.shape != tuple(shape):
        raise NotYet(f"{_capital(what)} has the shape {array.shape}; {tuple(shape)} is expected.")
    if not np.isfinite(array).all():
        raise NotYet(f"{_capital(what)} holds NaN or infinity.")
    return array


def as_tensor(value: Any, shape: tuple[int, ...] | None = None, what: str = "the result") -> Tensor:
    """`value`, with its gradient: a tensor of real, finite numbers of that shape. Raises NotYet as `as_array` does."""
    as_array(value, shape, what)
    if not isinstance(value, Tensor):
        raise NotYet(f"{_capital(what)} is of type {type(value).__name__}; a tensor is expected.")
    return value


def recognise(result: Any, slips: Mapping[str, Any], *, within: float) -> None:
    """Raises NotYet with the message of the first slip whose outcome `result` has, to `within` at every place.

    slips: message -> what an answer with that mistake gives on the same input. This is how a check names an error: the
    judge makes the mistake itself and compares.
    """
    result = np.asarray(result, dtype=np.float64)
    for message, outcome in slips.items():
        outcome = np.asarray(outcome, dtype=np.float64)
        if outcome.shape == result.shape and np.allclose(result, outcome, rtol=0, atol=within):
            raise NotYet(message)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
