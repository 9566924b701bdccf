"""The SQL behind the evidence: the pairs that count, and what the logs say of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from adjudge import tables
from adjudge.errors import BadTable
from adjudge.records import FOUR, SCALES, Progress
from adjudge.storage.duck import in_memory
from adjudge.storage.views import create_view

_GROUPS = tables.Table(
    "groups",
    "a further segmentation of pairs",
    (*tables.PAIR, tables.Column("source", "string", "the segment of the pair", required=False)),
    tables.PAIR_KEY,
)

_UNIVERSE = """
CREATE TEMP TABLE bought AS
    SELECT item_id, keyphrase, sum(impressions) AS impressions, sum(clicks) AS clicks, sum(sales) AS sales,
        sum(revenue) AS revenue
    FROM log_clicks GROUP BY ALL;
CREATE TEMP TABLE bought_later AS
    SELECT item_id, keyphrase, sum(clicks) AS clicks, sum(sales) AS sales FROM log_clicks_later GROUP BY ALL;
CREATE TEMP TABLE everything AS
    SELECT item_id, keyphrase, bool_or(recommended) AS recommended FROM (
        SELECT item_id, keyphrase, true AS recommended FROM log_pairs
        UNION ALL SELECT item_id, keyphrase, false FROM bought
        UNION ALL SELECT item_id, keyphrase, false FROM bought_later) GROUP BY ALL;
"""

_NUMBERED = """
CREATE TEMP TABLE universe AS
    SELECT item_id, keyphrase, recommended, row_number() OVER (ORDER BY item_id, keyphrase) - 1 AS row
    FROM measured
"""

_JOIN = """
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


@dataclass(frozen=True)
class JoinedLogs:
    """A logs folder, joined.

    present: the tables in it, and their columns as `table.column`; `groups` if a file of groups was given.
    pairs: one row per pair, sorted. humans: row, annotators, yes (those who call it relevant) and middle
    grade of annotated pairs, None without annotations. judges: by name, row and yes of scored pairs.
    """

    present: set[str]
    pairs: pa.Table
    humans: pa.Table | None
    judges: Mapping[str, pa.Table]


def join(logs: Path, split: tuple[str, str] | None, groups: Path | None, progress: Progress) -> JoinedLogs:
    """Join a logs folder; see `evidence.gather`."""
    with in_memory(f"{logs} cannot be read as a logs folder: {{}}") as db:
        present = _create_views(db, logs, groups)
        db.execute(_UNIVERSE)
        everything = db.table("everything")
        if split is not None:
            expression, wanted = split
            everything.project(f"*, ({expression}) AS split").create_view("with_split")
            db.execute("CREATE TEMP TABLE measured AS FROM with_split WHERE split = ?", [wanted])
        else:
            everything.create_view("measured")
        db.execute(_NUMBERED)
        pairs: pa.Table = db.sql(_JOIN).to_arrow_table()
        if pairs.num_rows == 0:
            raise BadTable(
                f"{logs} holds no pair in split {split[1] if split else 'all'}: check the split settings"
            )
        progress("evidence: joining annotations and judgments", 1, 3)
        humans, judges = None, {}
        if "annotations" in present:
            scale = [FOUR.relevant_from, list(FOUR.grades)]
            humans = db.sql(_HUMANS, params=scale).to_arrow_table()
        if "judgments" in present:
            relevant = sorted({g for scale in SCALES.values() for g in scale.relevant_grades})
            grades = sorted({g for scale in SCALES.values() for g in scale.grades})
            names = db.execute("SELECT DISTINCT judge FROM log_judgments ORDER BY 1").fetchall()
            for (judge,) in names:
                judges[judge] = db.sql(_JUDGES, params=[relevant, judge, grades]).to_arrow_table()
    return JoinedLogs(present, pairs, humans, judges)


def _create_views(db: duckdb.DuckDBPyConnection, logs: Path, groups: Path | None) -> set[str]:
    """Create a view of every table, empty if the table is absent. Returns what is present."""
    present = set()
    for name in tables.LOGS:
        path = logs / f"{name}.parquet"
        if name in ("items", "pairs"):
            path = tables.log_path(logs, name)
        columns = create_view(db, f"log_{name}", tables.table(name), path if path.exists() else None)
        if path.exists():
            present |= {name, *(f"{name}.{column}" for column in columns)}
    create_view(db, "log_groups", _GROUPS, groups)
    return present if groups is None else present | {"groups"}
