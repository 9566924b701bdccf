"""Reduced precisions behind a parity gate: `adjudge quantise --artifact DIR --pairs TRAINING.parquet`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.config import check_range
from adjudge.errors import BadTable, NotEnoughData
from adjudge.records import Progress, no_progress
from adjudge.scoring.precision.parity_gate import GateLimits
from adjudge.tables import TRAINING

if TYPE_CHECKING:
    import pyarrow as pa

    from adjudge.scoring.precision.quantise import Judged

COLUMNS = ("item_id", "keyphrase", "title", "category", "label", "split")


@dataclass(frozen=True)
class QuantiseConfig:
    """artifact       a cross-encoder's folder; its manifest takes the verdicts
    pairs          a training table (adjudge recipe): its train rows give the ranges of activations, its test rows (dev
                   where there are none) judge the precision
    seen_rows      train rows used at most
    held_out_rows  held-out rows used at most
    limits         what the gate allows
    seed           draws the rows
    """

    artifact: Path
    pairs: Path
    seen_rows: int = 2_000
    held_out_rows: int = 20_000
    limits: GateLimits = field(default_factory=GateLimits)
    seed: int = 7

    def __post_init__(self) -> None:
        check_range("QuantiseConfig", "seen_rows", self.seen_rows, 1, 10**7)
        check_range("QuantiseConfig", "held_out_rows", self.held_out_rows, 1, 10**8)
        check_range("QuantiseConfig", "seed", self.seed, 0, 2**31 - 1)


def quantise(config: QuantiseConfig, progress: Progress = no_progress) -> list[Judged]:
    """Make int8, bf16 and mixed of a model and judge each beside float32 on held-out pairs.

    What passes is open to `adjudge score --precision`. Raises BadArtifact, BadTable, NotEnoughData, MissingExtra.
    """
    from adjudge.scoring.precision.quantise import quantise as judge

    rows = _read(config.pairs)
    seen = _drawn(rows, ("train",), config.seen_rows, config)
    held_out = _drawn(rows, ("test", "dev"), config.held_out_rows, config)
    return judge(config.artifact, seen, held_out, config.limits, progress)


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
        found = rows.filter(pc.equal(rows["split"], split))
        if len(found):
            rng = np.random.default_rng(config.seed)
            kept = np.sort(rng.choice(len(found), min(most, len(found)), replace=False))
            return found.take(pa.array(kept))
    raise NotEnoughData(
        f"{config.pairs} has no row of split {' or '.join(splits)}, which the gate needs. Build the training set with: "
        "adjudge recipe"
    )
