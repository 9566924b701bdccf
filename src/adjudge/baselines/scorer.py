"""One scorer for all baselines: each kind gives logits, and its calibration turns them into scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.baselines import cosine, ctr, jaccard
from adjudge.manifest import Manifest, guard
from adjudge.tables import TO_SCORE
from adjudge.text.pairs import unscorable

Logits = Callable[[pa.Table], np.ndarray]
OPEN: dict[str, Callable[[Path, Manifest], Logits]] = {
    "jaccard": jaccard.open_model,
    "ctr": ctr.open_model,
    "cosine": cosine.open_model,
}


@dataclass(frozen=True)
class Baseline:
    """A baseline opened for scoring."""

    manifest: Manifest
    logits: Logits

    @property
    def version(self) -> str:
        return self.manifest.model_version

    @property
    def threshold(self) -> float | None:
        return self.manifest.threshold

    def score(self, pairs: pa.Table) -> np.ndarray:
        """Scores in [0, 1], float64 (rows,), in the order of `pairs`; NaN for a pair that cannot be scored.

        `pairs` has item_id, keyphrase, title and optionally category. A blank or null item_id, keyphrase or
        title cannot be scored. A pair's score does not depend on the other pairs of the table.
        """
        TO_SCORE.check_columns(pairs.column_names, "the pairs to score")
        able = pc.is_null(unscorable(pairs))
        scores = np.full(len(pairs), np.nan)
        if pc.any(able).as_py():
            is_able = able.to_numpy(zero_copy_only=False)
            scores[is_able] = self.manifest.calibration(self.logits(pairs.filter(able)))
        return scores


def load(folder: Path) -> Baseline:
    """Open a baseline's artifact. Raises BadArtifact, and MissingExtra if its library is not installed."""
    manifest = guard(folder, OPEN)
    return Baseline(manifest, OPEN[manifest.kind](folder, manifest))
