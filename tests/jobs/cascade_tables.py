"""Small tables for the job `cascade`: a cheap and a strong judge of known answers, and people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def pairs_named(pairs: int) -> dict[str, list[str]]:
    """One item per pair, in the order of a cascade's table."""
    return {"item_id": [f"i{n:04d}" for n in range(pairs)], "keyphrase": ["k"] * pairs}


def write_judge(path: Path, name: str, relevant: np.ndarray, **columns: Any) -> str:
    """A judge's table on two grades, all scored unless `status` says otherwise."""
    grades = np.where(relevant, "relevant", "irrelevant")
    table = {**pairs_named(len(relevant)), "judge": [name] * len(relevant), "grade": grades}
    table |= {"status": ["scored"] * len(relevant), **columns}
    pq.write_table(pa.table(table), path)
    return str(path)


def write_people(path: Path, votes: list[list[str]]) -> Path:
    """People's grades of the first pairs: one list per pair, one grade per annotator."""
    named = pairs_named(len(votes))
    rows = [
        {"item_id": item, "keyphrase": "k", "annotator": f"a{n}", "grade": grade}
        for item, grades in zip(named["item_id"], votes, strict=True)
        for n, grade in enumerate(grades)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
