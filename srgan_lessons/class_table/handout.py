"""The file that everybody in the class gets, with the cells, the updates, the networks and the photos' hashes."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from srgan_lessons import UserError
from srgan_lessons.class_table.cells import Cell, cells_for, weight_text
from srgan_lessons.class_table.columns import aligned
from srgan_lessons.datasets.photos import Photos
from srgan_lessons.files import atomic, counted, plural
from srgan_lessons.settings import ADVERSARIAL_WEIGHT
from srgan_lessons.training.options import Options
from srgan_lessons.training.plan import COMPACT, PRETRAINING, make_plan
from srgan_lessons.training.recipes import Recipe

FORMAT = 2
# What all cells have in common. A smaller handout may change these, but not what defines a cell.
SETTINGS = ("blocks", "channels", "icnr", "batch", "crop", "ema")


@dataclass(frozen=True, kw_only=True)
class Handout:
    """The plan of a class. Made by `hand_out`, read by `read_handout`.

    groups: name -> (cell, seed). updates: (of the pretraining, of the cell). settings: for all recipes. photos: SHA-256
    of the pixels -> name, including held-out photos. source: where the photos come from, in words.
    """

    groups: dict[str, tuple[Cell, int]]
    updates: tuple[int, int]
    settings: dict[str, Any]
    photos: dict[str, str]
    source: str

    @property
    def content(self) -> dict[str, Any]:
        """The content of the file."""
        groups = [{"group": name, **asdict(cell), "seed": seed} for name, (cell, seed) in self.groups.items()]
        return {
            "format": FORMAT,
            "updates": list(self.updates),
            "settings": self.settings,
            "source": self.source,
            "groups": groups,
            "photos": self.photos,
        }

    @property
    def id(self) -> str:
        """SHA-256 of what all cells have in common, recorded in each file handed in. More groups do not change it."""
        return _sha256({name: value for name, value in self.content.items() if name != "groups"})

    def more(self, groups: Sequence[str], cells: Sequence[Cell | str]) -> "Handout":
        """The same plan with more groups, one cell each. Files already handed in stay valid.

        A cell that has been handed out before gets the next seed. Raises UserError for names that are taken or not
        allowed.
        """
        names = _names([*self.groups, *groups])
        chosen = list(self.groups.values())
        for cell in _parsed(cells, len(groups)):
            chosen.append((cell, sum(cell == known for known, _ in chosen)))
        return dataclasses.replace(self, groups=dict(zip(names, chosen, strict=True)))

    def recipes(self, group: str) -> tuple[Recipe, ...]:
        """What a group trains, in this order. Raises UserError for a group that is not in the class."""
        return self.of(group)[0].recipes(self.updates, self.settings)

    def of(self, group: str) -> tuple[Cell, int]:
        """The cell and the seed of a group. Raises UserError for a group that is not in the class."""
        if group not in self.groups:
            raise UserError(f"there is no group {group!r} in this class; there are: {', '.join(self.groups)}")
        return self.groups[group]

    def label(self, group: str) -> str:
        """The cell's name, with the seed if the class has this cell with several seeds."""
        cell, seed = self.of(group)
        several = len({s for c, s in self.groups.values() if c == cell}) > 1
        return f"{cell.name} (seed {seed})" if several else cell.name

    def write(self, path: str | Path) -> None:
        """Writes the file, complete or not at all. Raises UserError if it cannot be written."""
        with atomic(path) as temporary:
            text = json.dumps(self.content | {"hash": _sha256(self.content)}, indent=1, ensure_ascii=False)
            temporary.write_text(text + "\n", encoding="utf-8")

    def __str__(self) -> str:
        network = f"{counted(self.settings.get('blocks', 16), 'block')} of {self.settings.get('channels', 64)} maps"
        before, own = self.updates
        lines = [
            f"{network}; {before:,} updates of SRResNet-MSE, then {own:,} of the cell; without pretraining, "
            f"{before + own:,} of the cell. {counted(len(self.photos), 'photo')} ({self.source}).",
        ]
        rows = [("group", "cell", "content", "weight", "pretraining", "seed")]
        for name, (cell, seed) in self.groups.items():
            start = "SRResNet-MSE" if cell.pretraining else "-"
            rows.append((name, cell.name, cell.content, weight_text(cell.weight), start, str(seed)))
        return "\n".join([*lines, *aligned(rows, left=(0, 1, 2, 4))])


def hand_out(
    groups: int | Sequence[str],
    photos: Photos,
    *,
    minutes: float | None = None,
    updates: tuple[int, int] | None = None,
    cells: Sequence[Cell | str] | None = None,
    compact: bool = False,
    vgg: bool = False,
    source: str = "the class's photos",
    options: Options | None = None,
    measuring: float = 3.0,
    **settings: Any,
) -> Handout:
    """Makes the plan of a class: everybody makes the same number of updates on any machine.

    groups: how many, or their names. minutes: the time for which the slowest cell is to train on this machine; its
    speed is measured. Or give updates: (of the pretraining, of the cell). cells: one for each group; by default,
    `cells_for` chooses them. Equal cells get the seeds 0, 1, 2, ... settings: for example crop=64.

    Raises UserError for duplicate names, for settings that are not in SETTINGS, if minutes and updates are both given
    or both missing, and in the same cases as `make_plan`.
    """
    names = _names([str(number) for number in range(1, groups + 1)] if isinstance(groups, int) else groups)
    if (minutes is None) == (updates is None):
        raise UserError("give minutes, or updates of the pretraining and of the cell, but not both")
    if unknown := sorted(settings.keys() - set(SETTINGS)):
        raise UserError(f"a handout cannot set {', '.join(unknown)}; it can set: {', '.join(SETTINGS)}")
    if cells is None:
        chosen = cells_for(len(names), vgg=vgg)
    else:
        made = _parsed(cells, len(names))
        chosen = [(cell, made[:number].count(cell)) for number, cell in enumerate(made)]
    settings = (COMPACT if compact else {}) | settings
    if minutes is not None:
        updates = _measured({cell for cell, _ in chosen}, minutes, photos, settings, options, measuring)
    if updates is None or len(updates) != 2 or not all(isinstance(count, int) and count >= 1 for count in updates):
        raise UserError(f"updates is {updates}; it must be two whole numbers of at least 1")
    handout = Handout(
        groups=dict(zip(names, chosen, strict=True)),
        updates=(updates[0], updates[1]),
        settings=settings,
        photos=dict(sorted((photos.hashes[name], name) for name in photos.images)),
        source=source,
    )
    for name in names:
        for recipe in handout.recipes(name):
            recipe.check_share(1)  # impossible settings are refused now, not on eight machines
    return handout


def read_handout(path: str | Path) -> Handout:
    """Reads what `Handout.write` wrote. Raises UserError for a file that is missing, damaged or changed."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        expected = content.pop("hash")
        if content["format"] != FORMAT:
            raise UserError(
                f"{path} has format {content['format']}; this version of the course reads format {FORMAT}, and may "
                "train cells with other settings. Everybody needs the version with which the plan was made; for this "
                "version, make the plan again with `srgan-lessons class new`."
            )
        groups = {
            each["group"]: (Cell(**{k: each[k] for k in ("content", "weight", "pretraining")}), each["seed"])
            for each in content["groups"]
        }
        handout = Handout(
            groups=groups,
            updates=tuple(content["updates"]),
            settings=content["settings"],
            photos=content["photos"],
            source=content["source"],
        )
    except UserError:  # which is a ValueError
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise UserError(f"{path} is not a readable plan of a class ({reason}). Ask for the file again.") from None
    if _sha256(handout.content) != expected:
        raise UserError(f"{path} was changed after it was made (its SHA-256 differs). Ask for the file again.")
    return handout


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _names(names: Sequence[str]) -> list[str]:
    """The groups' names, which become file names. Raises UserError if they cannot."""
    good = all(name and all(letter.isalnum() or letter in "-_" for letter in name) for name in names)
    if len({name.casefold() for name in names}) != len(names) or not good:
        raise UserError(
            f"the groups are {', '.join(names)}: each needs its own name, made only of letters, digits, - and _ "
            "(it becomes the name of a file)"
        )
    return list(names)


def _parsed(cells: Sequence[Cell | str], count: int) -> list[Cell]:
    made = [Cell.parse(cell) if isinstance(cell, str) else cell for cell in cells]
    if len(made) != count:
        are = plural(len(made), "is", "are")
        raise UserError(f"there {are} {counted(len(made), 'cell')} for {counted(count, 'group')}: name one for each")
    return made


def _measured(
    cells: set[Cell],
    minutes: float,
    photos: Photos,
    settings: Mapping[str, Any],
    options: Options | None,
    measuring: float,
) -> tuple[int, int]:
    """How many updates the slowest cell can make here in that many minutes: (of the pretraining, of the cell)."""
    before, own, together = [], [], []
    for content, adversarial, pretraining in sorted({(c.content, c.weight > 0, c.pretraining) for c in cells}):
        weight = ADVERSARIAL_WEIGHT if adversarial else 0
        recipe = Cell(content=content, weight=weight, pretraining=pretraining).recipes((1, 1), settings)[-1]
        plan = make_plan(recipe, minutes, photos, options=options, measuring=measuring, **settings)
        if plan.notes:
            raise UserError(
                f"{' '.join(plan.notes)} All cells of a class have the same batch: choose it with --batch, or use the "
                "compact network (--compact)."
            )
        steps = [stage.recipe.steps for stage in plan.stages]
        if len(steps) == 1:
            together.append(steps[0])
        else:
            before.append(steps[0])
            own.append(steps[1])
    if not own:
        first = round(PRETRAINING * min(together))
        return first, min(together) - first
    # Without pretraining, all updates are the cell's own, which are slower if there is a discriminator.
    factor = min(1.0, min(together, default=math.inf) / (min(before) + min(own)))
    return max(1, int(factor * min(before))), max(1, int(factor * min(own)))
