"""Words of texts, and how many two texts share: numpy over distinct texts, no model."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits after NFKC and case folding.

    >>> words("Acme RED Shoe, size-9")
    ['acme', 'red', 'shoe', 'size', '9']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def jaccard(shared: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """|A and B| / |A or B| from the three counts of distinct words; 0 where neither text has a word.

    "red running shoe" and "Acme Red Shoe, size 9" share 2 of 6 words: 2 / (3 + 5 - 2) = 0.3333.
    """
    union = left + right - shared
    return np.divide(shared, union, out=np.zeros(len(union)), where=union > 0)


@dataclass(frozen=True)
class WordOverlap:
    """Per pair of texts: distinct words of each and of both, and whether the left's words stand in the right
    in a row and in order."""

    shared: np.ndarray
    left: np.ndarray
    right: np.ndarray
    phrase: np.ndarray


def overlap(left: pa.Array, right: pa.Array) -> WordOverlap:
    """Compare two string arrays of equal length row by row; nulls count as empty.

    Every distinct text is cut into words once.
    """
    numbers: dict[str, int] = {}
    lefts, left_at = _cut(left, numbers)
    rights, right_at = _cut(right, numbers)
    left_sets = [np.unique(text) for text in lefts]
    right_sets = [np.unique(text) for text in rights]
    left_counts, right_counts = _lengths(left_sets), _lengths(right_sets)
    size = max(1, len(numbers))
    # A (text, word) of the right side as one number; texts and words rise, so these are sorted.
    present = np.repeat(np.arange(len(right_sets)), right_counts) * size + _flat(right_sets)
    rows = np.repeat(np.arange(len(left_at)), left_counts[left_at])
    starts = np.cumsum(left_counts) - left_counts
    steps = np.arange(len(rows)) - np.repeat(
        np.cumsum(left_counts[left_at]) - left_counts[left_at], left_counts[left_at]
    )
    wanted = right_at[rows] * size + _flat(left_sets)[starts[left_at][rows] + steps]
    at = np.minimum(np.searchsorted(present, wanted), max(0, len(present) - 1))
    both = present[at] == wanted if len(present) else np.zeros(len(wanted), bool)
    shared = np.bincount(rows[both], minlength=len(left_at)).astype(np.float64)
    counts = left_counts[left_at].astype(np.float64)
    whole = np.flatnonzero((shared == counts) & (counts > 0))
    phrase = np.zeros(len(left_at))
    phrase[whole] = [_is_run_of(lefts[left_at[row]], rights[right_at[row]]) for row in whole]
    return WordOverlap(shared, counts, right_counts[right_at].astype(np.float64), phrase)


def _cut(texts: pa.Array, numbers: dict[str, int]) -> tuple[list[np.ndarray], np.ndarray]:
    """The word numbers of each distinct text, and which text each row has."""
    coded = pc.dictionary_encode(pc.fill_null(whole(texts), ""))
    cut = [
        np.array([numbers.setdefault(word, len(numbers)) for word in words(text)], np.int64)
        for text in coded.dictionary.to_pylist()
    ]
    return cut, coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _lengths(sets: list[np.ndarray]) -> np.ndarray:
    return np.array([len(words) for words in sets], np.int64)


def _flat(sets: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(sets) if sets else np.empty(0, np.int64)


def _is_run_of(phrase: np.ndarray, text: np.ndarray) -> bool:
    """Whether `phrase` is a run of `text`: (2, 3) is one of (1, 2, 3), not of (2, 1, 3)."""
    if len(phrase) > len(text):
        return False
    return bool((np.lib.stride_tricks.sliding_window_view(text, len(phrase)) == phrase).all(axis=1).any())


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one plain string array."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.cast(pa.string())
