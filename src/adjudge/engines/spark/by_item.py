"""Pairs laid out by item: buckets, each scored by one task, finished ones kept over a kill."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge.engines.local import state
from adjudge.engines.local.parts import input_files, open_file
from adjudge.engines.local.worker import Counts
from adjudge.engines.output import Stamp, default_run_id, iso, stamped
from adjudge.engines.spark import publish
from adjudge.engines.spark.layout import ITEM_COLUMNS, Cut, Source, laid_out
from adjudge.engines.spark.reading import File, file_of
from adjudge.engines.spark.running import SparkFailed, Watch, running
from adjudge.engines.spark.settings import SparkSettings
from adjudge.engines.spark.worker import TOLD_SQL, Model, Work, mapper
from adjudge.engines.task import Scored, Task
from adjudge.records import Progress
from adjudge.scoring.core import Scorer
from adjudge.scoring.rows import SCORES_SCHEMA
from adjudge.scoring.texts import Join

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def score_by_item(task: Task, settings: SparkSettings, archive: Path | None, progress: Progress) -> Scored:
    """Score a task whose paths are absolute; see `engine.score_pairs`."""
    source, rows = _source(task)
    buckets = max(-(-rows // task.part_rows), min(settings.least_parts, -(-rows // 1024)), 1)
    cut = Cut(buckets, min(task.part_rows, -(-rows // buckets) or 1))
    scorer = task.load(workers=1)
    stamp = Stamp(
        task.run_id or default_run_id(task.scored_at, scorer.version),
        scorer.version,
        scorer.threshold,
        iso(task.scored_at),
    )
    ordered = task.out.suffix == ".parquet"
    with state.opened(
        task.out, _fingerprint(task, source, scorer, buckets, settings.layout), stamp, task.resume
    ) as run:
        work = Work(
            model=Model(task.load, archive.stem if archive else None, scorer.version),
            schema=stamped(SCORES_SCHEMA, run.stamp),
            scored_at=run.stamp.time,
            folder=run.folder,
            joined=bool(source.items),
            ordered=ordered,
        )
        total = _score(running(task, settings, archive), settings, source, work, cut, rows, progress)
        place = publish.one_file if ordered else publish.folder
        aside = place(task.out, run.folder, run.stamp, total)
    return Scored(
        task.out,
        total.rows,
        total.kept,
        total.unscored,
        aside if total.unscored else None,
        scorer.version,
        scorer.threshold,
        run.stamp.run_id,
        run.stamp.time,
        total.reasons,
    )


def _source(task: Task) -> tuple[Source, int]:
    """The input's files, checked, and the rows of the pairs."""
    join = Join(task.items, task.keyphrases)
    pairs, rows = _files(task.pairs, join.needed, join.columns)
    items, _ = _files(task.items, ("item_id", "title"), ITEM_COLUMNS)
    phrases = ("keyphrase_id", "keyphrase")
    keyphrases, known = _files(task.keyphrases, phrases, phrases)
    return Source(pairs, join.columns, items, keyphrases, known), rows


def _files(source: Path | None, needed: tuple[str, ...], columns: tuple[str, ...]) -> tuple[list[File], int]:
    """A table's files, checked, and their rows."""
    files: list[File] = []
    rows = 0
    for path in input_files(source) if source else []:
        with open_file(path, needed) as file:
            files.append(file_of(path, rows, file.schema_arrow, columns))
            rows += file.metadata.num_rows
    return files, rows


def _fingerprint(task: Task, source: Source, scorer: Scorer, buckets: int, layout: str) -> dict[str, Any]:
    """What makes two runs give the same parts; --resume compares it entry by entry."""

    def identity(file: File) -> list[Any]:
        seen = file.path.stat()
        return [file.path.name, seen.st_size, seen.st_mtime_ns]

    return {
        "engine": "spark",
        "pairs": [identity(file) for file in source.pairs],
        "items": [identity(file) for file in source.items],
        "keyphrases": [identity(file) for file in source.keyphrases],
        "model_version": scorer.version,
        "threshold": scorer.threshold,
        "chunk": task.chunk,
        "buckets": buckets,
        "layout": layout,
        "ordered": task.out.suffix == ".parquet",
        "settings": task.settings,
        "run_id": task.run_id,
    }


def _score(
    session: AbstractContextManager[SparkSession],
    settings: SparkSettings,
    source: Source,
    work: Work,
    cut: Cut,
    rows: int,
    progress: Progress,
) -> Counts:
    """Score the buckets that are not finished; the sum over all. Raises SparkFailed, also where rows are missing."""
    watch = Watch(work.folder, lambda done: progress("score", done, rows))
    done = watch.look()
    if len(done) < cut.buckets:
        with session as spark, watch:
            laid = laid_out(spark, source, settings, cut, sorted(done))
            laid.mapInArrow(mapper(work), TOLD_SQL).collect()
    done = watch.look()
    total = sum((done[bucket] for bucket in sorted(done)), Counts())
    if total.rows != rows:
        raise SparkFailed(
            f"{rows:,} rows went in and {total.rows:,} came out: was an input file changed while the run read it? "
            "Score again without --resume."
        )
    progress("score", rows, rows)
    return total
