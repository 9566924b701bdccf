"""The cascade's judgments table: the cheap judge's answers that stand, the strong judge's elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge import tables
from adjudge.storage.duck import in_memory
from adjudge.storage.files import fresh_file
from adjudge.storage.views import create_view

if TYPE_CHECKING:
    import pyarrow as pa

NOT_JUDGED = "the strong judge's table lacks the pair"
_EXTRA = {"expected": "DOUBLE", "mass": "DOUBLE"}
_TABLE = """SELECT k.item_id, k.keyphrase,
  CASE WHEN k.inside THEN c.grade ELSE s.grade END AS grade,
  CASE WHEN k.inside THEN c.probability ELSE s.probability END::DOUBLE AS probability,
  CASE WHEN k.inside THEN 'scored' ELSE coalesce(s.status, 'unscored') END AS status,
  CASE WHEN k.inside THEN NULL WHEN s.status IS NULL THEN $lacks ELSE s.reason END AS reason,
  $name AS judge,
  CASE WHEN k.inside OR s.tokens IS NULL THEN c.tokens
       ELSE coalesce(c.tokens, 0) + s.tokens END::BIGINT AS tokens,
  CASE WHEN k.inside OR s.cost IS NULL THEN c.cost ELSE coalesce(c.cost, 0) + s.cost END::DOUBLE AS cost,
  CASE WHEN k.inside THEN c.expected ELSE s.expected END::DOUBLE AS expected,
  CASE WHEN k.inside THEN c.mass ELSE s.mass END::DOUBLE AS mass,
  CASE WHEN k.inside THEN $cheap WHEN s.status = 'scored' THEN $strong END AS answered_by
FROM keys k JOIN (FROM cheap WHERE judge = $cheap) c USING (item_id, keyphrase)
LEFT JOIN (FROM strong WHERE judge = $strong) s USING (item_id, keyphrase) ORDER BY k.row"""
_COUNT = """SELECT count(*), count(grade), count(*) FILTER (WHERE answered_by = $cheap),
  count(*) FILTER (WHERE answered_by = $strong), coalesce(sum(tokens), 0)::BIGINT, sum(cost)
FROM read_parquet($file)"""
_REASONS = """SELECT reason, count(*) AS n FROM read_parquet(?) WHERE reason IS NOT NULL
GROUP BY 1 ORDER BY 2 DESC, 1"""
_SPENT = "SELECT sum(cost), avg(cost) FROM answers WHERE judge = ?"


@dataclass(frozen=True)
class JudgeTable:
    """A judgments table and the judge's name in it.

    identity: what the judge is exactly, "" if a table was given, which does not say. given_up: texts of a dry
    run that were asked before without a verdict.
    """

    path: Path
    judge: str
    identity: str = ""
    given_up: int = 0

    def spending(self) -> tuple[float | None, float | None]:
        """(total, mean per pair) of what the table says was spent; None if it names no cost."""
        with in_memory(f"{self.path} cannot be read as judgments: {{}}") as db:
            create_view(db, "answers", tables.JUDGMENTS, self.path)
            return db.execute(_SPENT, [self.judge]).fetchone() or (None, None)


@dataclass(frozen=True)
class CascadeTable:
    """What was written: pairs = by_cheap + by_strong + unscored.

    tokens and cost: of both judges, for what stands in the table.
    """

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


def write_cascade(
    keys: pa.Table, cheap: JudgeTable, strong: JudgeTable, out: Path, name: str
) -> CascadeTable:
    """Write the table, in the order of `keys` (item_id, keyphrase, row, inside: the cheap judge's answer
    stands).

    Columns: those of a judgments table, then `expected`, `mass` and `answered_by`: the name of the judge
    whose answer it is, null if there is none. A pair's tokens and cost are those of both judges. Raises
    BadTable.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    names = {"cheap": cheap.judge, "strong": strong.judge}
    with in_memory(f"{cheap.path} and {strong.path} cannot be joined: {{}}") as db, fresh_file(out) as fresh:
        db.register("keys", keys)
        create_view(db, "cheap", tables.JUDGMENTS, cheap.path, _EXTRA)
        create_view(db, "strong", tables.JUDGMENTS, strong.path, _EXTRA)
        table = db.sql(_TABLE, params={**names, "lacks": NOT_JUDGED, "name": name})
        table.write_parquet(str(fresh), compression="zstd")
        numbers = db.execute(_COUNT, {**names, "file": str(fresh)}).fetchone()
        reasons = dict(db.execute(_REASONS, [str(fresh)]).fetchall())
    pairs, scored, by_cheap, by_strong, tokens, cost = numbers or (0, 0, 0, 0, 0, None)
    return CascadeTable(pairs, scored, by_cheap, by_strong, tokens, cost, reasons)
