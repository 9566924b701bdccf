"""Golden-pair check: does an artifact still give the scores it was written with?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.errors import BadArtifact
from adjudge.scoring.open_model import open_model

TOLERANCE = 1e-4


@dataclass(frozen=True)
class GoldenCheck:
    """`worst` is the largest difference between a golden score and the score given now."""

    model_version: str
    pairs: int
    worst: float


def check(artifact: Path) -> GoldenCheck:
    """Score the artifact's golden pairs again. Raises BadArtifact if a file or a score is off."""
    scorer = open_model(artifact)
    path = artifact / "golden.parquet"
    try:
        golden = pq.read_table(path)
        expected = golden["score"].to_numpy()
    except (OSError, KeyError, pa.ArrowException) as error:
        raise BadArtifact(f"{path} cannot be read: {error}. Copy or train the artifact again.") from error
    gaps = np.abs(scorer.score(golden) - expected)
    worst = float(np.max(np.where(np.isnan(gaps), np.inf, gaps), initial=0.0))
    if not len(golden) or worst > TOLERANCE:
        raise BadArtifact(
            f"{artifact} fails its golden pairs: scores are off by up to {worst:.2e} over {len(golden)} "
            f"pairs; allowed is {TOLERANCE:g}. Copy or train it again, or use the pinned onnxruntime."
        )
    return GoldenCheck(scorer.version, len(golden), worst)
