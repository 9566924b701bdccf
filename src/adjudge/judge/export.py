"""Verdicts out: the judgments table (Parquet), TREC qrels, Quepid ratings."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge.errors import BadTable
from adjudge.judge.log import Row as LogRow
from adjudge.records import Scale

if TYPE_CHECKING:
    import pyarrow as pa

NOT_ASKED = "not asked yet"
NO_TEXT = "no keyphrase or no title"
Row = tuple[Any, ...]


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
    batches: Iterable[tuple[pa.RecordBatch, list[LogRow | None], list[bytes]]],
    unasked: str = NOT_ASKED,
) -> Written:
    """One row for each pair, in the input's order, written beside `out` and moved there when whole.

    The first pair of a text carries its tokens and cost; pairs that share the text carry 0, so that sums are right.
    A text the log does not know is unscored for the reason `unasked`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    written = Written()
    paid: set[bytes] = set()
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    with pq.ParquetWriter(partial, schema(), compression="zstd") as writer:
        for batch, known, keys in batches:
            rows = [_row(row, key, paid, judge, unasked) for row, key in zip(known, keys, strict=True)]
            columns = list(zip(*rows, strict=True)) if rows else [()] * 9
            pair = [batch.column("item_id").cast(pa.string()), batch.column("keyphrase").cast(pa.string())]
            typed = [
                pa.array(column, kind.type) for column, kind in zip(columns, list(schema())[2:], strict=True)
            ]
            writer.write_table(pa.Table.from_arrays([*pair, *typed], schema=schema()))
            _count(written, columns)
    partial.replace(out)
    return written


def _row(known: LogRow | None, key: bytes, paid: set[bytes], judge: str, unasked: str) -> Row:
    if known is None:
        why = unasked if key else NO_TEXT
        return (None, None, "unscored", why, judge, None, None, None, None)
    grade, reason, probability, expected, mass, _, tokens, cost = known
    if key in paid:
        tokens, cost = (None if tokens is None else 0), (None if cost is None else 0.0)
    else:
        paid.add(key)
    status = "unscored" if grade is None else "scored"
    return (grade, probability, status, reason, judge, tokens, cost, expected, mass)


def _count(written: Written, columns: Sequence[Sequence[Any]]) -> None:
    scored = columns[2].count("scored")
    written.pairs += len(columns[2])
    written.scored += scored
    written.unscored += len(columns[2]) - scored
    written.reasons.update(reason for reason in columns[3] if reason)
    written.tokens += sum(tokens for tokens in columns[5] if tokens)
    costs = [cost for cost in columns[6] if cost is not None]
    if costs:
        written.cost = (written.cost or 0.0) + sum(costs)


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
