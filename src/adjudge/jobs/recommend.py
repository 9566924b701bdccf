"""The job `recommend`: what a seller is shown, from scores and items."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjudge import config as settings_of
from adjudge.config import check_apart
from adjudge.records import Progress, no_progress
from adjudge.served.recommend import Recommended, RecommendSettings
from adjudge.served.recommend import recommend as write


@dataclass(frozen=True)
class RecommendConfig:
    """scores: a served table, or what `adjudge score` wrote; items: item_id, title, adgroup_id, seller_id; out: the
    Parquet file to write, with `OUT.json` beside it holding these settings."""

    scores: Path
    items: Path
    out: Path
    settings: RecommendSettings = field(default_factory=RecommendSettings)

    def __post_init__(self) -> None:
        check_apart("RecommendConfig", {"scores": self.scores, "items": self.items}, {"out": self.out})


def recommend(config: RecommendConfig, progress: Progress = no_progress) -> Recommended:
    """Write the recommendations; see `scoring.recommend.recommend`."""
    done = write(config.scores, config.items, config.out, config.settings, progress)
    settings_of.save(config, config.out.with_name(f"{config.out.name}.json"))
    return done
