"""Area under the ROC curve (AUC) of scores against labels, and its normal-theory interval.

Scores are NaN-free here; the caller leaves unscored pairs out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def auc(scores: Floats, relevant: Bools, weights: Floats | None = None) -> float:
    """Chance that a relevant pair outscores an irrelevant one, ties counting half (Mann-Whitney's U).

    weights [n] >= 0 count each pair so often. NaN where one of the two classes is empty.

    >>> auc(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False]))
    0.875
    """
    weight = np.ones(len(scores)) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    s, yes = scores[order], np.where(relevant[order], weight[order], 0.0)
    no = weight[order] - yes
    starts = np.flatnonzero(np.r_[True, s[1:] != s[:-1]]) if len(s) else np.zeros(0, int)
    if not len(starts) or yes.sum() == 0 or no.sum() == 0:
        return float("nan")
    yes_tied, no_tied = np.add.reduceat(yes, starts), np.add.reduceat(no, starts)
    below = np.cumsum(no_tied) - no_tied
    return float((yes_tied * (below + no_tied / 2)).sum() / (yes.sum() * no.sum()))


def auc_band(auc: float, relevant: int, irrelevant: int, z: float = 1.96) -> tuple[float, float]:
    """A plain normal interval of an AUC, from the AUC and how many pairs of either class it is of (Hanley and McNeil 1982).

    se^2 = (A (1 - A) + (n - 1) (Q1 - A^2) + (m - 1) (Q2 - A^2)) / (n m), Q1 = A / (2 - A), Q2 = 2 A^2 / (1 + A), for n
    relevant and m irrelevant pairs, each taken as independent: pairs that share items make the true interval wider.

    .8 of 50 and 50: (.16 + 49 x .02667 + 49 x .07111) / 2,500 = .00198, se .0445, .713 to .887.
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (relevant - 1) * (q1 - auc**2) + (irrelevant - 1) * (q2 - auc**2)
    wide = z * float(np.sqrt(max(spread, 0.0) / (relevant * irrelevant)))
    return max(0.0, auc - wide), min(1.0, auc + wide)
