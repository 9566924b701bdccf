"""A table's contract as SQL: how a raw value becomes a typed one, and what makes a row bad.

Only identifiers and limits stated in `tables.py` enter the SQL text; a user's values and column names never
do. The raw value of column `x` is called `v_x`, the typed one `x`.
"""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.storage.views import SQL_TYPES
from adjudge.tables import Column, Table
from adjudge.text.blank import blank_sql

INTEGERS = frozenset(
    [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
    ]
)
FLOATS = frozenset(("FLOAT", "DOUBLE"))


@dataclass(frozen=True)
class Rule:
    """A row is bad for `reason` if the SQL condition `bad_when` is true of it."""

    reason: str
    bad_when: str


def rules(table: Table) -> list[Rule]:
    """Every rule of a table, in the order in which they are tried; a row gets the first that it breaks."""
    by_column = [rule for column in table.columns for rule in _column_rules(table, column)]
    return by_column + [Rule(check.reason, check.bad_when) for check in table.checks]


def _column_rules(table: Table, column: Column) -> list[Rule]:
    name, value = column.name, f'"{column.name}"'
    raw = f'"v_{column.name}"'
    rules = []
    if column.required:
        rules.append(Rule(f"{name} is null", f"{raw} IS NULL"))
    if column.filled or (column.required and column.name in table.key and column.type == "string"):
        rules.append(Rule(f"{name} is blank", f"{value} IS NOT NULL AND {blank_sql(value)}"))
    if column.type == "float64":
        rules.append(Rule(f"{name} is not finite", f"NOT isfinite({value})"))
    rules.append(Rule(f"{name} is not of type {column.type}", f"{raw} IS NOT NULL AND {value} IS NULL"))
    if column.low is not None:
        rules.append(Rule(f"{name} is below {column.low:g}", f"{value} < {column.low!r}"))
    if column.high is not None:
        rules.append(Rule(f"{name} is above {column.high:g}", f"{value} > {column.high!r}"))
    if column.words:
        words = ", ".join("'" + word.replace("'", "''") + "'" for word in column.words)
        rules.append(Rule(f"{name} is not one of {', '.join(column.words)}", f"{value} NOT IN ({words})"))
    return rules


def typed(column: Column, source_type: str) -> str:
    """SQL that turns the raw value into the column's type, or null if it cannot be read as one.

    Nothing is rounded: '3.0' is the integer 3, '3.7' is not an integer. A whole floating number becomes
    text without '.0', because ids with gaps are often stored as floats.
    """
    raw = f'"v_{column.name}"'
    if source_type in INTEGERS:
        return _from_integer(raw, column.type)
    if source_type in FLOATS or source_type.startswith("DECIMAL"):
        return _from_float(f"CAST({raw} AS DOUBLE)", column.type)
    if source_type == "BOOLEAN":
        return f"CAST({raw} AS {SQL_TYPES[column.type]})"
    if source_type == "BLOB":
        return _from_text(f"TRY(decode({raw}))", column.type)
    return _from_text(raw if source_type == "VARCHAR" else f"CAST({raw} AS VARCHAR)", column.type)


def _from_text(raw: str, kind: str) -> str:
    if kind == "string":
        return raw
    if kind == "int64":
        whole = f"TRY_CAST({raw} AS BIGINT)"
        return f"CASE WHEN {whole} = TRY_CAST({raw} AS DOUBLE) THEN {whole} END"
    return f"TRY_CAST({raw} AS {SQL_TYPES[kind]})"


def _from_integer(raw: str, kind: str) -> str:
    if kind == "bool":
        return f"CASE {raw} WHEN 0 THEN false WHEN 1 THEN true END"
    return f"TRY_CAST({raw} AS {SQL_TYPES[kind]})"


def _from_float(raw: str, kind: str) -> str:
    if kind == "float64":
        return raw
    if kind == "int64":
        return f"CASE WHEN {raw} = floor({raw}) THEN TRY_CAST({raw} AS BIGINT) END"
    if kind == "bool":
        return f"CASE {raw} WHEN 0 THEN false WHEN 1 THEN true END"
    whole = f"isfinite({raw}) AND {raw} = floor({raw}) AND abs({raw}) < 1e15"
    return (
        f"CASE WHEN {whole} THEN CAST(CAST({raw} AS BIGINT) AS VARCHAR) "
        f"WHEN isfinite({raw}) THEN CAST({raw} AS VARCHAR) END"
    )
