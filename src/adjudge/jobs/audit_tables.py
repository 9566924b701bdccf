"""The tables of the job `audit`: labels with what buyers did and what categories a keyphrase has; and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge import tables
from adjudge.errors import BadTable
from adjudge.trust.audit import INVALID, UNKNOWN, VALID, Behaviour, Outcome, Validity, behaviour, validity

_PAIRS = """SELECT l.item_id, l.keyphrase, i.title, i.category
FROM (SELECT DISTINCT item_id, keyphrase FROM labels) l LEFT JOIN items i USING (item_id) ORDER BY ALL"""
_RATES = """CREATE TEMP TABLE rates AS
SELECT position, sum(clicks)::DOUBLE / nullif(sum(impressions), 0) AS rate FROM clicks GROUP BY position"""
_SEEN = """CREATE TEMP TABLE seen AS
SELECT c.item_id, c.keyphrase, sum(c.impressions)::BIGINT AS impressions, sum(c.clicks)::BIGINT AS clicks,
       coalesce(sum(c.sales), 0)::BIGINT AS sales, sum(c.impressions * coalesce(r.rate, 0)) AS expected
FROM clicks c LEFT JOIN rates r ON r.position IS NOT DISTINCT FROM c.position GROUP BY c.item_id, c.keyphrase"""
_BESIDE = """WITH by_category AS (
  SELECT s.keyphrase, i.category, sum(s.clicks)::BIGINT AS clicks
  FROM seen s JOIN items i USING (item_id) WHERE i.category IS NOT NULL GROUP BY ALL),
by_keyphrase AS (SELECT keyphrase, sum(clicks)::BIGINT AS clicks FROM by_category GROUP BY keyphrase)
SELECT coalesce(s.impressions, 0) AS impressions, coalesce(s.clicks, 0) AS clicks, coalesce(s.sales, 0) AS sales,
       coalesce(s.expected, 0.0) AS expected, coalesce(k.clicks, 0) AS all_clicks, coalesce(c.clicks, 0) AS category_clicks,
       p.category IS NOT NULL AS known
FROM pairs p LEFT JOIN seen s USING (item_id, keyphrase) LEFT JOIN by_keyphrase k USING (keyphrase)
LEFT JOIN by_category c ON c.keyphrase = p.keyphrase AND c.category = p.category ORDER BY p.row"""
_STATED = """SELECT bool_or(coalesce(g.valid, false)) AS valid, bool_or(l.keyphrase IS NOT NULL) AS listed FROM pairs p
LEFT JOIN given g ON g.keyphrase = p.keyphrase AND g.category = p.category
LEFT JOIN (SELECT DISTINCT keyphrase FROM given) l ON l.keyphrase = p.keyphrase GROUP BY p.row ORDER BY p.row"""
ABSENT = {
    "clicks": {"position": "NULL", "sales": "NULL"},
    "items": {"category": "NULL"},
    "given": {"valid": "true"},
}
"""What a file may lack, and what stands for it."""


@dataclass(frozen=True)
class Beside:
    """Of each settled pair, [n]: what buyers did, and whether its category is valid for its keyphrase (1, 0, -1)."""

    seen: Behaviour
    valid: np.ndarray


def write_pairs(labels: Path, items: Path, out: Path) -> None:
    """The labelled pairs with title and category, shape `to_score`. Raises BadTable."""
    with _opened({"labels": labels, "items": items}) as db:
        tables.ITEMS.check_columns(db.table("items").columns, items)
        db.sql(_PAIRS).write_parquet(str(out), compression="zstd")


def beside(
    rows: pa.Table, clicks: Path, items: Path, rule: Validity, given: Path | None, level: float
) -> Beside:
    """Join clicks and categories to the settled pairs `rows` (item_id, keyphrase, category, in order).

    Expected clicks: impressions times the click rate of their position over all pairs (those without a position: of all
    without one). given: a table (keyphrase, category[, valid]) that states the rule; pairs of it that are not listed are
    invalid where the keyphrase is listed at all, else unknown.
    """
    files = {"clicks": clicks, "items": items} | ({"given": given} if given else {})
    with _opened(files) as db:
        tables.CLICKS.check_columns(db.table("clicks").columns, clicks)
        db.register("pairs", rows.append_column("row", pa.array(np.arange(len(rows)))))
        db.execute(_RATES)
        db.execute(_SEEN)
        found: dict[str, Any] = db.sql(_BESIDE).fetchnumpy()
        if given:
            valid = _stated(db, given)
        else:
            valid = validity(found["all_clicks"], found["category_clicks"], found["clicks"], rule)
    valid = np.where(found["known"], valid, UNKNOWN)
    impressions, clicked, sales, expected = (
        np.asarray(found[name]) for name in ("impressions", "clicks", "sales", "expected")
    )
    return Beside(behaviour(impressions, clicked, sales, expected, level), valid)


def _stated(db: Any, given: Path) -> np.ndarray:
    columns = db.table("given").columns
    missing = [name for name in ("keyphrase", "category") if name not in columns]
    if missing:
        raise BadTable(
            f"{given}: a table of valid categories needs {', '.join(missing)}; seen: {', '.join(columns)}"
        )
    found = db.sql(_STATED).fetchall()
    return np.array([VALID if ok else INVALID if listed else UNKNOWN for ok, listed in found], np.int64)


class _opened:
    """A DuckDB connection with each file as a view; `position` and `sales` are null where a click table has none."""

    def __init__(self, files: dict[str, Path]) -> None:
        self.files = files

    def __enter__(self) -> Any:
        import duckdb

        self.db = duckdb.connect()
        for name, path in self.files.items():
            try:
                there = self.db.read_parquet(str(path))
            except duckdb.Error as error:
                self.db.close()
                raise BadTable(
                    f"{path} cannot be read as {name}: {str(error).splitlines()[0]}. Bring it in with: adjudge import table"
                ) from error
            for column, instead in ABSENT.get(name, {}).items():
                if column not in there.columns:
                    there = there.project(f"*, {instead} AS {column}")
            there.create_view(name)
        return self.db

    def __exit__(self, *error: object) -> None:
        self.db.close()


def labels_table(
    rows: pa.Table,
    grades: tuple[str, ...],
    before: np.ndarray,
    kinds: list[str],
    verdict: np.ndarray,
    outcome: Outcome,
    found: Beside,
) -> pa.Table:
    """Every settled label after the audit: its grade, the grade before, whether, by whom and why it changed."""
    named = [None if step < 0 else grades[step] for step in verdict]
    valid = [None if one == UNKNOWN else one == VALID for one in found.valid]
    seen = found.seen
    return pa.table(
        {
            "item_id": rows["item_id"],
            "keyphrase": rows["keyphrase"],
            "grade": pa.array([grades[step] for step in outcome.step]),
            "before": pa.array([grades[step] for step in before]),
            "changed": pa.array(outcome.step != before),
            "contradiction": pa.array([kind or None for kind in kinds], pa.string()),
            "by": pa.array(outcome.by),
            "why": pa.array(outcome.why),
            "judge_grade": pa.array(named, pa.string()),
            "category_valid": pa.array(valid, pa.bool_()),
            "impressions": pa.array(seen.impressions, pa.int64()),
            "clicks": pa.array(seen.clicks, pa.int64()),
            "sales": pa.array(seen.sales, pa.int64()),
            "expected_clicks": pa.array(seen.expected, pa.float64()),
            "coec": pa.array(seen.coec, pa.float64(), mask=np.isnan(seen.coec)),
        }
    )


def write(table: pa.Table, path: Path) -> None:
    """Beside its place first, so that a torn table is never there."""
    half = path.with_name(f".{path.name}.half")
    pq.write_table(table, half, compression="zstd")
    half.replace(path)
