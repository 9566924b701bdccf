"""Files and folders that take their name only when they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def move_in(fresh: Path, out: Path) -> None:
    """Swap a finished folder in; a kill between the two renames leaves the old one beside as `.<out>.old`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        os.replace(out, old)
    os.replace(fresh, out)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def fresh_parquet(
    path: Path, schema: pa.Schema, mark: str = "part", empty: bool = True
) -> Iterator[pq.ParquetWriter]:
    """A writer of a Parquet file that takes its name at the end of the block; nothing is left of a block that fails.

    mark: tells apart writers that may write the same file at a time. empty: whether a file without rows is kept.
    """
    import pyarrow.parquet as pq

    fresh = path.with_name(f".{path.name}.{mark}")
    writer = pq.ParquetWriter(fresh, schema, compression="zstd")
    try:
        yield writer
        writer.close()
        if empty or pq.read_metadata(fresh).num_rows:
            os.replace(fresh, path)
    finally:
        writer.close()
        fresh.unlink(missing_ok=True)
