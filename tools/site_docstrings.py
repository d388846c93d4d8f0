"""Turns the project's plain-text docstrings into what Sphinx reads: parameters, results and errors each on a line.

A docstring names a parameter at the beginning of a sentence: "border: pixels cut from each side. Raises UserError if
...". Such sentences become a list; "Returns" and "Raises" begin lines of their own; `names` are code; text that is
indented by four columns is an example, and stays as it is. Settings are described in their types, for the command line;
here the types lose these descriptions, and the docstring gets them.
"""

import dataclasses
import inspect
import re
from itertools import pairwise
from textwrap import dedent
from typing import Annotated, Any, get_origin, get_type_hints

import torch

from srgan_lessons.settings import Setting

NAMED = re.compile(r"(?:^|(?<=[.;)] ))((?:\w+, )*\w+): ")
DESCRIBED: dict[type, dict[str, Setting]] = {}  # settings: class -> field -> what it is
RESULT = re.compile(r"(?:^|(?<=[.;)] ))(Returns|Raises) ")


def to_rst(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Changes the lines of a docstring in place, for Sphinx's event autodoc-process-docstring."""
    names = parameters(thing)
    text = dedent("\n".join(lines)).strip("\n")
    lines[:] = [line for block in blocks(text) for line in [*_block(block, names), ""]]
    if described := inspect.isclass(thing) and DESCRIBED.get(thing):
        lines += [_setting(field, setting) for field, setting in described.items()] + [""]


def _setting(name: str, setting: Setting) -> str:
    none = f" (None: {setting.none})" if setting.none else ""
    return f"* **{_plain(name)}**: {escaped(setting.text + none)}"


def describe(settings: type) -> None:
    """Moves the descriptions of a dataclass's settings from its types to DESCRIBED. Signatures show the types alone."""
    types = get_type_hints(settings)  # without what Annotated adds
    for name, hint in get_type_hints(settings, include_extras=True).items():
        if get_origin(hint) is Annotated:
            DESCRIBED.setdefault(settings, {})[name] = next(
                one for one in hint.__metadata__ if isinstance(one, Setting)
            )
    for annotations in (settings.__annotations__, settings.__init__.__annotations__):
        annotations.update({name: types[name] for name in annotations if name in types})


def readable(app: Any, what: str, name: str, thing: Any, options: Any, given: str, result: str) -> tuple[str, str]:
    """A signature that Sphinx can read, for its event autodoc-process-signature: it stumbles over <factory>.

    nn.Module's constructor has (*args, **kwargs), but takes no arguments. Neither do subclasses that inherit it.
    """
    if inspect.isclass(thing) and thing.__init__ is torch.nn.Module.__init__:
        return "()", result
    return given and given.replace("<factory>", "..."), result


def parameters(thing: Any) -> set[str]:
    """The names that a docstring may explain: a function's parameters, or a dataclass's fields."""
    if inspect.isclass(thing):
        fields = {field.name for field in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else set()
        try:
            return fields | set(inspect.signature(thing).parameters)
        except (TypeError, ValueError):
            return fields
    try:
        return set(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return set()


def blocks(text: str) -> list[str]:
    """Splits a text into paragraphs and indented examples, which may contain empty lines."""
    found: list[str] = []
    for part in re.split(r"\n\s*\n", text):
        if found and part.startswith("    ") and found[-1].startswith("    "):
            found[-1] += "\n\n" + part
        else:
            found.append(part)
    return found


def _block(block: str, names: set[str]) -> list[str]:
    if block.startswith("    "):
        return ["::", "", *block.splitlines()]
    if re.match(r"(?:[-*]|\d+\.) ", block):  # a list of its own: an item for each line that is not indented
        items = re.sub(r"\n\s+", " ", block).splitlines()
        return [f"* {escaped(re.sub(r'^(?:[-*]|[0-9]+[.]) ', '', item))}" for item in items]
    lines = [" ".join(line.split()) for line in re.sub(r"\n(?:\s+|(?!(?:\w+, )*[\w\"]+: ))", " ", block).splitlines()]
    if len(lines) > 1 and all(re.match(r'"\w+": ', line) for line in lines):  # one value a line
        return [f"* {escaped(line)}" for line in lines]
    starts = [line for line in lines if NAMED.match(line)]
    if len(starts) > 1 and len(starts) == len(lines):  # one name a line
        return [f"* {_named(line, None)}" for line in lines]
    return _sentences(" ".join(lines), names)


def _sentences(text: str, names: set[str]) -> list[str]:
    cuts = [match.start() for match in NAMED.finditer(text) if set(match[1].split(", ")) <= names]
    cuts += [match.start() for match in RESULT.finditer(text)]
    cuts = sorted({0, *cuts, len(text)})
    pieces = [text[start:end].strip() for start, end in pairwise(cuts)]
    out: list[str] = []
    for piece in filter(None, pieces):
        if result := RESULT.match(piece):
            line = f"* **{result[1]}** {escaped(piece[result.end() :])}"
        elif (match := NAMED.match(piece)) and set(match[1].split(", ")) <= names:
            line = f"* {_named(piece, names)}"
        else:
            out += [escaped(piece), ""]
            continue
        out.append(line)
        out.append("")
    return out[:-1] if out and not out[-1] else out


def _named(piece: str, names: set[str] | None) -> str:
    match = NAMED.match(piece)
    assert match is not None
    shown = ", ".join(f"**{_plain(one)}**" for one in match[1].split(", "))
    return f"{shown}: {escaped(piece[match.end() :])}"


def escaped(text: str) -> str:
    """Text in which only `code` has a meaning for Sphinx."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(f"``{part}``" if index % 2 else _plain(part) for index, part in enumerate(parts))


def _plain(text: str) -> str:
    return re.sub(r"([\\*|`]|_(?=\W|$))", r"\\\1", text)
