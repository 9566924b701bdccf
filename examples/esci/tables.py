"""Tables of the job `real`: given splits into the training set, and one logs folder per measured split."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from adjudge.errors import BadTable, NotEnoughData
from adjudge.intake.esci import ImportEsciConfig
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.splits import split_sql
from adjudge.tables import log_path

OFFICIAL = ("shopping_queries_dataset_examples.parquet", "shopping_queries_dataset_products.parquet")
ONE_FILE = "pairs.parquet"
MEASURED = ("dev", "test")
BESIDE = ("conflicts.parquet", "recipe.json")
KEPT = ("pairs", "annotations", "truth")


def source(data: Path, logs: Path) -> ImportEsciConfig:
    """How to read `data`: ESCI's official folder (its smaller, harder version), a folder with
    `pairs.parquet`, or such
    a file. Raises BadTable where it is none of them."""
    if (data / OFFICIAL[0]).exists():
        return ImportEsciConfig(data / OFFICIAL[0], logs, data / OFFICIAL[1], small_version=True)
    if (data / ONE_FILE).exists():
        return ImportEsciConfig(data / ONE_FILE, logs)
    if data.is_file():
        return ImportEsciConfig(data, logs)
    raise BadTable(
        f"{data} holds no ESCI data: allowed are a folder with {' and '.join(OFFICIAL)}, a folder with "
        f"{ONE_FILE}, or such a file (columns query, query_id, product_id, title, label, split). Give it "
        "as: make real DATA=FOLDER"
    )


def place(logs: Path, splits: Path, dev: RecipeSettings, rows: int | None) -> dict[str, int]:
    """Write `splits` (item_id, keyphrase, split, source): each pair's given split, and pairs by split.

    Where no pair is given to dev, keyphrases of train are moved there by `dev` (its seed and shares). `rows`:
    at most so many pairs a split, whole keyphrases in a seeded order. Raises NotEnoughData where a split is
    empty.
    """
    import duckdb

    given = str(logs / "labelled.parquet")
    moved = split_sql(dev)
    with duckdb.connect() as db:
        db.execute("CREATE TABLE given AS SELECT * FROM read_parquet(?)", [given])
        has_dev = db.sql("SELECT count(*) > 0 FROM given WHERE split = 'dev'").fetchall()[0][0]
        chosen = "split" if has_dev else f"CASE WHEN split = 'train' THEN {moved} ELSE split END"
        db.execute(f"CREATE TABLE placed AS SELECT item_id, keyphrase, {chosen} AS split, source FROM given")
        db.execute(
            """CREATE TABLE kept AS
                SELECT *, sum(pairs) OVER (PARTITION BY split ORDER BY md5(keyphrase)) AS so_far
               FROM (SELECT split, keyphrase, count(*) AS pairs FROM placed GROUP BY ALL)"""
        )
        splits.parent.mkdir(parents=True, exist_ok=True)
        db.sql(
            """SELECT p.* FROM placed p JOIN kept k USING (split, keyphrase) WHERE ? IS NULL OR k.so_far <= ?
               ORDER BY item_id, keyphrase""",
            params=[rows, rows],
        ).write_parquet(str(splits), compression="zstd")
        counted = db.execute("SELECT split, count(*) FROM read_parquet(?) GROUP BY split", [str(splits)])
        counts = dict(counted.fetchall())
    empty = [name for name in ("train", *MEASURED) if not counts.get(name)]
    if empty:
        raise NotEnoughData(
            f"{logs}: no labelled pair in split {', '.join(empty)}; train, dev and test are all needed. "
            f"Seen: {counts}"
        )
    return counts


def honour(made: Path, splits: Path, out: Path) -> Path:
    """A recipe's folder again, each training row in its given split; pairs not kept are left out."""
    import duckdb

    out.mkdir(parents=True, exist_ok=True)
    for name in BESIDE:
        shutil.copyfile(made / name, out / name)
    training = out / "training.parquet"
    with duckdb.connect() as db:
        db.sql(
            """SELECT t.* REPLACE (s.split AS split) FROM read_parquet(?) t
               JOIN read_parquet(?) s USING (item_id, keyphrase) ORDER BY item_id, keyphrase""",
            params=[str(made / training.name), str(splits)],
        ).write_parquet(str(training), compression="zstd")
    return training


def part(logs: Path, splits: Path, split: str, out: Path) -> Path:
    """A logs folder with the pairs of one split alone, and `to_score.parquet` in it."""
    import duckdb

    out.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as db:
        for name in KEPT:
            _where(db, log_path(logs, name), splits, split).write_parquet(str(out / f"{name}.parquet"))
        db.sql(
            "SELECT i.* FROM read_parquet(?) i SEMI JOIN read_parquet(?) p USING (item_id) ORDER BY item_id",
            params=[str(log_path(logs, "items")), str(out / "pairs.parquet")],
        ).write_parquet(str(out / "items.parquet"))
        db.sql(
            """SELECT p.item_id, p.keyphrase, i.title, i.category FROM read_parquet(?) p
               JOIN read_parquet(?) i USING (item_id) ORDER BY p.item_id, p.keyphrase""",
            params=[str(out / "pairs.parquet"), str(out / "items.parquet")],
        ).write_parquet(str(out / "to_score.parquet"))
    return out


def groups(splits: Path, split: str, out: Path) -> Path:
    """item_id, keyphrase, source of one split's pairs: the part of the set each is from."""
    import duckdb

    with duckdb.connect() as db:
        db.sql(
            "SELECT item_id, keyphrase, source FROM read_parquet(?) WHERE split = ?",
            params=[str(splits), split],
        ).write_parquet(str(out))
    return out


def _where(db: Any, path: Path, splits: Path, split: str) -> Any:
    return db.sql(
        """SELECT t.* FROM read_parquet(?) t JOIN read_parquet(?) s USING (item_id, keyphrase)
           WHERE s.split = ? ORDER BY ALL""",
        params=[str(path), str(splits), split],
    )
