"""The job `recipe`: a logs folder and a spelling become a training set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjudge import config as settings_of
from adjudge.recipes.build import build
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import parse
from adjudge.recipes.tally import RecipeReport
from adjudge.records import Progress, no_progress


@dataclass(frozen=True)
class RecipeConfig:
    """recipe: its spelling, as `click+ llm+-`; logs: a logs folder; out: the folder to write."""

    recipe: str
    logs: Path
    out: Path
    settings: RecipeSettings = field(default_factory=RecipeSettings)

    def __post_init__(self) -> None:
        parse(self.recipe)


def recipe(config: RecipeConfig, progress: Progress = no_progress) -> RecipeReport:
    """Build the training set of `config.recipe` into `config.out` (see `adjudge.recipes.build`).

    The config is saved as `out/config.json`. Raises BadRecipe, BadTable, NotEnoughData.
    """
    report = build(parse(config.recipe), config.logs, config.settings, config.out, progress)
    settings_of.save(config, config.out / "config.json")
    return report
