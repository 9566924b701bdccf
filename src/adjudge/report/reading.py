"""Reads a results folder (design/0001). Every file but `scorecard.parquet` and `meta.json` may be missing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge.errors import BadTable, did_you_mean

Row = dict[str, Any]

COLUMNS = {
    "scorecard": (
        "model",
        "metric",
        "segment_by",
        "segment",
        "value",
        "low",
        "high",
        "change",
        "change_low",
        "change_high",
    ),
    "curves": ("model", "retention", "keyphrases_kept", "sales_kept", "search_pass_rate"),
    "reliability": ("model", "against", "bin_low", "bin_high", "mean_score", "share_relevant", "pairs"),
    "histograms": ("model", "group", "bin_low", "bin_high", "pairs"),
    "agreement": ("source_a", "source_b", "pairs", "agree", "kappa"),
    "disagreements": ("why", "item_id", "keyphrase", "category", "title", "sources", "scores", "gap"),
    "sources": ("recipe", "source", "split", "positives", "negatives", "rows"),
    "conflicts": ("recipe", "winner", "loser", "pairs", "winner_says"),
}


@dataclass(frozen=True)
class Results:
    """A results folder in memory: its tables as rows in file order, and what `meta.json` says."""

    folder: Path
    meta: Mapping[str, Any]
    tables: Mapping[str, list[Row]]

    def rows(self, table: str) -> list[Row]:
        """The rows of a table; empty where its file is missing."""
        return self.tables.get(table, [])


def read(folder: Path) -> Results:
    """The results folder. Raises BadTable where it is none, or where a file lacks a column."""
    scorecard, meta = folder / "scorecard.parquet", folder / "meta.json"
    if not folder.is_dir():
        raise BadTable(
            f"{folder} is not a folder. A report is made of results folders; make one with: adjudge evaluate, agree or cascade"
        )
    missing = [path.name for path in (scorecard, meta) if not path.exists()]
    if missing:
        seen = ", ".join(sorted(path.name for path in folder.iterdir())[:12]) or "nothing"
        raise BadTable(
            f"{folder} is no results folder: it lacks {' and '.join(missing)}; seen: {seen}. "
            "Make one with: adjudge evaluate (also agree and cascade write folders that a report is made of)"
        )
    found = {name: folder / f"{name}.parquet" for name in COLUMNS}
    tables = {name: rows_of(path, COLUMNS[name]) for name, path in found.items() if path.exists()}
    return Results(folder, json_object(meta), tables)


def json_object(path: Path, by: str = "adjudge evaluate") -> Mapping[str, Any]:
    """A JSON file that holds an object. Raises BadTable, naming the command `by` that writes it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadTable(f"{path} cannot be read: {error}. Write it again with: {by}") from error
    if not isinstance(found, dict):
        raise BadTable(f"{path} holds a JSON {type(found).__name__}; allowed is an object. Run: {by}")
    return found


def rows_of(path: Path, needed: tuple[str, ...], by: str = "adjudge evaluate") -> list[Row]:
    """A table's rows. Raises BadTable where it cannot be read or lacks a column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{path} cannot be read as Parquet: {error}. Write it again with: {by}") from error
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise BadTable(
            f"{path} lacks column {', '.join(missing)}; seen: {', '.join(table.column_names)}"
            f"{did_you_mean(missing[0], table.column_names)}. Write it again with: {by}"
        )
    return [{key: _value(value) for key, value in row.items()} for row in table.to_pylist()]


def _value(value: Any) -> Any:
    """A value that is not a number is a missing one."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
