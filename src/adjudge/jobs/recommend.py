"""The job `recommend`: what a seller is shown, from scores and items."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from adjudge.config import check_apart, setting, settings
from adjudge.jobs.start import job
from adjudge.records import Progress, no_progress
from adjudge.served.recommend import RecommendResult
from adjudge.served.recommend import recommend as write
from adjudge.served.settings import RecommendSettings


@settings
class RecommendConfig:
    """Scores and items in, recommendations out."""

    scores: Annotated[Path, setting("A served table, or what `adjudge score` wrote.")]
    items: Annotated[Path, setting("Parquet: item_id, title, adgroup_id, seller_id.")]
    out: Annotated[Path, setting("The Parquet file to write.")]
    settings: Annotated[RecommendSettings, setting("What a seller is shown at most.")] = field(
        default_factory=RecommendSettings
    )

    def __post_init__(self) -> None:
        check_apart("RecommendConfig", {"scores": self.scores, "items": self.items}, {"out": self.out})


@job(lambda config: config.out)
def recommend(config: RecommendConfig, progress: Progress = no_progress) -> RecommendResult:
    """Write the recommendations; see `served.recommend`."""
    return write(config.scores, config.items, config.out, config.settings, progress)
