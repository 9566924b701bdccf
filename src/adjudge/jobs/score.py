"""Score pairs with an artifact: `adjudge score --artifact DIR --pairs IN.parquet --out OUT.parquet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.config import check_range
from adjudge.jobs.models import load_scorer
from adjudge.records import Progress, no_progress

if TYPE_CHECKING:
    from adjudge.scoring.local import Scored


@dataclass(frozen=True)
class ScoreConfig:
    """artifact      a model's folder, of any kind
    pairs         Parquet with item_id, keyphrase, title and optionally category
    out           Parquet with item_id, keyphrase, score, kept, model_version, in the same order
    workers       batches at a time; 0 = one a core
    batch_tokens  tokens a batch
    chunk         rows held in memory at a time
    """

    artifact: Path
    pairs: Path
    out: Path
    workers: int = 0
    batch_tokens: int = 2048
    chunk: int = 65_536

    def __post_init__(self) -> None:
        check_range("ScoreConfig", "workers", self.workers, 0, 1024)
        check_range("ScoreConfig", "batch_tokens", self.batch_tokens, 1, 10**7)
        check_range("ScoreConfig", "chunk", self.chunk, 1, 10**8)


def score(config: ScoreConfig, progress: Progress = no_progress) -> Scored:
    """Score a file; see `scoring.local.score_file` for what happens to rows that cannot be scored."""
    from adjudge.scoring.local import score_file

    scorer = load_scorer(config.artifact, config.workers, config.batch_tokens)
    return score_file(scorer, config.pairs, config.out, progress, config.chunk)
