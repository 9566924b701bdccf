"""A recipe's training table as arrays: texts tokenised once, targets and weights checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.errors import BadTable, NotEnoughData
from adjudge.student.encode import Encoded, encode
from adjudge.student.settings import ORDINAL, StudentSettings
from adjudge.student.text import text_columns
from adjudge.tables import TRAINING
from adjudge.text.pairs import unscorable


@dataclass(frozen=True)
class Examples:
    """Rows of one split.

    `targets` are in [0, 1], or steps for an ordinal head; `steps` are the hard labels.
    """

    pairs: Encoded
    targets: np.ndarray
    steps: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: np.ndarray) -> Examples:
        return Examples(self.pairs.take(rows), self.targets[rows], self.steps[rows], self.weights[rows])


def read_rows(path: Path, settings: StudentSettings) -> tuple[pa.Table, pa.Table]:
    """The train and dev rows that can be learned from, capped as the settings say (drawn by the seed).

    Rows of the test split are never read into the model. Rows without a title or keyphrase and rows of
    weight 0 teach nothing and are left out. Raises BadTable, NotEnoughData.
    """
    table = _read(path)
    table = table.filter(pc.and_(pc.is_null(unscorable(table)), pc.greater(table["weight"], 0.0)))
    train, dev = (table.filter(pc.equal(table["split"], split)) for split in ("train", "dev"))
    _check_labels(path, pa.concat_tables([train, dev]), settings)
    rng = np.random.default_rng([settings.seed, 1])
    train = _draw(train, settings.max_pairs or len(train), rng)
    dev = _draw(dev, settings.dev_rows, rng)
    if len(train) < 2 or pc.count_distinct(train["label"]).as_py() < 2:
        raise NotEnoughData(
            f"{path}: {len(train)} usable rows in split 'train' with "
            f"{pc.count_distinct(train['label']).as_py()} distinct labels; at least 2 rows and 2 labels are "
            "needed. Widen the recipe's sources or floors."
        )
    return train, dev


def examples(tokenizer: Any, rows: pa.Table, settings: StudentSettings) -> Examples:
    """Tokenise rows and set their targets (the judge's probability where the head asks for it)."""
    first, second = text_columns(rows)
    steps = rows["label"].to_numpy().astype(np.float32)
    targets = steps
    if settings.head == "probability" or settings.soft:
        given = (
            rows["probability"] if "probability" in rows.column_names else pa.nulls(len(rows), pa.float64())
        )
        targets = pc.coalesce(given, rows["label"]).to_numpy().astype(np.float32)
    weights = rows["weight"].to_numpy().astype(np.float32)
    pairs = encode(tokenizer, first, second, settings.max_length)
    return Examples(pairs, targets, steps, weights)


def _read(path: Path) -> pa.Table:
    try:
        file = pq.ParquetFile(path)
        TRAINING.check_columns(file.schema_arrow.names, path)
        wanted = [name for name in TRAINING.names if name in file.schema_arrow.names]
        return file.read(columns=wanted)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{path} cannot be read as Parquet: {error}. Build it with: adjudge recipe") from error


def _check_labels(path: Path, rows: pa.Table, settings: StudentSettings) -> None:
    allowed = list(range(settings.levels)) if settings.head in ORDINAL else [0, 1]
    bad = rows.filter(pc.invert(pc.is_in(rows["label"], pa.array(allowed, pa.float64()))))
    if len(bad):
        raise BadTable(
            f"{path}: {len(bad)} rows have labels that head {settings.head!r} does not know, "
            f"such as {bad['label'][0].as_py()}; allowed are {', '.join(map(str, allowed))}. "
            "Choose head=coral or head=corn with levels for graded labels."
        )


def _draw(rows: pa.Table, most: int, rng: np.random.Generator) -> pa.Table:
    if len(rows) <= most:
        return rows
    return rows.take(pa.array(np.sort(rng.choice(len(rows), most, replace=False))))
