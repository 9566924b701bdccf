"""The job `diff`: between two days' tables, which pairs are to be scored, and what is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from adjudge.config import check_apart, setting, settings
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.score import time_of
from adjudge.jobs.start import job
from adjudge.records import Progress, no_progress
from adjudge.storage.duck import bounded, check_memory
from adjudge.storage.files import move_in, scratch_folder
from adjudge.storage.text_columns import as_bytes, columns_of, write_texts
from adjudge.tables import ITEMS, LOGS, log_path

if TYPE_CHECKING:
    import duckdb

WRITTEN = ("pairs.parquet", "deleted.parquet")
# All texts are bytes here: one that is not UTF-8 goes as it is to `score`, which sets its row aside and says
# why.
# A pair of an item that the day's items do not hold has no texts, and is a pair all the same: `score` says
# why.
KEYS = {
    "keyphrase": "FROM pairs_there",
    "keyphrase_id": """SELECT p.item_id, k.keyphrase
FROM pairs_there p LEFT JOIN keyphrases_there k ON p.keyphrase_id = k.keyphrase_id""",
}
DISTINCT = (
    "SELECT DISTINCT item_id, keyphrase FROM keys_there WHERE item_id IS NOT NULL AND keyphrase IS NOT NULL"
)
WITHOUT_KEY = "SELECT count(*) FILTER (WHERE item_id IS NULL OR keyphrase IS NULL) FROM keys_there"
TO_SCORE = """
SELECT n.item_id, n.keyphrase, i.title, i.category, CASE WHEN o.item_id IS NULL THEN 'new' ELSE 'revised' END
  AS why
FROM pairs_after n
LEFT JOIN items_after i ON n.item_id = i.item_id
LEFT JOIN pairs_before o ON n.item_id = o.item_id AND n.keyphrase = o.keyphrase
LEFT JOIN items_before b ON n.item_id = b.item_id
WHERE o.item_id IS NULL OR i.title IS DISTINCT FROM b.title OR i.category IS DISTINCT FROM b.category
ORDER BY n.item_id, n.keyphrase
"""
# One line for an item that lost all its pairs, one for a keyphrase that left the day's keyphrases; else one a
# pair.
LOST = """
SELECT o.item_id, o.keyphrase, p.item_id IS NULL AS item_gone,
  w.keyphrase IS NULL AND b.keyphrase IS NOT NULL AND a.keyphrase IS NULL AS keyphrase_gone
FROM pairs_before o ANTI JOIN pairs_after n ON o.item_id = n.item_id AND o.keyphrase = n.keyphrase
LEFT JOIN (SELECT DISTINCT item_id FROM pairs_after) p ON o.item_id = p.item_id
LEFT JOIN (SELECT DISTINCT keyphrase FROM pairs_after) w ON o.keyphrase = w.keyphrase
LEFT JOIN keyphrases_before b ON o.keyphrase = b.keyphrase
LEFT JOIN keyphrases_after a ON o.keyphrase = a.keyphrase
"""
DELETED = """
SELECT DISTINCT item_id, NULL::BLOB AS keyphrase, $at::TIMESTAMPTZ AS deleted_at FROM lost WHERE item_gone
UNION ALL
SELECT DISTINCT NULL::BLOB, keyphrase, $at::TIMESTAMPTZ FROM lost WHERE keyphrase_gone AND NOT item_gone
UNION ALL
SELECT item_id, keyphrase, $at::TIMESTAMPTZ FROM lost WHERE NOT item_gone AND NOT keyphrase_gone
ORDER BY ALL
"""
COUNTS = """
SELECT (SELECT count(*) FROM pairs_after),
  (SELECT count(*) FILTER (WHERE why = 'new') FROM read_parquet($pairs)),
  (SELECT count(*) FILTER (WHERE why = 'revised') FROM read_parquet($pairs)),
  (SELECT count(*) FROM lost),
  (SELECT count(*) FROM read_parquet($deleted))
"""


BEFORE = (
    "Yesterday's logs folder: items.parquet, pairs.parquet (item_id and keyphrase, or keyphrase_id) and, if "
    "pairs name keyphrases by id or keyphrases are deleted, keyphrases.parquet."
)
OUT = "The folder to write: pairs.parquet for `adjudge score`, deleted.parquet for `adjudge merge`."
AT = "The time of the deletions, as 2026-11-22T06:00:00Z; none = now."


@settings
class DiffConfig:
    """The tables of two days, and the folder for what differs."""

    before: Annotated[Path, setting(BEFORE)]
    after: Annotated[Path, setting("Today's logs folder, of the same tables.")]
    out: Annotated[Path, setting(OUT)]
    at: Annotated[str | None, setting(AT)] = None
    memory: Annotated[str, setting("DuckDB's memory limit.")] = "2GB"

    def __post_init__(self) -> None:
        check_memory("DiffConfig", "memory", self.memory)
        days = {"before": self.before, "after": self.after}
        tables = {name: [day / f"{table}.parquet" for table in LOGS] for name, day in days.items()}
        check_apart("DiffConfig", tables, {"out": [self.out / name for name in WRITTEN]})
        if self.before.resolve() == self.after.resolve():
            raise BadConfig(
                f"DiffConfig.before and after are both {self.before}: allowed are two days' folders"
            )
        if self.at is not None:
            time_of("DiffConfig.at", self.at)


@dataclass(frozen=True)
class Diff:
    """after: pairs of the later day, of which new, revised (title or category differ) and unchanged; lost:
    pairs of the earlier day that are gone, by `deletions` lines; without_key: rows of the later day without
    item_id or keyphrase."""

    out: Path
    after: int
    new: int
    revised: int
    lost: int
    deletions: int
    without_key: int

    @property
    def unchanged(self) -> int:
        return self.after - self.new - self.revised


@job(lambda config: config.out)
def diff(config: DiffConfig, progress: Progress = no_progress) -> Diff:
    """Write what `adjudge score` and `adjudge merge` need to bring a served table from one day to the next.

    A full run of the later day gives the same rows. Raises BadTable if a table is missing or cannot be
    read, BadConfig if `out` is no folder.
    """
    if config.out.exists() and not config.out.is_dir():
        raise BadConfig(f"--out {config.out} is a file; allowed is a folder: choose another place")
    wrong = "a day's table cannot be read: {}. Bring it in again with: adjudge import table"
    with scratch_folder(config.out) as scratch:
        with bounded(scratch / "spill", config.memory, wrong) as db:
            result = _write(db, config, scratch, progress)
        for name in WRITTEN:
            move_in(scratch / name, config.out / name)
    return result


def _write(db: duckdb.DuckDBPyConnection, config: DiffConfig, scratch: Path, progress: Progress) -> Diff:
    progress("diff", 0, 4)
    for step, (day, logs) in enumerate((("before", config.before), ("after", config.after)), start=1):
        key = _day(db, day, logs)
        progress("diff", step, 4)
    _keys(db, log_path(config.after, "pairs"), key)
    without_key = int(db.sql(WITHOUT_KEY).fetchall()[0][0])
    pairs, deleted = (scratch / name for name in WRITTEN)
    write_texts(db.sql(TO_SCORE), pairs)
    progress("diff", 3, 4)
    db.sql(LOST).create("lost")
    at = config.at or datetime.now(UTC).isoformat()
    write_texts(db.sql(DELETED, params={"at": at}), deleted, repaired=True)
    after, new, revised, lost, deletions = db.execute(
        COUNTS, {"pairs": str(pairs), "deleted": str(deleted)}
    ).fetchall()[0]
    progress("diff", 4, 4)
    return Diff(config.out, after, new, revised, lost, deletions, without_key)


def _day(db: duckdb.DuckDBPyConnection, day: str, logs: Path) -> str:
    """Tables pairs_DAY, items_DAY and keyphrases_DAY of texts as bytes; by which column the pairs name a
    keyphrase."""
    items, pairs = log_path(logs, "items"), log_path(logs, "pairs")
    ITEMS.check_columns(columns_of(items), items)
    db.register("there", as_bytes(items, ("item_id", "title", "category")))
    db.table("there").create(f"items_{day}")
    columns = columns_of(pairs)
    key = "keyphrase" if "keyphrase" in columns else "keyphrase_id"
    if "item_id" not in columns or key not in columns:
        raise BadTable(f"{pairs} needs item_id and keyphrase or keyphrase_id; seen: {', '.join(columns)}")
    _phrases(db, day, logs, needed=key == "keyphrase_id")
    _keys(db, pairs, key)
    db.sql(DISTINCT).create(f"pairs_{day}")
    return key


def _keys(db: duckdb.DuckDBPyConnection, pairs: Path, key: str) -> None:
    """View keys_there: item_id and keyphrase of every row, to be read once."""
    db.register("pairs_there", as_bytes(pairs, ("item_id", key)))
    db.sql(KEYS[key]).create_view("keys_there", replace=True)


def _phrases(db: duckdb.DuckDBPyConnection, day: str, logs: Path, needed: bool) -> None:
    """Views keyphrases_there (keyphrase_id, keyphrase) and keyphrases_DAY: without rows where there is no
    such table."""
    name, empty = f"listed_{day}", "SELECT NULL::BLOB AS keyphrase_id, NULL::BLOB AS keyphrase WHERE false"
    if needed or (logs / "keyphrases.parquet").exists():
        path = log_path(logs, "keyphrases")
        columns, wanted = columns_of(path), ("keyphrase_id", "keyphrase") if needed else ("keyphrase",)
        if not set(wanted) <= set(columns):
            raise BadTable(
                f"{path} needs {' and '.join(wanted)}; seen: {', '.join(columns)}. Rename or add it."
            )
        db.register("there", as_bytes(path, ("keyphrase_id", "keyphrase")))
        db.table("there").create(name)
    else:
        db.sql(empty).create(name)
    db.table(name).create_view("keyphrases_there", replace=True)
    db.table(name).project("keyphrase").distinct().create_view(f"keyphrases_{day}")
