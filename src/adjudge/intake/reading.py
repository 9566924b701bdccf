"""A user's file, of any allowed format, as two views in DuckDB.

`source(row, readable, v_<column>...)` holds the raw value of every canonical column (`readable` is false for
a JSON line that is no object); `original(row, raw)` holds each row as it came (JSON text). Users' column names go through DuckDB's expression objects, never into SQL text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.errors import BadTable, did_you_mean
from adjudge.intake import lines
from adjudge.tables import Table

PARQUET, CSV, JSONL = "Parquet", "CSV", "JSONL"
FORMATS = {
    ".parquet": PARQUET,
    ".pq": PARQUET,
    ".csv": CSV,
    ".tsv": CSV,
    ".jsonl": JSONL,
    ".ndjson": JSONL,
}
MALFORMED_JSON = "malformed JSON"
LOOK_AT = 20_000
"""Lines of a JSONL file that are searched for the names to show in an error."""


@dataclass(frozen=True)
class Source:
    """What was opened: `rejects` is a Parquet file of rows that could not be read at all, or None."""

    path: Path
    kind: str
    rejects: Path | None = None


def kind_of(path: Path) -> str:
    """Parquet, CSV or JSONL by the file's ending. Raises BadTable on another, or where there is no file."""
    if not path.exists():
        raise BadTable(f"{path} does not exist. Give the path of a {_endings()} file.")
    if path.is_dir():
        raise BadTable(f"{path} is a folder; allowed is one {_endings()} file.")
    ends = [ending.lower() for ending in path.suffixes]
    packed = bool(ends) and ends[-1] == ".gz"
    last = (ends[-2] if packed and len(ends) > 1 else ends[-1]) if ends else ""
    kind = FORMATS.get(last)
    if kind is None or (packed and kind == PARQUET):
        raise BadTable(
            f"{path} ends in {''.join(path.suffixes) or 'nothing'}; allowed are {_endings()}. Rename or convert it."
        )
    if path.stat().st_size == 0:
        raise BadTable(f"{path} is empty (0 bytes). Export it again, then import again.")
    return kind


def _endings() -> str:
    return ", ".join(FORMATS) + " (CSV and JSONL also .gz)"


def names_for(table: Table, columns: Mapping[str, str], path: Path) -> dict[str, str]:
    """Canonical name -> the user's name, for every column. Raises BadTable on a mapping of unknown columns."""
    for name in columns:
        if name not in table.names:
            raise BadTable(
                f"{path}: mapping names column {name!r}, which table {table.name} does not have: allowed are "
                f"{', '.join(table.names)}{did_you_mean(name, table.names)}"
            )
    return {name: columns.get(name, name) for name in table.names}


def open_source(
    con: Any,
    path: Path,
    table: Table,
    columns: Mapping[str, str],
    scratch: Path,
    report: Callable[[int], None],
) -> Source:
    """Create the views `source` and `original` in `con`."""
    kind = kind_of(path)
    names = names_for(table, columns, path)
    opener = {PARQUET: _open_parquet, CSV: _open_csv, JSONL: _open_jsonl}[kind]
    return opener(con, path, table, names, scratch, report)


def present(
    table: Table, names: Mapping[str, str], columns: Mapping[str, str], seen: Sequence[str], path: Path
) -> None:
    """Raise BadTable unless the file has every mapped column and every required one."""
    back = {theirs: ours for ours, theirs in names.items()}
    for ours, theirs in columns.items():
        if theirs not in seen:
            raise BadTable(
                f"{path}: column {theirs!r}, mapped to {ours}, is not in the file; seen: {', '.join(seen)}"
                f"{did_you_mean(theirs, seen)}"
            )
    table.check_columns([back.get(name, name) for name in seen], path)


def _open_parquet(
    con: Any, path: Path, table: Table, names: dict[str, str], scratch: Path, report: Callable[[int], None]
) -> Source:
    from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

    relation = con.read_parquet(str(path), file_row_number=True)
    seen = [name for name in relation.columns if name != "file_row_number"]
    _check_mapped(table, names, seen, path)
    row = FunctionExpression("add", ColumnExpression("file_row_number"), ConstantExpression(1)).alias("row")
    _views(relation, row, {ours: theirs for ours, theirs in names.items() if theirs in seen}, table, seen)
    return Source(path, PARQUET)


def _check_mapped(table: Table, names: Mapping[str, str], seen: Sequence[str], path: Path) -> None:
    mapped = {ours: theirs for ours, theirs in names.items() if ours != theirs}
    present(table, names, mapped, seen, path)


def _views(
    relation: Any,
    row: Any,
    at: Mapping[str, str],
    table: Table,
    shown: Sequence[str],
    places: Sequence[str] | None = None,
) -> None:
    """Create `source` and `original` over a relation; `at` says which of its columns holds a canonical one."""
    from duckdb import ColumnExpression, ConstantExpression, FunctionExpression
    from duckdb.sqltypes import VARCHAR

    missing = ConstantExpression(None).cast(VARCHAR)
    values = [
        (ColumnExpression(at[name]) if name in at else missing).alias(f"v_{name}") for name in table.names
    ]
    relation.select(row, ConstantExpression(True).alias("readable"), *values).create_view("source")
    parts: list[Any] = []
    for name, place in zip(shown, places or shown, strict=True):
        parts += [ConstantExpression(name), ColumnExpression(place).cast(VARCHAR)]
    raw = FunctionExpression("json_object", *parts).cast(VARCHAR).alias("raw")
    relation.select(row, raw).create_view("original")


def _open_csv(
    con: Any, path: Path, table: Table, names: dict[str, str], scratch: Path, report: Callable[[int], None]
) -> Source:
    from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

    header = lines.read_header(path, list(names.values()))
    _check_mapped(table, names, header.names, path)
    places = [f"c{place}" for place in range(len(header.names))]
    staged = scratch / "fast.parquet"
    at = {
        ours: places[header.names.index(theirs)] for ours, theirs in names.items() if theirs in header.names
    }
    # In a file of one column the fast reader takes a blank line for a row; the careful one passes over it.
    if len(places) > 1 and _fast_csv(con, path, header, staged):
        relation = con.read_parquet(str(staged), file_row_number=True)
        row = FunctionExpression("add", ColumnExpression("file_row_number"), ConstantExpression(1)).alias(
            "row"
        )
        _views(relation, row, at, table, header.names, places)
        return Source(path, CSV)
    staging = lines.stage_csv(path, scratch, header, report)
    _views(con.read_parquet(str(staging.rows_path)), ColumnExpression("row"), at, table, header.names, places)
    return Source(path, CSV, staging.rejects_path)


def _fast_csv(con: Any, path: Path, header: lines.CsvHeader, staged: Path) -> bool:
    """Stage the file with DuckDB's parallel reader. False at the first line it cannot read as strict CSV:
    it would swallow good lines after a broken quote, so the careful reader then takes the whole file."""
    import duckdb

    columns = {f"c{place}": "VARCHAR" for place in range(len(header.names))}
    try:
        con.read_csv(
            str(path),
            columns=columns,
            auto_detect=False,
            header=True,
            delimiter=header.delimiter,
            quotechar='"',
            escapechar='"',
            strict_mode=True,
        ).write_parquet(str(staged), compression="snappy")
    except duckdb.Error:
        return False
    return True


def _open_jsonl(
    con: Any, path: Path, table: Table, names: dict[str, str], scratch: Path, report: Callable[[int], None]
) -> Source:
    from duckdb import ColumnExpression

    staging = lines.stage_lines(path, scratch, report)
    relation = con.read_parquet(str(staging.rows_path))
    relation.create_view("staged")
    relation.select(ColumnExpression("row"), ColumnExpression("line").alias("raw")).create_view("original")
    extracted = scratch / "extracted.parquet"
    paths, parts = _extraction(names)
    con.sql(
        f"""SELECT row, found IS NOT NULL AS readable, {", ".join(parts)} FROM (
            SELECT row, CASE WHEN json_valid(line) THEN CASE WHEN json_type(line) = 'OBJECT'
            THEN json_extract_string(line, $paths) END END AS found FROM staged)""",
        params={"paths": paths},
    ).write_parquet(str(extracted), compression="snappy")
    con.read_parquet(str(extracted)).create_view("source")
    _check_json_names(con, table, names, path)
    return Source(path, JSONL, staging.rejects_path)


def _extraction(names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """JSON paths to search, all in one parse, and the SQL that picks each column's first answer."""
    paths: list[str] = []
    parts = []
    for ours, theirs in names.items():
        places = []
        for path in json_paths(theirs):
            paths.append(path)
            places.append(f"found[{len(paths)}]")
        parts.append(f'coalesce({", ".join(places)}) AS "v_{ours}"')
    return paths, parts


def json_paths(names: str) -> list[str]:
    """Where a JSON line may hold a column: under that very key or, for a dotted name, in nested objects.
    Several names, parted by `|`, are tried in turn.

    >>> json_paths("object.id|sku")
    ['$."object.id"', '$."object"."id"', '$."sku"']
    """
    paths = []
    for name in names.split("|"):
        whole = f"$.{json.dumps(name, ensure_ascii=False)}"
        nested = "$" + "".join(f".{json.dumps(part, ensure_ascii=False)}" for part in name.split("."))
        paths += [whole] if whole == nested else [whole, nested]
    return paths


def _check_json_names(con: Any, table: Table, names: Mapping[str, str], path: Path) -> None:
    """Raise BadTable where a required or mapped column is in no line at all."""
    needed = [
        name
        for name in table.names
        if name in table.required or (names[name] != name and "|" not in names[name])
    ]
    if not needed:
        return
    tests = ", ".join(f'bool_or("v_{name}" IS NOT NULL)' for name in needed)
    anywhere = con.sql(f"SELECT count(*) > 0, {tests} FROM source WHERE readable").fetchall()[0]
    if not anywhere[0] or all(anywhere[1:]):
        return
    keys = con.sql(
        f"""SELECT DISTINCT unnest(json_keys(line)) FROM (SELECT line FROM staged LIMIT {LOOK_AT})
            WHERE CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END ORDER BY 1"""
    ).fetchall()
    found = [name for name, there in zip(needed, anywhere[1:], strict=True) if there]
    alternatives = {theirs for theirs in names.values() if "|" in theirs}
    seen = sorted({key for (key,) in keys} | {names[name] for name in found} | alternatives)
    _check_mapped(table, names, seen, path)
