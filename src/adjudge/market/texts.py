"""Text over columns: joining words by row without a Python loop, and counting shared words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Ints = np.ndarray
Slot = tuple[pa.Array, Ints]
"""A vocabulary whose entry 0 is null (nothing said) and the entry each row takes."""


def vocabulary(words: Sequence[str]) -> pa.Array:
    """Words with a null in front, so that 0 means "not named"."""
    return pa.array([None, *words], pa.string())


def join(slots: Sequence[Slot]) -> pa.Array:
    """One text per row: the slots' words in order, single-spaced, unnamed ones left out."""
    columns = [words.take(pa.array(rows)) for words, rows in slots]
    return pc.binary_join_element_wise(*columns, " ", null_handling="skip")


def join_in_orders(slots: Sequence[Slot], orders: Sequence[Sequence[int]], order: Ints) -> pa.Array:
    """Like `join`, each row with its own order of slots: row i uses `orders[order[i]]`."""
    parts, places = [], []
    for number, sequence in enumerate(orders):
        rows = np.flatnonzero(order == number)
        parts.append(join([(slots[s][0], slots[s][1][rows]) for s in sequence]))
        places.append(rows)
    back = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_arrays(parts).take(pa.array(back))


def token_ids(*columns: pa.Array) -> list[Ints]:
    """Words of each column as one padded int32 matrix (rows, longest), 0 after a row's last word.

    Words are lower-cased runs of letters and digits; ids are shared by the columns; a word that a row
    repeats is kept once.
    """
    plain = [pc.utf8_trim_whitespace(_clean(column)) for column in columns]
    lists = [pc.utf8_split_whitespace(column) for column in plain]
    flat = pa.concat_arrays([column.flatten() for column in lists])
    ids = (
        pc.fill_null(flat.dictionary_encode().indices, 0).to_numpy(zero_copy_only=False).astype(np.int32) + 1
    )
    blank = pc.equal(flat, "").to_numpy(zero_copy_only=False)
    ids[blank] = 0
    out, start = [], 0
    for column in lists:
        counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        total = int(counts.sum())
        out.append(_padded(ids[start : start + total], counts))
        start += total
    return out


def _clean(column: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(pc.utf8_lower(pc.fill_null(column, "")), r"[^\p{L}\p{N}]+", " ")


def _padded(ids: Ints, counts: Ints) -> Ints:
    rows = np.repeat(np.arange(len(counts)), counts)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1])) if len(counts) else np.zeros(0, np.int64)
    wide = np.zeros((len(counts), max(int(counts.max(initial=0)), 1)), np.int32)
    wide[rows, np.arange(len(ids)) - np.repeat(starts, counts)] = ids
    wide = np.sort(wide, axis=1)[:, ::-1]
    repeated = np.zeros(wide.shape, bool)
    repeated[:, 1:] = wide[:, 1:] == wide[:, :-1]
    return np.ascontiguousarray(np.where(repeated, 0, wide))


def overlap(left: Ints, right: Ints, rows_left: Ints, rows_right: Ints) -> tuple[Ints, Ints]:
    """Coverage (share of the right text's words found in the left) and Jaccard index, float32, per pair.

    >>> both = token_ids(pa.array(["Red Shoes New"]), pa.array(["red boots"]))
    >>> [float(a[0]) for a in overlap(*both, np.array([0]), np.array([0]))]
    [0.5, 0.25]
    """
    size_left, size_right = (np.count_nonzero(m, axis=1).astype(np.float32) for m in (left, right))
    shared = np.empty(len(rows_left), np.float32)
    for start in range(0, len(rows_left), 100_000):
        piece = slice(start, start + 100_000)
        shared[piece] = _shared(left[rows_left[piece]], right[rows_right[piece]])
    left_size, right_size = size_left[rows_left], size_right[rows_right]
    union = left_size + right_size - shared
    return shared / np.maximum(right_size, 1), shared / np.maximum(union, 1)


def _shared(left: Ints, right: Ints) -> Ints:
    count = np.zeros(len(left), np.float32)
    for column in range(right.shape[1]):
        word = right[:, column]
        count += (word > 0) & (left == word[:, None]).any(axis=1)
    return count
