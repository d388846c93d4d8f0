"""The pages of the site that are made from the package: the API, room by room, and the command line."""

import argparse
import ast
import importlib
from collections.abc import Sequence
from pathlib import Path

from lesson_source import ROOT

from srgan_lessons.cli import _parser

PACKAGE = ROOT / "srgan_lessons"
# The rooms, in the order in which the lessons teach them: title -> modules, or folders of modules.
ROOMS = {
    "Images": ["images"],
    "Resampling": ["resize"],
    "Metrics": ["metrics"],
    "Networks": ["models", "weights", "folding"],
    "Losses": ["losses", "vgg", "stlpips"],
    "Data sets": ["datasets"],
    "Training": ["training"],
    "Devices and processes": ["device", "precision", "processes"],
    "Enlarging": ["upscaling"],
    "Evaluation": ["evaluation", "export"],
    "Rating": ["rating"],
    "A class's own Table 1": ["class_table"],
    "Classroom": ["classroom"],
    "Writing exercises": [f"exercises/{name}" for name in ("exercise", "calling", "reading", "naming", "differing")],
    "Files and downloads": ["files", "download", "settings"],
}


def _module(module: str, *, without: Sequence[str] = ()) -> str:
    """A section with a module's docstring, and its members except those that its package shows."""
    options = ["   :members:"] + [f"   :exclude-members: {', '.join(without)}"] * bool(without)
    if module.rsplit(".", 1)[-1] in without:  # the function of that name is indexed instead
        options.append("   :no-index:")
    return "\n".join([f"## `{module}`\n\n```{{eval-rst}}\n.. automodule:: {module}", *options, "```"])


def modules(name: str) -> list[str]:
    """The modules that a name of ROOMS stands for, under the names of their imports; a folder itself comes first."""
    file, folder = PACKAGE / f"{name}.py", PACKAGE / name
    paths = [file] if file.exists() else [folder / "__init__.py", *sorted(folder.glob("[a-z]*.py"))]
    return [_imported(path) for path in paths]


def _imported(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _public(module: str) -> list[str]:
    body = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")).body
    names = [part.name for part in body if isinstance(part, ast.FunctionDef | ast.ClassDef)]
    return [name for name in names if not name.startswith("_")]


def api_pages() -> dict[str, str]:
    """Place in the book -> page."""
    pages, names = {}, []
    for title, rooms in ROOMS.items():
        name = rooms[0].split("/")[0]
        names.append(name)
        parts = [f"# {title}"]
        for room in rooms:
            package, *others = modules(room)
            shown = getattr(importlib.import_module(package), "__all__", []) if others else []
            parts.append(_module(package))
            parts += [_module(module, without=shown) for module in others if set(_public(module)) - set(shown)]
        pages[f"api/{name}.md"] = "\n\n".join(parts) + "\n"
    toc = "\n".join(names)
    pages["api/index.md"] = (
        "# API\n\n"
        "The package reads like the course: an image passes through its parts in the order in which they are taught.\n"
        "At every public interface, float images are (N, 3, H, W) in [0, 1], and photos are uint8 (H, W, 3).\n"
        "An error that a user can fix is a `srgan_lessons.UserError`: it says what was wrong, where, and what to do "
        "next.\n\n"
        "After `import srgan_lessons as sl`, there are four functions, which are imported when they are used: "
        "`sl.load`, `sl.upscale`, `sl.train` and `sl.evaluate`.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{toc}\n```\n"
    )
    return pages


# --- the command line ------------------------------------------------------------------------------------------------


def command_page() -> str:
    """Every command of `srgan-lessons` with its usage and its options, from its parser."""
    parser = _parser()
    parts = ["# Command line", parser.description or "", _usage(parser), "[Use it](guide/using.md) has examples."]
    parts += [part for name, command, text in _commands(parser) for part in _command(name, command, text, 2)]
    return "\n\n".join(parts) + "\n"


def _commands(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser, str]]:
    found = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts = {choice.dest: choice.help or "" for choice in action._choices_actions}
            found += [(name, command, texts.get(name, "")) for name, command in action.choices.items()]
    return found


def _command(name: str, parser: argparse.ArgumentParser, text: str, level: int) -> list[str]:
    about = text[:1].upper() + text[1:] + "." * (not text.endswith("."))
    parts = [f"{'#' * level} `{parser.prog}`", _plain(about), _usage(parser)]
    rows = [_row(parser, action) for action in parser._actions if not _left_out(action)]
    if rows:
        parts.append("\n".join(["| argument | what it does |", "|---|---|", *rows]))
    if parser.epilog:
        parts.append(_plain(parser.epilog))
    return parts + [p for sub in _commands(parser) for p in _command(*sub, level + 1)]


def _left_out(action: argparse.Action) -> bool:
    hidden = action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction)
    return hidden or isinstance(action, argparse._SubParsersAction)


def _usage(parser: argparse.ArgumentParser) -> str:
    return "```text\n" + parser.format_usage().removeprefix("usage: ").rstrip() + "\n```"


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    shown = formatter._format_action_invocation(action)
    text = formatter._expand_help(action) if action.help else ""
    if action.choices and not text:
        text = "one of " + ", ".join(map(str, action.choices))
    return f"| `{shown}` | {_plain(text)} |"


def _plain(text: str) -> str:
    """Help as Markdown that shows the same words."""
    for sign in "\\*_[]<|":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
