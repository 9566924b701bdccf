"""Docs that are generated from the code, so that they cannot disagree with it."""

from __future__ import annotations

from adjudge import tables
from adjudge.tables import Column, Table


def tables_markdown() -> str:
    """docs/tables.md: every table's columns, types, units, ranges, keys and checks, from `tables.py`."""
    head = [
        "# Tables",
        "",
        "Generated from `src/adjudge/tables.py`; run "
        "`python -m adjudge.cli.tables_reference > docs/tables.md` after a change there.",
        "",
        "A logs folder holds Parquet files named after these tables: "
        + ", ".join(f"`{name}`" for name in tables.LOGS)
        + ". `clicks_later` has the shape of `clicks`, over a later window. "
        "All but `items` and `pairs` are optional.",
        "A column that is not required may hold nulls or be absent. "
        "Bring your own files in with `adjudge import` (see [import](import.md)).",
    ]
    return "\n".join(head + [line for table in tables.TABLES.values() for line in _section(table)]) + "\n"


def _section(table: Table) -> list[str]:
    lines = ["", f"## {table.name}", "", f"{table.meaning[0].upper()}{table.meaning[1:]}.", ""]
    lines += ["| column | type | required | unit | allowed | meaning |", "|---|---|---|---|---|---|"]
    lines += [_row(column) for column in table.columns]
    lines += ["", f"Key: {', '.join(table.key)}."]
    if table.checks:
        lines.append("Bad rows: " + "; ".join(check.reason for check in table.checks) + ".")
    return lines


def _row(column: Column) -> str:
    needed = "yes" if column.required else "no"
    parts = (column.name, column.type, needed, column.unit, _allowed(column), column.meaning)
    return "| " + " | ".join(parts) + " |"


def _allowed(column: Column) -> str:
    if column.words:
        return ", ".join(column.words)
    if column.low is not None and column.high is not None:
        return f"{column.low:g} to {column.high:g}"
    if column.low is not None:
        return f"at least {column.low:g}"
    return "not blank" if column.filled else ""


if __name__ == "__main__":
    import sys

    sys.stdout.write(tables_markdown())
