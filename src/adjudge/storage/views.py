"""Parquet files as DuckDB views of a stated shape: typed columns, nulls for absent optional ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge import tables
from adjudge.errors import BadTable
from adjudge.storage.duck import first_line

if TYPE_CHECKING:
    import duckdb

SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}
"""The SQL names of the types in `tables`."""
_INTEGERS = frozenset(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"))
ROW_NUMBER = "file_row_number"
"""The column that `row_numbers` adds: a row's place in its file, from 0."""


def create_view(
    db: duckdb.DuckDBPyConnection,
    name: str,
    shape: tables.Table,
    source: Path | Sequence[Path] | None,
    extra: Mapping[str, str] | None = None,
    row_numbers: bool = False,
    strict: bool = False,
) -> frozenset[str]:
    """Create the view `name` over Parquet: exactly the columns of `shape` (and `extra`), each as its type.

    source: a file, a folder of Parquet files, several files (columns by name), or None for a view without
    rows. Optional columns that the files lack are nulls; other columns of the files are left out. extra: the
    SQL types of optional columns that `shape` does not name. row_numbers: adds ROW_NUMBER. strict: also
    checks the whole numbers of `shape` against their lower bounds, and required ones for nulls; by default
    only that they are whole.

    Gives the columns that the files have. Raises BadTable if a file is missing or unreadable or lacks a
    required column, or if a whole number is not one (3.0 is, as pandas writes whole numbers so if one is
    missing).
    """
    types = {column.name: SQL_TYPES[column.type] for column in shape.columns} | dict(extra or {})
    if source is None:
        empty = ", ".join(f'CAST(NULL AS {kind}) AS "{column}"' for column, kind in types.items())
        number = f", CAST(NULL AS BIGINT) AS {ROW_NUMBER}" if row_numbers else ""
        db.sql(f"SELECT {empty}{number}").filter("false").create_view(name, replace=True)
        return frozenset()
    relation, label = _read(db, source, shape, row_numbers)
    present = frozenset(relation.columns) - {ROW_NUMBER}
    shape.check_columns(relation.columns, label)
    _check_whole(relation, shape, label, strict)
    columns = [
        f'CAST("{column}" AS {kind}) AS "{column}"'
        if column in present
        else f'CAST(NULL AS {kind}) AS "{column}"'
        for column, kind in types.items()
    ]
    relation.project(", ".join([*columns, *([ROW_NUMBER] if row_numbers else [])])).create_view(
        name, replace=True
    )
    return present


def open_log(db: duckdb.DuckDBPyConnection, logs: Path, name: str) -> Path:
    """Create the view `NAME_file` over a table of a logs folder (see `create_view`); gives its path."""
    path = tables.log_path(logs, name)
    create_view(db, f"{name}_file", tables.table(name), path)
    return path


def _read(
    db: duckdb.DuckDBPyConnection, source: Path | Sequence[Path], shape: tables.Table, row_numbers: bool
) -> tuple[duckdb.DuckDBPyRelation, str]:
    import duckdb

    files = [source] if isinstance(source, Path) else list(source)
    if isinstance(source, Path) and source.is_dir():
        files = sorted(source.glob("*.parquet"))
    label = str(source) if isinstance(source, Path) else ", ".join(map(str, files))
    missing = [file for file in files if not file.exists()]
    if missing or not files:
        raise BadTable(
            f"{missing[0]} does not exist: name a Parquet file with the columns of table {shape.name}"
            if missing
            else f"{label} holds no Parquet file: name one with the columns of table {shape.name}"
        )
    try:
        names = [str(file) for file in files]
        return db.read_parquet(names, union_by_name=len(files) > 1, file_row_number=row_numbers), label
    except duckdb.Error as error:
        step = f"Bring it in again with: adjudge import table {shape.name}"
        if shape.name not in tables.LOGS:
            step = "Write the file again."
        raise BadTable(f"{label} cannot be read as Parquet: {first_line(error)}. {step}") from error


def _check_whole(relation: duckdb.DuckDBPyRelation, shape: tables.Table, label: str, strict: bool) -> None:
    """Raise BadTable on a whole-number column whose values are no whole numbers (a CAST would round them
    silently)."""
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    for column in shape.columns:
        if column.type != "int64" or column.name not in types:
            continue
        value = f'"{column.name}"'
        whole, number = f"TRY_CAST({value} AS BIGINT)", f"TRY_CAST({value} AS DOUBLE)"
        rules = []
        if types[column.name] not in _INTEGERS:
            # DuckDB 2.0 reports a cast of NaN as not null if the file has no nulls: so the two numbers are
            # compared.
            rules.append(f"({value} IS NOT NULL AND ({number} IS NULL OR {whole} IS DISTINCT FROM {number}))")
        if strict and column.low is not None:
            rules.append(f"{whole} < {column.low:.0f}")
        if strict and column.required:
            rules.append(f"{value} IS NULL")
        bad = relation.filter(" OR ".join(rules)).project(value).limit(1).fetchall() if rules else []
        if bad:
            least = "" if column.low is None else f" of {column.low:.0f} or more"
            null = "" if column.required else ", or null"
            raise BadTable(
                f"{label}: {column.name} is {bad[0][0]!r}; allowed are whole numbers{least}{null}. "
                f"Bring it in with: adjudge import table {shape.name} {label}"
            )
