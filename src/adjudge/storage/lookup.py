"""Look-up by sorted hashes: binary search in a memory-mapped array, and rows of a memory-mapped Arrow file.

Both are read through the page cache, so that a table larger than memory works and all processes share it. The
hash only narrows the search: whether two keys are equal is for the caller to say, so that colliding hashes
never mix two keys up.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]
Equal = Callable[[Positions, Positions], npt.NDArray[np.bool_]]
"""(positions, places among the wanted, one by one) -> whether the key at the position is the wanted one."""


def find(hashes: Hashes, wanted: Hashes, equal: Equal) -> Positions:
    """The position of each wanted key in the sorted `hashes`, -1 if it is not among them.

    `equal` is called with the keys whose hash was found, and again for those that only shared a hash with
    another key.

    >>> keys = ["a", "b", "c"]
    >>> def same(positions, places):
    ...     return np.array([keys[p] == "cx"[w] for p, w in zip(positions, places)], bool)
    >>> find(np.array([1, 5, 5], np.uint64), np.array([5, 7], np.uint64), same)
    array([ 2, -1])
    """
    result = np.full(len(wanted), -1, np.int64)
    positions = np.searchsorted(hashes, wanted).astype(np.int64)
    pending = np.arange(len(wanted))
    while len(pending):
        pending = pending[positions[pending] < len(hashes)]
        pending = pending[hashes[positions[pending]] == wanted[pending]]
        if not len(pending):
            break
        same = equal(positions[pending], pending)
        result[pending[same]] = positions[pending[same]]
        pending = pending[~same]
        # Keys that share a hash are neighbours: the next round looks at the neighbour.
        positions[pending] += 1
    return result


def map_numbers(path: Path, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """A file of plain numbers as a memory-mapped array; an empty file, which cannot be mapped, too."""
    return np.memmap(path, dtype, "r") if path.stat().st_size else np.empty(0, dtype)


class ArrowRows:
    """A memory-mapped Arrow file whose rows are taken by number, in any order."""

    def __init__(self, path: Path) -> None:
        with pa.memory_map(str(path)) as source:
            file = pa.ipc.open_file(source)
            batches = [file.get_batch(number) for number in range(file.num_record_batches)]
            self.schema = file.schema
        self.columns = {name: [batch[name] for batch in batches] for name in self.schema.names}
        self.starts = np.cumsum([0, *map(len, batches)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, column: str, rows: Positions) -> pa.Array:
        """A column's values at row numbers, one by one; null at -1."""
        batches = self.columns[column]
        nothing = pa.nulls(0, self.schema.field(column).type)
        if len(rows) < 4 * len(batches):
            # So few rows are picked one by one: a slice takes 1 microsecond, `take` of a batch takes 7.
            numbers, inside = self._places(rows)
            null = pa.nulls(1, nothing.type)
            pieces = [
                batches[number].slice(offset, 1) if number >= 0 else null
                for number, offset in zip(numbers.tolist(), inside.tolist(), strict=True)
            ]
            return pa.concat_arrays([nothing, *pieces])
        order = np.argsort(rows, kind="stable")
        ranked = rows[order]
        pieces = [pa.nulls(int((ranked < 0).sum()), nothing.type)]
        cuts = np.searchsorted(ranked, self.starts)
        for number in np.flatnonzero(np.diff(cuts)):
            inside = ranked[cuts[number] : cuts[number + 1]] - self.starts[number]
            pieces.append(batches[number].take(pa.array(inside)))
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return pa.concat_arrays(pieces).take(pa.array(back))

    def value(self, column: str, row: int) -> pa.Scalar:
        """One value, without a copy of its bytes."""
        number, offset = self._places(np.array(row))
        return self.columns[column][int(number)][int(offset)]

    def _places(self, rows: Positions) -> tuple[Positions, Positions]:
        """The batch of each row (-1 for row -1), and its place in the batch."""
        numbers = np.searchsorted(self.starts, rows, side="right") - 1
        return numbers, rows - self.starts[numbers]
