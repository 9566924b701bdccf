"""`take_in`: a user's file becomes a table of exactly the shape that `tables.py` states.

Bad rows are never dropped silently: each goes to the quarantine file with its row number and reason.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.config import check_range, setting
from adjudge.errors import BadTable
from adjudge.intake import reading, rules
from adjudge.records import Progress, no_progress
from adjudge.tables import Column, Table

MEMORY = "3GB"
"""What DuckDB may hold; past it, it works on disk beside the result."""

BAD_SHARE = setting("The share of bad rows past which an import is refused.", ge=0, le=1)
"""The importers' setting `max_bad_share`."""
ROW_NUMBER = Column("row_number", "int64", "the row's number in the file it came from", required=False)
"""A table that an importer reads in between may carry this column: `take_in` fills it."""


@dataclass(frozen=True)
class Intake:
    """What became of a file's rows: rows = kept + quarantined = kept + sum(reasons.values()).

    `out` is the canonical Parquet file, `quarantine` the file of bad rows (None where there are none).
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

    `columns` maps a canonical name to the user's. `out` has the table's columns in its order, rows in the order
    of the input; an absent optional column becomes typed nulls. Bad rows go to `quarantine` (default: a folder
    `quarantine` beside `out`), columns row_number, reason, raw. row_number counts from 1: rows of a Parquet
    file, records after a CSV's header (blank lines not counted), lines of a JSONL file. A row has one
    reason, the first it breaks: unreadable, then column by column, then the table's checks, then a repeated key
    (the first row that is otherwise good is kept). `grades` puts the column `grade` on another scale.

    Raises BadTable where the file cannot be read, lacks a column, has no rows, or where more than `max_bad_share`
    (0 to 1) of them is bad; the quarantine file is written then, `out` is not. Memory stays bounded.
    """
    import duckdb

    check_range("take_in", "max_bad_share", max_bad_share, 0, 1)
    source, out = Path(source), Path(out)
    table = rules.with_grades(table, grades)
    keep_bad = quarantine or out.parent / "quarantine" / out.name
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".intake-", dir=out.parent) as folder:
        work = _Work(table, Path(folder), progress)
        try:
            with connected(work.scratch) as con:
                opened = work.open(con, source, columns or {})
                rows, reasons = work.judge(con, opened)
                bad = sum(reasons.values())
                work.quarantine(con, bad, keep_bad)
                result = Intake(rows, rows - bad, bad, reasons, out, keep_bad if bad else None)
                refuse_where_too_bad(source, result, max_bad_share)
                work.write(con, out)
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException) as error:
            raise _unreadable(source, error) from error
    progress(f"import {source.name}", rows, rows)
    return result


@contextmanager
def connected(scratch: Path) -> Iterator[Any]:
    """A DuckDB connection of bounded memory that spills into the scratch folder."""
    import duckdb

    config: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": str(scratch / "spill")}
    with duckdb.connect(":memory:", config=config) as con:
        con.execute("SET enable_progress_bar = false")
        yield con


@dataclass(frozen=True)
class _Work:
    """The steps of one intake, over a scratch folder that is gone afterwards."""

    table: Table
    scratch: Path
    progress: Progress

    def open(self, con: Any, source: Path, columns: Mapping[str, str]) -> reading.Source:
        def report(rows: int) -> None:
            self.progress(f"read {source.name}", rows, 0)

        return reading.open_source(con, source, self.table, columns, self.scratch, report)

    def judge(self, con: Any, opened: reading.Source) -> tuple[int, dict[str, int]]:
        """Fill the table `bad(row, reason, raw)` and give the number of rows and of each reason."""
        found = [rules.Rule(reading.MALFORMED_JSON, "NOT readable"), *rules.rules(self.table)]
        _judged_view(con, self.table, found)
        keys = ", ".join(f'"{name}"' for name in self.table.key)
        con.execute(f"CREATE TEMP TABLE marks AS SELECT row, code, hash({keys}) AS h FROM judged")
        con.execute("CREATE TEMP TABLE bad AS SELECT row, code FROM marks WHERE code IS NOT NULL")
        reasons = [rule.reason for rule in found] + [rules.duplicate_reason(self.table)]
        self._repeated(con, keys, len(found))
        con.execute("CREATE TEMP TABLE reasons (code SMALLINT, reason VARCHAR)")
        con.executemany("INSERT INTO reasons VALUES (?, ?)", [list(pair) for pair in enumerate(reasons)])
        _unreadable_rows(con, opened.rejects)
        read, lost = _count(con, "marks"), _count(con, "rejected")
        counts = con.sql(
            """SELECT reason, count(*) AS rows FROM (
                SELECT reason FROM bad JOIN reasons USING (code) UNION ALL SELECT reason FROM rejected
            ) GROUP BY reason ORDER BY rows DESC, reason"""
        ).fetchall()
        if read + lost == 0:
            raise BadTable(
                f"{opened.path} has no rows; table {self.table.name} needs at least one. Export it again."
            )
        return read + lost, dict(counts)

    def _repeated(self, con: Any, keys: str, code: int) -> None:
        """Mark rows that repeat an earlier good row's key. Hashes first: most files repeat nothing, and eight
        bytes a row is all that then has to be held; only rows that share a hash are compared by their keys."""
        con.execute(
            """CREATE TEMP TABLE twice AS SELECT h FROM marks WHERE code IS NULL
                GROUP BY h HAVING count(*) > 1"""
        )
        if _count(con, "twice"):
            con.execute(
                f"""INSERT INTO bad SELECT row, {code:d} FROM (
                    SELECT row, row_number() OVER (PARTITION BY {keys} ORDER BY row) AS place
                    FROM judged WHERE code IS NULL AND hash({keys}) IN (SELECT h FROM twice)
                ) WHERE place > 1"""
            )

    def quarantine(self, con: Any, bad: int, path: Path) -> None:
        """Write the bad rows, in the file's order; where there are none, an older file is removed."""
        if not bad:
            path.unlink(missing_ok=True)
            return
        rows = con.sql(
            """SELECT row AS row_number, reason, raw FROM (
                SELECT row, reason, raw FROM bad JOIN reasons USING (code) JOIN original USING (row)
                UNION ALL SELECT row, reason, raw FROM rejected
            ) ORDER BY row_number"""
        )
        write_whole(rows, path)

    def write(self, con: Any, out: Path) -> None:
        """The good rows, in the file's order. Only repeated keys need an anti join, hence a sort."""
        picked = ", ".join(f'"{name}"' for name in self.table.names)
        if _count(con, "twice"):
            good = con.sql(
                f"""SELECT {picked} FROM judged WHERE code IS NULL
                    AND NOT EXISTS (SELECT 1 FROM bad WHERE bad.row = judged.row) ORDER BY row"""
            )
        else:
            good = con.sql(f"SELECT {picked} FROM judged WHERE code IS NULL")
        write_whole(good, out)


def _count(con: Any, name: str) -> int:
    return int(con.table(name).aggregate("count(*)").fetchall()[0][0])


def _judged_view(con: Any, table: Table, found: list[rules.Rule]) -> None:
    """`judged(row, columns..., code)`: typed values, and the index of the first rule a row breaks."""
    kinds = dict(zip(*_described(con), strict=True))
    values = ", ".join(
        f'{_value(column, kinds[f"v_{column.name}"])} AS "{column.name}"' for column in table.columns
    )
    cases = " ".join(f"WHEN {rule.bad_when} THEN {code:d}" for code, rule in enumerate(found))
    con.execute(
        f"""CREATE TEMP VIEW judged AS SELECT *, CAST(CASE {cases} END AS SMALLINT) AS code
            FROM (SELECT *, {values} FROM source)"""
    )


def _value(column: Column, kind: str) -> str:
    return '"row"' if column == ROW_NUMBER else rules.typed(column, kind)


def _described(con: Any) -> tuple[list[str], list[str]]:
    source = con.view("source")
    return list(source.columns), [str(kind) for kind in source.types]


def _unreadable_rows(con: Any, rejects: Path | None) -> None:
    if rejects is None:
        con.execute("CREATE TEMP TABLE rejected (row BIGINT, reason VARCHAR, raw VARCHAR)")
    else:
        con.execute(
            "CREATE TEMP TABLE rejected AS SELECT row, reason, raw FROM read_parquet($path)",
            {"path": str(rejects)},
        )


def write_whole(relation: Any, path: Path) -> None:
    """Write a relation as Parquet beside its place and move it there, so that no half file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        relation.write_parquet(str(beside), compression="zstd")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def refuse_where_too_bad(source: Path, result: Intake, most: float) -> None:
    share = result.quarantined / result.rows
    if share <= most and result.kept:
        return
    listed = "; ".join(f"{reason}: {count:,}" for reason, count in result.reasons.items())
    raised = min(1.0, -(-share * 100 // 1) / 100)
    step = (
        f"or raise the allowed share: --max-bad-share {raised:g} (for a whole set: --set max_bad_share={raised:g})"
        if result.kept
        else "no good row is left"
    )
    raise BadTable(
        f"{source}: {result.quarantined:,} of {result.rows:,} rows are bad ({share:.2%}), allowed is {most:.2%}. "
        f"{listed}. They are in {result.quarantine} (row_number, reason, raw); {result.out} was not written. "
        f"Correct them and import again, {step}."
    )


def _unreadable(source: Path, error: Exception) -> BadTable:
    what = str(error).splitlines()[0]
    return BadTable(
        f"{source} cannot be read to its end: {what}. It is truncated or corrupt, or of another format than its "
        f"name says. Copy or export it again, then import again."
    )
