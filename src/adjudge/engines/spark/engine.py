"""The Spark engine: buckets of items, or the input's own parts; each is scored by one task and kept over a
kill.

Layouts `item` and `category` shuffle the pairs into buckets (layout). Layout `given` hands out the local
engine's parts: no row passes the JVM, nothing is shuffled, and the result is the local engine's byte for
byte. It is for pairs that lie by item already (as `adjudge retrieve`, `pairs` and `diff` write them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from adjudge.engines import state
from adjudge.engines.local.engine import score_parts
from adjudge.engines.local.layout import Part, open_file
from adjudge.engines.local.worker import PartWork
from adjudge.engines.output import publish
from adjudge.engines.parts import Counts
from adjudge.engines.spark.layout import ITEM_COLUMNS, BucketPlan, InputTables, laid_out
from adjudge.engines.spark.reading import InputFile, file_of
from adjudge.engines.spark.session import PartWatch, SparkFailed, archived, running
from adjudge.engines.spark.settings import SparkSettings
from adjudge.engines.spark.worker import COUNTS_SQL, BucketWork, WorkerModel, score_buckets, score_given
from adjudge.engines.stamp import stamped
from adjudge.engines.task import ScoreResult, Task, input_files
from adjudge.records import Progress, no_progress
from adjudge.scoring.core import Scorer
from adjudge.scoring.rows import SCORES_SCHEMA
from adjudge.scoring.texts import TextJoin
from adjudge.storage.duck import bounded
from adjudge.storage.files import fresh_parquet

PATHS = ("pairs", "out", "items", "keyphrases", "artifact")
IN_ORDER = "SELECT * FROM read_parquet(?) ORDER BY row"
BATCH = 131_072


def score_pairs(task: Task, progress: Progress = no_progress) -> ScoreResult:
    """Score every row of `task.pairs` on Spark; the same rows and scores as the local engine's.

    Layouts `item` and `category`: one file (`.parquet`) holds the rows in the order of the input, a folder
    holds a part per bucket of items, sorted by (category and) item and then by row. Layout `given`: both in
    the order of the input. All paths must be seen by every executor. Raises BadTable, BadConfig, NoSpark,
    SparkFailed.
    """
    settings = task.options.get("spark") or SparkSettings()
    # An executor's working folder is its own.
    whole = replace(
        task, **{name: path.absolute() for name in PATHS if (path := getattr(task, name)) is not None}
    )
    with archived(whole.artifact, settings.ship) as archive:
        if settings.layout == "given":
            result = score_parts(whole, progress, "spark", _crew(whole, settings, archive))
        else:
            result = _score_by_item(whole, settings, archive, progress)
    aside = result.unscored_path and task.out.parent / result.unscored_path.relative_to(whole.out.parent)
    return replace(result, out=task.out, unscored_path=aside)


def _crew(task: Task, settings: SparkSettings, archive: Path | None) -> Callable[..., Iterator]:
    """Executors as the local engine's crew."""

    def crew(
        work: PartWork, scorer: Scorer, todo: list[Part], report: Callable[[int], None]
    ) -> Iterator[tuple[Part, Counts]]:
        if not todo:
            return
        watch = PartWatch(work.folder, lambda rows: rise(rows))
        reported = before = watch.rows()

        def rise(rows: int) -> None:
            nonlocal reported
            report(rows - reported)
            reported = rows

        model = WorkerModel(task.load, archive.stem if archive else None, scorer.version)
        with running(task, settings, archive) as spark, watch:
            numbers = spark.range(0, len(todo), 1, len(todo))
            numbers.mapInArrow(score_given(model, work, tuple(todo)), COUNTS_SQL).collect()
        rise(before + sum(part.rows for part in todo))
        done = watch.look()
        yield from ((part, done[part.number]) for part in todo)

    return crew


def _score_by_item(
    task: Task, settings: SparkSettings, archive: Path | None, progress: Progress
) -> ScoreResult:
    """Score a task whose paths are absolute by buckets of items."""
    tables, rows = _input_tables(task)
    buckets = max(-(-rows // task.part_rows), min(settings.least_parts, -(-rows // 1024)), 1)
    plan = BucketPlan(buckets, min(task.part_rows, -(-rows // buckets) or 1))
    scorer = task.load(workers=1)
    ordered = task.out.suffix == ".parquet"
    choices = {"engine": "spark", "buckets": buckets, "layout": settings.layout, "ordered": ordered}
    with state.opened(task, scorer, state.fingerprint(task, scorer, **choices)) as run:
        work = BucketWork(
            model=WorkerModel(task.load, archive.stem if archive else None, scorer.version),
            schema=stamped(SCORES_SCHEMA, run.stamp),
            scored_at=run.stamp.time,
            folder=run.folder,
            joined=bool(tables.items),
            ordered=ordered,
        )
        watch = PartWatch(work.folder, lambda done: progress("score", done, rows))
        done = watch.look()
        if len(done) < plan.buckets:
            with running(task, settings, archive) as spark, watch:
                pairs = laid_out(spark, tables, settings, plan, sorted(done))
                pairs.mapInArrow(score_buckets(work), COUNTS_SQL).collect()
        done = watch.look()
        total = sum((done[bucket] for bucket in sorted(done)), Counts())
        if total.rows != rows:
            raise SparkFailed(
                f"{rows:,} rows went in and {total.rows:,} came out: was an input file changed while the run "
                "read it? Score again without --resume."
            )
        progress("score", rows, rows)
        return publish(task, run, total, "spark", partial(_sort_by_row, spill=run.folder / state.INNER))


def _input_tables(task: Task) -> tuple[InputTables, int]:
    """The input's files, checked, and the rows of the pairs."""
    join = TextJoin(task.items, task.keyphrases)
    pairs, rows = _files(task.pairs, join.needed, join.columns)
    items, _ = _files(task.items, ("item_id", "title"), ITEM_COLUMNS)
    phrases = ("keyphrase_id", "keyphrase")
    keyphrases, known = _files(task.keyphrases, phrases, phrases)
    return InputTables(pairs, join.columns, items, keyphrases, known), rows


def _files(
    source: Path | None, needed: tuple[str, ...], columns: tuple[str, ...]
) -> tuple[list[InputFile], int]:
    """A table's files, checked, and their rows."""
    files: list[InputFile] = []
    rows = 0
    for path in input_files(source) if source else []:
        with open_file(path, needed) as file:
            files.append(file_of(path, rows, file.schema_arrow, columns))
            rows += file.metadata.num_rows
    return files, rows


def _sort_by_row(parts: list[Path], out: Path, schema: pa.Schema, spill: Path) -> None:
    """The rows of all parts by their number in the input (what does not fit 1 GB spills)."""
    message = "the parts of a run cannot be read: {}. Score again without --resume."
    with fresh_parquet(out, schema) as writer:
        if not parts:
            return
        with bounded(spill, "1GB", message) as db:
            ordered = db.sql(IN_ORDER, params=[[str(path) for path in parts]])
            for batch in ordered.to_arrow_reader(BATCH):
                table = pa.table(batch).select(schema.names).cast(schema)
                writer.write_table(table.replace_schema_metadata(schema.metadata))
