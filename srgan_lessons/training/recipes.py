"""The settings of the paper's networks: a recipe sets every number of a training run except its seed."""

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from srgan_lessons import UserError
from srgan_lessons.files import fast_mode
from srgan_lessons.settings import ADVERSARIAL_WEIGHT, CONTENT, SCHEDULES, TV_WEIGHT, Content, Schedule, Setting

if TYPE_CHECKING:
    from srgan_lessons.models import ESPCN, Discriminator, Generator


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained. Checked on creation, saved in every checkpoint, printed at the start of a run."""

    name: str
    network: Literal["generator", "espcn"] = "generator"
    """"generator" is SRResNet."""
    blocks: Annotated[int, Setting("residual blocks of the generator", "BLOCKS")] = 16
    channels: Annotated[int, Setting("feature maps of generator and discriminator", "MAPS")] = 64
    icnr: Annotated[bool, Setting("start the sub-pixel layers without a checkerboard (Aitken et al. 2017)")] = False
    content: Annotated[Content, Setting("content loss")] = "mse"
    adversarial: Annotated[float, Setting("weight of the adversarial loss; 0: no discriminator", "WEIGHT")] = 0.0
    tv: Annotated[float, Setting("weight of the total variation", "WEIGHT")] = 0.0
    starts_from: str | None = None
    """The recipe whose weights the generator starts from; None: from scratch."""
    steps: Annotated[int, Setting("updates of the generator", "UPDATES")]
    batch: Annotated[int, Setting("crops per update, over all processes together", "CROPS")] = 16
    crop: Annotated[int, Setting("height and width of an HR crop, a multiple of 16", "PIXELS")] = 96
    rate: Annotated[float, Setting("highest learning rate of Adam", "RATE")] = 1e-4
    schedule: Annotated[
        Schedule,
        Setting(
            "how the learning rate changes. drop: to a tenth after half of the updates; one-cycle: up during the first "
            "tenth of them, then down to 0 along a cosine"
        ),
    ] = "constant"
    ema: Annotated[
        float, Setting("decay of the moving average of the weights, which is validated and published", "DECAY")
    ] = 0.999
    shuffled: Annotated[
        bool, Setting("pair each LR crop with another photo's HR crop: a negative control, which must not learn")
    ] = False

    def __post_init__(self) -> None:
        wrong = []
        if self.network not in ("generator", "espcn"):
            wrong.append(f"network is {self.network!r}; known: generator, espcn")
        if self.content not in CONTENT:
            wrong.append(f"content is {self.content!r}; known: {', '.join(CONTENT)}")
        if self.schedule not in SCHEDULES:
            wrong.append(f"schedule is {self.schedule!r}; known: {', '.join(SCHEDULES)}")
        for name in ("blocks", "channels", "steps", "batch"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) >= 1):
                wrong.append(f"{name} is {getattr(self, name)!r}; it must be a whole number of at least 1")
        if not isinstance(self.crop, int):
            wrong.append(f"crop is {self.crop!r}; it must be a whole number")
        elif self.crop < 16 or self.crop % 16:
            wrong.append(
                f"crop is {self.crop}; it must be a positive multiple of 16 (the discriminator halves it four times)"
            )
        if not (math.isfinite(self.rate) and self.rate > 0):
            wrong.append(f"rate is {self.rate}; it must be a positive number")
        for name in ("adversarial", "tv"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                wrong.append(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.shuffled and self.batch < 2:
            wrong.append("shuffled pairs need a batch of at least 2")
        if not 0 <= self.ema < 1:
            wrong.append(f"ema is {self.ema}; it must be in [0, 1)")
        if wrong:
            raise UserError(f"recipe {self.name}: " + "; ".join(wrong))

    def change(self, **settings: Any) -> "Recipe":
        """The same recipe with other settings. Raises UserError for an unknown name or an impossible value."""
        known = {field.name for field in dataclasses.fields(self)}
        if unknown := settings.keys() - known:
            raise UserError(f"a recipe has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
        if fixed := self.fixed & settings.keys():
            raise UserError(f"recipe {self.name}: ESPCN has one size; leave out {' and '.join(sorted(fixed))}")
        return dataclasses.replace(self, **settings)

    @property
    def fixed(self) -> set[str]:
        """The settings that its network does not have: ESPCN has one size."""
        return {"blocks", "channels"} if self.network == "espcn" else set()

    @property
    def smallest_share(self) -> int:
        """How many crops a process needs: 2 to shuffle pairs, or where D reduces each crop to one pixel, else 1.

        Each process exchanges the HR crops of its own share, and BatchNorm cannot compute the variance of one number.
        """
        return 2 if self.shuffled or (self.adversarial and self.crop == 16) else 1

    def check_share(self, processes: int) -> None:
        """Raises UserError unless so many processes can share a batch evenly, each with enough crops."""
        if self.batch % processes:
            raise UserError(
                f"a batch of {self.batch} cannot be divided evenly among {processes} processes. "
                f"Choose a --batch that is a multiple of {processes}."
            )
        if self.batch // processes < self.smallest_share:
            why = "shuffled pairs need" if self.shuffled else "with crops of 16 pixels, the discriminator needs"
            gives = f"a batch of {self.batch} gives each of the {processes} processes only 1"
            raise UserError(
                f"{why} at least 2 crops in each process, and {gives if processes > 1 else 'the batch is 1'}. Choose a "
                f"--batch of at least {2 * processes}{', or fewer processes' if processes > 1 else ''}."
            )

    def make_generator(self) -> "ESPCN | Generator":
        """An untrained network. Draws from torch's global random numbers."""
        from srgan_lessons.models import ESPCN, Generator  # imports torch, which the settings do not need

        if self.network == "espcn":
            return ESPCN(icnr=self.icnr)
        return Generator(self.blocks, self.channels, icnr=self.icnr)

    def make_discriminator(self) -> "Discriminator | None":
        """An untrained discriminator, or None if the recipe has no adversarial loss."""
        from srgan_lessons.models import Discriminator

        return Discriminator(self.crop, self.channels) if self.adversarial else None

    def rate_at(self, step: int) -> float:
        """The learning rate of update number `step`, counted from 0."""
        if self.schedule == "constant":
            return self.rate
        if self.schedule == "drop":
            return self.rate if step < self.steps // 2 else self.rate / 10
        rise = max(1, self.steps // 10)
        if step < rise:
            return self.rate * (step + 1) / rise
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, self.steps - rise)))

    def describe(self) -> str:
        """All settings in a few lines, as a run prints them."""
        names = [field.name for field in dataclasses.fields(self)[1:] if field.name not in self.fixed]
        pairs = [f"{name} {getattr(self, name)}" for name in names]
        lines = [", ".join(pairs[i : i + 6]) for i in range(0, len(pairs), 6)]
        return f"recipe {self.name}\n  " + "\n  ".join(lines)


def _gan(name: str, content: Content, **settings: Any) -> Recipe:
    """Paper, section 3.2: starts from SRResNet-MSE, with 100,000 updates at 1e-4, then 100,000 at 1e-5."""
    common: dict[str, Any] = {"adversarial": ADVERSARIAL_WEIGHT, "steps": 200_000, "schedule": "drop"}
    return Recipe(name=name, content=content, starts_from="srresnet-mse", **(common | settings))


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # A network that two CPU cores train within a minute. Its learning rate was found by trial.
        Recipe(name="espcn", network="espcn", icnr=True, steps=1_200, rate=3e-3, schedule="one-cycle"),
        # The five variants of Table 1 (paper, sections 3.2 and 3.4). Three things are ours; the paper mentions none of
        # them: the moving average of the weights, which is validated and published (ema); crops that are turned and
        # mirrored; and LR crops that are rounded to the 256 levels of a file. losses.py names a fourth, in VGGLoss.
        Recipe(name="srresnet-mse", steps=1_000_000),
        Recipe(name="srresnet-vgg22", content="vgg22", tv=TV_WEIGHT, steps=1_000_000),
        _gan("srgan-mse", "mse"),
        _gan("srgan-vgg22", "vgg22"),
        _gan("srgan-vgg54", "vgg54"),
        # An SRGAN that needs no download: its content loss uses pixels, and a VGG16 that comes with a package. Its
        # results are not comparable with those of VGG54. The shares of its content loss sum to 1.25, so its adversarial
        # weight is 1.25 times the paper's.
        _gan("srgan-offline", "offline", steps=50_000, adversarial=1.25 * ADVERSARIAL_WEIGHT),
    )
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name; its tiny variant if SRGAN_LESSONS_FAST=1. Raises UserError with the known names."""
    if name not in RECIPES:
        raise UserError(f"unknown recipe {name!r}; known: {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    if not fast_mode():
        return recipe
    if recipe.network == "espcn":
        return recipe.change(steps=300, batch=4, crop=32)
    return recipe.change(blocks=2, channels=8, steps=20, batch=4, crop=32)
