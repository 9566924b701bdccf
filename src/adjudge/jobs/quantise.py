"""Reduced precisions behind a parity gate: `adjudge quantise --artifact DIR --pairs TRAINING.parquet`."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from adjudge.config import setting, settings
from adjudge.errors import BadTable, NotEnoughData
from adjudge.jobs.start import job
from adjudge.records import Progress, no_progress
from adjudge.scoring.precision.parity_gate import GateLimits
from adjudge.tables import TRAINING

if TYPE_CHECKING:
    import pyarrow as pa

    from adjudge.scoring.precision.quantise import PrecisionResult

COLUMNS = ("item_id", "keyphrase", "title", "category", "label", "split")


PAIRS = (
    "A training table (adjudge recipe): its train rows give the ranges of activations, its test rows (dev if "
    "there are none) judge the precision."
)


@settings
class QuantiseConfig:
    """The model to quantise, and the rows and limits by which it is judged."""

    artifact: Annotated[Path, setting("A cross-encoder's folder; its manifest takes the verdicts.")]
    pairs: Annotated[Path, setting(PAIRS)]
    seen_rows: Annotated[int, setting("Most train rows used.", ge=1, le=10**7)] = 2_000
    held_out_rows: Annotated[int, setting("Most held-out rows used.", ge=1, le=10**8)] = 20_000
    limits: Annotated[GateLimits, setting("What the gate allows.")] = field(default_factory=GateLimits)
    seed: Annotated[int, setting("Draws the rows.", ge=0, le=2**31 - 1)] = 7


# The manifest of the artifact takes the limits with the verdicts; the folder's settings file is its
# training's.
@job(lambda config: None)
def quantise(config: QuantiseConfig, progress: Progress = no_progress) -> list[PrecisionResult]:
    """Make int8, bf16 and mixed of a model and judge each beside float32 on held-out pairs.

    What passes is open to `adjudge score --precision`. Raises BadArtifact, BadTable, NotEnoughData,
    MissingExtra.
    """
    from adjudge.scoring.precision.quantise import quantise as judge

    rows = _read(config.pairs)
    training = _drawn(rows, ("train",), config.seen_rows, config)
    held_out = _drawn(rows, ("test", "dev"), config.held_out_rows, config)
    return judge(config.artifact, training, held_out, config.limits, progress)


def _read(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
        TRAINING.check_columns(names, path)
        return pq.read_table(path, columns=[name for name in COLUMNS if name in names])
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{path} cannot be read as Parquet: {error}. Write it with: adjudge recipe") from error


def _drawn(rows: pa.Table, splits: tuple[str, ...], most: int, config: QuantiseConfig) -> pa.Table:
    """At most `most` rows, drawn at random and in their order, of the first of `splits` that has any."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    for split in splits:
        matching = rows.filter(pc.equal(rows["split"], split))
        if len(matching):
            rng = np.random.default_rng(config.seed)
            drawn = np.sort(rng.choice(len(matching), min(most, len(matching)), replace=False))
            return matching.take(pa.array(drawn))
    raise NotEnoughData(
        f"{config.pairs} has no row of split {' or '.join(splits)}, which the gate needs. Build the training "
        "set with: adjudge recipe"
    )
