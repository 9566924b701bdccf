"""Settings of a served table, of one merge and of recommendations."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.storage.duck import check_memory

BUCKETS = "Files per version; 0 = as many as hold about `bucket_rows` rows each (a full run chooses anew)."
KEEP = "Versions served before that publishing leaves, for readers that began before it."
REMEMBER = "Days for which a deletion is remembered against runs that arrive late; older runs are refused."
DELETED = (
    "Tombstones, as `adjudge diff` writes them: item_id, keyphrase, deleted_at. A null key stands for any."
)
FORM = (
    "What makes two keyphrases the same: exact (nothing but themselves), spacing (letter case and spaces do "
    "not count) or words (nor does their order)."
)


@settings
class ServedSettings:
    """How a served table is stored."""

    buckets: Annotated[int, setting(BUCKETS, ge=0, le=65_536)] = 0
    bucket_rows: Annotated[int, setting("Rows per bucket, about.", ge=1, le=10**9)] = 400_000
    keep: Annotated[int, setting(KEEP, ge=1, le=1000)] = 2
    remember: Annotated[int, setting(REMEMBER, ge=0, le=3650, unit="days")] = 30
    memory: Annotated[str, setting("DuckDB's memory limit.")] = "2GB"
    threads: Annotated[int, setting("DuckDB's threads; 0 = one per core.", ge=0, le=1024)] = 0

    def __post_init__(self) -> None:
        check_memory("ServedSettings", "memory", self.memory)


@settings
class MergeConfig:
    """One merge into a served table."""

    table: Annotated[Path, setting("The served table's folder; a full run begins one.")]
    scores: Annotated[Path, setting("What `adjudge score` wrote: a file or a folder.")]
    deleted: Annotated[Path | None, setting(DELETED)] = None
    run_id: Annotated[
        str | None, setting("The run's id, merged once; none = the id that the scores carry.")
    ] = None
    full: Annotated[bool, setting("The run replaces all that was scored up to its time, by any model.")] = (
        False
    )
    force: Annotated[bool, setting("Take a diff of another model than the table's.")] = False
    publish: Annotated[bool, setting("Serve the result at once.")] = False
    settings: Annotated[ServedSettings, setting("How the table is stored.")] = field(
        default_factory=ServedSettings
    )


@settings
class RecommendSettings:
    """What a seller is shown at most, and what counts as the same keyphrase."""

    form: Annotated[str, setting(FORM, choices=("exact", "spacing", "words"))] = "spacing"
    per_item: Annotated[int, setting("Most keyphrases per item.", ge=1, le=10**9)] = 50
    per_adgroup: Annotated[int, setting("Most keyphrases per adgroup.", ge=1, le=10**9)] = 1000
    per_seller: Annotated[int, setting("Most keyphrases per seller's page.", ge=1, le=10**9)] = 100_000
    memory: Annotated[str, setting("DuckDB's memory limit.")] = "2GB"

    def __post_init__(self) -> None:
        check_memory("RecommendSettings", "memory", self.memory)
