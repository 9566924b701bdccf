"""Atomic files and folders: they take their name when they are whole, and lose it before they are removed."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""From Linux's linux/fcntl.h and linux/fs.h."""


def move_in(fresh: Path, out: Path) -> None:
    """Give a finished folder its name; an older one of that name goes.

    On Linux the two change places in one step, so that there is always one under the name. Where the system
    or the file system cannot do that, two renames do it: a kill between them leaves the older one as
    `.<out>.old`, and `bring_back` gives it its name again.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    bring_back(out)
    if not os.path.lexists(out):
        os.replace(fresh, out)
    elif exchange(fresh, out):
        discard(fresh)
    else:
        old = _old(out)
        os.replace(out, old)
        try:
            os.replace(fresh, out)
        except OSError:
            os.replace(old, out)
            raise
        discard(old)


def bring_back(out: Path) -> None:
    """Undo half a swap: the older folder takes its name again if a kill left none under it."""
    old = _old(out)
    if not os.path.lexists(out) and os.path.lexists(old):
        os.replace(old, out)
    discard(old)


def discard(folder: Path) -> None:
    """Remove a folder. It loses its name first, so that nobody ever reads half of it as the whole.

    A kill leaves `<folder>.gone`, which the next call for the same folder removes.
    """
    gone = folder.with_name(f"{folder.name}.gone")
    _remove(gone)
    if os.path.lexists(folder):
        os.replace(folder, gone)
        _remove(gone)


def exchange(left: Path, right: Path) -> bool:
    """Swap two names in one step; False if the system cannot do that, and then nothing has changed."""
    if not sys.platform.startswith("linux"):
        return False
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    names = (os.fsencode(left), os.fsencode(right))
    return call(AT_FDCWD, names[0], AT_FDCWD, names[1], ctypes.c_uint(RENAME_EXCHANGE)) == 0


def _old(out: Path) -> Path:
    return out.with_name(f".{out.name}.old")


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def fresh_file(path: Path, mark: str = "part") -> Iterator[Path]:
    """The path of a temporary file that takes the name `path` at the end of the block; a block that fails
    leaves nothing.

    mark: distinguishes writers that may write the same file at the same time.
    """
    fresh = path.with_name(f".{path.name}.{mark}")
    try:
        yield fresh
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def fresh_folder(out: Path, mark: str = "part") -> Iterator[Path]:
    """An empty temporary folder beside `out` that takes its name at the end of the block (`move_in`)."""
    fresh = out.with_name(f".{out.name}.{mark}")
    discard(fresh)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        move_in(fresh, out)
    finally:
        discard(fresh)


@contextmanager
def scratch_folder(out: Path) -> Iterator[Path]:
    """An empty folder beside `out` for what a writer spills or has not finished; it goes at the end of the
    block.

    What a killed run left under its name is removed first.
    """
    scratch = out.with_name(f".{out.name}.scratch")
    discard(scratch)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        discard(scratch)


def write_text(path: Path, text: str, mark: str = "part", durable: bool = False) -> None:
    """Write a text file in UTF-8, in one step: readers see the old text or the new one.

    mark: as for `fresh_file`. durable: the text is on the disk before it takes its name, and outlives a power
    cut.
    """
    with fresh_file(path, mark) as fresh, fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def write_json(path: Path, value: Any, mark: str = "part", durable: bool = False) -> None:
    """Write plain values as indented JSON with a final newline; see `write_text`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", mark, durable)


@contextmanager
def fresh_parquet(
    path: Path, schema: pa.Schema, mark: str = "part", empty: bool = True
) -> Iterator[pq.ParquetWriter]:
    """A writer of a Parquet file that takes its name at the end of the block; nothing is left of a block that
    fails.

    mark: tells apart writers that may write the same file at a time. empty: whether a file without rows is
    kept.
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
