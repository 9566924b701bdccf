"""Snapshot of one config's verdicts as columns, so that a million judged pairs are looked up in seconds.

A text takes about 70 bytes: 16 of hash, the rest its verdict.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from adjudge.storage.lookup import find

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("grade", "reason", "probability", "expected", "mass", "answered", "tokens", "cost")
CHUNK = 50_000

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]
"""Shape (n, 2): a text's hash of 16 bytes as two numbers, the first eight bytes (big-endian) before the last
eight."""


def keys_of(hashes: bytes) -> Keys:
    """Hashes of 16 bytes each, one after the other, as keys.

    >>> keys_of(bytes(7) + b"\\x02" + bytes(7) + b"\\x01")
    array([[2, 1]], dtype=uint64)
    """
    return np.frombuffer(hashes, ">u8").reshape(-1, 2).astype(np.uint64)


@dataclass(frozen=True)
class LogSnapshot:
    """Texts in the order of their hashes: `keys`, and a table of COLUMNS, row by row."""

    keys: Keys
    table: pa.Table

    @staticmethod
    def of(rows: sqlite3.Cursor) -> LogSnapshot:
        """Read (text, *COLUMNS), sorted by text."""
        import pyarrow as pa

        word, number = pa.dictionary(pa.int32(), pa.string()), pa.float64()
        types = (word, word, number, number, number, pa.int32(), pa.int64(), number)
        schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
        hashes, batches = [], []
        while chunk := rows.fetchmany(CHUNK):
            texts, *columns = zip(*chunk, strict=True)
            hashes.append(b"".join(texts))
            arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
            batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        table = pa.Table.from_batches(batches, schema).unify_dictionaries().combine_chunks()
        # Column by column, since `find` searches the first halves alone.
        return LogSnapshot(np.asfortranarray(keys_of(b"".join(hashes))), table)

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: Keys) -> tuple[Places, Flags]:
        """The row of each key (0 if it is absent), and whether it is present."""

        def equal(rows: Places, wanted: Places) -> Flags:
            same: Flags = self.keys[rows, 1] == keys[wanted, 1]
            return same

        rows = find(self.keys[:, 0], keys[:, 0], equal)
        return np.maximum(rows, 0), rows >= 0

    def settled(self, attempts: int) -> Flags:
        """Whether a text needs no further asking (as `accounting.is_settled`), row by row."""
        graded = self.table.column("grade").is_valid().to_numpy()
        answered = self.table.column("answered").to_numpy()
        flags: Flags = graded | (answered >= attempts)
        return flags
