"""Quality against known labels: AUC, log loss, calibration. Pure functions of arrays.

Scores are NaN-free here; the caller leaves unscored pairs out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TINIEST = float(np.finfo(np.float64).eps)
"""A probability of 0 or 1 is read as this far from it, as scikit-learn's log_loss does."""


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


def placements(
    scores: Floats,
    relevant: Bools,
    codes: NDArray[np.int32],
    number: int,
    order: NDArray[np.int64] | None = None,
) -> Floats:
    """[n]: each pair's share of the other class, in its own segment, that it is on the right side of.

    For a relevant pair the share of irrelevant ones scored lower, for an irrelevant one the share of
    relevant ones scored higher, ties counting half; 0 where the segment has no pair of the other class.
    The mean over either class is the segment's AUC; these are DeLong's structural components.
    order: rows by rising score, where the caller has them already.
    """
    placed = np.zeros(len(scores))
    if not len(scores):
        return placed
    order = np.argsort(scores, kind="stable") if order is None else order
    if number > 1:
        code = codes[order].astype(np.uint16) if number < 2**16 else codes[order]
        order = order[np.argsort(code, kind="stable")]
    s, yes, g = scores[order], relevant[order], codes[order]
    new = np.r_[True, (s[1:] != s[:-1]) | (g[1:] != g[:-1])]
    starts = np.flatnonzero(new)
    size = np.diff(np.r_[starts, len(s)])
    yes_tied = np.add.reduceat(yes.astype(np.int64), starts)
    no_tied = size - yes_tied
    yes_all = np.bincount(codes[relevant], minlength=number)
    no_all = np.bincount(codes[~relevant], minlength=number)
    segment = g[starts]
    no_before = np.cumsum(no_tied) - no_tied - (np.cumsum(no_all) - no_all)[segment]
    yes_until = np.cumsum(yes_tied) - (np.cumsum(yes_all) - yes_all)[segment]
    yes_after = yes_all[segment] - yes_until
    of_yes = (no_before + no_tied / 2) / np.maximum(no_all[segment], 1)
    of_no = (yes_after + yes_tied / 2) / np.maximum(yes_all[segment], 1)
    placed[order] = np.where(yes, np.repeat(of_yes, size), np.repeat(of_no, size))
    return placed


def losses(scores: Floats, relevant: Bools) -> Floats:
    """[n]: -ln of the probability given to what is so. Scores in 0..1.

    >>> losses(np.array([0.8, 0.8]), np.array([True, False])).round(4)
    array([0.2231, 1.6094])
    """
    given = np.where(relevant, scores, 1 - scores)
    return np.asarray(-np.log(np.clip(given, TINIEST, 1.0)))


def bin_of(scores: Floats, bins: int) -> NDArray[np.int32]:
    """[n]: which of `bins` equal-width bins of 0..1 a score is in; 1 belongs to the last."""
    return np.minimum((scores * bins).astype(np.int32), bins - 1)


def are_probabilities(scores: Floats) -> bool:
    """Whether all scores are in 0..1, so that log loss and calibration mean something."""
    return not len(scores) or bool(scores.min() >= 0 and scores.max() <= 1)
