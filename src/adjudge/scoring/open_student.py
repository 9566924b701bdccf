"""One way to open a student for scoring, whatever its network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adjudge.errors import BadConfig
from adjudge.manifest import read_any
from adjudge.scoring import core
from adjudge.scoring.precision.choose import EXACT
from adjudge.student.split_artifact import KIND as SPLIT


def load(
    artifact: Path,
    workers: int = 0,
    batch_tokens: int = core.BATCH_TOKENS,
    precision: str = EXACT,
    states: Sequence[Path] = (),
) -> core.Scorer:
    """Open a student's folder: a cross-encoder (`core.load`) or a split student (`split.load`). `workers` 0 = one a core.

    `precision` is for cross-encoders, `states` (folders of `adjudge states`) for split students; BadConfig says so. Raises
    BadArtifact where the folder is torn, edited, or holds another kind of model.
    """
    if read_any(artifact)["kind"] != SPLIT:
        if states:
            raise BadConfig(
                f"states are for a split student; {artifact} holds another model. Leave them out."
            )
        return core.load(artifact, workers, batch_tokens, precision)
    from adjudge.scoring.split import scorer

    if precision not in (EXACT, "auto"):
        raise BadConfig(
            f"precision {precision} is for cross-encoders; {artifact} holds a split student: allowed are fp32, auto"
        )
    return scorer.load(artifact, workers, batch_tokens, states=states)
