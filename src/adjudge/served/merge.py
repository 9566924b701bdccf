"""A run merged into a served table: the next version, built aside."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.engines.output import Stamp, iso, read_result
from adjudge.errors import BadConfig, BadTable
from adjudge.records import Progress, no_progress
from adjudge.served import build
from adjudge.served import table as tables
from adjudge.served.build import Built, Staged
from adjudge.served.publish import publish_held
from adjudge.served.settings import MergeConfig
from adjudge.served.table import Run, Version
from adjudge.storage.duck import bounded

if TYPE_CHECKING:
    import duckdb

BEGINNING = "0001-01-01T00:00:00.000000Z"
RUNS = 10_000
"""Run ids that a table knows; older ones are forgotten."""


@dataclass(frozen=True)
class Merged:
    """What a merge did. again: the run was merged before, and nothing changed. touched: buckets written anew, of
    `version.buckets`; bytes_written, bytes_linked: their files' sizes; without_key: rows of the run without an item_id
    or keyphrase, which cannot be served; doubles: rows of the run whose pair stands in another row of it; before: rows of the version it builds on."""

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


def merge(ask: MergeConfig, progress: Progress = no_progress) -> Merged:
    """Build the version that holds the head and a run: the latest `scored_at` wins by (item_id, keyphrase), then the
    later merge; `kept` follows the newest run's threshold.

    The same run id with the same rows is no change. Killed at any moment, the served version stays, and the same call
    gives the same table. Raises BadTable, BadConfig.
    """
    stamp, files = read_result(ask.scores)
    with tables.alone(ask.table):
        building = tables.fresh_folder(ask.table)
        scratch = ask.table / tables.VERSIONS / ".scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            wrong = "a table cannot be read or written: {}. The served version is as it was."
            with bounded(scratch, ask.settings.memory, wrong, threads=ask.settings.threads) as db:
                merged = _merge(db, ask, stamp, files, building, progress)
        finally:
            shutil.rmtree(building, ignore_errors=True)
            shutil.rmtree(scratch, ignore_errors=True)
        if ask.publish:
            publish_held(ask.table, None, ask.settings.keep)
        return replace(merged, published=tables.pointer(ask.table).served == merged.version.number)


def _merge(
    db: duckdb.DuckDBPyConnection,
    ask: MergeConfig,
    stamp: Stamp,
    files: list[Path],
    building: Path,
    progress: Progress,
) -> Merged:
    base = _base(db, ask)
    run_id = ask.run_id or stamp.run_id
    known = base.run(run_id) if base else None
    if base and not known:
        _check_run(base, stamp, ask)
    buckets = base.buckets if base and not ask.full else _buckets(ask, files)
    if known:
        buckets = 1  # only the digest is wanted, and it does not depend on the buckets
    progress("stage", 0, 0)
    floor = BEGINNING if known or not base else base.floor
    staged = build.stage(db, stamp, files, ask.deleted, buckets, floor)
    if base and known:
        _check_again(known, staged, ask)
        return Merged(base, run_id, True)
    about = _next(
        ask, base, stamp, Run(run_id, staged.digest, stamp.scored_at, staged.rows, ask.full), buckets
    )
    about = replace(about, probe=build.hash_probe(db))
    build.remember(db, ask.table, base, about.floor, building)
    built = _build(db, ask, base, about, stamp, building, progress)
    about = replace(about, bucket_rows=built.bucket_rows)
    tables.finish(ask.table, building, about)
    return _told(run_id, staged, base, about, built)


def _base(db: duckdb.DuckDBPyConnection, ask: MergeConfig) -> Version | None:
    """The version to build on. Raises BadConfig where there must be one, or DuckDB hashes otherwise than it did."""
    head = tables.pointer(ask.table).head
    if not head:
        if not ask.full:
            raise BadConfig(
                f"{ask.table} holds no version: a diff needs one. Merge a full run first, with --full."
            )
        return None
    base = tables.version(ask.table, head)
    if base.probe != build.hash_probe(db) and not ask.full:
        raise BadConfig(
            f"{ask.table} was built with another DuckDB, whose hash differs: its buckets would not fit. Merge a full run "
            "(--full), or use the DuckDB it was built with."
        )
    return base


def _check_run(base: Version, stamp: Stamp, ask: MergeConfig) -> None:
    if stamp.scored_at < base.floor:
        raise BadConfig(
            f"{ask.scores} was scored at {stamp.scored_at}; allowed here is {base.floor} or later, as a later full run (or "
            "`remember`) has closed what was before. Score the pairs again."
        )
    if stamp.model_version != base.model_version and not (ask.full or ask.force):
        raise BadConfig(
            f"{ask.scores} was scored by model {stamp.model_version}; the table holds model {base.model_version}, and their "
            "scores cannot be compared. Run a full with the new model (--full), or force the diff in "
            "(--set force=true)."
        )


def _check_again(known: Run, staged: Staged, ask: MergeConfig) -> None:
    if known.digest != staged.digest:
        raise BadConfig(
            f"run {known.run_id} was merged before with other content ({known.rows:,} rows, scored at {known.scored_at}; "
            f"now {staged.rows:,} rows). Give this run another --run-id."
        )


def _buckets(ask: MergeConfig, files: list[Path]) -> int:
    """As many as are set, or a power of two that holds about `bucket_rows` rows each."""
    if ask.settings.buckets:
        return ask.settings.buckets
    rows = sum(_rows(file) for file in files)
    return min(65_536, 1 << max(0, (rows // ask.settings.bucket_rows)).bit_length())


def _rows(file: Path) -> int:
    try:
        return pq.read_metadata(file).num_rows
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{file} cannot be read as Parquet: {error}. Score again.") from error


def _next(ask: MergeConfig, base: Version | None, stamp: Stamp, run: Run, buckets: int) -> Version:
    """What the next version will say of itself; a run that arrives late changes neither model nor threshold."""
    number = tables.next_number(ask.table)
    runs = (*(base.runs if base else ()), run)[-RUNS:]
    floor = max(
        stamp.scored_at if ask.full else BEGINNING, base.floor if base else BEGINNING, _horizon(runs, ask)
    )
    later = base is not None and any(old.scored_at > stamp.scored_at for old in base.runs)
    kept = base if base and later and (not ask.full or base.model_version == stamp.model_version) else None
    of = kept or stamp
    rows = base.bucket_rows if base else ()
    return Version(number, of.model_version, of.threshold, buckets, floor, rows, runs)


def _horizon(runs: tuple[Run, ...], ask: MergeConfig) -> str:
    newest = datetime.fromisoformat(max(run.scored_at for run in runs))
    return iso(newest - timedelta(days=ask.settings.remember))


def _build(
    db: duckdb.DuckDBPyConnection,
    ask: MergeConfig,
    base: Version | None,
    about: Version,
    stamp: Stamp,
    building: Path,
    progress: Progress,
) -> Built:
    if base is None or ask.full:
        if base:
            build.carry(db, ask.table, base, stamp, about.buckets)
        return build.build(db, about, None, set(), building, progress)
    rewritten = (
        set(range(about.buckets)) if about.threshold != base.threshold else build.touched(db, about.buckets)
    )
    return build.build(db, about, tables.folder(ask.table, base.number), rewritten, building, progress)


def _told(run_id: str, staged: Staged, base: Version | None, about: Version, built: Built) -> Merged:
    return Merged(
        version=about,
        run_id=run_id,
        again=False,
        rows=staged.rows,
        deletions=staged.deletions,
        without_key=staged.without_key,
        doubles=built.doubles,
        before=base.rows if base else 0,
        touched=built.touched,
        bytes_written=built.written,
        bytes_linked=built.linked,
    )
