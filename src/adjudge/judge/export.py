"""Verdicts out: the judgments table (Parquet), TREC qrels, Quepid ratings."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adjudge.errors import BadTable
from adjudge.judge.known import Flags, Known, Places
from adjudge.records import Scale

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
    there = pc.and_(batch.column("keyphrase").is_valid(), batch.column("title").is_valid())
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


def _scored(judgments: Path, scale: Scale) -> Iterator[tuple[str, str, int]]:
    """(keyphrase, item_id, step on the scale) of every scored row. Raises BadConfig on a grade of another scale."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(judgments) as file:
            for batch in file.iter_batches(columns=["keyphrase", "item_id", "grade"]):
                for row in batch.to_pylist():
                    if row["grade"] is not None:
                        yield row["keyphrase"], row["item_id"], scale.index(row["grade"])
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{judgments} cannot be read as a judgments table: {error}") from error


def write_qrels(judgments: Path, scale: Scale, out: Path) -> int:
    """TREC qrels, `topic 0 document grade`, the grade as the step on the scale; rows written.

    Topics are numbered from 1 in order of first appearance, as keyphrases hold spaces; `out` + `.topics.tsv` says
    which is which. White space in item ids, which the format cannot hold, becomes `_`. Unscored rows are left out.
    """
    topics: dict[str, int] = {}
    rows = 0
    with out.open("w", encoding="utf-8") as qrels:
        for keyphrase, item_id, step in _scored(judgments, scale):
            topic = topics.setdefault(keyphrase, len(topics) + 1)
            qrels.write(f"{topic} 0 {'_'.join(item_id.split())} {step}\n")
            rows += 1
    with out.with_name(out.name + ".topics.tsv").open("w", encoding="utf-8") as names:
        names.writelines(f"{number}\t{' '.join(keyphrase.split())}\n" for keyphrase, number in topics.items())
    return rows


def write_quepid(judgments: Path, scale: Scale, out: Path) -> int:
    """Quepid's ratings file: CSV in UTF-8, header `query,docid,rating`, the rating as the step; rows written."""
    rows = 0
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("query", "docid", "rating"))
        for row in _scored(judgments, scale):
            writer.writerow(row)
            rows += 1
    return rows
