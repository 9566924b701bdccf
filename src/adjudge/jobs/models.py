"""One way to open a model of any kind for scoring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.errors import BadArtifact, did_you_mean

if TYPE_CHECKING:
    from adjudge.scoring.core import Scorer

BASELINES = ("jaccard", "ctr", "cosine")
KINDS = ("cross-encoder", *BASELINES)


def load_scorer(artifact: Path, workers: int = 0, batch_tokens: int = 2048) -> Scorer:
    """The scorer of an artifact folder, chosen by its `kind`. Raises BadArtifact on an unknown one."""
    from adjudge.manifest import read_any

    kind = str(read_any(artifact)["kind"])
    if kind in BASELINES:
        from adjudge import baselines

        return baselines.load(artifact)
    if kind not in KINDS:
        raise BadArtifact(
            f"{artifact} holds a model of kind {kind!r}; allowed are {', '.join(KINDS)}{did_you_mean(kind, KINDS)}. "
            "A newer adjudge may know it."
        )
    from adjudge import scoring

    return scoring.load(artifact, workers, batch_tokens)
