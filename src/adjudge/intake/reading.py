"""A user's file, of any allowed format, as two views in DuckDB.

`source(row, readable, v_<column>...)` holds the raw value of every canonical column (`readable` is false for
a JSON line that is no object); `original(row, raw)` holds each row as it came (JSON text). Users' column
names go through DuckDB's expression objects, never into SQL text.
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
class _SourceFile:
    """A file to open in `db`; `names`: canonical name -> the user's name, for every column."""

    db: Any
    path: Path
    table: Table
    names: Mapping[str, str]
    scratch: Path
    report: Callable[[int], None]

    def check_columns(self, present: Sequence[str]) -> None:
        """Raise BadTable unless every mapped column and every required one is present."""
        for ours, theirs in self.names.items():
            if ours != theirs and theirs not in present:
                raise BadTable(
                    f"{self.path}: column {theirs!r}, mapped to {ours}, is not in the file; seen: "
                    f"{', '.join(present)}{did_you_mean(theirs, present)}"
                )
        ours_by_theirs = {theirs: ours for ours, theirs in self.names.items()}
        self.table.check_columns([ours_by_theirs.get(name, name) for name in present], self.path)

    def create_views(self, relation: Any, row: Any, columns: Mapping[str, str]) -> None:
        """Create `source` and `original`; `columns`: the file's name of each of its columns -> the
        relation's."""
        from duckdb import ColumnExpression, ConstantExpression, FunctionExpression
        from duckdb.sqltypes import VARCHAR

        missing = ConstantExpression(None).cast(VARCHAR)
        values = [
            (ColumnExpression(columns[theirs]) if theirs in columns else missing).alias(f"v_{ours}")
            for ours, theirs in self.names.items()
        ]
        relation.select(row, ConstantExpression(True).alias("readable"), *values).create_view("source")
        fields: list[Any] = []
        for theirs, column in columns.items():
            fields += [ConstantExpression(theirs), ColumnExpression(column).cast(VARCHAR)]
        raw = FunctionExpression("json_object", *fields).cast(VARCHAR).alias("raw")
        relation.select(row, raw).create_view("original")


def open_source(
    db: Any,
    path: Path,
    table: Table,
    columns: Mapping[str, str],
    scratch: Path,
    report: Callable[[int], None],
) -> Path | None:
    """Create the views `source` and `original` in `db`; `columns` maps a canonical name to the user's.

    Gives a Parquet file (row, reason, raw) of the rows that could not be read at all, or None. Raises
    BadTable on a file of another format, or on a mapping of columns that the table or the file lacks.
    """
    kind = _kind_of(path)
    for name in columns:
        if name not in table.names:
            raise BadTable(
                f"{path}: mapping names column {name!r}, which table {table.name} does not have: allowed are "
                f"{', '.join(table.names)}{did_you_mean(name, table.names)}"
            )
    names = {name: columns.get(name, name) for name in table.names}
    file = _SourceFile(db, path, table, names, scratch, report)
    return {PARQUET: _open_parquet, CSV: _open_csv, JSONL: _open_jsonl}[kind](file)


def _kind_of(path: Path) -> str:
    """Parquet, CSV or JSONL by the file's ending. Raises BadTable on another, or if there is no file."""
    endings = ", ".join(FORMATS) + " (CSV and JSONL also .gz)"
    if not path.exists():
        raise BadTable(f"{path} does not exist. Give the path of a {endings} file.")
    if path.is_dir():
        raise BadTable(f"{path} is a folder; allowed is one {endings} file.")
    suffixes = [ending.lower() for ending in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = FORMATS.get("".join(suffixes[:-1][-1:] if packed else suffixes[-1:]))
    if kind is None or (packed and kind == PARQUET):
        raise BadTable(
            f"{path} ends in {''.join(path.suffixes) or 'nothing'}; allowed are {endings}. Rename or convert "
            f"it."
        )
    if path.stat().st_size == 0:
        raise BadTable(f"{path} is empty (0 bytes). Export it again, then import again.")
    return kind


def _open_parquet(file: _SourceFile) -> None:
    relation = file.db.read_parquet(str(file.path), file_row_number=True)
    present = [name for name in relation.columns if name != "file_row_number"]
    file.check_columns(present)
    file.create_views(relation, _row_from_one(), {name: name for name in present})


def _row_from_one() -> Any:
    from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

    return FunctionExpression("add", ColumnExpression("file_row_number"), ConstantExpression(1)).alias("row")


def _open_csv(file: _SourceFile) -> Path | None:
    from duckdb import ColumnExpression

    header = lines.read_header(file.path, list(file.names.values()))
    file.check_columns(header.names)
    columns = {name: f"c{number}" for number, name in enumerate(header.names)}
    staged = file.scratch / "fast.parquet"
    # In a file of one column the fast reader takes a blank line for a row; the careful one passes over it.
    if len(columns) > 1 and _fast_csv(file.db, file.path, header, staged):
        staged_rows = file.db.read_parquet(str(staged), file_row_number=True)
        file.create_views(staged_rows, _row_from_one(), columns)
        return None
    staging = lines.stage_csv(file.path, file.scratch, header, file.report)
    file.create_views(file.db.read_parquet(str(staging.rows_path)), ColumnExpression("row"), columns)
    return staging.rejects_path


def _fast_csv(db: Any, path: Path, header: lines.CsvHeader, staged: Path) -> bool:
    """Stage the file with DuckDB's parallel reader. False at the first line that it cannot read as strict
    CSV.

    The careful reader then takes the whole file: DuckDB's rejects table would lose the good lines that follow
    a broken quote (design/0020).
    """
    import duckdb

    columns = {f"c{number}": "VARCHAR" for number in range(len(header.names))}
    try:
        db.read_csv(
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


def _open_jsonl(file: _SourceFile) -> Path | None:
    from duckdb import ColumnExpression

    staging = lines.stage_lines(file.path, file.scratch, file.report)
    relation = file.db.read_parquet(str(staging.rows_path))
    relation.create_view("staged")
    relation.select(ColumnExpression("row"), ColumnExpression("line").alias("raw")).create_view("original")
    extracted = file.scratch / "extracted.parquet"
    # All paths are extracted in one parse of the line; `values[n]` is the answer of the n-th, from 1.
    paths: list[str] = []
    columns = []
    for ours, theirs in file.names.items():
        first = len(paths) + 1
        paths += json_paths(theirs)
        answers = ", ".join(f"values[{number}]" for number in range(first, len(paths) + 1))
        columns.append(f'coalesce({answers}) AS "v_{ours}"')
    file.db.sql(
        f"""SELECT row, values IS NOT NULL AS readable, {", ".join(columns)} FROM (
            SELECT row, CASE WHEN json_valid(line) THEN CASE WHEN json_type(line) = 'OBJECT'
            THEN json_extract_string(line, $paths) END END AS values FROM staged)""",
        params={"paths": paths},
    ).write_parquet(str(extracted), compression="snappy")
    file.db.read_parquet(str(extracted)).create_view("source")
    _check_json_names(file)
    return staging.rejects_path


def json_paths(names: str) -> list[str]:
    """Where a JSON line may hold a column: under that very key or, for a dotted name, in nested objects.
    Several names, separated by `|`, are tried in turn.

    >>> json_paths("object.id|sku")
    ['$."object.id"', '$."object"."id"', '$."sku"']
    """
    paths = []
    for name in names.split("|"):
        whole = f"$.{json.dumps(name, ensure_ascii=False)}"
        nested = "$" + "".join(f".{json.dumps(key, ensure_ascii=False)}" for key in name.split("."))
        paths += [whole] if whole == nested else [whole, nested]
    return paths


def _check_json_names(file: _SourceFile) -> None:
    """Raise BadTable if a required or mapped column is in no line at all."""
    names = file.names
    needed = [
        name
        for name in file.table.names
        if name in file.table.required or (names[name] != name and "|" not in names[name])
    ]
    if not needed:
        return
    tests = ", ".join(f'bool_or("v_{name}" IS NOT NULL)' for name in needed)
    lines_read, *anywhere = file.db.sql(
        f"SELECT count(*) > 0, {tests} FROM source WHERE readable"
    ).fetchall()[0]
    if not lines_read or all(anywhere):
        return
    keys = file.db.sql(
        f"""SELECT DISTINCT unnest(json_keys(line)) FROM (SELECT line FROM staged LIMIT {LOOK_AT})
            WHERE CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END ORDER BY 1"""
    ).fetchall()
    filled = {names[name] for name, somewhere in zip(needed, anywhere, strict=True) if somewhere}
    alternatives = {theirs for theirs in names.values() if "|" in theirs}
    file.check_columns(sorted({key for (key,) in keys} | filled | alternatives))
