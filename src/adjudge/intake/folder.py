"""What every importer shares: rows set aside after a join, and the tables of a logs folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge import tables
from adjudge.intake.intake import Intake, connected, refuse_where_too_bad, take_in, write_whole
from adjudge.records import Progress


@dataclass(frozen=True)
class Imported:
    """What an importer did. `read`: what became of each file's rows, by a name for the file;
    `written`: rows of each table of the logs folder; `left_out`: rows that are not bad but were not asked
    for or are not needed, by reason."""

    logs: Path
    read: dict[str, Intake]
    written: dict[str, int]
    left_out: dict[str, int]


@contextmanager
def workshop(logs: Path) -> Iterator[tuple[Path, Any]]:
    """A scratch folder inside the logs folder and a DuckDB connection; both are gone afterwards."""
    logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=logs) as folder:
        scratch = Path(folder)
        with connected(scratch) as con:
            yield scratch, con


def quarantine_path(logs: Path, name: str) -> Path:
    return logs / "quarantine" / f"{name}.parquet"


def set_aside(con: Any, source: Path, name: str, logs: Path, max_bad_share: float) -> Intake:
    """Quarantine, as `joined`, the rows of the DuckDB table `name(row_number, reason, raw, ...)` that have a reason.

    Raises BadTable past the allowed share, as `take_in` does.
    """
    path = quarantine_path(logs, "joined")
    counts = con.sql(
        f"""SELECT reason, count(*) AS rows FROM "{name}" WHERE reason IS NOT NULL
            GROUP BY reason ORDER BY rows DESC, reason"""
    ).fetchall()
    (rows,) = con.sql(f'SELECT count(*) FROM "{name}"').fetchall()[0]
    bad = sum(count for _, count in counts)
    if bad:
        write_whole(
            con.sql(
                f"""SELECT row_number, reason, raw FROM "{name}" WHERE reason IS NOT NULL
                    ORDER BY row_number"""
            ),
            path,
        )
    else:
        path.unlink(missing_ok=True)
    result = Intake(rows, rows - bad, bad, dict(counts), logs, path if bad else None)
    if rows:
        refuse_where_too_bad(source, result, max_bad_share)
    return result


def write_tables(
    con: Any, scratch: Path, logs: Path, queries: Mapping[str, str], progress: Progress
) -> dict[str, int]:
    """Write tables of the logs folder, each the result of a query, through the same checks as a user's file."""
    written = {}
    for name, query in queries.items():
        made = scratch / f"{name}.parquet"
        con.sql(query).write_parquet(str(made))
        result = take_in(made, tables.table(name), logs / f"{name}.parquet", max_bad_share=0.0)
        written[name] = result.kept
        progress(f"write {name}", result.kept, result.kept)
    return written
