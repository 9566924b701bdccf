"""Layout of pairs in Spark: one partition per bucket of items, in it each item's text and then its pairs.

Layout `category` puts a category's items into one partition (a large category's into several), so that the
states of its keyphrases are computed, or read, by few workers and not by all.

Items are not joined row by row: an items table's rows travel once each, beside the pairs, to the partition of
their item (`pmod(hash(item_id), buckets)`), and sort in front of its pairs because their `row` is null. A
title crosses the network once per item and not once per pair. Keyphrase texts are needed in every output row,
so they are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjudge.engines.spark.reading import InputFile, texts
from adjudge.engines.spark.settings import SparkSettings
from adjudge.errors import BadTable
from adjudge.scoring.rows import REASON, UNKNOWN_KEYPHRASE
from adjudge.scoring.texts import TWICE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TEXTS = ("title", "category")
COLUMNS = ("item_id", "row", "keyphrase", *TEXTS, REASON)
"""Of a laid-out row: `row` is the pair's 0-based number in the input, null where the row is an item of
`items`."""
ITEM_COLUMNS = ("item_id", *TEXTS)

HOME = "_home"


@dataclass(frozen=True)
class BucketPlan:
    """How many buckets there are, and the rows of a part that they follow from."""

    buckets: int
    part_rows: int


@dataclass(frozen=True)
class InputTables:
    """Input files in the order of their rows; `columns` of the pairs to read."""

    pairs: Sequence[InputFile]
    columns: tuple[str, ...]
    items: Sequence[InputFile]
    keyphrases: Sequence[InputFile]
    keyphrase_rows: int


def laid_out(
    spark: SparkSession, tables: InputTables, settings: SparkSettings, plan: BucketPlan, done: Sequence[int]
) -> DataFrame:
    """COLUMNS of every pair (and item) whose bucket is not done: partition b holds bucket b.

    Raises BadTable.
    """
    from pyspark.sql import functions as f

    rows = texts(spark, tables.pairs, tables.columns, numbered=True)
    if tables.keyphrases:
        rows = _with_keyphrases(spark, rows, tables, settings)
    else:
        rows = rows.withColumn(REASON, f.lit(None).cast("string"))
    for name in TEXTS:
        if name not in rows.columns:
            rows = rows.withColumn(name, f.lit(None).cast("string"))
    rows = rows.select(*COLUMNS)
    items = _items(spark, tables.items) if tables.items else None
    keys = ["item_id"]
    if settings.layout == "category":
        rows, items = _at_home(rows, items, plan.part_rows)
        keys = [HOME, "share"]
    if items is not None:
        rows = rows.unionByName(items)
    if done:
        rows = rows.where(~f.pmod(f.hash(*keys), f.lit(plan.buckets)).isin(list(done)))
    order = [name for name in (HOME, "item_id", "row") if name in rows.columns]
    return rows.repartition(plan.buckets, *keys).sortWithinPartitions(*order).select(*COLUMNS)


def _at_home(pairs: DataFrame, items: DataFrame | None, part_rows: int) -> tuple[DataFrame, DataFrame | None]:
    """Pairs (and items) with their category as `_home` and their `share` of it: 0, or for a category of more
    than a part's rows one of as many as it takes, by the hash of the item.
    """
    from pyspark.sql import functions as f

    if items is not None:
        homes = items.select("item_id", f.col("category").alias(HOME))
        pairs = pairs.join(homes, "item_id", "left")
        items = items.withColumn(HOME, f.col("category"))
    else:
        pairs = pairs.withColumn(HOME, f.col("category"))
    sizes = pairs.groupBy(f.coalesce(HOME, f.lit("")).alias(HOME)).count()
    shares = f.broadcast(sizes.select(HOME, f.ceil(f.col("count") / part_rows).alias("shares")))

    def shared(rows: DataFrame) -> DataFrame:
        rows = rows.withColumn(HOME, f.coalesce(HOME, f.lit(""))).join(shares, HOME, "left")
        share = f.pmod(f.hash("item_id"), f.coalesce("shares", f.lit(1)).cast("int"))
        return rows.select(*COLUMNS, HOME, share.alias("share"))

    return shared(pairs), None if items is None else shared(items)


def _with_keyphrases(
    spark: SparkSession, pairs: DataFrame, tables: InputTables, settings: SparkSettings
) -> DataFrame:
    from pyspark.sql import functions as f

    known = texts(spark, tables.keyphrases, ("keyphrase_id", "keyphrase"))
    known = known.drop("row").withColumn("known", f.lit(True))
    known = known.where(f.col("keyphrase_id").isNotNull())
    _check_once(known, "keyphrase_id")
    small = tables.keyphrase_rows <= settings.broadcast_rows
    joined = pairs.join(known.hint("broadcast" if small else "shuffle_hash"), "keyphrase_id", "left")
    unknown = f.col("known").isNull() & f.col("keyphrase_id").isNotNull()
    return joined.withColumn(REASON, f.when(unknown, f.lit(UNKNOWN_KEYPHRASE)))


def _check_once(table: DataFrame, key: str) -> None:
    from pyspark.sql import functions as f

    twice = table.groupBy(key).count().where(f.col("count") > 1).limit(1).collect()
    if twice:
        raise BadTable(TWICE.format(twice[0][key]))


def _items(spark: SparkSession, items: Sequence[InputFile]) -> DataFrame:
    from pyspark.sql import functions as f

    read = texts(spark, items, ITEM_COLUMNS).where(f.col("item_id").isNotNull())
    for name, kind in (("row", "long"), ("keyphrase", "string"), (REASON, "string")):
        read = read.withColumn(name, f.lit(None).cast(kind))
    return read.select(*COLUMNS)
