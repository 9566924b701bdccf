"""Data of a merge, in bounded memory: a run is staged by bucket; buckets are written anew or linked."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.engines.stamp import Stamp
from adjudge.errors import BadTable
from adjudge.records import Progress
from adjudge.scoring.rows import SCORES_SCHEMA
from adjudge.served import sql
from adjudge.served import table as tables
from adjudge.served.table import Version

if TYPE_CHECKING:
    import duckdb

GONE_SCHEMA = pa.schema(
    [("item_id", pa.string()), ("keyphrase", pa.string()), ("deleted_at", pa.timestamp("us", "UTC"))]
)


@dataclass(frozen=True)
class StagedRun:
    """A run in DuckDB's tables `fresh` and `gone`. digest: of both, whatever the order of their rows."""

    rows: int
    without_key: int
    deletions: int
    digest: str


@dataclass(frozen=True)
class BucketReport:
    """Rows of each bucket; the run's doubles; how many buckets were written anew; bytes of those and of the
    linked."""

    bucket_rows: tuple[int, ...]
    doubles: int
    touched: int
    written: int
    linked: int


def stage(
    db: duckdb.DuckDBPyConnection,
    stamp: Stamp,
    files: list[Path],
    deleted: Path | None,
    buckets: int,
    floor: str,
) -> StagedRun:
    """Read a run and its tombstones.

    Raises BadTable if rows contradict the stamp or are older than `floor`.
    """
    scores = db.read_parquet([str(file) for file in files])
    missing = [name for name in SCORES_SCHEMA.names if name not in scores.columns]
    if missing:
        raise BadTable(
            f"{files[0]} has no column {missing[0]}: it was not written by this `adjudge score`. Score again."
        )
    scores.create_view("scores")
    total = int(_one(db, "SELECT count(*) FROM scores")[0])
    db.execute(sql.FRESH, {"buckets": buckets})
    rows, digest, low, high, timeless, old = _one(
        db, sql.FRESH_FACTS, {"model": stamp.model_version, "floor": floor}
    )
    if {low, high} != {stamp.model_version}:
        raise BadTable(
            f"{files[0]}: rows of model {low} and {high}, but its run says {stamp.model_version}. Score "
            "again."
        )
    if timeless or old:
        raise BadTable(
            f"{files[0]}: rows without scored_at, or scored before {floor}, which a full run has replaced."
        )
    gone, gone_digest = _stage_deleted(db, deleted, stamp.scored_at)
    return StagedRun(rows, total - rows, gone, f"{rows}-{digest}-{gone}-{gone_digest}")


def _stage_deleted(db: duckdb.DuckDBPyConnection, deleted: Path | None, at: str) -> tuple[int, str]:
    if deleted is None:
        db.register("deleted", GONE_SCHEMA.empty_table())
    else:
        listed = db.read_parquet(str(deleted))
        names = [name for name in GONE_SCHEMA.names if name in listed.columns]
        if not {"item_id", "keyphrase"} & set(names):
            raise BadTable(f"{deleted} has neither item_id nor keyphrase; seen: {', '.join(listed.columns)}")
        listed.select(*names).create_view("deleted_there")
        # Columns that are not there become nulls.
        db.register("deleted_shape", GONE_SCHEMA.empty_table())
        db.execute("CREATE VIEW deleted AS FROM deleted_shape UNION ALL BY NAME FROM deleted_there")
    db.execute(sql.GONE, {"at": at})
    rows, digest, boundless = _one(db, sql.GONE_FACTS)
    if boundless:
        raise BadTable(f"{deleted}: {boundless} rows name neither item_id nor keyphrase. Take them out.")
    return rows, digest


def carry(db: duckdb.DuckDBPyConnection, table: Path, base: Version, stamp: Stamp, buckets: int) -> None:
    """Stage what a full run leaves of the version before: rows scored after it, by the same model."""
    folder = tables.folder(table, base.number)
    files = [str(folder / tables.bucket_name(bucket)) for bucket in range(base.buckets)]
    db.read_parquet(files).create_view("base", replace=True)
    db.execute(sql.CARRY, {"buckets": buckets, "at": stamp.scored_at, "model": stamp.model_version})


def remember(
    db: duckdb.DuckDBPyConnection, table: Path, base: Version | None, floor: str, building: Path
) -> None:
    """The deletions that runs still to come must respect: this run's and the remembered ones, none before
    `floor`."""
    if base is None:
        db.register("remembered", GONE_SCHEMA.empty_table())
    else:
        tombstones = tables.folder(table, base.number) / tables.TOMBSTONES
        db.read_parquet(str(tombstones)).create_view("remembered")
    for number, statement in enumerate(sql.DELETIONS.split(";\n")):
        db.execute(statement, {"floor": floor} if number == 0 else None)
    deletions = db.sql("FROM known ORDER BY ALL").to_arrow_table().cast(GONE_SCHEMA)
    pq.write_table(deletions, building / tables.TOMBSTONES, compression="zstd")


def touched(db: duckdb.DuckDBPyConnection, buckets: int) -> set[int]:
    """The buckets of the run's rows and of its deleted items."""
    return {int(row[0]) for row in db.execute(sql.TOUCHED, {"buckets": buckets}).fetchall()}


def build(
    db: duckdb.DuckDBPyConnection,
    about: Version,
    base: Path | None,
    to_write: set[int],
    building: Path,
    progress: Progress,
) -> BucketReport:
    """Every bucket of the next version into `building`: written if it must be, else linked to that of
    `base`."""
    sizes = {True: 0, False: 0}
    rows, written, doubles = [], 0, 0
    phrases = bool(_one(db, "SELECT count(*) FROM phrase_now")[0])
    for bucket in range(about.buckets):
        name = tables.bucket_name(bucket)
        _open_base(db, base and base / name)
        anew = base is None or bucket in to_write or (phrases and bool(_one(db, sql.HOLDS_PHRASE)[0]))
        if anew:
            count, twice = _write(db, about, bucket, building / name)
            rows.append(count)
            doubles += twice
        else:
            _link(base / name, building / name)  # type: ignore[operator]
            rows.append(about.bucket_rows[bucket])
        sizes[anew] += (building / name).stat().st_size
        written += anew
        progress("merge", bucket + 1, about.buckets)
    return BucketReport(tuple(rows), doubles, written, sizes[True], sizes[False])


def _open_base(db: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    if path is None:
        db.register("base_shape", SCORES_SCHEMA.empty_table())
        db.execute("CREATE OR REPLACE VIEW base AS FROM base_shape")
    else:
        db.read_parquet(str(path)).create_view("base", replace=True)


def _write(db: duckdb.DuckDBPyConnection, about: Version, bucket: int, path: Path) -> tuple[int, int]:
    """The bucket's rows, and how many rows of the run were doubles."""
    db.execute(sql.INCOMING, {"bucket": bucket})
    doubles = int(_one(db, sql.DOUBLES, {"bucket": bucket})[0])
    values = {"model": about.model_version, "threshold": about.threshold}
    table = pa.table(db.sql(sql.BUCKET, params=values).to_arrow_table()).cast(SCORES_SCHEMA)
    pq.write_table(table, path, compression="zstd")
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return len(table), doubles


def _link(old: Path, new: Path) -> None:
    """A hard link, or a copy if the file system has none."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)


def _one(db: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None) -> tuple[Any, ...]:
    rows: list[tuple[Any, ...]] = db.execute(query, values).fetchall()
    return rows[0]


def hash_probe(db: duckdb.DuckDBPyConnection) -> str:
    """What DuckDB's hash gives here: buckets and digests rest on it."""
    return str(_one(db, sql.PROBE)[0])
