"""The local engine: Parquet in, Parquet out, row by row in the same order, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.errors import BadConfig, BadTable
from adjudge.records import Progress, no_progress
from adjudge.scoring.core import Scorer
from adjudge.student.text import unscorable
from adjudge.tables import TO_SCORE

CHUNK = 65_536
SCORES_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("keyphrase", pa.string()),
        ("score", pa.float64()),
        ("kept", pa.bool_()),
        ("model_version", pa.string()),
    ]
)
UNSCORED_SCHEMA = pa.schema(
    [("row", pa.int64()), ("item_id", pa.string()), ("keyphrase", pa.string()), ("reason", pa.string())]
)
NO_SCORE = "the model gives this pair no score"
BROKEN = "{name} is not UTF-8"


@dataclass(frozen=True)
class Scored:
    """What a run wrote: `unscored_path` is None where every row has a score."""

    out: Path
    rows: int
    kept: int
    unscored: int
    unscored_path: Path | None
    model_version: str
    threshold: float | None


def score_file(
    scorer: Scorer, pairs: Path, out: Path, progress: Progress = no_progress, chunk: int = CHUNK
) -> Scored:
    """Score every row of `pairs` (table to_score) into `out` (table scores), in the same order.

    A row that cannot be scored keeps its place with null score and kept, and stands with its 0-based row
    number and reason in `<out>.unscored.parquet`. Where the model has no threshold, `kept` is null. `out`
    appears only when it is complete. Raises BadTable.
    """
    if pairs.resolve() == out.resolve():
        raise BadConfig(f"--out {out} is the input itself: choose another file")
    file, aside = _open(pairs), out.with_name(f"{out.stem}.unscored.parquet")
    out.parent.mkdir(parents=True, exist_ok=True)
    total, done, kept, unscored = file.metadata.num_rows, 0, 0, 0
    with ExitStack() as stack:
        scores_to = stack.enter_context(_Fresh(out, SCORES_SCHEMA))
        unscored_to = stack.enter_context(_Fresh(aside, UNSCORED_SCHEMA))
        for table in _tables(file, pairs, chunk):
            clean, broken = _decoded(table)
            values = scorer.score(clean)
            scores_to.writer.write_table(_scores(clean, values, scorer))
            reasons = _reasons(clean, values, broken)
            unscored_to.writer.write_table(_unscored(clean, reasons, done))
            unscored += len(reasons) - reasons.null_count
            kept += 0 if scorer.threshold is None else int((values >= scorer.threshold).sum())
            done += len(table)
            progress("score", done, total)
        scores_to.keep()
        if unscored:
            unscored_to.keep()
        else:
            aside.unlink(missing_ok=True)
    left = aside if unscored else None
    return Scored(out, done, kept, unscored, left, scorer.version, scorer.threshold)


class _Fresh:
    """A Parquet file that takes its place only when kept; otherwise nothing is left of it."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.fresh = path, path.with_name(f".{path.name}.part")
        self.writer = pq.ParquetWriter(self.fresh, schema, compression="zstd")

    def __enter__(self) -> _Fresh:
        return self

    def keep(self) -> None:
        self.writer.close()
        os.replace(self.fresh, self.path)

    def __exit__(self, *error: object) -> None:
        self.writer.close()
        self.fresh.unlink(missing_ok=True)


def _open(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{path} cannot be read as Parquet: {error}. Other formats come in with: adjudge import"
        ) from error
    TO_SCORE.check_columns(file.schema_arrow.names, path)
    for name in TO_SCORE.names:
        if name in file.schema_arrow.names:
            _check_type(path, name, file.schema_arrow.field(name).type)
    return file


def _check_type(path: Path, name: str, kind: pa.DataType) -> None:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
    if not (texts or pa.types.is_null(inner) or (name == "item_id" and pa.types.is_integer(inner))):
        raise BadTable(f"{path}: column {name} is {kind}; allowed is string. Cast it and score again.")


def _tables(file: pq.ParquetFile, path: Path, chunk: int) -> Iterator[pa.Table]:
    columns = [name for name in TO_SCORE.names if name in file.schema_arrow.names]
    try:
        for batch in file.iter_batches(batch_size=chunk, columns=columns):
            yield pa.table(batch)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{path} breaks off or is damaged: {error}. Write the file again.") from error


def _decoded(table: pa.Table) -> tuple[pa.Table, pa.Array]:
    """The table with plain string columns, and a reason for each row that held a text that is not UTF-8.

    Such a row is not scored: its title becomes null. Its keys are written with U+FFFD for the broken bytes.
    """
    reasons = pa.nulls(len(table), pa.string())
    for place, name in enumerate(table.column_names):
        column = table[name].combine_chunks().cast(pa.string())
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            column, broken = _repaired(column)
            reasons = pc.if_else(broken, BROKEN.format(name=name), reasons)
        table = table.set_column(place, name, column)
    if reasons.null_count < len(table):
        title = pc.if_else(pc.is_null(reasons), table["title"], pa.scalar(None, pa.string()))
        table = table.set_column(table.column_names.index("title"), "title", title)
    return table, reasons


def _repaired(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    raw = column.cast(pa.binary()).to_pylist()
    texts = [None if value is None else value.decode("utf-8", "replace") for value in raw]
    broken = [text is not None and text.encode() != value for value, text in zip(raw, texts, strict=True)]
    return pa.array(texts, pa.string()), pa.array(broken)


def _scores(table: pa.Table, values: np.ndarray, scorer: Scorer) -> pa.Table:
    missing = np.isnan(values)
    if scorer.threshold is None:
        kept = pa.nulls(len(table), pa.bool_())
    else:
        kept = pa.array(values >= scorer.threshold, mask=missing)
    version = pa.repeat(pa.scalar(scorer.version), len(table))
    score = pa.array(values, mask=missing)
    columns = [table["item_id"], table["keyphrase"], score, kept, version]
    return pa.table(columns, schema=SCORES_SCHEMA)


def _reasons(table: pa.Table, values: np.ndarray, broken: pa.Array) -> pa.Array:
    missing = pa.array(np.isnan(values))
    known = pc.coalesce(broken, unscorable(table), pa.scalar(NO_SCORE))
    return pc.if_else(missing, known, pa.scalar(None, pa.string()))


def _unscored(table: pa.Table, reasons: pa.Array, first: int) -> pa.Table:
    rows = np.flatnonzero(reasons.is_valid().to_numpy(zero_copy_only=False))
    at = pa.array(rows)
    keys = [table[name].take(at) for name in ("item_id", "keyphrase")]
    return pa.table([pa.array(rows + first), *keys, reasons.take(at)], schema=UNSCORED_SCHEMA)
