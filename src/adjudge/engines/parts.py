"""The parts of a run: one pair of Parquet files each, written whole or not at all, and what is counted of
them.

A part is scored by one worker of any engine. It writes the files itself, under a name of its own first, so
that a part is there whole, whoever dies; a part that is scored twice is the same twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from adjudge.scoring.rows import UNSCORED_SCHEMA, Rows
from adjudge.storage.files import fresh_parquet

UNSCORED = "_unscored"
"""The folder, among the parts, of the rows without a score."""


@dataclass(frozen=True)
class Counts:
    """What became of a part's rows."""

    rows: int = 0
    kept: int = 0
    unscored: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        reasons = Counter(self.reasons) + Counter(other.reasons)
        rows, kept = self.rows + other.rows, self.kept + other.kept
        return Counts(rows, kept, self.unscored + other.unscored, dict(sorted(reasons.items())))


def part_name(number: int) -> str:
    return f"part-{number:06d}.parquet"


def write_part(
    folder: Path, number: int, schema: pa.Schema, scored: Iterable[Rows], mark: str, empty: bool = True
) -> Counts:
    """Write scored rows as a part; `schema` of the scores carries the run's stamp.

    mark: distinguishes workers that may write the same part at a time. empty: whether a part without rows has
    a file.
    """
    total = Counts()
    aside: list[pa.Table] = []
    with fresh_parquet(folder / part_name(number), schema, mark, empty) as writer:
        for rows in scored:
            writer.write_table(rows.scores.replace_schema_metadata(schema.metadata))
            aside += [rows.unscored] if len(rows.unscored) else []
            reasons = Counter(rows.unscored["reason"].to_pylist())
            total += Counts(len(rows.scores), rows.kept, len(rows.unscored), dict(reasons))
        if aside:
            with fresh_parquet(folder / UNSCORED / part_name(number), UNSCORED_SCHEMA, mark) as unscored:
                unscored.write_table(pa.concat_tables(aside))
    return total
