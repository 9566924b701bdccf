"""Pairs as they lie: Spark hands out the local engine's parts, and workers read, score and write them.

No row passes the JVM, nothing is shuffled, and the result is the local engine's byte for byte, in the order of the
input. For pairs that lie by item already (as `adjudge retrieve`, `pairs` and `diff` write them).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from adjudge.config import from_dict, to_dict
from adjudge.engines.local import worker as local
from adjudge.engines.local.parts import Part
from adjudge.engines.local.worker import Counts
from adjudge.engines.output import write_json
from adjudge.engines.spark.worker import TOLD, TOLD_SQL, Model, mark, scorer_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Errand:
    """What a worker needs to score the parts it is given by number."""

    model: Model
    work: local.Work
    parts: tuple[Part, ...]


def scored_parts(spark: SparkSession, errand: Errand) -> list[tuple[Part, Counts]]:
    """Score all parts, a task each; they and their counts, when Spark is done."""
    count = len(errand.parts)
    told = spark.range(0, count, 1, count).mapInArrow(mapper(errand), TOLD_SQL).collect()
    return [(errand.parts[row.bucket], from_dict(Counts, json.loads(row.counts))) for row in told]


def mapper(errand: Errand) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: places of parts in, a row of counts a part out."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for place in batch.column(0).to_pylist():
                part = errand.parts[place]
                counts = to_dict(local.score_part(errand.work, scorer_of(errand.model), part, _silent))
                write_json(mark(errand.work.folder, part.number), counts)
                yield pa.record_batch([[place], [json.dumps(counts)]], schema=TOLD)

    return run


def _silent(_: int) -> None:
    """A worker has nobody to tell; its finished parts are seen on disk."""
