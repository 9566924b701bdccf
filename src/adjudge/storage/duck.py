"""DuckDB within a stated memory, spilling beside the result; its errors become ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge import tables
from adjudge.errors import BadConfig, BadTable

if TYPE_CHECKING:
    import duckdb

SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}
"""What the types of `tables` are called in SQL."""


def check_memory(owner: str, name: str, value: str) -> None:
    """Raises BadConfig where a setting is no size that DuckDB reads."""
    if not re.fullmatch(r"\d+(\.\d+)?\s?([KMGT](i?B)?|%)", value, re.IGNORECASE):
        raise BadConfig(f"{owner}.{name} is {value!r}: write for example 4GB, 500MB or 60%")


@contextmanager
def bounded(
    spill: Path, memory: str, wrong: str, less: str = "", threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that holds at most `memory` (a size, as 2GB) and writes what is more into `spill`; times are in UTC.

    wrong: what BadTable says of a table that cannot be read, `{}` for DuckDB's own first line. less: what else helps
    where the memory is too small, beside raising it. threads: None or 0 = one a core.
    """
    import duckdb

    options: dict[str, Any] = {"memory_limit": memory, "temp_directory": str(spill)}
    if threads:
        options["threads"] = threads
    try:
        with duckdb.connect(config=options) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise BadConfig(
            f"{memory} of memory is too small for this ({line(error)}): raise the setting{less}"
        ) from error
    except duckdb.Error as error:
        raise BadTable(wrong.format(line(error))) from error


def line(error: Exception) -> str:
    """The first line of DuckDB's message; the rest quotes SQL the user never wrote."""
    return str(error).split("\n", 1)[0]


def open_log(connection: duckdb.DuckDBPyConnection, logs: Path, name: str) -> Path:
    """Make a table of a logs folder visible as `NAME_file`, absent optional columns as nulls.

    Raises BadTable where it is missing, unreadable or lacks a column.
    """
    import duckdb

    path = tables.log_path(logs, name)
    shape = tables.table(name)
    try:
        there = connection.read_parquet(str(path))
    except duckdb.Error as error:
        raise BadTable(f"{path} cannot be read as Parquet: {line(error)}") from error
    shape.check_columns(there.columns, path)
    there.create_view(f"{name}_there", replace=True)
    empty = ", ".join(f'CAST(NULL AS {SQL_TYPES[c.type]}) AS "{c.name}"' for c in shape.columns)
    both = f"SELECT {empty} WHERE false UNION ALL BY NAME SELECT * FROM {name}_there"
    connection.sql(both).create_view(f"{name}_file", replace=True)
    return path
