"""Text columns of a Parquet file on their way to and from DuckDB, which refuses texts that are not UTF-8."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.errors import BadTable
from adjudge.storage.files import fresh_parquet
from adjudge.text.utf8 import repair

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = 8192
"""Rows per batch: it bounds the memory, and with up to 256 kB per text its offsets fit 32 bits."""


def columns_of(path: Path) -> list[str]:
    """The file's columns. Raises BadTable if it cannot be read."""
    return list(_open(path).schema_arrow.names)


def as_bytes(path: Path, names: tuple[str, ...]) -> pa.RecordBatchReader:
    """The columns as bytes, whatever they hold (integers as text); absent ones as nulls. Raises BadTable."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.binary()) for name in names])
    batches = (
        pa.record_batch([column.cast(pa.binary()) for column in columns], schema=schema)
        for columns in _columns(_open(path), names)
    )
    return pa.RecordBatchReader.from_batches(schema, batches)


def readable(path: Path, names: tuple[str, ...]) -> pa.RecordBatchReader:
    """The columns as texts; absent ones as nulls. Rows in which one is not UTF-8 are left out. Raises
    BadTable."""
    import pyarrow as pa
    import pyarrow.compute as pc

    schema = pa.schema([(name, pa.string()) for name in names])

    def whole(columns: list[pa.Array]) -> pa.RecordBatch:
        texts, broken = zip(*(repair(column) for column in columns), strict=True)
        return pa.record_batch(list(texts), schema=schema).filter(pc.invert(functools.reduce(pc.or_, broken)))

    return pa.RecordBatchReader.from_batches(schema, map(whole, _columns(_open(path), names)))


def write_texts(rows: duckdb.DuckDBPyRelation, path: Path, repaired: bool = False) -> None:
    """Write a query's rows as Parquet, its bytes as texts: as they are, or with U+FFFD for what is not
    UTF-8."""
    import pyarrow as pa

    reader = rows.to_arrow_reader(BATCH)
    names = {name for name, kind in zip(rows.columns, rows.types, strict=True) if str(kind) == "BLOB"}
    schema = pa.schema(
        [field.with_type(pa.string()) if field.name in names else field for field in reader.schema]
    )

    def text(column: pa.Array) -> pa.Array:
        texts = column.cast(pa.string(), safe=False)
        return repair(texts)[0] if repaired else texts

    with fresh_parquet(path, schema) as writer:
        for batch in reader:
            columns = [text(batch[name]) if name in names else batch[name] for name in schema.names]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _open(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{path} cannot be read as Parquet: {error}. Bring it in again with: adjudge import table"
        ) from error


def _columns(file: pq.ParquetFile, names: tuple[str, ...]) -> Iterator[list[pa.Array]]:
    """Batches of the named columns as (unchecked) strings, in that order; absent ones as nulls."""
    import pyarrow as pa

    present = [name for name in names if name in file.schema_arrow.names]
    with file:
        for batch in file.iter_batches(batch_size=BATCH, columns=present):
            yield [
                batch[name].cast(pa.string(), safe=False)
                if name in present
                else pa.nulls(len(batch), pa.string())
                for name in names
            ]
