"""The job `pairs`: what there is to score in a logs folder, with the text a model reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from adjudge import tables
from adjudge.config import check_apart, setting, settings
from adjudge.errors import BadTable
from adjudge.jobs.start import job
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql
from adjudge.records import SPLITS, Progress, no_progress
from adjudge.storage.duck import bounded
from adjudge.storage.files import discard, fresh_file
from adjudge.storage.views import create_view, open_log

SOURCES = ("pairs", "clicks", "clicks_later")
TO_SCORE = """
SELECT p.item_id, p.keyphrase, i.title, i.category
FROM wanted p LEFT JOIN items_file i USING (item_id)
WHERE $split IS NULL OR p.split = $split
ORDER BY p.item_id, p.keyphrase
"""


@settings
class PairsConfig:
    """The logs to read, and where the list of pairs goes."""

    logs: Annotated[Path, setting("A logs folder.")]
    out: Annotated[Path, setting("Parquet to write, as `adjudge score` reads it.")]
    split: Annotated[
        str | None, setting("Only the pairs that `splits` puts there; all pairs without it.", choices=SPLITS)
    ] = None
    splits: Annotated[RecipeSettings, setting("The split settings of the recipe.")] = field(
        default_factory=RecipeSettings
    )

    def __post_init__(self) -> None:
        logs = [self.logs / f"{name}.parquet" for name in tables.LOGS]
        check_apart("PairsConfig", {"logs": logs}, {"out": self.out})


@dataclass(frozen=True)
class PairsWritten:
    """How many pairs were written, and how many of them name an item that `items` does not hold (no
    title)."""

    out: Path
    rows: int
    without_item: int


@job(lambda config: config.out)
def pairs(config: PairsConfig, progress: Progress = no_progress) -> PairsWritten:
    """Write every pair of the logs' `pairs`, `clicks` and `clicks_later`, once, sorted by item and keyphrase.

    A pair of an unknown item is kept with a null title: `adjudge score` then says so. Memory is that of
    `splits.memory_limit`. Raises BadTable.
    """
    progress("pairs to score", 0, 1)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    spill = config.out.with_name(f".{config.out.name}.spill")
    message = f"{config.logs}: a table cannot be read: {{}}. Bring it in again with: adjudge import table"
    try:
        with fresh_file(config.out) as fresh:
            rows, without = _write(config, fresh, spill, message)
            if not rows:
                raise BadTable(
                    f"{config.logs} holds no pair in split {config.split or 'all'}: check the split settings"
                )
    finally:
        discard(spill)
    progress("pairs to score", 1, 1)
    return PairsWritten(config.out, rows, without)


def _write(config: PairsConfig, fresh: Path, spill: Path, message: str) -> tuple[int, int]:
    tables.log_path(config.logs, "pairs")
    with bounded(spill, config.splits.memory_limit, message, threads=config.splits.threads) as db:
        paths = {name: config.logs / f"{name}.parquet" for name in SOURCES}
        names = [name for name, path in paths.items() if path.exists()]
        for name in names:
            create_view(db, name, tables.PAIRS, paths[name])
        open_log(db, config.logs, "items")
        every = db.sql(" UNION ".join(f"SELECT item_id, keyphrase FROM {name}" for name in names))
        every.project(f"item_id, keyphrase, ({split_sql(config.splits)}) AS split").create("wanted")
        db.sql(TO_SCORE, params={"split": config.split}).write_parquet(str(fresh), compression="zstd")
        count = "SELECT count(*), count(*) FILTER (WHERE title IS NULL) FROM read_parquet(?)"
        return db.execute(count, [str(fresh)]).fetchone() or (0, 0)
