"""Head and tail: which keyphrases carry most clicks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
