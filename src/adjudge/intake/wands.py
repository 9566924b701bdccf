"""Wayfair's annotation data set (WANDS; Chen et al., ECIR 2022) as a logs folder.

Three official files, separated by tabs: query.csv, product.csv, label.csv. Exact becomes excellent and
Irrelevant bad; what Partial counts as is a setting, because it covers most pairs and decides how many are
relevant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from adjudge.config import setting, settings
from adjudge.intake import labelled
from adjudge.intake.folder import Imported, import_session
from adjudge.intake.intake import BAD_SHARE, ROW_NUMBER
from adjudge.records import Progress, no_progress
from adjudge.tables import Column, Table

LABELS = ("Exact", "Partial", "Irrelevant")
QUERY = Table(
    "WANDS query",
    "query.csv",
    (
        Column("query_id", "string", "the query's id", filled=True),
        Column("query", "string", "what was searched for", filled=True),
        Column("query_class", "string", "the class most buyers mean", required=False),
    ),
    ("query_id",),
)
PRODUCT = Table(
    "WANDS product",
    "product.csv; of its columns only these are needed",
    (
        Column("product_id", "string", "the product's id", filled=True),
        Column("product_name", "string", "the title", filled=True),
        Column("product_class", "string", "the class it falls under", required=False),
    ),
    ("product_id",),
)
LABEL = Table(
    "WANDS label",
    "label.csv",
    (
        ROW_NUMBER,
        Column("query_id", "string", "the query's id", filled=True),
        Column("product_id", "string", "the product's id", filled=True),
        Column("label", "string", "the judgment", words=LABELS),
    ),
    ("query_id", "product_id"),
)
FILES = {"query": QUERY, "product": PRODUCT, "label": LABEL}


@settings
class ImportWandsConfig:
    """The folder of the set, and what its middle label counts as."""

    folder: Annotated[Path, setting("Holds query.csv, product.csv and label.csv.")]
    logs: Annotated[Path, setting("The logs folder to write into.")]
    partial: Annotated[
        str,
        setting(
            "The grade of the label Partial: fair (not relevant) or good (relevant).",
            choices=("fair", "good"),
        ),
    ] = "fair"
    max_bad_share: Annotated[float, BAD_SHARE] = 0.01


def import_wands(config: ImportWandsConfig, progress: Progress = no_progress) -> Imported:
    """Write items, keyphrases, pairs, annotations (annotator `wands`), truth and labelled to `config.logs`.

    Judged products alone become items; the others are counted in `left_out`. Raises BadTable as `take_in`
    does.
    """
    with import_session(config.logs, config.max_bad_share, progress) as session:
        for name, shape in FILES.items():
            session.take(name, config.folder / f"{name}.csv", shape)
        _fill(session.db, config.partial)
        labelled.mark_repeated(session.db)
        session.set_aside(config.folder / "label.csv", "labelled")
        written = session.write(labelled.tables_of("wands"))
    unjudged = session.read["product"].kept - written["items"]
    return Imported(config.logs, session.read, written, {"products not judged": unjudged} if unjudged else {})


def _fill(db: Any, partial: str) -> None:
    db.execute(
        """CREATE TABLE labelled AS SELECT l.row_number, l.product_id AS item_id, q.query AS keyphrase,
        l.label,
            CASE l.label WHEN 'Exact' THEN 'excellent' WHEN 'Partial' THEN $partial ELSE 'bad' END AS grade,
            NULL::VARCHAR AS split, l.query_id AS "group", 'wands' AS source, p.product_name AS title,
            NULL::VARCHAR AS brand, p.product_class AS item_category, q.query_class AS query_category,
            CASE WHEN q.query_id IS NULL THEN 'query is not in query.csv'
                 WHEN p.product_id IS NULL THEN 'product is not in product.csv' END AS reason,
            CAST(to_json(l) AS VARCHAR) AS raw
            FROM label_file l LEFT JOIN query_file q USING (query_id) LEFT JOIN product_file p USING
            (product_id)""",
        {"partial": partial},
    )
