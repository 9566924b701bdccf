"""Import of several files into a logs folder: what every importer shares."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adjudge.intake.intake import MEMORY, Intake, refuse_if_too_bad, take_in, write_quarantine
from adjudge.records import Progress
from adjudge.storage.duck import bounded
from adjudge.tables import Table, table


@dataclass(frozen=True)
class Imported:
    """What an importer did. `read`: what became of each file's rows, by a name for the file;
    `written`: rows of each table of the logs folder; `left_out`: rows that are not bad but were not wanted
    or are not needed, by reason."""

    logs: Path
    read: dict[str, Intake]
    written: dict[str, int]
    left_out: dict[str, int]


@dataclass(frozen=True)
class ImportSession:
    """An import under way: a scratch folder inside the logs folder, a DuckDB connection, and what was
    read."""

    db: Any
    scratch: Path
    logs: Path
    max_bad_share: float
    progress: Progress
    read: dict[str, Intake] = field(default_factory=dict)

    def take(self, name: str, source: Path, shape: Table, columns: Mapping[str, str] | None = None) -> Intake:
        """Check a file as a table of that shape, and open its good rows as the view `NAME_file`."""
        out = self.scratch / f"{name}.parquet"
        self.read[name] = take_in(
            source, shape, out, columns, self._quarantine(name), self.max_bad_share, self.progress
        )
        self.db.read_parquet(str(out)).create_view(f"{name}_file")
        return self.read[name]

    def set_aside(self, source: Path, name: str) -> Intake:
        """Quarantine, as `joined`, the rows of the table `name(row_number, reason, raw, ...)` that have a
        reason.

        Raises BadTable past the allowed share, as `take_in` does.
        """
        path = self._quarantine("joined")
        bad_rows = self.db.sql(f'SELECT row_number, reason, raw FROM "{name}" WHERE reason IS NOT NULL')
        counts = bad_rows.aggregate("reason, count(*) AS rows").order("rows DESC, reason").fetchall()
        rows, bad = len(self.db.table(name)), sum(count for _, count in counts)
        write_quarantine(bad_rows.order("row_number"), bad, path)
        result = Intake(rows, rows - bad, bad, dict(counts), self.logs, path if bad else None)
        if rows:
            refuse_if_too_bad(source, result, self.max_bad_share)
        self.read["joined"] = result
        return result

    def write(self, queries: Mapping[str, str]) -> dict[str, int]:
        """Write tables of the logs folder, each the result of a query, with the checks of a user's file."""
        written = {}
        for name, query in queries.items():
            unchecked = self.scratch / f"{name}.unchecked.parquet"
            self.db.sql(query).write_parquet(str(unchecked))
            result = take_in(unchecked, table(name), self.logs / f"{name}.parquet", max_bad_share=0.0)
            written[name] = result.kept
            self.progress(f"write {name}", result.kept, result.kept)
        return written

    def _quarantine(self, name: str) -> Path:
        return self.logs / "quarantine" / f"{name}.parquet"


@contextmanager
def import_session(logs: Path, max_bad_share: float, progress: Progress) -> Iterator[ImportSession]:
    """A session whose scratch folder and connection are gone afterwards."""
    logs.mkdir(parents=True, exist_ok=True)
    message = f"the files read for {logs} cannot be joined: {{}}. Look at them, and import again."
    with (
        tempfile.TemporaryDirectory(prefix=".import-", dir=logs) as scratch,
        bounded(Path(scratch) / "spill", MEMORY, message) as db,
    ):
        yield ImportSession(db, Path(scratch), logs, max_bad_share, progress)
