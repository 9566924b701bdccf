"""What runs in a Python worker: a bucket's rows come in, its part files are written, one row of counts goes out.

Scores do not travel back through the JVM: the worker writes Parquet itself, under a name of its own first, so that a
part is there whole or not at all, whoever dies; a task that runs twice writes the same part twice.
"""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.config import to_dict
from adjudge.engines.local.worker import Counts
from adjudge.engines.output import UNSCORED, write_json
from adjudge.errors import BadArtifact, BadTable
from adjudge.scoring.core import Scorer
from adjudge.scoring.rows import REASON, UNKNOWN_ITEM, UNSCORED_SCHEMA, score_rows
from adjudge.storage.files import fresh_parquet
from adjudge.tables import TO_SCORE

INNER = ".run"
ROW = pa.field("row", pa.int64())
TOLD = pa.schema([("bucket", pa.int64()), ("counts", pa.string())])
TOLD_SQL = "bucket long, counts string"


def part_name(bucket: int) -> str:
    return f"part-{bucket:06d}.parquet"


def mark(folder: Path, bucket: int) -> Path:
    """The file that says that a bucket is finished, and its counts."""
    return folder / INNER / f"{bucket:06d}.json"


@dataclass(frozen=True)
class Model:
    """What a worker scores with.

    load     gives the scorer of so many threads; `shipped` is the artifact's name where Spark brings it along
    version  what that scorer's version must be
    """

    load: Callable[..., Scorer]
    shipped: str | None
    version: str


@dataclass(frozen=True)
class Work:
    """What is the same for all buckets.

    schema   of the scores, with the run's stamp
    joined   items come among the rows
    ordered  keep each row's number, to sort by later
    """

    model: Model
    schema: pa.Schema
    scored_at: datetime
    folder: Path
    joined: bool
    ordered: bool


_HELD: dict[str, Scorer] = {}
"""The scorer of this process, by its version and how it was loaded: a worker process serves many tasks."""


def scorer_of(model: Model) -> Scorer:
    """The model, opened once a process. Raises BadArtifact where this machine holds another one."""
    key = f"{model.version} {model.load!r} {model.shipped}"
    if key not in _HELD:
        _HELD.clear()
        _HELD[key] = _opened(model)
    return _HELD[key]


def _opened(model: Model) -> Scorer:
    if model.shipped is None:
        scorer = model.load(workers=1)
    else:
        from pyspark import SparkFiles

        scorer = model.load(workers=1, artifact=Path(SparkFiles.get(model.shipped)))
    if scorer.version != model.version:
        raise BadArtifact(
            f"{socket.gethostname()} holds model {scorer.version}, the run is of {model.version}: give all executors "
            "the same artifact (a shared path, or spark.ship=true)"
        )
    return scorer


def score_bucket(work: Work, bucket: int, batches: Iterator[pa.RecordBatch]) -> Counts:
    """Score one bucket into its files. `batches` have layout.COLUMNS, by item and row."""
    schema = work.schema.append(ROW) if work.ordered else work.schema
    total, last = Counts(), None
    mark = f"{socket.gethostname()}.{os.getpid()}"
    with (
        fresh_parquet(work.folder / part_name(bucket), schema, mark, empty=False) as scores,
        fresh_parquet(
            work.folder / UNSCORED / part_name(bucket), UNSCORED_SCHEMA, mark, empty=False
        ) as unscored,
    ):
        for batch in batches:
            table = pa.table(batch)
            if work.joined:
                table, last = with_items(table, last)
            if not len(table):
                continue
            rows = score_rows(scorer_of(work.model), table.select([*TO_SCORE.names, REASON]), work.scored_at)
            kept = rows.scores.append_column(ROW, table["row"]) if work.ordered else rows.scores
            scores.write_table(kept.replace_schema_metadata(schema.metadata))
            at = table["row"].combine_chunks().take(rows.unscored["row"].combine_chunks())
            unscored.write_table(rows.unscored.set_column(0, ROW, at))
            reasons = dict(Counter(rows.unscored["reason"].to_pylist()))
            total = total + Counts(len(table), rows.kept, len(rows.unscored), reasons)
    return total


def with_items(table: pa.Table, last: pa.Table | None) -> tuple[pa.Table, pa.Table | None]:
    """Pairs with the texts of the items that stand before them, and the last item, for the next table.

    A pair whose item does not stand before it has reason UNKNOWN_ITEM (unless it has a reason already). Raises
    BadTable where two items have one id.
    """
    if last is not None:
        table = pa.concat_tables([last, table])
    table = table.combine_chunks()
    item = table["row"].combine_chunks().is_null().to_numpy(zero_copy_only=False)
    latest = np.maximum.accumulate(np.where(item, np.arange(len(table)), -1))
    ids = table["item_id"].combine_chunks()
    _check_once(ids, item)
    above = pa.array(latest, mask=latest < 0)
    known = pc.fill_null(pc.equal(ids, ids.take(above)), False)
    above = pc.if_else(known, above, pa.scalar(None, pa.int64())).cast(pa.int32())
    plain = table
    for name in ("title", "category"):
        place = table.column_names.index(name)
        # A dictionary: an item's title stands once, however many pairs it has.
        texts = pa.DictionaryArray.from_arrays(above, table[name].combine_chunks())
        table = table.set_column(place, name, texts)
    missing = pc.and_(pc.invert(known), ids.is_valid())
    reasons = pc.coalesce(table[REASON].combine_chunks(), pc.if_else(missing, UNKNOWN_ITEM, None))
    table = table.set_column(table.column_names.index(REASON), REASON, reasons.cast(pa.string()))
    items = np.flatnonzero(item)
    return table.filter(pa.array(~item)), plain.slice(items[-1], 1) if len(items) else None


def _check_once(ids: pa.Array, item: np.ndarray) -> None:
    own = ids.filter(pa.array(item))
    twice = pc.equal(own.slice(1), own.slice(0, max(0, len(own) - 1)))
    if pc.any(twice).as_py():
        seen = own.slice(1).filter(twice)[0].as_py()
        raise BadTable(
            f"id {seen!r} stands in two rows; allowed is one. `adjudge import table` sets doubles aside."
        )


def mapper(work: Work) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: a partition's rows in, one row of TOLD out."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        bucket = context.partitionId() if context else 0
        counts = to_dict(score_bucket(work, bucket, batches))
        write_json(mark(work.folder, bucket), counts)
        yield pa.record_batch([[bucket], [json.dumps(counts)]], schema=TOLD)

    return run
