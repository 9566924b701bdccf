"""Wayfair's annotation data set (WANDS; Chen et al., ECIR 2022) as a logs folder.

Three official files, parted by tabs: query.csv, product.csv, label.csv. Exact becomes excellent and Irrelevant bad;
what Partial counts as is a setting, because it covers most pairs and decides how many are relevant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from adjudge.config import setting, settings
from adjudge.intake import labelled
from adjudge.intake.folder import Imported, quarantine_path, set_aside, workshop, write_tables
from adjudge.intake.intake import BAD_SHARE, ROW_NUMBER, Intake, take_in
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

    Judged products alone become items; the others are counted in `left_out`. Raises BadTable as `take_in` does.
    """
    with workshop(config.logs) as (scratch, con):
        read = {name: _take(config, name, scratch, progress) for name in FILES}
        for name in FILES:
            con.read_parquet(str(scratch / f"{name}.parquet")).create_view(name)
        _fill(con, config.partial)
        labelled.mark_repeated(con)
        read["joined"] = set_aside(
            con, config.folder / "label.csv", "labelled", config.logs, config.max_bad_share
        )
        written = write_tables(con, scratch, config.logs, labelled.tables_of("wands"), progress)
    unjudged = read["product"].kept - written["items"]
    return Imported(config.logs, read, written, {"products not judged": unjudged} if unjudged else {})


def _take(config: ImportWandsConfig, name: str, scratch: Path, progress: Progress) -> Intake:
    return take_in(
        config.folder / f"{name}.csv",
        FILES[name],
        scratch / f"{name}.parquet",
        quarantine=quarantine_path(config.logs, name),
        max_bad_share=config.max_bad_share,
        progress=progress,
    )


def _fill(con: Any, partial: str) -> None:
    con.execute(
        """CREATE TABLE labelled AS SELECT l.row_number, l.product_id AS item_id, q.query AS keyphrase, l.label,
            CASE l.label WHEN 'Exact' THEN 'excellent' WHEN 'Partial' THEN $partial ELSE 'bad' END AS grade,
            NULL::VARCHAR AS split, l.query_id AS "group", 'wands' AS source, p.product_name AS title,
            NULL::VARCHAR AS brand, p.product_class AS item_category, q.query_class AS query_category,
            CASE WHEN q.query_id IS NULL THEN 'query is not in query.csv'
                 WHEN p.product_id IS NULL THEN 'product is not in product.csv' END AS reason,
            CAST(to_json(l) AS VARCHAR) AS raw
            FROM label l LEFT JOIN query q USING (query_id) LEFT JOIN product p USING (product_id)""",
        {"partial": partial},
    )
