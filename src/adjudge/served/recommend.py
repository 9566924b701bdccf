"""Recommendations: the kept keyphrases of an item in rank order, without doubles, under the caps of a
seller's page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.engines.output import read_result
from adjudge.errors import BadTable
from adjudge.records import Progress, no_progress
from adjudge.served.settings import RecommendSettings
from adjudge.served.table import POINTER, served
from adjudge.storage.duck import bounded
from adjudge.storage.files import fresh_file, scratch_folder
from adjudge.storage.views import create_view
from adjudge.tables import ITEMS, SCORES

if TYPE_CHECKING:
    import duckdb

FORMS = {
    "exact": "SELECT *, keyphrase AS form FROM joined",
    "spacing": r"SELECT *, lower(trim(regexp_replace(nfc_normalize(keyphrase), '\s+', ' ', 'g'))) AS form "
    "FROM joined",
    "words": r"""SELECT *, array_to_string(list_sort(string_split(
        lower(trim(regexp_replace(nfc_normalize(keyphrase), '\s+', ' ', 'g'))), ' ')), ' ') AS form FROM
        joined""",
}
"""What makes two keyphrases the same: nothing but themselves; letter case and spacing; or also the order of
words."""

# An item without an adgroup is one of its own, and without a seller it has a page of its own.
JOINED = """
SELECT s.item_id, s.keyphrase, s.score, s.model_version, s.scored_at, i.adgroup_id, i.seller_id,
  CASE WHEN i.adgroup_id IS NULL THEN [s.item_id] ELSE [i.seller_id, i.adgroup_id] END AS adgroup,
  CASE WHEN i.seller_id IS NULL THEN [s.item_id, NULL] ELSE [i.seller_id] END AS page
FROM scores s LEFT JOIN items i ON s.item_id = i.item_id WHERE s.kept
"""
STEPS = {
    "same form on the item": """SELECT * FROM rows_now QUALIFY 1 = row_number() OVER (
        PARTITION BY item_id, form ORDER BY score DESC, keyphrase)""",
    "same form in the adgroup": """SELECT * FROM rows_now QUALIFY 1 = row_number() OVER (
        PARTITION BY adgroup, form ORDER BY score DESC, item_id)""",
    "cap per item": """SELECT * FROM rows_now QUALIFY $per_item >= row_number() OVER (
        PARTITION BY item_id ORDER BY score DESC, keyphrase)""",
    "cap per adgroup": """SELECT * FROM rows_now QUALIFY $per_adgroup >= row_number() OVER (
        PARTITION BY adgroup ORDER BY score DESC, keyphrase, item_id)""",
    "cap per seller": """SELECT * FROM rows_now QUALIFY $per_seller >= row_number() OVER (
        PARTITION BY page ORDER BY score DESC, keyphrase, item_id)""",
}
RANKED = """
SELECT item_id, row_number() OVER (PARTITION BY item_id ORDER BY score DESC, keyphrase) AS rank,
  keyphrase, score, adgroup_id, seller_id, model_version, scored_at
FROM rows_now ORDER BY item_id, rank
"""
FACTS = """
SELECT count(*), count(*) FILTER (WHERE kept), count(*) FILTER (WHERE score IS NOT NULL AND kept IS NULL) FROM
scores
"""
LAST = """
SELECT count(*), count(DISTINCT item_id), count(DISTINCT item_id) FILTER (WHERE adgroup_id IS NULL) FROM
rows_now
"""


@dataclass(frozen=True)
class RecommendResult:
    """What was written.

    rows: scores read; removed: rows that each rule took, in the order of the rules; out_rows: what is left,
    of `items` items; without_adgroup: items among them that stand alone because no adgroup is known.
    """

    out: Path
    rows: int
    removed: dict[str, int]
    out_rows: int
    items: int
    without_adgroup: int


def recommend(
    scores: Path, items: Path, out: Path, settings: RecommendSettings, progress: Progress = no_progress
) -> RecommendResult:
    """Write item_id, rank (1 = best), keyphrase, score, adgroup_id, seller_id, model_version and scored_at.

    Rows are sorted by item and rank. `scores` is a served table, or what `adjudge score` wrote. Rank is by
    score, ties by keyphrase. Within an adgroup a keyphrase stays with the item where it scores highest.
    Raises BadTable.
    """
    files = score_files(scores)
    out.parent.mkdir(parents=True, exist_ok=True)
    wrong = "a table cannot be read: {}. Write it again."
    with (
        fresh_file(out) as fresh,
        scratch_folder(out) as spill,
        bounded(spill, settings.memory, wrong) as db,
    ):
        _views(db, files, items)
        return _write(db, scores, out, fresh, settings, progress)


def score_files(path: Path) -> list[Path]:
    """The Parquet files of a served table (its served version), of a run's folder, or the file itself."""
    if (path / POINTER).exists():
        return served(path)[1]
    return read_result(path)[1] if path.is_dir() else [path]


def _views(db: duckdb.DuckDBPyConnection, files: list[Path], items: Path) -> None:
    create_view(db, "scores", SCORES, files)
    create_view(db, "items", ITEMS, items)


def _write(
    db: duckdb.DuckDBPyConnection,
    scores: Path,
    out: Path,
    fresh: Path,
    settings: RecommendSettings,
    progress: Progress,
) -> RecommendResult:
    rows, left, undecided = db.execute(FACTS).fetchall()[0]
    if undecided:
        raise BadTable(
            f"{scores}: {undecided:,} rows have a score but no `kept`, as their model has no threshold. Set "
            "one with adjudge compare, and score again."
        )
    removed = {"not kept": rows - left}
    db.sql(JOINED).create_view("joined")
    db.sql(FORMS[settings.form]).create("rows_now")
    doubled = db.table("rows_now").aggregate("count(*)").fetchall()[0][0] - left
    if doubled:
        raise BadTable(
            "the items table names an item twice. Bring it in with: adjudge import table items FILE"
        )
    for step, (name, query) in enumerate(STEPS.items(), start=1):
        field = name.replace("cap per ", "per_")
        values = {field: getattr(settings, field)} if name.startswith("cap") else None
        db.execute("CREATE OR REPLACE TABLE rows_next AS " + query, values)
        db.execute("DROP TABLE rows_now")
        db.execute("ALTER TABLE rows_next RENAME TO rows_now")
        now = db.table("rows_now").aggregate("count(*)").fetchall()[0][0]
        removed[name], left = left - now, now
        progress("recommend", step, len(STEPS) + 1)
    db.sql(RANKED).write_parquet(str(fresh), compression="zstd")
    progress("recommend", len(STEPS) + 1, len(STEPS) + 1)
    return RecommendResult(out, rows, removed, *db.execute(LAST).fetchall()[0])
