"""DuckDB for the recipes: fixed SQL texts with bound parameters, bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import sql_text
from adjudge.storage.duck import bounded
from adjudge.storage.views import open_log

if TYPE_CHECKING:
    import duckdb

Rows = list[tuple[Any, ...]]


class RecipeEngine:
    """Runs the fixed texts of `sql/` with bound parameters."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def run(self, name: str, parameters: Mapping[str, Any] | None = None, **texts: str) -> Rows:
        """Run `sql/NAME.sql`; `texts` replaces `$word` by another fixed text (a split's expression).

        Parameters may be given to a file's first statement only.
        """
        script = sql_text(name)
        for word, text in texts.items():
            script = script.replace(f"${word}", text)
        rows: Rows = []
        for number, statement in enumerate(text for text in script.split(";\n") if text.strip()):
            bound = dict(parameters) if parameters and number == 0 else None
            rows = self.connection.execute(statement, bound).fetchall()
        return rows

    def fill(self, table: str, rows: Rows) -> None:
        """Append rows to one of the small tables of start.sql."""
        relation = self.connection.table(table)
        for row in rows:
            relation.insert(list(row))

    def open(self, logs: Path, name: str) -> Path:
        """See `views.open_log`."""
        return open_log(self.connection, logs, name)


@contextmanager
def open_engine(out: Path, settings: RecipeSettings) -> Iterator[RecipeEngine]:
    """An engine that spills into a folder inside `out`, gone afterwards."""
    out.mkdir(parents=True, exist_ok=True)
    message = (
        "a table of the logs cannot be used ({}): bring it in with adjudge import, which checks every row"
    )
    advice = ", or set threads lower (each thread needs its own buffers)"
    with (
        tempfile.TemporaryDirectory(prefix=".recipe-", dir=out) as scratch,
        bounded(
            Path(scratch) / "spill", settings.memory_limit, message, advice, settings.threads
        ) as connection,
    ):
        yield RecipeEngine(connection)
