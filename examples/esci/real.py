"""Human labels of ESCI become a small student, measured against word overlap and zero-shot cosine.

    python -m examples.esci.real --data DATA --out runs/esci      (`make real`)


    import -> recipe human+- with the given splits -> teacher -> lessons (cosine, teacher, labels) -> artifact
           -> dev and test: AUC against both bars with paired intervals, NDCG@10, per source -> report

Nothing but dev decides anything; test is scored once, by the finished student and the two bars.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow.parquet as pq

from adjudge import config as settings_of
from adjudge.cli.commands import run_one
from adjudge.cli.output import NONE, interval, lines, number, table
from adjudge.cli.registry import JobSpec
from adjudge.config import check_range
from adjudge.jobs.evaluate import EvaluateConfig, evaluate
from adjudge.jobs.import_ import import_esci
from adjudge.jobs.recipe import RecipeConfig, recipe
from adjudge.jobs.report import ReportConfig, report
from adjudge.jobs.score import ScoreConfig, score
from adjudge.jobs.train import TrainConfig, train
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import parse
from adjudge.records import Progress, no_progress
from adjudge.scorecard.settings import ScorecardSettings
from adjudge.student.distil import LESSONS, DistilSettings, Lessons
from adjudge.student.settings import StudentSettings
from examples.esci import figures, tables
from examples.esci.figures import Figures
from examples.esci.tables import MEASURED

Done = TypeVar("Done")
Scores = dict[str, dict[str, Path]]
STUDENT, BARS = "student", ("jaccard", "cosine")
GIVEN_SPLITS = RecipeSettings(min_annotators=1, split_by="keyphrase", shares=(1.0, 0.0, 0.0))


@dataclass(frozen=True)
class LessonSettings:
    """How the student takes one lesson: passes over its pairs, learning rate, warm-up share, looks at dev,
    and after
    how many looks without a lower dev loss it stops (0 = never)."""

    epochs: int = 1
    lr: float = 5e-4
    warmup: float = 0.1
    evaluations: int = 4
    patience: int = 0

    def __post_init__(self) -> None:
        check_range("LessonSettings", "epochs", self.epochs, 1, 1000)
        check_range("LessonSettings", "lr", self.lr, 1e-8, 1)
        check_range("LessonSettings", "warmup", self.warmup, 0, 0.9)
        check_range("LessonSettings", "evaluations", self.evaluations, 1, 1000)
        check_range("LessonSettings", "patience", self.patience, 0, 1000)


@dataclass(frozen=True)
class RealConfig:
    """data: ESCI as `tables.source` reads it; out: the run's folder; rows: labelled pairs used a split at
    most.

    recipe: which labels. dev: moves keyphrases of train to dev where the data has no dev split. student: its
    start, size and all else. distil: the lessons. cosine, teacher, labels: how each is taken. retention:
    share of dev's relevant pairs that the artifact's threshold keeps (ESCI has no clicks).
    """

    data: Path
    out: Path = Path("runs/esci")
    recipe: str = "human+-"
    rows: int | None = 20_000
    seed: int = 7
    dev: RecipeSettings = field(default_factory=lambda: replace(GIVEN_SPLITS, shares=(0.85, 0.15, 0.0)))
    student: StudentSettings = field(default_factory=lambda: StudentSettings(soft=True, threads=1))
    distil: DistilSettings = field(default_factory=lambda: DistilSettings(texts="all", teacher_pairs=240_000))
    cosine: LessonSettings = field(default_factory=LessonSettings)
    teacher: LessonSettings = field(default_factory=lambda: LessonSettings(lr=7e-4))
    labels: LessonSettings = field(default_factory=lambda: LessonSettings(epochs=3, lr=1e-4, evaluations=3))
    retention: float = 0.95
    replicates: int = 1000
    scorecard: ScorecardSettings = field(
        default_factory=lambda: ScorecardSettings(cluster="keyphrase", min_clusters=10)
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "recipe", str(parse(self.recipe)))
        if self.rows is not None:
            check_range("RealConfig", "rows", self.rows, 10, 10**9)
        check_range("RealConfig", "seed", self.seed, 0, 2**31 - 1)
        check_range("RealConfig", "retention", self.retention, 0.01, 1)
        check_range("RealConfig", "replicates", self.replicates, 10, 100_000)


@dataclass(frozen=True)
class Real:
    """The run's folder, the artifact, the report, and every figure (as in metrics.json)."""

    out: Path
    artifact: Path
    report: Path
    figures: Figures
    seconds: dict[str, float]


def real(config: RealConfig, progress: Progress = no_progress) -> Real:
    """Run everything.

    Raises what the steps raise: BadTable, BadRecipe, NotEnoughData, MissingExtra, BadConfig.
    """
    clock = _Clock()
    settings_of.save(config, config.out / "real.json")
    training = clock.time("import and recipe", lambda: _labels(config, progress))
    lessons = clock.time("teacher and lessons", lambda: _lessons(config, training, progress))
    models = clock.time("student", lambda: _learn(config, lessons, progress))
    for kind in BARS:
        models[kind] = config.out / "artifacts" / kind
        lesson = TrainConfig(training, models[kind], kind=kind)
        clock.time("bars", lambda lesson=lesson: train(lesson, progress))  # type: ignore[misc]
    scores = clock.time("scores", lambda: _score(config, models, progress))
    measured = clock.time("figures", lambda: _measure(config, training, lessons, scores, progress))
    shown = ReportConfig((config.out,), config.out / "report.html")
    page = clock.time("report", lambda: report(shown, progress).path)
    figures.write(config.out / "metrics.json", measured, clock.seconds, config, lessons)
    return Real(config.out, config.out / "artifact", page, measured, clock.seconds)


class _Clock:
    """Seconds by step; a step timed twice adds up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, step: str, work: Callable[[], Done]) -> Done:
        began = time.monotonic()
        done = work()
        self.seconds[step] = self.seconds.get(step, 0.0) + time.monotonic() - began
        return done


def _labels(config: RealConfig, progress: Progress) -> Path:
    """Logs, the recipe's training set with the given splits, and a logs folder for each measured split."""
    logs, made = config.out / "logs", config.out / "recipe"
    import_esci(tables.source(config.data, logs), progress)
    splits = config.out / "splits.parquet"
    tables.place(logs, splits, config.dev, config.rows)
    recipe(RecipeConfig(config.recipe, logs, made, GIVEN_SPLITS), progress)
    training = tables.honour(made, splits, made / "placed")
    for split in MEASURED:
        tables.part(logs, splits, split, config.out / split / "logs")
        tables.groups(splits, split, config.out / split / "parts.parquet")
    return training


def _lessons(config: RealConfig, training: Path, progress: Progress) -> Lessons:
    from adjudge.student.distil import lessons

    rows = pq.read_table(training)
    return lessons(rows, replace(config.distil, seed=config.seed), config.out / "lessons", progress)


def _learn(config: RealConfig, lessons: Lessons, progress: Progress) -> dict[str, Path]:
    """One artifact a lesson, each starting from the one before; the last one is the student."""
    start = config.student.start
    artifacts: dict[str, Path] = {}
    for lesson, pairs in lessons.tables.items():
        how: LessonSettings = getattr(config, lesson)
        student = replace(
            config.student, start=start, seed=config.seed, soft=True, **settings_of.to_dict(how)
        )
        last = lesson == LESSONS[-1]
        artifact = config.out / "artifact" if last else config.out / "artifacts" / f"after {lesson}"
        train(TrainConfig(pairs, artifact, config.recipe, student=student), _named(progress, lesson))
        artifacts[STUDENT if last else f"after {lesson}"] = artifact
        start = str(artifact)
    return artifacts


def _score(config: RealConfig, models: dict[str, Path], progress: Progress) -> Scores:
    """Score files by split and model. Test is scored by the student and the bars alone."""
    files: Scores = {}
    for split in MEASURED:
        files[split] = {}
        for model, artifact in models.items():
            if split == "test" and model not in (STUDENT, *BARS):
                continue
            out = config.out / split / "scores" / f"{model}.parquet"
            pairs = config.out / split / "logs" / "to_score.parquet"
            if split == "test" and model == STUDENT:
                _set_threshold(config, files["dev"][STUDENT])
            score(ScoreConfig(artifact, pairs, out), _named(progress, f"{split}, {model}"))
            files[split][model] = out
    return files


def _set_threshold(config: RealConfig, scores: Path) -> None:
    """Set the threshold that keeps `retention` of dev's relevant pairs: the highest that so many reach."""
    from adjudge.manifest import set_threshold

    measured = figures.read(config.out / "dev", {STUDENT: scores})
    threshold = figures.keeping(measured.scores[STUDENT][measured.relevant], config.retention)
    set_threshold(config.out / "artifact", threshold, None, f"{config.retention:.0%} of dev's relevant pairs")


def _measure(
    config: RealConfig, training: Path, lessons: Lessons, files: Scores, progress: Progress
) -> Figures:
    """AUC with paired differences and the scorecard's NDCG, on dev and test; `out` holds test's results."""
    found = []
    for split in MEASURED:
        measured = figures.read(config.out / split, files[split])
        if split == "dev":
            measured = figures.with_teacher(measured, pq.read_table(training), lessons.logits)
        progress(f"figures: {split}", MEASURED.index(split), len(MEASURED))
        rng = np.random.default_rng([config.seed, MEASURED.index(split)])
        auc = figures.auc_rows(split, measured, BARS, config.replicates, rng)
        results = config.out if split == "test" else config.out / split
        asked = EvaluateConfig(
            config.out / split / "logs",
            {model: str(path) for model, path in files[split].items()},
            results,
            production="cosine",
            groups=config.out / split / "parts.parquet",
            recipes={config.recipe: str(training.parent)},
            title=f"ESCI, human labels, {split} split",
            seed=config.seed,
            scorecard=config.scorecard,
        )
        evaluate(asked, progress)
        found += auc + figures.ranking_rows(split, results)
    return Figures(found)


def _named(progress: Progress, name: str) -> Progress:
    """The same progress with a name before what is done."""
    return lambda what, done, total: progress(f"{name}: {what}", done, total)


def show(done: Real, config: RealConfig) -> None:
    """Print the AUC of every split, and where the artifact, the figures and the report are."""
    rows = [
        [
            *(row["split"], row["model"], row["minus"] or NONE, row["segment"]),
            *(number(row["value"]), interval(row["low"], row["high"])),
        ]
        for row in done.figures.rows
        if row["metric"] == "AUC"
    ]
    heads = ["split", "model", "minus", "source", "AUC", "95 % interval"]
    table("AUC of {exact, substitute} against {complement, irrelevant}", heads, rows)
    minutes = sum(done.seconds.values()) / 60
    lines(f"artifact: {done.artifact}", f"figures: {done.out / 'metrics.json'}")
    lines(f"report: {done.report} ({minutes:.1f} minutes in all)")


if __name__ == "__main__":
    run_one(
        JobSpec("real", "ESCI's human labels become a small student.", package="examples.esci.", show=show)
    )
