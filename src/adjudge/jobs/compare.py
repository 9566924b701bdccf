"""The job `compare`: which mix of labels gives the best keyphrase filter?

Recipes become training sets, training sets models, models scores, and scores a scorecard and a report. It
runs on any logs folder and resumes where it stopped. Every step is also a command of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from adjudge.config import check_choice, setting, settings
from adjudge.errors import BadConfig
from adjudge.jobs.evaluate import EvaluateConfig, Evaluation, evaluate, read_thresholds
from adjudge.jobs.pairs import PairsConfig, pairs
from adjudge.jobs.recipe import RecipeConfig, recipe
from adjudge.jobs.report import ReportConfig, report
from adjudge.jobs.score import ScoreConfig, score
from adjudge.jobs.start import job
from adjudge.jobs.steps import Step, Steps, named
from adjudge.jobs.train import KINDS, TrainConfig, train
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import parse
from adjudge.records import Progress, no_progress
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.student.settings import StudentSettings

PAPER_RECIPES = ("search+-", "click+ llm-", "llm+-", "click+ llm+-", "click+ search-", "tuned+-")
BASELINES = tuple(kind for kind in KINDS if kind != "cross-encoder")
Recipes = Annotated[
    tuple[str, ...],
    setting("A recipe, as 'click+ llm+-': one student each, in the order to show. Repeatable."),
]
Baselines = Annotated[
    tuple[str, ...],
    setting("Models without a student that are measured too; none if empty.", choices=BASELINES),
]
Workers = Annotated[
    int,
    setting(
        "Students trained at a time, each in a process of about 1.2 GB. They change no byte of a student as "
        "long as student.threads stays 1.",
        ge=1,
        le=64,
    ),
]


def one_thread() -> StudentSettings:
    """The default student: one thread, so that several learn at once and all machines give the same bytes."""
    return StudentSettings(threads=1)


@settings
class CompareConfig:
    """Settings of `adjudge compare`."""

    logs: Annotated[Path, setting("A logs folder: items.parquet, pairs.parquet, clicks.parquet, ...")]
    out: Annotated[Path, setting("The run's folder; a later call with the same one goes on from there.")]
    recipes: Recipes = PAPER_RECIPES
    production: Annotated[str, setting("The recipe that changes are relative to.")] = "search+-"
    baselines: Baselines = BASELINES
    split: Annotated[
        str, setting("The pairs that are measured; models learn from the others.", choices=("dev", "test"))
    ] = "test"
    title: Annotated[str, setting("The report's title.")] = "Which labels make the best keyphrase filter?"
    simulated: Annotated[
        tuple[str, ...], setting("What of the logs is simulated, for the top of the report. Repeatable.")
    ] = ()
    seed: Annotated[int, setting("Seed of the scorecard's bootstrap.")] = 7
    workers: Workers = 2
    recipe: RecipeSettings = field(default_factory=RecipeSettings)
    student: StudentSettings = field(default_factory=one_thread)
    scorecard: ScorecardSettings = field(default_factory=ScorecardSettings)

    def __post_init__(self) -> None:
        spellings = tuple(str(parse(text)) for text in self.recipes)
        if len(set(spellings)) != len(spellings) or not spellings:
            raise BadConfig(f"CompareConfig.recipes is {list(self.recipes)}: name at least one, each once")
        object.__setattr__(self, "recipes", spellings)
        object.__setattr__(self, "production", str(parse(self.production)))
        check_choice("CompareConfig", "production", self.production, spellings)


@dataclass(frozen=True)
class RecipeComparison:
    """The run's folder, what was measured, the artifact of each model, and the report."""

    out: Path
    evaluated: Evaluation
    artifacts: dict[str, Path]
    report: Path


@job(lambda config: config.out)
def compare(config: CompareConfig, progress: Progress = no_progress) -> RecipeComparison:
    """Run every step that is not done yet. Raises what the steps raise; a later call goes on from there."""
    steps = Steps(config.out)
    for spelling in config.recipes:
        mix = RecipeConfig(spelling, config.logs, _recipe(config, spelling), config.recipe)
        steps.run(Step(f"recipe {spelling}", recipe, mix, (mix.out,)), progress)
    students = [_student(config, spelling) for spelling in config.recipes]
    steps.run_all(students, config.workers, progress, "students")
    for kind in config.baselines:
        steps.run(_baseline(config, kind), named(progress, kind))
    models = (*config.recipes, *config.baselines)
    _score(config, models, steps, progress)
    evaluated = _evaluate(config, models, progress)
    page = report(ReportConfig((config.out,), config.out / "report.html"), progress).path
    return RecipeComparison(config.out, evaluated, {name: _artifact(config, name) for name in models}, page)


def _student(config: CompareConfig, spelling: str) -> Step:
    training, out = _recipe(config, spelling) / "training.parquet", _artifact(config, spelling)
    lesson = TrainConfig(training, out, recipe=spelling, student=config.student)
    return Step(f"train {spelling}", train, lesson, (out,), (f"recipe {spelling}",))


def _baseline(config: CompareConfig, kind: str) -> Step:
    """A baseline; its scores are calibrated on the production recipe's dev rows."""
    training, out = _recipe(config, config.production) / "training.parquet", _artifact(config, kind)
    lesson = TrainConfig(training, out, kind=kind, logs=config.logs, splits=config.recipe)
    return Step(f"train {kind}", train, lesson, (out,), (f"recipe {config.production}",))


def _score(config: CompareConfig, models: Sequence[str], steps: Steps, progress: Progress) -> None:
    listing = PairsConfig(config.logs, config.out / "to_score.parquet", config.split, config.recipe)
    steps.run(Step("pairs", pairs, listing, (listing.out,)), progress)
    for model in models:
        scoring = ScoreConfig(_artifact(config, model), listing.out, _scores(config, model))
        after = ("pairs", f"train {model}")
        steps.run(Step(f"score {model}", score, scoring, (scoring.out,), after), named(progress, model))


def _recipe(config: CompareConfig, spelling: str) -> Path:
    return config.out / "recipes" / spelling


def _artifact(config: CompareConfig, model: str) -> Path:
    return config.out / "artifacts" / model


def _scores(config: CompareConfig, model: str) -> Path:
    return config.out / "scores" / f"{model}.parquet"


def _evaluate(config: CompareConfig, models: Sequence[str], progress: Progress) -> Evaluation:
    """The scorecard, then each artifact gets the threshold that keeps the wanted share of clicks."""
    from adjudge.manifest import set_threshold

    measuring = EvaluateConfig(
        config.logs,
        {model: str(_scores(config, model)) for model in models},
        config.out,
        production=config.production,
        split=config.split,
        splits=config.recipe,
        recipes={spelling: str(_recipe(config, spelling)) for spelling in config.recipes},
        simulated=config.simulated,
        title=config.title,
        seed=config.seed,
        scorecard=config.scorecard,
    )
    evaluated = evaluate(measuring, progress)
    usable = [model for model in models if evaluated.thresholds.get(model) is not None]
    how = f"{config.scorecard.weighting}, split {config.split} of {config.logs.name}"
    for model, threshold in read_thresholds(config.out / "thresholds.json", usable).items():
        set_threshold(_artifact(config, model), threshold, config.scorecard.retention, how)
    return evaluated
