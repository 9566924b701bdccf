"""Texts by id: `--items` and `--keyphrases` as sorted stores on disk, looked up chunk by chunk in input order.

A store is an Arrow file of the texts, sorted by the hash of their id, and the hashes as one array; both are read
through the page cache, so that a store larger than memory works and all processes share it. A lookup is a binary
search; ids whose hashes are equal are told apart by the id itself.
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
from adjudge.tables import TO_SCORE

HASHES, TEXTS = "hashes.bin", "texts.arrow"
BATCH = 131_072
"""Rows a batch of a store: with texts of up to 16 kB on average its offsets fit 32 bits."""
# Blobs, because DuckDB refuses texts that are not UTF-8, which must reach the scorer's quarantine instead.
HASHED = "SELECT hash(id) AS h FROM asked"
SORTED = "SELECT hash(id) AS h, * FROM there WHERE id IS NOT NULL ORDER BY h, id"


def build_store(
    paths: list[Path], key: str, columns: tuple[str, ...], folder: Path, memory: str = "1GB"
) -> int:
    """Write the store of a table's `columns` by `key` (optional columns become null); rows without a key are left out.

    Memory is that of a DuckDB sort, which spills into `folder`. Returns the rows of the store. Raises BadTable where
    the table cannot be read, or a key stands in two rows.
    """
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    rows = 0
    try:
        schema = pa.schema([("id", pa.binary()), *((name, pa.binary()) for name in columns)])
        with duckdb.connect(
            config={"memory_limit": memory, "temp_directory": str(folder), "threads": 1}
        ) as db:
            db.register("there", pa.RecordBatchReader.from_batches(schema, _blobs(paths, key, schema)))
            rows = _write(db.sql(SORTED).to_arrow_reader(BATCH), schema, folder)
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        text = str(error).splitlines()[0]
        raise BadTable(
            f"{paths[0]} cannot be read as a table by {key}: {text}. Write the file again."
        ) from error
    return rows


def _blobs(paths: list[Path], key: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            there = file.schema_arrow.names
            wanted = [name for name in (key, *schema.names[1:]) if name in there]
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                held = [
                    _blob(batch[name]) if name in wanted else pa.nulls(len(batch), pa.binary())
                    for name in (key, *schema.names[1:])
                ]
                yield pa.record_batch(held, schema=schema)


def _blob(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    column = column.cast(pa.string(), safe=False)
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.cast(pa.binary())


def _write(sorted_: pa.RecordBatchReader, schema: pa.Schema, folder: Path) -> int:
    rows, last = 0, None
    with (
        pa.OSFile(str(folder / TEXTS), "wb") as sink,
        (folder / HASHES).open("wb") as hashes,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        for batch in sorted_:
            texts = pa.record_batch([batch[name] for name in schema.names], schema=schema)
            last = _check_once(texts["id"], last)
            writer.write_batch(texts)
            hashes.write(batch["h"].to_numpy().astype(np.uint64).tobytes())
            rows += len(batch)
    return rows


def _check_once(ids: pa.Array, last: pa.Scalar | None) -> pa.Scalar | None:
    """Ids come sorted by hash and id, so that equal ones are neighbours. The last id, for the next batch."""
    if not len(ids):
        return last
    before = pa.concat_arrays(
        [pa.array([last.as_py() if last else None], pa.binary()), ids.slice(0, len(ids) - 1)]
    )
    twice = ids.filter(pc.fill_null(pc.equal(ids, before), False))
    if len(twice):
        seen = twice[0].as_py().decode("utf-8", "replace")
        raise BadTable(
            f"id {seen!r} stands in two rows; allowed is one. `adjudge import table` sets doubles aside."
        )
    return ids[-1]


class Store:
    """An open store. `rows_of` gives row numbers, `take` the texts of rows."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        path = folder / HASHES
        self.hashes = np.memmap(path, np.uint64, "r") if path.stat().st_size else np.empty(0, np.uint64)
        with pa.memory_map(str(folder / TEXTS)) as source:
            file = pa.ipc.open_file(source)
            self.batches = [file.get_batch(number) for number in range(file.num_record_batches)]
            self.schema = file.schema
        self.starts = np.cumsum([0, *map(len, self.batches)])
        self.db = duckdb.connect(config={"threads": 1})

    def rows_of(self, ids: pa.Array) -> np.ndarray:
        """The store's row of each id (a string array), int64, -1 where it holds none."""
        blobs = ids.cast(pa.binary())
        self.db.register("asked", pa.table({"id": blobs}))
        hashes = self.db.execute(HASHED).fetchnumpy()["h"].astype(np.uint64)
        rows = np.searchsorted(self.hashes, hashes).astype(np.int64)
        found = np.full(len(ids), -1)
        open_ = np.flatnonzero(ids.is_valid().to_numpy(zero_copy_only=False))
        while len(open_):
            at = rows[open_]
            inside = at < len(self.hashes)
            same = np.zeros(len(open_), bool)
            same[inside] = self.hashes[at[inside]] == hashes[open_[inside]]
            open_, at = open_[same], at[same]
            equal = pc.equal(self.take("id", at), blobs.take(pa.array(open_))).to_numpy(zero_copy_only=False)
            found[open_[equal]] = at[equal]
            open_ = open_[~equal]
            rows[open_] += 1
        return found

    def take(self, name: str, rows: np.ndarray) -> pa.Array:
        """A column at row numbers (null at -1), as binary."""
        result = pa.nulls(0, pa.binary())
        order = np.argsort(rows, kind="stable")
        ranked = rows[order]
        pieces = [pa.nulls(int((ranked < 0).sum()), pa.binary())]
        cuts = np.searchsorted(ranked, self.starts)
        for number, batch in enumerate(self.batches):
            wanted = ranked[cuts[number] : cuts[number + 1]] - self.starts[number]
            if len(wanted):
                pieces.append(batch[name].take(pa.array(wanted)))
        result = pa.concat_arrays(pieces)
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return result.take(pa.array(back))


@functools.cache
def open_store(folder: Path) -> Store:
    """A store, opened once a process."""
    return Store(folder)


@dataclass(frozen=True)
class Join:
    """How pairs get their texts. `items` and `keyphrases` are folders of stores; none = the pairs hold the texts."""

    items: Path | None = None
    keyphrases: Path | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that the pairs must have."""
        phrase = "keyphrase_id" if self.keyphrases else "keyphrase"
        return ("item_id", phrase) if self.items else ("item_id", phrase, "title")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read from the pairs, where they are there."""
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
    store: Store, ids: pa.ChunkedArray, reasons: pa.Array, unknown: str
) -> tuple[np.ndarray, pa.Array]:
    texts = _blob(ids).cast(pa.string(), safe=False)
    rows = store.rows_of(texts)
    missing = pc.and_(pa.array(rows < 0), texts.is_valid())
    return rows, pc.if_else(missing, unknown, reasons)
