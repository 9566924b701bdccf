"""Bounded DuckDB connections: limited memory, spilling to a known folder, UTC, errors in our words."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge.errors import BadConfig, BadTable

if TYPE_CHECKING:
    import duckdb

UNREADABLE = "a table cannot be read: {}. Bring it in with: adjudge import table"
"""What BadTable says unless the caller knows better; `{}` is DuckDB's own first line."""


def check_memory(owner: str, name: str, value: str) -> None:
    """Raise BadConfig if a setting is not a size that DuckDB reads."""
    if not re.fullmatch(r"\d+(\.\d+)?\s?([KMGT](i?B)?|%)", value, re.IGNORECASE):
        raise BadConfig(f"{owner}.{name} is {value!r}: write for example 4GB, 500MB or 60%")


def open_connection(memory: str, spill: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A connection for an object that outlives a block (the caller closes it); everybody else takes
    `bounded`."""
    import duckdb

    options: dict[str, Any] = {"memory_limit": memory, "temp_directory": str(spill)}
    if threads:
        options["threads"] = threads
    connection = duckdb.connect(config=options)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection


@contextmanager
def bounded(
    spill: Path, memory: str, message: str = UNREADABLE, advice: str = "", threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that holds at most `memory` (a size such as 2GB) and spills what exceeds it into the
    folder `spill`.

    message: the BadTable for a table that cannot be read; the first `{}` becomes DuckDB's own first line.
    advice: what helps if the memory is too small, besides raising the setting (", or lower x"). threads: None
    or 0 = one per core.
    """
    import duckdb

    try:
        with open_connection(memory, spill, threads) as connection:
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise BadConfig(
            f"{memory} of memory is too small for this ({first_line(error)}): raise the setting{advice}"
        ) from error
    except duckdb.Error as error:
        raise BadTable(message.replace("{}", first_line(error), 1)) from error


@contextmanager
def in_memory(
    message: str = UNREADABLE, memory: str = "4GB", threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """`bounded` for small work without a memory setting of its own; it spills into a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="adjudge-") as spill,
        bounded(Path(spill), memory, message, threads=threads) as connection,
    ):
        yield connection


def first_line(error: Exception) -> str:
    """The first line of DuckDB's message; the rest quotes SQL that the user never wrote."""
    return str(error).split("\n", 1)[0]
