"""One scorer for all baselines: a kind gives logits, calibration makes them scores."""

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
from adjudge.text.words import whole

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
        """Scores in [0, 1], float64 (rows,), in the order of `pairs`; NaN where it cannot.

        `pairs` has item_id, keyphrase, title and optionally category. A blank or null item_id, keyphrase or
        title cannot be scored. A pair's score does not depend on the other pairs of the table.
        """
        TO_SCORE.check_columns(pairs.column_names, "the pairs to score")
        able = scorable(pairs)
        result = np.full(len(pairs), np.nan)
        if able.any():
            result[able] = self.manifest.calibration(self.logits(pairs.filter(pa.array(able))))
        return result


def load(folder: Path) -> Baseline:
    """Open a baseline's artifact. Raises BadArtifact, and MissingExtra where its library is not installed."""
    manifest = guard(folder, OPEN)
    return Baseline(manifest, OPEN[manifest.kind](folder, manifest))


def scorable(pairs: pa.Table) -> np.ndarray:
    """Which rows have an item, a keyphrase and a title that are not blank."""
    able = np.ones(len(pairs), bool)
    for name in ("item_id", "keyphrase", "title"):
        blank = pc.equal(pc.utf8_trim_whitespace(whole(pairs[name])), "")
        able &= ~pc.fill_null(blank, True).to_numpy(zero_copy_only=False)
    return able
