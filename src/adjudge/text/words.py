"""Words of texts, and the word overlap of two texts: one meaning of "word" for every package.

A word is a run of letters and digits after NFKC and case folding. `retrieve.words` differs on purpose: it
keeps combining marks, folds plurals and runs in Arrow over millions of titles, because its words only have to
find candidates.
"""

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


@dataclass(frozen=True)
class WordOverlap:
    """Per pair of texts, float64 [n] each.

    shared, left, right: distinct words of both, of the left and of the right text. right_length: words of the
    right text with repeats. in_order: 1 if all words of the left text stand in the right one next to one
    another and in order.
    """

    shared: np.ndarray
    left: np.ndarray
    right: np.ndarray
    right_length: np.ndarray
    in_order: np.ndarray

    @property
    def jaccard(self) -> np.ndarray:
        """|A and B| / |A or B| of distinct words; 0 if neither text has a word.

        "red running shoe" and "Acme Red Shoe, size 9" share 2 of 6 words: 2 / (3 + 5 - 2) = 0.3333.
        """
        return share(self.shared, self.left + self.right - self.shared)

    @property
    def coverage(self) -> np.ndarray:
        """Share of the left text's distinct words that the right has: 2 / 3 in the example of `jaccard`."""
        return share(self.shared, self.left)


def share(part: np.ndarray, of: np.ndarray) -> np.ndarray:
    """part / of, and 0 if `of` is 0."""
    return np.divide(part, of, out=np.zeros(len(of)), where=of > 0)


def overlap(left: pa.Array, right: pa.Array) -> WordOverlap:
    """Compare two string arrays of equal length row by row; nulls count as empty.

    Every distinct text is cut into words once.
    """
    numbers: dict[str, int] = {}
    left_texts, left_row = numbered(left, numbers)
    right_texts, right_row = numbered(right, numbers)
    left_sets, right_sets = [[np.unique(text) for text in texts] for texts in (left_texts, right_texts)]
    left_sizes, right_sizes = sizes(left_sets), sizes(right_sets)
    # A (text, word) of the right side as one number. Texts and words ascend, so these numbers are sorted.
    width = max(1, len(numbers))
    right_keys = np.repeat(np.arange(len(right_sets)), right_sizes) * width + joined(right_sets)
    pair = np.repeat(np.arange(len(left_row)), left_sizes[left_row])
    starts = np.cumsum(left_sizes) - left_sizes
    before = np.cumsum(left_sizes[left_row]) - left_sizes[left_row]
    within = np.arange(len(pair)) - np.repeat(before, left_sizes[left_row])
    left_keys = right_row[pair] * width + joined(left_sets)[starts[left_row][pair] + within]
    position = np.minimum(np.searchsorted(right_keys, left_keys), max(0, len(right_keys) - 1))
    is_shared = right_keys[position] == left_keys if len(right_keys) else np.zeros(len(left_keys), bool)
    shared = np.bincount(pair[is_shared], minlength=len(left_row)).astype(np.float64)
    left_counts = left_sizes[left_row].astype(np.float64)
    covered = np.flatnonzero((shared == left_counts) & (left_counts > 0))
    in_order = np.zeros(len(left_row))
    in_order[covered] = [
        _is_run_of(left_texts[left_row[row]], right_texts[right_row[row]]) for row in covered
    ]
    right_counts, right_lengths = (
        counts[right_row].astype(np.float64) for counts in (right_sizes, sizes(right_texts))
    )
    return WordOverlap(shared, left_counts, right_counts, right_lengths, in_order)


def numbered(texts: pa.Array, numbers: dict[str, int]) -> tuple[list[np.ndarray], np.ndarray]:
    """The word numbers of each distinct text, in order and with repeats, and which of these texts each row
    has.

    numbers: word -> number; new words are added to it. Nulls count as empty.
    """
    coded = pc.dictionary_encode(pc.fill_null(one_array(texts), ""))
    distinct = [
        np.array([numbers.setdefault(word, len(numbers)) for word in words(text)], np.int64)
        for text in coded.dictionary.to_pylist()
    ]
    return distinct, coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def sizes(lists: list[np.ndarray]) -> np.ndarray:
    return np.array([len(numbers) for numbers in lists], np.int64)


def joined(lists: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(lists) if lists else np.empty(0, np.int64)


def _is_run_of(words_: np.ndarray, text: np.ndarray) -> bool:
    """Whether `words_` is a run of `text`: (2, 3) is one of (1, 2, 3), not of (2, 1, 3)."""
    if len(words_) > len(text):
        return False
    windows = np.lib.stride_tricks.sliding_window_view(text, len(words_))
    return bool((windows == words_).all(axis=1).any())


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A text column as one plain string array."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.cast(pa.string())
