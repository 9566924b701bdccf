"""The jobs `merge` and `publish`: a run becomes part of a served table, and a version becomes the served one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.config import check_range
from adjudge.records import Progress, no_progress
from adjudge.served.settings import MergeConfig

if TYPE_CHECKING:
    from adjudge.served.merge import Merged
    from adjudge.served.publish import Published
    from adjudge.served.table import Version


@dataclass(frozen=True)
class PublishConfig:
    """table    the served table's folder
    version  none = the newest; an older one steps back, and merges then build on it
    keep     versions served before that stay, for readers still at them
    """

    table: Path
    version: int | None = None
    keep: int = 2

    def __post_init__(self) -> None:
        check_range("PublishConfig", "keep", self.keep, 1, 1000)


def merge(config: MergeConfig, progress: Progress = no_progress) -> Merged:
    """Merge a run; see `served.merge`."""
    from adjudge.served import merge as merging

    return merging.merge(config, progress)


def publish(config: PublishConfig, progress: Progress = no_progress) -> Published:
    """Publish a version; see `served.publish`."""
    from adjudge.served import publish as publishing

    return publishing.publish(config.table, config.version, config.keep)


@dataclass(frozen=True)
class ServedConfig:
    """table: the served table's folder."""

    table: Path


@dataclass(frozen=True)
class Served:
    """The served version, its folder and its Parquet files: they stay as they are while readers use them."""

    version: Version
    folder: Path
    files: tuple[Path, ...]


def served(config: ServedConfig, progress: Progress = no_progress) -> Served:
    """What the table serves now. Raises BadTable where it serves nothing."""
    from adjudge.served import table

    about, files = table.served(config.table)
    return Served(about, files[0].parent, tuple(files))
