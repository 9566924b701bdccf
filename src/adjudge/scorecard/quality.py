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
