"""One way to open a model of any kind for scoring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.errors import BadArtifact, did_you_mean

if TYPE_CHECKING:
    from adjudge.scoring.core import Scorer

BASELINES = ("jaccard", "ctr", "cosine")
SPLIT = "split-encoder"
KINDS = ("cross-encoder", SPLIT, *BASELINES)


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
    if kind == SPLIT:
        from adjudge.scoring import split

        return split.load(artifact, workers, batch_tokens)
    from adjudge import scoring

    return scoring.load(artifact, workers, batch_tokens)


def open_scorer(artifact: Path, batch_tokens: int, workers: int) -> Scorer:
    """`load_scorer` in the order in which an engine binds its arguments: `workers` threads come last."""
    return load_scorer(artifact, workers, batch_tokens)
