"""Labelled (query, product) pairs as the tables of a logs folder: what ESCI and WANDS share.

An importer fills the DuckDB table `labelled(row_number, item_id, keyphrase, label, grade, split, "group",
source, title, brand, item_category, query_category, reason, raw)`; rows with a reason are set aside.
"""

from __future__ import annotations

from typing import Any

from adjudge.records import FOUR

REPEATED = "duplicate key (item_id, keyphrase)"


def mark_repeated(db: Any) -> None:
    """Give a reason to a pair that an earlier good row already has (one text under two query ids)."""
    db.execute(
        """CREATE TEMP TABLE repeats AS SELECT row_number FROM (
            SELECT row_number, row_number() OVER (PARTITION BY item_id, keyphrase ORDER BY row_number) AS
            place
            FROM labelled WHERE reason IS NULL) WHERE place > 1"""
    )
    db.execute(
        "UPDATE labelled SET reason = $reason WHERE row_number IN (SELECT row_number FROM repeats)",
        {"reason": REPEATED},
    )


def tables_of(annotator: str) -> dict[str, str]:
    """The query behind each table. `annotator` is a fixed word of the importer, not a user's."""
    relevant = ", ".join(f"'{grade}'" for grade in FOUR.relevant_grades)
    good = "FROM labelled WHERE reason IS NULL"
    return {
        "items": f"""SELECT item_id, first(title ORDER BY row_number) AS title,
            first(item_category ORDER BY row_number) AS category, first(brand ORDER BY row_number) AS brand
            {good} GROUP BY item_id ORDER BY min(row_number)""",
        "keyphrases": f"""SELECT keyphrase, first(query_category ORDER BY row_number) AS category
            {good} GROUP BY keyphrase ORDER BY min(row_number)""",
        "pairs": f"SELECT item_id, keyphrase {good} ORDER BY row_number",
        "annotations": f"""SELECT item_id, keyphrase, '{annotator}' AS annotator, grade
            {good} ORDER BY row_number""",
        "truth": f"""SELECT item_id, keyphrase, grade, grade IN ({relevant}) AS relevant
            {good} ORDER BY row_number""",
        "labelled": f"""SELECT item_id, keyphrase, label, grade, split, "group", source
            {good} ORDER BY row_number""",
    }
