"""Words that a title and a keyphrase share, and how long the title is."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from adjudge.stats.cluster_bootstrap import Floats

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Overlap:
    """[n] each: jaccard, shared / all distinct words; coverage, share of the keyphrase's words in the title; length,
    words of the title."""

    jaccard: Floats
    coverage: Floats
    length: Floats


def words(text: str) -> list[str]:
    """Runs of letters and digits, after NFKC and case folding.

    >>> words("Acme RED-Shoe")
    ['acme', 'red', 'shoe']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def overlap(titles: pa.Array, keyphrases: pa.Array) -> Overlap:
    """Compare row by row; a null or wordless text shares nothing. Each distinct text is cut once.

    Worked: title "Acme red shoe", keyphrase "red sock": jaccard 1 / 4, coverage 1 / 2, length 3.
    """
    left, right = titles.fill_null("").dictionary_encode(), keyphrases.fill_null("").dictionary_encode()
    cut = [words(text) for text in left.dictionary.to_pylist()]
    title_sets = [frozenset(one) for one in cut]
    phrase_sets = [frozenset(words(text)) for text in right.dictionary.to_pylist()]
    at = zip(left.indices.to_pylist(), right.indices.to_pylist(), strict=True)
    counts = np.array(
        [
            (len(title_sets[t] & phrase_sets[k]), len(title_sets[t]), len(phrase_sets[k]), len(cut[t]))
            for t, k in at
        ],
        np.float64,
    ).reshape(-1, 4)
    shared, title, phrase, length = counts.T
    return Overlap(_share(shared, title + phrase - shared), _share(shared, phrase), length)


def _share(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
