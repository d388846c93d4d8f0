"""Training: recipes, the two updates of the paper, and the loop around them.

Modules that need torch are imported on first use, because the command line reads only the settings, which do not need
torch.
"""

from typing import TYPE_CHECKING, Any

from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import RECIPES, Recipe, find_recipe

if TYPE_CHECKING:
    from srgan_lessons.training.loop import Run, train

__all__ = ["RECIPES", "Options", "Recipe", "Run", "find_recipe", "train"]


def __getattr__(name: str) -> Any:
    if name not in ("Run", "train"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from srgan_lessons.training import loop

    return getattr(loop, name)
