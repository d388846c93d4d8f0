"""The cells of a class's table: content loss, adversarial weight and pretraining, as varied in the paper's Table 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from srgan_lessons import UserError
from srgan_lessons.settings import ADVERSARIAL_WEIGHT
from srgan_lessons.training.plan import PEAK_RATE, PEAK_RATE_GAN
from srgan_lessons.training.recipes import RECIPES, Recipe

CONTENTS = ("mse", "offline", "vgg22", "vgg54")
# The shares of the offline content loss sum to 1.25; the weight of a cell is relative to a content loss of 1.
OFFLINE_SUM = RECIPES["srgan-offline"].adversarial / ADVERSARIAL_WEIGHT


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell. It is checked when it is made.

    content: one of CONTENTS. weight: of the adversarial loss, relative to a content loss of 1; 0 trains no
    discriminator. pretraining: whether SRResNet (MSE) is trained first. A cell without it makes all its updates with
    its own loss, so every cell has the same number of generator updates.

    Nothing else varies: the losses of all cells are trained with one schedule and one highest learning rate, and none
    has total variation.
    """

    content: str
    weight: float
    pretraining: bool = True

    def __post_init__(self) -> None:
        if self.content not in CONTENTS:
            raise UserError(
                f"{self.content!r} is not a content loss of a cell; it must be one of: {', '.join(CONTENTS)}"
            )
        if not (isinstance(self.weight, int | float) and 0 <= self.weight <= 1):
            raise UserError(f"the adversarial weight of a cell is {self.weight!r}; it must be from 0 to 1")
        if (self.content, self.weight, self.pretraining) == ("mse", 0, False):
            raise UserError(
                "both stages of the cell mse:0 train with MSE, so without pretraining only its learning rate would "
                "differ: leave out :scratch"
            )

    @classmethod
    def parse(cls, text: str) -> "Cell":
        """The cell that "content:weight" or "content:weight:scratch" describes, for example offline:1e-3.

        Raises UserError for any other text.
        """
        content, *rest = text.split(":")
        try:
            weight = float(rest[0])
            if rest[1:] not in ([], ["scratch"]):
                raise ValueError
        except (IndexError, ValueError):
            raise UserError(
                f"{text!r} is not a cell. Write content:weight, or content:weight:scratch for one without pretraining: "
                "offline:1e-3, mse:0, vgg54:1e-3:scratch."
            ) from None
        return cls(content=content, weight=weight, pretraining=len(rest) == 1)

    @property
    def name(self) -> str:
        """The name, such as srgan-offline-1e-2, srresnet-mse or srgan-mse-scratch. It omits the usual weight, 1e-3."""
        kind = "srgan" if self.weight else "srresnet"
        weight = f"-{weight_text(self.weight)}" if self.weight not in (0, ADVERSARIAL_WEIGHT) else ""
        return f"{kind}-{self.content}{weight}" + ("" if self.pretraining else "-scratch")

    @property
    def paper(self) -> str | None:
        """The method of the paper's Table 1 with the same content loss and adversarial weight, or None.

        The paper's SRResNet-VGG22 also had total variation (section 3.4), which no cell has.
        """
        known = {
            ("mse", 0): "SRResNet-MSE",
            ("vgg22", 0): "SRResNet-VGG22",
            ("mse", ADVERSARIAL_WEIGHT): "SRGAN-MSE",
            ("vgg22", ADVERSARIAL_WEIGHT): "SRGAN-VGG22",
            ("vgg54", ADVERSARIAL_WEIGHT): "SRGAN-VGG54",
        }
        return known.get((self.content, self.weight)) if self.pretraining else None

    def recipes(self, updates: tuple[int, int], settings: Mapping[str, Any]) -> tuple[Recipe, ...]:
        """What is trained, in this order: SRResNet-MSE and then the cell, or only the cell.

        updates: (of the pretraining, of the cell). settings: for all recipes, such as blocks and batch. The last recipe
        has the cell's name, except that of mse:0: its first recipe has that name already, and each recipe has a folder.
        """
        common = {"schedule": "one-cycle", **settings}
        before = RECIPES["srresnet-mse"].change(rate=PEAK_RATE, steps=updates[0], **common)
        own = RECIPES[f"srgan-{self.content}"].change(
            name=f"{self.name}-continued" if self.name == before.name else self.name,
            adversarial=self.weight * (OFFLINE_SUM if self.content == "offline" else 1),
            starts_from=before.name if self.pretraining else None,
            rate=PEAK_RATE_GAN,  # with or without a discriminator: cells must not differ in anything else
            steps=updates[1] if self.pretraining else sum(updates),
            **common,
        )
        return (before, own) if self.pretraining else (own,)

    def differs(self, other: "Cell") -> list[str]:
        """How two cells differ, in words; [] if they are equal."""
        found = []
        if self.content != other.content:
            found.append(f"content loss {self.content} against {other.content}")
        if self.weight != other.weight:
            found.append(f"adversarial weight {weight_text(self.weight)} against {weight_text(other.weight)}")
        if self.pretraining != other.pretraining:
            found.append("with pretraining against without" if self.pretraining else "without pretraining against with")
        return found


def weight_text(weight: float) -> str:
    """A weight as text, for example 0, 1e-3, 2.5e-4."""
    if not weight:
        return "0"
    digits, exponent = f"{weight:e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def cells_for(count: int, *, vgg: bool = False) -> list[tuple[Cell, int]]:
    """(cell, seed) for this many groups, the most informative first. Eight groups get seven cells, one of them twice.

    vgg: the paper's five cells with VGG19's features, for which its weights are needed; otherwise the offline content
    loss. The repeated cell has a different seed. Without it, nobody could tell a difference between cells from a
    difference between seeds. If there are more than eight groups, the cells repeat in this order.
    """
    if count < 1:
        raise UserError(f"a class has at least one group, not {count}")
    if vgg:
        main = Cell(content="vgg54", weight=ADVERSARIAL_WEIGHT)
        others = [("vgg22", 1e-3, True), ("vgg22", 0, True), ("vgg54", 1e-2, True), ("vgg54", 1e-3, False)]
    else:
        main = Cell(content="offline", weight=ADVERSARIAL_WEIGHT)
        others = [
            ("offline", 0, True),
            ("offline", 1e-2, True),
            ("offline", 1e-3, False),
            ("offline", 1e-4, True),
        ]
    made = [Cell(content=content, weight=weight, pretraining=before) for content, weight, before in others]
    mse = [Cell(content="mse", weight=weight) for weight in (0, ADVERSARIAL_WEIGHT)]
    first = [(main, 0), (mse[0], 0), (mse[1], 0), (made[0], 0), (main, 1), *((cell, 0) for cell in made[1:])]
    different = [cell for cell, seed in first if seed == 0]
    seeds = {cell: sum(each == cell for each, _ in first) for cell in different}
    while len(first) < count:
        for cell in different:
            first.append((cell, seeds[cell]))
            seeds[cell] += 1
    return first[:count]
