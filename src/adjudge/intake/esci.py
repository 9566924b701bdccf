"""Amazon's Shopping Queries data set (ESCI; Reddy et al., arXiv 2206.06588) as a logs folder.

Two shapes are read: the official pair of files (examples and products), and one file in which each row holds
query, title and label. The labels E, S, C, I become excellent, good, fair, bad, so that {E, S} counts as relevant.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from adjudge.config import setting, settings
from adjudge.errors import BadTable
from adjudge.intake import labelled
from adjudge.intake.folder import Imported, quarantine_path, set_aside, workshop, write_tables
from adjudge.intake.intake import BAD_SHARE, ROW_NUMBER, Intake, take_in
from adjudge.records import Progress, no_progress
from adjudge.tables import Column, Table

GRADES = {"E": "excellent", "S": "good", "C": "fair", "I": "bad"}
LOCALES = ("us", "es", "jp")
EXAMPLES = Table(
    "ESCI examples",
    "shopping_queries_dataset_examples.parquet: one judged (query, product) a row",
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
    "shopping_queries_dataset_products.parquet: one product and locale a row",
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
    "one judged pair a row, the title beside it",
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
    """The files of the set, and which of their rows are picked (of a file with all in one, only `split` picks)."""

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

    Judged products alone become items; the others, and examples that were not picked, are counted in `left_out`.
    Raises BadTable as `take_in` does, and where no row is picked.
    """
    with workshop(config.logs) as (scratch, con):
        fill = _fill_joined if config.products is None else _fill_official
        read, left_out = fill(config, scratch, con, progress)
        labelled.mark_repeated(con)
        read["joined"] = set_aside(con, config.examples, "labelled", config.logs, config.max_bad_share)
        if not read["joined"].rows:
            raise BadTable(
                f"{config.examples} has no row for locale {config.locale!r}, split {config.split or 'any'!r}, "
                f"small_version {config.small_version}: nothing to import. Choose others."
            )
        written = write_tables(con, scratch, config.logs, labelled.tables_of("esci"), progress)
    return Imported(config.logs, read, written, {what: count for what, count in left_out.items() if count})


def _taker(
    config: ImportEsciConfig, scratch: Path, progress: Progress
) -> Callable[[Path, Table, str], Intake]:
    def take(source: Path, table: Table, name: str) -> Intake:
        return take_in(
            source,
            table,
            scratch / f"{name}.parquet",
            quarantine=quarantine_path(config.logs, name),
            max_bad_share=config.max_bad_share,
            progress=progress,
        )

    return take


def _grade_sql(column: str) -> str:
    cases = " ".join(f"WHEN '{label}' THEN '{grade}'" for label, grade in GRADES.items())
    return f"CASE {column} {cases} END"


def _fill_joined(
    config: ImportEsciConfig, scratch: Path, con: Any, progress: Progress
) -> tuple[dict[str, Intake], dict[str, int]]:
    read = {"examples": _taker(config, scratch, progress)(config.examples, JOINED, "examples")}
    con.read_parquet(str(scratch / "examples.parquet")).create_view("examples")
    con.execute(
        f"""CREATE TABLE labelled AS SELECT row_number, product_id AS item_id, query AS keyphrase, label,
            {_grade_sql("label")} AS grade, split, query_id AS "group", coalesce(source, 'esci') AS source, title, brand,
            NULL::VARCHAR AS item_category, NULL::VARCHAR AS query_category, NULL::VARCHAR AS reason,
            CAST(to_json(examples) AS VARCHAR) AS raw
            FROM examples WHERE $split = '' OR split = $split""",
        {"split": config.split},
    )
    (picked,) = con.sql("SELECT count(*) FROM labelled").fetchall()[0]
    return read, {"rows of another split": read["examples"].kept - picked}


def _fill_official(
    config: ImportEsciConfig, scratch: Path, con: Any, progress: Progress
) -> tuple[dict[str, Intake], dict[str, int]]:
    take = _taker(config, scratch, progress)
    read = {"examples": take(config.examples, EXAMPLES, "examples")}
    read["products"] = take(config.products or Path(), PRODUCTS, "products")
    con.read_parquet(str(scratch / "examples.parquet")).create_view("examples")
    con.read_parquet(str(scratch / "products.parquet")).create_view("products")
    con.execute(
        f"""CREATE TABLE labelled AS SELECT e.row_number, e.product_id AS item_id, e.query AS keyphrase,
            e.esci_label AS label, {_grade_sql("e.esci_label")} AS grade, e.split, e.query_id AS "group",
            'esci' AS source, p.product_title AS title, p.product_brand AS brand, NULL::VARCHAR AS item_category,
            NULL::VARCHAR AS query_category, CASE WHEN p.product_id IS NULL THEN $orphan END AS reason,
            CAST(to_json(e) AS VARCHAR) AS raw
            FROM examples e LEFT JOIN products p USING (product_id, product_locale)
            WHERE product_locale = $locale AND ($split = '' OR e.split = $split)
            AND (NOT $small OR e.small_version = 1)""",
        {
            "orphan": labelled.NO_PRODUCT,
            "locale": config.locale,
            "split": config.split,
            "small": config.small_version,
        },
    )
    picked, judged = con.sql(
        "SELECT count(*), count(DISTINCT item_id) FILTER (WHERE reason IS NULL) FROM labelled"
    ).fetchall()[0]
    left_out = {
        "examples of another locale, version or split": read["examples"].kept - picked,
        "products of another locale or not judged": read["products"].kept - judged,
    }
    return read, left_out
