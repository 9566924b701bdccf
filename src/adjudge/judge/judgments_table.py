"""Verdicts out: the judgments table (Parquet)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adjudge.judge.log_snapshot import Flags, Known, Places
from adjudge.judge.sanitize import blanks

if TYPE_CHECKING:
    import pyarrow as pa

NOT_ASKED = "not asked yet"
NO_TEXT = "no keyphrase or no title"


@dataclass
class Written:
    """What a judgments table holds. tokens and cost count each text once, however many pairs share it."""

    pairs: int = 0
    scored: int = 0
    unscored: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    cost: float | None = None

    @property
    def readable(self) -> int:
        """Pairs that have something to judge."""
        return self.pairs - self.reasons[NO_TEXT]


def schema() -> pa.Schema:
    """The columns of `tables.JUDGMENTS` in the CLI's order, then `expected` (the expected step on the scale, from 0)
    and `mass` (the share of probability on the scale's words)."""
    import pyarrow as pa

    words = ("item_id", "keyphrase", "grade", "probability", "status", "reason", "judge", "tokens", "cost")
    types = {"probability": pa.float64(), "tokens": pa.int64(), "cost": pa.float64()}
    named = [(name, types.get(name, pa.string())) for name in words]
    return pa.schema([*named, ("expected", pa.float64()), ("mass", pa.float64())])


def write_judgments(
    out: Path,
    judge: str,
    known: Known,
    batches: Iterable[tuple[pa.RecordBatch, Places, Flags]],
    unasked: str = NOT_ASKED,
) -> Written:
    """One row for each pair, in the input's order, written beside `out` and moved there when whole.

    batches: the pairs, with where each is in `known` and whether it is there. The first pair of a text carries its
    tokens and cost; pairs that share the text carry 0, so that sums are right. A text the log does not know is unscored
    for the reason `unasked`.
    """
    import pyarrow.parquet as pq

    written = Written()
    paid = np.zeros(len(known), bool)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    with pq.ParquetWriter(partial, schema(), compression="zstd") as writer:
        for batch, places, found in batches:
            table = _judged(batch, places, found, known, _first(places, found, paid), judge, unasked)
            writer.write_table(table)
            _count(written, table)
    partial.replace(out)
    return written


def _first(places: Places, found: Flags, paid: Flags) -> Flags:
    """Which rows are their text's first; marks their texts as paid."""
    first = np.zeros(len(places), bool)
    rows = np.flatnonzero(found & ~paid[places]) if len(paid) else np.flatnonzero(found)
    texts, begins = np.unique(places[rows], return_index=True)
    first[rows[begins]] = True
    paid[texts] = True
    return first


def _judged(
    batch: pa.RecordBatch,
    places: Places,
    found: Flags,
    known: Known,
    first: Flags,
    judge: str,
    unasked: str,
) -> pa.Table:
    """The judgments of a batch, column by column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    said = known.table.take(pa.array(places, mask=~found))
    there = _readable(batch, ~found)
    status = pc.if_else(said.column("grade").is_valid(), "scored", "unscored")
    why = pc.if_else(
        pa.array(found), said.column("reason").cast(pa.string()), pc.if_else(there, unasked, NO_TEXT)
    )
    columns = {
        "item_id": batch.column("item_id"),
        "keyphrase": batch.column("keyphrase"),
        "grade": said.column("grade"),
        "probability": said.column("probability"),
        "status": status,
        "reason": why,
        "judge": pa.repeat(judge, batch.num_rows),
        "tokens": _once(said.column("tokens"), first, 0),
        "cost": _once(said.column("cost"), first, 0.0),
        "expected": said.column("expected"),
        "mass": said.column("mass"),
    }
    return pa.table({name: _flat(column) for name, column in columns.items()}).cast(schema())


def _readable(batch: pa.RecordBatch, wanted: Flags) -> pa.Array:
    """Which of the wanted rows have something to judge; the others count as having it."""
    import pyarrow as pa

    flags = np.ones(batch.num_rows, bool)
    for name in ("keyphrase", "title"):
        flags[wanted] &= ~blanks(batch.column(name).filter(pa.array(wanted)))
    return pa.array(flags)


def _flat(column: Any) -> Any:
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column


def _once(column: Any, first: Flags, nothing: float) -> Any:
    """The column where a row is its text's first, else `nothing`; null stays null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.or_(pa.array(first), column.is_null()), column, nothing)


def _count(written: Written, table: pa.Table) -> None:
    import pyarrow.compute as pc

    reasons = pc.value_counts(table.column("reason").drop_null())
    scored = table.num_rows - table.column("grade").null_count
    written.pairs += table.num_rows
    written.scored += scored
    written.unscored += table.num_rows - scored
    written.reasons.update({str(seen["values"]): seen["counts"].as_py() for seen in reasons})
    written.tokens += pc.sum(table.column("tokens")).as_py() or 0
    cost = pc.sum(table.column("cost")).as_py()
    if cost is not None:
        written.cost = (written.cost or 0.0) + cost
