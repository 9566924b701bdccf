"""The jobs `merge` and `publish`: a run becomes part of a served table, and a version becomes the served
one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from adjudge.config import setting, settings
from adjudge.jobs.start import job
from adjudge.records import Progress, no_progress
from adjudge.served.settings import MergeConfig

if TYPE_CHECKING:
    from adjudge.served.merge import MergeResult
    from adjudge.served.publish import PublishResult
    from adjudge.served.table import Version


TABLE = "The served table's folder."


@settings
class PublishConfig:
    """Which version of a table becomes the served one."""

    table: Annotated[Path, setting(TABLE)]
    version: Annotated[
        int | None,
        setting("A version's number; none = the newest. An older one steps back, and merges build on it."),
    ] = None
    keep: Annotated[
        int, setting("Versions served before that stay, for readers still at them.", ge=1, le=1000)
    ] = 2


@job(lambda config: config.table)
def merge(config: MergeConfig, progress: Progress = no_progress) -> MergeResult:
    """Merge a run; see `served.merge`."""
    from adjudge.served import merge as merging

    return merging.merge(config, progress)


@job(lambda config: None)
def publish(config: PublishConfig, progress: Progress = no_progress) -> PublishResult:
    """Publish a version; see `served.publish`."""
    from adjudge.served import publish as publishing

    return publishing.publish(config.table, config.version, config.keep)


@settings
class ServedConfig:
    """The table whose served version is looked up."""

    table: Annotated[Path, setting(TABLE)]


@dataclass(frozen=True)
class ServedVersion:
    """The served version, its folder and its Parquet files: they stay as they are while readers use them."""

    version: Version
    folder: Path
    files: tuple[Path, ...]


@job(lambda config: None)
def served(config: ServedConfig, progress: Progress = no_progress) -> ServedVersion:
    """What the table serves now. Raises BadTable if it serves nothing."""
    from adjudge.served import table

    about, files = table.served(config.table)
    return ServedVersion(about, files[0].parent, tuple(files))
