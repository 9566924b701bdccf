"""Word segmentation of titles and keyphrases: the distinct words of many texts at once, in Arrow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_APART = r"[^\p{L}\p{M}\p{N}]+"
_PLURAL = r"^(\p{L}{2,}[^siu])s$"


@dataclass(frozen=True)
class DistinctWords:
    """Distinct words of many texts: text `row[i]` holds word `words[word[i]]`; sorted by row, then by place
    in the text. `counts` are the distinct words of each text."""

    words: pa.Array
    row: np.ndarray
    word: np.ndarray
    counts: np.ndarray


def cut(texts: pa.Array, fold_plurals: bool, most: int) -> DistinctWords:
    """DistinctWords each text into its first `most` distinct words. Nulls have none.

    A word is a run of letters, marks and digits after NFKC and lower case. With `fold_plurals`, a word of
    four or more letters loses a final s unless ss, is or us end it.

    >>> cut(pa.array(["Men's RED Shoes, size-9 shoe"]), True, 9).words.to_pylist()
    ['men', 's', 'red', 'shoe', 'size', '9']
    """
    plain = pc.utf8_lower(pc.utf8_normalize(pc.fill_null(texts, ""), form="NFKC"))
    lists = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, _APART, " ")))
    sizes = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    coded = lists.flatten().dictionary_encode()
    words, number = _folded(coded.dictionary, fold_plurals)
    row = np.repeat(np.arange(len(texts)), sizes)
    word = number[coded.indices.to_numpy(zero_copy_only=False)]
    filled = words.take(pa.array(word)).to_numpy(zero_copy_only=False) != ""
    row, word = _distinct(row[filled], word[filled], len(words))
    row, word = _first(row, word, len(texts), most)
    return DistinctWords(words, row, word, np.bincount(row, minlength=len(texts)))


def _folded(words: pa.Array, fold_plurals: bool) -> tuple[pa.Array, np.ndarray]:
    """Distinct folded words, and which of them each word is."""
    folded = pc.replace_substring_regex(words, _PLURAL, r"\1") if fold_plurals else words
    coded = folded.dictionary_encode()
    return coded.dictionary, coded.indices.to_numpy(zero_copy_only=False)


def _distinct(row: np.ndarray, word: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first occurrence of each (row, word)."""
    _, first = np.unique(row * max(1, size) + word, return_index=True)
    first.sort()
    return row[first], word[first]


def _first(row: np.ndarray, word: np.ndarray, rows: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` entries per row, in order; `row` is sorted."""
    start = np.searchsorted(row, np.arange(rows))
    early = np.arange(len(row)) - start[row] < most
    return row[early], word[early]
