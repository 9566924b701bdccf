"""Segments of keyphrases: head and tail by clicks, and one word or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]


def head_keyphrases(clicks: Ints, share: float) -> Bools:
    """Which keyphrases are head: the most clicked ones that together hold at least `share` of all clicks.

    Keyphrases with equally many clicks as the last one needed are head too; those without clicks never.

    >>> head_keyphrases(np.array([50, 30, 15, 5, 0]), 0.8)
    array([ True,  True, False, False, False])
    """
    total = int(clicks.sum())
    if total == 0 or share == 0:
        return np.zeros(len(clicks), bool)
    ranked = np.sort(clicks)[::-1]
    at = int(np.searchsorted(np.cumsum(ranked), share * total, side="left"))
    last = ranked[min(at, len(ranked) - 1)]
    return np.asarray((clicks >= last) & (clicks > 0))


def are_one_word(keyphrases: pa.Array) -> Bools:
    """Which keyphrases hold no white space between other characters (`usb-c` is one word, `usb c` two).

    >>> import pyarrow as pa
    >>> are_one_word(pa.array([" sofa ", "green sofa", "usb-c"]))
    array([ True, False,  True])
    """
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(keyphrases)
    return np.asarray(~pc.match_substring_regex(trimmed, r"\s").to_numpy(zero_copy_only=False))
