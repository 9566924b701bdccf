"""The job `pairs`: what there is to score in a logs folder, with the text a model reads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from adjudge.config import check_apart, check_choice
from adjudge.errors import BadTable
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql
from adjudge.records import SPLITS, Progress, no_progress
from adjudge.tables import LOGS, log_path

ASKED = "SELECT item_id, keyphrase FROM read_parquet(?)"
TO_SCORE = """
SELECT p.item_id, p.keyphrase, i.title, i.category
FROM asked p LEFT JOIN read_parquet(?) i USING (item_id)
WHERE ? IS NULL OR p.split = ?
ORDER BY p.item_id, p.keyphrase
"""


@dataclass(frozen=True)
class PairsConfig:
    """logs: a logs folder; out: Parquet as `adjudge score` reads it; split: only the pairs that `splits` puts
    there (none = all)."""

    logs: Path
    out: Path
    split: str | None = None
    splits: RecipeSettings = field(default_factory=RecipeSettings)

    def __post_init__(self) -> None:
        check_apart(
            "PairsConfig", {"logs": [self.logs / f"{name}.parquet" for name in LOGS]}, {"out": self.out}
        )
        if self.split is not None:
            check_choice("PairsConfig", "split", self.split, SPLITS)


@dataclass(frozen=True)
class Pairs:
    """How many pairs were written, and how many of them name an item that `items` does not hold (no title)."""

    out: Path
    rows: int
    without_item: int


def pairs(config: PairsConfig, progress: Progress = no_progress) -> Pairs:
    """Write every pair of the logs' `pairs`, `clicks` and `clicks_later`, once, sorted by item and keyphrase.

    A pair of an unknown item is kept with a null title: `adjudge score` then says so. Raises BadTable.
    """
    import duckdb

    progress("pairs to score", 0, 1)
    config.out.parent.mkdir(parents=True, exist_ok=True)
    half = config.out.with_name(f".{config.out.name}.half")
    try:
        rows, without = _write(config, half)
    except duckdb.Error as error:
        half.unlink(missing_ok=True)
        raise BadTable(
            f"{config.logs}: a table cannot be read: {error}. Bring it in again with: adjudge import table"
        ) from error
    if not rows:
        half.unlink()
        raise BadTable(
            f"{config.logs} holds no pair in split {config.split or 'all'}: check the split settings"
        )
    os.replace(half, config.out)
    progress("pairs to score", 1, 1)
    return Pairs(config.out, rows, without)


def _write(config: PairsConfig, half: Path) -> tuple[int, int]:
    import duckdb

    paths = [log_path(config.logs, "pairs")]
    paths += [p for p in (config.logs / "clicks.parquet", config.logs / "clicks_later.parquet") if p.exists()]
    with duckdb.connect() as db:
        found = db.sql(" UNION ".join([ASKED] * len(paths)), params=[str(path) for path in paths])
        found.project(f"item_id, keyphrase, ({split_sql(config.splits)}) AS split").create("asked")
        named = [str(log_path(config.logs, "items")), config.split, config.split]
        db.sql(TO_SCORE, params=named).write_parquet(str(half), compression="zstd")
        counted = "SELECT count(*), count(*) FILTER (WHERE title IS NULL) FROM read_parquet(?)"
        return db.execute(counted, [str(half)]).fetchone() or (0, 0)
