"""Write-ahead file of the verdict log: answers survive a `kill -9` because they are in it before they count.

    LOG.sqlite.arriving-NANOSECONDS    answers since the log's last commit, one per line; removed once
                                       they are committed

A line is written with one system call as its answer is booked, so the system keeps it whatever becomes of the
process. The log's writer commits whole files and removes them; a run that finds some reads them in first. A
file says in its first line whose answers it holds, so that it can be read into any log.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adjudge.judge.verdict import Verdict
from adjudge.llm.contract import plain

SUFFIX = ".arriving-"
Row = tuple[Any, ...]
"""(text, grade, reason, probability, expected, mass, answered, tokens, cost, answer as JSON or None, time)"""
ROW = 3 + len(Verdict._fields) + 3
_ENCODER = json.JSONEncoder(separators=(",", ":"))


class WriteAheadFile:
    """One file of lines, being written. Raises OSError if the disk does not take a line whole."""

    def __init__(self, log: Path, config: Mapping[str, Any]) -> None:
        # The time makes the name unique and puts files in order.
        self.path = log.with_name(f"{log.name}{SUFFIX}{time.time_ns():020d}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o644)
        self._write(plain(config))

    def add(self, row: Row) -> None:
        """Write a row; when this returns, the row outlives the process."""
        self._write(_ENCODER.encode((row[0].hex(), *row[1:])))

    def _write(self, line: str) -> None:
        data = line.encode() + b"\n"
        if os.write(self._file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def close(self) -> None:
        os.close(self._file)


def leftover_files(log: Path) -> list[Path]:
    """The files that a killed run left beside a log, in the order they were written."""
    begins = log.name + SUFFIX
    return sorted(path for path in log.parent.iterdir() if path.name.startswith(begins))


def read(path: Path) -> tuple[dict[str, Any] | None, list[Row]]:
    """The config whose answers a file holds, and its rows.

    A line that the kill cut short is left out; the config is None if not even the first line is whole.
    """
    lines = path.read_bytes().split(b"\n")[:-1]
    if not lines:
        return None, []
    rows = [row for line in lines[1:] if (row := _row(line)) is not None]
    return _object(lines[0]), rows


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _row(line: bytes) -> Row | None:
    try:
        values = json.loads(line)
        return (bytes.fromhex(values[0]), *values[1:]) if len(values) == ROW else None
    except (ValueError, TypeError, KeyError):
        return None
