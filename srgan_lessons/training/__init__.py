"""Training: recipes, the two updates of the paper, and the loop around them.

What needs torch is imported when it is used: settings alone, as the command line reads them, need none.
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
