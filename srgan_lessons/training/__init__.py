"""Training: recipes, the two updates of the paper, and the loop around them."""

from srgan_lessons.training.loop import Run, train
from srgan_lessons.training.options import Options
from srgan_lessons.training.recipes import RECIPES, Recipe, find_recipe

__all__ = ["RECIPES", "Options", "Recipe", "Run", "find_recipe", "train"]
