"""Runs made by hand for a served table, and what the table must then hold, worked out row by row in
Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.engines.stamp import Stamp, iso, stamped
from adjudge.scoring.rows import SCORES_SCHEMA
from adjudge.served.table import served

START = datetime(2026, 11, 1, tzinfo=UTC)
Key = tuple[str, str]
Gone = tuple[str | None, str | None]


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


@dataclass
class Day:
    """A run: scores by pair, deletions, all at one hour."""

    name: str
    hour: int
    scores: dict[Key, float | None]
    gone: Sequence[Gone] = ()
    model: str = "aaaaaaaaaaaa"
    threshold: float | None = 0.5
    full: bool = False
    rows: list[tuple[str, str, float | None]] = field(default_factory=list)

    def write(self, folder: Path) -> tuple[Path, Path | None]:
        """The run's scores and tombstones."""
        folder.mkdir(parents=True, exist_ok=True)
        stamp = Stamp(self.name, self.model, self.threshold, iso(at(self.hour)))
        rows = self.rows or [(*key, score) for key, score in self.scores.items()]
        table = pa.Table.from_pylist(
            [
                {
                    "item_id": item,
                    "keyphrase": phrase,
                    "score": score,
                    "kept": None if score is None or self.threshold is None else score >= self.threshold,
                    "model_version": self.model,
                    "scored_at": at(self.hour),
                }
                for item, phrase, score in rows
            ],
            stamped(SCORES_SCHEMA, stamp),
        )
        scores = folder / f"{self.name}.parquet"
        pq.write_table(table, scores)
        if not self.gone:
            return scores, None
        gone = folder / f"{self.name}.gone.parquet"
        columns = {
            "item_id": pa.array([item for item, _ in self.gone], pa.string()),
            "keyphrase": pa.array([phrase for _, phrase in self.gone], pa.string()),
        }
        pq.write_table(pa.table(columns), gone)
        return scores, gone


def hits(gone: Gone, key: Key) -> bool:
    return all(wanted is None or wanted == had for wanted, had in zip(gone, key, strict=True))


def expected(days: Sequence[Day]) -> dict[Key, tuple[float | None, int]]:
    """What is served after days of distinct hours, in whatever order they came: the latest word on each
    pair."""
    found: dict[Key, tuple[float | None, int]] = {}
    for day in sorted(days, key=lambda day: day.hour):
        for key in list(found):
            if day.full or any(hits(gone, key) for gone in day.gone):
                del found[key]
        found.update({key: (score, day.hour) for key, score in day.scores.items()})
    return found


def held(table: Path) -> pa.Table:
    """All rows of the served version, sorted by key."""
    _, files = served(table)
    rows = pa.concat_tables(pq.read_table(file).replace_schema_metadata() for file in files)
    return rows.sort_by([("item_id", "ascending"), ("keyphrase", "ascending")])


def as_dict(rows: pa.Table) -> dict[Key, tuple[float | None, int]]:
    found = {
        (row["item_id"], row["keyphrase"]): (
            row["score"],
            round((row["scored_at"] - START).total_seconds() / 3600),
        )
        for row in rows.to_pylist()
    }
    assert len(found) == len(rows), "a key stands twice"
    return found
