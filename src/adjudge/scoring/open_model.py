"""One way to open a model of any kind for scoring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.errors import BadArtifact, BadConfig, did_you_mean

if TYPE_CHECKING:
    from adjudge.scoring.core import Scorer

BASELINES = ("jaccard", "ctr", "cosine")
SPLIT = "split-encoder"
KINDS = ("cross-encoder", SPLIT, *BASELINES)


def load_scorer(
    artifact: Path,
    workers: int = 0,
    batch_tokens: int = 2048,
    precision: str = "fp32",
    states: Sequence[Path] = (),
) -> Scorer:
    """The scorer of an artifact folder, chosen by its `kind`. Raises BadArtifact on an unknown one.

    `precision` is for cross-encoders (`scoring.load`); all other kinds know float32 alone, and BadConfig says so.
    `states` (folders of `adjudge states`) are for split students.
    """
    from adjudge.manifest import read_any

    kind = str(read_any(artifact)["kind"])
    if kind in BASELINES and precision not in ("fp32", "auto"):
        raise BadConfig(
            f"precision {precision} is for cross-encoders; {artifact} holds a {kind} model: allowed are fp32, auto"
        )
    if states and kind != SPLIT:
        raise BadConfig(
            f"states are for a split student (kind {SPLIT}); {artifact} holds a {kind} model. Leave them out."
        )
    if kind in BASELINES:
        from adjudge.baselines.scorer import load

        return load(artifact)
    if kind not in KINDS:
        raise BadArtifact(
            f"{artifact} holds a model of kind {kind!r}; allowed are {', '.join(KINDS)}{did_you_mean(kind, KINDS)}. "
            "A newer adjudge may know it."
        )
    from adjudge.scoring.open_student import load as load_student

    return load_student(artifact, workers, batch_tokens, precision, states)


def settled(artifact: Path, precision: str) -> str:
    """The one precision of a run: what `auto` means on the machine that starts it, so that no worker chooses anew."""
    from adjudge.manifest import read_any

    if precision != "auto":
        return precision
    if read_any(artifact)["kind"] != KINDS[0]:
        return "fp32"
    from adjudge.scoring.precision.choose import choose
    from adjudge.scoring.precision.cpu import units
    from adjudge.student.artifact import read

    return choose(artifact, read(artifact), precision, units())


def open_scorer(
    workers: int,
    *,
    artifact: Path,
    batch_tokens: int,
    precision: str = "fp32",
    states: Sequence[Path] = (),
) -> Scorer:
    """`load_scorer` as engines call it: with a number of threads, and perhaps another place of the artifact."""
    return load_scorer(artifact, workers, batch_tokens, precision, states)
