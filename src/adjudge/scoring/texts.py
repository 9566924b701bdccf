"""Text store: `--items` and `--keyphrases` on disk, looked up by id, chunk by chunk in input order.

A store is an Arrow file of the texts, sorted by the hash of their id, and the hashes as one array
(`storage.lookup`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.errors import BadTable
from adjudge.scoring.rows import REASON, UNKNOWN_ITEM, UNKNOWN_KEYPHRASE
from adjudge.storage.duck import bounded, open_connection
from adjudge.storage.lookup import ArrowRows, Positions, find, map_numbers
from adjudge.tables import TO_SCORE

HASHES, TEXTS = "hashes.bin", "texts.arrow"
BATCH = 131_072
"""Rows per batch of a store: with texts of up to 16 kB on average its offsets fit 32 bits."""
# Blobs, because DuckDB refuses texts that are not UTF-8, which must reach the scorer's quarantine instead.
HASHED = "SELECT hash(id) AS h FROM wanted"
SORTED = "SELECT hash(id) AS h, * FROM listed WHERE id IS NOT NULL ORDER BY h, id"
TWICE = "id {!r} stands in two rows; allowed is one. `adjudge import table` sets doubles aside."


def build_store(
    paths: list[Path], key: str, columns: tuple[str, ...], folder: Path, memory: str = "1GB"
) -> int:
    """Write the store of a table's `columns` by `key` (optional columns become null); rows without a key are
    left out.

    Memory is that of a DuckDB sort, which spills into `folder`. Returns the rows of the store. Raises
    BadTable if the table cannot be read, or a key stands in two rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    message = f"{paths[0]} cannot be read as a table by {key}: {{}}. Write the file again."
    schema = pa.schema([("id", pa.binary()), *((name, pa.binary()) for name in columns)])
    try:
        with bounded(folder, memory, message, threads=1) as db:
            db.register("listed", pa.RecordBatchReader.from_batches(schema, _blobs(paths, key, schema)))
            return _write(db.sql(SORTED).to_arrow_reader(BATCH), schema, folder)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(message.format(str(error).splitlines()[0])) from error


def _blobs(paths: list[Path], key: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    columns = (key, *schema.names[1:])
    for path in paths:
        with pq.ParquetFile(path) as file:
            wanted = [name for name in columns if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                blobs = [
                    _blob(batch[name]) if name in wanted else pa.nulls(len(batch), pa.binary())
                    for name in columns
                ]
                yield pa.record_batch(blobs, schema=schema)


def _blob(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    column = column.cast(pa.string(), safe=False)
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.cast(pa.binary())


def _write(sorted_: pa.RecordBatchReader, schema: pa.Schema, folder: Path) -> int:
    rows, last = 0, pa.nulls(0, pa.binary())
    with (
        pa.OSFile(str(folder / TEXTS), "wb") as sink,
        (folder / HASHES).open("wb") as hashes,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        for batch in sorted_:
            # Ids come sorted by hash and id, so that equal ones are neighbours.
            check_unique(pa.concat_arrays([last, batch["id"]]))
            writer.write_batch(pa.record_batch([batch[name] for name in schema.names], schema=schema))
            hashes.write(batch["h"].to_numpy().astype(np.uint64).tobytes())
            rows, last = rows + len(batch), batch["id"].slice(max(0, len(batch) - 1))
    return rows


def check_unique(ids: pa.Array) -> None:
    """Raise BadTable if two neighbours in a column of ids are equal (nulls are equal to nothing)."""
    twice = pc.fill_null(pc.equal(ids.slice(1), ids.slice(0, max(0, len(ids) - 1))), False)
    if pc.any(twice).as_py():
        value = ids.slice(1).filter(twice)[0].as_py()
        raise BadTable(TWICE.format(value.decode("utf-8", "replace") if isinstance(value, bytes) else value))


class TextStore:
    """An open store. `rows_of` gives row numbers, `take` the texts of rows."""

    def __init__(self, folder: Path) -> None:
        self.hashes = map_numbers(folder / HASHES, np.uint64)
        self.table = ArrowRows(folder / TEXTS)
        self.db = open_connection("1GB", folder, 1)

    def rows_of(self, ids: pa.Array) -> Positions:
        """The store's row of each id (a string array), int64, -1 if it holds none."""
        blobs = ids.cast(pa.binary())

        def equal(rows: Positions, wanted: Positions) -> np.ndarray:
            same = pc.equal(self.table.take("id", rows), blobs.take(pa.array(wanted)))
            return pc.fill_null(same, False).to_numpy(zero_copy_only=False)

        self.db.register("wanted", pa.table({"id": blobs}))
        hashes = self.db.execute(HASHED).fetchnumpy()["h"].astype(np.uint64)
        return find(self.hashes, hashes, equal)

    def take(self, name: str, rows: Positions) -> pa.Array:
        """A column at row numbers (null at -1), as binary."""
        return self.table.take(name, rows)


@functools.cache
def open_store(folder: Path) -> TextStore:
    """A store, opened once per process."""
    return TextStore(folder)


@dataclass(frozen=True)
class TextJoin:
    """How pairs get their texts. `items` and `keyphrases` are folders of stores; None = the pairs hold the
    texts."""

    items: Path | None = None
    keyphrases: Path | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that the pairs must have."""
        phrase = "keyphrase_id" if self.keyphrases else "keyphrase"
        return ("item_id", phrase) if self.items else ("item_id", phrase, "title")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read from the pairs, if they are there."""
        return self.needed if self.items else (*self.needed, "category")

    def texts(self, pairs: pa.Table) -> pa.Table:
        """The pairs as table to_score, row for row; `reason` names an id that a store does not hold."""
        reasons = pa.nulls(len(pairs), pa.string())
        columns: dict[str, Any] = {name: pairs[name] for name in pairs.column_names}
        if self.items:
            rows, reasons = _known(open_store(self.items), pairs["item_id"], reasons, UNKNOWN_ITEM)
            for name in ("title", "category"):
                columns[name] = open_store(self.items).take(name, rows).cast(pa.string(), safe=False)
        if self.keyphrases:
            store = open_store(self.keyphrases)
            rows, reasons = _known(store, columns.pop("keyphrase_id"), reasons, UNKNOWN_KEYPHRASE)
            columns["keyphrase"] = store.take("keyphrase", rows).cast(pa.string(), safe=False)
        names = [name for name in TO_SCORE.names if name in columns]
        return pa.table({**{name: columns[name] for name in names}, REASON: reasons})


def _known(
    store: TextStore, ids: pa.ChunkedArray, reasons: pa.Array, unknown: str
) -> tuple[np.ndarray, pa.Array]:
    texts = _blob(ids).cast(pa.string(), safe=False)
    rows = store.rows_of(texts)
    missing = pc.and_(pa.array(rows < 0), texts.is_valid())
    return rows, pc.if_else(missing, unknown, reasons)
