"""Texts of a Parquet file on their way to DuckDB, which refuses those that are not UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.errors import BadTable
from adjudge.storage.files import fresh_parquet

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = 8192
"""Rows a batch: where texts are long it is what bounds the memory, and with up to 256 kB a text its offsets fit 32 bits."""


def columns_of(path: Path) -> list[str]:
    """The file's columns. Raises BadTable where it cannot be read."""
    return list(_open(path).schema_arrow.names)


def as_bytes(path: Path, names: tuple[str, ...]) -> pa.RecordBatchReader:
    """The columns as bytes, whatever they hold (integers as text); absent ones as nulls. Raises BadTable."""
    import pyarrow as pa

    file = _open(path)
    schema = pa.schema([(name, pa.binary()) for name in names])
    batches = (
        pa.record_batch([_text(batch, name).cast(pa.binary()) for name in names], schema=schema)
        for batch in _batches(file, names)
    )
    return pa.RecordBatchReader.from_batches(schema, batches)


def readable(path: Path, names: tuple[str, ...]) -> pa.RecordBatchReader:
    """The columns as texts; absent ones as nulls. Rows where one is not UTF-8 are left out. Raises BadTable."""
    import pyarrow as pa

    file = _open(path)
    schema = pa.schema([(name, pa.string()) for name in names])
    batches = (
        _whole(pa.record_batch([_text(batch, name) for name in names], schema=schema))
        for batch in _batches(file, names)
    )
    return pa.RecordBatchReader.from_batches(schema, batches)


def write_texts(rows: duckdb.DuckDBPyRelation, path: Path, repair: bool = False) -> None:
    """Write a query's rows as Parquet, its bytes as texts: as they are, or with U+FFFD for what is not UTF-8."""
    import pyarrow as pa

    reader = rows.to_arrow_reader(BATCH)
    names = [name for name, kind in zip(rows.columns, rows.types, strict=True) if str(kind) == "BLOB"]
    schema = pa.schema(
        [field.with_type(pa.string()) if field.name in names else field for field in reader.schema]
    )
    with fresh_parquet(path, schema) as writer:
        for batch in reader:
            columns = [
                _as_text(batch[name], repair) if name in names else batch[name] for name in schema.names
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _as_text(column: pa.Array, repair: bool) -> pa.Array:
    import pyarrow as pa

    texts = column.cast(pa.string(), safe=False)
    if repair and not _is_whole(texts):
        raw = column.to_pylist()
        texts = pa.array([None if value is None else value.decode("utf-8", "replace") for value in raw])
    return texts


def _open(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{path} cannot be read as Parquet: {error}. Bring it in again with: adjudge import table"
        ) from error


def _batches(file: pq.ParquetFile, names: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    with file:
        there = [name for name in names if name in file.schema_arrow.names]
        yield from file.iter_batches(batch_size=BATCH, columns=there)


def _text(batch: pa.RecordBatch, name: str) -> pa.Array:
    import pyarrow as pa

    if name not in batch.schema.names:
        return pa.nulls(len(batch), pa.string())
    return batch[name].cast(pa.string(), safe=False)


def _whole(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    for name in batch.schema.names:
        if not _is_whole(batch[name]):
            raw = batch[name].cast(pa.binary()).to_pylist()
            batch = batch.filter(pa.array([_is_utf8(value) for value in raw]))
    return batch


def _is_whole(texts: pa.Array) -> bool:
    import pyarrow as pa

    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_utf8(raw: bytes | None) -> bool:
    try:
        return raw is None or raw.decode() is not None
    except UnicodeDecodeError:
        return False
