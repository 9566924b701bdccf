"""The demo: the whole loop on a simulated marketplace with known truth."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.jobs.compare import (
    BASELINES,
    PAPER_RECIPES,
    Baselines,
    CompareConfig,
    RecipeComparison,
    Recipes,
    Workers,
    compare,
)
from adjudge.jobs.simulate import SimulateConfig, simulate
from adjudge.jobs.start import job
from adjudge.jobs.steps import Step, Steps
from adjudge.market.settings import MarketSettings
from adjudge.records import Progress, no_progress
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.student.settings import StudentSettings

SIMULATED = ("market", "clicks and sales", "Search verdicts", "annotators", "language-model judges")
TITLE = "Which labels make the best keyphrase filter? A demo on a simulated marketplace"


def small_student() -> StudentSettings:
    """A student of about a minute on one core: design/0005 has measurements of it."""
    return StudentSettings(threads=1, max_pairs=80_000, dev_rows=5_000)


@settings
class DemoConfig:
    """Settings of `adjudge demo`: a simulated marketplace, and the rest as in `CompareConfig`."""

    out: Annotated[Path, setting("The run's folder; a later call with the same one goes on from there.")] = (
        Path("runs/demo")
    )
    market: MarketSettings = field(default_factory=MarketSettings)
    recipes: Recipes = PAPER_RECIPES
    baselines: Baselines = BASELINES
    student: StudentSettings = field(default_factory=small_student)
    scorecard: ScorecardSettings = field(default_factory=ScorecardSettings)
    workers: Workers = 2


@job(lambda config: config.out)
def demo(config: DemoConfig, progress: Progress = no_progress) -> RecipeComparison:
    """Simulate a marketplace and compare paper 1's six recipes on it; resumes where it stopped."""
    world = SimulateConfig(config.out / "market", config.market)
    Steps(config.out).run(Step("simulate", simulate, world, (world.out,)), progress)
    comparison = CompareConfig(
        world.out,
        config.out,
        recipes=config.recipes,
        production=config.recipes[0],
        baselines=config.baselines,
        title=TITLE,
        simulated=SIMULATED,
        workers=config.workers,
        student=config.student,
        scorecard=config.scorecard,
    )
    return compare(comparison, progress)
