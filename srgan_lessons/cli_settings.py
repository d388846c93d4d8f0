"""Options of the command line that are made from the settings of a dataclass (`settings.py`) or shared by commands."""

import argparse
import dataclasses
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from srgan_lessons import UserError
from srgan_lessons.files import shipped_weights
from srgan_lessons.settings import Setting


def add_settings(group: argparse._ArgumentGroup, kind: type, default_of: Callable[[str], str] | None = None) -> None:
    """Adds an option for each field of a dataclass that has a Setting: `log_every` becomes --log-every.

    An option that is not given is None. default_of: name -> what the help says about its default; if not given, the
    field's default.
    """
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        if get_origin(hints[field.name]) is not Annotated:
            continue
        hint, setting = get_args(hints[field.name])
        if default_of:
            default = default_of(field.name)
        else:
            default = setting.none if field.default is None else shown(field.default)
        text = f"{setting.text} (default: {default})".replace("%", "%%")
        group.add_argument(f"--{field.name.replace('_', '-')}", default=None, help=text, **_reader(hint, setting))


def _reader(hint: Any, setting: Setting) -> dict[str, Any]:
    """How argparse should read a value of this type."""
    if get_origin(hint) in (Union, types.UnionType):  # a union with None, which means an option that is not given
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"type": hint, "metavar": setting.unit}


def shown(value: Any) -> str:
    """A default as a user would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def given(arguments: argparse.Namespace, kind: type) -> dict[str, Any]:
    """The fields of a dataclass that the command line sets."""
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: value for name in names if (value := getattr(arguments, name, None)) is not None}


def add_device(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")


def add_threads(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--threads", type=int, metavar="COUNT", help="threads of the CPU (default: all cores)")


def check_threads(count: int | None) -> None:
    """Raises UserError for an impossible number of threads."""
    if count is not None and count < 1:
        raise UserError(f"--threads is {count}; it must be at least 1")


def default_weights() -> str | None:
    """The best of the weights that come with the course; None if there are none."""
    return next((name for name in ("srgan", "srresnet", "espcn") if name in shipped_weights()), None)


def weights_text(more: str = "") -> str:
    """Which weights there are, for the help of an option. more: what else the option accepts."""
    return (
        f"a .safetensors file, or one that comes with the course: {', '.join(shipped_weights()) or 'none here'}{more}"
    )
