"""Validated import of one file: `take_in` makes it a table of exactly the shape that `tables.py` states.

Bad rows are never dropped silently: each goes to the quarantine file with its row number and reason.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adjudge.config import check_range, setting
from adjudge.errors import BadTable
from adjudge.intake import reading, rules
from adjudge.records import Progress, no_progress
from adjudge.storage.duck import bounded
from adjudge.storage.files import fresh_file
from adjudge.tables import Column, Table

MEMORY = "3GB"
"""What DuckDB may hold; past it, it works on disk beside the result."""
BAD_SHARE = setting("The share of bad rows past which an import is refused.", ge=0, le=1)
"""The importers' setting `max_bad_share`."""
BAD_ROWS = """SELECT row AS row_number, reason, raw FROM (
        SELECT row, reason, raw FROM bad JOIN reasons USING (code) JOIN original USING (row)
        UNION ALL SELECT row, reason, raw FROM rejected
    ) ORDER BY row_number"""
ROW_NUMBER = Column("row_number", "int64", "the row's number in the file it came from", required=False)
"""A table that an importer reads in between may carry this column: `take_in` fills it."""


@dataclass(frozen=True)
class Intake:
    """What became of a file's rows: rows = kept + quarantined = kept + sum(reasons.values()).

    `out` is the canonical Parquet file, `quarantine` the file of bad rows (None if there are none).
    """

    rows: int
    kept: int
    quarantined: int
    reasons: dict[str, int]
    out: Path
    quarantine: Path | None


def take_in(
    source: Path,
    table: Table,
    out: Path,
    columns: Mapping[str, str] | None = None,
    quarantine: Path | None = None,
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
    grades: tuple[str, ...] | None = None,
) -> Intake:
    """Read Parquet, CSV or JSONL (`source`) and write `table`'s canonical Parquet to `out`, all or nothing.

    `columns` maps a canonical name to the user's. `out` has the table's columns in its order, rows in the
    order of the input; an absent optional column becomes typed nulls. Bad rows go to `quarantine` (default: a
    folder `quarantine` beside `out`), columns row_number, reason, raw. row_number counts from 1: rows of a
    Parquet file, records after a CSV's header (blank lines not counted), lines of a JSONL file. A row has one
    reason, the first it breaks: unreadable, then column by column, then the table's checks, then a repeated
    key (the first row that is otherwise good is kept). `grades` puts the column `grade` on another scale.

    Raises BadTable if the file cannot be read, lacks a column or has no rows, or if more than `max_bad_share`
    (0 to 1) of them is bad; the quarantine file is written then, `out` is not. Memory stays bounded.
    """
    check_range("take_in", "max_bad_share", max_bad_share, 0, 1)
    source, out = Path(source), Path(out)
    if grades is not None:
        scaled = [replace(c, words=tuple(grades)) if c.name == "grade" else c for c in table.columns]
        table = replace(table, columns=tuple(scaled))
    bad_rows = quarantine or out.parent / "quarantine" / out.name
    message = (
        f"{source} cannot be read to its end: {{}}. It is truncated or corrupt, or of another format than "
        f"its "
        "name says. Copy or export it again, then import again."
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".intake-", dir=out.parent) as folder,
        bounded(Path(folder) / "spill", MEMORY, message) as db,
    ):
        rejects = reading.open_source(
            db,
            source,
            table,
            columns or {},
            Path(folder),
            lambda rows: progress(f"read {source.name}", rows, 0),
        )
        rows, reasons = _judge(db, table, source, rejects)
        bad = sum(reasons.values())
        write_quarantine(db.sql(BAD_ROWS), bad, bad_rows)
        result = Intake(rows, rows - bad, bad, reasons, out, bad_rows if bad else None)
        refuse_if_too_bad(source, result, max_bad_share)
        _write_good(db, table, out)
    progress(f"import {source.name}", rows, rows)
    return result


def write_quarantine(rows: Any, count: int, path: Path) -> None:
    """Write the bad rows of a relation (row_number, reason, raw); if there are none, remove an older file."""
    if count:
        _write_parquet(rows, path)
    else:
        path.unlink(missing_ok=True)


def refuse_if_too_bad(source: Path, result: Intake, most: float) -> None:
    """Raise BadTable if the share of bad rows is above `most`, or no row is good."""
    share = result.quarantined / result.rows
    if share <= most and result.kept:
        return
    counts = "; ".join(f"{reason}: {count:,}" for reason, count in result.reasons.items())
    raised = min(1.0, -(-share * 100 // 1) / 100)
    step = (
        f"or raise the allowed share: --max-bad-share {raised:g} (for a whole set: --set "
        f"max_bad_share={raised:g})"
        if result.kept
        else "no good row is left"
    )
    raise BadTable(
        f"{source}: {result.quarantined:,} of {result.rows:,} rows are bad ({share:.2%}), allowed is "
        f"{most:.2%}. "
        f"{counts}. They are in {result.quarantine} (row_number, reason, raw); {result.out} was not written. "
        f"Correct them and import again, {step}."
    )


def _judge(db: Any, table: Table, source: Path, rejects: Path | None) -> tuple[int, dict[str, int]]:
    """Fill bad(row, code), reasons(code, reason) and rejected(row, reason, raw); count rows and reasons."""
    broken = [rules.Rule(reading.MALFORMED_JSON, "NOT readable"), *rules.rules(table)]
    view = db.view("source")
    kinds = dict(zip(view.columns, map(str, view.types), strict=True))
    values = ", ".join(
        ('"row"' if column == ROW_NUMBER else rules.typed(column, kinds[f"v_{column.name}"]))
        + f' AS "{column.name}"'
        for column in table.columns
    )
    cases = " ".join(f"WHEN {rule.bad_when} THEN {code:d}" for code, rule in enumerate(broken))
    db.execute(
        f"""CREATE TEMP VIEW judged AS SELECT *, CAST(CASE {cases} END AS SMALLINT) AS code
            FROM (SELECT *, {values} FROM source)"""
    )
    keys = ", ".join(f'"{name}"' for name in table.key)
    db.execute(f"CREATE TEMP TABLE marks AS SELECT row, code, hash({keys}) AS h FROM judged")
    db.execute("CREATE TEMP TABLE bad AS SELECT row, code FROM marks WHERE code IS NOT NULL")
    _mark_repeated(db, keys, len(broken))
    reasons = [*(rule.reason for rule in broken), f"duplicate key ({', '.join(table.key)})"]
    db.execute("CREATE TEMP TABLE reasons (code SMALLINT, reason VARCHAR)")
    db.executemany("INSERT INTO reasons VALUES (?, ?)", [list(pair) for pair in enumerate(reasons)])
    db.execute("CREATE TEMP TABLE rejected (row BIGINT, reason VARCHAR, raw VARCHAR)")
    if rejects is not None:
        db.execute("INSERT INTO rejected SELECT row, reason, raw FROM read_parquet(?)", [str(rejects)])
    rows = _count(db, "marks") + _count(db, "rejected")
    if not rows:
        raise BadTable(f"{source} has no rows; table {table.name} needs at least one. Export it again.")
    counts = db.sql(
        """SELECT reason, count(*) AS rows FROM (
            SELECT reason FROM bad JOIN reasons USING (code) UNION ALL SELECT reason FROM rejected
        ) GROUP BY reason ORDER BY rows DESC, reason"""
    ).fetchall()
    return rows, dict(counts)


def _mark_repeated(db: Any, keys: str, code: int) -> None:
    """Mark rows that repeat an earlier good row's key.

    Hashes come first: most files repeat nothing, and then eight bytes per row are all that has to be held.
    Only rows that share a hash are compared by their keys.
    """
    db.execute(
        "CREATE TEMP TABLE twice AS SELECT h FROM marks WHERE code IS NULL GROUP BY h HAVING count(*) > 1"
    )
    if _count(db, "twice"):
        db.execute(
            f"""INSERT INTO bad SELECT row, {code:d} FROM (
                SELECT row, row_number() OVER (PARTITION BY {keys} ORDER BY row) AS place
                FROM judged WHERE code IS NULL AND hash({keys}) IN (SELECT h FROM twice)
            ) WHERE place > 1"""
        )


def _write_good(db: Any, table: Table, out: Path) -> None:
    """Write the good rows in the file's order. Only repeated keys need an anti join, hence a sort."""
    columns = ", ".join(f'"{name}"' for name in table.names)
    query = f"SELECT {columns} FROM judged WHERE code IS NULL"
    if _count(db, "twice"):
        query += " AND NOT EXISTS (SELECT 1 FROM bad WHERE bad.row = judged.row) ORDER BY row"
    _write_parquet(db.sql(query), out)


def _write_parquet(relation: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with fresh_file(path, str(os.getpid())) as fresh:
        relation.write_parquet(str(fresh), compression="zstd")


def _count(db: Any, name: str) -> int:
    return int(db.table(name).aggregate("count(*)").fetchall()[0][0])
