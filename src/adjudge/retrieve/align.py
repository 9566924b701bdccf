"""Alignment scores of a keyphrase and a title, from distinct words: c shared, p of the keyphrase, t in title.

    lta        c / (p - c + 1)    GraphEx's label-title alignment (arXiv 2409.03140): long keyphrases first,
                                  if the title covers them; each word that it lacks costs
    coverage   c / p              share of the keyphrase's words that the title has
    jaccard    c / (p + t - c)    shared words over all words

Title "Acme Red Running Shoe" (t = 4): "red running shoe" (c = p = 3) has lta 3 / (3 - 3 + 1) = 3, coverage 1
and jaccard 3 / 4; "red leather shoe" (c = 2, p = 3) has 2 / (3 - 2 + 1) = 1, 2 / 3 and 2 / 5.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from adjudge.retrieve.settings import MOST_WORDS


def over(alignment: str, shared: np.ndarray, phrase: np.ndarray, title: np.ndarray) -> np.ndarray:
    """The whole number under the fraction bar, at least 1 if c >= 1."""
    if alignment == "lta":
        return phrase - shared + 1
    return phrase if alignment == "coverage" else phrase + title - shared


@cache
def places() -> tuple[np.ndarray, np.ndarray]:
    """(place, value): `place[c, d]` is the place of the fraction c / d among all, 0 = the greatest, equal
    fractions alike, and `value[place]` the fraction. c reaches MOST_WORDS, d twice that."""
    shared, below = np.arange(MOST_WORDS + 1), np.arange(2 * MOST_WORDS + 1)
    fractions = shared[:, None] / np.maximum(below, 1)
    values, at = np.unique(-fractions, return_inverse=True)
    return at.reshape(fractions.shape).astype(np.int64), -values


PLACE_BITS = 13
"""Bits that hold a place: 64 x 128 fractions have fewer than 2^13 distinct values."""
