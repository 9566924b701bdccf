"""Publishing: a merged version becomes the served one, and old versions go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from adjudge.errors import BadTable
from adjudge.served import table as tables
from adjudge.served.table import Pointer, Version


@dataclass(frozen=True)
class PublishResult:
    """before: the version served until now (0 = none); removed: versions that are gone."""

    version: Version
    before: int
    folder: Path
    removed: tuple[int, ...]


def publish(table: Path, number: int | None = None, keep: int = 2) -> PublishResult:
    """Serve the head (or version `number`, back or forth; the next merge then builds on it).

    The `keep` versions served before it stay, for readers that are still at them, and whatever was merged
    after it. Again is no change. Raises BadTable if there is nothing to publish.
    """
    with tables.alone(table):
        return publish_held(table, number, keep)


def publish_held(table: Path, number: int | None, keep: int) -> PublishResult:
    """`publish` for a caller that holds the table."""
    now = tables.pointer(table)
    chosen = number if number is not None else now.head
    if not chosen:
        raise BadTable(f"{table} holds no version to publish. Build one with: adjudge merge --full")
    about = tables.version(table, chosen)
    before = [number for number in (*now.before, now.served) if number not in (0, chosen)]
    to = Pointer(chosen, chosen, tuple(before[-keep:]))
    if now != to:
        tables.point(table, to)
    return PublishResult(about, now.served, tables.folder(table, chosen), _retire(table, to))


def _retire(table: Path, to: Pointer) -> tuple[int, ...]:
    """Remove what is older than the served version and was not served lately."""
    old = [number for number in tables.numbers(table) if number < to.served and number not in to.before]
    for number in old:
        path = tables.folder(table, number)
        # The account goes first: a half-removed folder is no version.
        (path / tables.ABOUT).unlink()
        shutil.rmtree(path)
    for path in (table / tables.VERSIONS).glob("[0-9]*"):
        if not (path / tables.ABOUT).exists():
            shutil.rmtree(path)
    return tuple(old)
