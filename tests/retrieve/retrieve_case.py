"""A small keyphrases table whose alignments can be worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

KEYPHRASES = {
    "keyphrase": ["red running shoe", "red leather shoe", "shoe", "running shoe", "red sofa", "red lamp"],
    "category": ["Shoes", "Shoes", "Shoes", "Shoes", "Sofas", None],
    "searches": [5, 9, 100, 40, 7, None],
}


def write(path: Path, columns: dict[str, Any] | pa.Table) -> Path:
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path)
    return path
