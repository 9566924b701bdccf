"""Fault-tolerant line reader for CSV and JSON lines: what DuckDB refuses is read line by line.

A bad line costs that line alone: broken UTF-8, a wrong field count or broken quotes make one rejected row,
and reading goes on at the next line. All other rows are staged as Parquet with their row numbers. design/0020
says why.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from adjudge.errors import BadTable
from adjudge.text.utf8 import decode

BATCH = 50_000
LONGEST_RECORD = 200
"""A quoted value may run over at most this many lines; past that, its opening quote counts as broken."""
BLOCK = 8 * 2**20
LONGEST_LINE = 64 * 2**20
"""Bytes. A longer line is not a row of a table (the file has no line ends, or is binary)."""
BROKEN_UTF8 = "broken UTF-8"
FIELD_COUNT = "malformed CSV: wrong number of fields"
BROKEN_QUOTES = "malformed CSV: broken quotes"
BOM = b"\xef\xbb\xbf"


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked if it is gzip. A gzip that ends too early or is corrupt raises BadTable."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as packed:
                yield packed  # type: ignore[misc]
        else:
            with path.open("rb") as plain:
                yield plain
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadTable(
            f"{path} is a damaged gzip file ({error}). It was probably cut short while it was copied: "
            f"copy or write it again, check it with `gzip -t`, then import again."
        ) from error


def physical_lines(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """Lines without their line end (\\n or \\r\\n); a byte order mark at the start is dropped."""
    first = True
    while line := stream.readline(LONGEST_LINE):
        if len(line) >= LONGEST_LINE:
            raise _too_long(path)
        if first:
            line, first = line.removeprefix(BOM), False
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _too_long(path: Path) -> BadTable:
    return BadTable(
        f"{path} has a line of more than {LONGEST_LINE >> 20} MiB; a table has one row per line. "
        f"Write it with line ends, or as Parquet, and import again."
    )


class Staging:
    """Two Parquet files in a scratch folder: `rows` (row, then text columns) and `rejects` (row, reason,
    raw).

    `rejected` counts rejects. Use as a context manager; the files are complete once it has closed.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.rows_path, self.rejects_path = folder / "rows.parquet", folder / "rejects.parquet"
        self.names = names
        self.rejected = 0

    def __enter__(self) -> Staging:
        self._rows = _BatchWriter(self.rows_path, ("row", *self.names))
        self._rejects = _BatchWriter(self.rejects_path, ("row", "reason", "raw"))
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()
        self._rejects.close()

    def keep(self, row: int, values: Sequence[str | None]) -> None:
        self._rows.add((row, *values))

    def keep_lines(self, first: int, lines: Sequence[str]) -> None:
        """Many lines at once, numbered from `first`; blank ones are passed over."""
        rows = [row for row, line in enumerate(lines, start=first) if line and not line.isspace()]
        whole = len(rows) == len(lines)
        self._rows.add_columns((rows, lines if whole else [lines[row - first] for row in rows]))

    def reject(self, row: int, reason: str, raw: str) -> None:
        self.rejected += 1
        self._rejects.add((row, reason, raw))


class _BatchWriter:
    """Rows into a Parquet file in batches: the first column int64, the others text."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        fields = [pa.field(name, pa.string() if number else pa.int64()) for number, name in enumerate(names)]
        self.schema = pa.schema(fields)
        self.file = pq.ParquetWriter(path, self.schema, compression="snappy")
        self.waiting: list[tuple[Any, ...]] = []

    def add(self, values: tuple[Any, ...]) -> None:
        self.waiting.append(values)
        if len(self.waiting) >= BATCH:
            self._flush()

    def add_columns(self, columns: Sequence[Sequence[Any]]) -> None:
        import pyarrow as pa

        self._flush()
        arrays = [pa.array(values, kind.type) for values, kind in zip(columns, self.schema, strict=True)]
        self.file.write_batch(pa.record_batch(arrays, schema=self.schema))

    def close(self) -> None:
        self._flush()
        self.file.close()

    def _flush(self) -> None:
        if self.waiting:
            waiting, self.waiting = self.waiting, []
            self.add_columns(list(zip(*waiting, strict=True)))


def stage_lines(path: Path, folder: Path, report: Callable[[int], None]) -> Staging:
    """A JSONL file's lines as text, column `line`. A row's number is its line's, from 1; blank lines do not
    count."""
    with open_bytes(path) as stream, Staging(folder, ("line",)) as staging:
        row = 0
        for block in _blocks(stream, path):
            text = decode(block)
            if text is not None:
                staging.keep_lines(row + 1, text.replace("\r\n", "\n").removesuffix("\r").split("\n"))
            else:
                _sort_lines(block.split(b"\n"), row + 1, staging)
            row += block.count(b"\n") + 1
            report(row)
    return staging


def _blocks(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """Blocks of whole lines, without the last line end: most are decoded in one go."""
    rest = stream.read(BLOCK).removeprefix(BOM)
    while rest:
        end = rest.rfind(b"\n")
        more = stream.read(BLOCK)
        if end < 0 and more:
            rest += more
            if len(rest) >= LONGEST_LINE:
                raise _too_long(path)
            continue
        if end < 0:
            yield rest
            return
        yield rest[:end]
        rest = rest[end + 1 :] + more


def _sort_lines(lines: list[bytes], row: int, staging: Staging) -> None:
    """A block in which some line is not UTF-8: those lines are rejected, the others kept."""
    for number, ended in enumerate(lines, start=row):
        line = ended.removesuffix(b"\r")
        text = decode(line)
        if text is None:
            staging.reject(number, BROKEN_UTF8, line.decode("utf-8", "backslashreplace"))
        elif text.strip():
            staging.keep(number, (text,))


def stage_csv(path: Path, folder: Path, header: CsvHeader, report: Callable[[int], None]) -> Staging:
    """A CSV file's fields as text, columns c0, c1, ...; empty fields become null.

    A row is a record after the header, blank lines not counted, from 1. A rejected line is one row.
    """
    names = tuple(f"c{number}" for number in range(len(header.names)))
    with open_bytes(path) as stream, Staging(folder, names) as staging:
        lines = physical_lines(stream, path)
        next(lines, None)
        records = _Records(lines, header)
        for row, record in enumerate(records, start=1):
            if isinstance(record, RejectedLine):
                staging.reject(row, record.reason, record.raw)
            else:
                staging.keep(row, [value or None for value in record])
            if row % BATCH == 0:
                report(row)
    return staging


@dataclass(frozen=True)
class CsvHeader:
    """A CSV file's first line: the delimiter found in it and the columns' names."""

    delimiter: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class RejectedLine:
    """A line that is no record, and why."""

    reason: str
    raw: str


DELIMITERS = (",", "\t", ";", "|")


def read_header(path: Path, wanted: Sequence[str]) -> CsvHeader:
    """The header, with the delimiter under which most wanted names (then most fields) appear."""
    with open_bytes(path) as stream:
        start = stream.read(4)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise BadTable(
                f"{path} is UTF-16; allowed is UTF-8. Convert it with: iconv -f UTF-16 -t UTF-8, then import "
                f"again."
            )
        stream.seek(0)
        line = next(physical_lines(stream, path), b"")
    text = decode(line)
    if text is None:
        raise BadTable(
            f"{path}: the header line is not UTF-8; allowed is UTF-8. Convert the file, then import again."
        )
    if not text.strip():
        raise BadTable(f"{path} has no header line: the first line is empty. It must name the columns.")
    headers = [CsvHeader(mark, tuple(next(csv.reader([text], delimiter=mark)))) for mark in DELIMITERS]
    best = max(headers, key=lambda header: (len(set(wanted) & set(header.names)), len(header.names)))
    twice = sorted({name for name in best.names if best.names.count(name) > 1})
    if twice:
        raise BadTable(f"{path}: the header names {', '.join(twice)} twice; every column needs its own name.")
    return best


class _Records:
    """CSV records out of physical lines; only a line that cannot be read is a `RejectedLine`."""

    def __init__(self, lines: Iterator[bytes], header: CsvHeader) -> None:
        self.lines = lines
        self.mark = header.delimiter
        self.width = len(header.names)
        self.ahead: list[bytes] = []

    def __iter__(self) -> Iterator[list[str] | RejectedLine]:
        while (line := self._take()) is not None:
            if line.strip():
                yield self._record(line)

    def _take(self) -> bytes | None:
        return self.ahead.pop(0) if self.ahead else next(self.lines, None)

    def _record(self, line: bytes) -> list[str] | RejectedLine:
        text = decode(line)
        if text is None:
            return RejectedLine(BROKEN_UTF8, line.decode("utf-8", "backslashreplace"))
        fields = self._parse(text)
        if fields is None:
            fields = self._longer(text)
        if fields is None:
            return RejectedLine(BROKEN_QUOTES, text)
        return fields if len(fields) == self.width else RejectedLine(FIELD_COUNT, text)

    def _longer(self, text: str) -> list[str] | None:
        """The record that starts here with a quoted value over several lines; None if its quote is broken."""
        if text.count('"') % 2 == 0:
            return None
        taken: list[bytes] = []
        while len(taken) < LONGEST_RECORD and (line := self._take()) is not None:
            taken.append(line)
            more = decode(line)
            if more is None:
                break
            text = f"{text}\n{more}"
            if more.count('"') % 2:
                fields = self._parse(text)
                if fields is not None and len(fields) == self.width:
                    return fields
                break
        self.ahead[:0] = taken
        return None

    def _parse(self, text: str) -> list[str] | None:
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=self.mark, strict=True))
        except csv.Error:
            return None
        return rows[0] if len(rows) == 1 else None
