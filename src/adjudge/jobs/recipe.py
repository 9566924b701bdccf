"""The job `recipe`: a logs folder and a recipe become a training set."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.jobs.start import job
from adjudge.recipes.build import build
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import parse
from adjudge.recipes.tally import RecipeReport
from adjudge.records import Progress, no_progress


@settings
class RecipeConfig:
    """A recipe, the logs it is made of, and where the training set goes."""

    recipe: Annotated[str, setting("Sources with signs, as 'click+ llm+-'.")]
    logs: Annotated[Path, setting("A logs folder.")]
    out: Annotated[Path, setting("The folder to write.")]
    settings: Annotated[RecipeSettings, setting("How the sources become labels.")] = field(
        default_factory=RecipeSettings
    )

    def __post_init__(self) -> None:
        parse(self.recipe)


@job(lambda config: config.out)
def recipe(config: RecipeConfig, progress: Progress = no_progress) -> RecipeReport:
    """Build the training set of `config.recipe` into `config.out` (see `adjudge.recipes.build`).

    Raises BadRecipe, BadTable, NotEnoughData.
    """
    return build(parse(config.recipe), config.logs, config.settings, config.out, progress)
