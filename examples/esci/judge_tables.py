"""Tables of the job `real-judge`: ESCI's labels on three grades, by split, from a run of the job `real`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.errors import BadTable
from adjudge.jobs.human_labels import FOUR_TO_THREE
from adjudge.judge.classmix import AS_LABELLED, planned, target_of
from adjudge.records import ORDINAL3

SPLITS = ("train", "dev", "test")
_ROWS = """SELECT s.item_id, s.keyphrase, i.title, i.category, l.grade, s.split, s.source
FROM read_parquet(?) s JOIN read_parquet(?) l USING (item_id, keyphrase)
JOIN read_parquet(?) i USING (item_id)
ORDER BY s.item_id, s.keyphrase"""


@dataclass(frozen=True)
class Part:
    """One split: pairs and human grades as files, and per pair the step, the query and the source."""

    pairs: Path
    human: Path
    step: np.ndarray
    keyphrase: np.ndarray
    source: np.ndarray


@dataclass(frozen=True)
class Tables:
    """All pairs, people's grades of them on ordinal3, their splits, and the same by split."""

    pairs: Path
    human: Path
    splits: Path
    parts: dict[str, Part]


def write(real: Path, out: Path) -> Tables:
    """Write `pairs`, `human` and `splits` for all and for each split.

    Raises BadTable where `real` is no finished run.
    """
    import duckdb

    files = [real / "splits.parquet", real / "logs" / "labelled.parquet", real / "logs" / "items.parquet"]
    try:
        with duckdb.connect() as db:
            rows: pa.Table = db.sql(_ROWS, params=[str(path) for path in files]).to_arrow_table()
    except duckdb.Error as error:
        raise BadTable(
            f"{real} is no finished run of adjudge real ({str(error).splitlines()[0]}): make it with: make "
            "real"
        ) from error
    grades = pa.array([FOUR_TO_THREE[grade] for grade in rows["grade"].to_pylist()])
    rows = rows.set_column(rows.column_names.index("grade"), "grade", grades)
    splits = out / "splits.parquet"
    pairs, human = _files(out, rows)
    pq.write_table(rows.select(["item_id", "keyphrase", "split"]), splits)
    return Tables(pairs, human, splits, {split: _part(out, rows, split) for split in SPLITS})


def _files(folder: Path, rows: pa.Table) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows.select(["item_id", "keyphrase", "title", "category"]), folder / "pairs.parquet")
    pq.write_table(rows.select(["item_id", "keyphrase", "grade"]), folder / "human.parquet")
    return folder / "pairs.parquet", folder / "human.parquet"


def _part(out: Path, rows: pa.Table, split: str) -> Part:
    own = rows.filter(pa.array([one == split for one in rows["split"].to_pylist()]))
    pairs, human = _files(out / split, own)
    names: dict[str, Any] = {
        name: np.array(own[name].to_pylist(), object) for name in ("keyphrase", "source")
    }
    steps = np.array([ORDINAL3.index(grade) for grade in own["grade"].to_pylist()], np.int64)
    return Part(pairs, human, steps, **names)


def write_steps(tables: Tables, out: Path, target: str, factor: float) -> Path:
    """A training table of the three steps (train and dev rows); a train row weighs as its class does in the
    matched mix."""
    rows = pq.read_table(tables.pairs)
    split = pq.read_table(tables.splits)["split"].to_pylist()
    grades = pq.read_table(tables.human)["grade"].to_pylist()
    step = np.array([ORDINAL3.index(grade) for grade in grades])
    counts = np.bincount(tables.parts["train"].step, minlength=len(ORDINAL3.grades)).tolist()
    wanted = target_of(target, ORDINAL3, counts)
    after = counts if target == AS_LABELLED else planned(counts, wanted, factor)
    weight = np.array([used / max(there, 1) for used, there in zip(after, counts, strict=True)])[step]
    table = rows.append_column("label", pa.array(step.astype(np.float64)))
    table = table.append_column("weight", pa.array(weight))
    table = table.append_column("source", pa.array(["human"] * len(rows)))
    table = table.append_column("split", pa.array(split))
    out.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.filter(pa.array([one != "test" for one in split])), out)
    return out
