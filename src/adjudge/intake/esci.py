"""Amazon's Shopping Queries data set (ESCI; Reddy et al., arXiv 2206.06588) as a logs folder.

Two shapes are read: the official pair of files (examples and products), and one file in which each row holds
query, title and label. The labels E, S, C, I become excellent, good, fair, bad, so that {E, S} counts as
relevant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.errors import BadTable
from adjudge.intake import labelled
from adjudge.intake.folder import Imported, ImportSession, import_session
from adjudge.intake.intake import BAD_SHARE, ROW_NUMBER
from adjudge.records import Progress, no_progress
from adjudge.tables import Column, Table

GRADES = {"E": "excellent", "S": "good", "C": "fair", "I": "bad"}
LOCALES = ("us", "es", "jp")
EXAMPLES = Table(
    "ESCI examples",
    "shopping_queries_dataset_examples.parquet: one judged (query, product) per row",
    (
        ROW_NUMBER,
        Column("query", "string", "what the buyer searched for", filled=True),
        Column("query_id", "string", "the query's id", filled=True),
        Column("product_id", "string", "the product's id (unique within a locale)", filled=True),
        Column("product_locale", "string", "the shop's locale", words=LOCALES),
        Column("esci_label", "string", "the judgment", words=tuple(GRADES)),
        Column("small_version", "int64", "1 = in the reduced, harder version", low=0, high=1),
        Column("split", "string", "the official split", words=("train", "test")),
    ),
    ("query_id", "product_id", "product_locale"),
)
PRODUCTS = Table(
    "ESCI products",
    "shopping_queries_dataset_products.parquet: one product and locale per row",
    (
        Column("product_id", "string", "the product's id", filled=True),
        Column("product_locale", "string", "the shop's locale", words=LOCALES),
        Column("product_title", "string", "the title", filled=True),
        Column("product_brand", "string", "the brand", required=False),
    ),
    ("product_id", "product_locale"),
)
JOINED = Table(
    "ESCI in one file",
    "one judged pair per row, with the title",
    (
        ROW_NUMBER,
        Column("query_id", "string", "the query's id", filled=True),
        Column("query", "string", "what the buyer searched for", filled=True),
        Column("product_id", "string", "the product's id", filled=True),
        Column("title", "string", "the title", filled=True),
        Column("brand", "string", "the brand", required=False),
        Column("label", "string", "the judgment", words=tuple(GRADES)),
        Column("split", "string", "the split", required=False, words=("train", "dev", "test")),
        Column("source", "string", "the part of the set it is from", required=False),
    ),
    ("query", "product_id"),
)


@settings
class ImportEsciConfig:
    """The files of the set, and which of their rows are picked (of a file with all in one, only `split`
    picks)."""

    examples: Annotated[Path, setting("The examples Parquet, or a file with all in one.")]
    logs: Annotated[Path, setting("The logs folder to write into.")]
    products: Annotated[Path | None, setting("The products Parquet of the official release.")] = None
    locale: Annotated[str, setting("The shop's locale to pick.", choices=LOCALES)] = "us"
    small_version: Annotated[bool, setting("Whether only the reduced, harder version is picked.")] = False
    split: Annotated[
        str, setting("The official split to pick; all without it.", choices=("", "train", "dev", "test"))
    ] = ""
    max_bad_share: Annotated[float, BAD_SHARE] = 0.01


def import_esci(config: ImportEsciConfig, progress: Progress = no_progress) -> Imported:
    """Write items, keyphrases, pairs, annotations (annotator `esci`), truth and labelled to `config.logs`.

    Judged products alone become items; the others, and examples that were not picked, are counted in
    `left_out`. Raises BadTable as `take_in` does, and if no row is picked.
    """
    with import_session(config.logs, config.max_bad_share, progress) as session:
        fill = _fill_from_one_file if config.products is None else _fill_from_official_files
        left_out = fill(config, session)
        labelled.mark_repeated(session.db)
        if not session.set_aside(config.examples, "labelled").rows:
            raise BadTable(
                f"{config.examples} has no row for locale {config.locale!r}, split "
                f"{config.split or 'any'!r}, "
                f"small_version {config.small_version}: nothing to import. Choose others."
            )
        written = session.write(labelled.tables_of("esci"))
    return Imported(
        config.logs, session.read, written, {what: count for what, count in left_out.items() if count}
    )


def _grade_sql(column: str) -> str:
    cases = " ".join(f"WHEN '{label}' THEN '{grade}'" for label, grade in GRADES.items())
    return f"CASE {column} {cases} END"


def _fill_from_one_file(config: ImportEsciConfig, session: ImportSession) -> dict[str, int]:
    """Fill the table `labelled`; give the rows left out."""
    examples = session.take("examples", config.examples, JOINED)
    session.db.execute(
        f"""CREATE TABLE labelled AS SELECT row_number, product_id AS item_id, query AS keyphrase, label,
            {_grade_sql("label")} AS grade, split, query_id AS "group", coalesce(source, 'esci') AS source,
            title, brand,
            NULL::VARCHAR AS item_category, NULL::VARCHAR AS query_category, NULL::VARCHAR AS reason,
            CAST(to_json(e) AS VARCHAR) AS raw
            FROM examples_file e WHERE $split = '' OR split = $split""",
        {"split": config.split},
    )
    return {"rows of another split": examples.kept - len(session.db.table("labelled"))}


def _fill_from_official_files(config: ImportEsciConfig, session: ImportSession) -> dict[str, int]:
    """Fill the table `labelled`; give the rows left out."""
    examples = session.take("examples", config.examples, EXAMPLES)
    products = session.take("products", config.products or Path(), PRODUCTS)
    session.db.execute(
        f"""CREATE TABLE labelled AS SELECT e.row_number, e.product_id AS item_id, e.query AS keyphrase,
            e.esci_label AS label, {_grade_sql("e.esci_label")} AS grade, e.split, e.query_id AS "group",
            'esci' AS source, p.product_title AS title, p.product_brand AS brand, NULL::VARCHAR AS
            item_category,
            NULL::VARCHAR AS query_category,
            CASE WHEN p.product_id IS NULL THEN 'product is not in the products file' END AS reason,
            CAST(to_json(e) AS VARCHAR) AS raw
            FROM examples_file e LEFT JOIN products_file p USING (product_id, product_locale)
            WHERE product_locale = $locale AND ($split = '' OR e.split = $split)
            AND (NOT $small OR e.small_version = 1)""",
        {"locale": config.locale, "split": config.split, "small": config.small_version},
    )
    picked, judged = session.db.sql(
        "SELECT count(*), count(DISTINCT item_id) FILTER (WHERE reason IS NULL) FROM labelled"
    ).fetchall()[0]
    return {
        "examples of another locale, version or split": examples.kept - picked,
        "products of another locale or not judged": products.kept - judged,
    }
