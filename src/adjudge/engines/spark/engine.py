"""The Spark engine: paths made whole, the layout chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from adjudge.engines.local.engine import score_parts
from adjudge.engines.local.parts import Part
from adjudge.engines.local.worker import Counts
from adjudge.engines.local.worker import Work as LocalWork
from adjudge.engines.spark.by_item import score_by_item
from adjudge.engines.spark.in_input_order import Errand, scored_parts
from adjudge.engines.spark.running import Watch, archived, running
from adjudge.engines.spark.settings import SparkSettings
from adjudge.engines.spark.worker import Model
from adjudge.engines.task import Scored, Task
from adjudge.records import Progress, no_progress
from adjudge.scoring.core import Scorer


def score_pairs(task: Task, progress: Progress = no_progress) -> Scored:
    """Score every row of `task.pairs` on Spark; the same rows and scores as the local engine's.

    Layouts `item` and `category`: one file (`.parquet`) holds the rows in the order of the input, a folder holds a part a bucket of items,
    sorted by (category and) item and then by row. Layout `given`: both in the order of the input. All paths must be seen by every
    executor. Raises BadTable, BadConfig, NoSpark, SparkFailed.
    """
    settings = task.options.get("spark") or SparkSettings()
    # An executor's working folder is its own.
    whole = {name: path.absolute() for name in PATHS if (path := getattr(task, name)) is not None}
    there = replace(task, **whole)
    with archived(there.artifact, settings.ship) as archive:
        if settings.layout == "given":
            done = score_parts(there, progress, "spark", _crew(there, settings, archive))
        else:
            done = score_by_item(there, settings, archive, progress)
    aside = done.unscored_path and task.out.parent / done.unscored_path.relative_to(there.out.parent)
    return replace(done, out=task.out, unscored_path=aside)


PATHS = ("pairs", "out", "items", "keyphrases", "artifact")


def _crew(task: Task, settings: SparkSettings, archive: Path | None) -> Callable[..., Iterator]:
    """Executors as the local engine's crew."""

    def crew(
        work: LocalWork, scorer: Scorer, todo: list[Part], tell: Callable[[int], None]
    ) -> Iterator[tuple[Part, Counts]]:
        if not todo:
            return
        told = 0

        def rise(rows: int) -> None:
            nonlocal told
            tell(rows - told)
            told = rows

        watch = Watch(work.folder, rise)
        told = before = watch.rows()
        errand = Errand(
            Model(task.load, archive.stem if archive else None, scorer.version), work, tuple(todo)
        )
        with running(task, settings, archive) as spark, watch:
            done = scored_parts(spark, errand)
        rise(before + sum(part.rows for part, _ in done))
        yield from done

    return crew
