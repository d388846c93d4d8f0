"""What a class hands in: each file is checked before any of its numbers enters the table."""

import csv
import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from torch import nn

from srgan_lessons import UserError
from srgan_lessons.class_table.cells import Cell
from srgan_lessons.class_table.handout import Handout
from srgan_lessons.class_table.homework import FORMAT, RECORD, WEIGHTS, other_photos
from srgan_lessons.datasets.catalogue import some
from srgan_lessons.datasets.leakage import find_benchmark, hash_from_text
from srgan_lessons.files import explain_read_error, list_folder, plural
from srgan_lessons.training.recipes import Recipe
from srgan_lessons.weights import describe, load_network, read_metadata

LARGEST = 400_000_000  # bytes of a file in the zip; the weights of the paper's network take 6 MB


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A group's file that was accepted. network: on the CPU, in evaluation mode. weights: SHA-256 of their file."""

    group: str
    cell: Cell
    seed: int
    label: str
    network: nn.Module
    weights: str
    machine: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What came back.

    accepted: in the order of the handout. problems: one sentence per refused file. missing: groups without an accepted
    file.
    """

    handout: Handout
    accepted: tuple[Returned, ...]
    problems: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        are = "is" if len(self.accepted) == 1 else "are"
        lines = [f"{len(self.accepted)} of {len(self.handout.groups)} cells {are} here and valid:"]
        lines += [f"  {each.group}: {each.label}, {each.machine} ({each.path.name})" for each in self.accepted]
        if self.problems:
            lines += [f"{len(self.problems)} refused:", *(f"  {problem}" for problem in self.problems)]
        if self.missing:
            lines.append(f"still to come: {', '.join(self.missing)}")
        return "\n".join(lines)


def collect(handout: Handout, files: Iterable[str | Path]) -> Collected:
    """Checks what groups handed in: files, and all .zip files in folders.

    A file is refused, with a sentence that names it, if it is damaged, belongs to another plan or group, has a recipe,
    seed, network or number of updates that is not the plan's, or was trained on other photos or on a picture that shows
    the same as an image of Set5, Set14 or BSD100. If a group sends two different files, neither is accepted. This finds
    mistakes; it cannot tell a forged file from an honest one. Raises UserError if there is no file.
    """
    paths: list[Path] = []
    problems: list[str] = []
    for given in map(Path, files):
        if given.is_dir():
            found = [path for path in list_folder(given) if path.suffix.lower() == ".zip"]
            problems += [] if found else [f"{given}: there is no .zip file in this folder."]
            paths += found
        else:
            paths.append(given)
    if not paths:
        raise UserError(" ".join(problems) or "name the files that the groups handed in.")
    read: list[Returned] = []
    for path in dict.fromkeys(paths):
        try:
            read.append(read_returned(handout, path))
        except UserError as error:
            problems.append(str(error))
    accepted = _one_a_group(read, problems)
    order = {group: number for number, group in enumerate(handout.groups)}
    accepted.sort(key=lambda each: order[each.group])
    here = {each.group for each in accepted}
    return Collected(
        handout=handout,
        accepted=tuple(accepted),
        problems=tuple(problems),
        missing=tuple(group for group in handout.groups if group not in here),
    )


def read_returned(handout: Handout, path: str | Path) -> Returned:
    """Reads one file. Raises UserError if it must be refused; see `collect`."""
    path = Path(path)
    record, weights, logs = _unpack(path)
    try:
        if record["format"] != FORMAT:
            raise UserError(
                f"{path}: it has format {record['format']}, of another version of the course, which may train cells "
                f"with other settings; this version reads format {FORMAT}. Let the group train again, with your "
                "version and your plan."
            )
        group, stages = record["group"], record["stages"]
        if record["class"] != handout.id:
            raise UserError(
                f"{path}: it belongs to another plan ({record['class'][:12]}..., this one is {handout.id[:12]}...). "
                "Cells of different plans cannot share a table."
            )
        if group not in handout.groups:
            raise UserError(f"{path}: there is no group {group!r} in this class.")
        cell, seed = handout.of(group)
        recipes = handout.recipes(group)
        where = f"{path}: group {group}, {handout.label(group)}"
        _check_stages(where, stages, recipes, seed, logs)
        _check_photos(where, stages, record["shows"], handout)
        machine = f"{stages[-1]['machine']}, {stages[-1]['precision']}"
        expected = record["weights"]
    except UserError:  # which is a ValueError
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(
            f"{path}: its {RECORD} cannot be read ({type(error).__name__}: {error}). Let the group pack it again."
        ) from None
    if sha256(weights).hexdigest() != expected:
        raise UserError(f"{where}: its weights are not those that it was packed with. Ask for the file again.")
    network = _network(where, weights, recipes[-1])
    return Returned(
        group=group,
        cell=cell,
        seed=seed,
        label=handout.label(group),
        network=network,
        weights=expected,
        machine=machine,
        path=path,
    )


def _unpack(path: Path) -> tuple[dict[str, Any], bytes, dict[str, list[dict[str, str]]]]:
    """cell.json, the weights' bytes, and the logs by recipe."""
    try:
        with zipfile.ZipFile(path) as file:
            infos = {info.filename: info for info in file.infolist()}
            if missing := [name for name in (RECORD, WEIGHTS) if name not in infos]:
                raise UserError(
                    f"{path}: there is no {' and no '.join(missing)} in it. It is not a file from `srgan-lessons class "
                    "train`: ask for group-NAME.zip."
                )
            if large := [name for name, info in infos.items() if info.file_size > LARGEST]:
                raise UserError(
                    f"{path}: {large[0]} would be larger than {LARGEST / 1e6:.0f} MB, and was not unpacked."
                )
            record = json.loads(file.read(RECORD))
            weights = file.read(WEIGHTS)
            texts = {name[:-4]: file.read(name).decode() for name in infos if name.endswith(".csv")}
            logs = {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}
    except UserError:  # which is a ValueError
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file.") from None
    except (PermissionError, IsADirectoryError) as error:  # the file itself is not damaged
        raise UserError(explain_read_error(path, error)) from None
    except (
        *(zipfile.BadZipFile, zlib.error, csv.Error),
        *(EOFError, OSError, ValueError, NotImplementedError, RuntimeError),
    ) as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{path}: damaged or cut off ({reason}). Ask the group to send it again.") from None
    if not isinstance(record, dict):
        raise UserError(f"{path}: its {RECORD} contains no record. Let the group pack it again.")
    return record, weights, logs


def _check_stages(
    where: str, stages: list[dict], recipes: Sequence[Recipe], seed: int, logs: dict[str, list[dict[str, str]]]
) -> None:
    if [stage["recipe"]["name"] for stage in stages] != [recipe.name for recipe in recipes]:
        trained = " then ".join(stage["recipe"]["name"] for stage in stages)
        raise UserError(f"{where}: {trained} was trained, but the plan says {' then '.join(r.name for r in recipes)}.")
    for stage, recipe in zip(stages, recipes, strict=True):
        expected = asdict(recipe)
        names = [name for name in expected if stage["recipe"].get(name) != expected[name]]
        differs = [f"{name} {stage['recipe'].get(name)}, in the plan {expected[name]}" for name in names]
        if stage["seed"] != seed:
            differs.append(f"seed {stage['seed']}, in the plan {seed}")
        if differs:
            raise UserError(f"{where}: {recipe.name} was trained with other settings: {'; '.join(differs)}.")
        rows = logs.get(recipe.name) or [{"step": "0"}]
        made = min(int(stage["updates"]), int(rows[-1]["step"]))
        if made != recipe.steps:
            raise UserError(
                f"{where}: {recipe.name} has {made:,} update{'' if made == 1 else 's'}, but the plan says "
                f"{recipe.steps:,}. The training was not finished. The same command continues it."
            )


def _check_photos(where: str, stages: list[dict], shows: dict[str, str], handout: Handout) -> None:
    """Checks the training photos. Benchmark pictures come first, because no other wrong photo does as much harm."""
    for stage in stages:
        found = stage["photos"] | stage["held_out"]
        if unknown := [name for digest, name in found.items() if digest not in shows]:
            show = plural(len(unknown), "shows", "show")
            raise UserError(f"{where}: it does not say what {some(unknown)} {show}. Let the group pack it again.")
        known = {name: find_benchmark(hash_from_text(shows[digest])) for digest, name in found.items()}
        if leaks := [f"{name} is {image}" for name, image in known.items() if image]:
            what = "a benchmark image" if len(leaks) == 1 else f"{len(leaks)} benchmark images"
            raise UserError(
                f"{where}: it was trained on {what}: {some(leaks)}. Measured on them, its "
                "numbers would be worth nothing. Let the group train again, on the class's photos."
            )
        if differs := other_photos(handout, found):
            raise UserError(
                f"{where}: it was not trained on the class's photos: {differs}. Let the group train again, on the "
                f"class's photos ({handout.source})."
            )


def _network(where: str, weights: bytes, recipe: Recipe) -> nn.Module:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS
        path.write_bytes(weights)
        try:
            about, network = read_metadata(path), load_network(path)
        except UserError as error:
            raise UserError(f"{where}: {str(error).replace(str(path), WEIGHTS)}") from None
    if (about.get("recipe"), about.get("updates")) != (recipe.name, str(recipe.steps)):
        raise UserError(
            f"{where}: its weights are those of {about.get('recipe')} after {about.get('updates')} updates, but the "
            f"plan says {recipe.name} after {recipe.steps}. Were files mixed up?"
        )
    expected = {"kind": "generator", "blocks": recipe.blocks, "channels": recipe.channels}
    if describe(network) != expected:
        raise UserError(f"{where}: its network is {describe(network)}, but the plan says {expected}.")
    return network


def _one_a_group(read: list[Returned], problems: list[str]) -> list[Returned]:
    """Accepts each group once, and each network once."""
    accepted: list[Returned] = []
    for group in dict.fromkeys(each.group for each in read):
        theirs = [each for each in read if each.group == group]
        if len({each.weights for each in theirs}) > 1:
            names = ", ".join(str(each.path) for each in theirs)
            problems.append(
                f"{names}: these are different networks from one group, {group}. Keep only the one that counts."
            )
            continue
        accepted.append(theirs[0])
    networks = dict.fromkeys(each.weights for each in accepted)
    twins = [[each for each in accepted if each.weights == weights] for weights in networks]
    for same in (each for each in twins if len(each) > 1):
        groups = " and ".join(each.group for each in same)
        problems.append(
            f"{', '.join(str(each.path) for each in same)}: groups {groups} have the very same weights. Ask "
            "whose they are, and keep only that file."
        )
        accepted = [each for each in accepted if each not in same]
    return accepted
