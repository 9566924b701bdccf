"""The SQL behind the evidence: views of a logs folder, the pairs that count, and the joins."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from adjudge import tables
from adjudge.records import FOUR, SCALES
from adjudge.storage.views import SQL_TYPES


def views(db: duckdb.DuckDBPyConnection, logs: Path, groups: Path | None) -> set[str]:
    """One view per table with all of its columns; those of absent tables are empty. Returns what is present."""
    present = set()
    tables.log_path(logs, "pairs")
    tables.log_path(logs, "items")
    for name in tables.LOGS:
        path = logs / f"{name}.parquet"
        wanted = tables.table(name)
        if path.exists():
            relation = db.read_parquet(str(path))
            wanted.check_columns(relation.columns, path)
            present |= {name, *(f"{name}.{column}" for column in relation.columns)}
            columns = [
                f'CAST("{c.name}" AS {SQL_TYPES[c.type]}) AS "{c.name}"'
                if c.name in relation.columns
                else f'CAST(NULL AS {SQL_TYPES[c.type]}) AS "{c.name}"'
                for c in wanted.columns
            ]
            relation.project(", ".join(columns)).create_view(f"log_{name}")
        else:
            empty = ", ".join(f'CAST(NULL AS {SQL_TYPES[c.type]}) AS "{c.name}"' for c in wanted.columns)
            db.sql("SELECT " + empty).filter("false").create_view(f"log_{name}")
    if groups is not None:
        db.read_parquet(str(groups)).project("item_id, keyphrase, source").create_view("log_groups")
        present.add("groups")
    else:
        db.sql("SELECT '' AS item_id, '' AS keyphrase, '' AS source").filter("false").create_view(
            "log_groups"
        )
    return present


def universe(db: duckdb.DuckDBPyConnection, split: tuple[str, str] | None) -> None:
    db.execute(
        """CREATE TEMP TABLE bought AS SELECT item_id, keyphrase, sum(impressions) AS impressions,
               sum(clicks) AS clicks, sum(sales) AS sales, sum(revenue) AS revenue
           FROM log_clicks GROUP BY ALL"""
    )
    db.execute(
        """CREATE TEMP TABLE bought_later AS SELECT item_id, keyphrase, sum(clicks) AS clicks, sum(sales) AS sales
           FROM log_clicks_later GROUP BY ALL"""
    )
    db.execute(
        """CREATE TEMP TABLE everything AS SELECT item_id, keyphrase, bool_or(recommended) AS recommended FROM (
               SELECT item_id, keyphrase, true AS recommended FROM log_pairs
               UNION ALL SELECT item_id, keyphrase, false FROM bought
               UNION ALL SELECT item_id, keyphrase, false FROM bought_later) GROUP BY ALL"""
    )
    if split is not None:
        everything = db.table("everything")
        expression, wanted = split
        inside = everything.project(f"item_id, keyphrase, recommended, ({expression}) AS split")
        inside.create_view("with_split")
        db.execute(
            """CREATE OR REPLACE TEMP TABLE kept AS
               SELECT item_id, keyphrase, recommended FROM with_split WHERE split = ?""",
            [wanted],
        )
    else:
        db.table("everything").create_view("kept")
    db.execute(
        """CREATE TEMP TABLE universe AS SELECT *, row_number() OVER (ORDER BY item_id, keyphrase) - 1 AS row
           FROM kept"""
    )


JOIN = """
SELECT u.item_id, u.keyphrase, u.recommended, i.category,
    coalesce(b.impressions, 0)::BIGINT AS impressions, coalesce(b.clicks, 0)::BIGINT AS clicks,
    coalesce(b.sales, 0)::BIGINT AS sales, coalesce(b.revenue, 0)::DOUBLE AS revenue,
    coalesce(l.clicks, 0)::BIGINT AS later_clicks, coalesce(l.sales, 0)::BIGINT AS later_sales,
    s.passed, t.relevant, t.grade, g.source
FROM universe u
LEFT JOIN log_items i USING (item_id)
LEFT JOIN bought b USING (item_id, keyphrase)
LEFT JOIN bought_later l USING (item_id, keyphrase)
LEFT JOIN log_search s USING (item_id, keyphrase)
LEFT JOIN log_truth t USING (item_id, keyphrase)
LEFT JOIN log_groups g USING (item_id, keyphrase)
ORDER BY u.row
"""

_HUMANS = """
SELECT u.row, count(*) AS annotators, count(*) FILTER (WHERE step >= ?) AS yes,
    quantile_disc(step, 0.5) AS middle
FROM (SELECT item_id, keyphrase, list_position(?, grade) - 1 AS step FROM log_annotations) a
JOIN universe u USING (item_id, keyphrase)
WHERE step IS NOT NULL AND step >= 0
GROUP BY u.row
"""

_JUDGES = """
SELECT u.row, list_contains(?, j.grade) AS yes
FROM log_judgments j JOIN universe u USING (item_id, keyphrase)
WHERE j.judge = ? AND j.status = 'scored' AND list_contains(?, j.grade)
"""


def extra_verdicts(db: duckdb.DuckDBPyConnection, present: set[str]) -> dict[str, pa.Table]:
    """Per source with rows of its own: row, and what it says."""
    found = {}
    if "annotations" in present:
        found["annotations"] = db.sql(
            _HUMANS, params=[FOUR.relevant_from, list(FOUR.grades)]
        ).to_arrow_table()
    if "judgments" in present:
        yes = sorted({g for scale in SCALES.values() for g in scale.relevant_grades})
        known = sorted({g for scale in SCALES.values() for g in scale.grades})
        names = db.execute("SELECT DISTINCT judge FROM log_judgments ORDER BY 1").fetchall()
        for (judge,) in names:
            found[f"judge {judge}"] = db.sql(_JUDGES, params=[yes, judge, known]).to_arrow_table()
    return found
