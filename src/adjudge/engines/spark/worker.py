"""What runs in a Spark Python worker: rows come in, part files are written, one row of counts goes out.

Scores do not travel back through the JVM: the worker writes Parquet itself. A task that runs twice, as Spark
may decide, writes the same part twice.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.engines.local import worker as local
from adjudge.engines.local.layout import Part
from adjudge.engines.parts import Counts, write_part
from adjudge.engines.state import finish
from adjudge.errors import BadArtifact
from adjudge.scoring.core import Scorer
from adjudge.scoring.rows import REASON, UNKNOWN_ITEM, Rows, score_rows
from adjudge.scoring.texts import check_unique
from adjudge.tables import TO_SCORE

ROW = pa.field("row", pa.int64())
COUNTS = pa.schema([("part", pa.int64()), ("rows", pa.int64())])
COUNTS_SQL = "part long, rows long"

Batches = Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class WorkerModel:
    """What a worker scores with.

    load     gives the scorer of `workers` threads; `shipped` is the artifact's name if Spark brings it along
    version  what that scorer's version must be
    """

    load: Callable[..., Scorer]
    shipped: str | None
    version: str


@dataclass(frozen=True)
class BucketWork:
    """What is the same for all buckets.

    schema   of the scores, with the run's stamp
    joined   items come among the rows
    ordered  keep each row's number, to sort by later
    """

    model: WorkerModel
    schema: pa.Schema
    scored_at: datetime
    folder: Path
    joined: bool
    ordered: bool


_SCORERS: dict[str, Scorer] = {}
"""The scorer of this process, by its version and how it was loaded: a worker process serves many tasks."""


def scorer_of(model: WorkerModel) -> Scorer:
    """The model, opened once per process. Raises BadArtifact if this machine holds another one."""
    key = f"{model.version} {model.load!r} {model.shipped}"
    if key not in _SCORERS:
        _SCORERS.clear()
        _SCORERS[key] = _open(model)
    return _SCORERS[key]


def _open(model: WorkerModel) -> Scorer:
    if model.shipped is None:
        scorer = model.load(workers=1)
    else:
        from pyspark import SparkFiles

        scorer = model.load(workers=1, artifact=Path(SparkFiles.get(model.shipped)))
    if scorer.version != model.version:
        raise BadArtifact(
            f"{socket.gethostname()} holds model {scorer.version}, the run is of {model.version}: give all "
            "executors the same artifact (a shared path, or spark.ship=true)"
        )
    return scorer


def score_buckets(work: BucketWork) -> Callable[[Batches], Batches]:
    """The function for `mapInArrow`: a partition's rows in, one row of COUNTS out."""

    def run(batches: Batches) -> Batches:
        from pyspark import TaskContext

        context = TaskContext.get()
        bucket = context.partitionId() if context else 0
        yield _finished(work.folder, bucket, score_bucket(work, bucket, batches))

    return run


def score_given(
    model: WorkerModel, work: local.PartWork, parts: tuple[Part, ...]
) -> Callable[[Batches], Batches]:
    """The function for `mapInArrow`: indices of parts in, one row of COUNTS per part out."""

    def run(batches: Batches) -> Batches:
        for batch in batches:
            for index in batch.column(0).to_pylist():
                part = parts[index]
                # Progress is seen by the driver on disk, so there is nothing to report from here.
                counts = local.score_part(work, scorer_of(model), part, lambda rows: None)
                yield _finished(work.folder, part.number, counts)

    return run


def _finished(folder: Path, number: int, counts: Counts) -> pa.RecordBatch:
    finish(folder, number, counts, _mark())
    return pa.record_batch([[number], [counts.rows]], schema=COUNTS)


def _mark() -> str:
    return f"{socket.gethostname()}.{os.getpid()}"


def score_bucket(work: BucketWork, bucket: int, batches: Batches) -> Counts:
    """Score one bucket into its files. `batches` have layout.COLUMNS, by item and row."""

    def scored() -> Iterator[Rows]:
        last = None
        for batch in batches:
            table = pa.table(batch)
            if work.joined:
                table, last = with_items(table, last)
            if not len(table):
                continue
            pairs = table.select([*TO_SCORE.names, REASON])
            rows = score_rows(scorer_of(work.model), pairs, work.scored_at)
            scores = rows.scores.append_column(ROW, table["row"]) if work.ordered else rows.scores
            numbers = table["row"].combine_chunks().take(rows.unscored["row"].combine_chunks())
            yield Rows(scores, rows.unscored.set_column(0, ROW, numbers), rows.kept)

    schema = work.schema.append(ROW) if work.ordered else work.schema
    return write_part(work.folder, bucket, schema, scored(), _mark(), empty=False)


def with_items(table: pa.Table, last: pa.Table | None) -> tuple[pa.Table, pa.Table | None]:
    """Pairs with the texts of the items that stand before them, and the last item, for the next table.

    A pair whose item does not stand before it has reason UNKNOWN_ITEM (unless it has a reason already).
    Raises BadTable if two items have one id.
    """
    if last is not None:
        table = pa.concat_tables([last, table])
    table = table.combine_chunks()
    is_item = table["row"].combine_chunks().is_null().to_numpy(zero_copy_only=False)
    latest = np.maximum.accumulate(np.where(is_item, np.arange(len(table)), -1))
    ids = table["item_id"].combine_chunks()
    check_unique(ids.filter(pa.array(is_item)))
    above = pa.array(latest, mask=latest < 0)
    known = pc.fill_null(pc.equal(ids, ids.take(above)), False)
    above = pc.if_else(known, above, pa.scalar(None, pa.int64())).cast(pa.int32())
    plain = table
    for name in ("title", "category"):
        # A dictionary: an item's title stands once, however many pairs it has.
        texts = pa.DictionaryArray.from_arrays(above, table[name].combine_chunks())
        table = table.set_column(table.column_names.index(name), name, texts)
    missing = pc.and_(pc.invert(known), ids.is_valid())
    reasons = pc.coalesce(table[REASON].combine_chunks(), pc.if_else(missing, UNKNOWN_ITEM, None))
    table = table.set_column(table.column_names.index(REASON), REASON, reasons.cast(pa.string()))
    items = np.flatnonzero(is_item)
    return table.filter(pa.array(~is_item)), plain.slice(items[-1], 1) if len(items) else None
