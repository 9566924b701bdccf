"""Scoring of one table, the same on every engine: one row per pair, and a reason for each that cannot be
scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.errors import BadTable
from adjudge.scoring.core import Scorer
from adjudge.tables import TO_SCORE
from adjudge.text.pairs import unscorable
from adjudge.text.utf8 import is_whole, repair

SCORES_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("keyphrase", pa.string()),
        ("score", pa.float64()),
        ("kept", pa.bool_()),
        ("model_version", pa.string()),
        ("scored_at", pa.timestamp("us", "UTC")),
    ]
)
UNSCORED_SCHEMA = pa.schema(
    [("row", pa.int64()), ("item_id", pa.string()), ("keyphrase", pa.string()), ("reason", pa.string())]
)
UNKNOWN_ITEM = "unknown item"
UNKNOWN_KEYPHRASE = "unknown keyphrase"
NO_SCORE = "the model gives this pair no score"
BROKEN = "{name} is not UTF-8"
TEXT_BYTES = 32 * 2**20
"""Text that a scorer gets at a time, about: what bounds memory where texts are long (most tables stay far
below)."""
REASON = "reason"
"""A column of this name may come with the pairs: a row where it is not null is not scored, for that
reason."""


@dataclass(frozen=True)
class Rows:
    """`scores` (SCORES_SCHEMA) has one row per pair, in the order given; `unscored` (UNSCORED_SCHEMA) those
    without a score, each with its 0-based row number and reason. `kept` counts rows at or above the
    threshold."""

    scores: pa.Table
    unscored: pa.Table
    kept: int


def score_rows(scorer: Scorer, pairs: pa.Table, scored_at: datetime, first: int = 0) -> Rows:
    """Score `pairs` (table to_score; string columns of any kind, perhaps with `reason`): no row is dropped.

    An item's pairs reach the scorer together, whatever their order here. A text that is not UTF-8 makes its
    row unscored; its keys are written with U+FFFD for the broken bytes. `first` is the number of the first
    row.
    Where the model has no threshold, `kept` is null. `scored_at` needs a time zone. More than TEXT_BYTES of
    text go to the scorer in pieces.
    """
    parts = [_score_piece(scorer, piece, scored_at, first + at) for at, piece in _pieces(pairs)]
    if len(parts) == 1:
        return parts[0]
    scores, unscored = (
        pa.concat_tables([getattr(part, name) for part in parts]) for name in ("scores", "unscored")
    )
    return Rows(scores.combine_chunks(), unscored.combine_chunks(), sum(part.kept for part in parts))


def _pieces(pairs: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """The pairs in slices of about TEXT_BYTES of text, spelled out, each with the number of its first row."""
    piece = np.cumsum(text_sizes(pairs)) // TEXT_BYTES
    cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(pairs)]
    for begin, end in pairwise(cuts):
        yield begin, pairs.slice(begin, end - begin)


def text_sizes(pairs: pa.Table) -> np.ndarray:
    """Bytes of each row's texts, spelled out where they are in a dictionary: int64 (rows,)."""
    spent = np.zeros(len(pairs), np.int64)
    for column in pairs.itercolumns():
        spent += _sizes(column)
    return spent


def _sizes(column: pa.ChunkedArray) -> np.ndarray:
    """Bytes of each row's text; 0 for what is no text."""
    parts = []
    for chunk in column.chunks:
        coded = pa.types.is_dictionary(chunk.type)
        texts = chunk.dictionary if coded else chunk
        if pa.types.is_integer(texts.type) or pa.types.is_null(texts.type):
            parts.append(np.zeros(len(chunk), np.int64))
            continue
        if pa.types.is_string_view(texts.type):
            texts = texts.cast(pa.large_string())
        sizes = pc.binary_length(texts)
        sizes = pc.fill_null(sizes.take(chunk.indices) if coded else sizes, 0)
        parts.append(sizes.to_numpy(zero_copy_only=False).astype(np.int64))
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _score_piece(scorer: Scorer, pairs: pa.Table, scored_at: datetime, first: int) -> Rows:
    clean, reasons = _decoded(pairs)
    values = _grouped(scorer, clean, reasons)
    missing = pa.array(np.isnan(values))
    known = pc.coalesce(reasons, unscorable(clean), pa.scalar(NO_SCORE))
    reasons = pc.if_else(missing, known, pa.scalar(None, pa.string()))
    kept = 0 if scorer.threshold is None else int((values >= scorer.threshold).sum())
    return Rows(_scores(clean, values, scorer, scored_at), _unscored(clean, reasons, first), kept)


def check_texts(schema: pa.Schema, where: object) -> None:
    """Raise BadTable unless the columns of `to_score` in a schema are texts (an item_id may be an
    integer)."""
    for name in (*TO_SCORE.names, "keyphrase_id"):
        if name in schema.names:
            _check_type(where, name, schema.field(name).type)


def _check_type(where: object, name: str, kind: pa.DataType) -> None:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
    number = name in ("item_id", "keyphrase_id") and pa.types.is_integer(inner)
    if not (texts or number or pa.types.is_null(inner)):
        raise BadTable(f"{where}: column {name} is {kind}; allowed is string. Cast it and score again.")


def _decoded(pairs: pa.Table) -> tuple[pa.Table, pa.Array]:
    """The pairs with plain string columns and without `reason`, and a reason for each row that has one
    already."""
    reasons = pa.nulls(len(pairs), pa.string())
    if REASON in pairs.column_names:
        reasons = pairs[REASON].combine_chunks().cast(pa.string())
        pairs = pairs.drop_columns([REASON])
    for number, name in enumerate(pairs.column_names):
        column = pairs[name].combine_chunks().cast(pa.string())
        if not is_whole(column):
            column, broken = repair(column)
            reasons = pc.if_else(broken, BROKEN.format(name=name), reasons)
        pairs = pairs.set_column(number, name, column)
    return pairs, reasons


def _grouped(scorer: Scorer, pairs: pa.Table, reasons: pa.Array) -> np.ndarray:
    """Scores (rows,), NaN if a reason stands; the scorer sees an item's pairs side by side."""
    values = np.full(len(pairs), np.nan)
    able = np.flatnonzero(reasons.is_null().to_numpy(zero_copy_only=False))
    items = pairs["item_id"].combine_chunks().dictionary_encode().indices
    groups = items.fill_null(-1).to_numpy(zero_copy_only=False)[able]
    together = bool((np.diff(groups) >= 0).all())
    order = able if together else able[np.argsort(groups, kind="stable")]
    whole = len(order) == len(pairs) and together
    values[order] = scorer.score(pairs if whole else pairs.take(pa.array(order)))
    return values


def _scores(pairs: pa.Table, values: np.ndarray, scorer: Scorer, scored_at: datetime) -> pa.Table:
    missing = np.isnan(values)
    if scorer.threshold is None:
        kept = pa.nulls(len(pairs), pa.bool_())
    else:
        kept = pa.array(values >= scorer.threshold, mask=missing)
    version = pa.repeat(pa.scalar(scorer.version), len(pairs))
    time = pa.repeat(pa.scalar(scored_at, pa.timestamp("us", "UTC")), len(pairs))
    score = pa.array(values, mask=missing)
    columns = [pairs["item_id"], pairs["keyphrase"], score, kept, version, time]
    return pa.table(columns, schema=SCORES_SCHEMA)


def _unscored(pairs: pa.Table, reasons: pa.Array, first: int) -> pa.Table:
    rows = np.flatnonzero(reasons.is_valid().to_numpy(zero_copy_only=False))
    at = pa.array(rows)
    keys = [pairs[name].take(at) for name in ("item_id", "keyphrase")]
    return pa.table([pa.array(rows + first), *keys, reasons.take(at)], schema=UNSCORED_SCHEMA)
