"""DuckDB as the recipes use it: bounded memory, scratch files beside the result, errors in plain words."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge import tables
from adjudge.errors import BadConfig, BadTable
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import sql_text

if TYPE_CHECKING:
    import duckdb

Rows = list[tuple[Any, ...]]


class Engine:
    """Runs the fixed texts of `sql/` with bound parameters."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self.connection = connection
        self.scratch = scratch

    def run(self, name: str, parameters: Mapping[str, Any] | None = None, **texts: str) -> Rows:
        """Run `sql/NAME.sql`; `texts` replaces `$word` by another fixed text (a split's expression).

        Parameters may be given to a file's first statement only.
        """
        script = sql_text(name)
        for word, text in texts.items():
            script = script.replace(f"${word}", text)
        rows: Rows = []
        for number, statement in enumerate(part for part in script.split(";\n") if part.strip()):
            bound = dict(parameters) if parameters and number == 0 else None
            rows = self.connection.execute(statement, bound).fetchall()
        return rows

    def fill(self, table: str, rows: Rows) -> None:
        """Append rows to one of the small tables of start.sql."""
        relation = self.connection.table(table)
        for row in rows:
            relation.insert(list(row))

    def open(self, logs: Path, name: str) -> Path:
        """Make a table of a logs folder visible as `NAME_file`, absent optional columns as nulls.

        Raises BadTable where it is missing, unreadable or lacks a column.
        """
        import duckdb
        import pyarrow as pa

        path = tables.log_path(logs, name)
        shape = tables.table(name)
        try:
            there = self.connection.read_parquet(str(path))
        except duckdb.Error as error:
            raise BadTable(f"{path} cannot be read as Parquet: {_line(error)}") from error
        shape.check_columns(there.columns, path)
        types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
        empty = pa.schema([(column.name, types[column.type]) for column in shape.columns]).empty_table()
        view = f"{name}_file"
        there.create_view(f"{name}_there", replace=True)
        self.connection.register(f"{name}_shape", empty)
        self.connection.sql(sql_text("open").replace("$name", name)).create_view(view, replace=True)
        return path


@contextmanager
def engine(out: Path, settings: RecipeSettings) -> Iterator[Engine]:
    """An engine with its scratch folder inside `out`, both gone afterwards."""
    import duckdb

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".recipe-", dir=out) as scratch:
        config: dict[str, Any] = {
            "memory_limit": settings.memory_limit,
            "temp_directory": str(Path(scratch) / "spill"),
        }
        if settings.threads is not None:
            config["threads"] = settings.threads
        with duckdb.connect(config=config) as connection:
            try:
                yield Engine(connection, Path(scratch))
            except duckdb.OutOfMemoryException as error:
                raise BadConfig(
                    f"memory_limit {settings.memory_limit} is too small for this recipe ({_line(error)}): "
                    "raise it, or set threads lower (each thread needs its own buffers)"
                ) from error
            except duckdb.Error as error:
                raise BadTable(
                    f"a table of the logs cannot be used ({_line(error)}): bring it in with adjudge import, "
                    "which checks every row"
                ) from error


def _line(error: Exception) -> str:
    """The first line of DuckDB's message; the rest quotes SQL the user never wrote."""
    return str(error).split("\n", 1)[0]
