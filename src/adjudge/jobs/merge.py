"""The jobs `merge` and `publish`: a run becomes part of a served table, and a version becomes the served one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.config import check_range
from adjudge.records import Progress, no_progress
from adjudge.scoring.served.settings import ServedSettings

if TYPE_CHECKING:
    from adjudge.scoring.served import Merged, Published, Version


@dataclass(frozen=True)
class MergeConfig:
    """table    the served table's folder; a full run begins one
    scores   what `adjudge score` wrote, a file or a folder
    deleted  tombstones, as `adjudge diff` writes them: item_id, keyphrase, deleted_at; a null key means any
    run_id   none = the id that the scores carry
    full     the run replaces all that was scored up to its time, by any model
    force    take a diff of another model than the table's
    publish  serve the result at once
    """

    table: Path
    scores: Path
    deleted: Path | None = None
    run_id: str | None = None
    full: bool = False
    force: bool = False
    publish: bool = False
    settings: ServedSettings = field(default_factory=ServedSettings)


@dataclass(frozen=True)
class PublishConfig:
    """table    the served table's folder
    version  none = the newest; an older one steps back, and merges then build on it
    keep     versions that stay besides the served one
    """

    table: Path
    version: int | None = None
    keep: int = 2

    def __post_init__(self) -> None:
        check_range("PublishConfig", "keep", self.keep, 1, 1000)


def merge(config: MergeConfig, progress: Progress = no_progress) -> Merged:
    """Merge a run; see `scoring.served.merge`."""
    from adjudge.scoring import served

    ask = served.Ask(
        table=config.table,
        scores=config.scores,
        run_id=config.run_id,
        deleted=config.deleted,
        full=config.full,
        force=config.force,
        publish=config.publish,
        settings=config.settings,
    )
    return served.merge(ask, progress)


def publish(config: PublishConfig, progress: Progress = no_progress) -> Published:
    """Publish a version; see `scoring.served.publish`."""
    from adjudge.scoring import served

    return served.publish(config.table, config.version, config.keep)


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
    from adjudge.scoring import served as room

    about, files = room.served(config.table)
    return Served(about, files[0].parent, tuple(files))
