"""Recipes: a short spelling such as `click+ llm-` becomes a training set with known sources."""

from adjudge.recipes.build import build
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import Recipe, Term, parse
from adjudge.recipes.splits import split_sql
from adjudge.recipes.tally import RecipeReport

__all__ = ["Recipe", "RecipeReport", "RecipeSettings", "Term", "build", "parse", "split_sql"]
