"""Tables of the job `audit`: labels with what buyers did and a keyphrase's categories, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from adjudge import tables
from adjudge.storage.duck import in_memory
from adjudge.storage.views import create_view
from adjudge.trust.audit import INVALID, UNKNOWN, VALID, Behaviour, Outcome, Validity, behaviour, validity

if TYPE_CHECKING:
    import duckdb

_PAIRS = """SELECT l.item_id, l.keyphrase, i.title, i.category
FROM (SELECT DISTINCT item_id, keyphrase FROM labels) l LEFT JOIN items i USING (item_id) ORDER BY ALL"""
_RATES = """CREATE TEMP TABLE rates AS
SELECT position, sum(clicks)::DOUBLE / nullif(sum(impressions), 0) AS rate FROM clicks GROUP BY position"""
_BUYERS = """CREATE TEMP TABLE buyers AS
SELECT c.item_id, c.keyphrase, sum(c.impressions)::BIGINT AS impressions, sum(c.clicks)::BIGINT AS clicks,
       coalesce(sum(c.sales), 0)::BIGINT AS sales, sum(c.impressions * coalesce(r.rate, 0)) AS expected
FROM clicks c LEFT JOIN rates r ON r.position IS NOT DISTINCT FROM c.position
GROUP BY c.item_id, c.keyphrase"""
_EVIDENCE = """WITH by_category AS (
  SELECT s.keyphrase, i.category, sum(s.clicks)::BIGINT AS clicks
  FROM buyers s JOIN items i USING (item_id) WHERE i.category IS NOT NULL GROUP BY ALL),
by_keyphrase AS (SELECT keyphrase, sum(clicks)::BIGINT AS clicks FROM by_category GROUP BY keyphrase)
SELECT coalesce(s.impressions, 0) AS impressions, coalesce(s.clicks, 0) AS clicks,
       coalesce(s.sales, 0) AS sales,
       coalesce(s.expected, 0.0) AS expected, coalesce(k.clicks, 0) AS all_clicks,
       coalesce(c.clicks, 0) AS category_clicks, p.category IS NOT NULL AS known
FROM pairs p LEFT JOIN buyers s USING (item_id, keyphrase) LEFT JOIN by_keyphrase k USING (keyphrase)
LEFT JOIN by_category c ON c.keyphrase = p.keyphrase AND c.category = p.category ORDER BY p.row"""
_STATED = """SELECT bool_or(coalesce(g.valid, false)) AS valid, bool_or(l.keyphrase IS NOT NULL) AS listed
FROM pairs p
LEFT JOIN given g ON g.keyphrase = p.keyphrase AND g.category = p.category
LEFT JOIN (SELECT DISTINCT keyphrase FROM given) l ON l.keyphrase = p.keyphrase
GROUP BY p.row ORDER BY p.row"""
VALID_CATEGORIES = tables.Table(
    "valid categories",
    "categories that are valid for a keyphrase",
    (
        tables.Column("keyphrase", "string", "what the buyer typed"),
        tables.Column("category", "string", "a category of items"),
        tables.Column("valid", "bool", "whether it is valid; absent means that every row is", required=False),
    ),
    ("keyphrase", "category"),
)


@dataclass(frozen=True)
class AuditEvidence:
    """Of each settled pair, [n]: what buyers did, and whether its category is valid for its keyphrase (1, 0,
    -1)."""

    buyers: Behaviour
    valid: np.ndarray


def write_pairs(labels: Path, items: Path, out: Path) -> None:
    """The labelled pairs with title and category, shape `to_score`. Raises BadTable."""
    with in_memory() as db:
        create_view(db, "labels", tables.ANNOTATIONS.only("item_id", "keyphrase"), labels)
        create_view(db, "items", tables.ITEMS, items)
        db.sql(_PAIRS).write_parquet(str(out), compression="zstd")


def evidence(
    rows: pa.Table, clicks: Path, items: Path, rule: Validity, given: Path | None, level: float
) -> AuditEvidence:
    """Join clicks and categories to the settled pairs `rows` (item_id, keyphrase, category, in order).

    Expected clicks: impressions times the click rate of their position over all pairs (those without a
    position: of all without one). given: a table (keyphrase, category[, valid]) that states the rule; a pair
    that is not listed is invalid if the keyphrase is listed at all, else unknown.
    """
    with in_memory() as db:
        create_view(db, "clicks", tables.CLICKS, clicks)
        create_view(db, "items", tables.ITEMS, items)
        db.register("pairs", rows.append_column("row", pa.array(np.arange(len(rows)))))
        db.execute(_RATES)
        db.execute(_BUYERS)
        columns: dict[str, Any] = db.sql(_EVIDENCE).fetchnumpy()
        if given:
            valid = _stated(db, given)
        else:
            valid = validity(columns["all_clicks"], columns["category_clicks"], columns["clicks"], rule)
    impressions, clicked, sales, expected = (
        np.asarray(columns[name]) for name in ("impressions", "clicks", "sales", "expected")
    )
    buyers = behaviour(impressions, clicked, sales, expected, level)
    return AuditEvidence(buyers, np.where(columns["known"], valid, UNKNOWN))


def _stated(db: duckdb.DuckDBPyConnection, given: Path) -> np.ndarray:
    present = create_view(db, "given_file", VALID_CATEGORIES, given)
    valid = "valid" if "valid" in present else "true AS valid"
    db.sql(f"SELECT keyphrase, category, {valid} FROM given_file").create_view("given")
    rows = db.sql(_STATED).fetchall()
    return np.array([VALID if ok else INVALID if listed else UNKNOWN for ok, listed in rows], np.int64)


def labels_table(
    rows: pa.Table,
    grades: tuple[str, ...],
    before: np.ndarray,
    kinds: list[str],
    verdict: np.ndarray,
    outcome: Outcome,
    pairs: AuditEvidence,
) -> pa.Table:
    """Every settled label after the audit: its grade, the grade before, who changed it and why."""
    named = [None if step < 0 else grades[step] for step in verdict]
    valid = [None if value == UNKNOWN else value == VALID for value in pairs.valid]
    buyers = pairs.buyers
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
            "impressions": pa.array(buyers.impressions, pa.int64()),
            "clicks": pa.array(buyers.clicks, pa.int64()),
            "sales": pa.array(buyers.sales, pa.int64()),
            "expected_clicks": pa.array(buyers.expected, pa.float64()),
            "coec": pa.array(buyers.coec, pa.float64(), mask=np.isnan(buyers.coec)),
        }
    )
