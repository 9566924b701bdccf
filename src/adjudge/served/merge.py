"""Merging a run into a served table: the next version is built beside the served one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.engines.output import read_result
from adjudge.engines.stamp import Stamp, iso
from adjudge.errors import BadConfig, BadTable
from adjudge.records import Progress, no_progress
from adjudge.served import build
from adjudge.served import table as tables
from adjudge.served.build import BucketReport, StagedRun
from adjudge.served.publish import publish_held
from adjudge.served.settings import MergeConfig
from adjudge.served.table import MergedRun, Version
from adjudge.storage.duck import bounded
from adjudge.storage.files import discard, scratch_folder

if TYPE_CHECKING:
    import duckdb

BEGINNING = "0001-01-01T00:00:00.000000Z"
RUNS = 10_000
"""Run ids that a table knows; older ones are forgotten."""


@dataclass(frozen=True)
class MergeResult:
    """What a merge did.

    again          the run was merged before, and nothing changed
    without_key    rows of the run without an item_id or keyphrase, which cannot be served
    doubles        rows of the run whose pair stands in another row of it
    before         rows of the version it builds on
    touched        buckets written anew, of `version.buckets`
    bytes_written, bytes_linked   sizes of the files written anew and linked
    """

    version: Version
    run_id: str
    again: bool
    published: bool = False
    rows: int = 0
    deletions: int = 0
    without_key: int = 0
    doubles: int = 0
    before: int = 0
    touched: int = 0
    bytes_written: int = 0
    bytes_linked: int = 0


def merge(config: MergeConfig, progress: Progress = no_progress) -> MergeResult:
    """Build the version that holds the head and a run: the latest `scored_at` wins by (item_id, keyphrase),
    then the later merge; `kept` follows the newest run's threshold.

    The same run id with the same rows is no change. Killed at any moment, the served version stays, and the
    same call gives the same table. Raises BadTable, BadConfig.
    """
    stamp, files = read_result(config.scores)
    with tables.alone(config.table):
        building = tables.fresh_folder(config.table)
        message = "a table cannot be read or written: {}. The served version is as it was."
        try:
            with (
                scratch_folder(building) as spill,
                bounded(spill, config.settings.memory, message, threads=config.settings.threads) as db,
            ):
                result = _merge(db, config, stamp, files, building, progress)
        finally:
            discard(building)
        if config.publish:
            publish_held(config.table, None, config.settings.keep)
        served = tables.pointer(config.table).served
        return replace(result, published=served == result.version.number)


def _merge(
    db: duckdb.DuckDBPyConnection,
    config: MergeConfig,
    stamp: Stamp,
    files: list[Path],
    building: Path,
    progress: Progress,
) -> MergeResult:
    base = _base(db, config)
    run_id = config.run_id or stamp.run_id
    known = base.run(run_id) if base else None
    if base and not known:
        _check_run(base, stamp, config)
    buckets = base.buckets if base and not config.full else _buckets(config, files)
    if known:
        buckets = 1  # only the digest is wanted, and it does not depend on the buckets
    progress("stage", 0, 0)
    floor = BEGINNING if known or not base else base.floor
    staged = build.stage(db, stamp, files, config.deleted, buckets, floor)
    if base and known:
        _check_again(known, staged, config)
        return MergeResult(base, run_id, True)
    run = MergedRun(run_id, staged.digest, stamp.scored_at, staged.rows, config.full)
    about = replace(_next(config, base, stamp, run, buckets), probe=build.hash_probe(db))
    build.remember(db, config.table, base, about.floor, building)
    report = _build(db, config, base, about, stamp, building, progress)
    about = replace(about, bucket_rows=report.bucket_rows)
    tables.finish(config.table, building, about)
    return MergeResult(
        version=about,
        run_id=run_id,
        again=False,
        rows=staged.rows,
        deletions=staged.deletions,
        without_key=staged.without_key,
        doubles=report.doubles,
        before=base.rows if base else 0,
        touched=report.touched,
        bytes_written=report.written,
        bytes_linked=report.linked,
    )


def _base(db: duckdb.DuckDBPyConnection, config: MergeConfig) -> Version | None:
    """The version to build on.

    Raises BadConfig if there must be one, or if DuckDB hashes otherwise than it did.
    """
    head = tables.pointer(config.table).head
    if not head:
        if not config.full:
            raise BadConfig(
                f"{config.table} holds no version: a diff needs one. Merge a full run first, with --full."
            )
        return None
    base = tables.version(config.table, head)
    if base.probe != build.hash_probe(db) and not config.full:
        raise BadConfig(
            f"{config.table} was built with another DuckDB, whose hash differs: its buckets would not fit. "
            "Merge a full run (--full), or use the DuckDB it was built with."
        )
    return base


def _check_run(base: Version, stamp: Stamp, config: MergeConfig) -> None:
    if stamp.scored_at < base.floor:
        raise BadConfig(
            f"{config.scores} was scored at {stamp.scored_at}; allowed here is {base.floor} or later, as a "
            "later full run (or `remember`) has closed what was before. Score the pairs again."
        )
    if stamp.model_version != base.model_version and not (config.full or config.force):
        raise BadConfig(
            f"{config.scores} was scored by model {stamp.model_version}; the table holds model "
            f"{base.model_version}, and their scores cannot be compared. Run a full with the new model "
            "(--full), or force the diff in (--set force=true)."
        )


def _check_again(known: MergedRun, staged: StagedRun, config: MergeConfig) -> None:
    if known.digest != staged.digest:
        raise BadConfig(
            f"run {known.run_id} was merged before with other content ({known.rows:,} rows, scored at "
            f"{known.scored_at}; now {staged.rows:,} rows). Give this run another --run-id."
        )


def _buckets(config: MergeConfig, files: list[Path]) -> int:
    """As many as are set, or a power of two that holds about `bucket_rows` rows each."""
    if config.settings.buckets:
        return config.settings.buckets
    rows = sum(_rows(file) for file in files)
    return min(65_536, 1 << max(0, (rows // config.settings.bucket_rows)).bit_length())


def _rows(file: Path) -> int:
    try:
        return pq.read_metadata(file).num_rows
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{file} cannot be read as Parquet: {error}. Score again.") from error


def _next(config: MergeConfig, base: Version | None, stamp: Stamp, run: MergedRun, buckets: int) -> Version:
    """What the next version will say of itself; a run that arrives late changes neither model nor
    threshold."""
    number = tables.next_number(config.table)
    runs = (*(base.runs if base else ()), run)[-RUNS:]
    floor = max(
        stamp.scored_at if config.full else BEGINNING,
        base.floor if base else BEGINNING,
        _horizon(runs, config),
    )
    later = base is not None and any(old.scored_at > stamp.scored_at for old in base.runs)
    kept = base if base and later and (not config.full or base.model_version == stamp.model_version) else None
    of = kept or stamp
    rows = base.bucket_rows if base else ()
    return Version(number, of.model_version, of.threshold, buckets, floor, rows, runs)


def _horizon(runs: tuple[MergedRun, ...], config: MergeConfig) -> str:
    newest = datetime.fromisoformat(max(run.scored_at for run in runs))
    return iso(newest - timedelta(days=config.settings.remember))


def _build(
    db: duckdb.DuckDBPyConnection,
    config: MergeConfig,
    base: Version | None,
    about: Version,
    stamp: Stamp,
    building: Path,
    progress: Progress,
) -> BucketReport:
    if base is None or config.full:
        if base:
            build.carry(db, config.table, base, stamp, about.buckets)
        return build.build(db, about, None, set(), building, progress)
    rewritten = (
        set(range(about.buckets)) if about.threshold != base.threshold else build.touched(db, about.buckets)
    )
    return build.build(db, about, tables.folder(config.table, base.number), rewritten, building, progress)
