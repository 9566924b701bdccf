"""What can be set about a served table, and what one merge is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjudge.config import check_range
from adjudge.storage.duck import check_memory


@dataclass(frozen=True)
class ServedSettings:
    """buckets      files a version; 0 = as many as hold about `bucket_rows` rows each (chosen anew by a full run)
    bucket_rows  rows a bucket, about
    keep         versions served before that publish leaves: readers that began before a publish go on
    remember     days for which a deletion is remembered against runs that arrive late; older runs are refused
    memory       DuckDB's limit
    threads      DuckDB's; 0 = one a core
    """

    buckets: int = 0
    bucket_rows: int = 400_000
    keep: int = 2
    remember: int = 30
    memory: str = "2GB"
    threads: int = 0

    def __post_init__(self) -> None:
        check_memory("ServedSettings", "memory", self.memory)
        check_range("ServedSettings", "buckets", self.buckets, 0, 65_536)
        check_range("ServedSettings", "bucket_rows", self.bucket_rows, 1, 10**9)
        check_range("ServedSettings", "keep", self.keep, 1, 1000)
        check_range("ServedSettings", "remember", self.remember, 0, 3650)
        check_range("ServedSettings", "threads", self.threads, 0, 1024)


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
