"""Parquet files as Spark reads them: as texts, whatever each file's own columns and types, and by their very
names.

Spark takes one file's schema for all that it reads in one go, and a name as a pattern. So files are read in
groups of one schema, stated and not inferred (columns nobody asked for need not be of a type that Spark
knows), by escaped names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from adjudge.errors import BadTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class InputFile:
    """A file; the number of its first row over all files; name and Spark type of the columns that are read
    of it."""

    path: Path
    first: int
    kinds: tuple[tuple[str, str], ...]


def file_of(path: Path, first: int, schema: pa.Schema, columns: Sequence[str]) -> InputFile:
    """A file of that schema (as `check_texts` lets pass), of which `columns` are wanted. Raises BadTable."""
    if path.name.startswith(("_", ".")) or ":" in path.name:
        raise BadTable(
            f"{path}: Spark reads no file whose name begins with _ or . or holds a colon. Rename it, or take "
            "--engine local."
        )
    kinds = tuple((name, _kind(schema.field(name).type)) for name in columns if name in schema.names)
    return InputFile(path.absolute(), first, kinds)


def _kind(kind: pa.DataType) -> str:
    """Spark's type for a column of texts, of integers, or of nulls alone (which Parquet holds as
    integers)."""
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_uint64(inner):
        return "decimal(20,0)"
    return "bigint" if pa.types.is_integer(inner) or pa.types.is_null(inner) else "string"


def spelled(path: Path) -> str:
    r"""A path for Spark, which takes its characters for themselves, and finds it on the disk whatever its
    default file system.

    >>> spelled(Path("/a b/x[1].parquet"))
    'file:///a b/x\\[1\\].parquet'
    """
    return "file://" + "".join(f"\\{sign}" if sign in "[]{}*?\\" else sign for sign in str(path))


def texts(
    spark: SparkSession, files: Sequence[InputFile], columns: Sequence[str], numbered: bool = False
) -> DataFrame:
    """`columns` of all files as strings, null if a file lacks one; `numbered`: and a row's number over
    all as `row`."""
    from pyspark.sql import DataFrame

    alike: dict[tuple[tuple[str, str], ...], list[InputFile]] = {}
    for file in files:
        alike.setdefault(file.kinds, []).append(file)
    return reduce(
        DataFrame.unionByName, (_group(spark, group, columns, numbered) for group in alike.values())
    )


def _group(spark: SparkSession, files: list[InputFile], columns: Sequence[str], numbered: bool) -> DataFrame:
    from pyspark.sql import functions as f

    kinds = dict(files[0].kinds)
    schema = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    read = spark.read.schema(schema).parquet(*(spelled(file.path) for file in files))

    wanted = [(f.col(name) if name in kinds else f.lit(None)).cast("string").alias(name) for name in columns]
    if not numbered:
        return read.select(*wanted)
    index = f.col("_metadata.row_index")
    if len(files) == 1:
        return read.select(*wanted, (index + f.lit(files[0].first)).alias("row"))
    firsts = f.broadcast(
        spark.createDataFrame([(file.path.name, file.first) for file in files], "file string, first long")
    )
    # Spark gives the name as in a URL, where + stands for itself.
    name = f.expr("url_decode(replace(_metadata.file_name, '+', '%2B'))")
    placed = read.select(*wanted, name.alias("file"), index.alias("index")).join(firsts, "file", "left")
    return placed.select(*columns, (f.col("first") + f.col("index")).alias("row"))
