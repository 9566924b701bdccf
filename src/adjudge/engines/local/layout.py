"""The input cut into parts: row ranges that follow the files' row groups, read in chunks of one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.errors import BadTable
from adjudge.scoring.rows import TEXT_BYTES, check_texts, text_sizes
from adjudge.tables import TO_SCORE

READ_ROWS = 2048
"""Rows decoded at a time; texts that Parquet holds once each may be long when they are spelled out."""


@dataclass(frozen=True)
class Part:
    """Rows [skip, skip + rows) of some row groups of a file; `first` is its first row's number over all
    files."""

    number: int
    file: Path
    groups: tuple[int, ...]
    skip: int
    rows: int
    first: int


def open_file(path: Path, needed: tuple[str, ...]) -> pq.ParquetFile:
    """Open Parquet with texts in the `needed` columns. Raises BadTable in one line."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{path} cannot be read as Parquet: {error}. Other formats come in with: adjudge import"
        ) from error
    names = file.schema_arrow.names
    if set(needed) == set(TO_SCORE.required):
        TO_SCORE.check_columns(names, path)
    missing = [name for name in needed if name not in names]
    if missing:
        raise BadTable(
            f"{path} needs column {', '.join(missing)}; seen: {', '.join(names)}. Rename or add it."
        )
    check_texts(file.schema_arrow, path)
    return file


def plan(files: list[pq.ParquetFile], paths: list[Path], part_rows: int) -> list[Part]:
    """Parts of at most `part_rows` rows, none across files: small row groups are joined, a large one is cut
    evenly."""
    parts: list[Part] = []
    first = 0
    for file, path in zip(files, paths, strict=True):
        for groups, skip, rows in _ranges(file.metadata, part_rows):
            parts.append(Part(len(parts), path, groups, skip, rows, first))
            first += rows
    return parts


def _ranges(metadata: pq.FileMetaData, part_rows: int) -> Iterator[tuple[tuple[int, ...], int, int]]:
    groups: list[int] = []
    waiting = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if groups and waiting + rows > part_rows:
            yield tuple(groups), 0, waiting
            groups, waiting = [], 0
        if rows > part_rows:
            pieces = -(-rows // part_rows)
            cuts = [rows * piece // pieces for piece in range(pieces + 1)]
            yield from (((group,), a, b - a) for a, b in pairwise(cuts))
        elif rows:
            groups.append(group)
            waiting += rows
    if groups:
        yield tuple(groups), 0, waiting


def read(part: Part, columns: tuple[str, ...], chunk: int) -> Iterator[pa.Table]:
    """A part's rows in tables of `chunk` rows, the last one shorter; those `columns` that the file has.

    If texts are so long that a table would pass TEXT_BYTES, it ends earlier: memory stays bounded. Raises
    BadTable.
    """
    try:
        with pq.ParquetFile(part.file) as file:
            wanted = [name for name in columns if name in file.schema_arrow.names]
            yield from _chunks(file, part, wanted, chunk)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{part.file} breaks off or is damaged: {error}. Write the file again.") from error


def _chunks(file: pq.ParquetFile, part: Part, wanted: list[str], chunk: int) -> Iterator[pa.Table]:
    pieces: list[pa.Table] = []
    skip, left, size, most = part.skip, part.rows, 0, 0
    rows = min(chunk, READ_ROWS)
    for batch in file.iter_batches(batch_size=rows, row_groups=list(part.groups), columns=wanted):
        table = pa.table(batch).slice(skip, left)
        skip = max(0, skip - len(batch))
        left -= len(table)
        while len(table):
            piece = table.slice(0, chunk - size)
            table = table.slice(len(piece))
            pieces.append(piece)
            size, most = size + len(piece), most + int(text_sizes(piece).sum())
            if size == chunk or most >= TEXT_BYTES:
                yield pa.concat_tables(pieces, promote_options="permissive")
                pieces, size, most = [], 0, 0
        if not left:
            break
    if pieces:
        yield pa.concat_tables(pieces, promote_options="permissive")
