"""Tiny logs folders, written row by row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(clicks=[{...}, ...], ...) -> logs folder; items default to a title for every item named."""

    def make(**tables: list[dict[str, object]]) -> Path:
        logs = tmp_path / "logs"
        logs.mkdir(exist_ok=True)
        named = sorted({str(row["item_id"]) for rows in tables.values() for row in rows})
        tables.setdefault("items", [{"item_id": item, "title": f"title of {item}"} for item in named])
        for name, rows in tables.items():
            pq.write_table(pa.Table.from_pylist(rows), logs / f"{name}.parquet")
        return logs

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
