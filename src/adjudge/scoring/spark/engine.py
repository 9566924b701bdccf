"""The Spark engine: buckets of items, each scored by one task, finished ones kept over a kill."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adjudge.config import from_dict
from adjudge.errors import AdjudgeError, BadConfig
from adjudge.records import Progress, no_progress
from adjudge.scoring.core import Scorer
from adjudge.scoring.local import state
from adjudge.scoring.local.parts import input_files, open_file
from adjudge.scoring.local.worker import Counts
from adjudge.scoring.output import Stamp, default_run_id, iso, stamped
from adjudge.scoring.rows import SCORES_SCHEMA
from adjudge.scoring.spark import publish
from adjudge.scoring.spark.layout import Source, laid_out
from adjudge.scoring.spark.session import opened
from adjudge.scoring.spark.settings import SparkSettings
from adjudge.scoring.spark.worker import TOLD_SQL, Work, mapper, mark
from adjudge.scoring.task import Scored, Task
from adjudge.scoring.texts import Join


class SparkFailed(AdjudgeError):
    """Spark gave a run up."""


def score_pairs(task: Task, progress: Progress = no_progress) -> Scored:
    """Score every row of `task.pairs` on Spark, as the local engine does.

    One file (`.parquet`) holds the rows in the order of the input; a folder holds a part a bucket, each sorted by item and
    then by row. All paths must be seen by every executor. Raises BadTable, BadConfig, NoSpark, SparkFailed.
    """
    settings = task.options.get("spark") or SparkSettings()
    source, rows = _source(task)
    buckets = max(-(-rows // task.part_rows), min(settings.least_parts, -(-rows // 1024)), 1)
    scorer = task.load(1)
    stamp = Stamp(
        task.run_id or default_run_id(task.scored_at, scorer.version),
        scorer.version,
        scorer.threshold,
        iso(task.scored_at),
    )
    ordered = task.out.suffix == ".parquet"
    with state.opened(task.out, _fingerprint(task, source, scorer, buckets), stamp, task.resume) as run:
        work = Work(
            load=task.load,
            shipped=task.artifact.name if settings.ship and task.artifact else None,
            version=scorer.version,
            schema=stamped(SCORES_SCHEMA, run.stamp),
            scored_at=run.stamp.time,
            folder=run.folder.absolute(),
            joined=bool(source.items),
            ordered=ordered,
        )
        counts = _score(task, settings, source, work, buckets, rows, progress)
        total = sum((counts[bucket] for bucket in sorted(counts)), Counts())
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
    paths, firsts, rows = input_files(task.pairs), [], 0
    for path in paths:
        with open_file(path, join.needed) as file:
            firsts.append(rows)
            rows += file.metadata.num_rows
    items, _ = _checked(task.items, ("item_id", "title"))
    keyphrases, known = _checked(task.keyphrases, ("keyphrase_id", "keyphrase"))
    pairs = [path.absolute() for path in paths]
    return Source(pairs, firsts, join.columns, items, keyphrases, known), rows


def _checked(source: Path | None, needed: tuple[str, ...]) -> tuple[list[Path], int]:
    """A table's files, and their rows."""
    paths, rows = input_files(source) if source else [], 0
    for path in paths:
        with open_file(path, needed) as file:
            rows += file.metadata.num_rows
    return [path.absolute() for path in paths], rows


def _fingerprint(task: Task, source: Source, scorer: Scorer, buckets: int) -> dict[str, Any]:
    """What makes two runs give the same parts; --resume compares it entry by entry."""

    def identity(path: Path) -> list[Any]:
        seen = path.stat()
        return [path.name, seen.st_size, seen.st_mtime_ns]

    return {
        "engine": "spark",
        "pairs": [identity(path) for path in source.pairs],
        "items": [identity(path) for path in source.items],
        "keyphrases": [identity(path) for path in source.keyphrases],
        "model_version": scorer.version,
        "threshold": scorer.threshold,
        "chunk": task.chunk,
        "buckets": buckets,
        "ordered": task.out.suffix == ".parquet",
        "settings": task.settings,
        "run_id": task.run_id,
    }


def _score(
    task: Task,
    settings: SparkSettings,
    source: Source,
    work: Work,
    buckets: int,
    rows: int,
    progress: Progress,
) -> dict[int, Counts]:
    """Score the buckets that are not finished; the counts of all, by bucket."""
    if settings.ship and task.artifact is None:
        raise BadConfig("spark.ship is true, but this task does not say where its artifact lies")
    done = _finished(work.folder, buckets)
    if len(done) == buckets:
        return done
    cores = task.workers or len(os.sched_getaffinity(0))
    from pyspark.errors import PySparkException

    with opened(settings, cores, task.chunk) as spark, _watched(work.folder, buckets, rows, progress):
        if work.shipped and task.artifact:
            spark.sparkContext.addFile(str(task.artifact.absolute()), recursive=True)
        try:
            laid = laid_out(spark, source, settings, buckets, sorted(done))
            told = laid.mapInArrow(mapper(work), TOLD_SQL).collect()
        except PySparkException as error:
            raise SparkFailed(
                f"Spark gave the run up: {_reason(str(error))}. Finished parts are kept: go on with --resume."
            ) from error
    fresh = {row.bucket: from_dict(Counts, json.loads(row.counts)) for row in told}
    scored = sum(counts.rows for counts in (*fresh.values(), *done.values()))
    if scored != rows:
        raise SparkFailed(
            f"{rows:,} rows went in and {scored:,} came out: was an input file changed while the run read it? "
            "Score again without --resume."
        )
    return {**fresh, **done}


def _reason(text: str) -> str:
    """What a worker raised (the last line of its traceback), or the first line of Spark's own message.

    >>> _reason("[PYTHON_EXCEPTION] ...: Traceback ...\\n  File ...\\nMemoryError: no room\\n SQLSTATE: 38000")
    'MemoryError: no room'
    """
    told = text.split("SQLSTATE")[0] if "Traceback" in text else text
    lines = [line.strip() for line in told.splitlines() if line.strip()] or ["no message"]
    return lines[-1] if "Traceback" in text else lines[0]


def _finished(folder: Path, buckets: int) -> dict[int, Counts]:
    """The counts of the buckets whose files are complete."""
    found = {}
    for bucket in range(buckets):
        try:
            found[bucket] = from_dict(Counts, json.loads(mark(folder, bucket).read_text("utf-8")))
        except (OSError, ValueError, BadConfig):
            continue
    return found


@contextmanager
def _watched(folder: Path, buckets: int, rows: int, progress: Progress) -> Iterator[None]:
    """Reports the rows of finished buckets while Spark is at work."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            progress("score", sum(counts.rows for counts in _finished(folder, buckets).values()), rows)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    progress("score", rows, rows)
