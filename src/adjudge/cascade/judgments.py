"""The cascade's own judgments table: the cheap judge's answers where they stand, the strong judge's elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge import tables
from adjudge.errors import BadTable

if TYPE_CHECKING:
    import pyarrow as pa

NOT_JUDGED = "the strong judge's table lacks the pair"
_COLUMNS = {
    "probability": "DOUBLE",
    "expected": "DOUBLE",
    "mass": "DOUBLE",
    "tokens": "BIGINT",
    "cost": "DOUBLE",
}
_TABLE = """SELECT k.item_id, k.keyphrase,
  CASE WHEN k.inside THEN c.grade ELSE s.grade END AS grade,
  CASE WHEN k.inside THEN c.probability ELSE s.probability END::DOUBLE AS probability,
  CASE WHEN k.inside THEN 'scored' ELSE coalesce(s.status, 'unscored') END AS status,
  CASE WHEN k.inside THEN NULL WHEN s.status IS NULL THEN $lacks ELSE s.reason END AS reason,
  $name AS judge,
  CASE WHEN k.inside OR s.tokens IS NULL THEN c.tokens ELSE coalesce(c.tokens, 0) + s.tokens END::BIGINT AS tokens,
  CASE WHEN k.inside OR s.cost IS NULL THEN c.cost ELSE coalesce(c.cost, 0) + s.cost END::DOUBLE AS cost,
  CASE WHEN k.inside THEN c.expected ELSE s.expected END::DOUBLE AS expected,
  CASE WHEN k.inside THEN c.mass ELSE s.mass END::DOUBLE AS mass,
  CASE WHEN k.inside THEN $cheap WHEN s.status = 'scored' THEN $strong END AS answered_by
FROM keys k JOIN cheap c USING (item_id, keyphrase) LEFT JOIN strong s USING (item_id, keyphrase) ORDER BY k.row"""
_COUNT = """SELECT count(*), count(grade), count(*) FILTER (WHERE answered_by = $cheap),
  count(*) FILTER (WHERE answered_by = $strong), coalesce(sum(tokens), 0)::BIGINT, sum(cost) FROM read_parquet($file)"""


@dataclass(frozen=True)
class Told:
    """A judge's table and the judge's name in it."""

    judgments: Path
    judge: str


@dataclass(frozen=True)
class CascadeWritten:
    """pairs = by_cheap + by_strong + unscored. tokens and cost: of both judges, for what stands in the table."""

    pairs: int
    scored: int
    by_cheap: int
    by_strong: int
    tokens: int
    cost: float | None
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def unscored(self) -> int:
        return self.pairs - self.scored


def write_cascade(keys: pa.Table, cheap: Told, strong: Told, out: Path, name: str) -> CascadeWritten:
    """Write the table, in the order of `keys` (item_id, keyphrase, row, inside: the cheap judge's answer stands).

    Columns: those of a judgments table, then `expected`, `mass` and `answered_by`: the name of the judge whose answer it is,
    null where there is none. A pair's tokens and cost are those of both judges. Raises BadTable.
    """
    import duckdb

    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    told = {"cheap": cheap.judge, "strong": strong.judge}
    try:
        with duckdb.connect(config={"memory_limit": "4GB"}) as db:
            db.register("keys", keys)
            for view, one in (("cheap", cheap), ("strong", strong)):
                _view(db, view, one)
            given = {**told, "lacks": NOT_JUDGED, "name": name}
            db.sql(_TABLE, params=given).write_parquet(str(partial), compression="zstd")
            counts = db.execute(_COUNT, {**told, "file": str(partial)}).fetchone() or (0, 0, 0, 0, 0, None)
            reasons = db.execute(
                "SELECT reason, count(*) AS n FROM read_parquet(?) WHERE reason IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1",
                [str(partial)],
            ).fetchall()
    except duckdb.Error as error:
        partial.unlink(missing_ok=True)
        raise BadTable(
            f"{cheap.judgments} and {strong.judgments} cannot be joined: {str(error).splitlines()[0]}"
        ) from error
    partial.replace(out)
    pairs, scored, by_cheap, by_strong, tokens, cost = counts
    return CascadeWritten(pairs, scored, by_cheap, by_strong, tokens, cost, dict(reasons))


def _view(db: Any, view: str, one: Told) -> None:
    """The judge's own rows; columns it may lack become nulls."""
    import duckdb

    there = db.read_parquet(str(one.judgments))
    tables.JUDGMENTS.check_columns(there.columns, one.judgments)
    for column in ("grade", "reason", *_COLUMNS):
        if column not in there.columns:
            there = there.project(f'*, NULL::{_COLUMNS.get(column, "VARCHAR")} AS "{column}"')
    own = duckdb.ColumnExpression("judge") == duckdb.ConstantExpression(one.judge)
    there.filter(own).create_view(view)
