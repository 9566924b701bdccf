"""Judgments table (Parquet): one row per pair, from what the verdict log holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adjudge.judge.log_snapshot import Flags, LogSnapshot, Places
from adjudge.storage.files import fresh_parquet
from adjudge.text.blank import are_blank

if TYPE_CHECKING:
    import pyarrow as pa

NOT_ASKED = "not asked yet"
NO_TEXT = "no keyphrase or no title"


@dataclass
class JudgmentsWritten:
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
    """The columns of `tables.JUDGMENTS` in the CLI's order, then `expected` (the expected step on the scale,
    from 0)
    and `mass` (the share of probability on the scale's words)."""
    import pyarrow as pa

    words = ("item_id", "keyphrase", "grade", "probability", "status", "reason", "judge", "tokens", "cost")
    types = {"probability": pa.float64(), "tokens": pa.int64(), "cost": pa.float64()}
    named = [(name, types.get(name, pa.string())) for name in words]
    return pa.schema([*named, ("expected", pa.float64()), ("mass", pa.float64())])


def write_judgments(
    out: Path,
    judge: str,
    known: LogSnapshot,
    batches: Iterable[tuple[pa.RecordBatch, Places, Flags]],
    unasked: str = NOT_ASKED,
) -> JudgmentsWritten:
    """One row for each pair, in the input's order, written beside `out` and moved there when whole.

    batches: the pairs, with the row of each in `known` and whether it is present. The first pair of a text
    carries its tokens and cost; pairs that share the text carry 0, so that sums are right. A text the log
    does not know is unscored for the reason `unasked`.
    """
    written = JudgmentsWritten()
    paid = np.zeros(len(known), bool)
    out.parent.mkdir(parents=True, exist_ok=True)
    with fresh_parquet(out, schema()) as writer:
        for batch, places, in_log in batches:
            table = _judged(batch, places, in_log, known, _first(places, in_log, paid), judge, unasked)
            writer.write_table(table)
            _count(written, table)
    return written


def _first(places: Places, in_log: Flags, paid: Flags) -> Flags:
    """Which rows are their text's first; marks their texts as paid."""
    first = np.zeros(len(places), bool)
    rows = np.flatnonzero(in_log & ~paid[places]) if len(paid) else np.flatnonzero(in_log)
    texts, begins = np.unique(places[rows], return_index=True)
    first[rows[begins]] = True
    paid[texts] = True
    return first


def _judged(
    batch: pa.RecordBatch,
    places: Places,
    in_log: Flags,
    known: LogSnapshot,
    first: Flags,
    judge: str,
    unasked: str,
) -> pa.Table:
    """The judgments of a batch, column by column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    verdicts = known.table.take(pa.array(places, mask=~in_log))
    readable = _readable(batch, ~in_log)
    status = pc.if_else(verdicts.column("grade").is_valid(), "scored", "unscored")
    why = pc.if_else(
        pa.array(in_log), verdicts.column("reason").cast(pa.string()), pc.if_else(readable, unasked, NO_TEXT)
    )
    columns = {
        "item_id": batch.column("item_id"),
        "keyphrase": batch.column("keyphrase"),
        "grade": verdicts.column("grade"),
        "probability": verdicts.column("probability"),
        "status": status,
        "reason": why,
        "judge": pa.repeat(judge, batch.num_rows),
        "tokens": _once(verdicts.column("tokens"), first, 0),
        "cost": _once(verdicts.column("cost"), first, 0.0),
        "expected": verdicts.column("expected"),
        "mass": verdicts.column("mass"),
    }
    return pa.table({name: _flat(column) for name, column in columns.items()}).cast(schema())


def _readable(batch: pa.RecordBatch, wanted: Flags) -> pa.Array:
    """Which of the wanted rows have something to judge; the others count as having it."""
    import pyarrow as pa

    flags = np.ones(batch.num_rows, bool)
    for name in ("keyphrase", "title"):
        blank = are_blank(batch.column(name).filter(pa.array(wanted)))
        flags[wanted] &= ~blank.to_numpy(zero_copy_only=False)
    return pa.array(flags)


def _flat(column: Any) -> Any:
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column


def _once(column: Any, first: Flags, nothing: float) -> Any:
    """The column's value if a row is the first of its text, else `nothing`; null stays null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.or_(pa.array(first), column.is_null()), column, nothing)


def _count(written: JudgmentsWritten, table: pa.Table) -> None:
    import pyarrow.compute as pc

    reasons = pc.value_counts(table.column("reason").drop_null())
    scored = table.num_rows - table.column("grade").null_count
    written.pairs += table.num_rows
    written.scored += scored
    written.unscored += table.num_rows - scored
    written.reasons.update({str(row["values"]): row["counts"].as_py() for row in reasons})
    written.tokens += pc.sum(table.column("tokens")).as_py() or 0
    cost = pc.sum(table.column("cost")).as_py()
    if cost is not None:
        written.cost = (written.cost or 0.0) + cost
