"""A served table on disk: versions that never change, and one small pointer that is swapped.

    DIR/served.json          {"served": 6, "head": 7, "before": [4, 5]}: what readers read, what the next
                             merge builds on, and what was served before and stays for readers still at it
    DIR/versions/000007/     version.json, bucket-0000.parquet ..., tombstones.parquet

A row lies in bucket hash(item_id) mod buckets (DuckDB's hash), sorted by item_id and keyphrase; buckets that
a merge does not touch are hard links to the version before. A version is complete before the pointer names
it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adjudge.config import from_dict, to_dict
from adjudge.errors import BadConfig, BadTable
from adjudge.storage.files import discard, move_in, write_json
from adjudge.storage.lock import one_writer

POINTER, VERSIONS, ABOUT, TOMBSTONES = "served.json", "versions", "version.json", "tombstones.parquet"
BUILDING = ".building"


@dataclass(frozen=True)
class MergedRun:
    """A merged run. digest: of its rows and tombstones, whatever their order; scored_at: ISO 8601, UTC."""

    run_id: str
    digest: str
    scored_at: str
    rows: int
    full: bool


@dataclass(frozen=True)
class Version:
    """What a version says of itself. floor: runs scored before it are refused (ISO 8601, UTC), as a later
    full run has replaced them; bucket_rows: rows of each bucket; probe: what DuckDB's hash gave."""

    number: int
    model_version: str
    threshold: float | None
    buckets: int
    floor: str
    bucket_rows: tuple[int, ...]
    runs: tuple[MergedRun, ...]
    probe: str = ""

    @property
    def rows(self) -> int:
        return sum(self.bucket_rows)

    def run(self, run_id: str) -> MergedRun | None:
        return next((run for run in self.runs if run.run_id == run_id), None)


@dataclass(frozen=True)
class Pointer:
    """Version numbers; 0 = none yet. before: those served before, the latest last, that stay for their
    readers."""

    served: int = 0
    head: int = 0
    before: tuple[int, ...] = ()


def pointer(table: Path) -> Pointer:
    """What the table serves. Raises BadTable if the pointer cannot be read."""
    try:
        return from_dict(Pointer, json.loads((table / POINTER).read_text("utf-8")))
    except FileNotFoundError:
        return Pointer()
    except (OSError, ValueError, BadConfig) as error:
        raise BadTable(
            f'{table / POINTER} cannot be read: {error}. It holds {{"served": N, "head": N}}, N a folder of '
            "versions/"
        ) from error


def point(table: Path, to: Pointer) -> None:
    """Swap the pointer: readers see the one before or this one."""
    write_json(table / POINTER, to_dict(to), durable=True)


def folder(table: Path, number: int) -> Path:
    return table / VERSIONS / f"{number:06d}"


def bucket_name(bucket: int) -> str:
    return f"bucket-{bucket:05d}.parquet"


def version(table: Path, number: int) -> Version:
    """A version's own account. Raises BadTable if the table has no such version."""
    try:
        return from_dict(Version, json.loads((folder(table, number) / ABOUT).read_text("utf-8")))
    except (OSError, ValueError, BadConfig) as error:
        complete = ", ".join(map(str, numbers(table))) or "none"
        raise BadTable(
            f"{table} has no version {number} ({error}); it holds: {complete}. Build one with: adjudge merge"
        ) from error


def numbers(table: Path) -> list[int]:
    """The complete versions, oldest first."""
    return sorted(int(path.parent.name) for path in (table / VERSIONS).glob(f"[0-9]*/{ABOUT}"))


def served(table: Path) -> tuple[Version, list[Path]]:
    """The served version and its Parquet files. Look once and read these: a later publish changes none of
    them.

    Raises BadTable if nothing is served yet.
    """
    number = pointer(table).served
    if not number:
        raise BadTable(f"{table} serves nothing yet. Build it with: adjudge merge --full --publish")
    about = version(table, number)
    return about, [folder(table, number) / bucket_name(bucket) for bucket in range(about.buckets)]


@contextmanager
def alone(table: Path) -> Iterator[None]:
    """One writer at a time; the lock goes with the process, however it ends.

    Raises BadConfig if there is another.
    """
    (table / VERSIONS).mkdir(parents=True, exist_ok=True)
    _check_ours(table)
    busy = f"another merge or publish is at work on {table}: wait for it, then run this again"
    with one_writer(table / ".lock", busy):
        yield


def _check_ours(table: Path) -> None:
    """Old versions are removed: so what is not a table's must not lie where versions do."""
    if (table / POINTER).exists():
        return
    for path in (table / VERSIONS).iterdir():
        if not path.name.startswith(".") and not (path / ABOUT).is_file():
            raise BadConfig(
                f"{table / VERSIONS} holds {path.name}, which is no version: choose another --table folder"
            )


def fresh_folder(table: Path) -> Path:
    """An empty folder to build the next version in; what a killed merge left is gone."""
    path = table / VERSIONS / BUILDING
    discard(path)
    path.mkdir(parents=True)
    return path


def finish(table: Path, building: Path, about: Version) -> None:
    """Make the built folder a version and the head: nothing is served by it yet."""
    write_json(building / ABOUT, to_dict(about), durable=True)
    _sync(building)
    move_in(building, folder(table, about.number))
    _sync(table / VERSIONS)
    point(table, replace(pointer(table), head=about.number))


def next_number(table: Path) -> int:
    return max([0, *numbers(table)]) + 1


def _sync(path: Path) -> None:
    """A folder's entries outlive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
